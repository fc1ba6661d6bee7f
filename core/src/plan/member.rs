//! State of one member of a rollout, and how it counts at the gates.

use super::blocker;
use super::index::{InstanceContext, Presence};
use super::open::{GRACE, Lateness, Open, is_busy_with};
use super::{MemberState, PlanContext, progress};
use crate::facts::{Doing, Ended, InstanceHealth, InstanceObserved, Running};
use crate::halt_reason::MemberFailureKind;
use crate::names::OrderId;
use crate::order::{Outcome, PowerRequest, order_id};
use crate::reason::WaitReason;
use crate::rollout::{Member, Rollout};
use crate::time::Time;

#[derive(Debug)]
pub(super) struct MemberContext<'r> {
    pub member: &'r Member,
    pub state: MemberState,
    pub tally: Tally,
    /// The moment at which time alone changes it.
    pub wakes: Option<Time>,
}

/// Category in which a member is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tally {
    Success(Time),
    Failure(Time),
    /// Done, and unhealthy since: a failure for as long as it is.
    Sick(Time),
    UnderWay,
    /// Running for too long: a failure until its end is reported.
    Late,
    /// Could be started now.
    Ready,
    /// Should change, but is blocked by something of its own.
    Held,
    Offline,
    /// Not counted: nothing is to do, and this rollout has done nothing.
    Apart,
}

/// The id of a member's order in an attempt.
pub(super) fn upgrade_id(rollout: &Rollout, attempt: u32, member: &Member) -> OrderId {
    order_id(&["upgrade", rollout.id.as_str(), &attempt.to_string(), member.instance.as_str()])
}

/// The ids of all orders that a rollout may have given for a member.
pub fn upgrade_ids<'a>(rollout: &'a Rollout, member: &'a Member) -> impl Iterator<Item = OrderId> + 'a {
    (1..=rollout.attempt_of(&member.instance)).map(|attempt| upgrade_id(rollout, attempt, member))
}

/// Returns the end of a member's order: a good one in any attempt, or a bad one in the present attempt.
pub(super) fn ending<'a>(plan_context: &PlanContext<'a>, rollout: &Rollout, member: &Member) -> Option<&'a Ended> {
    let present = rollout.attempt_of(&member.instance);
    (1..=present).rev().find_map(|attempt| {
        let ended = plan_context.observed.ended.get(&upgrade_id(rollout, attempt, member))?;
        (attempt == present || ended.outcome.is_success()).then_some(ended)
    })
}

pub(super) fn member_context<'r>(
    plan_context: &PlanContext,
    rollout: &Rollout,
    member: &'r Member,
) -> MemberContext<'r> {
    let stand = stand(plan_context, rollout, member);
    let is_skipped = rollout.skips.contains_key(&member.instance);
    let (state, tally, wakes) = if is_skipped { left_out(stand) } else { stand };
    MemberContext { member, state, tally, wakes }
}

type Stand = (MemberState, Tally, Option<Time>);

/// Returns the same for a skipped member: it neither begins nor fails any more. An order that is under way takes its slot.
fn left_out((state, tally, wakes): Stand) -> Stand {
    match tally {
        Tally::Success(_) | Tally::UnderWay | Tally::Apart => (state, tally, wakes),
        Tally::Failure(_) | Tally::Late | Tally::Sick(_) | Tally::Ready | Tally::Held | Tally::Offline => {
            (MemberState::Skipped { before: Box::new(state) }, Tally::Apart, None)
        }
    }
}

fn stand(plan_context: &PlanContext, rollout: &Rollout, member: &Member) -> Stand {
    if let Some(ended) = ending(plan_context, rollout, member) {
        return after_the_end(plan_context, rollout, member, ended);
    }
    let ours = plan_context.open(&member.instance).filter(|open| open.order.rollout.as_ref() == Some(&rollout.id));
    if let Some(open) = ours {
        return under_way(plan_context, member, open);
    }
    let Some(instance_context) =
        plan_context.meant(rollout, member).filter(|instance_context| is_staying(instance_context))
    else {
        return (MemberState::Removed, Tally::Apart, None);
    };
    let owner = instance_context.claim.map(|claim| claim.rollout);
    match owner.filter(|owner| (owner.created, &owner.id) > (rollout.created, &rollout.id)) {
        Some(newer) => (MemberState::Superseded { by: newer.id.clone() }, Tally::Apart, None),
        None => before_the_order(plan_context, rollout, member, instance_context),
    }
}

/// Neither the instance nor its host is to leave, or has left.
fn is_staying(instance_context: &InstanceContext) -> bool {
    let is_in_fleet = match instance_context.host {
        Presence::Removed => false,
        Presence::NeverSeen | Presence::Seen(_) => true,
    };
    is_in_fleet && instance_context.desired.removal.is_none()
}

fn after_the_end(plan_context: &PlanContext, rollout: &Rollout, member: &Member, ended: &Ended) -> Stand {
    let at = ended.at;
    match &ended.outcome {
        Outcome::AlreadySo | Outcome::Done => match sickness(plan_context, rollout, member) {
            Some(kind) => (MemberState::Sickened { kind }, Tally::Sick(at), None),
            None => (MemberState::Done { at }, Tally::Success(at), None),
        },
        Outcome::RolledBack { .. } | Outcome::Stuck { .. } | Outcome::Refused { .. } | Outcome::Failed { .. } => {
            (MemberState::Failed { outcome: ended.outcome.clone(), at }, Tally::Failure(at), None)
        }
    }
}

/// Returns the failure as which a changed member counts, if its host reports that it is not well.
fn sickness(plan_context: &PlanContext, rollout: &Rollout, member: &Member) -> Option<MemberFailureKind> {
    let seen = blocker::reported(plan_context.meant(rollout, member)?).ok()?;
    let Running::Settled(said) = &seen.running else { return None };
    if said.release != member.to {
        return None;
    }
    match &said.health {
        InstanceHealth::Unhealthy { problem } => Some(MemberFailureKind::Unhealthy(problem.clone())),
        InstanceHealth::Stuck { failure, .. } => Some(MemberFailureKind::Stuck(failure.clone())),
        InstanceHealth::Healthy | InstanceHealth::Starting | InstanceHealth::Stopped | InstanceHealth::Unknown => None,
    }
}

fn under_way(plan_context: &PlanContext, member: &Member, open: &Open) -> Stand {
    let (order, since) = (open.id.clone(), open.order.asked);
    match open.lateness {
        Lateness::Late => (MemberState::Overdue { order, since }, Tally::Late, None),
        Lateness::InTime => {
            let seen = plan_context.observed.instances.get(&member.instance);
            let doing = seen.filter(|seen| is_busy_with(&seen.running, open.id)).and_then(|seen| doing(&seen.running));
            let duplicate = || blocker::duplicate(plan_context, &open.order.host);
            let held_up = if doing.is_some() { None } else { duplicate() };
            (MemberState::UnderWay { order, since, doing, held_up }, Tally::UnderWay, Some(open.due))
        }
    }
}

fn doing(running: &Running) -> Option<Doing> {
    match running {
        Running::Busy { doing, .. } => Some(doing.clone()),
        Running::Absent | Running::Settled(_) => None,
    }
}

fn before_the_order(
    plan_context: &PlanContext,
    rollout: &Rollout,
    member: &Member,
    instance_context: &InstanceContext,
) -> Stand {
    let seen = blocker::reported(instance_context);
    if let Ok(InstanceObserved { running: Running::Settled(said), at, .. }) = seen {
        if said.release == member.to {
            return (MemberState::Done { at: *at }, Tally::Apart, None);
        }
        if said.release != member.from {
            return (MemberState::Elsewhere { found: said.release.clone() }, Tally::Apart, None);
        }
    }
    let is_reachable = blocker::reachable(plan_context, instance_context).is_ok();
    if let Some(stand) =
        seen.ok().filter(|_| is_reachable).and_then(|seen| resumed(plan_context.now, rollout, member, seen))
    {
        return stand;
    }
    match obstacle(plan_context, member, instance_context) {
        Ok(()) => (MemberState::Waiting { reason: WaitReason::Asked }, Tally::Ready, None),
        Err(WaitReason::HostOffline { .. } | WaitReason::HostNeverSeen) => (MemberState::Offline, Tally::Offline, None),
        Err(other) => {
            let ends = other.ends();
            (MemberState::Waiting { reason: other }, Tally::Held, ends)
        }
    }
}

/// Returns the state of a host that was given up and came back in the middle of our order: it takes a slot too.
fn resumed(now: Time, rollout: &Rollout, member: &Member, seen: &InstanceObserved) -> Option<Stand> {
    let Running::Busy { order, doing, .. } = &seen.running else { return None };
    (1..=rollout.attempt_of(&member.instance)).rev().find(|attempt| upgrade_id(rollout, *attempt, member) == *order)?;
    let (order, since) = (order.clone(), seen.at);
    let due = since.after(rollout.strategy.longest()).after(GRACE);
    if due <= now {
        return Some((MemberState::Overdue { order, since }, Tally::Late, None));
    }
    let doing = Some(doing.clone());
    Some((MemberState::UnderWay { order, since, doing, held_up: None }, Tally::UnderWay, Some(due)))
}

/// Returns the blocker of a member itself, independent of the rollout's gates.
fn obstacle(plan_context: &PlanContext, member: &Member, instance_context: &InstanceContext) -> Result<(), WaitReason> {
    let host = blocker::reachable(plan_context, instance_context)?;
    if let Some(open) = plan_context.open(&member.instance) {
        return Err(blocker::of_open(open));
    }
    let seen = blocker::reported(instance_context)?;
    match &seen.running {
        Running::Absent => return Err(WaitReason::NotInstalled),
        Running::Busy { doing, .. } => return Err(WaitReason::Busy { step: doing.step.clone() }),
        Running::Settled(_) => {}
    }
    // Nothing of it runs, so that no release on the way could migrate its data.
    if !member.through.is_empty() && instance_context.desired.power.request == PowerRequest::Stop {
        return Err(WaitReason::Stopped);
    }
    blocker::allowed(host, &member.to.name.app)?;
    blocker::within_hours(plan_context, host)?;
    blocker::able(plan_context, host, &progress::action(plan_context, member, instance_context))
}
