//! Severity of problems.

use fleet_core::problem::Problem;

/// Severity of a problem, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Panic,
    Duplicate,
    Stuck,
    Halted,
    Unhealthy,
    Overdue,
    Refused,
    Offline,
    Failed,
    Newer,
    Backups,
    Room,
    Leftover,
    Clock,
    Loud,
    Drift,
}

impl From<&Problem> for Rank {
    fn from(problem: &Problem) -> Self {
        match problem {
            Problem::Panicked { .. } => Self::Panic,
            Problem::TwoMachines { .. } => Self::Duplicate,
            Problem::Stuck(_) | Problem::Undeliverable { .. } => Self::Stuck,
            Problem::RolloutHalted(_) => Self::Halted,
            Problem::Unhealthy(_) => Self::Unhealthy,
            Problem::OrderOverdue { .. } | Problem::MembersOverdue(_) => Self::Overdue,
            Problem::OtherProtocol { .. } => Self::Refused,
            Problem::Offline { .. } => Self::Offline,
            Problem::OrderRolledBack(_) | Problem::OrderRefused(_) | Problem::OrderFailed(_) => Self::Failed,
            Problem::NewerRevision { .. }
            | Problem::DataMissing { .. }
            | Problem::OtherRelease(_)
            | Problem::UnknownInstance { .. } => Self::Newer,
            Problem::Backups { .. }
            | Problem::WithoutPolicy { .. }
            | Problem::Repository { .. }
            | Problem::RepositoriesUnknown(_)
            | Problem::OwnBackupNotSet
            | Problem::OwnBackupFailed(_)
            | Problem::OwnBackupOld { .. }
            | Problem::NeverBackedUp
            | Problem::OwnBackupsNotRemoved(_)
            | Problem::OwnBackupUnknown(_) => Self::Backups,
            Problem::EngineDiskLow(_)
            | Problem::RepositoryDiskLow { .. }
            | Problem::RepositoryDiskBelowBackup { .. } => Self::Room,
            Problem::Leftovers { .. } => Self::Leftover,
            Problem::ClockBehind(_) | Problem::ClockAhead(_) => Self::Clock,
            Problem::ReportsTooMuch | Problem::ReportTooLarge | Problem::ReportUnreadable => Self::Loud,
            Problem::Drift { .. } => Self::Drift,
        }
    }
}
