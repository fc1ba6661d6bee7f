//! Why an instance cannot be asked anything at this moment.

use super::Outlook;
use super::index::{Presence, Seat};
use super::intention::noun;
use super::open::Open;
use crate::facts::{HostObserved, InstanceObserved, Link, OpenOrder, Origin};
use crate::names::{AppName, HostName};
use crate::order::Action;
use crate::time::Time;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hindrance {
    HostRemoved,
    NeverSeen,
    Offline {
        since: Time,
    },
    /// Nobody has listened for long: its host may be on its way back.
    Returning {
        until: Time,
    },
    /// Two machines connect as its host.
    Duplicate {
        since: Time,
    },
    Unreported,
    /// Its last order ended after its host last said what it runs.
    Outdated,
    OtherOrder,
    /// One about its data: what it does, and since when.
    Work {
        noun: &'static str,
        since: Time,
    },
    NotInstalled,
    /// How far the step is does not belong to it: a reason that counts would be another one all the time.
    Busy {
        step: String,
    },
    /// It has values that nobody here has given: only a person can say which count.
    NewerValues {
        said: u64,
        wanted: u64,
    },
    /// It had data that an installation would not give it.
    NeverEmpty {
        origin: Origin,
    },
    Hours {
        opens: Time,
    },
    AppForbidden {
        app: AppName,
    },
}

impl Hindrance {
    /// That an order is under way.
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
            | Self::AppForbidden { .. } => None,
        }
    }
}

impl fmt::Display for Hindrance {
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
        }
    }
}

/// What the host said, be it long ago.
pub(super) fn seen_host<'a>(seat: &Seat<'a>) -> Result<&'a HostObserved, Hindrance> {
    match seat.host {
        Presence::Removed => Err(Hindrance::HostRemoved),
        Presence::NeverSeen => Err(Hindrance::NeverSeen),
        Presence::Seen(seen) => Ok(seen),
    }
}

/// The host, if it can be asked something at all.
pub(super) fn reachable<'a>(outlook: &Outlook, seat: &Seat<'a>) -> Result<&'a HostObserved, Hindrance> {
    let seen = seen_host(seat)?;
    match seen.link {
        Link::Online => duplicate(outlook, &seat.desired.host).map_or(Ok(seen), Err),
        Link::Offline { since } => Err(match outlook.returning_until(since) {
            Some(until) => Hindrance::Returning { until },
            None => Hindrance::Offline { since },
        }),
    }
}

/// Two machines that connect as this host: neither is told anything.
pub(super) fn duplicate(outlook: &Outlook, host: &HostName) -> Option<Hindrance> {
    outlook.observed.duplicate(host).map(|duplicate| Hindrance::Duplicate { since: duplicate.since })
}

/// What the host said of the instance, if it said so since its last order ended.
pub(super) fn reported<'a>(seat: &Seat<'a>) -> Result<&'a InstanceObserved, Hindrance> {
    let seen = seat.seen.filter(|seen| seen.host == seat.desired.host).ok_or(Hindrance::Unreported)?;
    if seen.at < seat.latest_end { Err(Hindrance::Outdated) } else { Ok(seen) }
}

/// Whether the host's own hours are open now.
pub(super) fn within_hours(outlook: &Outlook, host: &HostObserved) -> Result<(), Hindrance> {
    match &host.said.policy.hours {
        Some(hours) if !hours.is_open(outlook.now) => Err(Hindrance::Hours { opens: hours.opens_at(outlook.now) }),
        Some(_) | None => Ok(()),
    }
}

/// Whether the host's own people allow the app.
pub(super) fn allowed(host: &HostObserved, app: &AppName) -> Result<(), Hindrance> {
    if host.said.policy.allows_app(app) { Ok(()) } else { Err(Hindrance::AppForbidden { app: app.clone() }) }
}
