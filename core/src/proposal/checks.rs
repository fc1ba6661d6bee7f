//! Checks of a request before it becomes a rollout.

use super::upgrade_check::UpgradeRoute;
use super::{RolloutRefusal, RolloutRequest};
use crate::facts::{Desired, InstanceDesired, InstanceSaid, Observed, Running};
use crate::host_policy::Permission;
use crate::names::{AppName, InstanceName, RolloutId};
use crate::order::rollback_budget;
use crate::plan::{PlanContext, RolloutPhase, forbids_another};
use crate::reason::LeftOutReason;
use crate::release::Release;
use crate::rollout::{LeftOut, Member, Strategy, StrategyRequest};
use crate::version::VersionScheme;
use crate::window::Window;
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
    window_is_long_enough(request.window.as_ref(), deadline)?;
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

/// A window has to have room for one instance, its way back included.
pub(super) fn window_is_long_enough(window: Option<&Window>, deadline: Duration) -> Result<(), RolloutRefusal> {
    let longest = deadline + rollback_budget(deadline);
    match window.map(Window::length).filter(|length| *length < longest) {
        Some(length) => Err(RolloutRefusal::WindowTooShort { length, longest }),
        None => Ok(()),
    }
}

/// Refuses actions on a host whose policy allows no programs of fleet in containers.
pub(super) fn actions_are_allowed(
    observed: &Observed,
    instance: &InstanceDesired,
    way: &UpgradeRoute,
) -> Result<(), LeftOutReason> {
    let policy = observed.hosts.get(&instance.host).map(|host| &host.said.policy);
    let is_denied = policy.is_some_and(|policy| policy.exec == Permission::Denied);
    let host = instance.host.clone();
    if is_denied && way.action_time > Duration::ZERO { Err(LeftOutReason::ActionsForbidden { host }) } else { Ok(()) }
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

pub(super) fn nothing_to_move(desired: &Desired, request: &RolloutRequest, left_out: Vec<LeftOut>) -> RolloutRefusal {
    let release = request.to.name.clone();
    let newer = left_out.iter().filter(|one| matches!(one.reason, LeftOutReason::Newer { .. })).count();
    let there = left_out.iter().filter(|one| one.reason == LeftOutReason::AlreadyThere).count();
    if newer + there < left_out.len() {
        return RolloutRefusal::NothingToMove { release, more: 0, left_out };
    }
    if newer == 0 {
        return RolloutRefusal::AllThere { release, count: there };
    }
    let rollout = brought(desired, request, &left_out);
    RolloutRefusal::Older { release, count: newer, there, rollout }
}

/// Returns the last rollout that moved one of these instances forward to the version that it has.
fn brought(desired: &Desired, request: &RolloutRequest, left_out: &[LeftOut]) -> Option<RolloutId> {
    let scheme = request.upgrades.as_ref().map_or(&VersionScheme::Pep440, |upgrades| &upgrades.scheme);
    let key = |release: &Release| scheme.key(&release.name.version).ok();
    let has = |name: &InstanceName| {
        left_out.iter().find(|one| one.instance == *name).and_then(|one| match &one.reason {
            LeftOutReason::Newer { version } => Some(version),
            LeftOutReason::BeingRemoved
            | LeftOutReason::Removed
            | LeftOutReason::Forbidden { .. }
            | LeftOutReason::NotReported
            | LeftOutReason::NotInstalled
            | LeftOutReason::BeingInstalled
            | LeftOutReason::AlreadyThere
            | LeftOutReason::HopFirst { .. }
            | LeftOutReason::Stopped { .. }
            | LeftOutReason::NotRunYet { .. }
            | LeftOutReason::ActionsForbidden { .. }
            | LeftOutReason::StopMissing { .. }
            | LeftOutReason::NoUpgrade { .. }
            | LeftOutReason::TwoUpgrades { .. }
            | LeftOutReason::NotOrdered { .. }
            | LeftOutReason::Elsewhere { .. }
            | LeftOutReason::ValuesLost { .. }
            | LeftOutReason::ValueSealed { .. }
            | LeftOutReason::Refused { .. }
            | LeftOutReason::ProjectChanges { .. }
            | LeftOutReason::NamesHeld { .. }
            | LeftOutReason::HostRefuses { .. }
            | LeftOutReason::PolicyForbids { .. }
            | LeftOutReason::Text(_) => None,
        })
    };
    let moved =
        |member: &Member| has(&member.instance) == Some(&member.to.name.version) && key(&member.from) < key(&member.to);
    let of_app = desired.rollouts.values().filter(|rollout| rollout.app == request.to.name.app);
    let brought = of_app.filter(|rollout| rollout.members.iter().any(moved));
    brought.max_by_key(|rollout| rollout.created).map(|rollout| rollout.id.clone())
}
