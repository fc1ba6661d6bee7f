//! Finds hosts and instances by name in one step, with what is wanted and what was seen of each side by side.

use super::outlook::Claim;
use crate::facts::{Desired, HostObserved, InstanceDesired, InstanceObserved, Observed};
use crate::names::{HostName, InstanceName};
use crate::time::Time;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug)]
pub(super) struct Index<'a> {
    instances: HashMap<&'a InstanceName, Seat<'a>>,
}

/// Whether an instance's host is in the fleet, and what it said.
#[derive(Debug, Clone, Copy)]
pub(super) enum Presence<'a> {
    Removed,
    NeverSeen,
    Seen(&'a HostObserved),
}

/// All that is known of one instance.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    pub name: &'a InstanceName,
    pub desired: &'a InstanceDesired,
    pub host: Presence<'a>,
    pub seen: Option<&'a InstanceObserved>,
    /// When the last order for it ended, as far as anyone heard.
    pub latest_end: Time,
    pub claim: Option<Claim<'a>>,
}

impl<'a> Index<'a> {
    pub fn of(desired: &'a Desired, observed: &'a Observed) -> Self {
        let hosts = side_by_side(&desired.hosts, &observed.hosts);
        let presence = |seen: Option<&'a HostObserved>| seen.map_or(Presence::NeverSeen, Presence::Seen);
        let hosts: HashMap<&HostName, Presence> = hosts.map(|(name, _, seen)| (name, presence(seen))).collect();
        let instances = side_by_side(&desired.instances, &observed.instances);
        let seats = instances.map(|(name, desired, seen)| {
            let host = hosts.get(&desired.host).copied().unwrap_or(Presence::Removed);
            (name, Seat { name, desired, host, seen, latest_end: Time::ZERO, claim: None })
        });
        let mut index = Self { instances: seats.collect() };
        for ended in observed.ended.values() {
            if let Some(seat) = index.instances.get_mut(&ended.instance) {
                seat.latest_end = seat.latest_end.max(ended.at);
            }
        }
        index
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
