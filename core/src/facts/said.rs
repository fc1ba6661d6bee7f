//! Reports of hosts: of themselves, of an instance, of an order's end.

use super::progress::StepProgress;
use crate::activity::Activity;
use crate::backup::{Coverage, DataKind, DataResult};
use crate::capability::Capability;
use crate::claims::Claims;
use crate::data_leftover::DataLeftover;
use crate::drift::Drift;
use crate::health_problem::HealthProblem;
use crate::host_policy::HostPolicy;
use crate::names::{HostName, InstanceName, OrderId};
use crate::order::Outcome;
use crate::order_failure::OrderFailure;
use crate::release::Release;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Report of a host about itself when it connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSaid {
    /// Version of the agent.
    pub agent_version: String,
    /// Version of the Docker Engine.
    pub engine_version: String,
    /// Host's own policy.
    pub policy: HostPolicy,
    /// The host's clock minus ours, in milliseconds, when it connected.
    pub clock_skew_ms: i64,
    /// Certificate serial of the enrolment that said it.
    pub enrolment: String,
    /// Free bytes where the Engine keeps its data, as last said.
    pub disk_free: Option<u64>,
    /// Capabilities of its agent beyond protocol 2.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub capabilities: BTreeSet<Capability>,
}

/// An instance by its host's last report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceObserved {
    /// Host that reported it.
    pub host: HostName,
    /// Reported state.
    pub running: Running,
    /// Time of the report.
    pub at: Time,
}

/// Last known state of an instance's name on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Running {
    /// The host said that there is no such instance.
    Absent,
    /// The host has reported its state.
    Settled(InstanceSaid),
    /// In the middle of an order, so the state is not known. `last` is the state before.
    Busy {
        /// Order that is being carried out.
        order: OrderId,
        /// Current step.
        #[serde(flatten)]
        doing: Doing,
        /// State before the order, if it is known.
        last: Option<InstanceSaid>,
    },
}

/// Current step of an order, and how far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Doing {
    /// Step, unchanged from its beginning to its end, if it is known.
    #[serde(default, deserialize_with = "crate::activity::read_kept", skip_serializing_if = "Option::is_none")]
    pub step: Option<Activity>,
    /// Progress of the step, if it is known.
    #[serde(default, deserialize_with = "super::progress::read_kept", skip_serializing_if = "Option::is_none")]
    pub progress: Option<StepProgress>,
}

impl Doing {
    /// Makes a step without progress.
    pub fn step(step: Activity) -> Self {
        Self { step: Some(step), progress: None }
    }
}

impl Running {
    /// Returns its last settled state.
    pub fn last(&self) -> Option<&InstanceSaid> {
        match self {
            Self::Absent => None,
            Self::Settled(said) => Some(said),
            Self::Busy { last, .. } => last.as_ref(),
        }
    }
}

/// Report of a host about one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSaid {
    /// Release that is applied.
    pub release: Release,
    /// Revision of the values that are applied.
    pub revision: u64,
    /// Number of the last power request that was obeyed.
    pub power_serial: u64,
    /// Health of the instance.
    pub health: InstanceHealth,
    /// Changes by hand.
    #[serde(deserialize_with = "crate::drift::read_kept")]
    pub drift: Vec<Drift>,
    /// Containers of the instance.
    pub containers: Vec<ContainerSaid>,
    /// Coverage of its data. None from an agent without stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// Its claims on the host. None from an agent that does not report them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// Data of before its restores and upgrades that could not be removed, by folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<DataLeftover>,
}

/// Container as its host reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSaid {
    /// Compose service.
    pub service: String,
    /// Name at the Engine.
    pub name: String,
    /// Reference of the image.
    pub image: String,
    /// State at the Engine.
    pub state: ContainerStatus,
    /// Result of its health check.
    pub health: HealthcheckStatus,
}

/// Reported state of a container. They are kept as the words of the Engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerStatus {
    /// Created, never started.
    Created,
    /// Its process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Ends and is started again, over and over.
    Restarting,
    /// The Engine is removing it.
    Removing,
    /// Ended.
    Exited,
    /// The Engine failed to remove it.
    Dead,
    /// Not known, or a word that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Reported result of a container's health check. They are kept as the words of the Engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthcheckStatus {
    /// The container has no health check.
    #[serde(rename = "")]
    None,
    /// Not yet well, within its time.
    Starting,
    /// Its health check passes.
    Healthy,
    /// Not well.
    Unhealthy,
    /// Not known, or a word that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Health of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceHealth {
    /// All containers and probes are healthy.
    Healthy,
    /// Not yet well, within its time.
    Starting,
    /// Not well.
    Unhealthy {
        /// Reason. Facts of earlier versions have it as a text.
        #[serde(alias = "reason")]
        problem: HealthProblem,
    },
    /// Not well, because an order ended in the middle of its work and a person is needed.
    Stuck {
        /// Failure of the order.
        failure: OrderFailure,
        /// True if its data may be other than before: its host starts nothing until all of it is restored. Agents of earlier
        /// versions do not report it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_data_changed: bool,
    },
    /// An operator stopped it.
    Stopped,
    /// The host cannot determine it.
    Unknown,
}

impl InstanceHealth {
    /// Returns whether its data may be other than before the order that got stuck.
    pub fn is_data_changed(&self) -> bool {
        matches!(self, Self::Stuck { is_data_changed: true, .. })
    }
}

/// End of an order, as its host said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Instance of the order.
    pub instance: InstanceName,
    /// Outcome.
    pub outcome: Outcome,
    /// Kind of the order, if it was about data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<DataKind>,
    /// Result of the order, beyond the instance's new state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Box<DataResult>>,
    /// Time of the report.
    pub at: Time,
}
