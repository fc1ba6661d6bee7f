//! Open orders: which of them have ended, which are given up for now, and which are late.
//!
//! A host that gets an order was connected at that time, and by its own clock it ends the order within the order's deadline, or
//! goes back within its rollback budget after that. So a lost host may still be working until both have passed *since it was
//! lost*; until then its order counts in every limit.

use super::PlanContext;
use crate::facts::{LinkState, OpenOrder, Running};
use crate::names::OrderId;
use crate::order::Order;
use crate::rollout::RolloutIntent;
use crate::time::Time;
use std::time::Duration;

/// Time added to a deadline before it counts as passed, for both directions of the connection.
pub(super) const GRACE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
pub(super) struct Open<'a> {
    pub id: &'a OrderId,
    pub order: &'a OpenOrder,
    /// Time at which its end should have arrived.
    pub due: Time,
    pub lateness: Lateness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lateness {
    InTime,
    /// The host is connected, its time is over, and it has said nothing.
    Late,
}

pub(super) enum Settlement<'a> {
    Closed,
    Withdrawn,
    Open(Open<'a>),
}

pub(super) fn settle<'a>(plan_context: &PlanContext<'a>, id: &'a OrderId, order: &'a OpenOrder) -> Settlement<'a> {
    if plan_context.observed.ended.contains_key(id) {
        return Settlement::Closed;
    }
    if !plan_context.desired.hosts.contains_key(&order.host) {
        return Settlement::Withdrawn;
    }
    let link = plan_context.observed.hosts.get(&order.host).map(|host| host.link);
    let due = due(plan_context, id, order, link);
    let is_past = due <= plan_context.now;
    match link {
        Some(LinkState::Online) => {
            let lateness = if is_past { Lateness::Late } else { Lateness::InTime };
            Settlement::Open(Open { id, order, due, lateness })
        }
        Some(LinkState::Offline { .. }) | None if is_past || is_unwanted(plan_context, order) => Settlement::Withdrawn,
        Some(LinkState::Offline { .. }) | None => Settlement::Open(Open { id, order, due, lateness: Lateness::InTime }),
    }
}

/// Returns the end of the rollback budget, counted from the last moment at which the host can have begun.
fn due(plan_context: &PlanContext, id: &OrderId, order: &OpenOrder, link: Option<LinkState>) -> Time {
    let lost = match link {
        Some(LinkState::Offline { since }) => since,
        Some(LinkState::Online) | None => Time::ZERO,
    };
    let instance = plan_context.observed.instances.get(&order.order.instance);
    let at_work = instance.filter(|seen| is_busy_with(&seen.running, id)).map_or(Time::ZERO, |seen| seen.at);
    latest_end(order.asked.max(lost).max(at_work), &order.order)
}

/// Returns the time at which the end of an order that a host begins at `begun` has arrived, the way back included.
pub fn latest_end(begun: Time, order: &Order) -> Time {
    begun.after(order.deadline).after(order.rollback_budget()).after(GRACE)
}

/// Returns whether a host reports that it is working on this order.
pub(super) fn is_busy_with(running: &Running, id: &OrderId) -> bool {
    match running {
        Running::Busy { order, .. } => order == id,
        Running::Absent | Running::Settled(_) => false,
    }
}

/// An order of an aborted rollout or of a skipped member that a lost host may not have received: it must not find it when it is
/// back.
fn is_unwanted(plan_context: &PlanContext, order: &OpenOrder) -> bool {
    let Some(id) = &order.rollout else { return false };
    plan_context.desired.rollouts.get(id).is_none_or(|rollout| {
        rollout.intent == RolloutIntent::Abort || rollout.skips.contains_key(&order.order.instance)
    })
}
