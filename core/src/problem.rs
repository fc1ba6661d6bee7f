//! Problems that need a person, as values. `fleet` turns them into words.

use crate::backup::RepositoryProblem;
use crate::backup_health::BackupProblem;
use crate::data_leftover::DataLeftover;
use crate::drift::Drift;
use crate::duplicate::Machine;
use crate::halt_reason::HaltReason;
use crate::health_problem::HealthProblem;
use crate::names::{BackupId, HostName, InstanceName, ReleaseName, RepositoryName};
use crate::order_failure::OrderFailure;
use crate::order_summary::OrderSummary;
use crate::plain_text::ShortText;
use crate::time::Time;
use crate::undeliverable_reason::UndeliverableReason;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A problem that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum Problem {
    /// A bug: a part of the coordinator panicked.
    Panicked {
        /// Part that panicked.
        part: ShortText,
        /// Number of panics.
        count: u64,
        /// Time of the last one.
        last: Time,
        /// Message of the last one.
        message: ShortText,
    },
    /// Two machines connect as one host; its orders are held.
    TwoMachines {
        /// Time at which it was found.
        since: Time,
        /// Machines, newest first.
        machines: Vec<Machine>,
    },
    /// A host supports no protocol of this coordinator, and is refused.
    OtherProtocol {
        /// Oldest protocol of the host.
        oldest: u32,
        /// Newest protocol of the host.
        newest: u32,
        /// Oldest protocol of this coordinator.
        own_oldest: u32,
        /// Newest protocol of this coordinator.
        own_newest: u32,
    },
    /// A host is offline.
    Offline {
        /// Time since when this is so.
        since: Time,
    },
    /// The clock of a host is behind.
    ClockBehind(Duration),
    /// The clock of a host is ahead.
    ClockAhead(Duration),
    /// The Engine of a host has little free space, in bytes.
    EngineDiskLow(u64),
    /// A host reports more than its share.
    ReportsTooMuch,
    /// A report about an instance was too large.
    ReportTooLarge,
    /// A report could not be read.
    ReportUnreadable,
    /// An instance is stuck.
    Stuck(OrderFailure),
    /// An instance lacks its data, and its host does not have the instance.
    DataMissing {
        /// Backup from which it was made; none if it is known from a backup of the coordinator.
        from: Option<BackupId>,
    },
    /// The last order of an instance was rolled back.
    OrderRolledBack(OrderFailure),
    /// The last order of an instance was refused.
    OrderRefused(OrderFailure),
    /// The last order of an instance failed.
    OrderFailed(OrderFailure),
    /// An instance is unhealthy, with the reason.
    Unhealthy(HealthProblem),
    /// Restores left data that could not be removed.
    Leftovers {
        /// Number of further ones.
        more: usize,
        /// The first ones.
        first: Vec<DataLeftover>,
    },
    /// An instance was changed by hand.
    Drift {
        /// Number of further changes.
        more: usize,
        /// The first changes.
        #[serde(deserialize_with = "crate::drift::read_kept")]
        changes: Vec<Drift>,
    },
    /// The host of an instance cannot get an order.
    Undeliverable {
        /// Reason.
        reason: Box<UndeliverableReason>,
        /// Order.
        order: Box<OrderSummary>,
    },
    /// The host of an instance has not reported the end of an order in time.
    OrderOverdue {
        /// Host of the instance.
        host: HostName,
        /// Time of the order.
        asked: Time,
    },
    /// The host of an instance has a newer revision of its values.
    NewerRevision {
        /// Revision of the host.
        found: u64,
        /// Wanted revision.
        wanted: u64,
    },
    /// The host of an instance has a release that was not requested here.
    OtherRelease(ReleaseName),
    /// A host has an instance that is unknown here.
    UnknownInstance {
        /// Instance of the host.
        instance: InstanceName,
        /// Release of the instance.
        release: ReleaseName,
    },
    /// A rollout is halted, with the reason.
    RolloutHalted(HaltReason),
    /// Members of a rollout are overdue.
    MembersOverdue(usize),
    /// The backups of an instance are not as its policy wants them.
    Backups {
        /// Number of further problems.
        more: usize,
        /// Worst problem.
        worst: Box<BackupProblem>,
    },
    /// Instances have no policy for backups.
    WithoutPolicy {
        /// Number of these instances.
        count: usize,
        /// First one.
        first: InstanceName,
    },
    /// The repository of an instance has a problem.
    Repository {
        /// Repository.
        repository: RepositoryName,
        /// Problem.
        problem: Box<RepositoryProblem>,
    },
    /// The problems of repositories could not be read.
    RepositoriesUnknown(ShortText),
    /// Less than a tenth of the coordinator's disk is free.
    RepositoryDiskLow {
        /// Free bytes.
        free: u64,
    },
    /// The coordinator's disk has too little space for the largest backup.
    RepositoryDiskBelowBackup {
        /// Free bytes.
        free: u64,
        /// Size of the largest backup in bytes.
        largest: u64,
    },
    /// The coordinator has no location for its own backups.
    OwnBackupNotSet,
    /// The coordinator could not back itself up, with the reason.
    OwnBackupFailed(ShortText),
    /// The newest backup of the coordinator is too old.
    OwnBackupOld {
        /// Age of the backup.
        age: Duration,
    },
    /// The coordinator has never backed itself up.
    NeverBackedUp,
    /// Old backups of the coordinator could not be removed, with the reason.
    OwnBackupsNotRemoved(ShortText),
    /// The state of the coordinator's own backups could not be read, with the reason.
    OwnBackupUnknown(ShortText),
}
