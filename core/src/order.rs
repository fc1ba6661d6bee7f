//! Orders of the coordinator to one host about one instance, and their ends.
//!
//! An order states the expected state. A host in another state refuses it and changes nothing.

use crate::app::DataEffect;
use crate::backup::{DataAction, DataKind, DataResult};
use crate::hint::Hint;
use crate::names::{InstanceName, OrderId, RepositoryName};
use crate::order_failure::OrderFailure;
use crate::order_kind::OrderKind;
use crate::release::{Goal, Release};
use crate::time::serde_millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;

/// One change of one instance on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Hash of the intention.
    pub id: OrderId,
    /// Instance that changes.
    pub instance: InstanceName,
    /// Change.
    pub action: Action,
    /// Time limit from the moment when the host begins; then it goes back by itself.
    #[serde(with = "serde_millis")]
    pub deadline: Duration,
}

/// Least time limit of the way back of a change, and of work on data.
const ROLLBACK: Duration = Duration::from_secs(600);
const ROLLBACK_OF_DATA: Duration = Duration::from_secs(900);

impl Order {
    /// Returns the longest time that the way back may take after the deadline.
    pub fn rollback_budget(&self) -> Duration {
        match &self.action {
            Action::Data(DataAction::Restore { .. }) => ROLLBACK_OF_DATA.max(self.deadline),
            Action::Data(DataAction::Backup { .. } | DataAction::Drill { .. } | DataAction::Forget { .. }) => {
                ROLLBACK_OF_DATA
            }
            // A removal has none.
            Action::Remove { .. } => Duration::ZERO,
            Action::Install { .. } | Action::Upgrade { .. } | Action::Configure { .. } | Action::Power { .. } => {
                rollback_budget(self.deadline)
            }
        }
    }
}

/// Returns the longest time that the way back of a change may take, after the deadline.
pub fn rollback_budget(deadline: Duration) -> Duration {
    deadline.max(ROLLBACK)
}

/// Change of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Expects no such instance, or one that is the goal already.
    Install {
        /// Release and values to apply.
        goal: Goal,
    },
    /// Expects the release `from`.
    Upgrade {
        /// State that the host must find.
        from: Release,
        /// Release and values to apply.
        goal: Goal,
        /// Releases that the instance runs on its way, in this order. Earlier versions had none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        through: Vec<Release>,
        /// Effect on data of all releases together. Earlier versions gave none.
        #[serde(default, skip_serializing_if = "DataEffect::is_default")]
        data: DataEffect,
        /// Repositories that get a backup first, if the new release may change data.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        backup: BTreeSet<RepositoryName>,
    },
    /// Expects the goal's release, with the values of revision `from`.
    Configure {
        /// State that the host must find.
        from: u64,
        /// Release and values to apply.
        goal: Goal,
    },
    /// Expects the instance; `serial` is the number of the operator's power request.
    Power {
        /// Start, stop or restart.
        #[serde(rename = "wish")]
        request: PowerRequest,
        /// Number of the request.
        serial: u64,
    },
    /// Expects the instance or nothing. Volumes that are not named stay.
    Remove {
        /// Volumes that are removed too.
        volumes: BTreeSet<String>,
    },
    /// Expects the instance, except where its action states otherwise.
    Data(DataAction),
}

/// Request about running or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerRequest {
    /// Start a stopped instance.
    Start,
    /// Stop all containers.
    Stop,
    /// Stop, then start.
    Restart,
}

impl From<DataKind> for OrderKind {
    fn from(kind: DataKind) -> Self {
        match kind {
            DataKind::Backup => Self::Backup,
            DataKind::Drill => Self::Drill,
            DataKind::Restore => Self::Restore,
            DataKind::Forget => Self::Forget,
        }
    }
}

impl Action {
    /// Returns the action on data, if the order is about data.
    pub fn data(&self) -> Option<&DataAction> {
        match self {
            Self::Data(data) => Some(data),
            Self::Install { .. } | Self::Upgrade { .. } | Self::Configure { .. } => None,
            Self::Power { .. } | Self::Remove { .. } => None,
        }
    }

    /// Returns the repositories that get a backup by the order.
    pub fn backup_targets(&self) -> Option<&BTreeSet<RepositoryName>> {
        match self {
            Self::Upgrade { backup, .. } => Some(backup),
            Self::Data(DataAction::Backup { to, .. }) => Some(to),
            Self::Data(DataAction::Restore { safety, .. }) => Some(safety),
            Self::Data(DataAction::Drill { .. } | DataAction::Forget { .. }) => None,
            Self::Install { .. } | Self::Configure { .. } | Self::Power { .. } | Self::Remove { .. } => None,
        }
    }

    /// Returns the repositories that the order reaches, each with the instance whose backups are meant.
    pub fn repositories<'a>(&'a self, of: &'a InstanceName) -> Vec<(&'a RepositoryName, &'a InstanceName)> {
        match self {
            Self::Upgrade { backup, .. } => backup.iter().map(|name| (name, of)).collect(),
            Self::Data(data) => data.repositories(of),
            Self::Install { .. } | Self::Configure { .. } | Self::Power { .. } | Self::Remove { .. } => Vec::new(),
        }
    }

    /// Returns its kind.
    pub fn kind(&self) -> OrderKind {
        match self {
            Self::Install { .. } => OrderKind::Install,
            Self::Upgrade { .. } => OrderKind::Upgrade,
            Self::Configure { .. } => OrderKind::Configure,
            Self::Power { request: PowerRequest::Start, .. } => OrderKind::Start,
            Self::Power { request: PowerRequest::Stop, .. } => OrderKind::Stop,
            Self::Power { request: PowerRequest::Restart, .. } => OrderKind::Restart,
            Self::Remove { .. } => OrderKind::Remove,
            Self::Data(data) => data.kind().into(),
        }
    }

    /// Returns the name of its kind, for metrics.
    pub fn label(&self) -> &'static str {
        self.kind().as_str()
    }

    /// Returns whether it starts containers of the instance.
    pub fn starts_containers(&self) -> bool {
        match self {
            Self::Install { .. } | Self::Upgrade { .. } | Self::Configure { .. } => true,
            Self::Power { request: PowerRequest::Start | PowerRequest::Restart, .. } => true,
            Self::Power { request: PowerRequest::Stop, .. } | Self::Remove { .. } | Self::Data(_) => false,
        }
    }

    /// Returns the releases that an order starts, in this order.
    pub fn started_releases(&self) -> impl Iterator<Item = &Release> {
        let through: &[Release] = match self {
            Self::Upgrade { through, .. } => through,
            Self::Install { .. } | Self::Configure { .. } | Self::Power { .. } | Self::Remove { .. } => &[],
            Self::Data(_) => &[],
        };
        through.iter().chain(self.goal().map(|goal| &goal.release))
    }

    /// Returns the target state of the instance, if the order has one.
    pub fn goal(&self) -> Option<&Goal> {
        match self {
            Self::Install { goal } | Self::Upgrade { goal, .. } | Self::Configure { goal, .. } => Some(goal),
            Self::Data(data) => data.goal(),
            Self::Power { .. } | Self::Remove { .. } => None,
        }
    }
}

/// Outcome of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There was nothing to do.
    AlreadySo,
    /// The goal was reached.
    Done,
    /// The instance has its earlier state again.
    RolledBack {
        /// Reason. Earlier versions kept it as a text.
        #[serde(alias = "reason")]
        failure: OrderFailure,
    },
    /// Neither the goal nor the way back was reached: a person is needed.
    Stuck {
        /// Reason. Earlier versions kept it as a text.
        #[serde(alias = "reason")]
        failure: OrderFailure,
        /// Something to do about it. Earlier versions kept it as text.
        #[serde(default, deserialize_with = "crate::hint::read_kept")]
        hint: Option<Hint>,
    },
    /// Nothing was changed.
    Refused {
        /// Reason. Earlier versions kept it as a text.
        #[serde(alias = "reason")]
        failure: OrderFailure,
    },
    /// The target is not reached, or does not count; the instance is as before.
    Failed {
        /// Reason. Earlier versions kept it as a text.
        #[serde(alias = "reason")]
        failure: OrderFailure,
    },
}

impl Outcome {
    /// Returns true where the goal is reached.
    pub fn is_success(&self) -> bool {
        match self {
            Self::AlreadySo | Self::Done => true,
            Self::RolledBack { .. } | Self::Stuck { .. } | Self::Refused { .. } | Self::Failed { .. } => false,
        }
    }

    /// The word operators see.
    pub fn word(&self) -> &'static str {
        match self {
            Self::AlreadySo => "already so",
            Self::Done => "done",
            Self::RolledBack { .. } => "rolled back",
            Self::Stuck { .. } => "stuck",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
        }
    }

    /// Returns its name, for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::AlreadySo => "already_so",
            Self::Done => "done",
            Self::RolledBack { .. } => "rolled_back",
            Self::Stuck { .. } => "stuck",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
        }
    }

    /// Returns the next action about an order that ended as stuck.
    pub fn hint(&self) -> Option<&Hint> {
        match self {
            Self::Stuck { hint, .. } => hint.as_ref(),
            Self::AlreadySo | Self::Done | Self::RolledBack { .. } | Self::Refused { .. } | Self::Failed { .. } => None,
        }
    }

    /// Returns the reason why it did not reach its goal.
    pub fn failure(&self) -> Option<&OrderFailure> {
        match self {
            Self::AlreadySo | Self::Done => None,
            Self::RolledBack { failure }
            | Self::Stuck { failure, .. }
            | Self::Refused { failure }
            | Self::Failed { failure } => Some(failure),
        }
    }
}

/// End of an order as its host reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Outcome.
    pub outcome: Outcome,
    /// Result of the order, beyond the instance's new state.
    pub made: Option<Box<DataResult>>,
}

impl From<Outcome> for End {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, made: None }
    }
}

/// Returns the id of an intention: equal parts give the same id, at any place and time.
pub fn order_id(parts: &[&str]) -> OrderId {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let digits = digest.iter().take(12).flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect();
    hex.parse().expect("12 bytes are 24 hex digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_twice_is_asking_once() {
        assert_eq!(order_id(&["upgrade", "a"]), order_id(&["upgrade", "a"]));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(order_id(&["ab", "c"]), order_id(&["a", "bc"]));
    }
}
