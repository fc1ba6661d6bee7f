//! Index of hosts and instances by name, with the desired and the observed state of each.

use super::context::Claim;
use crate::backup::{Backups, DataKind};
use crate::backup_health::has_failed;
use crate::facts::{Desired, Ended, HostObserved, InstanceDesired, InstanceObserved, Observed};
use crate::names::{HostName, InstanceName};
use crate::time::Time;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug)]
pub(super) struct Index<'a> {
    instances: HashMap<&'a InstanceName, InstanceContext<'a>>,
}

/// Presence of an instance's host in the fleet, with its report.
#[derive(Debug, Clone, Copy)]
pub(super) enum Presence<'a> {
    Removed,
    NeverSeen,
    Seen(&'a HostObserved),
}

/// All facts about one instance.
#[derive(Debug)]
pub(super) struct InstanceContext<'a> {
    pub name: &'a InstanceName,
    pub desired: &'a InstanceDesired,
    pub host: Presence<'a>,
    pub seen: Option<&'a InstanceObserved>,
    /// Time of the end of its last order, as far as reported.
    pub latest_end: Time,
    pub claim: Option<Claim<'a>>,
    /// Its own backups, where the catalog has others of an earlier instance of its name, too.
    pub own_backups: Option<Backups>,
    /// Backups with failures, and the end of its last drill, as far as they are recorded.
    pub failed_backups: Vec<&'a Ended>,
    pub last_drill: Option<&'a Ended>,
}

impl<'a> InstanceContext<'a> {
    fn note(&mut self, ended: &'a Ended) {
        self.latest_end = self.latest_end.max(ended.at);
        match ended.of {
            Some(DataKind::Backup) if has_failed(ended) => self.failed_backups.push(ended),
            Some(DataKind::Drill) if self.last_drill.is_none_or(|before| before.at <= ended.at) => {
                self.last_drill = Some(ended);
            }
            Some(DataKind::Backup | DataKind::Drill | DataKind::Restore | DataKind::Forget) | None => {}
        }
    }
}

impl<'a> Index<'a> {
    pub fn of(desired: &'a Desired, observed: &'a Observed) -> Self {
        let hosts = side_by_side(&desired.hosts, &observed.hosts);
        let presence = |seen: Option<&'a HostObserved>| seen.map_or(Presence::NeverSeen, Presence::Seen);
        let hosts: HashMap<&HostName, Presence> = hosts.map(|(name, _, seen)| (name, presence(seen))).collect();
        let instances = side_by_side(&desired.instances, &observed.instances);
        let seats = instances.map(|(name, desired, seen)| {
            let host = hosts.get(&desired.host).copied().unwrap_or(Presence::Removed);
            (
                name,
                InstanceContext {
                    name,
                    desired,
                    host,
                    seen,
                    latest_end: Time::ZERO,
                    claim: None,
                    own_backups: observed.backups.get(name).and_then(|all| all.since(desired.created)),
                    failed_backups: Vec::new(),
                    last_drill: None,
                },
            )
        });
        let mut index = Self { instances: seats.collect() };
        for ended in observed.ended.values() {
            if let Some(instance_context) = index.instances.get_mut(&ended.instance) {
                instance_context.note(ended);
            }
        }
        index
    }

    pub fn instance(&self, name: &InstanceName) -> Option<&InstanceContext<'a>> {
        self.instances.get(name)
    }

    pub fn instance_mut(&mut self, name: &InstanceName) -> Option<&mut InstanceContext<'a>> {
        self.instances.get_mut(name)
    }
}

/// Walks two maps in parallel: each entry of the first, with that of the second under the same name.
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
