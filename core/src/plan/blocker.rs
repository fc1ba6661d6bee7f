//! Reason why an instance cannot be asked anything at this moment.

use super::PlanContext;
use super::index::{InstanceContext, Presence};
use super::intention::noun;
use super::open::Open;
use crate::capability::{Capability, needed_by_action};
use crate::facts::{HostObserved, InstanceObserved, InstanceOrigin, LinkState, OpenOrder};
use crate::names::{AppName, HostName};
use crate::order::Action;
use crate::release::Release;
use crate::time::Time;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Blocker {
    HostRemoved,
    NeverSeen,
    Offline {
        since: Time,
    },
    /// The coordinator has only just started: the host may be reconnecting.
    Returning {
        until: Time,
    },
    /// Two machines connect as its host.
    Duplicate {
        since: Time,
    },
    Unreported,
    /// Its last order ended after its host's last report about it.
    Outdated,
    OtherOrder,
    /// An order about its data: its action, and its start.
    Work {
        noun: &'static str,
        since: Time,
    },
    NotInstalled,
    /// The progress of a step is not part of it: the reason would change all the time.
    Busy {
        step: String,
    },
    /// Has values that are unknown here: only a person can decide which count.
    NewerValues {
        said: u64,
        wanted: u64,
    },
    /// Had data that an installation would not give it.
    NeverEmpty {
        origin: InstanceOrigin,
    },
    Hours {
        opens: Time,
    },
    AppForbidden {
        app: AppName,
    },
    /// Its agent lacks a capability that the action or its release needs.
    AgentTooOld {
        lacks: Capability,
    },
}

impl Blocker {
    /// Makes the blocker of an open order.
    pub fn of(open: &Open) -> Self {
        let OpenOrder { order, asked, .. } = open.order;
        match &order.action {
            Action::Data(_) => Self::Work { noun: noun(&order.action), since: *asked },
            Action::Install { .. }
            | Action::Upgrade { .. }
            | Action::Configure { .. }
            | Action::Power { .. }
            | Action::Remove { .. } => Self::OtherOrder,
        }
    }

    /// The moment at which time alone ends it.
    pub fn ends(&self) -> Option<Time> {
        match self {
            Self::Hours { opens: end } | Self::Returning { until: end } => Some(*end),
            Self::HostRemoved
            | Self::NeverSeen
            | Self::Offline { .. }
            | Self::Duplicate { .. }
            | Self::Unreported
            | Self::Outdated
            | Self::OtherOrder
            | Self::Work { .. }
            | Self::NotInstalled
            | Self::Busy { .. }
            | Self::NewerValues { .. }
            | Self::NeverEmpty { .. }
            | Self::AppForbidden { .. }
            | Self::AgentTooOld { .. } => None,
        }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostRemoved => f.write_str("its host was removed"),
            Self::NeverSeen => f.write_str("its host has never connected"),
            Self::Offline { since } => write!(f, "its host is offline since {since}"),
            Self::Returning { .. } => f.write_str("its host has not reported since the coordinator started"),
            Self::Duplicate { since } => {
                write!(f, "two machines connect as its host since {since}: orders are held until only one does")
            }
            Self::Unreported => f.write_str("it has not reported"),
            Self::Outdated => f.write_str("it has not reported since its last order ended"),
            Self::OtherOrder => f.write_str("another order for it is under way"),
            Self::Work { noun, since } => write!(f, "{noun} runs since {since}"),
            Self::NotInstalled => f.write_str("it is not installed"),
            Self::Busy { step } => write!(f, "it is in the middle of an order: {step}"),
            Self::NewerValues { said, wanted } => {
                write!(f, "its host has a newer revision than is wanted: {said}, not {wanted}")
            }
            Self::NeverEmpty { origin } => {
                write!(f, "{origin}, and its host does not have it: it is not installed empty")
            }
            Self::Hours { opens } => write!(f, "the host's own hours open at {opens}"),
            Self::AppForbidden { app } => write!(f, "the host's policy does not allow {app}"),
            Self::AgentTooOld { lacks } => write!(f, "its host's agent is too old for {lacks}: upgrade the agent"),
        }
    }
}

/// Returns the last report of the host, no matter how old.
pub(super) fn seen_host<'a>(instance_context: &InstanceContext<'a>) -> Result<&'a HostObserved, Blocker> {
    match instance_context.host {
        Presence::Removed => Err(Blocker::HostRemoved),
        Presence::NeverSeen => Err(Blocker::NeverSeen),
        Presence::Seen(seen) => Ok(seen),
    }
}

/// The host, if it can be asked something at all.
pub(super) fn reachable<'a>(
    plan_context: &PlanContext,
    instance_context: &InstanceContext<'a>,
) -> Result<&'a HostObserved, Blocker> {
    let seen = seen_host(instance_context)?;
    match seen.link {
        LinkState::Online => duplicate(plan_context, &instance_context.desired.host).map_or(Ok(seen), Err),
        LinkState::Offline { since } => Err(match plan_context.returning_until(since) {
            Some(until) => Blocker::Returning { until },
            None => Blocker::Offline { since },
        }),
    }
}

/// Returns a blocker if two machines connect as this host: neither gets orders.
pub(super) fn duplicate(plan_context: &PlanContext, host: &HostName) -> Option<Blocker> {
    plan_context.observed.duplicate(host).map(|duplicate| Blocker::Duplicate { since: duplicate.since })
}

/// Returns the host's report about the instance, if it is newer than the end of the last order.
pub(super) fn reported<'a>(instance_context: &InstanceContext<'a>) -> Result<&'a InstanceObserved, Blocker> {
    let seen =
        instance_context.seen.filter(|seen| seen.host == instance_context.desired.host).ok_or(Blocker::Unreported)?;
    if seen.at < instance_context.latest_end { Err(Blocker::Outdated) } else { Ok(seen) }
}

/// Checks whether the host's own hours are open.
pub(super) fn within_hours(plan_context: &PlanContext, host: &HostObserved) -> Result<(), Blocker> {
    match &host.said.policy.hours {
        Some(hours) if !hours.is_open(plan_context.now) => {
            Err(Blocker::Hours { opens: hours.opens_at(plan_context.now) })
        }
        Some(_) | None => Ok(()),
    }
}

/// Checks whether the host's policy allows the app.
pub(super) fn allowed(host: &HostObserved, app: &AppName) -> Result<(), Blocker> {
    if host.said.policy.allows_app(app) { Ok(()) } else { Err(Blocker::AppForbidden { app: app.clone() }) }
}

/// Checks whether the host's agent has all capabilities that an action needs.
pub(super) fn able(plan_context: &PlanContext, host: &HostObserved, action: &Action) -> Result<(), Blocker> {
    lacks_none(host, needed_by_action(action).iter())?;
    action.goal().map_or(Ok(()), |goal| able_for(plan_context, host, &goal.release))
}

/// Checks whether the host's agent has all capabilities that a release needs.
pub(super) fn able_for(plan_context: &PlanContext, host: &HostObserved, release: &Release) -> Result<(), Blocker> {
    lacks_none(host, plan_context.desired.needs.get(&release.digest).into_iter().flatten())
}

fn lacks_none<'a>(host: &HostObserved, mut needed: impl Iterator<Item = &'a Capability>) -> Result<(), Blocker> {
    let lacks = needed.find(|it| !host.said.capabilities.contains(*it));
    lacks.map_or(Ok(()), |lacks| Err(Blocker::AgentTooOld { lacks: lacks.clone() }))
}
