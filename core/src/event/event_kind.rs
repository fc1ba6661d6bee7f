//! Kinds of events.

use super::HostEvent;
use crate::access::Role;
use crate::backup::BackupDamage;
use crate::duplicate::Machine;
use crate::names::{BackupId, HostName, InstanceName, OperatorName, OrderId, ReleaseName, RepositoryName};
use crate::not_asked::MemberNotAsked;
use crate::order_failure::OrderFailure;
use crate::order_summary::OrderSummary;
use crate::plain_text::ShortText;
use crate::problem::Problem;
use crate::rollout::SkipReason;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Kind of an event, with what happened. `by` is the operator who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum EventKind {
    /// Text that was kept before events were codes.
    Text(ShortText),
    /// Event that a host reported.
    Reported(Box<HostEvent>),
    /// A problem was found.
    Found(Box<Problem>),

    /// Addition of the subject.
    Added {
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// Removal of the subject at the request of an operator.
    Removed {
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// A host or a machine of an operator joined.
    Joined,
    /// The token of a host or an operator was revoked.
    TokenRevoked {
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// An operator was added, or got another role.
    OperatorAdded {
        /// Role of the operator.
        role: Role,
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// An operator took recovery kits.
    RecoveryKitsTaken {
        /// Number of kits.
        count: usize,
    },
    /// A release was pushed.
    Pushed {
        /// Operator who pushed it.
        by: OperatorName,
    },

    /// A host joined again, so the two machines that connected as it do not count any more.
    JoinedAgain {
        /// Time at which the two machines were found.
        since: Time,
    },
    /// One of two machines that connected as a host is left, and gets its orders: the first. The others are gone.
    OneMachineLeft(Vec<Machine>),
    /// A host supports a protocol of this coordinator again.
    ProtocolAccepted,
    /// A host reports more events than are kept; the rest is counted.
    TooManyEvents {
        /// Number of events that are kept in a minute.
        limit: u32,
    },
    /// Events of a host were not kept.
    EventsDropped {
        /// Number of these events.
        count: u32,
    },

    /// The coordinator was restored from a backup of its facts.
    CoordinatorRestored {
        /// Time of the facts.
        of: Time,
    },
    /// The run before ended without an orderly stop.
    Crashed {
        /// Start of that run, if it is known.
        since: Option<Time>,
    },
    /// There is enough space for repositories again.
    RepositoryDiskFine,

    /// An instance is to be installed.
    InstallRequested {
        /// Release.
        release: ReleaseName,
        /// Host.
        host: HostName,
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// An instance is to be created from a backup of another one.
    CreationRequested {
        /// Host.
        host: HostName,
        /// Backup.
        backup: BackupId,
        /// Instance of the backup.
        of: InstanceName,
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// The configuration was changed.
    ConfigurationChanged {
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// Work on an instance was requested.
    WorkRequested {
        /// Operator who asked for it.
        by: OperatorName,
        /// Requested work.
        work: Box<OrderSummary>,
    },
    /// Work that was requested before the backup of the facts must be requested again.
    RequestsLost,
    /// Requested work on the data has lapsed.
    RequestLapsed,
    /// The instance was removed from its host.
    InstanceRemoved,
    /// An undo has put the earlier values back.
    ValuesPutBack,
    /// An order was withdrawn, because the host did not answer in time.
    OrderWithdrawn {
        /// Host of the instance.
        host: HostName,
        /// Order.
        order: Box<OrderSummary>,
    },
    /// An order had nothing to do.
    OrderNeedless(Box<OrderSummary>),
    /// An order is done.
    OrderDone(Box<OrderSummary>),
    /// An order was rolled back.
    OrderRolledBack {
        /// Failure.
        failure: Box<OrderFailure>,
        /// Order.
        order: Box<OrderSummary>,
    },
    /// An order is stuck.
    OrderStuck {
        /// Failure.
        failure: Box<OrderFailure>,
        /// Order.
        order: Box<OrderSummary>,
    },
    /// An order was refused.
    OrderRefused {
        /// Failure.
        failure: Box<OrderFailure>,
        /// Order.
        order: Box<OrderSummary>,
    },
    /// An order failed.
    OrderFailed {
        /// Failure.
        failure: Box<OrderFailure>,
        /// Order.
        order: Box<OrderSummary>,
    },

    /// A backup was reported after its order was withdrawn.
    LateBackup {
        /// Order that made it.
        order: OrderId,
        /// True if the backup counts.
        counts: bool,
    },
    /// Backups were forgotten, as the policy says.
    BackupsForgotten {
        /// Number of backups.
        count: usize,
        /// Repository.
        repository: RepositoryName,
    },
    /// An operator lets a backup count that no order requested.
    BackupAccepted {
        /// Backup.
        backup: BackupId,
        /// Repository.
        repository: RepositoryName,
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// An operator has chosen the snapshot that is a backup.
    SnapshotChosen {
        /// Backup.
        backup: BackupId,
        /// Repository.
        repository: RepositoryName,
        /// Chosen snapshot.
        snapshot: ShortText,
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// A backup is damaged.
    BackupDamaged {
        /// Backup.
        backup: BackupId,
        /// Repository.
        repository: RepositoryName,
        /// Damage.
        reason: BackupDamage,
    },
    /// A damaged backup can be read again.
    BackupReadable {
        /// Backup.
        backup: BackupId,
        /// Repository.
        repository: RepositoryName,
    },
    /// An operator holds a backup.
    BackupHeld {
        /// Backup.
        backup: BackupId,
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// An operator has released a held backup.
    BackupReleased {
        /// Backup.
        backup: BackupId,
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// Backups were lost with the coordinator's former disk; their repository is created again.
    BackupsLost {
        /// Number of backups.
        count: usize,
        /// Repository.
        repository: RepositoryName,
    },

    /// A rollout was started.
    RolloutStarted {
        /// New release.
        release: ReleaseName,
        /// Number of instances.
        members: usize,
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// A rollout was started although hosts were not asked whether they would refuse it.
    HostsNotAsked {
        /// Number of further instances.
        more: usize,
        /// First instances, each with the reason.
        named: Vec<MemberNotAsked>,
    },
    /// A rollout was paused.
    RolloutPaused {
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// A rollout was resumed.
    RolloutResumed {
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// A rollout was aborted.
    RolloutAborted {
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// A member of a rollout is tried again.
    MemberRetried {
        /// Instance.
        instance: InstanceName,
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// A member of a rollout was left out after the start.
    MemberSkipped {
        /// Instance.
        instance: InstanceName,
        /// Operator who asked for it.
        by: OperatorName,
        /// Reason that the operator gave.
        reason: SkipReason,
    },
    /// The undo of a rollout was requested.
    UndoRequested {
        /// Operator who asked for it.
        by: OperatorName,
    },

    /// A policy was changed.
    PolicyChanged {
        /// Operator who asked for it.
        by: OperatorName,
        /// Instances of which fewer backups are kept.
        fewer: Vec<InstanceName>,
    },
    /// A policy was removed; existing backups stay.
    PolicyRemoved {
        /// Operator who asked for it.
        by: OperatorName,
    },
    /// A repository was removed, and its backups were forgotten.
    RepositoryRemoved {
        /// Operator who asked for it.
        by: OperatorName,
        /// Number of forgotten backups.
        backups: usize,
    },
}
