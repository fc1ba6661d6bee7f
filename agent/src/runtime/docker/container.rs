//! Containers at the Engine: made, started, waited for, stopped, removed.

use super::create::{body, further_networks, restart_policy};
use super::engine::{DockerEngine, unless_missing};
use super::engine_messages::EngineErrorKind;
use super::inspect::is_own_container;
use crate::runtime::RuntimeError;
use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, ContainerUpdateBody, HealthStatusEnum, NetworkConnectRequest,
};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, ListContainersOptions, RemoveContainerOptions,
    RenameContainerOptions, StartContainerOptions, StopContainerOptions,
};
use fleet_core::failed_step::FailedStep;
use fleet_core::part_owner::PortHolder;
use fleet_core::spec::{
    COMPOSE_PROJECT, COMPOSE_SERVICE, ContainerSpec, EngineOwner, FLEET_CONFIG_HASH, InstanceSpec, Restart,
    owner_by_labels,
};
use fleet_core::steps::{ForeignKind, KeptVolume};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub async fn inspect(engine: &DockerEngine, name: &str) -> Result<Option<ContainerInspectResponse>, RuntimeError> {
    let call = engine.docker().await?.inspect_container(name, None::<InspectContainerOptions>);
    unless_missing(engine.ask(&FailedStep::LookAtContainer(name.to_owned()), call).await)
}

/// Inspects one of the instance's containers by name. A foreign container of that name is an error.
pub async fn inspect_own(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    name: &str,
) -> Result<Option<ContainerInspectResponse>, RuntimeError> {
    let Some(found) = inspect(engine, name).await? else { return Ok(None) };
    let labels = labels_of(&found);
    let owner = owner_by_labels(spec, |key| labels.get(key).map(String::as_str));
    match owner {
        EngineOwner::Instance => Ok(Some(found)),
        owner => Err(RuntimeError::OfOthers { kind: ForeignKind::Container, name: name.to_owned(), owner }),
    }
}

/// Creates a container in all its networks, without starting it.
pub async fn create(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    container: &ContainerSpec,
    name: &str,
    keeps: &[KeptVolume],
) -> Result<(), RuntimeError> {
    let options = CreateContainerOptions { name: Some(name.to_owned()), ..CreateContainerOptions::default() };
    let call = engine.docker().await?.create_container(Some(options), body(spec, container, keeps));
    match engine.act(&FailedStep::CreateContainer(name.to_owned()), call).await {
        Ok(_) => {}
        Err(error @ RuntimeError::Refused { kind: EngineErrorKind::NameInUse | EngineErrorKind::Conflict, .. }) => {
            match inspect(engine, name).await? {
                Some(_) => is_this_one(engine, spec, container, name).await?,
                None => return Err(error),
            }
        }
        Err(RuntimeError::Refused { kind: EngineErrorKind::NoSuchImage, .. }) => {
            return Err(RuntimeError::NoImage { image: container.image.clone() });
        }
        Err(error) => return Err(error),
    }
    connect(engine, container, name).await
}

/// Connects a container to its networks beyond the first, in which it is created.
pub async fn connect(engine: &DockerEngine, container: &ContainerSpec, name: &str) -> Result<(), RuntimeError> {
    for (network, endpoint_config) in further_networks(container) {
        let request = NetworkConnectRequest { container: name.to_owned(), endpoint_config: Some(endpoint_config) };
        let call = engine.docker().await?.connect_network(network, request);
        match engine.act(&FailedStep::ConnectContainer(name.to_owned(), network.to_owned()), call).await {
            Ok(()) => {}
            // Connected already, by an attempt that was cut off.
            Err(RuntimeError::Refused { kind: EngineErrorKind::AlreadyConnected, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns whether the container of that name is exactly the one to create, from an interrupted attempt.
async fn is_this_one(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    container: &ContainerSpec,
    name: &str,
) -> Result<(), RuntimeError> {
    let found = inspect(engine, name).await?.unwrap_or_default();
    let labels = labels_of(&found);
    let has = |key: &str, value: &str| labels.get(key).is_some_and(|found| found == value);
    let is_ours = is_own_container(spec, |key| labels.get(key).map(String::as_str))
        && has(COMPOSE_PROJECT, &spec.project)
        && has(COMPOSE_SERVICE, &container.service);
    if is_ours && has(FLEET_CONFIG_HASH, &container.config_hash) {
        return Ok(());
    }
    let id: String = found.id.unwrap_or_default().chars().take(12).collect();
    Err(RuntimeError::NameTaken { name: name.to_owned(), id })
}

pub fn labels_of(found: &ContainerInspectResponse) -> HashMap<String, String> {
    found.config.as_ref().and_then(|config| config.labels.clone()).unwrap_or_default()
}

/// Asks a container to end, and makes it end when its time is over; one that is gone has ended.
pub async fn stop(engine: &DockerEngine, name: &str, id: &str, grace: Duration) -> Result<(), RuntimeError> {
    let call = engine.docker().await?.stop_container(id, None::<StopContainerOptions>);
    let limit = engine.limits.action.saturating_add(grace);
    unless_missing(engine.within(limit, &FailedStep::StopContainer(name.to_owned()), call).await).map(drop)
}

/// Sets the restart policy of a container; one that is gone needs none.
pub async fn set_restart(engine: &DockerEngine, name: &str, id: &str, restart: Restart) -> Result<(), RuntimeError> {
    let body = ContainerUpdateBody { restart_policy: Some(restart_policy(restart)), ..ContainerUpdateBody::default() };
    let call = engine.docker().await?.update_container(id, body);
    unless_missing(engine.act(&FailedStep::SetRestartPolicy(name.to_owned()), call).await).map(drop)
}

/// Removes a container that has ended; its volumes stay.
pub async fn remove(engine: &DockerEngine, name: &str, id: &str) -> Result<(), RuntimeError> {
    let step = FailedStep::RemoveContainer(name.to_owned());
    let options = RemoveContainerOptions { v: false, force: false, link: false };
    let deadline = Instant::now() + engine.limits.action;
    loop {
        let call = engine.docker().await?.remove_container(id, Some(options.clone()));
        match unless_missing(engine.act(&step, call).await) {
            Ok(_) => return Ok(()),
            // Someone else removes it, or an attempt that was cut off still does.
            Err(RuntimeError::Refused { kind: EngineErrorKind::RemovalInProgress, .. })
                if Instant::now() < deadline =>
            {
                sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

pub async fn rename(engine: &DockerEngine, spec: &InstanceSpec, from: &str, name: &str) -> Result<(), RuntimeError> {
    let options = RenameContainerOptions { name: name.to_owned() };
    let call = engine.docker().await?.rename_container(from, options);
    match engine.act(&FailedStep::RenameContainer(from.to_owned(), name.to_owned()), call).await {
        Ok(()) => Ok(()),
        Err(
            error @ RuntimeError::Refused {
                kind: EngineErrorKind::NoSuchObject | EngineErrorKind::NameInUse | EngineErrorKind::Conflict,
                ..
            },
        ) => {
            let Some(container) = spec.containers.iter().find(|container| container.name == name) else {
                return Err(error);
            };
            match inspect(engine, name).await? {
                Some(_) => is_this_one(engine, spec, container, name).await,
                None => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Starts a container, or resumes a paused one.
pub async fn start(engine: &DockerEngine, spec: &InstanceSpec, name: &str) -> Result<(), RuntimeError> {
    let step = FailedStep::StartContainer(name.to_owned());
    inspect_own(engine, spec, name).await?;
    let call = engine.docker().await?.start_container(name, None::<StartContainerOptions>);
    match engine.act(&step, call).await {
        // A container that is being stopped or removed is refused with the same words: then the first refusal says more.
        Err(error @ RuntimeError::Refused { kind: EngineErrorKind::IsPaused, .. }) => {
            match engine.act(&step, engine.docker().await?.unpause_container(name)).await {
                Err(RuntimeError::Refused { kind: EngineErrorKind::NotPaused, .. }) => Err(error),
                answer => answer,
            }
        }
        Err(error @ RuntimeError::Refused { kind: EngineErrorKind::PortTaken { port }, .. }) => {
            Err(port_taken(engine, spec, name, port).await.unwrap_or(error))
        }
        answer => answer,
    }
}

/// Waits until a container is healthy; one that has no check is when it runs.
pub async fn await_healthy(engine: &DockerEngine, name: &str, limit: Duration) -> Result<(), RuntimeError> {
    let step = FailedStep::WaitUntilHealthy(name.to_owned());
    await_state(engine, name, &step, limit, |found| {
        let state = found.state.as_ref()?;
        let health = state.health.as_ref().and_then(|health| health.status);
        match (state.status, health) {
            (Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD), _) => {
                let code = state.exit_code.unwrap_or(-1);
                Some(Err(RuntimeError::Ended { container: name.to_owned(), code, detail: String::new() }))
            }
            (_, Some(HealthStatusEnum::UNHEALTHY)) => {
                Some(Err(RuntimeError::Unhealthy { container: name.to_owned(), detail: last_words(found) }))
            }
            (_, Some(HealthStatusEnum::STARTING)) => None,
            (Some(ContainerStateStatusEnum::RUNNING), _) => Some(Ok(())),
            (_, _) => None,
        }
    })
    .await
}

/// Waits until a container has ended with 0.
pub async fn await_exit(engine: &DockerEngine, name: &str, limit: Duration) -> Result<(), RuntimeError> {
    let step = FailedStep::WaitUntilCompleted(name.to_owned());
    await_state(engine, name, &step, limit, |found| {
        let state = found.state.as_ref()?;
        let has_ended = state.status == Some(ContainerStateStatusEnum::EXITED);
        let code = has_ended.then(|| state.exit_code.unwrap_or(-1))?;
        let ended = || RuntimeError::Ended { container: name.to_owned(), code, detail: String::new() };
        Some(if code == 0 { Ok(()) } else { Err(ended()) })
    })
    .await
}

/// Polls until there is an answer: frequently at first, because fast containers should not wait for us.
async fn await_state(
    engine: &DockerEngine,
    name: &str,
    step: &FailedStep,
    limit: Duration,
    answer: impl Fn(&ContainerInspectResponse) -> Option<Result<(), RuntimeError>>,
) -> Result<(), RuntimeError> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(50);
    loop {
        let gone = || RuntimeError::NotThere { kind: "container", name: name.to_owned() };
        let found = inspect(engine, name).await?.ok_or_else(gone)?;
        if let Some(answer) = answer(&found) {
            return answer;
        }
        if Instant::now() >= deadline {
            return Err(RuntimeError::TooSlow { step: step.clone(), limit });
        }
        sleep(pause).await;
        pause = pause.mul_f32(1.2).min(Duration::from_secs(1));
    }
}

/// Returns the output of the last health check, in one line.
fn last_words(found: &ContainerInspectResponse) -> String {
    let health = found.state.as_ref().and_then(|state| state.health.as_ref());
    let last = health.and_then(|health| health.log.as_ref()).and_then(|log| log.last());
    let output = last.and_then(|last| last.output.as_deref()).unwrap_or_default();
    let line: String = output.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}

/// Finds out who has a port that the Engine refused to give to the container; none where the port is not the container's.
async fn port_taken(engine: &DockerEngine, spec: &InstanceSpec, name: &str, port: u16) -> Option<RuntimeError> {
    let container = spec.containers.iter().find(|container| container.name == name)?;
    container.ports.iter().find(|published| published.host == Some(port))?;
    let holder = holder(engine, port, name).await.unwrap_or(PortHolder::Program);
    Some(RuntimeError::PortTaken { port, holder, container: name.to_owned() })
}

/// The other container that publishes the port.
async fn holder(engine: &DockerEngine, port: u16, name: &str) -> Option<PortHolder> {
    let call = engine.docker().await.ok()?.list_containers(None::<ListContainersOptions>);
    let running = engine.ask(&FailedStep::ListContainers, call).await.ok()?;
    let publishes = |ports: &[bollard::models::PortSummary]| ports.iter().any(|it| it.public_port == Some(port));
    let holders = running.into_iter().filter(|container| publishes(container.ports.as_deref().unwrap_or_default()));
    let mut names = holders.filter_map(|container| container.names?.into_iter().next());
    let other = names.find(|found| found.trim_start_matches('/') != name)?;
    Some(PortHolder::Container { name: other.trim_start_matches('/').to_owned() })
}
