//! Checks of a request before it becomes a rollout.

use super::RolloutRefusal;
use crate::facts::{Desired, InstanceDesired, InstanceSaid, Observed, Running};
use crate::names::{AppName, InstanceName};
use crate::plan::{PlanContext, RolloutPhase, forbids_another};
use crate::reason::LeftOutReason;
use crate::release::Release;
use crate::rollout::{LeftOut, Rollout, Strategy, StrategyRequest};
use std::collections::BTreeSet;
use std::time::Duration;

/// The limits, each by itself.
pub(super) fn limits_can_work(desired: &Desired, request: &StrategyRequest) -> Result<(), RolloutRefusal> {
    if request.max_failures == Some(0) {
        return Err(RolloutRefusal::NoFailureAllowed);
    }
    let deadline = request.deadline.unwrap_or(StrategyRequest::DEADLINE);
    if deadline == Duration::ZERO {
        return Err(RolloutRefusal::NoTime);
    }
    let length = request.window.as_ref().map(crate::window::Window::length);
    if let Some(length) = length.filter(|length| *length < deadline) {
        return Err(RolloutRefusal::WindowTooShort { length, deadline });
    }
    for (label, limit) in &request.per {
        let label = label.clone();
        if *limit == 0 {
            return Err(RolloutRefusal::NonePer { label });
        }
        if !desired.hosts.values().any(|host| host.labels.get(&label).is_some()) {
            return Err(RolloutRefusal::NoSuchLabel { label });
        }
    }
    Ok(())
}

/// Only one rollout of an app may be active; see [`forbids_another`]. An aborted one still has to finish its running
/// orders.
pub(super) fn no_other_is_active(plan_context: &PlanContext, app: &AppName) -> Result<(), RolloutRefusal> {
    for rollout in plan_context.rollouts_of(app) {
        let phase = plan_context.phase(rollout);
        let rollout = rollout.id.clone();
        if forbids_another(&phase) {
            return Err(RolloutRefusal::AnotherActive { app: app.clone(), rollout });
        }
        if phase == RolloutPhase::Aborted && plan_context.has_open_orders(&rollout) {
            return Err(RolloutRefusal::UnderWay { rollout });
        }
    }
    Ok(())
}

pub(super) fn canary_is_smaller(strategy: &Strategy, group: usize) -> Result<(), RolloutRefusal> {
    let canary = strategy.canary;
    let is_smaller = canary == 0 || (canary as usize) < group;
    if is_smaller { Ok(()) } else { Err(RolloutRefusal::CanaryNotSmaller { canary, group }) }
}

/// Returns the present state of an instance, or the reason why it is left out.
pub(super) fn present<'a>(
    observed: &'a Observed,
    to: &Release,
    name: &InstanceName,
    instance: &InstanceDesired,
) -> Result<&'a InstanceSaid, LeftOutReason> {
    if instance.removal.is_some() {
        return Err(LeftOutReason::BeingRemoved);
    }
    let policy = observed.hosts.get(&instance.host).map(|host| &host.said.policy);
    if policy.is_some_and(|policy| !policy.allows_app(&to.name.app)) {
        return Err(LeftOutReason::Forbidden { host: instance.host.clone(), app: to.name.app.clone() });
    }
    let seen = observed.instances.get(name).filter(|seen| seen.host == instance.host);
    let said = match seen.map(|seen| &seen.running) {
        None => return Err(LeftOutReason::NotReported),
        Some(Running::Absent) => return Err(LeftOutReason::NotInstalled),
        Some(running) => running.last().ok_or(LeftOutReason::BeingInstalled)?,
    };
    if said.release == *to { Err(LeftOutReason::AlreadyThere) } else { Ok(said) }
}

pub(super) fn nothing_to_move(desired: &Desired, to: &Release, left_out: Vec<LeftOut>) -> RolloutRefusal {
    let release = to.name.clone();
    let newer = |one: &LeftOut| match &one.reason {
        LeftOutReason::Newer { version } => Some(version.clone()),
        _ => None,
    };
    if let Some(newer) = left_out.iter().map(newer).collect::<Option<BTreeSet<_>>>() {
        let brought = |rollout: &&Rollout| rollout.app == release.app && newer.contains(&rollout.version);
        let rollout = desired.rollouts.values().filter(brought).max_by_key(|rollout| rollout.created);
        return RolloutRefusal::Older {
            count: left_out.len(),
            rollout: rollout.map(|rollout| rollout.id.clone()),
            release,
        };
    }
    if left_out.iter().all(|one| one.reason == LeftOutReason::AlreadyThere) {
        return RolloutRefusal::AllThere { release, count: left_out.len() };
    }
    RolloutRefusal::NothingToMove { release, left_out }
}
