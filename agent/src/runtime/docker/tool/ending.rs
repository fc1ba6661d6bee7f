//! The end of a tool: how it ended by itself, or that it is ended.

use super::LABEL;
use crate::runtime::docker::container::inspect;
use crate::runtime::docker::engine::{DockerEngine, unless_missing};
use crate::runtime::docker::inspect::containers;
use crate::runtime::{EngineErrorKind, RuntimeError};
use bollard::exec::{CreateExecOptions, StartExecOptions};
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions};
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::InstanceSpec;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Container in which a tool runs.
#[derive(Debug, Clone)]
pub enum RunningTarget {
    Exec { exec: String, container: String, user: Option<String> },
    OneOff { container: String },
}

/// Ends the tool when it is dropped, unless the tool has ended.
#[derive(Debug)]
pub struct EndOnDrop {
    pub engine: Arc<DockerEngine>,
    place: Option<RunningTarget>,
    mark: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i64),
    /// The streams are cut off, and the tool is not known to have ended.
    Unknown,
}

/// Number of requests, and time between them, for an Engine that has not yet noticed the end.
const ASKED: u32 = 600;
const BETWEEN: Duration = Duration::from_millis(50);
/// Number of attempts to kill a running tool.
const KILLED: u32 = 50;

impl EndOnDrop {
    pub fn new(engine: Arc<DockerEngine>, place: RunningTarget, mark: String) -> Self {
        Self { engine, place: Some(place), mark }
    }

    /// Returns the exit of the tool, once its streams have ended.
    pub async fn exit(&mut self) -> Result<Exit, RuntimeError> {
        for _ in 0..ASKED {
            if let Some(code) = self.code().await? {
                self.forget().await;
                return Ok(Exit::Code(code));
            }
            sleep(BETWEEN).await;
        }
        Ok(Exit::Unknown)
    }

    async fn code(&self) -> Result<Option<i64>, RuntimeError> {
        match &self.place {
            Some(RunningTarget::Exec { exec, .. }) => {
                let call = self.engine.docker().await?.inspect_exec(exec);
                let found = self.engine.ask(&FailedStep::AwaitTool, call).await?;
                Ok(found.exit_code.filter(|_| found.running == Some(false)))
            }
            Some(RunningTarget::OneOff { container }) => {
                let gone = || RuntimeError::NotThere { kind: "container", name: container.clone() };
                let state = inspect(&self.engine, container).await?.ok_or_else(gone)?.state.unwrap_or_default();
                Ok(state.exit_code.filter(|_| state.running == Some(false)))
            }
            None => Ok(None),
        }
    }

    /// The tool has ended: only its container may be left.
    async fn forget(&mut self) {
        if let Some(place @ RunningTarget::OneOff { .. }) = self.place.take() {
            end(&self.engine, &place, &self.mark).await;
        }
    }

    /// Ends the tool now.
    pub async fn end(&mut self) {
        if let Some(place) = self.place.take() {
            end(&self.engine, &place, &self.mark).await;
        }
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let (Some(place), Ok(runtime)) = (self.place.take(), tokio::runtime::Handle::try_current()) else { return };
        let (engine, mark) = (Arc::clone(&self.engine), std::mem::take(&mut self.mark));
        // The caller does not wait; the next sweep ends whatever this does not reach.
        drop(runtime.spawn(async move { end(&engine, &place, &mark).await }));
    }
}

async fn end(engine: &DockerEngine, place: &RunningTarget, mark: &str) {
    let ended = match place {
        RunningTarget::Exec { exec, container, user } => end_exec(engine, exec, (container, user.as_ref()), mark).await,
        RunningTarget::OneOff { container } => remove(engine, container).await,
    };
    if let Err(error) = ended {
        tracing::warn!(error = crate::chain(&error), "a tool could not be ended; the next sweep tries again");
    }
}

/// Kills until the Engine reports the end: a tool that was just started has no mark yet, and would continue.
async fn end_exec(
    engine: &DockerEngine,
    exec: &str,
    (container, user): (&str, Option<&String>),
    mark: &str,
) -> Result<(), RuntimeError> {
    for _ in 0..KILLED {
        kill(engine, container, user.cloned(), mark).await?;
        let asked = engine.docker().await?.inspect_exec(exec);
        match engine.ask(&FailedStep::EndTool, asked).await {
            Ok(found) if found.running == Some(true) => sleep(BETWEEN).await,
            // Its container is gone, and with it all that ran there.
            Ok(_) => return Ok(()),
            Err(RuntimeError::Refused { kind, .. }) if kind.is_missing() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Err(RuntimeError::Interrupted { step: FailedStep::EndTool })
}

async fn remove(engine: &DockerEngine, container: &str) -> Result<(), RuntimeError> {
    // Without `v`, because the volumes belong to the service.
    let options = RemoveContainerOptions { v: false, force: true, link: false };
    let call = engine.docker().await?.remove_container(container, Some(options));
    match unless_missing(engine.act(&FailedStep::RemoveToolContainer, call).await) {
        Ok(_) => Ok(()),
        Err(RuntimeError::Refused { kind: EngineErrorKind::RemovalInProgress, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Ends all processes with the mark. First all are stopped, including new ones: otherwise a script would continue when
/// one of its commands ends first. It needs only the shell, which also runs the tool, and `cat`.
const KILL: &str = "for signal in STOP STOP KILL; do for p in /proc/[0-9]*; do case \"$(cat \"$p/environ\" 2>/dev/null)\" in \
    *FLEET_TOOL=\"$1\"*) kill -$signal \"${p#/proc/}\" 2>/dev/null;; esac; done; done; true";

async fn kill(engine: &DockerEngine, container: &str, user: Option<String>, mark: &str) -> Result<(), RuntimeError> {
    let options = CreateExecOptions {
        cmd: Some(["sh", "-c", KILL, "sh", mark].map(str::to_owned).to_vec()),
        user,
        ..CreateExecOptions::default()
    };
    let docker = engine.docker().await?;
    let call = docker.create_exec(container, options);
    let exec = match engine.ask(&FailedStep::EndTool, call).await {
        Ok(exec) => exec.id,
        // The container is gone or has ended, and with it all that ran there.
        Err(RuntimeError::Refused { kind, .. }) if has_ended(kind) => return Ok(()),
        Err(error) => return Err(error),
    };
    let options = StartExecOptions { detach: true, ..StartExecOptions::default() };
    match engine.act(&FailedStep::EndTool, docker.start_exec(&exec, Some(options))).await {
        Ok(_) => {}
        // A container without a shell has never run a tool.
        Err(RuntimeError::Refused { kind: EngineErrorKind::NoExecutable, .. }) => return Ok(()),
        Err(error) => return Err(error),
    }
    for _ in 0..ASKED {
        let found = engine.ask(&FailedStep::EndTool, docker.inspect_exec(&exec)).await?;
        if found.running == Some(false) {
            return Ok(());
        }
        sleep(BETWEEN).await;
    }
    Err(RuntimeError::Interrupted { step: FailedStep::EndTool })
}

/// Returns whether the container cannot run commands because it has ended.
fn has_ended(kind: EngineErrorKind) -> bool {
    use EngineErrorKind::{Conflict, IsPaused, NotRunning, RemovalInProgress};
    kind.is_missing() || matches!(kind, NotRunning | IsPaused | RemovalInProgress | Conflict)
}

/// Ends all tools of an instance, including those of an earlier agent.
pub async fn sweep(engine: &DockerEngine, spec: &InstanceSpec) -> Result<(), RuntimeError> {
    let label = format!("{LABEL}={}", spec.project);
    let filters = Some(HashMap::from([("label".to_owned(), vec![label])]));
    let options = ListContainersOptions { all: true, filters, ..ListContainersOptions::default() };
    let listed =
        engine.ask(&FailedStep::ListToolContainers, engine.docker().await?.list_containers(Some(options))).await?;
    for id in listed.into_iter().filter_map(|container| container.id) {
        remove(engine, &id).await?;
    }
    for container in containers(engine, spec).await? {
        let runs =
            container.state.as_ref().is_some_and(|state| state.running == Some(true) && state.paused != Some(true));
        // A container in which no command was ever run has no tool.
        if let Some(id) = container.id.filter(|_| runs && container.exec_ids.is_some_and(|ids| !ids.is_empty())) {
            kill(engine, &id, None, "").await?;
        }
    }
    Ok(())
}
