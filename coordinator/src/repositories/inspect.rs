//! Progress of the checks of one repository: data that was read, damage that was found, and backups still to be
//! removed.

use super::repository_service::{RepositoryService, RepositoryServiceError, Which};
use crate::keys;
use crate::store::{Batch, StoreError};
use fleet_core::backup::{BackupDamage, RepositoryProblem, Snapshots};
use fleet_core::names::{BackupId, InstanceName, RepositoryName};
use fleet_core::time::Time;
use fleet_repository::{CheckReport, ReadData, SnapshotOwner};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Record about the checks of one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Time of the last scheduled read of data, and the part that was read.
    pub checked: Option<Time>,
    pub part: u32,
    /// Damage found, until the same data is read without errors.
    #[serde(default)]
    pub damage: BTreeMap<BackupId, Damage>,
    /// Time at which forgotten data can be removed.
    #[serde(default)]
    pub prune_at: Option<Time>,
    /// Number of packs in no index: remains of an interrupted upload, or useless additions of a host.
    #[serde(default)]
    pub unknown_packs: u64,
    /// Error of the last checks; reported once.
    #[serde(default, deserialize_with = "RepositoryProblem::read_kept")]
    pub trouble: Option<RepositoryProblem>,
    /// Set if the newest backup is much smaller than earlier ones; reported once.
    #[serde(default, deserialize_with = "RepositoryProblem::read_kept")]
    pub shrunk: Option<RepositoryProblem>,
    /// Error of the last read for the catalog; reported once.
    #[serde(default, deserialize_with = "RepositoryProblem::read_kept")]
    pub unread: Option<RepositoryProblem>,
    /// Set if its key or its config cannot be read: stock restic cannot open it then.
    #[serde(default, deserialize_with = "RepositoryProblem::read_kept")]
    pub locked: Option<RepositoryProblem>,
    /// Content that no order requested; each kind is reported once.
    #[serde(default, deserialize_with = "RepositoryProblem::read_all_kept")]
    pub unasked: Vec<RepositoryProblem>,
    /// Size in bytes.
    #[serde(default)]
    pub bytes: u64,
}

/// Purpose of reading data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadPurpose {
    /// The day's part of the month.
    Daily,
    /// An operator's request.
    Asked,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// The part of the month's at which it was found: when it comes round again, all else has been read.
    pub part: u32,
    pub reason: BackupDamage,
    #[serde(default)]
    pub found_by: FoundBy,
}

/// Kind of check that found the damage, which decides the kind that can clear it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// Data was read; it is well when the same data can be read.
    #[default]
    Check,
    /// The backup's snapshot is missing, or unknown among several. Its data may still be readable: it stays damaged
    /// until the snapshot is there, or until an operator selects one.
    Catalog,
}

impl Look {
    /// Returns the damaged backups, each with its damage.
    pub fn damaged(&self) -> BTreeMap<BackupId, BackupDamage> {
        self.damage.iter().map(|(backup, damage)| (backup.clone(), damage.reason.clone())).collect()
    }

    pub fn is_fine(&self) -> bool {
        let troubles = [&self.trouble, &self.unread, &self.locked, &self.shrunk];
        self.damage.is_empty() && self.unasked.is_empty() && troubles.iter().all(|troubles| troubles.is_none())
    }

    /// Returns its problems, the worst first.
    pub fn problems(&self) -> Vec<RepositoryProblem> {
        let damage = self.damage.iter().next().map(|(id, damage)| RepositoryProblem::Damaged {
            count: self.damage.len(),
            first: id.clone(),
            reason: damage.reason.shortened(),
        });
        let first = [&self.trouble, &self.unread, &self.locked].into_iter().flatten().cloned();
        first.chain(damage).chain(self.shrunk.clone()).chain(self.unasked.iter().cloned()).collect()
    }

    /// Records the result of a check. `all` are the backups in the catalog with their snapshots. A damaged snapshot of
    /// none of these affects no backup, whatever its tags say; if the snapshots are unknown, it may belong to any of
    /// them.
    ///
    /// Only data that was read is known to be good. A check on demand may have read other parts than the monthly ones,
    /// so damage stays until all data is read at once, or until the month has come round to the part where it was found.
    pub fn take_in(
        &mut self,
        report: &CheckReport,
        (read, turn): (ReadData, ReadPurpose),
        all: &BTreeMap<BackupId, Option<Snapshots>>,
        now: Time,
    ) {
        match (turn, read) {
            (_, ReadData::All) => self.damage.retain(|_, damage| damage.found_by == FoundBy::Catalog),
            (ReadPurpose::Daily, ReadData::Part { part, .. }) => {
                self.damage.retain(|_, damage| damage.part != part || damage.found_by == FoundBy::Catalog);
                self.part = part;
            }
            (ReadPurpose::Asked, ReadData::Part { .. }) | (_, ReadData::Nothing) => {}
        }
        for damaged in &report.damaged {
            let reason = reason(&damaged.paths);
            let its = all.iter().filter(|(_, of)| of.as_ref().is_some_and(|of| of.has(&damaged.snapshot)));
            for (backup, _) in its {
                self.note(backup.clone(), reason.clone());
            }
            let is_unknown = |backup: &BackupId| all.get(backup).is_none_or(Option::is_none);
            match &damaged.owner {
                SnapshotOwner::Backup(backup) if is_unknown(backup) => self.note(backup.clone(), reason),
                SnapshotOwner::Backup(_) | SnapshotOwner::Foreign => {}
                SnapshotOwner::Unknown => {
                    self.suspect(all, &BackupDamage::SnapshotUnreadable);
                }
            }
        }
        if !report.damaged_indexes.is_empty() {
            self.suspect(all, &BackupDamage::IndexUnreadable);
        }
        if turn == ReadPurpose::Daily {
            self.checked = Some(now);
        }
    }

    /// Records damage that a read has found. Missing data stays recorded, whatever was read.
    fn note(&mut self, backup: BackupId, reason: BackupDamage) {
        let damage = Damage { part: self.part, reason, found_by: FoundBy::Check };
        if self.damage.get(&backup).is_none_or(|snapshot| snapshot.found_by == FoundBy::Check) {
            self.damage.insert(backup, damage);
        }
    }

    /// Takes in which backups are missing in the catalog, as all of it was read, and which could not be read for it.
    pub fn take_in_catalog(
        &mut self,
        missing: &BTreeMap<BackupId, BackupDamage>,
        unread: impl IntoIterator<Item = (BackupId, BackupDamage)>,
    ) {
        let part = self.part;
        self.damage.retain(|_, damage| damage.found_by == FoundBy::Check);
        for (backup, reason) in unread {
            self.damage.entry(backup).or_insert(Damage { part, reason, found_by: FoundBy::Check });
        }
        for (backup, reason) in missing {
            let damage = Damage { part, reason: reason.clone(), found_by: FoundBy::Catalog };
            self.damage.insert(backup.clone(), damage);
        }
    }

    fn suspect(&mut self, all: &BTreeMap<BackupId, Option<Snapshots>>, reason: &BackupDamage) {
        let part = self.part;
        for (backup, _) in all.iter().filter(|(_, of)| of.is_none()) {
            let damage = || Damage { part, reason: reason.clone(), found_by: FoundBy::Check };
            self.damage.entry(backup.clone()).or_insert_with(damage);
        }
    }
}

fn reason(paths: &[String]) -> BackupDamage {
    match paths {
        [] => BackupDamage::Incomplete,
        [path, rest @ ..] => BackupDamage::PathsUnreadable { path: path.clone(), more: rest.len() },
    }
}

impl RepositoryService {
    pub(super) fn look_at(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<Look, RepositoryServiceError> {
        match self.facts.store().get(&keys::look(repository, instance))? {
            Some(entry) => Ok(entry.read()?),
            None => Ok(Look::default()),
        }
    }

    /// Returns the check records of all repositories that are still in use.
    pub fn looks(&self) -> Result<Vec<(Which, Look)>, RepositoryServiceError> {
        let mut looks = Vec::new();
        let repositories = self.facts.read().desired().repositories.clone();
        for entry in self.facts.store().scan(keys::LOOKS)? {
            let name = entry.key.strip_prefix(keys::LOOKS).and_then(|name| name.split_once('/'));
            let which = name.and_then(|(repository, of)| Some((repository.parse().ok()?, of.parse().ok()?)));
            let which: Which = which.ok_or_else(|| StoreError::Name { key: entry.key.clone() })?;
            if !repositories.contains_key(&which.0) {
                continue;
            }
            looks.push((which, entry.read()?));
        }
        Ok(looks)
    }

    pub(super) async fn keep_look(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        look: &Look,
    ) -> Result<(), RepositoryServiceError> {
        // It was removed meanwhile: a new one of its name starts empty.
        if !self.facts.read().desired().repositories.contains_key(repository) {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.put(keys::look(repository, instance), look);
        self.facts.settled(self.facts.store().commit(batch)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::read;
    use fleet_core::names::SnapshotId;
    use fleet_repository::DamagedBackup;

    fn id(number: u32) -> BackupId {
        read(&format!("{number:024x}"))
    }

    fn snapshot_id(number: u8) -> SnapshotId {
        read(&format!("{number:064x}"))
    }

    fn owner(number: Option<u32>) -> SnapshotOwner {
        number.map_or(SnapshotOwner::Unknown, |number| SnapshotOwner::Backup(id(number)))
    }

    fn report(damaged: &[Option<u32>]) -> CheckReport {
        let one = |number: &Option<u32>| DamagedBackup {
            owner: owner(*number),
            snapshot: snapshot_id(0),
            paths: vec!["/db/notes.sql".to_owned(), "/files/a".to_owned()],
        };
        CheckReport { damaged: damaged.iter().map(one).collect(), ..CheckReport::default() }
    }

    fn part(part: u32) -> ReadData {
        ReadData::Part { part, of: 30 }
    }

    fn daily(of: u32) -> (ReadData, ReadPurpose) {
        (part(of), ReadPurpose::Daily)
    }

    #[test]
    fn problems_that_earlier_versions_kept_are_texts() {
        let kept = r#"{"checked":null,"part":1,"trouble":"it is full","unasked":"2 backups","shrunk":null}"#;
        let look: Look = serde_json::from_str(kept).expect("it can be read");
        let text = |text: &str| RepositoryProblem::Text(text.into());
        assert_eq!(look.problems(), [text("it is full"), text("2 backups")]);
        let problem = RepositoryProblem::Unrequested { count: 2, first: id(1) };
        let look = Look { unasked: vec![problem], trouble: Some(text("it is full")), ..Look::default() };
        let again: Look = serde_json::from_str(&serde_json::to_string(&look).expect("it is JSON")).expect("the same");
        assert_eq!(again, look);
    }

    #[test]
    fn damage_lasts_until_the_same_data_is_found_to_be_well() {
        let (mut look, all) = (Look::default(), [id(1), id(2)].map(|id| (id, None)).into());
        look.take_in(&report(&[Some(1)]), daily(3), &all, Time(1));
        let unreadable = BackupDamage::PathsUnreadable { path: "/db/notes.sql".to_owned(), more: 1 };
        assert_eq!(look.damaged()[&id(1)], unreadable);
        look.take_in(&report(&[]), daily(4), &all, Time(2));
        look.take_in(&report(&[]), (ReadData::Nothing, ReadPurpose::Asked), &all, Time(2));
        assert_eq!(look.damaged().len(), 1, "other data says nothing of it");
        look.take_in(&report(&[]), daily(3), &all, Time(3));
        assert!(look.damaged().is_empty());
        look.take_in(&report(&[Some(2)]), daily(5), &all, Time(4));
        look.take_in(&report(&[]), (ReadData::All, ReadPurpose::Asked), &all, Time(5));
        assert!(look.damaged().is_empty());
    }

    #[test]
    fn whoever_asks_for_some_of_the_data_clears_no_mark_and_puts_no_days_part_off() {
        let (mut look, all) = (Look::default(), [id(1), id(2)].map(|id| (id, None)).into());
        look.take_in(&report(&[Some(1)]), daily(3), &all, Time(1));
        let some = |part| (ReadData::Part { part, of: 20 }, ReadPurpose::Asked);
        look.take_in(&report(&[]), some(3), &all, Time(9));
        assert_eq!((look.damaged().len(), look.part, look.checked), (1, 3, Some(Time(1))));
        look.take_in(&report(&[Some(2)]), some(7), &all, Time(9));
        for day in 4..33 {
            look.take_in(&report(&[]), daily(day % 30), &all, Time(u64::from(day)));
            assert_eq!(look.damaged().len(), 2, "not all has been read again by {day}");
        }
        look.take_in(&report(&[]), daily(3), &all, Time(33));
        assert!(look.damaged().is_empty());
    }

    #[test]
    fn what_is_missing_stays_so_until_the_catalog_has_it_whatever_data_is_read() {
        let (mut look, all) = (Look::default(), [id(1), id(2)].map(|id| (id, None)).into());
        look.take_in_catalog(&[(id(1), BackupDamage::Replaced)].into(), [(id(2), BackupDamage::Incomplete)]);
        look.take_in(&report(&[Some(1)]), daily(0), &all, Time(1));
        for (read, turn) in [daily(0), (ReadData::All, ReadPurpose::Asked), (ReadData::All, ReadPurpose::Daily)] {
            look.take_in(&report(&[]), (read, turn), &all, Time(2));
            assert_eq!(look.damaged(), [(id(1), BackupDamage::Replaced)].into());
        }
        look.take_in_catalog(&[].into(), []);
        assert!(look.damaged().is_empty(), "it is there again");
    }

    #[test]
    fn a_snapshot_that_cannot_be_read_makes_none_of_them_look_well() {
        let (mut look, all) = (Look::default(), [id(1), id(2)].map(|id| (id, None)).into());
        look.take_in(&report(&[None]), daily(0), &all, Time(1));
        assert_eq!(look.damaged().len(), 2);
    }

    #[test]
    fn a_snapshot_that_is_no_part_of_a_backup_makes_none_look_damaged() {
        let of =
            |number| Some(Snapshots { set: snapshot_id(number), dumps: None, files: Some(snapshot_id(number + 1)) });
        let all = [(id(1), of(10)), (id(2), of(20))].into();
        let damaged = |backup: Option<u32>, number| DamagedBackup {
            owner: owner(backup),
            snapshot: snapshot_id(number),
            paths: vec!["files/a".to_owned()],
        };
        let look = |found| {
            let mut look = Look::default();
            look.take_in(&CheckReport { damaged: vec![found], ..CheckReport::default() }, daily(0), &all, Time(1));
            look.damaged().into_keys().collect::<Vec<_>>()
        };
        assert_eq!(look(damaged(None, 9)), [], "a host added what nobody can read");
        assert_eq!(look(damaged(Some(1), 9)), [], "a host added what carries the id of a backup");
        assert_eq!(look(damaged(Some(1), 11)), [id(1)]);
        assert_eq!(look(damaged(None, 20)), [id(2)], "its own set cannot be read");
    }

    #[test]
    fn a_damaged_snapshot_whose_tags_name_no_backup_of_fleet_makes_none_suspect() {
        let (mut look, all) = (Look::default(), [id(1), id(2)].map(|id| (id, None)).into());
        let foreign = DamagedBackup {
            owner: SnapshotOwner::Foreign,
            snapshot: snapshot_id(9),
            paths: vec!["files/a".to_owned()],
        };
        let report = CheckReport { damaged: vec![foreign], ..CheckReport::default() };
        look.take_in(&report, daily(0), &all, Time(1));
        assert!(look.damaged().is_empty());
    }
}
