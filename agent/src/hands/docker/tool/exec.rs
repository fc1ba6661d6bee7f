//! Tools in a service's own container, which runs.

use super::ending::{Ending, Place};
use super::running::Running;
use super::{Input, Reads, command, describe, environment, new_mark};
use crate::hands::HandsError;
use crate::hands::docker::container::inspect_own;
use crate::hands::docker::engine::Engine;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use fleet_core::backup::Tool;
use fleet_core::spec::InstanceSpec;
use std::sync::Arc;

/// How much is read at once.
const CAPACITY: usize = 64 * 1024;

pub async fn start(
    engine: Arc<Engine>,
    tool: &Tool,
    spec: &InstanceSpec,
    service: &str,
    reads: Reads,
) -> Result<(Running, Option<Input>), HandsError> {
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
    let what = describe(tool, "tool");
    let exec =
        engine.ask(&format!("prepare {what}"), engine.docker().await?.create_exec(&container, options)).await?.id;
    let place = Place::Exec { exec: exec.clone(), container, user: tool.user.clone() };
    let ending = Ending::new(Arc::clone(&engine), place, mark.clone());
    let options = StartExecOptions { detach: false, tty: false, output_capacity: Some(CAPACITY) };
    let call = engine.docker().await?.start_exec(&exec, Some(options));
    match engine.act(&format!("start {what}"), call).await? {
        StartExecResults::Attached { output, input } => {
            let input = (reads == Reads::Stream).then_some(input);
            Ok((Running::new(tool, &mark, output, ending), input))
        }
        StartExecResults::Detached => Err(HandsError::Interrupted { what: format!("start {what}") }),
    }
}

/// The id of a service's container, which must run: one that is paused would never answer.
async fn running_container(engine: &Engine, spec: &InstanceSpec, service: &str) -> Result<String, HandsError> {
    let wrong = || HandsError::NotInSpec { kind: "service", name: service.to_owned() };
    let name = &spec.container(service).ok_or_else(wrong)?.name;
    let gone = || HandsError::NotThere { kind: "container", name: name.clone() };
    let found = inspect_own(engine, spec, name).await?.ok_or_else(gone)?;
    let state = found.state.unwrap_or_default();
    let runs = state.running == Some(true) && state.paused != Some(true) && state.restarting != Some(true);
    if runs { Ok(found.id.unwrap_or_default()) } else { Err(HandsError::NotRunning { container: name.clone() }) }
}
