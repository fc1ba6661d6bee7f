//! Services that are stopped or paused while their data is read.

use super::container;
use super::container::inspect_own;
use super::engine::DockerEngine;
use super::engine_messages::EngineErrorKind;
use crate::runtime::RuntimeError;
use bollard::models::ContainerState;
use fleet_core::backup::HoldKind;
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::{ContainerSpec, InstanceSpec};
use fleet_core::steps::DEFAULT_GRACE;

pub async fn hold(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    service: &str,
    kind: HoldKind,
) -> Result<(), RuntimeError> {
    let (of_spec, id, state) = found(engine, spec, service).await?;
    let name = &of_spec.name;
    let (runs, is_paused) = (state.running == Some(true), state.paused == Some(true));
    match kind {
        HoldKind::Stopped if runs || state.restarting == Some(true) => {
            if is_paused {
                // A paused container cannot shut down cleanly.
                resume(engine, name, &id).await?;
            }
            let grace = of_spec.stop_grace_period.unwrap_or(DEFAULT_GRACE);
            container::stop(engine, name, &id, grace.as_duration()).await
        }
        HoldKind::Paused if runs && !is_paused => {
            let call = engine.docker().await?.pause_container(&id);
            match engine.act(&FailedStep::PauseContainer(name.clone()), call).await {
                Err(RuntimeError::Refused { kind: EngineErrorKind::AlreadyPaused, .. }) => Ok(()),
                paused => paused,
            }
        }
        HoldKind::Stopped | HoldKind::Paused => Ok(()),
    }
}

pub async fn release(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    service: &str,
    kind: HoldKind,
) -> Result<(), RuntimeError> {
    let (of_spec, id, state) = found(engine, spec, service).await?;
    match kind {
        HoldKind::Stopped => container::start(engine, spec, &of_spec.name).await,
        HoldKind::Paused if state.paused == Some(true) => resume(engine, &of_spec.name, &id).await,
        HoldKind::Paused => Ok(()),
    }
}

async fn resume(engine: &DockerEngine, name: &str, id: &str) -> Result<(), RuntimeError> {
    let call = engine.docker().await?.unpause_container(id);
    match engine.act(&FailedStep::ResumeContainer(name.to_owned()), call).await {
        Err(RuntimeError::Refused { kind: EngineErrorKind::NotPaused, .. }) => Ok(()),
        resumed => resumed,
    }
}

async fn found<'a>(
    engine: &DockerEngine,
    spec: &'a InstanceSpec,
    service: &str,
) -> Result<(&'a ContainerSpec, String, ContainerState), RuntimeError> {
    let of_spec = super::container_of(spec, service)?;
    let gone = || RuntimeError::NotThere { kind: "container", name: of_spec.name.clone() };
    let found = inspect_own(engine, spec, &of_spec.name).await?.ok_or_else(gone)?;
    Ok((of_spec, found.id.unwrap_or_default(), found.state.unwrap_or_default()))
}
