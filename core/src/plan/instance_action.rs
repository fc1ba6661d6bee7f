//! Plans every instance: each gets at most one order, or the reason why it waits.

use super::blocker;
use super::index::InstanceContext;
use super::intention::{self, Intention};
use super::newer::newer;
use super::open::{Lateness, Open};
use super::share::{Offer, share};
use super::{NewOrder, Newer, Plan, PlanContext, Waiting, data, progress};
use crate::facts::Ended;
use crate::names::InstanceName;
use crate::order::Outcome;
use crate::order_failure::OrderFailure;
use crate::reason::WaitReason;
use crate::time::Time;
use std::collections::HashMap;

/// Decision for one instance outside of rollouts.
pub(super) enum InstanceAction {
    /// No change, until time alone causes one.
    Nothing {
        until: Option<Time>,
    },
    /// Its removal has been carried out.
    Gone,
    Ask(NewOrder),
    /// Could be given, if there is a slot among all similar ones.
    Offer(Offer),
    Wait {
        reason: WaitReason,
        until: Option<Time>,
    },
}

/// The earliest moment at which time alone changes something.
struct Wake {
    now: Time,
    at: Option<Time>,
}

impl Wake {
    fn by(&mut self, moment: Option<Time>) {
        let coming = moment.filter(|moment| *moment > self.now);
        self.at = [self.at, coming].into_iter().flatten().min();
    }
}

pub(super) fn plan(plan_context: &PlanContext) -> Plan {
    let mut plan = Plan {
        closed: plan_context.closed.iter().map(|id| (*id).clone()).collect(),
        withdrawn: plan_context.withdrawn.iter().map(|id| (*id).clone()).collect(),
        ..Plan::default()
    };
    let mut wake = Wake { now: plan_context.now, at: None };
    let mut taken = rollouts(plan_context, &mut plan, &mut wake);
    let mut offers = Vec::new();
    for name in plan_context.desired.instances.keys() {
        let Some(instance_context) = plan_context.index.instance(name) else { continue };
        wake.by(plan_context.open(name).map(|open| open.due));
        plan.over.extend(data::over(plan_context, instance_context));
        plan.restored.extend(restored(plan_context, instance_context).map(|revision| (name.clone(), revision)));
        let rollout = if taken.is_empty() { None } else { taken.remove(name) };
        match turn(plan_context, instance_context, rollout) {
            InstanceAction::Nothing { until } => wake.by(until),
            InstanceAction::Offer(offer) => offers.push(offer),
            InstanceAction::Gone => plan.gone.push(name.clone()),
            InstanceAction::Ask(order) => plan.orders.push(order),
            InstanceAction::Wait { reason, until } => {
                wake.by(until);
                plan.waiting.push(Waiting { instance: name.clone(), rollout: None, reason });
            }
        }
    }
    let (orders, waiting) = share(plan_context, offers);
    plan.orders.extend(orders);
    plan.waiting.extend(waiting);
    plan.waiting.sort_by(|a, b| (&a.instance, &a.rollout).cmp(&(&b.instance, &b.rollout)));
    plan.wake_at = wake.at;
    plan
}

/// The revision that an undo has brought, while an older one is still wanted; whichever rollout has the instance now.
fn restored(plan_context: &PlanContext, instance_context: &InstanceContext) -> Option<u64> {
    match newer(plan_context, instance_context)? {
        Newer::Brought(revision) => Some(revision),
        Newer::Unknown(_) => None,
    }
}

/// Collects the orders and waiting instances of every rollout with instances.
fn rollouts<'a>(
    plan_context: &PlanContext<'a>,
    plan: &mut Plan,
    wake: &mut Wake,
) -> HashMap<&'a InstanceName, NewOrder> {
    let mut taken = HashMap::new();
    for rollout in &plan_context.claiming {
        let progress = progress::progress(plan_context, rollout);
        plan.waiting.extend(progress.waiting());
        progress.wakes.iter().for_each(|moment| wake.by(Some(*moment)));
        taken.extend(progress.orders(plan_context));
    }
    taken
}

fn turn(plan_context: &PlanContext, instance_context: &InstanceContext, rollout: Option<NewOrder>) -> InstanceAction {
    let wanted = intention::wanted(plan_context, instance_context);
    if let Some(open) = plan_context.open(instance_context.name) {
        if let Some(duplicate) = blocker::duplicate(plan_context, &open.order.host) {
            return wait(duplicate);
        }
        return beside(open, wanted.ok().flatten().or_else(|| data::requested(plan_context, instance_context)));
    }
    // Its host may have nothing more to report about it, so this does not wait for a report.
    if intention::is_removed(plan_context, instance_context) {
        return InstanceAction::Gone;
    }
    if let Some(order) = rollout {
        return InstanceAction::Ask(order);
    }
    let own = match wanted {
        Ok(None) => InstanceAction::Nothing { until: None },
        Ok(Some(intention)) => match blocker_of(plan_context, instance_context, &intention) {
            _ if plan_context.observed.ended.contains_key(&intention.id) => ended(plan_context, &intention),
            Ok(()) => InstanceAction::Ask(intention.order(instance_context.name, instance_context.desired)),
            Err(blocker) => wait(blocker),
        },
        Err(unclear) => match blocker::reachable(plan_context, instance_context) {
            Ok(_) => wait(unclear),
            Err(unreachable) => wait(unreachable),
        },
    };
    with_data(own, || data::turn(plan_context, instance_context))
}

/// An obstacle on the way to the desired state does not block work on the data.
fn with_data(own: InstanceAction, data: impl FnOnce() -> InstanceAction) -> InstanceAction {
    match own {
        InstanceAction::Nothing { .. } => data(),
        InstanceAction::Wait { reason, until } => match data() {
            offer @ (InstanceAction::Ask(_) | InstanceAction::Offer(_)) => offer,
            InstanceAction::Nothing { until: other } | InstanceAction::Wait { until: other, .. } => {
                InstanceAction::Wait { reason, until: [until, other].into_iter().flatten().min() }
            }
            InstanceAction::Gone => InstanceAction::Gone,
        },
        InstanceAction::Gone | InstanceAction::Ask(_) | InstanceAction::Offer(_) => own,
    }
}

/// Beside an open order nothing is asked.
fn beside(open: &Open, wanted: Option<Intention>) -> InstanceAction {
    if open.lateness == Lateness::Late {
        return wait(WaitReason::OrderOverdue { since: open.order.asked });
    }
    match wanted {
        Some(other) if other.id != *open.id => {
            InstanceAction::Wait { reason: blocker::of_open(open).of(other.action.kind()), until: Some(open.due) }
        }
        Some(_) | None => InstanceAction::Nothing { until: None },
    }
}

pub(super) fn blocker_of(
    plan_context: &PlanContext,
    instance_context: &InstanceContext,
    intention: &Intention,
) -> Result<(), WaitReason> {
    let host = blocker::reachable(plan_context, instance_context)?;
    if intention.is_bound_by_app_list() {
        blocker::allowed(host, &instance_context.desired.release.name.app)?;
    }
    blocker::able(plan_context, host, &intention.action)?;
    blocker::within_hours(plan_context, host)
}

/// An intention whose order has ended is not asked again.
fn ended(plan_context: &PlanContext, intention: &Intention) -> InstanceAction {
    let Some(Ended { outcome, .. }) = plan_context.observed.ended.get(&intention.id) else {
        return InstanceAction::Nothing { until: None };
    };
    let order = intention.action.kind();
    let boxed = |failure: &OrderFailure| Box::new(failure.clone());
    wait(match outcome {
        Outcome::AlreadySo | Outcome::Done => WaitReason::EndedOtherwise { order },
        Outcome::RolledBack { failure } => WaitReason::OrderRolledBack { order, failure: boxed(failure) },
        Outcome::Stuck { failure, .. } => WaitReason::OrderStuck { order, failure: boxed(failure) },
        Outcome::Refused { failure } => WaitReason::OrderRefused { order, failure: boxed(failure) },
        Outcome::Failed { failure } => WaitReason::OrderFailed { order, failure: boxed(failure) },
    })
}

fn wait(reason: WaitReason) -> InstanceAction {
    let until = reason.ends();
    InstanceAction::Wait { reason, until }
}
