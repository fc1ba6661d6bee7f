//! Problems and their codes.

use super::arguments::{Argument, coded_message};
use crate::v1;
use fleet_core::backup::RepositoryProblem;
use fleet_core::backup_health::BackupProblem;
use fleet_core::order_summary::OrderSummary;
use fleet_core::problem::Problem;
use fleet_core::undeliverable_reason::UndeliverableReason;

coded_message! {
    Problem, Problem, ProblemCode, incoming_problem:
    Panicked { part, count, last, message },
    TwoMachines { since, machines },
    OtherProtocol { oldest, newest, own_oldest, own_newest },
    Offline { since },
    ClockBehind(a),
    ClockAhead(a),
    EngineDiskLow(a),
    ReportsTooMuch,
    ReportTooLarge,
    ReportUnreadable,
    Stuck(a),
    DataMissing { from },
    OrderRolledBack(a),
    OrderRefused(a),
    OrderFailed(a),
    Unhealthy(a),
    Leftovers { more, first },
    Drift { more, changes },
    Undeliverable { reason, order },
    OrderOverdue { host, asked },
    NewerRevision { found, wanted },
    OtherRelease(a),
    UnknownInstance { instance, release },
    RolloutHalted(a),
    MembersOverdue(a),
    Backups { more, worst },
    WithoutPolicy { count, first },
    Repository { repository, problem },
    RepositoriesUnknown(a),
    RepositoryDiskLow { free },
    RepositoryDiskBelowBackup { free, largest },
    OwnBackupNotSet,
    OwnBackupFailed(a),
    OwnBackupOld { age },
    NeverBackedUp,
    OwnBackupsNotRemoved(a),
    OwnBackupUnknown(a),
}

coded_message! {
    BackupProblem, BackupProblem, BackupProblemCode, incoming_backup_problem:
    NoBackup,
    BackupFailed { at, failure },
    DrillFailed { at, failure },
    NotRestorable { repository, failure },
    CopyFailed { repository, at, failure },
    NoCopy(a),
    Old { repository, age, limit },
    ProofOld { age, interval, repository },
    NeverProven { age, repository },
    NoPolicy,
    Undeclared(a),
    StoreMissing { store, reason },
    Incomplete { covered, declared, more, named },
}

coded_message! {
    RepositoryProblem, RepositoryProblem, RepositoryProblemCode, incoming_repository_problem:
    Text(a),
    Damaged { count, first, reason },
    OverQuota { order, limit },
    NotMaintained(a),
    NotListed(a),
    KeyUnreadable(a),
    ForgettingHalted { bytes, before, before_bytes },
    Unrequested { count, first },
    ForeignSnapshots { count, first },
    FalseProofs { count, first },
}

coded_message! {
    OrderSummary, OrderSummary, OrderSummaryCode, incoming_order_summary:
    Install(a),
    Upgrade(a, b),
    Configure,
    Start,
    Stop,
    Restart,
    Remove,
    Backup,
    Drill,
    Restore(a),
    Forget,
}

coded_message! {
    UndeliverableReason, UndeliverableReason, UndeliverableReasonCode, incoming_undeliverable_reason:
    Text(a),
    ValuesMissing { instance, revision },
    ValueSealed { instance, value },
    TwoMachines { since },
    NoRepository(a),
    NothingInRepository { repository, instance },
    BucketKeysMissing(a),
    AgentTooOld { lacks },
    RepositoryOnHost(a),
    RepositoryBeingMade(a),
    RepositoryNotMade { repository, cause },
    BackupMissing { repository, instance, backup },
    BackupUnreadable { backup, damage },
    RepositoryKeysUnreadable { cause },
    RepositoryFailed { cause },
    RepositoryBeingMadeSince { repository, since },
}
