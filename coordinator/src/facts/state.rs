//! Everything that is known: the three facts, and beside them releases and events.

use super::event::Events;
use super::expected::Expected;
use super::index::Index;
use super::people::People;
use super::release::ReleaseKept;
use super::requests::RequestRecord;
use super::{Event, observed};
use crate::keys;
use crate::store::{Store, StoreError};
use fleet_core::facts::{Asked, Desired, InstanceDesired, InstanceSaid, Observed};
use fleet_core::names::{AppName, HostName, InstanceName, OrderId, RequestId, Version};
use fleet_core::plan::Waiting;
use fleet_core::reason::WaitReason;
use fleet_core::time::Time;
use fleet_core::undeliverable_reason::UndeliverableReason;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;

/// A look at the facts. Only the modules beside this one change them.
#[derive(Debug, Default)]
pub struct StateSnapshot {
    pub(super) desired: Desired,
    pub(super) asked: Asked,
    /// The backups that orders have asked for, and that repositories may hold from now on.
    pub(super) expected: BTreeMap<OrderId, Expected>,
    pub(super) observed: Observed,
    pub(super) releases: BTreeMap<AppName, BTreeMap<Version, ReleaseKept>>,
    pub(super) events: Events,
    pub(super) index: Index,
    pub(super) people: People,
    /// The requests of the last day that have started something.
    pub(super) requests: BTreeMap<RequestId, RequestRecord>,
    /// Orders whose end is in memory and not yet on the disk: they are not acknowledged yet.
    pub(super) unkept: HashSet<OrderId>,
    /// Open orders that are withheld from their hosts, with the reason; derived.
    pub(super) undeliverable: HashMap<OrderId, UndeliverableReason>,
    /// Number of changes of hosts, instances and rollouts, by which an outdated plan is recognised.
    pub(super) desired_revision: u64,
    /// Text of the last plan about instances that wait; derived.
    pub(super) waiting: HashMap<InstanceName, WaitReason>,
}

/// The three facts at one moment; later changes do not affect it. Taking it costs a few reference counts.
#[derive(Debug, Clone)]
pub struct PlanInput {
    /// State that operators want.
    pub desired: Desired,
    /// Orders that were given.
    pub asked: Asked,
    /// State that hosts reported.
    pub observed: Observed,
    /// Revision of the desired state on which its plan is based.
    pub desired_revision: u64,
}

impl StateSnapshot {
    /// Returns the input of a plan, so that nothing is locked while the plan is computed.
    pub fn plan_input(&self) -> PlanInput {
        let (desired, asked, observed) = (self.desired.clone(), self.asked.clone(), self.observed.clone());
        PlanInput { desired, asked, observed, desired_revision: self.desired_revision }
    }

    pub(super) fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let mut desired = Desired {
            hosts: load(store, keys::HOSTS)?.into(),
            instances: load(store, keys::INSTANCES)?.into(),
            rollouts: load(store, keys::ROLLOUTS)?.into(),
            repositories: load(store, keys::REPOSITORIES)?.into(),
            policies: load(store, keys::POLICIES)?.into(),
            at_once: store.get(keys::AT_ONCE)?.map(|entry| entry.read()).transpose()?.unwrap_or_default(),
            held: load(store, keys::HELD)?.into(),
            needs: Default::default(),
        };
        desired.add_central();
        let asked = Asked { orders: load(store, keys::ASKED)?.into() };
        let observed = observed::load(store)?;
        let index = Index::of(&desired, &asked, &observed);
        let mut snapshot = Self {
            desired,
            asked,
            expected: load(store, keys::EXPECTED)?,
            observed,
            index,
            events: Events::load(store)?,
            people: People::load(store)?,
            requests: load(store, keys::REQUESTS)?,
            ..Self::default()
        };
        for entry in store.scan(keys::RELEASES)? {
            snapshot.add_release(entry.read()?);
        }
        Ok(snapshot)
    }

    /// Returns how often operators have changed hosts, instances or rollouts since the start.
    pub fn desired_revision(&self) -> u64 {
        self.desired_revision
    }

    /// Returns the time at which an instance was created: earlier backups belong to an earlier one of its name. For a
    /// removed instance, none count.
    pub fn created(&self, name: &InstanceName) -> Time {
        self.desired.instances.get(name).map_or(Time::ZERO, |instance| instance.created)
    }

    /// Returns the state that operators want.
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// Returns the orders that were given.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Returns the state that hosts reported.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Returns all releases, by app and version.
    pub fn releases(&self) -> &BTreeMap<AppName, BTreeMap<Version, ReleaseKept>> {
        &self.releases
    }

    /// Returns one release.
    pub fn release(&self, app: &AppName, version: &Version) -> Option<&ReleaseKept> {
        self.releases.get(app)?.get(version)
    }

    pub(super) fn add_release(&mut self, release: ReleaseKept) {
        if !release.needs.is_empty() {
            self.desired.needs.insert(release.release.digest.clone(), release.needs.clone());
        }
        let versions = self.releases.entry(release.release.name.app.clone()).or_default();
        versions.insert(release.release.name.version.clone(), release);
    }

    /// The events that are kept, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter()
    }

    /// The events from a number on, with their numbers, to be shared and not copied.
    pub fn events_from(&self, number: u64) -> impl DoubleEndedIterator<Item = (u64, &Arc<Event>)> {
        self.events.from(number)
    }

    /// The number of the next event.
    pub fn next_event(&self) -> u64 {
        self.events.next()
    }

    /// The open orders of a host.
    pub fn orders_of<'a>(&'a self, host: &'a HostName) -> impl Iterator<Item = &'a OrderId> {
        self.index.orders_of(host)
    }

    /// The instances that a host should have or said to have.
    pub fn instances_of<'a>(&'a self, host: &'a HostName) -> impl Iterator<Item = &'a InstanceName> {
        self.index.instances_of(host)
    }

    /// Returns whether the end of an order is stored: then its host no longer needs the order.
    pub fn has_kept_the_end_of(&self, id: &OrderId) -> bool {
        self.observed.ended.contains_key(id) && !self.unkept.contains(id)
    }

    /// Returns the reason why an open order is withheld from its host.
    pub fn undeliverable(&self, id: &OrderId) -> Option<&UndeliverableReason> {
        self.undeliverable.get(id)
    }

    /// Returns the desired state of an instance.
    pub fn instance(&self, name: &InstanceName) -> Option<&InstanceDesired> {
        self.desired.instances.get(name)
    }

    /// The revision of an instance's next values: newer than any that is wanted, promised to an undo or had by its host. A host
    /// that has a newer one would take the new values for its own.
    pub fn next_revision(&self, name: &InstanceName, promised: &HashMap<&InstanceName, u64>) -> u64 {
        let wanted = self.instance(name).map_or(0, |instance| instance.revision);
        let promised = promised.get(name).copied().unwrap_or(0);
        wanted.max(promised).max(self.said(name).map_or(0, |said| said.revision)) + 1
    }

    /// Returns the last report about an instance.
    pub fn said(&self, name: &InstanceName) -> Option<&InstanceSaid> {
        let host = &self.instance(name)?.host;
        let seen = self.observed.instances.get(name).filter(|seen| seen.host == *host);
        seen.and_then(|seen| seen.running.last())
    }

    /// Returns the revisions that undos and restores will bring, by instance: their numbers must not be used otherwise.
    pub fn promised_revisions(&self) -> HashMap<&InstanceName, u64> {
        let mut promised = HashMap::new();
        let members = self.desired.rollouts.values().flat_map(|rollout| &rollout.members);
        let undone = members.filter_map(|member| Some((&member.instance, member.to_revision?)));
        let returned = self
            .desired
            .instances
            .iter()
            .filter_map(|(name, instance)| Some((name, instance.data.as_ref()?.action.return_to()?.1.revision)));
        for (name, revision) in undone.chain(returned) {
            let highest: &mut u64 = promised.entry(name).or_default();
            *highest = revision.max(*highest);
        }
        promised
    }

    /// Reason why an instance waits, as the last plan said.
    pub fn wait_reason(&self, instance: &InstanceName) -> Option<&WaitReason> {
        self.waiting.get(instance)
    }

    pub(super) fn set_waiting(&mut self, waiting: Vec<Waiting>) {
        self.waiting = waiting.into_iter().map(|waiting| (waiting.instance, waiting.reason)).collect();
    }
}

/// Loads every record below a prefix; the rest of the key is its name.
pub(super) fn load<K: FromStr + Ord, T: DeserializeOwned>(
    store: &dyn Store,
    prefix: &str,
) -> Result<BTreeMap<K, T>, StoreError> {
    let mut records = BTreeMap::new();
    for entry in store.scan(prefix)? {
        let name = entry.key.strip_prefix(prefix).and_then(|name| name.parse().ok());
        let name = name.ok_or_else(|| StoreError::Name { key: entry.key.clone() })?;
        records.insert(name, entry.read()?);
    }
    Ok(records)
}
