//! The one writer of `Desired`: the operators' service. Releases and values go with it.

use super::{Facts, ReleaseKept, StateSnapshot};
use crate::keys;
use crate::store::{Batch, StoreError};
use fleet_core::backup::{BackupPolicy, DataResult, Held, RepositoryDesired};
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::facts::{DataConcurrency, HostDesired, InstanceDesired};
use fleet_core::names::{BackupId, HostName, InstanceName, OrderId, PolicyName, RepositoryName, RolloutId};
use fleet_core::rollout::Rollout;
use fleet_core::time::Time;
use std::collections::BTreeSet;

/// A change of the desired state under the facts' lock: inspect, refuse or change, and record events.
#[derive(Debug)]
pub struct DesiredChange<'a> {
    pub(super) snapshot: &'a mut StateSnapshot,
    pub(super) batch: &'a mut Batch,
    /// Time of the change.
    pub now: Time,
    touched: BTreeSet<HostName>,
    /// True if hosts, instances or rollouts have changed. Only then is an earlier plan outdated.
    is_desired_change: bool,
}

impl Facts {
    /// Makes one change of the desired state, and marks the affected hosts. It is on disk when this returns.
    pub async fn change_desired<R, E: From<StoreError>>(
        &self,
        now: Time,
        change: impl FnOnce(&mut DesiredChange<'_>) -> Result<R, E>,
    ) -> Result<(R, BTreeSet<HostName>), E> {
        let (result, committed) = self.change(|snapshot, batch| {
            let mut desired =
                DesiredChange { snapshot, batch, now, touched: BTreeSet::new(), is_desired_change: false };
            let result = change(&mut desired)?;
            desired.snapshot.desired_revision += u64::from(desired.is_desired_change);
            Ok::<_, E>((result, desired.touched))
        })?;
        self.settled(committed).await?;
        self.wake();
        Ok(result)
    }

    /// The keys of all values kept for these instances.
    pub fn value_keys(&self, instances: &[InstanceName]) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        for name in instances {
            found.extend(self.store().scan(&keys::values_of(name))?.into_iter().map(|entry| entry.key));
        }
        Ok(found)
    }
}

impl DesiredChange<'_> {
    /// Returns the state as changed so far.
    pub fn snapshot(&self) -> &StateSnapshot {
        self.snapshot
    }

    /// Returns the batch, for records beside the facts that must change with them.
    pub fn batch(&mut self) -> &mut Batch {
        self.batch
    }

    /// Records an event.
    pub fn tell(&mut self, subject: impl Into<EventSubject>, kind: EventKind) {
        self.snapshot.events.tell(self.batch, self.now, subject, kind);
    }

    /// Adds or replaces a host.
    pub fn put_host(&mut self, name: &HostName, host: HostDesired) {
        self.is_desired_change = true;
        self.batch.put(keys::host(name), &host);
        self.snapshot.desired.hosts.insert(name.clone(), host);
    }

    /// Removes a host and its reports.
    pub fn remove_host(&mut self, name: &HostName) {
        self.is_desired_change = true;
        self.batch.delete(keys::host(name));
        self.batch.delete(keys::observed_host(name));
        self.batch.delete(keys::other_protocol(name));
        self.batch.delete(keys::greetings(name));
        self.snapshot.desired.hosts.remove(name);
        self.snapshot.observed.hosts.remove(name);
        self.snapshot.observed.other_protocols.remove(name);
        self.snapshot.observed.greetings.remove(name);
        self.snapshot.events.forget_budget(name);
        let strays: Vec<InstanceName> = self.snapshot.instances_of(name).cloned().collect();
        strays.iter().for_each(|stray| self.forget_seen(stray));
    }

    /// Adds or replaces an instance, and marks its host's open set to be sent again.
    pub fn put_instance(&mut self, name: &InstanceName, instance: InstanceDesired) {
        self.is_desired_change = true;
        self.batch.put(keys::instance(name), &instance);
        self.snapshot.index.add_instance(&instance.host, name);
        self.touched.insert(instance.host.clone());
        self.snapshot.desired.instances.insert(name.clone(), instance);
    }

    /// Removes an instance, its reports, and the ends of its orders.
    pub fn forget_instance(&mut self, name: &InstanceName) {
        self.is_desired_change = true;
        self.batch.delete(keys::instance(name));
        if let Some(instance) = self.snapshot.desired.instances.remove(name) {
            self.snapshot.index.remove_instance(&instance.host, name);
            self.touched.insert(instance.host);
        }
        self.forget_seen(name);
        let ended = self.snapshot.observed.ended.iter();
        let ids: Vec<_> = ended.filter(|(_, end)| end.instance == *name).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.forget_end(id));
    }

    /// Removes failures of an instance, so that its orders can be given again.
    pub fn forget_failures(&mut self, name: &InstanceName) {
        let ended = self.snapshot.observed.ended.iter();
        let failed = ended.filter(|(_, end)| end.instance == *name && !end.outcome.is_success());
        let ids: Vec<_> = failed.map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| self.forget_end(id));
    }

    /// Forgets how an order ended.
    pub(super) fn forget_end(&mut self, id: &OrderId) {
        self.batch.delete(keys::ended(id));
        self.snapshot.take_end(id);
    }

    /// Forgets orders whose backups are not looked for any more.
    pub(super) fn forget_expected(&mut self, now: Time) {
        for id in self.snapshot.no_longer_expected(now) {
            self.batch.delete(keys::expected(&id));
            self.snapshot.expected.remove(&id);
        }
    }

    fn forget_seen(&mut self, name: &InstanceName) {
        self.batch.delete(keys::observed_instance(name));
        if let Some(seen) = self.snapshot.observed.instances.remove(name) {
            self.snapshot.index.remove_instance(&seen.host, name);
        }
    }

    /// Adds or replaces a rollout.
    pub fn put_rollout(&mut self, rollout: Rollout) {
        self.is_desired_change = true;
        self.batch.put(keys::rollout(&rollout.id), &rollout);
        self.snapshot.desired.rollouts.insert(rollout.id.clone(), rollout);
    }

    /// Removes a rollout.
    pub fn remove_rollout(&mut self, id: &RolloutId) {
        self.is_desired_change = true;
        self.batch.delete(keys::rollout(id));
        self.snapshot.desired.rollouts.remove(id);
    }

    /// Adds or replaces a backup policy.
    pub fn put_policy(&mut self, name: &PolicyName, policy: BackupPolicy) {
        self.is_desired_change = true;
        self.batch.put(keys::policy(name), &policy);
        self.snapshot.desired.policies.insert(name.clone(), policy);
    }

    /// Removes a backup policy.
    pub fn remove_policy(&mut self, name: &PolicyName) {
        self.is_desired_change = true;
        self.batch.delete(keys::policy(name));
        self.snapshot.desired.policies.remove(name);
    }

    /// Sets how many backups and drills of the whole fleet may run at a time.
    pub fn put_at_once(&mut self, at_once: DataConcurrency) {
        self.is_desired_change = true;
        self.batch.put(keys::AT_ONCE.to_owned(), &at_once);
        self.snapshot.desired.at_once = at_once;
    }

    /// Adds or replaces a repository.
    pub fn put_repository(&mut self, name: &RepositoryName, repository: RepositoryDesired) {
        self.is_desired_change = true;
        self.batch.put(keys::repository(name), &repository);
        self.snapshot.desired.repositories.insert(name.clone(), repository);
    }

    /// Removes a repository. The coordinator's own one is added again with its defaults.
    pub fn remove_repository(&mut self, name: &RepositoryName) {
        self.is_desired_change = true;
        self.batch.delete(keys::repository(name));
        self.snapshot.desired.repositories.remove(name);
        self.snapshot.desired.add_central();
    }

    /// Removes all catalog entries of an instance in one repository; returns their number.
    pub fn drop_backups(&mut self, repository: &RepositoryName, instance: &InstanceName) -> usize {
        let of = self.snapshot.observed.backups.get(instance).into_iter().flat_map(|backups| backups.keys());
        let keys: Vec<_> = of.filter(|key| key.repository == *repository).cloned().collect();
        keys.iter().for_each(|key| self.snapshot.drop_backup(self.batch, instance, key));
        keys.len()
    }

    /// Removes all catalog entries and order ends about copies in a repository; returns the number of entries.
    pub fn forget_repository(&mut self, name: &RepositoryName) -> usize {
        let instances: Vec<InstanceName> = self.snapshot.observed.backups.keys().cloned().collect();
        let dropped = instances.iter().map(|instance| self.drop_backups(name, instance)).sum();
        for (id, ended) in &mut self.snapshot.observed.ended {
            let Some(DataResult::Backup(copies)) = ended.made.as_deref_mut() else { continue };
            let before = copies.len();
            copies.retain(|copy| copy.repository != *name);
            if copies.len() < before {
                self.batch.put(keys::ended(id), ended);
            }
        }
        dropped
    }

    /// Protects a backup from removal.
    pub fn hold_backup(&mut self, id: &BackupId, held: Held) {
        self.batch.put(keys::held(id), &held);
        self.snapshot.desired.held.insert(id.clone(), held);
    }

    /// Removes the hold of a backup.
    pub fn release_backup(&mut self, id: &BackupId) {
        self.batch.delete(keys::held(id));
        self.snapshot.desired.held.remove(id);
    }

    /// Adds a release.
    pub fn add_release(&mut self, release: ReleaseKept) {
        let name = &release.release.name;
        self.batch.put(keys::release(&name.app, &name.version), &release);
        self.snapshot.add_release(release);
    }
}
