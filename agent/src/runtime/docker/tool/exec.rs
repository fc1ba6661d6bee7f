//! Tools in a service's own container, which runs.

use super::ending::{EndOnDrop, RunningTarget};
use super::running::Running;
use super::{Input, Reads, command, environment, new_mark};
use crate::runtime::RuntimeError;
use crate::runtime::docker::container::inspect_own;
use crate::runtime::docker::engine::DockerEngine;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use fleet_core::backup::Tool;
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::InstanceSpec;
use std::sync::Arc;

/// Bytes read at once.
const CAPACITY: usize = 64 * 1024;

pub async fn start(
    engine: Arc<DockerEngine>,
    tool: &Tool,
    spec: &InstanceSpec,
    service: &str,
    reads: Reads,
) -> Result<(Running, Option<Input>), RuntimeError> {
    let container = running_container(&engine, spec, service).await?;
    let mark = new_mark()?;
    let options = CreateExecOptions {
        cmd: Some(command(tool)),
        env: Some(environment(tool, &mark)),
        user: tool.user.clone(),
        attach_stdin: Some(reads == Reads::Stream),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        ..CreateExecOptions::default()
    };
    let step = FailedStep::StartTool(tool.task.clone());
    let exec = engine.ask(&step, engine.docker().await?.create_exec(&container, options)).await?.id;
    let place = RunningTarget::Exec { exec: exec.clone(), container, user: tool.user.clone() };
    let ending = EndOnDrop::new(Arc::clone(&engine), place, mark.clone());
    let options = StartExecOptions { detach: false, tty: false, output_capacity: Some(CAPACITY) };
    let call = engine.docker().await?.start_exec(&exec, Some(options));
    match engine.act(&step, call).await? {
        StartExecResults::Attached { output, input } => {
            let input = (reads == Reads::Stream).then_some(input);
            Ok((Running::new(tool, &mark, output, ending), input))
        }
        StartExecResults::Detached => Err(RuntimeError::Interrupted { step }),
    }
}

/// The id of a service's container, which must run: one that is paused would never answer.
async fn running_container(engine: &DockerEngine, spec: &InstanceSpec, service: &str) -> Result<String, RuntimeError> {
    let wrong = || RuntimeError::NotInSpec { kind: "service", name: service.to_owned() };
    let name = &spec.container(service).ok_or_else(wrong)?.name;
    let gone = || RuntimeError::NotThere { kind: "container", name: name.clone() };
    let found = inspect_own(engine, spec, name).await?.ok_or_else(gone)?;
    let state = found.state.unwrap_or_default();
    let runs = state.running == Some(true) && state.paused != Some(true) && state.restarting != Some(true);
    if runs { Ok(found.id.unwrap_or_default()) } else { Err(RuntimeError::NotRunning { container: name.clone() }) }
}
