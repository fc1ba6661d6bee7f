//! Files of a repository: their lists and contents. Damaged ones are passed over where others are of use without them.

use super::Repository;
use crate::backend::{BackendError, FileId, FileKind};
use crate::damage::{Unreadable, is_of_one_file, pass_over};
use crate::error::{Error, Result};
use crate::format::{Index, IndexFile};
use serde::de::DeserializeOwned;

impl Repository {
    /// Returns all files of a kind, in the order of their ids.
    pub(crate) fn list_files(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>> {
        let mut files = self.place.list(kind).map_err(self.at_place("list files"))?;
        files.sort_unstable();
        files.dedup_by_key(|(id, _)| *id);
        Ok(files)
    }

    /// Returns the content of all index files that can be read.
    pub(crate) fn load_index(&self) -> Result<Index> {
        let mut files = Vec::new();
        let unreadable = self.each_index(|_, file: IndexFile| files.push(file))?;
        Ok(Index::new(files, unreadable))
    }

    /// Reads and opens a JSON file. Returns nothing if it is gone since the listing, and [`Error::Damaged`] if its
    /// content is wrong.
    pub(crate) fn open_file(&self, kind: FileKind, id: &FileId) -> Result<Option<Vec<u8>>> {
        let damaged = |reason: String| Error::Damaged { kind, id: *id, reason };
        let sealed = match self.place().read(kind, id) {
            Ok(sealed) => sealed,
            Err(BackendError::Missing) => return Ok(None),
            Err(BackendError::Io(error)) if is_of_one_file(&error) => return Err(damaged(error.to_string())),
            Err(error) => return Err(self.at_place(&format!("read {kind} {id}"))(error)),
        };
        self.key().open_file(&sealed).map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// Passes every index file to `each`, one after the other, and returns the unreadable ones.
    pub(crate) fn each_index<F: DeserializeOwned>(&self, mut each: impl FnMut(FileId, F)) -> Result<Vec<Unreadable>> {
        let mut unreadable = Vec::new();
        for (id, _) in self.list_files(FileKind::Index)? {
            let damaged =
                |error: serde_json::Error| Error::Damaged { kind: FileKind::Index, id, reason: error.to_string() };
            // A missing index file was replaced by a prune since the listing: its entries are in another one, or gone.
            let opened = self.open_file(FileKind::Index, &id);
            let file = opened
                .and_then(|opened| opened.map(|opened| serde_json::from_slice(&opened).map_err(damaged)).transpose());
            if let Some(file) = pass_over(file, &mut unreadable)?.flatten() {
                each(id, file);
            }
        }
        Ok(unreadable)
    }

    /// The config, where it is damaged.
    pub(crate) fn unreadable_config(&self) -> Option<Unreadable> {
        let (kind, file, why) = (FileKind::Config, FileId::default(), "it was changed".to_owned());
        self.config.is_none().then_some(Unreadable { kind, file, backup: None, why })
    }
}
