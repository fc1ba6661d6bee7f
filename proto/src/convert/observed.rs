//! What hosts say of their instances and of the ends of orders.

use super::result::incoming_result;
use super::{ConvertError, at_most, bounded, needed};
use crate::v1;
use fleet_core::facts::{ContainerSaid, Doing, InstanceHealth, InstanceSaid, Running};
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::End;

/// The most containers or drift lines one instance may report.
const LINE_LIMIT: usize = 400;

impl From<InstanceSaid> for v1::InstanceSaid {
    fn from(said: InstanceSaid) -> Self {
        let (health, health_reason) = write_health(said.health);
        Self {
            release: Some(said.release.into()),
            revision: said.revision,
            power_serial: said.power_serial,
            health: health.into(),
            health_reason,
            drift: said.drift,
            containers: said.containers.into_iter().map(Into::into).collect(),
            coverage: said.coverage.map(Into::into),
            claims: said.claims.map(Into::into),
            leftovers: said.leftovers,
        }
    }
}

impl TryFrom<v1::InstanceSaid> for InstanceSaid {
    type Error = ConvertError;
    fn try_from(message: v1::InstanceSaid) -> Result<Self, ConvertError> {
        let health = read_health(message.health(), message.health_reason)?;
        let drift = at_most("instance.drift", LINE_LIMIT, message.drift)?;
        let leftovers = at_most("instance.leftovers", LINE_LIMIT, message.leftovers)?;
        let containers = at_most("instance.containers", LINE_LIMIT, message.containers)?;
        Ok(Self {
            release: needed("instance.release", message.release)?.try_into()?,
            revision: message.revision,
            power_serial: message.power_serial,
            health,
            drift: drift.into_iter().map(bounded).collect(),
            containers: containers.into_iter().map(Into::into).collect(),
            coverage: message.coverage.map(TryInto::try_into).transpose()?,
            claims: message.claims.map(TryInto::try_into).transpose()?,
            leftovers: leftovers.into_iter().map(bounded).collect(),
        })
    }
}

fn write_health(health: InstanceHealth) -> (v1::Health, String) {
    match health {
        InstanceHealth::Healthy => (v1::Health::Healthy, String::new()),
        InstanceHealth::Starting => (v1::Health::Starting, String::new()),
        InstanceHealth::Unhealthy { reason } => (v1::Health::Unhealthy, reason),
        InstanceHealth::Stopped => (v1::Health::Stopped, String::new()),
        InstanceHealth::Unknown => (v1::Health::Unknown, String::new()),
    }
}

fn read_health(health: v1::Health, reason: String) -> Result<InstanceHealth, ConvertError> {
    match health {
        v1::Health::Healthy => Ok(InstanceHealth::Healthy),
        v1::Health::Starting => Ok(InstanceHealth::Starting),
        v1::Health::Unhealthy => Ok(InstanceHealth::Unhealthy { reason: bounded(reason) }),
        v1::Health::Stopped => Ok(InstanceHealth::Stopped),
        v1::Health::Unknown => Ok(InstanceHealth::Unknown),
        v1::Health::Unspecified => Err(ConvertError::Unknown { field: "instance.health" }),
    }
}

impl From<ContainerSaid> for v1::ContainerSaid {
    fn from(said: ContainerSaid) -> Self {
        let ContainerSaid { service, name, image, state, health } = said;
        Self { service, name, image, state, health }
    }
}

impl From<v1::ContainerSaid> for ContainerSaid {
    fn from(message: v1::ContainerSaid) -> Self {
        let v1::ContainerSaid { service, name, image, state, health } = message;
        Self {
            service: bounded(service),
            name: bounded(name),
            image: bounded(image),
            state: bounded(state),
            health: bounded(health),
        }
    }
}

impl From<Running> for v1::instance_report::Running {
    fn from(running: Running) -> Self {
        match running {
            Running::Absent => Self::Absent(v1::Absent {}),
            Running::Settled(said) => Self::Settled(said.into()),
            Running::Busy { order, doing: Doing { step, progress }, last } => {
                Self::Busy(v1::Busy { order: order.into(), step, last: last.map(Into::into), progress })
            }
        }
    }
}

impl TryFrom<v1::instance_report::Running> for Running {
    type Error = ConvertError;
    fn try_from(message: v1::instance_report::Running) -> Result<Self, ConvertError> {
        Ok(match message {
            v1::instance_report::Running::Absent(_) => Self::Absent,
            v1::instance_report::Running::Settled(said) => Self::Settled(said.try_into()?),
            v1::instance_report::Running::Busy(busy) => Self::Busy {
                order: busy.order.parse()?,
                doing: Doing { step: bounded(busy.step), progress: bounded(busy.progress) },
                last: busy.last.map(TryInto::try_into).transpose()?,
            },
        })
    }
}

impl From<(InstanceName, Running)> for v1::InstanceReport {
    fn from((instance, running): (InstanceName, Running)) -> Self {
        Self { instance: instance.into(), running: Some(running.into()) }
    }
}

impl TryFrom<v1::InstanceReport> for (InstanceName, Running) {
    type Error = ConvertError;
    fn try_from(message: v1::InstanceReport) -> Result<Self, ConvertError> {
        Ok((message.instance.parse()?, needed("instance.running", message.running)?.try_into()?))
    }
}

impl From<(OrderId, InstanceName, End)> for v1::OrderReport {
    fn from((id, instance, end): (OrderId, InstanceName, End)) -> Self {
        let result = end.made.map(|made| (*made).into());
        Self { id: id.into(), instance: instance.into(), outcome: Some(end.outcome.into()), result }
    }
}

impl TryFrom<v1::OrderReport> for (OrderId, InstanceName, End) {
    type Error = ConvertError;
    fn try_from(message: v1::OrderReport) -> Result<Self, ConvertError> {
        let outcome = needed("order.outcome", message.outcome)?.try_into()?;
        let made = message.result.map(incoming_result).transpose()?.map(Box::new);
        Ok((message.id.parse()?, message.instance.parse()?, End { outcome, made }))
    }
}
