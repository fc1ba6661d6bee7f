//! Report about an instance, from its settled and its observed state.

use super::data::left_of;
use crate::agent_context::AgentContext;
use crate::ledger::{InstanceEntry, Settled, StuckMark};
use fleet_core::backup::Coverage;
use fleet_core::claims::claims_of;
use fleet_core::drift::Drift;
use fleet_core::facts::{ContainerSaid, ContainerStatus, HealthcheckStatus, InstanceHealth, InstanceSaid};
use fleet_core::names::InstanceName;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::gate::{Ailment, Observation, ailment};
use fleet_core::steps::{ContainerHealth, ContainerState};

/// Returns the report about an instance as observed, with its differences from the applied state.
pub fn said(
    entry: &InstanceEntry,
    seen: &Observation,
    drift: Vec<Drift>,
    coverage: Option<Coverage>,
) -> Option<InstanceSaid> {
    let settled = entry.settled.as_ref()?;
    let health = match &entry.stuck {
        Some(StuckMark { failure, is_data_changed, .. }) => {
            InstanceHealth::Stuck { failure: failure.clone(), is_data_changed: *is_data_changed }
        }
        None => health(settled, seen),
    };
    let containers = containers(&settled.rendered.spec, seen);
    Some(InstanceSaid { health, drift, containers, coverage, ..unknown(settled) })
}

/// With the data of before its restores and upgrades that could not be removed.
pub fn with_leftovers(context: &AgentContext, name: &InstanceName, said: InstanceSaid) -> InstanceSaid {
    InstanceSaid { leftovers: left_of(context, name), ..said }
}

/// Returns the report of an instance that cannot be inspected.
pub fn unlooked(entry: &InstanceEntry) -> Option<InstanceSaid> {
    entry.settled.as_ref().map(unknown)
}

fn unknown(settled: &Settled) -> InstanceSaid {
    InstanceSaid {
        release: settled.release.clone(),
        revision: settled.revision,
        power_serial: settled.power.serial,
        health: InstanceHealth::Unknown,
        drift: Vec::new(),
        containers: Vec::new(),
        coverage: None,
        leftovers: Vec::new(),
        claims: Some(claims_of(&settled.rendered.spec)),
    }
}

fn health(settled: &Settled, seen: &Observation) -> InstanceHealth {
    let is_alive = seen.containers.iter().any(|container| container.state.is_alive());
    if settled.is_stopped() && !is_alive {
        return InstanceHealth::Stopped;
    }
    match ailment(&settled.rendered.spec, seen) {
        None => InstanceHealth::Healthy,
        Some(Ailment::Starting(_)) => InstanceHealth::Starting,
        Some(Ailment::Unwell(problem) | Ailment::Hopeless(problem)) => InstanceHealth::Unhealthy { problem },
    }
}

fn containers(spec: &InstanceSpec, seen: &Observation) -> Vec<ContainerSaid> {
    let said = seen.containers.iter().map(|container| ContainerSaid {
        service: container.service.clone(),
        name: container.name.clone(),
        image: spec.container(&container.service).map(|it| it.image.clone()).unwrap_or_default(),
        state: status(container.state),
        health: healthcheck_status(container.health),
    });
    said.collect()
}

fn status(state: ContainerState) -> ContainerStatus {
    match state {
        ContainerState::Created => ContainerStatus::Created,
        ContainerState::Running => ContainerStatus::Running,
        ContainerState::Paused => ContainerStatus::Paused,
        ContainerState::Restarting => ContainerStatus::Restarting,
        ContainerState::Exited { .. } => ContainerStatus::Exited,
        ContainerState::Dead => ContainerStatus::Dead,
    }
}

fn healthcheck_status(health: ContainerHealth) -> HealthcheckStatus {
    match health {
        ContainerHealth::Unchecked => HealthcheckStatus::None,
        ContainerHealth::Starting => HealthcheckStatus::Starting,
        ContainerHealth::Healthy => HealthcheckStatus::Healthy,
        ContainerHealth::Unhealthy => HealthcheckStatus::Unhealthy,
    }
}
