//! Checks that must pass before anything is removed.
//!
//! Any writer of a repository also writes its index, and may claim wrong locations of blobs. **Invariant:** no copy is
//! removed in favour of another that was not read, and nothing is removed to which an unreadable file may refer.

use crate::backend::{BackendError, FileId, FileKind};
use crate::error::{Error, Result};
use crate::format::index::Location;
use crate::format::{Index, IndexFile};
use crate::parallel::in_parallel;
use crate::repository::Repository;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};

impl Repository {
    /// Refuses if a prune could remove data that a backup needs.
    pub(crate) fn check_before_removal(&self) -> Result<()> {
        let unreadable = self.unreadable_config().into_iter().chain(self.parts()?.unreadable).next();
        if let Some(unreadable) = unreadable {
            return Err(unreadable.forbids("removed"));
        }
        let (mut files, mut marked) = (Vec::new(), HashSet::new());
        let unreadable = self.each_index(|_, mut file: IndexFile| {
            marked.extend(file.packs_to_delete.iter().map(|pack| pack.id));
            // Marked packs may become used again, and then replace another copy.
            file.packs.append(&mut file.packs_to_delete);
            files.push(file);
        })?;
        if let Some(unreadable) = unreadable.first() {
            return Err(unreadable.forbids("removed"));
        }
        self.check_copies(&Index::new(files, unreadable), &marked)
    }

    /// Reads every copy of the blobs that the index lists in more than one location.
    fn check_copies(&self, index: &Index, marked: &HashSet<FileId>) -> Result<()> {
        let mut copies: BTreeMap<u32, Vec<(FileId, Location)>> = BTreeMap::new();
        for (id, location) in index.doubled() {
            copies.entry(location.pack).or_default().push((id, location));
        }
        let copies: Vec<_> = copies.into_iter().map(|(number, blobs)| (index.pack(number), blobs)).collect();
        let wrong = in_parallel(&copies, |(pack, blobs)| match self.place().read(FileKind::Pack, pack) {
            Ok(content) if FileId(Sha256::digest(&content).into()) != *pack => {
                Err(Error::refused(format!("nothing is removed while pack {pack} is damaged: its content was changed")))
            }
            Ok(content) => Ok(self.not_there(&content, blobs).first().map(|(id, _)| (*pack, *id))),
            // It was removed already: an interrupted prune has left its mark.
            Err(BackendError::Missing) if marked.contains(pack) => Ok(None),
            Err(BackendError::Missing) => Ok(blobs.first().map(|(id, _)| (*pack, *id))),
            Err(error) => Err(self.at_place("read a pack")(error)),
        })?;
        match wrong.into_iter().flatten().next() {
            None => Ok(()),
            Some((pack, blob)) => Err(Error::refused(format!(
                "nothing is removed while an index says that blob {blob} is in pack {pack}, where it is not: a check of all \
                 data names the index; remove that one"
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
