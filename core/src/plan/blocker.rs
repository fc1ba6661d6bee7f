//! Checks whether an instance can be asked something at this moment; each fails with its reason.

use super::PlanContext;
use super::index::{InstanceContext, Presence};
use super::open::Open;
use crate::capability::{Capability, needed_by_action};
use crate::facts::{HostObserved, InstanceObserved, InstanceOrigin, LinkState, OpenOrder};
use crate::names::{AppName, HostName};
use crate::order::Action;
use crate::reason::WaitReason;
use crate::release::Release;

/// Makes the reason of an open order.
pub(super) fn of_open(open: &Open) -> WaitReason {
    let OpenOrder { order, asked, .. } = open.order;
    match &order.action {
        Action::Data(_) => WaitReason::DataOrder { order: order.action.kind(), since: *asked },
        Action::Install { .. }
        | Action::Upgrade { .. }
        | Action::Configure { .. }
        | Action::Power { .. }
        | Action::Remove { .. } => WaitReason::OtherOrder,
    }
}

/// Makes the reason why an instance that has, or may have, data is not installed empty.
pub(super) fn never_empty(origin: &InstanceOrigin) -> WaitReason {
    match origin {
        InstanceOrigin::Backup(from) => {
            WaitReason::NeverEmpty { instance: from.instance.clone(), backup: from.backup.clone() }
        }
        InstanceOrigin::CameBack { of } => WaitReason::NeverEmptyAsOf { of: *of },
    }
}

/// Returns the last report of the host, no matter how old.
pub(super) fn seen_host<'a>(instance_context: &InstanceContext<'a>) -> Result<&'a HostObserved, WaitReason> {
    match instance_context.host {
        Presence::Removed => Err(WaitReason::HostRemoved),
        Presence::NeverSeen => Err(WaitReason::HostNeverSeen),
        Presence::Seen(seen) => Ok(seen),
    }
}

/// The host, if it can be asked something at all.
pub(super) fn reachable<'a>(
    plan_context: &PlanContext,
    instance_context: &InstanceContext<'a>,
) -> Result<&'a HostObserved, WaitReason> {
    let seen = seen_host(instance_context)?;
    match seen.link {
        LinkState::Online => duplicate(plan_context, &instance_context.desired.host).map_or(Ok(seen), Err),
        LinkState::Offline { since } => Err(match plan_context.returning_until(since) {
            Some(until) => WaitReason::HostReturning { until },
            None => WaitReason::HostOffline { since },
        }),
    }
}

/// Returns a blocker if two machines connect as this host: neither gets orders.
pub(super) fn duplicate(plan_context: &PlanContext, host: &HostName) -> Option<WaitReason> {
    plan_context.observed.duplicate(host).map(|duplicate| WaitReason::HostDuplicate { since: duplicate.since })
}

/// Returns the host's report about the instance, if it is newer than the end of the last order.
pub(super) fn reported<'a>(instance_context: &InstanceContext<'a>) -> Result<&'a InstanceObserved, WaitReason> {
    let seen = instance_context
        .seen
        .filter(|seen| seen.host == instance_context.desired.host)
        .ok_or(WaitReason::NotReported)?;
    if seen.at < instance_context.latest_end { Err(WaitReason::NotReportedSinceOrder) } else { Ok(seen) }
}

/// Checks whether the host's own hours are open.
pub(super) fn within_hours(plan_context: &PlanContext, host: &HostObserved) -> Result<(), WaitReason> {
    match &host.said.policy.hours {
        Some(hours) if !hours.is_open(plan_context.now) => {
            Err(WaitReason::HostHours { opens: hours.opens_at(plan_context.now) })
        }
        Some(_) | None => Ok(()),
    }
}

/// Checks whether the host's policy allows the app.
pub(super) fn allowed(host: &HostObserved, app: &AppName) -> Result<(), WaitReason> {
    if host.said.policy.allows_app(app) { Ok(()) } else { Err(WaitReason::AppForbidden { app: app.clone() }) }
}

/// Checks whether the host's agent has all capabilities that an action needs.
pub(super) fn able(plan_context: &PlanContext, host: &HostObserved, action: &Action) -> Result<(), WaitReason> {
    lacks_none(host, needed_by_action(action).iter())?;
    let needs = |release: &Release| plan_context.desired.needs.get(&release.digest).into_iter().flatten();
    lacks_none(host, action.started_releases().flat_map(needs))
}

fn lacks_none<'a>(host: &HostObserved, mut needed: impl Iterator<Item = &'a Capability>) -> Result<(), WaitReason> {
    let lacks = needed.find(|it| !host.said.capabilities.contains(*it));
    lacks.map_or(Ok(()), |lacks| Err(WaitReason::AgentTooOld { lacks: lacks.clone() }))
}
