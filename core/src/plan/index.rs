//! Finds hosts and instances by name in one step, with what is wanted and what was seen of each side by side.

use super::outlook::Claim;
use crate::facts::{Desired, HostObserved, InstanceDesired, InstanceObserved, Observed};
use crate::names::{HostName, InstanceName};
use crate::time::Time;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug)]
pub(super) struct Index<'a> {
    /// The hosts of the fleet, with what they said if they ever did.
    hosts: HashMap<&'a HostName, Option<&'a HostObserved>>,
    instances: HashMap<&'a InstanceName, Seat<'a>>,
}

/// All that is known of one instance.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    pub desired: &'a InstanceDesired,
    pub seen: Option<&'a InstanceObserved>,
    /// When the last order for it ended, as far as anyone heard.
    pub latest_end: Time,
    pub claim: Option<Claim<'a>>,
}

impl<'a> Index<'a> {
    pub fn of(desired: &'a Desired, observed: &'a Observed) -> Self {
        let hosts = side_by_side(&desired.hosts, &observed.hosts).map(|(name, _, seen)| (name, seen)).collect();
        let instances = side_by_side(&desired.instances, &observed.instances);
        let seat = |desired, seen| Seat { desired, seen, latest_end: Time::ZERO, claim: None };
        let instances = instances.map(|(name, desired, seen)| (name, seat(desired, seen))).collect();
        let mut index = Self { hosts, instances };
        for ended in observed.ended.values() {
            if let Some(seat) = index.instances.get_mut(&ended.instance) {
                seat.latest_end = seat.latest_end.max(ended.at);
            }
        }
        index
    }

    /// A host of the fleet; inside, what it said.
    pub fn host(&self, name: &HostName) -> Option<Option<&'a HostObserved>> {
        self.hosts.get(name).copied()
    }

    pub fn instance(&self, name: &InstanceName) -> Option<&Seat<'a>> {
        self.instances.get(name)
    }

    pub fn instance_mut(&mut self, name: &InstanceName) -> Option<&mut Seat<'a>> {
        self.instances.get_mut(name)
    }
}

/// Walks two maps at once: each entry of the first, with that of the second under the same name.
fn side_by_side<'a, K: Ord, A, B>(
    wanted: &'a BTreeMap<K, A>,
    seen: &'a BTreeMap<K, B>,
) -> impl Iterator<Item = (&'a K, &'a A, Option<&'a B>)> {
    let mut seen = seen.iter().peekable();
    wanted.iter().map(move |(name, wanted)| {
        while seen.next_if(|(other, _)| *other < name).is_some() {}
        (name, wanted, seen.next_if(|(other, _)| *other == name).map(|(_, seen)| seen))
    })
}
