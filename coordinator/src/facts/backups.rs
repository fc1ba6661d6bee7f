//! Catalog of backups: the content of the repositories, stored so that they need not be read.

use super::{Facts, StateSnapshot};
use crate::keys;
use crate::store::{Batch, Store, StoreError};
use fleet_core::backup::{
    AskedBy, BackupDamage, BackupKey, BackupSeen, Backups, CopyMade, DataAction, DataResult, DrillMade, Proof,
};
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::facts::CopyOnWrite;
use fleet_core::names::{BackupId, HostName, InstanceName, OperatorName, OrderId, RepositoryName};
use fleet_core::order::Action;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One record of the catalog.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupKept {
    /// Instance that was backed up.
    pub instance: InstanceName,
    /// Backup and repository.
    pub key: BackupKey,
    /// Facts about this copy.
    pub seen: BackupSeen,
}

/// Backups found by reading one repository.
#[derive(Debug, Default)]
pub struct RepositoryContents {
    /// Catalog entries of the repository when the read began: entries added since then stay.
    pub before: BTreeSet<(InstanceName, BackupKey)>,
    /// By instance; one that is not named was not read, and stays as it is.
    pub found: BTreeMap<InstanceName, BTreeMap<BackupKey, BackupSeen>>,
}

pub(super) fn load(store: &dyn Store) -> Result<BTreeMap<InstanceName, CopyOnWrite<Backups>>, StoreError> {
    let mut backups: BTreeMap<InstanceName, CopyOnWrite<Backups>> = BTreeMap::new();
    for entry in store.scan(keys::BACKUPS)? {
        let BackupKept { instance, key, seen } = entry.read()?;
        backups.entry(instance).or_default().insert(key, seen);
    }
    Ok(backups)
}

impl Facts {
    /// Replaces one repository's part of the catalog by the content that was read.
    pub async fn replace_backups(
        &self,
        repository: &RepositoryName,
        look: RepositoryContents,
        now: Time,
    ) -> Result<(), StoreError> {
        let ((), committed) = self.change(|snapshot, batch| {
            let had = snapshot.backups_in(repository);
            for (instance, found) in &look.found {
                let gone = had.iter().filter(|(of, key)| of == instance && !found.contains_key(key));
                gone.filter(|entry| look.before.contains(*entry))
                    .for_each(|(_, key)| snapshot.drop_backup(batch, instance, key));
                found.iter().for_each(|(key, seen)| snapshot.refresh_backup(batch, instance, key, (seen, now)));
            }
            Ok::<_, StoreError>(())
        })?;
        self.settled(committed).await.map(|_| ())
    }

    /// Removes backups from the catalog, with an event.
    pub async fn forget_backups(
        &self,
        instance: &InstanceName,
        repository: &RepositoryName,
        forgotten: &[BackupId],
        now: Time,
    ) -> Result<(), StoreError> {
        let ((), committed) = self.change(|snapshot, batch| {
            for backup in forgotten {
                let key = BackupKey { repository: repository.clone(), backup: backup.clone() };
                snapshot.drop_backup(batch, instance, &key);
            }
            let (count, repository) = (forgotten.len(), repository.clone());
            snapshot.events.tell(batch, now, instance, EventKind::BackupsForgotten { count, repository });
            Ok::<_, StoreError>(())
        })?;
        self.settled(committed).await.map(|_| ())
    }

    /// Makes a backup count that no order asked for, at an operator's request. Returns the number of its copies.
    pub async fn accept_backup(
        &self,
        instance: &InstanceName,
        backup: &BackupId,
        by: &OperatorName,
        now: Time,
    ) -> Result<usize, StoreError> {
        let (accepted, committed) = self.change(|snapshot, batch| {
            let backups = snapshot.observed.backups.get(instance).cloned().unwrap_or_default();
            let is_it = |(key, seen): &(BackupKey, BackupSeen)| key.backup == *backup && !seen.asked_by.counts();
            let mut accepted = 0;
            for (key, seen) in backups.into_owned().into_iter().filter(is_it) {
                let seen = BackupSeen { asked_by: AskedBy::Operator, ..seen.not_after(now) };
                let (backup, repository) = (backup.clone(), key.repository.clone());
                let kind = EventKind::BackupAccepted { backup, repository, by: by.clone() };
                snapshot.events.tell(batch, now, instance, kind);
                snapshot.keep_backup(batch, instance, key, seen);
                accepted += 1;
            }
            Ok::<_, StoreError>(accepted)
        })?;
        self.settled(committed).await.map(|_| accepted)
    }

    /// Makes a copy in the catalog the one that an operator has selected, with an event.
    pub async fn choose_backup(
        &self,
        instance: &InstanceName,
        key: BackupKey,
        seen: BackupSeen,
        kind: EventKind,
        now: Time,
    ) -> Result<(), StoreError> {
        let ((), committed) = self.change(|snapshot, batch| {
            snapshot.events.tell(batch, now, instance, kind);
            snapshot.keep_backup(batch, instance, key, seen.not_after(now));
            Ok::<_, StoreError>(())
        })?;
        self.settled(committed).await.map(|_| ())
    }

    /// Marks exactly these backups of an instance in a repository as damaged; records an event for new damage.
    pub async fn mark_damaged(
        &self,
        instance: &InstanceName,
        repository: &RepositoryName,
        damaged: &BTreeMap<BackupId, BackupDamage>,
        now: Time,
    ) -> Result<(), StoreError> {
        let ((), committed) = self.change(|snapshot, batch| {
            let backups = snapshot.observed.backups.get(instance).cloned().unwrap_or_default();
            for (key, seen) in backups.into_owned().into_iter().filter(|(key, _)| key.repository == *repository) {
                let damage = damaged.get(&key.backup).cloned();
                if damage == seen.damaged {
                    continue;
                }
                let (backup, repository) = (key.backup.clone(), repository.clone());
                let kind = match &damage {
                    Some(damage) => EventKind::BackupDamaged { backup, repository, reason: damage.shortened() },
                    None => EventKind::BackupReadable { backup, repository },
                };
                snapshot.events.tell(batch, now, instance, kind);
                snapshot.keep_backup(batch, instance, key, BackupSeen { damaged: damage, ..seen });
            }
            Ok::<_, StoreError>(())
        })?;
        self.settled(committed).await.map(|_| ())
    }

    /// Tells people something that the coordinator itself has found.
    pub async fn tell(&self, subject: impl Into<EventSubject>, kind: EventKind, now: Time) -> Result<(), StoreError> {
        let ((), committed) = self.change(|snapshot, batch| {
            snapshot.events.tell(batch, now, subject, kind);
            Ok::<_, StoreError>(())
        })?;
        self.settled(committed).await.map(|_| ())
    }
}

/// Order that a host reports as carried out.
pub(super) struct MadeBy<'a> {
    pub order: &'a OrderId,
    pub instance: &'a InstanceName,
    pub asked: &'a Action,
    /// Time of the order.
    pub asked_at: Time,
    /// Tells whether an order requested the backup.
    pub asked_by: AskedBy,
}

impl StateSnapshot {
    /// Returns the catalog entries of one repository.
    pub fn backups_in(&self, repository: &RepositoryName) -> BTreeSet<(InstanceName, BackupKey)> {
        let all = self.observed.backups.iter().flat_map(|(of, backups)| backups.keys().map(move |key| (of, key)));
        all.filter(|(_, key)| key.repository == *repository).map(|(of, key)| (of.clone(), key.clone())).collect()
    }

    /// Tells whether a backup was made on a host, as the coordinator knows it. Of one that was noted before its host was, it
    /// knows it where the instance was there already: an instance stays on its host for as long as it lives.
    pub fn is_made_on(&self, host: &HostName, (instance, seen): (&InstanceName, &BackupSeen)) -> bool {
        let was_there = || {
            let desired = self.instance(instance).filter(|desired| desired.host == *host);
            seen.asked_by.counts() && desired.is_some_and(|desired| desired.created < seen.began)
        };
        seen.is_made_on(host) || seen.made_on.is_none() && was_there()
    }

    pub(super) fn drop_backup(&mut self, batch: &mut Batch, instance: &InstanceName, key: &BackupKey) {
        batch.delete(keys::backup(instance, key));
        let Some(backups) = self.observed.backups.get_mut(instance) else { return };
        backups.remove(key);
        if backups.is_empty() {
            self.observed.backups.remove(instance);
        }
    }

    /// Writes only changes. The host of the backups writes the repository: whether they count is known from orders, and
    /// not taken from there.
    fn refresh_backup(
        &mut self,
        batch: &mut Batch,
        instance: &InstanceName,
        key: &BackupKey,
        (found, now): (&BackupSeen, Time),
    ) {
        let snapshot = self.observed.backups.get(instance).and_then(|backups| backups.get(key));
        let is_settled = snapshot.is_some_and(|snapshot| snapshot.asked_by.counts());
        let seen = match (snapshot, self.expected_of(instance, &key.repository, &key.backup, now)) {
            (Some(snapshot), _) if is_settled => BackupSeen {
                proof: snapshot.proof.clone(),
                began: snapshot.began,
                ended: snapshot.ended,
                asked_by: snapshot.asked_by,
                made_on: snapshot.made_on.clone(),
                snapshots: snapshot.snapshots.clone().or_else(|| found.snapshots.clone()),
                ..found.clone()
            },
            // The host is about to report its result.
            _ if self.is_being_made(instance, &key.repository, &key.backup) => return,
            (_, Some(asked)) => {
                let (began, made_on) = (asked.asked, asked.host.clone());
                BackupSeen { began, ended: now, proof: None, made_on, ..found.clone() }
            }
            (_, None) => {
                let found = found.clone().not_after(now);
                BackupSeen { asked_by: AskedBy::Nobody, proof: None, made_on: None, ..found }
            }
        };
        if snapshot != Some(&seen) {
            self.keep_backup(batch, instance, key.clone(), seen);
        }
    }

    /// Adds the results of an order to the catalog, and removes forgotten backups, as far as the order asked for it.
    /// Failures are in the order's end, and in no catalog.
    pub(super) fn keep_made(&mut self, batch: &mut Batch, by: &MadeBy<'_>, made: &DataResult, now: Time) {
        match made {
            DataResult::Backup(copies) => copies.iter().for_each(|copy| self.keep_copy(batch, by, copy, now)),
            DataResult::Restore(restore) => restore.safety.iter().for_each(|copy| self.keep_copy(batch, by, copy, now)),
            DataResult::Drill(drill) => self.keep_proof(batch, by, drill, now),
            DataResult::Forgotten(ids) => {
                let Action::Data(DataAction::Forget { from, backups }) = by.asked else { return };
                for backup in ids.iter().filter(|id| backups.contains(id)) {
                    let key = BackupKey { repository: from.clone(), backup: backup.clone() };
                    self.drop_backup(batch, by.instance, &key);
                }
            }
        }
    }

    /// Adds a copy only if its order asked for it; a known one stays unchanged.
    fn keep_copy(&mut self, batch: &mut Batch, by: &MadeBy<'_>, copy: &CopyMade, now: Time) {
        let Ok(manifest) = &copy.result else { return };
        let is_asked = by.asked.backup_targets().is_some_and(|asked| asked.contains(&copy.repository));
        let is_its_own = manifest.instance == *by.instance && manifest.backup.as_str() == by.order.as_str();
        let key = BackupKey { repository: copy.repository.clone(), backup: manifest.backup.clone() };
        let snapshot = self.observed.backups.get(by.instance).and_then(|backups| backups.get(&key));
        let is_known = snapshot.is_some_and(|snapshot| snapshot.asked_by.counts());
        if !is_asked || !is_its_own || is_known {
            return;
        }
        // Times of the order and of the report of its end: the clock of the host, or the host itself, may be wrong.
        let began = self.expected.get(by.order).map_or(by.asked_at, |expected| expected.asked).min(now);
        let doubles = snapshot.map_or(0, |snapshot| snapshot.doubles);
        let snapshots = copy.snapshots.clone();
        let made_on = self.expected.get(by.order).and_then(|expected| expected.host.clone());
        let seen = BackupSeen { began, ended: now, snapshots, doubles, made_on, ..BackupSeen::of(manifest, None) };
        let seen = BackupSeen { asked_by: by.asked_by, ..seen };
        self.keep_backup(batch, by.instance, key, seen);
    }

    fn keep_proof(&mut self, batch: &mut Batch, by: &MadeBy<'_>, drill: &DrillMade, now: Time) {
        let Action::Data(DataAction::Drill { from, .. }) = by.asked else { return };
        if from.repository != drill.repository || from.backup != drill.backup {
            return;
        }
        let key = BackupKey { repository: drill.repository.clone(), backup: drill.backup.clone() };
        let Some(seen) = self.observed.backups.get(&from.instance).and_then(|backups| backups.get(&key)) else {
            return;
        };
        if !seen.asked_by.counts() {
            return;
        }
        let proof = Proof { at: now, ..drill.proof.clone() };
        let seen = BackupSeen { proof: Some(proof), ..seen.clone() };
        self.keep_backup(batch, &from.instance, key, seen);
    }

    fn keep_backup(&mut self, batch: &mut Batch, instance: &InstanceName, key: BackupKey, seen: BackupSeen) {
        let kept = BackupKept { instance: instance.clone(), key: key.clone(), seen: seen.clone() };
        batch.put(keys::backup(instance, &key), &kept);
        self.observed.backups.entry(instance.clone()).or_default().insert(key, seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, memory, on, order, read, release};
    use fleet_core::backup::{BackupSource, Cause, Manifest, Privileges, Snapshots};
    use fleet_core::order::{Action, End, Order, Outcome};
    use std::sync::Arc;
    use std::time::Duration;

    fn key(number: u32) -> BackupKey {
        BackupKey { repository: read("central"), backup: read(&format!("{number:024x}")) }
    }

    fn seen(number: u32) -> BackupSeen {
        BackupSeen {
            began: Time(u64::from(number)),
            ended: Time(u64::from(number)),
            cause: Cause::Scheduled,
            host: read("lab-1"),
            release: release("1.1"),
            bytes: 100,
            added: 10,
            covered: 1,
            declared: 1,
            uncovered: Vec::new(),
            proof: None,
            damaged: None,
            snapshots: None,
            asked_by: Default::default(),
            doubles: 0,
            made_on: None,
        }
    }

    fn proof(at: u64) -> Proof {
        Proof { at: Time(at), host: read("lab-1"), took_ms: 1, bytes: 1, checks: Vec::new(), failure: None }
    }

    fn of(numbers: &[u32]) -> BTreeMap<InstanceName, BTreeMap<BackupKey, BackupSeen>> {
        [(read("notes-1"), numbers.iter().map(|number| (key(*number), seen(*number))).collect())].into()
    }

    async fn replace(facts: &Facts, before: BTreeSet<(InstanceName, BackupKey)>, numbers: &[u32]) {
        let look = RepositoryContents { before, found: of(numbers) };
        facts.replace_backups(&read("central"), look, NOW).await.expect("the store is whole");
    }

    fn kept(facts: &Facts) -> Vec<BackupKey> {
        let snapshot = facts.read();
        snapshot.observed().backups.values().flat_map(|backups| backups.keys()).cloned().collect()
    }

    #[tokio::test]
    async fn what_a_repository_does_not_have_any_more_goes_and_what_came_meanwhile_stays() {
        let facts = memory();
        replace(&facts, [].into(), &[1, 2]).await;
        let before = facts.read().backups_in(&read("central"));
        replace(&facts, [].into(), &[3]).await;
        replace(&facts, before, &[2]).await;
        assert_eq!(kept(&facts), [key(2), key(3)]);
    }

    #[tokio::test]
    async fn an_instance_that_could_not_be_read_keeps_its_part() {
        let facts = memory();
        replace(&facts, [].into(), &[1, 2]).await;
        let look = RepositoryContents { before: facts.read().backups_in(&read("central")), found: [].into() };
        facts.replace_backups(&read("central"), look, NOW).await.expect("the store is whole");
        assert_eq!(kept(&facts), [key(1), key(2)]);
    }

    /// Orders for backups are given, and have not ended.
    async fn ordered(facts: &Facts, numbers: &[u32]) {
        for number in numbers {
            let action = Action::Data(DataAction::Backup { to: [read("central")].into(), cause: Cause::Requested });
            let (id, deadline) = (read(key(*number).backup.as_str()), Duration::from_secs(60));
            facts.give("lab-1", Order { id, instance: read("notes-1"), action, deadline }).await;
        }
    }

    async fn withdrawn(facts: &Facts, numbers: &[u32]) {
        let ids = numbers.iter().map(|number| read(key(*number).backup.as_str())).collect();
        facts.obey(fleet_core::plan::Plan { withdrawn: ids, ..Default::default() }).await;
    }

    fn entry(facts: &Facts, number: u32) -> Option<BackupSeen> {
        facts.read().observed().backups.get(&read("notes-1"))?.get(&key(number)).cloned()
    }

    #[tokio::test]
    async fn a_backup_that_is_found_counts_only_where_an_order_asked_for_it_and_its_moments_are_the_coordinators() {
        let facts = memory();
        ordered(&facts, &[1, 2, 3]).await;
        replace(&facts, [].into(), &[1, 4]).await;
        assert_eq!(entry(&facts, 1), None, "its host is about to say what it made");
        let asked_by = |number| entry(&facts, number).map(|seen| seen.asked_by);
        assert_eq!(asked_by(4), Some(AskedBy::Nobody));
        withdrawn(&facts, &[1, 2, 3]).await;
        replace(&facts, [].into(), &[1, 4]).await;
        let seen = entry(&facts, 1).expect("it was asked for");
        assert_eq!((seen.asked_by, seen.began, seen.ended), (AskedBy::Order, NOW, NOW));
        assert!(seen.is_made_on(&read("lab-1")), "the order went there");
        assert_eq!(entry(&facts, 4).expect("it is there").made_on, None);
        let at = |days: u64| Time(NOW.0 + days * 86_400_000);
        let look = |number| RepositoryContents { before: [].into(), found: of(&[number]) };
        facts.replace_backups(&read("central"), look(2), at(2)).await.expect("the store is whole");
        facts.replace_backups(&read("central"), look(3), at(3)).await.expect("the store is whole");
        let late = (asked_by(2), asked_by(3));
        assert_eq!(late, (Some(AskedBy::Order), Some(AskedBy::Nobody)), "days later nobody looks for it any more");
    }

    #[tokio::test]
    async fn a_backup_whose_host_was_not_noted_is_of_the_host_on_which_its_instance_was_before_it_began() {
        let facts = memory().with("lab-1", "notes-1").await;
        let created = facts.read().instance(&read("notes-1")).expect("it is wanted").created;
        let later = BackupSeen { began: created.after(Duration::from_secs(1)), ..seen(1) };
        let is_made_on =
            |host: &str, name: &str, seen: &BackupSeen| facts.read().is_made_on(&read(host), (&read(name), seen));
        assert!(is_made_on("lab-1", "notes-1", &later));
        assert!(is_made_on("lab-1", "notes-1", &BackupSeen { asked_by: AskedBy::Operator, ..later.clone() }));
        let noted = BackupSeen { made_on: Some(read("lab-2")), ..later.clone() };
        assert!(is_made_on("lab-2", "notes-1", &noted) && !is_made_on("lab-1", "notes-1", &noted));
        assert!(!is_made_on("lab-2", "notes-1", &later), "the instance is on another host");
        assert!(!is_made_on("lab-1", "notes-2", &later), "there is no such instance");
        let earlier = BackupSeen { began: created, ..later.clone() };
        assert!(!is_made_on("lab-1", "notes-1", &earlier), "it may be of an earlier instance elsewhere");
        let nobodys = BackupSeen { asked_by: AskedBy::Nobody, ..later };
        assert!(!is_made_on("lab-1", "notes-1", &nobodys));
    }

    #[tokio::test]
    async fn an_order_whose_end_was_heard_is_remembered_for_as_long_as_its_backup_is_looked_for() {
        let facts = memory().with("lab-1", "notes-1").await;
        ordered(&facts, &[1, 2]).await;
        let id = read(key(1).backup.as_str());
        let heard = facts.hear_outcome(&read("lab-1"), id, read("notes-1"), Outcome::Done, NOW).await;
        heard.expect("it was asked");
        withdrawn(&facts, &[1, 2]).await;
        for (days, remembered) in [(1, 2), (3, 1)] {
            facts.prune(Time(NOW.0 + days * 86_400_000)).await.expect("the store is whole");
            assert_eq!(facts.read().expected.len(), remembered, "after {days} days");
        }
    }

    #[tokio::test]
    async fn no_file_of_a_repository_proves_a_backup_or_makes_it_another() {
        let facts = memory();
        ordered(&facts, &[1]).await;
        withdrawn(&facts, &[1]).await;
        let forged = |set: &str| {
            let snapshots = Some(Snapshots { set: read(&set.repeat(32)), dumps: None, files: None });
            let seen = BackupSeen { proof: Some(proof(9)), began: Time(NOW.0 * 9), snapshots, ..seen(1) };
            RepositoryContents { before: [].into(), found: [(read("notes-1"), [(key(1), seen)].into())].into() }
        };
        for set in ["aa", "bb"] {
            facts.replace_backups(&read("central"), forged(set), NOW).await.expect("the store is whole");
            let seen = entry(&facts, 1).expect("it is there");
            assert_eq!((seen.proven(), seen.began), (None, NOW));
            assert_eq!(seen.snapshots.expect("they were noted").set, read(&"aa".repeat(32)), "the first stays");
        }
    }

    #[tokio::test]
    async fn damage_is_marked_told_once_and_kept() {
        let store: Arc<dyn Store> = Arc::new(crate::store::MemoryStore::new().expect("a thread can be started"));
        let facts = on(Arc::clone(&store));
        ordered(&facts, &[1, 2]).await;
        withdrawn(&facts, &[1, 2]).await;
        replace(&facts, [].into(), &[1, 2]).await;
        let damaged = [(key(1).backup, BackupDamage::Replaced)].into();
        for _ in 0..2 {
            facts.mark_damaged(&read("notes-1"), &read("central"), &damaged, NOW).await.expect("the store is whole");
        }
        let (backup, reason) = (key(1).backup, BackupDamage::Replaced);
        let damaged = EventKind::BackupDamaged { backup, repository: read("central"), reason };
        let recorded = facts.recorded_events();
        assert_eq!(recorded.last(), Some(&("instance notes-1".to_owned(), damaged.clone())));
        assert_eq!(recorded.iter().filter(|(_, kind)| *kind == damaged).count(), 1);
        let again = on(store);
        let snapshot = again.read();
        let backups = &snapshot.observed().backups[&read("notes-1")];
        assert!(!backups[&key(1)].is_good() && backups[&key(2)].is_good());
        assert_eq!(snapshot.observed().backups, facts.read().observed().backups);
    }

    fn manifest(backup: BackupId, instance: &str, began: Time) -> Manifest {
        Manifest {
            format: Manifest::FORMAT,
            backup,
            instance: read(instance),
            host: read("lab-1"),
            release: release("1.1"),
            revision: 1,
            cause: Cause::Requested,
            began,
            ended: began,
            values: [].into(),
            images: [].into(),
            parts: Vec::new(),
            derivable: Vec::new(),
            uncovered: Vec::new(),
            beside: Vec::new(),
            side_files: Default::default(),
            holds: Vec::new(),
        }
    }

    /// Returns the catalog of the instance after its host reported a copy, with or without an order for it.
    async fn catalog_after(asked: Option<&str>, said: (&str, Manifest)) -> Vec<(BackupKey, Time)> {
        let facts = memory().with("lab-1", "notes-1").await;
        let old = [(key(1), BackupSeen { began: Time(5), ..seen(1) })].into();
        let look = RepositoryContents { before: [].into(), found: [(read("notes-1"), old)].into() };
        facts.replace_backups(&read("central"), look, NOW).await.expect("the store is whole");
        let id = order("backup");
        if let Some(to) = asked {
            let action = Action::Data(DataAction::Backup { to: [read(to)].into(), cause: Cause::Requested });
            let (id, deadline) = (id.clone(), Duration::from_secs(60));
            facts.give("lab-1", Order { id, instance: read("notes-1"), action, deadline }).await;
        }
        let (repository, manifest) = said;
        let made =
            DataResult::Backup(vec![CopyMade { repository: read(repository), result: Ok(manifest), snapshots: None }]);
        let end = End { outcome: Outcome::Done, made: Some(Box::new(made)) };
        facts.hear_outcome(&read("lab-1"), id, read("notes-1"), end, NOW).await.expect("it is its own");
        let snapshot = facts.read();
        snapshot.observed().backups[&read("notes-1")].iter().map(|(key, seen)| (key.clone(), seen.began)).collect()
    }

    /// Returns how the catalog classifies a backup whose end arrives that many days after its order was withdrawn.
    async fn late_after(days: u64, host: &str) -> Option<AskedBy> {
        let facts = memory().with("lab-1", "notes-1").await.with("lab-2", "notes-2").await;
        ordered(&facts, &[1]).await;
        facts.mark_offline(&read("lab-1"), NOW);
        withdrawn(&facts, &[1]).await;
        assert!(facts.open().is_empty());
        let now = Time(NOW.0 + days * 86_400_000);
        facts.prune(now).await.expect("the store is whole");
        let copy = CopyMade {
            repository: read("central"),
            result: Ok(manifest(key(1).backup, "notes-1", NOW)),
            snapshots: None,
        };
        let end = End { outcome: Outcome::Done, made: Some(Box::new(DataResult::Backup(vec![copy]))) };
        let id = read(key(1).backup.as_str());
        let heard = facts.hear_outcome(&read(host), id, read("notes-1"), end, now).await;
        assert_eq!(heard.is_ok(), host == "lab-1");
        let recorded = facts.recorded_events();
        let recorded = recorded.iter().any(|(_, kind)| matches!(kind, EventKind::LateBackup { .. }));
        assert_eq!(recorded, entry(&facts, 1).is_some());
        entry(&facts, 1).map(|seen| seen.asked_by)
    }

    #[tokio::test]
    async fn a_backup_that_comes_after_its_order_was_withdrawn_is_listed() {
        assert_eq!(late_after(0, "lab-1").await, Some(AskedBy::Order));
        assert_eq!(late_after(1, "lab-1").await, Some(AskedBy::Order));
        assert_eq!(late_after(3, "lab-1").await, Some(AskedBy::Nobody), "too late to count");
        assert_eq!(late_after(40, "lab-1").await, None, "nobody knows that it was asked for");
        assert_eq!(late_after(0, "lab-2").await, None, "it was asked of another");
    }

    #[tokio::test]
    async fn orders_name_the_snapshots_of_backups_that_count_alone() {
        for (counts, asked_by) in [(true, AskedBy::Order), (true, AskedBy::Operator), (false, AskedBy::Nobody)] {
            let facts = memory();
            let snapshots = Some(Snapshots { set: read(&"aa".repeat(32)), dumps: None, files: None });
            let found = BackupSeen { snapshots: snapshots.clone(), asked_by, ..seen(1) };
            facts
                .choose_backup(&read("notes-1"), key(1), found, EventKind::Joined, NOW)
                .await
                .expect("the store is whole");
            let from = BackupSource {
                repository: read("central"),
                instance: read("notes-1"),
                backup: key(1).backup,
                snapshots: snapshots.clone(),
            };
            let (id, deadline) = (order("drill"), Duration::from_secs(60));
            let action = Action::Data(DataAction::Drill { from, privileges: Default::default() });
            facts.give("lab-1", Order { id, instance: read("notes-1"), action, deadline }).await;
            let mut given = facts.read().asked().orders.values().next().expect("it is open").order.clone();
            let Action::Data(action) = &mut given.action else { panic!("it is a drill") };
            let named = action.source_mut().expect("it has one").snapshots.clone();
            assert_eq!(named, snapshots.filter(|_| counts), "{asked_by:?}");
        }
    }

    #[tokio::test]
    async fn a_drill_keeps_privileged_bits_where_its_own_host_made_the_backup_whatever_its_manifest_says() {
        let cases =
            [(Some("lab-1"), Privileges::Kept), (Some("lab-2"), Privileges::Cleared), (None, Privileges::Cleared)];
        for (made_on, expect) in cases {
            let facts = memory();
            let found = BackupSeen { made_on: made_on.map(read), host: read("lab-1"), ..seen(1) };
            facts
                .choose_backup(&read("notes-1"), key(1), found, EventKind::Joined, NOW)
                .await
                .expect("the store is whole");
            let backup = key(1).backup;
            let from = BackupSource { repository: read("central"), instance: read("notes-1"), backup, snapshots: None };
            // A request is not trusted just because someone made it.
            let action = Action::Data(DataAction::Drill { from, privileges: Privileges::Kept });
            let (id, deadline) = (order("drill"), Duration::from_secs(60));
            facts.give("lab-1", Order { id, instance: read("notes-1"), action, deadline }).await;
            let given = facts.read().asked().orders.values().next().expect("it is open").order.action.clone();
            let Action::Data(DataAction::Drill { privileges, .. }) = given else { panic!("it is a drill") };
            assert_eq!(privileges, expect, "{made_on:?}");
        }
    }

    #[tokio::test]
    async fn a_host_adds_to_the_catalog_what_it_was_asked_for_and_nothing_else() {
        let its: BackupId = order("backup").as_str().parse().expect("24 hex digits");
        let new = BackupKey { repository: read("central"), backup: its.clone() };
        let (old, far) = ((key(1), Time(5)), Time(NOW.0 * 9));
        let made = |began| ("central", manifest(its.clone(), "notes-1", began));
        let both = |began| BTreeSet::from([old.clone(), (new.clone(), began)]);
        let check = async |asked, said, expect: BTreeSet<_>| {
            let found: BTreeSet<_> = catalog_after(asked, said).await.into_iter().collect();
            assert_eq!(found, expect);
        };
        check(Some("central"), made(Time(NOW.0 - 7)), both(NOW)).await;
        // A clock that is behind does not make it one of an earlier instance.
        check(Some("central"), made(Time(7)), both(NOW)).await;
        // A clock that is ahead does not make a backup new for years.
        check(Some("central"), made(far), both(NOW)).await;
        let alone = BTreeSet::from([old.clone()]);
        check(None, made(Time(7)), alone.clone()).await;
        check(Some("offsite"), made(Time(7)), alone.clone()).await;
        check(Some("central"), ("central", manifest(key(1).backup, "notes-1", Time(0))), alone.clone()).await;
        check(Some("central"), ("central", manifest(its.clone(), "notes-2", Time(7))), alone).await;
    }
}
