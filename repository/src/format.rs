//! restic's format, as far as it is read and written here: index files and the headers of packs.

pub(crate) mod index;
pub(crate) mod pack;

pub(crate) use index::{BlobKind, Index, IndexBlob, IndexFile, IndexPack};
