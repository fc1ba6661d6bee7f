//! `plan()`: computes the next orders, the waiting instances and their reasons from the three facts and the time.

mod blocker;
mod context;
mod data;
mod explain;
mod gate;
mod index;
mod instance_action;
mod intention;
mod member;
mod newer;
mod open;
mod progress;
mod share;
mod steer;
mod take;
#[cfg(test)]
pub(crate) mod tests;

pub use context::PlanContext;
pub use data::data_order_id;
pub use explain::{ExplainedCounts, Explanation, MemberReason, NextStep, ReasonGroup};
pub use member::upgrade_ids;
pub use newer::Newer;
pub use open::latest_end;
pub use progress::Progress;
pub use steer::MemberRefusal;

use crate::facts::{Asked, Desired, Doing, Observed};
use crate::halt_reason::{HaltReason, MemberFailureKind};
use crate::names::{HostName, InstanceName, OrderId, RolloutId};
use crate::order::{Order, Outcome};
use crate::reason::WaitReason;
use crate::release::Release;
use crate::rollout::{Member, Rollout};
use crate::time::Time;

/// Next actions of the reconcile loop, which stores and sends them, and wakes again at `wake_at` at the latest.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "a plan that nobody carries out changes nothing"]
pub struct Plan {
    /// Orders to give.
    pub orders: Vec<NewOrder>,
    /// Open orders with a reported end.
    pub closed: Vec<OrderId>,
    /// Open orders past their deadline and rollback budget, to hosts that are offline: asked again when the host is back.
    pub withdrawn: Vec<OrderId>,
    /// Instances whose removal has been carried out: they can be forgotten.
    pub gone: Vec<InstanceName>,
    /// Instances to which an undo has restored old values, with the revision that is desired from now on.
    pub restored: Vec<(InstanceName, u64)>,
    /// Wishes about data that need not be kept any more.
    pub over: Vec<DataRequestEnd>,
    /// Instances that wait, each with its reason.
    pub waiting: Vec<Waiting>,
    /// Time at which the plan changes without a new fact.
    pub wake_at: Option<Time>,
}

/// Order to give.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOrder {
    /// Host that carries it out.
    pub host: HostName,
    /// The order.
    pub order: Order,
    /// Rollout that it belongs to.
    pub rollout: Option<RolloutId>,
}

/// Request about an instance's data that was carried out, has failed, or has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRequestEnd {
    /// Instance of the request.
    pub instance: InstanceName,
    /// Number of the request.
    pub serial: u64,
    /// End of it.
    pub how: RequestEnd,
}

/// End of a request about data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEnd {
    /// Request that was carried out.
    Done,
    /// Request whose order has failed.
    Failed,
    /// Request that could not begin for so long that it may no longer be meant.
    Lapsed,
}

/// An instance that wants something and does not get it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Instance that waits.
    pub instance: InstanceName,
    /// Rollout that moves it.
    pub rollout: Option<RolloutId>,
    /// Reason.
    pub reason: WaitReason,
}

/// Phase of a rollout. Derived, never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutPhase {
    /// Members may begin.
    Running,
    /// A wave has ended and is watched.
    Soaking {
        /// End of the soak time.
        until: Time,
    },
    /// The window is closed.
    OutsideWindow {
        /// Time at which it opens.
        opens: Time,
    },
    /// An operator paused it.
    Paused,
    /// Too many members failed, so nothing new begins.
    Halted {
        /// Reason.
        reason: HaltReason,
    },
    /// An operator aborted it.
    Aborted,
    /// Done, except for this number of offline hosts; they follow under the same gates.
    DoneButOffline {
        /// Number of offline members.
        missing: usize,
    },
    /// All members are done.
    Done,
}

/// State of one member of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberState {
    /// Not begun.
    Waiting {
        /// Reason.
        reason: WaitReason,
    },
    /// Its order is open.
    UnderWay {
        /// Order of the member.
        order: OrderId,
        /// Time at which the order was given.
        since: Time,
        /// Current step, if it is known.
        doing: Option<Doing>,
        /// Obstacle, if its host has not said that it has begun.
        held_up: Option<WaitReason>,
    },
    /// Past its deadline and rollback budget without a word, though its host is online.
    Overdue {
        /// Order of the member.
        order: OrderId,
        /// Time at which the order was given.
        since: Time,
    },
    /// Reached its release.
    Done {
        /// Time of the end.
        at: Time,
    },
    /// Done, and unhealthy or stuck since.
    Sickened {
        /// Failure as which it counts.
        kind: MemberFailureKind,
    },
    /// Its order ended otherwise.
    Failed {
        /// Outcome of the order.
        outcome: Outcome,
        /// Time of the end.
        at: Time,
    },
    /// An operator left it out after the start, and it has neither begun since nor ended well.
    Skipped {
        /// State that it would be in otherwise.
        before: Box<MemberState>,
    },
    /// Its host is not connected.
    Offline,
    /// Runs a release that this rollout neither expects nor wants.
    Elsewhere {
        /// Release that it runs.
        found: Release,
    },
    /// A newer rollout has the instance now.
    Superseded {
        /// The newer rollout.
        by: RolloutId,
    },
    /// The instance or its host is no more, or is about to be.
    Removed,
}

impl MemberState {
    /// Returns the state, of a skipped member the one that it would be in otherwise.
    pub fn unskipped(&self) -> &Self {
        match self {
            Self::Skipped { before } => before,
            other => other,
        }
    }
}

/// Returns the next orders and all waiting instances.
pub fn plan(desired: &Desired, asked: &Asked, observed: &Observed, now: Time) -> Plan {
    PlanContext::new(desired, asked, observed, now).plan()
}

/// Returns the phase of a rollout. For many rollouts at a time, keep a [`PlanContext`].
pub fn phase(rollout: &Rollout, desired: &Desired, asked: &Asked, observed: &Observed, now: Time) -> RolloutPhase {
    PlanContext::new(desired, asked, observed, now).phase(rollout)
}

/// Returns the state of each member of a rollout, in the order in which they are taken.
pub fn members<'a>(
    rollout: &'a Rollout,
    desired: &'a Desired,
    asked: &'a Asked,
    observed: &'a Observed,
    now: Time,
) -> Vec<(&'a Member, MemberState)> {
    PlanContext::new(desired, asked, observed, now).members(rollout)
}

/// Explains the phase of a rollout, the reasons why it waits, and the next action.
pub fn explain(rollout: &Rollout, desired: &Desired, asked: &Asked, observed: &Observed, now: Time) -> Explanation {
    PlanContext::new(desired, asked, observed, now).progress(rollout).explain()
}

/// Tells whether a rollout in this phase may still ask for something, by itself or after `resume`.
pub fn is_active(phase: &RolloutPhase) -> bool {
    match phase {
        RolloutPhase::Running
        | RolloutPhase::Soaking { .. }
        | RolloutPhase::OutsideWindow { .. }
        | RolloutPhase::Paused
        | RolloutPhase::Halted { .. }
        | RolloutPhase::DoneButOffline { .. } => true,
        RolloutPhase::Aborted | RolloutPhase::Done => false,
    }
}

/// Returns whether a rollout in this phase blocks another one of the same app.
///
/// A rollout that is done except for offline members does not block: they may be offline for months. If a newer rollout
/// names such a member, the newer one has it; otherwise the older one catches up when the host is back.
pub fn forbids_another(phase: &RolloutPhase) -> bool {
    match phase {
        RolloutPhase::DoneButOffline { .. } => false,
        RolloutPhase::Running
        | RolloutPhase::Soaking { .. }
        | RolloutPhase::OutsideWindow { .. }
        | RolloutPhase::Paused
        | RolloutPhase::Halted { .. }
        | RolloutPhase::Aborted
        | RolloutPhase::Done => is_active(phase),
    }
}
