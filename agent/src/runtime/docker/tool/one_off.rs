//! Tools in a separate container, for stopped services: the same image, environment and volumes.

use super::ending::{EndOnDrop, RunningTarget};
use super::running::Running;
use super::{Input, LABEL, Reads, command, environment, new_mark};
use crate::runtime::docker::container::inspect;
use crate::runtime::docker::create;
use crate::runtime::docker::engine::DockerEngine;
use crate::runtime::docker::inspect::volumes_without_name;
use crate::runtime::{EngineErrorKind, RuntimeError};
use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{AttachContainerOptions, CreateContainerOptions, StartContainerOptions};
use fleet_core::backup::Tool;
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::{ContainerSpec, InstanceSpec};
use std::collections::HashMap;
use std::sync::Arc;

pub async fn start(
    engine: Arc<DockerEngine>,
    tool: &Tool,
    spec: &InstanceSpec,
    service: &str,
    reads: Reads,
) -> Result<(Running, Option<Input>), RuntimeError> {
    let wrong = || RuntimeError::NotInSpec { kind: "service", name: service.to_owned() };
    let container = spec.container(service).ok_or_else(wrong)?;
    let found = standing(&engine, container).await?;
    let (step, mark) = (FailedStep::StartTool(tool.task.clone()), new_mark()?);
    let options = CreateContainerOptions {
        name: Some(format!("{}-tool-{}", container.name, &mark[..8])),
        ..CreateContainerOptions::default()
    };
    let call =
        engine.docker().await?.create_container(Some(options), body(tool, spec, container, &found, &mark, reads));
    let id = engine.act(&step, call).await?.id;
    let ending = EndOnDrop::new(Arc::clone(&engine), RunningTarget::OneOff { container: id.clone() }, mark.clone());
    // Attached first, so that no output is missed.
    let is_reading = reads == Reads::Stream;
    let options = AttachContainerOptions {
        stream: true,
        stdin: is_reading,
        stdout: true,
        stderr: true,
        ..AttachContainerOptions::default()
    };
    let call = engine.docker().await?.attach_container(&id, Some(options));
    let attached = engine.act(&step, call).await?;
    let call = engine.docker().await?.start_container(&id, None::<StartContainerOptions>);
    match engine.act(&step, call).await {
        Ok(()) => {}
        Err(RuntimeError::Refused { kind: EngineErrorKind::NoExecutable, reason, .. }) => {
            return Err(RuntimeError::NoTool { service: service.to_owned(), tool: "sh".to_owned(), detail: reason });
        }
        Err(error) => return Err(error),
    }
    let input = is_reading.then_some(attached.input);
    Ok((Running::new(tool, &mark, attached.output, ending), input))
}

/// The service's container, which must not run: two of them on the same files would ruin them.
async fn standing(engine: &DockerEngine, container: &ContainerSpec) -> Result<ContainerInspectResponse, RuntimeError> {
    let gone = || RuntimeError::NotThere { kind: "container", name: container.name.clone() };
    let found = inspect(engine, &container.name).await?.ok_or_else(gone)?;
    let runs = found.state.as_ref().is_some_and(|state| state.running == Some(true) || state.restarting == Some(true));
    if runs { Err(RuntimeError::StillRuns { container: container.name.clone() }) } else { Ok(found) }
}

fn body(
    tool: &Tool,
    spec: &InstanceSpec,
    container: &ContainerSpec,
    found: &ContainerInspectResponse,
    mark: &str,
    reads: Reads,
) -> ContainerCreateBody {
    let own = container.environment.iter().map(|(name, value)| format!("{name}={}", value.expose()));
    let is_reading = reads == Reads::Stream;
    // `VolumesFrom` would be shorter, and fails for a container with a tmpfs.
    let keeps = volumes_without_name(found.mounts.clone());
    let mounted = create::body(spec, container, &keeps).host_config.unwrap_or_default();
    let mut command = command(tool);
    let arguments = command.split_off(1);
    ContainerCreateBody {
        // The very image of the service's container, whatever its name means by now.
        image: found.image.clone().or_else(|| Some(container.image.clone())),
        entrypoint: Some(command),
        cmd: Some(arguments),
        env: Some(own.chain(environment(tool, mark)).collect()),
        user: tool.user.clone().or_else(|| container.user.clone()),
        labels: Some(HashMap::from([(LABEL.to_owned(), spec.project.clone())])),
        attach_stdin: Some(is_reading),
        open_stdin: Some(is_reading),
        stdin_once: Some(is_reading),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        host_config: Some(HostConfig {
            binds: mounted.binds,
            mounts: mounted.mounts,
            network_mode: Some("none".to_owned()),
            // Else the Engine would write the whole dump to its disk.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            init: Some(true),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}
