//! Removes backups, and data that no backup needs.

use crate::backend::{FileId, FileKind};
use crate::backup::Kind;
use crate::error::Result;
use crate::repository::{Repository, RusticRepository};
use crate::run::{Removal, Run};
use fleet_core::names::BackupId;
use rustic_core::jiff::Span;
use rustic_core::{LimitOption, PruneOptions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Hours for which a marked pack is kept. No run that began before the mark may take longer.
const MARKED_HOURS: i64 = 23;

/// Way in which unneeded data is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prune {
    /// Other writers may be active: unneeded packs are marked, and removed by a prune at least 23 hours later.
    Marking,
    /// The caller ensures that nobody else reads or writes: unneeded packs are removed at once.
    Exclusive,
}

/// Result of forgetting backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Backups that were removed.
    pub backups: Vec<BackupId>,
    /// Snapshots that were removed.
    pub snapshots: u64,
}

impl Repository {
    /// Forgets backups: their sets first, so that none is ever seen with a part missing. One that is not there is no error; one
    /// whose set is not to be seen is refused while there are snapshots that cannot be read: its set may be among them.
    pub fn forget(&self, backups: &BTreeSet<BackupId>) -> Result<Forgotten> {
        let parts = self.parts()?;
        let finished = parts.finished();
        let mut known: Vec<_> = parts.known.into_iter().map(|(record, _)| record).collect();
        known.retain(|part| backups.contains(&part.backup));
        if let Some(unreadable) = parts.unreadable.first()
            && known.iter().any(|part| !finished.contains(&part.backup))
        {
            return Err(unreadable.forbids("called unfinished and forgotten"));
        }
        let mut parts = known;
        parts.sort_by_key(|part| part.kind != Kind::Set);
        for part in &parts {
            let removed = self.place().remove(FileKind::Snapshot, &FileId::from(&part.snapshot));
            removed.map_err(self.at_place("forget a snapshot"))?;
        }
        let names: BTreeSet<_> = parts.iter().map(|part| part.backup.clone()).collect();
        Ok(Forgotten { backups: names.into_iter().collect(), snapshots: parts.len() as u64 })
    }

    /// Removes data that no snapshot needs, and returns the number of freed bytes. Refused while the needed data is
    /// uncertain.
    pub fn prune(&self, how: Prune) -> Result<u64> {
        self.prune_after(how, MARKED_HOURS)
    }

    fn prune_after(&self, how: Prune, marked_hours: i64) -> Result<u64> {
        self.check_before_removal()?;
        let before = self.stats()?.bytes;
        let mut options = PruneOptions::default();
        let removal = match how {
            Prune::Marking => {
                options.keep_delete = Span::new().hours(marked_hours);
                Removal::PacksFirst
            }
            Prune::Exclusive => {
                options.instant_delete = true;
                Removal::IndexFirst
            }
        };
        // Blobs are moved without opening them; up to a twentieth of the data may stay unneeded, as with stock restic.
        options.fast_repack = true;
        options.max_repack = LimitOption::Unlimited;
        let RusticRepository { repository, backend } = self.engine(&Run::upkeep(removal))?;
        let failed = |error: &_| self.engine_error("prune", &backend, None, error);
        let plan = repository.prune_plan(&options).map_err(|error| failed(&error))?;
        repository.prune(&options, plan).map_err(|error| failed(&error))?;
        backend.remove_superseded().map_err(self.at_place("remove an index"))?;
        match self.stats()?.bytes {
            after if after <= before => Ok(before - after),
            // Marking writes an index and removes nothing yet.
            _ => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Stream;
    use crate::backend::{Backend, FolderBackend};
    use crate::backup::Part;
    use crate::check::ReadData;
    use crate::secrets::Secrets;
    use crate::watched::{Call, Watched};
    use fleet_core::time::Time;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    const FIRST: &str = "0000000000000000000000b1";
    const SECOND: &str = "0000000000000000000000b2";

    #[test]
    fn a_pack_is_in_an_index_for_as_long_as_it_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::generate().expect("secrets");
        let place: Arc<dyn Backend> = Arc::new(FolderBackend::new(folder.path()));
        let repository = Repository::create(&place, &secrets).expect("created");
        for backup in [FIRST, SECOND] {
            let part =
                Part { backup: backup.parse().expect("an id"), host: "a".parse().expect("a name"), time: Time(1) };
            let mut content = vec![0; 2_000_000];
            getrandom::fill(&mut content).expect("noise");
            let reader = Box::new(std::io::Cursor::new(content));
            let stream = Stream { name: "a".to_owned(), expected: None, reader };
            repository.archive_streams(&part, vec![stream], &Arc::default()).expect("archived");
        }
        repository.forget(&BTreeSet::from([FIRST.parse().expect("an id")])).expect("forgotten");
        let removed = Arc::new(AtomicU64::new(0));
        // Another run begins whenever something is removed.
        let (path, keys, packs) = (folder.path().to_owned(), secrets.clone(), removed.clone());
        let see = move |call: Call<'_>| {
            let Call::Remove(kind, id) = call else { return Ok(()) };
            let resumed = Repository::open(Arc::new(FolderBackend::new(&path)), &keys).and_then(|other| other.resume());
            assert_eq!(resumed.expect("made known").packs, 0, "before {kind} {id} is removed");
            packs.fetch_add(u64::from(kind == FileKind::Pack), Ordering::SeqCst);
            Ok(())
        };
        let watched = Watched { place: FolderBackend::new(folder.path()), ahead: 0, see };
        let careful = Repository::open(Arc::new(watched), &secrets).expect("opened");
        for _ in 0..2 {
            careful.prune_after(Prune::Marking, 0).expect("pruned");
        }
        assert!(removed.load(Ordering::SeqCst) > 0, "the second removes what the first has marked");
        assert!(repository.check(ReadData::All).expect("checked").is_fine());
    }

    #[test]
    fn packs_in_no_index_go_with_the_second_prune_and_one_that_was_indexed_meanwhile_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::generate().expect("secrets");
        let place: Arc<dyn Backend> = Arc::new(FolderBackend::new(folder.path()));
        let repository = Repository::create(&place, &secrets).expect("created");
        let part = Part { backup: FIRST.parse().expect("an id"), host: "a".parse().expect("a name"), time: Time(1) };
        let reader = Box::new(std::io::Cursor::new(vec![7; 100_000]));
        let stream = Stream { name: "a".to_owned(), expected: None, reader };
        repository.archive_streams(&part, vec![stream], &Arc::default()).expect("archived");
        let packs = || place.list(FileKind::Pack).expect("listed").len();
        let true_packs = packs();
        let garbage = bytes::Bytes::from(vec![9; 50_000]);
        let id = crate::backend::FileId(<sha2::Sha256 as sha2::Digest>::digest(&garbage).into());
        place.write(FileKind::Pack, &id, &[garbage]).expect("written");
        // The index of the run comes only after the first prune.
        let (index, _) = place.list(FileKind::Index).expect("listed").pop().expect("one");
        let named = place.read(FileKind::Index, &index).expect("read");
        let (set, _) = place.list(FileKind::Snapshot).expect("listed").pop().expect("one");
        let snapshot = place.read(FileKind::Snapshot, &set).expect("read");
        place.remove(FileKind::Index, &index).expect("removed");
        place.remove(FileKind::Snapshot, &set).expect("removed");
        repository.prune_after(Prune::Marking, 0).expect("pruned");
        assert_eq!(packs(), true_packs + 1, "they are marked");
        place.write(FileKind::Index, &index, &[named]).expect("written");
        place.write(FileKind::Snapshot, &set, &[snapshot]).expect("written");
        repository.prune_after(Prune::Marking, 0).expect("pruned");
        let report = repository.check(ReadData::All).expect("checked");
        assert!(report.is_fine() && report.unknown_packs == 0, "{report:?}");
        let left = place.list(FileKind::Pack).expect("listed");
        // Small packs of the run may have become one.
        assert!(left.iter().all(|(pack, _)| *pack != id) && (1..=true_packs).contains(&left.len()), "{left:?}");
    }
}
