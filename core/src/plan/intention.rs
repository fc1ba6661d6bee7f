//! Intention for an instance outside of rollouts: remove, install, configure, start or stop.

use super::blocker;
use super::index::InstanceContext;
use super::newer::newer;
use super::{NewOrder, Newer, PlanContext, data, member};
use crate::backup::DataAction;
use crate::facts::{InstanceDesired, InstanceSaid, Running};
use crate::names::{InstanceName, OrderId};
use crate::order::{Action, Order, PowerRequest, order_id};
use crate::reason::WaitReason;
use crate::release::{Goal, Release};
use std::time::Duration;

const INSTALL: Duration = Duration::from_secs(30 * 60);
const CONFIGURE: Duration = Duration::from_secs(10 * 60);
const POWER: Duration = Duration::from_secs(5 * 60);
const REMOVE: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, Clone)]
pub(super) struct Intention {
    pub id: OrderId,
    pub action: Action,
    pub deadline: Duration,
}

impl Intention {
    /// The order, addressed to the instance's host.
    pub fn order(self, name: &InstanceName, instance: &InstanceDesired) -> NewOrder {
        let order = Order { id: self.id, instance: name.clone(), action: self.action, deadline: self.deadline };
        NewOrder { host: instance.host.clone(), order, rollout: None }
    }

    /// Returns whether a host's app list applies: removing an app from a host is always allowed.
    pub fn is_bound_by_app_list(&self) -> bool {
        match &self.action {
            Action::Remove { .. } | Action::Power { request: PowerRequest::Stop, .. } => false,
            Action::Data(DataAction::Backup { .. } | DataAction::Drill { .. } | DataAction::Forget { .. }) => false,
            Action::Data(DataAction::Restore { .. }) => true,
            Action::Install { .. } | Action::Upgrade { .. } | Action::Configure { .. } | Action::Power { .. } => true,
        }
    }
}

/// Returns the first intention for an instance, by priority; none if it is as desired.
pub(super) fn wanted(
    plan_context: &PlanContext,
    instance_context: &InstanceContext,
) -> Result<Option<Intention>, WaitReason> {
    let (name, instance) = (instance_context.name, instance_context.desired);
    let seen = blocker::reported(instance_context)?;
    if let Running::Busy { doing, .. } = &seen.running {
        return Err(WaitReason::Busy { step: doing.step.clone() });
    }
    if instance.removal.is_some() {
        return Ok(Some(remove(name, instance)));
    }
    match seen.running.last() {
        None => match data::restored_anew(instance_context) {
            Some(restore) => Ok(Some(restore)),
            None => install(plan_context, instance_context),
        },
        Some(said) if instance.revision > said.revision => Ok(Some(configure(name, instance, said))),
        Some(said) if instance.power.serial > said.power_serial => Ok(Some(power(name, instance))),
        Some(_) => match newer(plan_context, instance_context) {
            Some(Newer::Unknown(said)) => Err(WaitReason::NewerValues { said, wanted: instance.revision }),
            Some(Newer::Brought(_)) | None => Ok(None),
        },
    }
}

/// Returns whether its removal was requested and has been carried out.
pub(super) fn is_removed(plan_context: &PlanContext, instance_context: &InstanceContext) -> bool {
    let wanted =
        instance_context.desired.removal.as_ref().map(|_| remove(instance_context.name, instance_context.desired).id);
    let ended = wanted.and_then(|id| plan_context.observed.ended.get(&id));
    ended.is_some_and(|ended| ended.outcome.is_success())
}

fn remove(name: &InstanceName, instance: &InstanceDesired) -> Intention {
    let created = instance.created.0.to_string();
    let (volumes, attempt) =
        instance.removal.as_ref().map(|removal| (removal.volumes.clone(), removal.attempt)).unwrap_or_default();
    let id = match attempt {
        0 => order_id(&["remove", name.as_str(), &created]),
        again => order_id(&["remove", name.as_str(), &created, &again.to_string()]),
    };
    Intention { id, action: Action::Remove { volumes }, deadline: REMOVE }
}

/// Returns the installation, if one is needed. It is a new intention on a machine that has enrolled again, because a
/// new disk is empty, and with other values: one that failed because of a used port is tried again with another.
fn install(plan_context: &PlanContext, instance_context: &InstanceContext) -> Result<Option<Intention>, WaitReason> {
    let (name, instance, host) =
        (instance_context.name, instance_context.desired, blocker::seen_host(instance_context)?);
    if let Some(origin) = &instance.origin {
        return Err(blocker::never_empty(origin));
    }
    let (created, revision) = (instance.created.0.to_string(), instance.revision.to_string());
    let id = order_id(&["install", name.as_str(), &created, &host.said.enrolment, &revision]);
    let goal =
        Goal { release: release_to_install(plan_context, instance_context).clone(), revision: instance.revision };
    Ok(Some(Intention { id, action: Action::Install { goal }, deadline: INSTALL }))
}

/// Returns the release that rollouts have given it since its first installation; without any, the installed one.
fn release_to_install<'a>(plan_context: &PlanContext<'a>, instance_context: &InstanceContext<'a>) -> &'a Release {
    let Some(claim) = instance_context.claim else { return &instance_context.desired.release };
    let moved = member::ending(plan_context, claim.rollout, claim.member).is_some_and(|end| end.outcome.is_success());
    if moved { &claim.member.to } else { &claim.member.from }
}

fn configure(name: &InstanceName, instance: &InstanceDesired, said: &InstanceSaid) -> Intention {
    let (created, revision) = (instance.created.0.to_string(), instance.revision.to_string());
    let id = order_id(&["configure", name.as_str(), &created, &revision]);
    let goal = Goal { release: said.release.clone(), revision: instance.revision };
    Intention { id, action: Action::Configure { from: said.revision, goal }, deadline: CONFIGURE }
}

fn power(name: &InstanceName, instance: &InstanceDesired) -> Intention {
    let (created, requested) = (instance.created.0.to_string(), instance.power);
    let id = order_id(&["power", name.as_str(), &created, &requested.serial.to_string()]);
    Intention { id, action: Action::Power { request: requested.request, serial: requested.serial }, deadline: POWER }
}
