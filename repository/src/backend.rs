//! Storage of a repository's files: a folder, an S3 bucket, or anything else that can list, read, write and remove
//! files.

mod folder;
mod limited;
mod s3;
mod steady;

pub use folder::FolderBackend;
pub use limited::{Limited, Meter, Metered};
pub use s3::{S3Address, S3Backend, Transport};
pub(crate) use s3::{connected, refine};

use bytes::Bytes;
use data_encoding::HEXLOWER;
pub use fleet_core::backup::FileKind;
use fleet_core::names::SnapshotId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::io;
use std::str::FromStr;

/// The largest file that a repository is taken to hold.
pub const MAX_FILE: u64 = u32::MAX as u64;

/// Name of a file: the SHA-256 of its content. All zero for the config.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub [u8; 32]);

impl FileId {
    /// Returns the path of the file of a kind that has this id, below the repository, in restic's layout.
    pub fn path(&self, kind: FileKind) -> String {
        match kind {
            FileKind::Config => kind.folder().to_owned(),
            FileKind::Pack => {
                let name = self.to_string();
                format!("{}/{}/{name}", kind.folder(), &name[..2])
            }
            FileKind::Key | FileKind::Snapshot | FileKind::Index => format!("{}/{self}", kind.folder()),
        }
    }
}

impl From<FileId> for SnapshotId {
    fn from(id: FileId) -> Self {
        id.to_string().parse().expect("a file's id is 64 lower-case hex digits, and so is a snapshot's")
    }
}

impl From<&SnapshotId> for FileId {
    fn from(id: &SnapshotId) -> Self {
        id.as_str().parse().expect("a snapshot's id is 64 lower-case hex digits, and so is a file's")
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a file's id is 64 hexadecimal digits")]
pub struct NotAnId;

impl FromStr for FileId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotAnId)?;
        bytes.try_into().map(Self).map_err(|_| NotAnId)
    }
}

impl Serialize for FileId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Reason why a backend did not do a request.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The file does not exist.
    #[error("there is no such file")]
    Missing,
    /// A file of that name with other content exists already.
    #[error("another file has that name already")]
    Occupied,
    /// The backend refused the request, for example because of wrong credentials.
    #[error("the place refused: {0}")]
    Refused(String),
    /// No space is left.
    #[error("the disk is full")]
    Full,
    /// No answer arrived within the deadline.
    #[error("no answer in time: {0}")]
    Late(String),
    /// The backend cannot be reached over the network.
    #[error("the place cannot be reached: {0}")]
    Unreachable(String),
    /// Any other input or output error.
    #[error("the place could not be used")]
    Io(#[source] io::Error),
}

impl From<io::Error> for BackendError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::TimedOut => Self::Late(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

/// Storage of one repository's files. Called from blocking threads, from several at once.
///
/// **Invariant:** every call ends within the backend's own deadline; a file is there whole or not at all; a file
/// survives a loss of power once `write` has returned.
pub trait Backend: Send + Sync {
    /// Returns the location for people. Contains no secret.
    fn name(&self) -> String;

    /// Returns all files of a kind, with their sizes, in any order. Storage without files returns none, without an
    /// error.
    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, BackendError>;

    /// A whole file.
    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, BackendError>;

    /// Exactly `length` bytes from `offset` on; fewer is an error.
    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, BackendError>;

    /// Keeps a file, given in pieces. The same file once more is no error; other bytes under a name that is taken are
    /// [`BackendError::Occupied`].
    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), BackendError>;

    /// Removes a file. One that is gone already is no error.
    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), BackendError>;

    /// Returns the number of bytes worth reading in one call even if fewer are needed: 0 for a disk, megabytes over a
    /// network.
    fn read_ahead(&self) -> u64 {
        0
    }
}

impl<P: Backend + ?Sized> Backend for std::sync::Arc<P> {
    fn name(&self) -> String {
        (**self).name()
    }
    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, BackendError> {
        (**self).list(kind)
    }
    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, BackendError> {
        (**self).read(kind, id)
    }
    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, BackendError> {
        (**self).read_range(kind, id, offset, length)
    }
    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), BackendError> {
        (**self).write(kind, id, content)
    }
    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), BackendError> {
        (**self).remove(kind, id)
    }
    fn read_ahead(&self) -> u64 {
        (**self).read_ahead()
    }
}
