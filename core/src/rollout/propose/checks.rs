//! Checks of a request before it becomes a rollout.

use crate::facts::{Desired, InstanceDesired, InstanceSaid, Observed, Running};
use crate::names::{AppName, InstanceName};
use crate::order::Release;
use crate::plan::{PlanContext, RolloutPhase, forbids_another};
use crate::rollout::{LeftOut, RolloutRefusal, Strategy, StrategyRequest};
use std::time::Duration;

/// Reason why an instance that is there already is left out.
pub(super) const ALREADY: &str = "it is at that version already";

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

/// One rollout of an app at a time; see [`forbids_another`]. An aborted one still has to finish what is under way.
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
) -> Result<&'a InstanceSaid, String> {
    if instance.removal.is_some() {
        return Err("it is being removed".to_owned());
    }
    let policy = observed.hosts.get(&instance.host).map(|host| &host.said.policy);
    if policy.is_some_and(|policy| !policy.allows_app(&to.name.app)) {
        return Err(format!("the policy of {} does not allow {}", instance.host, to.name.app));
    }
    let seen = observed.instances.get(name).filter(|seen| seen.host == instance.host);
    let said = match seen.map(|seen| &seen.running) {
        None => return Err("it has not reported".to_owned()),
        Some(Running::Absent) => return Err("it is not installed".to_owned()),
        Some(running) => running.last().ok_or("it is being installed")?,
    };
    if said.release == *to { Err(ALREADY.to_owned()) } else { Ok(said) }
}

pub(super) fn nothing_to_move(to: &Release, left_out: Vec<LeftOut>) -> RolloutRefusal {
    let release = to.name.clone();
    if left_out.iter().all(|one| one.reason == ALREADY) {
        return RolloutRefusal::AllThere { release, count: left_out.len() };
    }
    RolloutRefusal::NothingToMove { release, left_out }
}
