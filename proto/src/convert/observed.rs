//! Reports of hosts about their instances and the ends of orders.
//!
//! A newer agent may send more than this version knows. Descriptive parts are left out one by one; a report without an
//! essential part is refused.

use super::activity::{incoming_activity, incoming_progress};
use super::coverage::{has_unknown_data, incoming_data_leftover, reported_leftover};
use super::drift::incoming_drift;
use super::failure::incoming_failure;
use super::health::reported_problem;
use super::result::{has_unknown, incoming_result};
use super::{ConvertError, at_most, bounded, needed};
use crate::v1;
use fleet_core::drift::Drift;
use fleet_core::facts::{
    ContainerSaid, ContainerStatus, Doing, HealthcheckStatus, InstanceHealth, InstanceSaid, Running,
};
use fleet_core::health_problem::HealthProblem;
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::{End, Outcome};
use fleet_core::order_failure::OrderFailure;

/// The most containers or drift lines one instance may report.
const LINE_LIMIT: usize = 400;

impl From<InstanceSaid> for v1::InstanceSaid {
    fn from(said: InstanceSaid) -> Self {
        let data_changed = said.health.is_data_changed();
        let (health, health_problem, stuck) = write_health(said.health);
        Self {
            release: Some(said.release.into()),
            revision: said.revision,
            power_serial: said.power_serial,
            health: health.into(),
            health_problem,
            stuck,
            data_changed,
            drift: said.drift.into_iter().map(Into::into).collect(),
            containers: said.containers.into_iter().map(Into::into).collect(),
            coverage: said.coverage.map(Into::into),
            claims: said.claims.map(Into::into),
            leftovers: said.leftovers.into_iter().map(Into::into).collect(),
        }
    }
}

/// A parsed report, with the parts that this version could not parse.
#[derive(Debug, Clone, PartialEq)]
pub struct IncomingReport<T> {
    /// Report without the parts that were left out.
    pub report: T,
    /// Parts that this version could not read.
    pub left_out: Vec<ConvertError>,
}

/// Parses a report about an instance. Unreadable coverage and claims count as unknown, as from an agent that sends
/// none, and so does a health of a newer kind.
pub fn incoming_instance(message: v1::InstanceReport) -> Result<IncomingReport<(InstanceName, Running)>, ConvertError> {
    let mut left_out = Vec::new();
    let running = read_running(needed("instance.running", message.running)?, &mut left_out)?;
    Ok(IncomingReport { report: (message.instance.parse()?, running), left_out })
}

fn read_running(
    message: v1::instance_report::Running,
    left_out: &mut Vec<ConvertError>,
) -> Result<Running, ConvertError> {
    Ok(match message {
        v1::instance_report::Running::Absent(_) => Running::Absent,
        v1::instance_report::Running::Settled(said) => Running::Settled(read_said(said, left_out)?),
        v1::instance_report::Running::Busy(busy) => Running::Busy {
            order: busy.order.parse()?,
            doing: Doing {
                step: busy.doing.and_then(|it| known("instance.doing", incoming_activity(it), left_out)),
                progress: busy.progress.and_then(|it| known("instance.progress", incoming_progress(it), left_out)),
            },
            last: busy.last.map(|said| read_said(said, left_out)).transpose()?,
        },
    })
}

fn read_said(message: v1::InstanceSaid, left_out: &mut Vec<ConvertError>) -> Result<InstanceSaid, ConvertError> {
    let stuck = message.stuck.map(|failure| (failure, message.data_changed));
    let health = read_health(message.health, message.health_problem, stuck, left_out)?;
    let drift = at_most("instance.drift", LINE_LIMIT, message.drift)?;
    let leftovers = at_most("instance.leftovers", LINE_LIMIT, message.leftovers)?;
    let containers = at_most("instance.containers", LINE_LIMIT, message.containers)?;
    let drift: Vec<Drift> = drift.into_iter().map(incoming_drift).collect();
    if drift.iter().any(|change| matches!(change, Drift::Other(_))) {
        left_out.push(ConvertError::Unknown { field: "instance.drift" });
    }
    if leftovers.iter().any(|it| incoming_data_leftover(it.clone()).is_none()) {
        left_out.push(ConvertError::Unknown { field: "instance.leftovers" });
    }
    if message.coverage.as_ref().is_some_and(has_unknown_data) {
        left_out.push(ConvertError::Unknown { field: "instance.coverage" });
    }
    if containers.iter().any(|it| v1::ContainerState::try_from(it.state).is_err()) {
        left_out.push(ConvertError::Unknown { field: "instance.containers.state" });
    }
    if containers.iter().any(|it| v1::ContainerHealth::try_from(it.health).is_err()) {
        left_out.push(ConvertError::Unknown { field: "instance.containers.health" });
    }
    Ok(InstanceSaid {
        release: needed("instance.release", message.release)?.try_into()?,
        revision: message.revision,
        power_serial: message.power_serial,
        health,
        drift,
        containers: containers.into_iter().map(Into::into).collect(),
        coverage: message.coverage.and_then(|coverage| or_left_out(coverage.try_into(), left_out)),
        claims: message.claims.and_then(|claims| or_left_out(claims.try_into(), left_out)),
        leftovers: leftovers.into_iter().map(reported_leftover).collect(),
    })
}

/// Notes a value of a kind that this version does not know.
fn known<T>(field: &'static str, value: Option<T>, left_out: &mut Vec<ConvertError>) -> Option<T> {
    or_left_out(value.ok_or(ConvertError::Unknown { field }), left_out)
}

fn or_left_out<T>(read: Result<T, ConvertError>, left_out: &mut Vec<ConvertError>) -> Option<T> {
    read.map_err(|error| left_out.push(error)).ok()
}

fn write_health(health: InstanceHealth) -> (v1::Health, Option<v1::HealthProblem>, Option<v1::OrderFailure>) {
    match health {
        InstanceHealth::Healthy => (v1::Health::Healthy, None, None),
        InstanceHealth::Starting => (v1::Health::Starting, None, None),
        InstanceHealth::Unhealthy { problem } => (v1::Health::Unhealthy, Some(problem.into()), None),
        InstanceHealth::Stuck { failure, .. } => (v1::Health::Unhealthy, None, Some(failure.into())),
        InstanceHealth::Stopped => (v1::Health::Stopped, None, None),
        InstanceHealth::Unknown => (v1::Health::Unknown, None, None),
    }
}

/// Failure of the order that is stuck, and whether the data may be other than before it.
type ReportedStuck = (v1::OrderFailure, bool);

fn read_health(
    number: i32,
    problem: Option<v1::HealthProblem>,
    stuck: Option<ReportedStuck>,
    left_out: &mut Vec<ConvertError>,
) -> Result<InstanceHealth, ConvertError> {
    let unknown = ConvertError::Unknown { field: "instance.health" };
    match v1::Health::try_from(number) {
        Ok(v1::Health::Healthy) => Ok(InstanceHealth::Healthy),
        Ok(v1::Health::Starting) => Ok(InstanceHealth::Starting),
        Ok(v1::Health::Unhealthy) => Ok(read_unhealthy(problem, stuck, left_out)),
        Ok(v1::Health::Stopped) => Ok(InstanceHealth::Stopped),
        Ok(v1::Health::Unknown) => Ok(InstanceHealth::Unknown),
        Ok(v1::Health::Unspecified) => Err(unknown),
        Err(_) => {
            left_out.push(unknown);
            Ok(InstanceHealth::Unknown)
        }
    }
}

fn read_unhealthy(
    problem: Option<v1::HealthProblem>,
    stuck: Option<ReportedStuck>,
    left_out: &mut Vec<ConvertError>,
) -> InstanceHealth {
    if let Some((failure, is_data_changed)) = stuck {
        let failure = incoming_failure(Some(failure));
        if matches!(failure, OrderFailure::Unknown { .. }) {
            left_out.push(ConvertError::Unknown { field: "instance.stuck" });
        }
        return InstanceHealth::Stuck { failure, is_data_changed };
    }
    let problem = reported_problem(problem);
    if matches!(problem, HealthProblem::Unknown { .. }) {
        left_out.push(ConvertError::Unknown { field: "instance.health_problem" });
    }
    InstanceHealth::Unhealthy { problem }
}

impl From<ContainerSaid> for v1::ContainerSaid {
    fn from(said: ContainerSaid) -> Self {
        let ContainerSaid { service, name, image, state, health } = said;
        let (state, health) = (v1::ContainerState::from(state), v1::ContainerHealth::from(health));
        Self { service, name, image, state: state.into(), health: health.into() }
    }
}

impl From<v1::ContainerSaid> for ContainerSaid {
    fn from(message: v1::ContainerSaid) -> Self {
        let state = v1::ContainerState::try_from(message.state).map_or(ContainerStatus::Unknown, Into::into);
        let health = v1::ContainerHealth::try_from(message.health).map_or(HealthcheckStatus::Unknown, Into::into);
        let v1::ContainerSaid { service, name, image, .. } = message;
        Self { service: bounded(service), name: bounded(name), image: bounded(image), state, health }
    }
}

/// Pairs the variants of an enum of core with those of an enum of the wire whose unspecified value means something.
macro_rules! total_enumeration {
    ($core:ident, $wire:ident: $($variant:ident => $value:ident),+ $(,)?) => {
        impl From<$core> for v1::$wire {
            fn from(value: $core) -> Self {
                match value {
                    $($core::$variant => Self::$value,)+
                }
            }
        }

        impl From<v1::$wire> for $core {
            fn from(value: v1::$wire) -> Self {
                match value {
                    $(v1::$wire::$value => Self::$variant,)+
                }
            }
        }
    };
}

total_enumeration!(ContainerStatus, ContainerState:
    Created => Created,
    Running => Running,
    Paused => Paused,
    Restarting => Restarting,
    Removing => Removing,
    Exited => Exited,
    Dead => Dead,
    Unknown => Unspecified,
);
total_enumeration!(HealthcheckStatus, ContainerHealth:
    None => None,
    Starting => Starting,
    Healthy => Healthy,
    Unhealthy => Unhealthy,
    Unknown => Unspecified,
);

impl From<Running> for v1::instance_report::Running {
    fn from(running: Running) -> Self {
        match running {
            Running::Absent => Self::Absent(v1::Absent {}),
            Running::Settled(said) => Self::Settled(said.into()),
            Running::Busy { order, doing: Doing { step, progress }, last } => {
                let progress = progress.map(Into::into);
                let (doing, last) = (step.map(Into::into), last.map(Into::into));
                Self::Busy(v1::Busy { order: order.into(), last, progress, doing })
            }
        }
    }
}

impl From<(InstanceName, Running)> for v1::InstanceReport {
    fn from((instance, running): (InstanceName, Running)) -> Self {
        Self { instance: instance.into(), running: Some(running.into()) }
    }
}

impl From<(OrderId, InstanceName, End)> for v1::OrderReport {
    fn from((id, instance, end): (OrderId, InstanceName, End)) -> Self {
        let result = end.made.map(|made| (*made).into());
        Self { id: id.into(), instance: instance.into(), outcome: Some(end.outcome.into()), result }
    }
}

/// Reads how an order ended. A result that cannot be read does not make the end unheard; an outcome of a kind that is newer is
/// one that a person has to look at.
pub fn incoming_end(message: v1::OrderReport) -> Result<IncomingReport<(OrderId, InstanceName, End)>, ConvertError> {
    let (id, instance) = (message.id.parse()?, message.instance.parse()?);
    let mut left_out = Vec::new();
    let outcome = needed("order.outcome", message.outcome).and_then(TryInto::try_into);
    let outcome = or_left_out(outcome, &mut left_out).unwrap_or_else(unknown_outcome);
    if matches!(outcome.failure(), Some(OrderFailure::Unknown { .. })) {
        left_out.push(ConvertError::Unknown { field: "order.failure" });
    }
    let made = message.result.and_then(|result| or_left_out(incoming_result(result), &mut left_out)).map(Box::new);
    if made.as_deref().is_some_and(has_unknown) {
        left_out.push(ConvertError::Unknown { field: "order.result.notes" });
    }
    Ok(IncomingReport { report: (id, instance, End { outcome, made }), left_out })
}

fn unknown_outcome() -> Outcome {
    Outcome::Stuck { failure: OrderFailure::UnknownOutcome, hint: Some(Hint::UpgradeAndLook) }
}
