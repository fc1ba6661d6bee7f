//! Problems of an instance's backups, as values. `fleet` turns them into words.

use super::health_level::HealthLevel;
use crate::backup::{StoreGap, UncoveredData, UndeclaredData};
use crate::names::{RepositoryName, StoreName};
use crate::order_failure::OrderFailure;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A reason why the backups of an instance are not as its policy wants them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum BackupProblem {
    /// There is no good backup.
    NoBackup,
    /// The last backup failed as a whole.
    BackupFailed {
        /// Time of the failure.
        at: Time,
        /// Failure of the order.
        failure: OrderFailure,
    },
    /// The last drill failed.
    DrillFailed {
        /// Time of the failure.
        at: Time,
        /// Failure of the order.
        failure: OrderFailure,
    },
    /// The newest backup in a repository could not be restored by a drill.
    NotRestorable {
        /// Repository of the backup.
        repository: RepositoryName,
        /// Failure of the drill.
        failure: Box<OrderFailure>,
    },
    /// The last copy to a repository failed.
    CopyFailed {
        /// Repository of the copy.
        repository: RepositoryName,
        /// Time of the failure.
        at: Time,
        /// Failure of the copy.
        failure: Box<OrderFailure>,
    },
    /// There is no backup in a repository of the policy.
    NoCopy(RepositoryName),
    /// The newest backup in a repository is too old.
    Old {
        /// Repository of the backup.
        repository: RepositoryName,
        /// Age of the backup.
        age: Duration,
        /// Maximum age by the policy.
        limit: Duration,
    },
    /// The last proof is too old.
    ProofOld {
        /// Age of the proof.
        age: Duration,
        /// Interval between drills by the policy.
        interval: Duration,
        /// Repository, if the policy has several.
        repository: Option<RepositoryName>,
    },
    /// No backup was proven for too long.
    NeverProven {
        /// Time since the first backup.
        age: Duration,
        /// Repository, if the policy has several.
        repository: Option<RepositoryName>,
    },
    /// No policy asks for backups.
    NoPolicy,
    /// No store declares a volume or folder.
    Undeclared(UndeclaredData),
    /// A declared store is missing.
    StoreMissing {
        /// Name of the store.
        store: StoreName,
        /// Reason of the host.
        reason: StoreGap,
    },
    /// The newest backup lacks stores.
    Incomplete {
        /// Number of stores in the backup.
        covered: u32,
        /// Number of stores that should be in it.
        declared: u32,
        /// Number of stores that are missing and not named.
        more: usize,
        /// First data that is missing.
        named: Vec<UncoveredData>,
    },
}

impl BackupProblem {
    /// Returns the level of health that the problem causes.
    pub fn level(&self) -> HealthLevel {
        match self {
            Self::NoBackup => HealthLevel::Never,
            Self::BackupFailed { .. }
            | Self::DrillFailed { .. }
            | Self::NotRestorable { .. }
            | Self::CopyFailed { .. } => HealthLevel::Failing,
            Self::NoCopy(_) | Self::Old { .. } | Self::ProofOld { .. } | Self::NeverProven { .. } => HealthLevel::Late,
            Self::NoPolicy | Self::Undeclared(_) | Self::StoreMissing { .. } | Self::Incomplete { .. } => {
                HealthLevel::Uncovered
            }
        }
    }
}
