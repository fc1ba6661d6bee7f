//! `plan()`: from the three facts and the time to what is asked next, what waits, and because of what.

use crate::facts::{Asked, Desired, Observed};
use crate::names::{HostName, InstanceName, OrderId, RolloutId};
use crate::order::{Order, Outcome, Release};
use crate::rollout::{Member, Rollout};
use crate::time::Time;

/// What the loop does next. The loop writes it, tells it, and wakes again at `wake_at` at the latest.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "a plan that nobody carries out changes nothing"]
pub struct Plan {
    pub orders: Vec<NewOrder>,
    /// Open orders whose end was heard.
    pub closed: Vec<OrderId>,
    /// Open orders past their deadline, to hosts that are offline: asked again when the host is back.
    pub withdrawn: Vec<OrderId>,
    pub waiting: Vec<Waiting>,
    pub wake_at: Option<Time>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewOrder {
    pub host: HostName,
    pub order: Order,
    pub rollout: Option<RolloutId>,
}

/// An instance that wants something and does not get it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub instance: InstanceName,
    pub rollout: Option<RolloutId>,
    pub because: String,
}

/// Where a rollout stands. Derived, never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    Running,
    Soaking {
        until: Time,
    },
    OutsideWindow {
        opens: Time,
    },
    Paused,
    /// So many failed that nothing new begins.
    Halted {
        reason: String,
    },
    Aborted,
    /// All but so many hosts that are offline; they catch up under the same gates.
    DoneButOffline {
        missing: usize,
    },
    Done,
}

/// Where one member of a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberState {
    Waiting {
        because: String,
    },
    UnderWay {
        order: OrderId,
        since: Time,
        step: Option<String>,
    },
    /// Past its deadline without a word, though its host is online.
    Overdue {
        order: OrderId,
        since: Time,
    },
    Done {
        at: Time,
    },
    /// Done, and unhealthy since.
    Sickened {
        reason: String,
    },
    Failed {
        outcome: Outcome,
        at: Time,
    },
    Offline,
    /// It runs something that this rollout neither expects nor wants.
    Elsewhere {
        found: Release,
    },
    /// A newer rollout has the instance now.
    Superseded {
        by: RolloutId,
    },
    /// The instance or its host is no more, or is about to be.
    Removed,
}

/// Decides what is asked next.
pub fn plan(_desired: &Desired, _asked: &Asked, _observed: &Observed, _now: Time) -> Plan {
    Plan::default()
}

/// Where a rollout stands.
pub fn phase(_rollout: &Rollout, _desired: &Desired, _asked: &Asked, _observed: &Observed, _now: Time) -> Phase {
    Phase::Running
}

/// Where each member of a rollout stands, in the order in which they are taken.
pub fn members<'a>(
    _rollout: &'a Rollout,
    _desired: &Desired,
    _asked: &Asked,
    _observed: &Observed,
    _now: Time,
) -> Vec<(&'a Member, MemberState)> {
    Vec::new()
}

/// Says in sentences where a rollout stands, what it waits for, and what to do next.
pub fn explain(
    _rollout: &Rollout,
    _desired: &Desired,
    _asked: &Asked,
    _observed: &Observed,
    _now: Time,
) -> Vec<String> {
    Vec::new()
}

/// Tells whether a rollout in this phase may still ask for something, by itself or after `resume`.
pub fn is_active(phase: &Phase) -> bool {
    match phase {
        Phase::Running
        | Phase::Soaking { .. }
        | Phase::OutsideWindow { .. }
        | Phase::Paused
        | Phase::Halted { .. }
        | Phase::DoneButOffline { .. } => true,
        Phase::Aborted | Phase::Done => false,
    }
}
