//! Reasons that operators read, as values. Words are made by whoever shows them.

mod left_out;

pub use left_out::LeftOutReason;

use crate::activity::Activity;
use crate::capability::Capability;
use crate::names::{AppName, BackupId, InstanceName, RolloutId};
use crate::order_failure::OrderFailure;
use crate::order_kind::OrderKind;
use crate::time::Time;

/// Reason why an instance, or a member of a rollout, waits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WaitReason {
    // The host.
    /// Its host was removed.
    HostRemoved,
    /// Its host has never connected.
    HostNeverSeen,
    /// Its host is offline.
    HostOffline {
        /// Time at which the connection ended.
        since: Time,
    },
    /// The coordinator has only just started: the host may be reconnecting.
    HostReturning {
        /// Time until which it is waited for.
        until: Time,
    },
    /// Two machines connect as its host.
    HostDuplicate {
        /// Time since when both do.
        since: Time,
    },
    /// The host's own hours are closed.
    HostHours {
        /// Time at which they open.
        opens: Time,
    },
    /// The host's policy does not allow the app.
    AppForbidden {
        /// The app.
        app: AppName,
    },
    /// Its host's agent lacks a capability that the action or its release needs.
    AgentTooOld {
        /// The capability.
        lacks: Capability,
    },

    // The instance.
    /// No report about the instance.
    NotReported,
    /// Its last order ended after its host's last report about it.
    NotReportedSinceOrder,
    /// Not installed.
    NotInstalled,
    /// In the middle of an order. The progress of a step is not part of it: the reason would change all the time.
    Busy {
        /// Step of the order, if it is known.
        step: Option<Activity>,
    },
    /// Values on its host that are unknown here: only a person can decide which count.
    NewerValues {
        /// Revision that its host reports.
        said: u64,
        /// Revision that is wanted.
        wanted: u64,
    },
    /// Created from a backup, and its host does not have it: an installation would not give it its data.
    NeverEmpty {
        /// Instance of the backup.
        instance: InstanceName,
        /// The backup.
        backup: BackupId,
    },
    /// Known from restored facts, and its host does not have it: an installation would not give it its data.
    NeverEmptyAsOf {
        /// Time of the restored facts.
        of: Time,
    },

    // Its orders.
    /// Another order for it is under way.
    OtherOrder,
    /// An order about its data is under way.
    DataOrder {
        /// Kind of the order.
        order: OrderKind,
        /// Time at which it was given.
        since: Time,
    },
    /// Its host is online and has not said how its order ended.
    OrderOverdue {
        /// Time at which it was given.
        since: Time,
    },
    /// The order ended well, and its host reports another state.
    EndedOtherwise {
        /// Kind of the order.
        order: OrderKind,
    },
    /// The order was rolled back.
    OrderRolledBack {
        /// Kind of the order.
        order: OrderKind,
        /// Reason of the outcome.
        failure: Box<OrderFailure>,
    },
    /// The order is stuck.
    OrderStuck {
        /// Kind of the order.
        order: OrderKind,
        /// Reason of the outcome.
        failure: Box<OrderFailure>,
    },
    /// The order was refused.
    OrderRefused {
        /// Kind of the order.
        order: OrderKind,
        /// Reason of the outcome.
        failure: Box<OrderFailure>,
    },
    /// The order failed.
    OrderFailed {
        /// Kind of the order.
        order: OrderKind,
        /// Reason of the outcome.
        failure: Box<OrderFailure>,
    },
    /// Something stands in the way of one order.
    Blocked {
        /// Kind of the order.
        order: OrderKind,
        /// The obstacle.
        by: Box<WaitReason>,
    },

    // Its rollout.
    /// The rollout was aborted.
    RolloutAborted,
    /// The rollout is done.
    RolloutDone,
    /// The rollout is halted.
    RolloutHalted {
        /// The rollout, which has the reason.
        rollout: RolloutId,
    },
    /// The rollout is paused.
    RolloutPaused,
    /// The rollout's window is closed.
    WindowClosed {
        /// Time at which it opens.
        opens: Time,
    },
    /// Might not end before the rollout's window closes.
    WindowTooShort {
        /// Time at which the window closes.
        closes: Time,
        /// Time at which the next one opens.
        opens: Time,
    },
    /// The wave before is watched.
    Soaking {
        /// End of the soak time.
        until: Time,
    },
    /// Its wave has not come.
    LaterWave,
    /// As many members as may be under way share a label's value with its host.
    LabelLimit {
        /// Members that may be under way at a time.
        limit: u32,
        /// The label.
        label: String,
        /// Its value.
        value: String,
    },
    /// Asked now.
    Asked,
    /// Its host is offline, and the rollout has not moved it; it catches up.
    CatchesUp,

    // Its backups and drills.
    /// Stopped.
    Stopped,
    /// Another drill runs on its host.
    OtherDrill,
    /// As many backups and drills as may run at a time do so.
    DataLimit {
        /// Backups and drills that may run at a time.
        limit: usize,
    },
    /// The policy's window is closed.
    PolicyWindow {
        /// Time at which it opens.
        opens: Time,
    },
    /// An attempt failed, and the next one follows.
    NextAttempt {
        /// Kind of the order.
        order: OrderKind,
        /// Attempts so far.
        attempts: usize,
        /// Attempts that are made in all.
        limit: usize,
        /// Time of the next attempt.
        again: Time,
        /// Reason of the last outcome; none where it ended well and not all was made.
        failure: Option<Box<OrderFailure>>,
    },
    /// All attempts failed.
    NoMoreAttempts {
        /// Kind of the order.
        order: OrderKind,
        /// Attempts so far.
        attempts: usize,
        /// Attempts that are made in all.
        limit: usize,
        /// Reason of the last outcome; none where it ended well and not all was made.
        failure: Option<Box<OrderFailure>>,
    },
}

impl WaitReason {
    /// Returns it as an obstacle of one order.
    #[must_use]
    pub fn of(self, order: OrderKind) -> Self {
        Self::Blocked { order, by: Box::new(self) }
    }

    /// The moment at which time alone ends it, if it is known.
    pub fn ends(&self) -> Option<Time> {
        match self {
            Self::HostHours { opens: end } | Self::HostReturning { until: end } => Some(*end),
            Self::WindowClosed { opens: end }
            | Self::WindowTooShort { opens: end, .. }
            | Self::Soaking { until: end } => Some(*end),
            Self::PolicyWindow { opens: end } | Self::NextAttempt { again: end, .. } => Some(*end),
            Self::Blocked { by, .. } => by.ends(),
            Self::HostRemoved
            | Self::HostNeverSeen
            | Self::HostOffline { .. }
            | Self::HostDuplicate { .. }
            | Self::AppForbidden { .. }
            | Self::AgentTooOld { .. }
            | Self::NotReported
            | Self::NotReportedSinceOrder
            | Self::NotInstalled
            | Self::Busy { .. }
            | Self::NewerValues { .. }
            | Self::NeverEmpty { .. }
            | Self::NeverEmptyAsOf { .. }
            | Self::OtherOrder
            | Self::DataOrder { .. }
            | Self::OrderOverdue { .. }
            | Self::EndedOtherwise { .. }
            | Self::OrderRolledBack { .. }
            | Self::OrderStuck { .. }
            | Self::OrderRefused { .. }
            | Self::OrderFailed { .. }
            | Self::RolloutAborted
            | Self::RolloutDone
            | Self::RolloutHalted { .. }
            | Self::RolloutPaused
            | Self::LaterWave
            | Self::LabelLimit { .. }
            | Self::Asked
            | Self::CatchesUp
            | Self::Stopped
            | Self::OtherDrill
            | Self::DataLimit { .. }
            | Self::NoMoreAttempts { .. } => None,
        }
    }
}
