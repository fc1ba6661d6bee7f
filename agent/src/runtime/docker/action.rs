//! Containers of the actions of upgrades.
//!
//! **Invariant:** a container is started only once: who asks for it says whether it may begin, and the Engine whether it has begun.
//! **Invariant:** it has none of the labels of a Compose project, so that nothing takes it for a service of the instance.

use super::container::{connect, inspect, labels_of};
use super::create::body;
use super::engine::{DockerEngine, unless_missing};
use super::engine_messages::EngineErrorKind;
use super::inspect::volumes_without_name;
use crate::clock;
use crate::runtime::{ActionEnd, RuntimeError};
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum};
use bollard::query_parameters::{
    CreateContainerOptions, ListContainersOptions, LogsOptions, RemoveContainerOptions, StartContainerOptions,
};
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::{InstanceSpec, Switch};
use fleet_core::time::Time;
use fleet_core::upgrade_actions::ActionContainer;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, sleep, timeout};

/// Label with the order.
const ORDER: &str = "fleet.action";
/// Label with the Compose project of the instance.
const PROJECT: &str = "fleet.action.project";
/// Lines of a log that are reported, and the most bytes of them.
const LINES: &str = "40";
const OUTPUT_LIMIT: usize = 4 << 10;
/// Pauses between two looks at a running container.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Creates the container of an action in all its networks; what an interrupted attempt has created is completed.
pub async fn create(engine: &DockerEngine, action: &ActionContainer, spec: &InstanceSpec) -> Result<(), RuntimeError> {
    let name = &action.spec.name;
    match inspect(engine, name).await? {
        Some(found) => expect_own(&found, action)?,
        None => create_in_first_network(engine, action, spec).await?,
    }
    connect(engine, &action.spec, name).await
}

async fn create_in_first_network(
    engine: &DockerEngine,
    action: &ActionContainer,
    spec: &InstanceSpec,
) -> Result<(), RuntimeError> {
    let name = &action.spec.name;
    let gone = || RuntimeError::NotThere { kind: "container", name: action.like.clone() };
    let like = inspect(engine, &action.like).await?.ok_or_else(gone)?;
    let options = CreateContainerOptions { name: Some(name.clone()), ..CreateContainerOptions::default() };
    let call = engine.docker().await?.create_container(Some(options), body_of(action, spec, like));
    match engine.act(&FailedStep::CreateContainer(name.clone()), call).await {
        Ok(_) => Ok(()),
        Err(RuntimeError::Refused { kind: EngineErrorKind::NameInUse | EngineErrorKind::Conflict, .. }) => {
            expect_own(&inspect(engine, name).await?.unwrap_or_default(), action)
        }
        Err(error) => Err(error),
    }
}

/// Refuses a container that something else has given the name.
fn expect_own(found: &ContainerInspectResponse, action: &ActionContainer) -> Result<(), RuntimeError> {
    if labels_of(found).get(ORDER).is_some_and(|order| *order == action.order.as_str()) {
        return Ok(());
    }
    let id = found.id.clone().unwrap_or_default().chars().take(12).collect();
    Err(RuntimeError::NameTaken { name: action.spec.name.clone(), id })
}

fn body_of(action: &ActionContainer, spec: &InstanceSpec, like: ContainerInspectResponse) -> ContainerCreateBody {
    let made = body(spec, &action.spec, &volumes_without_name(like.mounts));
    let labels = [(ORDER, action.order.to_string()), (PROJECT, action.project.clone())];
    ContainerCreateBody {
        // The very image of the service's container, whatever its name means by now.
        image: like.image.or(made.image.clone()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value)).into()),
        ..made
    }
}

/// Starts the container, if `starts` is on and it has never run, and waits for its end.
pub async fn finish(
    engine: &DockerEngine,
    action: &ActionContainer,
    starts: Switch,
) -> Result<ActionEnd, RuntimeError> {
    let name = &action.spec.name;
    let (mut pause, mut waits) = (FIRST_PAUSE, None);
    loop {
        let Some(found) = inspect(engine, name).await? else { return Ok(ActionEnd::Gone) };
        expect_own(&found, action)?;
        let state = found.state.unwrap_or_default();
        let began = began_at(state.started_at.as_deref());
        match state.status {
            Some(ContainerStateStatusEnum::CREATED) if starts.is_on() => start(engine, action).await?,
            // What never began has not ended well, whatever code the Engine gives it.
            Some(ContainerStateStatusEnum::CREATED | ContainerStateStatusEnum::DEAD) => return Ok(ActionEnd::Gone),
            Some(ContainerStateStatusEnum::EXITED) if began.is_none() => return Ok(ActionEnd::Gone),
            Some(ContainerStateStatusEnum::EXITED) => {
                let (code, output) = (state.exit_code.unwrap_or(-1), output(engine, name).await);
                return Ok(ActionEnd::Exited { code, output });
            }
            _ if time_left(&mut waits, starts, began, action.limit).is_zero() => {
                let output = output(engine, name).await;
                remove(engine, name).await?;
                return Ok(ActionEnd::TooSlow { output });
            }
            _ => {
                sleep(pause).await;
                pause = pause.mul_f32(1.5).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn start(engine: &DockerEngine, action: &ActionContainer) -> Result<(), RuntimeError> {
    let name = &action.spec.name;
    let call = engine.docker().await?.start_container(name, None::<StartContainerOptions>);
    match engine.act(&FailedStep::StartContainer(name.clone()), call).await {
        Err(RuntimeError::Refused { kind: EngineErrorKind::NoExecutable, reason, .. }) => {
            let words = action.spec.command.iter().flatten();
            let tool = words.map(|word| word.expose().to_owned()).next().unwrap_or_default();
            Err(RuntimeError::NoTool { service: action.spec.service.clone(), tool, detail: reason })
        }
        answer => answer,
    }
}

/// Returns what is left of the limit of a running container. The host's clock may be set meanwhile: only what an earlier attempt has waited
/// is taken from it.
fn time_left(
    waits: &mut Option<(Instant, Duration)>,
    starts: Switch,
    began: Option<Time>,
    limit: Duration,
) -> Duration {
    let before = || if starts.is_on() { None } else { began.map(|began| clock::now().since(began)) };
    let (since, before) = *waits.get_or_insert_with(|| (Instant::now(), before().unwrap_or_default()));
    limit.saturating_sub(before).saturating_sub(since.elapsed())
}

/// Returns when a container began, as the Engine writes it; year 1 is that of one that has not.
fn began_at(started_at: Option<&str>) -> Option<Time> {
    let began = OffsetDateTime::parse(started_at?, &Rfc3339).ok()?;
    u64::try_from(began.unix_timestamp_nanos() / 1_000_000).ok().map(Time)
}

/// Returns the end of a container's log; empty if it cannot be read.
async fn output(engine: &DockerEngine, name: &str) -> String {
    let Ok(docker) = engine.docker().await else { return String::new() };
    let options = LogsOptions { stdout: true, stderr: true, tail: LINES.to_owned(), ..LogsOptions::default() };
    let mut bytes = Vec::new();
    let reading = async {
        let mut log = docker.logs(name, Some(options));
        while let Some(Ok(piece)) = log.next().await {
            bytes.extend_from_slice(&piece.into_bytes());
        }
    };
    if timeout(engine.limits.question, reading).await.is_err() {
        tracing::warn!(container = name, "the log of an action is not read to its end");
    }
    let rest = bytes.len().saturating_sub(OUTPUT_LIMIT);
    String::from_utf8_lossy(&bytes[rest..]).trim().to_owned()
}

/// Ends and removes the containers of all actions of a Compose project.
pub async fn remove_all(engine: &DockerEngine, project: &str) -> Result<(), RuntimeError> {
    let filters = HashMap::from([("label".to_owned(), vec![format!("{PROJECT}={project}")])]);
    let options = ListContainersOptions { all: true, filters: Some(filters), ..ListContainersOptions::default() };
    let call = engine.docker().await?.list_containers(Some(options));
    for found in engine.ask(&FailedStep::ListContainers, call).await? {
        remove(engine, &found.id.unwrap_or_default()).await?;
    }
    Ok(())
}

/// Removes a container, and waits until it is gone: only then nothing of it writes.
async fn remove(engine: &DockerEngine, container: &str) -> Result<(), RuntimeError> {
    // Without `v`, because the volumes belong to the service.
    let options = RemoveContainerOptions { v: false, force: true, link: false };
    let step = FailedStep::RemoveContainer(container.to_owned());
    let deadline = Instant::now() + engine.limits.action;
    loop {
        let call = engine.docker().await?.remove_container(container, Some(options.clone()));
        match unless_missing(engine.act(&step, call).await) {
            Ok(_) | Err(RuntimeError::Refused { kind: EngineErrorKind::RemovalInProgress, .. }) => {}
            Err(error) => return Err(error),
        }
        if inspect(engine, container).await?.is_none() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(RuntimeError::TooSlow { step, limit: engine.limits.action });
        }
        sleep(FIRST_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_limit_counts_by_a_clock_that_nobody_sets() {
        let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
        let long_ago = Some(Time(0));
        let mut waits = None;
        assert_eq!(time_left(&mut waits, Switch::On, long_ago, hour), hour, "it was started here");
        tokio::time::advance(minute).await;
        assert_eq!(time_left(&mut waits, Switch::On, long_ago, hour), hour - minute);
        assert_eq!(time_left(&mut None, Switch::Off, long_ago, hour), Duration::ZERO, "an earlier attempt has waited");
        assert_eq!(time_left(&mut None, Switch::Off, None, hour), hour);
    }

    #[test]
    fn the_start_of_a_container_is_read_as_the_engine_writes_it() {
        assert_eq!(began_at(Some("1970-01-01T00:00:01.5Z")), Some(Time(1500)));
        assert_eq!(began_at(Some("2026-11-30T23:41:50.123456789+01:00")), Some(Time(1_796_078_510_123)));
        for unknown in [Some("0001-01-01T00:00:00Z"), Some("yesterday"), Some(""), None] {
            assert_eq!(began_at(unknown), None, "{unknown:?}");
        }
    }
}
