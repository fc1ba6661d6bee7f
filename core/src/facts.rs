//! The three facts, one writer each: what is wanted, what is asked, what was seen.
//!
//! Everything else (the phase of a rollout, why a host waits) is derived from these, so that it cannot disagree with
//! them. **Invariant:** heartbeats are not facts.

use crate::backup::{
    BackupPolicy, BackupSource, Backups, Coverage, DataKind, DataRequest, DataResult, Held, RepositoryDesired,
    RepositoryLocation,
};
use crate::claims::Claims;
use crate::duplicate::{Duplicate, Greetings};
use crate::host_policy::HostPolicy;
use crate::labels::Labels;
use crate::names::{BackupId, HostName, InstanceName, OrderId, PolicyName, RepositoryName, RolloutId};
use crate::order::{Order, Outcome, PowerRequest, Release};
use crate::rollout::Rollout;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What operators want. Its only writer is the operators' service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    pub hosts: BTreeMap<HostName, HostDesired>,
    pub instances: BTreeMap<InstanceName, InstanceDesired>,
    pub rollouts: BTreeMap<RolloutId, Rollout>,
    pub repositories: BTreeMap<RepositoryName, RepositoryDesired>,
    pub policies: BTreeMap<PolicyName, BackupPolicy>,
    /// How many backups and drills of the whole fleet may run at a time.
    pub at_once: DataConcurrency,
    /// Backups that nobody may forget.
    pub held: BTreeMap<BackupId, Held>,
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

    /// The backups of an instance that nobody may forget: those that operators hold, and those that somebody wishes to use.
    pub fn held_of(&self, name: &InstanceName) -> BTreeSet<BackupId> {
        let held = self.held.iter().filter(|(_, held)| held.instance == *name).map(|(id, _)| id);
        let wished = self.instances.values().filter_map(|it| it.data.as_ref()?.action.source());
        let wished = wished.filter(|source| source.instance == *name).map(|source| &source.backup);
        held.chain(wished).cloned().collect()
    }
}

/// How many backups and drills may run at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataConcurrency(pub u32);

impl Default for DataConcurrency {
    fn default() -> Self {
        Self(4)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDesired {
    pub labels: Labels,
    pub added: Time,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceDesired {
    pub host: HostName,
    /// What it was installed as. What it is now is `Observed`: rollouts move it on.
    pub release: Release,
    /// Counts changes of its values and of its drift rule; the values are kept beside the facts, the secret ones sealed.
    pub revision: u64,
    pub drift: DriftRule,
    pub power: PowerDesired,
    pub removal: Option<Removal>,
    /// The latest wish about its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataRequest>,
    /// Where its data is from, if not from an installation with nothing in it: then it is never installed so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<InstanceOrigin>,
    /// Tells an instance from an earlier one of the same name.
    pub created: Time,
}

/// What an instance has, or may have, that an installation would not give it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceOrigin {
    /// It is made from a backup.
    Backup(BackupSource),
    /// Facts of that moment came back from a backup, and it was among them: what has become of it since, nobody here knows.
    CameBack { of: Time },
}

impl fmt::Display for InstanceOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backup(from) => write!(f, "it was made from the backup {} of {}", from.backup, from.instance),
            Self::CameBack { of } => write!(f, "it is known as of {of}, when the coordinator was backed up"),
        }
    }
}

/// What happens when somebody changes an instance by hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftRule {
    #[default]
    Heal,
    Report,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerDesired {
    pub wish: PowerRequest,
    /// Counts the wishes; 0 is the start that comes with the installation.
    pub serial: u64,
}

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

/// Orders that were given and whose end is not yet heard. Its only writer is the turn of the loop.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Asked {
    pub orders: BTreeMap<OrderId, OpenOrder>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    pub host: HostName,
    pub order: Order,
    pub rollout: Option<RolloutId>,
    pub asked: Time,
}

/// What hosts last said. Its only writer is the agents' service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    pub hosts: BTreeMap<HostName, HostObserved>,
    pub instances: BTreeMap<InstanceName, InstanceObserved>,
    pub ended: BTreeMap<OrderId, Ended>,
    /// The catalog: all copies of all backups. It is worked out from the repositories, and kept so as not to ask them.
    pub backups: BTreeMap<InstanceName, Backups>,
    /// Hosts that were refused when they last called, for they speak another protocol than the coordinator.
    pub other_protocols: BTreeMap<HostName, OtherProtocol>,
    /// Greetings of each host's agents, by which two machines with one identity are told from a restart.
    pub greetings: BTreeMap<HostName, Greetings>,
    /// Since when anybody listens: whoever was offline then may have been connected a moment before.
    pub since: Time,
}

impl Observed {
    /// Two machines that connect as this host, if there are.
    pub fn duplicate(&self, host: &HostName) -> Option<&Duplicate> {
        self.greetings.get(host)?.duplicate()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherProtocol {
    pub protocol: u32,
    /// The oldest protocol that it speaks; 0: the newest alone.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub protocol_min: u32,
    pub since: Time,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostObserved {
    /// Derived from the open connection; it is not kept.
    pub link: LinkState,
    pub said: HostSaid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    Online,
    Offline { since: Time },
}

/// What a host says of itself when it connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSaid {
    pub agent_version: String,
    pub engine_version: String,
    pub policy: HostPolicy,
    /// The host's clock minus ours, in milliseconds, when it connected.
    pub clock_skew_ms: i64,
    /// Certificate serial of the enrolment that said it.
    pub enrolment: String,
    /// Free bytes where the Engine keeps its data, as last said.
    pub disk_free: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceObserved {
    pub host: HostName,
    pub running: Running,
    pub at: Time,
}

/// What a host runs under an instance's name, as far as anyone knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Running {
    /// The host said that there is no such instance.
    Absent,
    /// The host said what it is.
    Settled(InstanceSaid),
    /// In the middle of an order: do not guess. `last` is what it was before.
    Busy {
        order: OrderId,
        #[serde(flatten)]
        doing: Doing,
        last: Option<InstanceSaid>,
    },
}

/// What is being done, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// The same from its beginning to its end: whoever tells steps compares it.
    pub step: String,
    /// What of the step is done so far, such as `12 of 40 MB`; empty where nobody can say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub progress: String,
}

impl Doing {
    /// A step of which nobody says how far it is.
    pub fn step(step: impl Into<String>) -> Self {
        Self { step: step.into(), progress: String::new() }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.progress.as_str() {
            "" => f.write_str(&self.step),
            progress => write!(f, "{} ({progress})", self.step),
        }
    }
}

impl Running {
    /// What it was last settled as.
    pub fn last(&self) -> Option<&InstanceSaid> {
        match self {
            Self::Absent => None,
            Self::Settled(said) => Some(said),
            Self::Busy { last, .. } => last.as_ref(),
        }
    }
}

/// What a host says of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSaid {
    pub release: Release,
    pub revision: u64,
    pub power_serial: u64,
    pub health: InstanceHealth,
    pub drift: Vec<String>,
    pub containers: Vec<ContainerSaid>,
    /// None from an agent that does not know of stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// What it has on its host to itself. None from an agent that does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// Data of before its restores that could not be removed, a line for each folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSaid {
    pub service: String,
    pub name: String,
    pub image: String,
    /// The Engine's word: running, exited, restarting …
    pub state: String,
    /// The Engine's word: healthy, starting, unhealthy; empty without a healthcheck.
    pub health: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceHealth {
    Healthy,
    Starting,
    Unhealthy {
        reason: String,
    },
    /// An operator stopped it.
    Stopped,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub instance: InstanceName,
    pub outcome: Outcome,
    /// What of its data it was about, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<DataKind>,
    /// What it made, where that is more than what the instance is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Box<DataResult>>,
    pub at: Time,
}

#[cfg(test)]
mod tests;
