//! Values that instances of this host have or had since this agent started: a text that was written with some may leave the host
//! when they are no longer in the ledger.

use super::entry::{OrderEntry, OrderState, Settled};
use fleet_core::names::{Digest, InstanceName};
use std::collections::{BTreeMap, VecDeque};

/// Maximum number of value sets that are kept for one instance, the newest.
const LIMIT: usize = 64;

/// Values, and the release that declares which of them are secret.
#[derive(Clone, PartialEq, Eq)]
pub struct InstanceValues {
    /// Release of the values; none if unknown.
    pub release: Option<Digest>,
    /// Values by name.
    pub values: BTreeMap<String, String>,
}

/// Value sets of all instances. Never written to disk.
#[derive(Default)]
pub struct ValuesInUse(BTreeMap<InstanceName, VecDeque<InstanceValues>>);

impl ValuesInUse {
    /// Returns the value sets of an instance.
    pub fn of(&self, instance: &InstanceName) -> impl Iterator<Item = &InstanceValues> {
        self.0.get(instance).into_iter().flatten()
    }

    /// Returns the instances that have value sets.
    pub fn instances(&self) -> impl Iterator<Item = &InstanceName> {
        self.0.keys()
    }

    /// Adds the values of a settled state.
    pub fn note_settled(&mut self, instance: &InstanceName, settled: &Settled) {
        let (release, values) = (Some(settled.release.digest.clone()), settled.values.0.clone());
        self.note(instance, InstanceValues { release, values });
    }

    /// Adds the values of an open order's states.
    pub fn note_order(&mut self, entry: &OrderEntry) {
        let OrderState::Open(open) = &entry.state else { return };
        let instance = &entry.order.instance;
        open.from.iter().chain(open.target_states()).for_each(|settled| self.note_settled(instance, settled));
        let release = open.to.as_ref().or(open.from.as_ref()).map(|settled| settled.release.digest.clone());
        let release = entry.order.action.goal().map(|goal| goal.release.digest.clone()).or(release);
        self.note(instance, InstanceValues { release, values: open.values.0.clone() });
    }

    fn note(&mut self, instance: &InstanceName, values: InstanceValues) {
        if values.values.is_empty() {
            return;
        }
        let known = self.0.entry(instance.clone()).or_default();
        // A set that is recorded again becomes the newest.
        known.retain(|other| *other != values);
        known.push_back(values);
        if known.len() > LIMIT {
            known.pop_front();
        }
    }
}

impl std::fmt::Debug for InstanceValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} values", self.values.len())
    }
}

impl std::fmt::Debug for ValuesInUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "values of {} instances", self.0.len())
    }
}
