//! The three facts, one writer each: desired, asked, observed.
//!
//! Everything else (the phase of a rollout, why a host waits) is derived from these, so that it cannot disagree with
//! them. **Invariant:** heartbeats are not facts.
//!
//! Each map is shared by the clones of its facts until it changes, so that a plan is computed on a clone while the
//! facts change.

mod copy_on_write;
mod progress;
mod said;
mod shortened;

pub use copy_on_write::CopyOnWrite;
pub use progress::{ProgressUnit, StepProgress};
pub use said::{
    ContainerSaid, ContainerStatus, Doing, Ended, HealthcheckStatus, HostSaid, InstanceHealth, InstanceObserved,
    InstanceSaid, Running,
};

use crate::backup::{BackupPolicy, BackupSource, Backups, DataRequest, Held, RepositoryDesired, RepositoryLocation};
use crate::capability::Capability;
use crate::duplicate::{Duplicate, Greetings};
use crate::labels::Labels;
use crate::names::{BackupId, Digest, HostName, InstanceName, OrderId, PolicyName, RepositoryName, RolloutId};
use crate::order::{Order, PowerRequest};
use crate::release::Release;
use crate::rollout::Rollout;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// State that operators want. Its only writer is the operators' service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// Hosts that may join.
    pub hosts: CopyOnWrite<BTreeMap<HostName, HostDesired>>,
    /// Instances that should exist.
    pub instances: CopyOnWrite<BTreeMap<InstanceName, InstanceDesired>>,
    /// Rollouts, finished ones included.
    pub rollouts: CopyOnWrite<BTreeMap<RolloutId, Rollout>>,
    /// Repositories for backups.
    pub repositories: CopyOnWrite<BTreeMap<RepositoryName, RepositoryDesired>>,
    /// Backup policies.
    pub policies: CopyOnWrite<BTreeMap<PolicyName, BackupPolicy>>,
    /// Maximum number of parallel backups and drills of the whole fleet.
    pub at_once: DataConcurrency,
    /// Backups that must not be removed.
    pub held: CopyOnWrite<BTreeMap<BackupId, Held>>,
    /// The capabilities that agents need for releases, by their digests; a release that needs none is not here.
    pub needs: CopyOnWrite<BTreeMap<Digest, BTreeSet<Capability>>>,
}

impl Desired {
    /// There is always one repository: on the coordinator's disk.
    pub fn add_central(&mut self) {
        let central = RepositoryDesired { place: RepositoryLocation::Coordinator, added: Time::ZERO };
        self.repositories.entry(RepositoryDesired::central()).or_insert(central);
    }

    /// The policy that an instance has: one that names it, else the first by name that picks its host.
    pub fn policy_of(&self, name: &InstanceName) -> Option<(&PolicyName, &BackupPolicy)> {
        let naming = self.policies.iter().find(|(_, policy)| policy.instances.contains(name));
        let host = || self.hosts.get(&self.instances.get(name)?.host);
        naming.or_else(|| {
            let labels = &host()?.labels;
            self.policies.iter().find(|(_, policy)| policy.selector.as_ref().is_some_and(|it| it.matches(labels)))
        })
    }

    /// Returns the backups of an instance that must not be removed: those on hold, and those that a request is going to
    /// use.
    pub fn held_of(&self, name: &InstanceName) -> BTreeSet<BackupId> {
        let held = self.held.iter().filter(|(_, held)| held.instance == *name).map(|(id, _)| id);
        let requested = self.instances.values().filter_map(|it| it.data.as_ref()?.action.source());
        let requested = requested.filter(|source| source.instance == *name).map(|source| &source.backup);
        held.chain(requested).cloned().collect()
    }
}

/// Maximum number of parallel backups and drills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataConcurrency(pub u32);

impl Default for DataConcurrency {
    fn default() -> Self {
        Self(4)
    }
}

/// Host as operators want it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDesired {
    /// Labels, by which selectors pick hosts.
    pub labels: Labels,
    /// Time at which it was added.
    pub added: Time,
}

/// Instance as operators want it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceDesired {
    /// Host of the instance.
    pub host: HostName,
    /// Release of the installation. The present one is in `Observed`, because rollouts change it.
    pub release: Release,
    /// Counts changes of its values and of its drift rule; the values are kept beside the facts, the secret ones sealed.
    pub revision: u64,
    /// Rule for changes by hand.
    pub drift: DriftRule,
    /// Last request about running or stopped.
    pub power: PowerDesired,
    /// Request to remove it.
    pub removal: Option<Removal>,
    /// Latest request about its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataRequest>,
    /// Origin of its data, if it is not an empty installation: then it is never installed empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<InstanceOrigin>,
    /// Tells an instance from an earlier one of the same name.
    pub created: Time,
}

/// Data that an instance has, or may have, and that an installation would not give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceOrigin {
    /// Created from a backup.
    Backup(BackupSource),
    /// The instance was in facts that were restored from a backup of that time: its later history is unknown here.
    CameBack {
        /// Time of the restored facts.
        of: Time,
    },
}

impl fmt::Display for InstanceOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backup(from) => write!(f, "it was made from the backup {} of {}", from.backup, from.instance),
            Self::CameBack { of } => write!(f, "it is known as of {of}, when the coordinator was backed up"),
        }
    }
}

/// Reaction to a change of an instance by hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftRule {
    /// Undo changes by hand.
    #[default]
    Heal,
    /// Report changes by hand, and leave them.
    Report,
}

/// Request about running or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerDesired {
    /// The request.
    #[serde(rename = "wish")]
    pub request: PowerRequest,
    /// Number of the request; 0 is the start that comes with the installation.
    pub serial: u64,
}

/// Request to remove an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Volumes to delete, by name. All others stay.
    pub volumes: BTreeSet<String>,
    /// Counts the askings after one that failed: each is an order of its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Orders that were given and have no end yet. Its only writer is the reconcile loop.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    /// Open orders by their ids.
    pub orders: CopyOnWrite<BTreeMap<OrderId, OpenOrder>>,
}

/// Order without a reported end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// Host that carries it out.
    pub host: HostName,
    /// The order.
    pub order: Order,
    /// Rollout that it belongs to.
    pub rollout: Option<RolloutId>,
    /// Time at which it was given.
    pub asked: Time,
}

/// Last reports of hosts. Its only writer is the agents' service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Hosts that have connected.
    pub hosts: CopyOnWrite<BTreeMap<HostName, HostObserved>>,
    /// Instances that hosts have reported.
    pub instances: CopyOnWrite<BTreeMap<InstanceName, InstanceObserved>>,
    /// Ends of orders by their ids.
    pub ended: CopyOnWrite<BTreeMap<OrderId, Ended>>,
    /// The catalog: all copies of all backups. It is worked out from the repositories, and kept so as not to ask them.
    pub backups: CopyOnWrite<BTreeMap<InstanceName, CopyOnWrite<Backups>>>,
    /// Hosts that were refused at their last connect because of another protocol than the coordinator's.
    pub other_protocols: CopyOnWrite<BTreeMap<HostName, OtherProtocol>>,
    /// Greetings of each host's agents, which distinguish two machines with one identity from a restart.
    pub greetings: CopyOnWrite<BTreeMap<HostName, Greetings>>,
    /// Start of the coordinator: a host that was offline then may have been connected a moment before.
    pub since: Time,
}

impl Observed {
    /// Two machines that connect as this host, if there are.
    pub fn duplicate(&self, host: &HostName) -> Option<&Duplicate> {
        self.greetings.get(host)?.duplicate()
    }
}

/// Host that was refused because of its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherProtocol {
    /// Newest protocol of the host.
    pub protocol: u32,
    /// Oldest protocol that it supports; 0 means only the newest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub protocol_min: u32,
    /// Time of the first refusal.
    pub since: Time,
}

/// A host by its last report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostObserved {
    /// Derived from the open connection; it is not kept.
    pub link: LinkState,
    /// Last greeting.
    pub said: HostSaid,
}

/// State of a host's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Connected.
    Online,
    /// Not connected.
    Offline {
        /// Time at which the connection ended.
        since: Time,
    },
}

#[cfg(test)]
mod tests;
