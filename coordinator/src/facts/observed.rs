//! The one writer of `Observed`: the agents' service.
//!
//! Accepts reports of a host only about its own instances and orders. Only changes are written to disk, never
//! heartbeats or the progress of a step.

use super::{Facts, StateSnapshot};
use crate::keys;
use crate::store::{Batch, Store, StoreError};
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::facts::{HostObserved, HostSaid, InstanceObserved, LinkState, Observed, Running};
use fleet_core::names::{HostName, InstanceName, OrderId};
use fleet_core::time::Time;
use std::collections::BTreeSet;

/// Maximum number of undesired instances of one host that are remembered.
const STRAY_LIMIT: usize = 64;
/// A clock that is no further from where it was is no news.
const SKEW_NEWS: u64 = 10_000;

/// Reason why a report is refused.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The instance belongs to another host.
    #[error("the instance `{0}` belongs to another host")]
    NotItsInstance(InstanceName),
    /// The order was given to another host.
    #[error("the order {0} was given to another host, or to none")]
    NotItsOrder(OrderId),
    /// Too many ends of orders are stored for the instance.
    #[error("this host says too often how orders for `{0}` ended that nobody gave")]
    TooManyEnds(InstanceName),
    /// The host reports too many instances that it should not have.
    #[error("this host reports too many instances that nobody wants")]
    TooManyStrays,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Content of `Hello`, as text for people.
pub type HelloSaid = HostSaid;

/// Loads the last reports; all hosts count as disconnected.
pub(super) fn load(store: &dyn Store) -> Result<Observed, StoreError> {
    let since = crate::clock::now();
    let said = super::state::load::<HostName, HostSaid>(store, keys::OBSERVED_HOSTS)?;
    let offline = |(name, said)| (name, HostObserved { link: LinkState::Offline { since }, said });
    Ok(Observed {
        hosts: said.into_iter().map(offline).collect(),
        instances: super::state::load(store, keys::OBSERVED_INSTANCES)?.into(),
        ended: super::state::load(store, keys::ENDED)?.into(),
        backups: super::backups::load(store)?.into(),
        greetings: super::state::load(store, keys::GREETINGS)?.into(),
        other_protocols: super::state::load(store, keys::OTHER_PROTOCOLS)?.into(),
        since,
    })
}

impl Facts {
    /// Records a host's `Hello`. It counts as online once it has reported all its instances.
    pub async fn hear_hello(&self, host: &HostName, said: HelloSaid, now: Time) -> Result<(), StoreError> {
        let ((), committed) = self.change(|snapshot, batch| {
            let before = snapshot.observed.hosts.get(host);
            let is_news = before.is_none_or(|before| differs(&before.said, &said));
            if is_news {
                batch.put(keys::observed_host(host), &said);
            }
            let link = before.map_or(LinkState::Offline { since: now }, |before| before.link);
            snapshot.observed.hosts.insert(host.clone(), HostObserved { link, said });
            snapshot.forget_other_protocol(batch, host, now);
            Ok::<_, StoreError>(())
        })?;
        self.settled(committed).await.map(|_| ())
    }

    /// Records a host's free disk space, in memory only.
    pub fn hear_disk_free(&self, host: &HostName, bytes: u64) {
        self.change_unwritten(|snapshot| {
            if let Some(seen) = snapshot.observed.hosts.get_mut(host) {
                seen.said.disk_free = Some(bytes);
            }
        });
    }

    /// Marks the host as online.
    pub fn mark_online(&self, host: &HostName) {
        let changed = self.change_unwritten(|snapshot| match snapshot.observed.hosts.get_mut(host) {
            Some(seen) if seen.link != LinkState::Online => {
                seen.link = LinkState::Online;
                true
            }
            Some(_) | None => false,
        });
        if changed {
            self.wake();
        }
    }

    /// Marks the host as offline since `now`.
    pub fn mark_offline(&self, host: &HostName, now: Time) {
        let changed = self.change_unwritten(|snapshot| match snapshot.observed.hosts.get_mut(host) {
            Some(seen) if seen.link == LinkState::Online => {
                seen.link = LinkState::Offline { since: now };
                true
            }
            Some(_) | None => false,
        });
        if changed {
            self.wake();
        }
    }

    /// Records a host's report about one instance. Returns the number of bytes written.
    pub async fn hear_instance(
        &self,
        host: &HostName,
        name: InstanceName,
        running: Running,
        now: Time,
    ) -> Result<usize, ObserveError> {
        let is_step = self.read().is_only_a_step(host, &name, &running);
        if is_step {
            self.change_unwritten(|snapshot| snapshot.see(host, name, running, now));
            return Ok(0);
        }
        let (written, committed) = self.change(|snapshot, batch| {
            snapshot.check_instance(host, &name)?;
            snapshot.see_and_keep(batch, host, name, running, now);
            Ok::<_, ObserveError>(batch.bytes())
        })?;
        self.wake();
        self.settled(committed).await?;
        Ok(written)
    }

    /// Records that a host has reported everything: desired instances that it did not mention are absent. If two
    /// machines connect as one host, either may lack an instance, so nothing counts as absent until one has gone and
    /// the other has reported everything again.
    pub async fn hear_complete(
        &self,
        host: &HostName,
        mentioned: &BTreeSet<InstanceName>,
        now: Time,
    ) -> Result<(), StoreError> {
        let ((), committed) = self.change(|snapshot, batch| {
            if snapshot.observed.duplicate(host).is_some() {
                return Ok::<_, StoreError>(());
            }
            let silent: Vec<_> =
                snapshot.instances_of(host).filter(|name| !mentioned.contains(*name)).cloned().collect();
            for name in silent {
                match snapshot.is_wanted_at(host, &name) {
                    true => snapshot.see_and_keep(batch, host, name, Running::Absent, now),
                    false => snapshot.forget_stray(batch, host, &name),
                }
            }
            Ok::<_, StoreError>(())
        })?;
        self.mark_online(host);
        self.wake();
        self.settled(committed).await.map(|_| ())
    }

    /// Marks instances as absent that a host did not report although it has reported everything, and that became
    /// desired afterwards. Reports about the `unread` ones could not be parsed: they are not absent.
    pub fn presume_absent(&self, host: &HostName, unread: &BTreeSet<InstanceName>, now: Time) {
        let unseen = |snapshot: &StateSnapshot| -> Vec<InstanceName> {
            let unseen = snapshot.instances_of(host).filter(|name| snapshot.is_unseen_at(host, name));
            unseen.filter(|name| !unread.contains(*name)).cloned().collect()
        };
        if unseen(&self.read()).is_empty() {
            return;
        }
        self.change_unwritten(|snapshot| {
            for name in unseen(snapshot) {
                snapshot.see(host, name, Running::Absent, now);
            }
        });
        self.wake();
    }

    /// Records an event that a host reports.
    pub async fn hear_event(
        &self,
        host: &HostName,
        subject: EventSubject,
        kind: EventKind,
        now: Time,
    ) -> Result<(), StoreError> {
        let ((), committed) = self.change(|snapshot, batch| {
            snapshot.events.tell_for(batch, now, host, (subject, kind));
            Ok::<_, StoreError>(())
        })?;
        self.settled(committed).await.map(|_| ())
    }
}

fn differs(before: &HostSaid, now: &HostSaid) -> bool {
    let same_but_numbers =
        HostSaid { clock_skew_ms: now.clock_skew_ms, disk_free: now.disk_free, ..before.clone() } == *now;
    !same_but_numbers || before.clock_skew_ms.abs_diff(now.clock_skew_ms) > SKEW_NEWS
}

impl StateSnapshot {
    /// Returns whether the instance should be on that host.
    pub fn is_wanted_at(&self, host: &HostName, name: &InstanceName) -> bool {
        self.desired.instances.get(name).is_some_and(|instance| instance.host == *host)
    }

    fn is_unseen_at(&self, host: &HostName, name: &InstanceName) -> bool {
        let seen = self.observed.instances.get(name).is_some_and(|seen| seen.host == *host);
        self.is_wanted_at(host, name) && !seen
    }

    /// Returns whether a report differs only in the step that is being done.
    fn is_only_a_step(&self, host: &HostName, name: &InstanceName, running: &Running) -> bool {
        let Some(before) = self.observed.instances.get(name).filter(|before| before.host == *host) else {
            return false;
        };
        match (&before.running, running) {
            (Running::Busy { order: a, last: b, .. }, Running::Busy { order: c, last: d, .. }) => a == c && b == d,
            (Running::Absent | Running::Settled(_) | Running::Busy { .. }, _) => false,
        }
    }

    fn check_instance(&self, host: &HostName, name: &InstanceName) -> Result<(), ObserveError> {
        let not_its = || Err(ObserveError::NotItsInstance(name.clone()));
        match (self.desired.instances.get(name), self.observed.instances.get(name)) {
            (Some(wanted), _) if wanted.host != *host => not_its(),
            (Some(_), _) => Ok(()),
            (None, Some(seen)) if seen.host != *host => not_its(),
            (None, Some(_)) => Ok(()),
            (None, None)
                if self.instances_of(host).filter(|name| !self.is_wanted_at(host, name)).count() < STRAY_LIMIT =>
            {
                Ok(())
            }
            (None, None) => Err(ObserveError::TooManyStrays),
        }
    }

    fn see(&mut self, host: &HostName, name: InstanceName, running: Running, now: Time) {
        self.index.add_instance(host, &name);
        self.observed.instances.insert(name, InstanceObserved { host: host.clone(), running, at: now });
    }

    fn see_and_keep(&mut self, batch: &mut Batch, host: &HostName, name: InstanceName, running: Running, now: Time) {
        let before = self.observed.instances.get(&name);
        let is_news = before.is_none_or(|before| before.host != *host || before.running != running);
        if is_news {
            let seen = InstanceObserved { host: host.clone(), running: running.clone(), at: now };
            batch.put(keys::observed_instance(&name), &seen);
        }
        self.see(host, name, running, now);
    }

    fn forget_stray(&mut self, batch: &mut Batch, host: &HostName, name: &InstanceName) {
        batch.delete(keys::observed_instance(name));
        self.observed.instances.remove(name);
        self.index.remove_instance(host, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{on, read};
    use crate::store::MemoryStore;
    use fleet_core::plan::PlanContext;
    use std::sync::Arc;

    #[tokio::test]
    async fn after_a_restart_hosts_may_return() {
        let store = Arc::new(MemoryStore::new().expect("a thread can be started"));
        drop(on(Arc::clone(&store) as Arc<dyn Store>).with("lab-1", "notes-1").await);
        let again = on(store);
        let snapshot = again.read();
        let LinkState::Offline { since } = snapshot.observed().hosts[&read("lab-1")].link else {
            panic!("it is not there yet")
        };
        assert_eq!(since, snapshot.observed().since);
        let plan_context = PlanContext::new(snapshot.desired(), snapshot.asked(), snapshot.observed(), since);
        assert!(plan_context.returning_until(since).is_some());
    }
}
