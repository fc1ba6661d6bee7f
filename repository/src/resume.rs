//! Adds stored packs of an interrupted run to the index: packs that are in no index would be sent again.
//!
//! **Invariant:** nothing is removed here, and only packs that are stored whole are added to the index.

use crate::backend::{BackendError, FileId, FileKind};
use crate::damage::is_of_one_file;
use crate::error::Result;
use crate::format::{IndexPack, pack};
use crate::register::write_index;
use crate::repository::Repository;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Maximum number of packs in one index file.
const PACKS_AT_ONCE: usize = 500;

/// Result of adding packs to the index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Packs that were in no index and are now.
    pub packs: u64,
    /// Bytes of the packs that were added.
    pub bytes: u64,
    /// Packs whose headers cannot be read: they stay unknown, and a check names them.
    pub unreadable: u64,
    /// Index files that cannot be read. What they named is named by another one from now on.
    #[serde(default)]
    pub unreadable_indexes: u64,
}

impl Repository {
    /// Adds packs of an interrupted run to the index. To be called before a run; it removes nothing.
    pub fn resume(&self) -> Result<Resumed> {
        let packs = self.list_files(FileKind::Pack)?;
        let mut known = HashSet::new();
        let unreadable = self.each_index(|_, file: PackNames| {
            known.extend(file.packs.into_iter().chain(file.packs_to_delete).map(|pack| pack.id));
        })?;
        let mut resumed = Resumed { unreadable_indexes: unreadable.len() as u64, ..Resumed::default() };
        let mut found = Vec::new();
        for (id, size) in packs.into_iter().filter(|(id, _)| !known.contains(id)) {
            match self.read_pack_header(id, size)? {
                Some(pack) => {
                    resumed.packs += 1;
                    resumed.bytes += size;
                    found.push(pack);
                }
                None => resumed.unreadable += 1,
            }
        }
        for some in found.chunks(PACKS_AT_ONCE) {
            let failed = self.at_place("write an index");
            write_index(self.key(), self.place(), some).map_err(failed)?;
        }
        Ok(resumed)
    }

    /// Reads the list of blobs from the header of a pack. Returns nothing if the header cannot be read.
    pub(crate) fn read_pack_header(&self, id: FileId, size: u64) -> Result<Option<IndexPack>> {
        let Some(end) = size.checked_sub(4) else { return Ok(None) };
        let read = |offset, length| match self.place().read_range(FileKind::Pack, &id, offset, length) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(BackendError::Io(error)) if is_of_one_file(&error) => Ok(None),
            Err(error) => Err(self.at_place("read a pack's header")(error)),
        };
        let last: Option<[u8; 4]> = read(end, 4)?.and_then(|last| last.as_ref().try_into().ok());
        let Some(length) = last.and_then(pack::header_length).filter(|length| u64::from(*length) <= end) else {
            return Ok(None);
        };
        let sealed = read(end - u64::from(length), u64::from(length))?;
        Ok(sealed.and_then(|sealed| pack::read_header(self.key(), id, &sealed, size)))
    }
}

/// An index file, of which only the names of packs are wanted.
#[derive(Deserialize)]
struct PackNames {
    #[serde(default)]
    packs: Vec<PackName>,
    #[serde(default)]
    packs_to_delete: Vec<PackName>,
}

#[derive(Deserialize)]
struct PackName {
    id: FileId,
}
