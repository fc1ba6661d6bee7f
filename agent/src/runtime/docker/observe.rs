//! Observes an instance: its containers, and the answers to its app's probes.

use super::container::labels_of;
use super::engine::DockerEngine;
use super::inspect::{containers, plain_name, restarts, state_of};
use crate::runtime::http::RequestError;
use crate::runtime::{RuntimeError, http};
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::models::ContainerInspectResponse;
use fleet_core::app::{ExecProbe, HealthRules, HttpProbe, Probe, VersionProbe};
use fleet_core::failed_step::FailedStep;
use fleet_core::health_problem::ProbeFailure;
use fleet_core::spec::{COMPOSE_SERVICE, ContainerSpec, InstanceSpec, NetworkMode, Text};
use fleet_core::steps::gate::{Observation, ObservedContainer, ProbeResult, target_of, version_said};
use fleet_core::units::Period;
use futures_util::StreamExt;
use futures_util::future::join_all;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

type Containers = Vec<ContainerInspectResponse>;

pub async fn observe(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    health: &HealthRules,
) -> Result<Observation, RuntimeError> {
    let found = containers(engine, spec).await?;
    let probes = join_all(health.probes.iter().map(|probe| ask(engine, spec, &found, probe))).await;
    Ok(Observation { containers: found.into_iter().map(observed).collect(), probes })
}

fn observed(found: ContainerInspectResponse) -> ObservedContainer {
    let service = labels_of(&found).remove(COMPOSE_SERVICE).unwrap_or_default();
    let (state, health) = state_of(found.state.as_ref());
    ObservedContainer {
        service,
        name: plain_name(found.name),
        id: found.id.unwrap_or_default(),
        state,
        health,
        restarts: restarts(found.restart_count),
    }
}

async fn ask(engine: &DockerEngine, spec: &InstanceSpec, found: &Containers, probe: &Probe) -> ProbeResult {
    let answer = match probe {
        Probe::Http(it) => ask_http(spec, found, it).await,
        Probe::Exec(it) => ask_exec(engine, spec, found, it).await,
        Probe::Version(it) => ask_version(spec, found, it).await,
    };
    ProbeResult { probe: target_of(probe), failure: answer.err() }
}

/// Reason why a service's port has no address that this host reaches.
#[derive(Debug, thiserror::Error)]
enum AddressError {
    #[error("the release has no service {service}")]
    NoService { service: String },
    #[error("{container} does not exist")]
    Missing { container: String },
    #[error("{container} does not run")]
    NotRunning { container: String },
    #[error("{container} has no address")]
    NoAddress { container: String },
}

impl From<AddressError> for ProbeFailure {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::NoService { service } => Self::ServiceMissing(service),
            AddressError::Missing { container } => Self::ContainerMissing(container),
            AddressError::NotRunning { container } => Self::ContainerNotRunning(container),
            AddressError::NoAddress { container } => Self::NoAddress(container),
        }
    }
}

impl From<RequestError> for ProbeFailure {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NoConnection { address, error } if error.kind() == ErrorKind::ConnectionRefused => {
                Self::ConnectionRefused { address: address.to_string() }
            }
            RequestError::NoConnection { address, error } => {
                Self::NoConnection { address: address.to_string(), cause: error.to_string() }
            }
            RequestError::Broken(error) => Self::ConnectionBroken { cause: crate::chain(&error) },
            RequestError::NoPath { path, error } => Self::InvalidPath { path, problem: error.to_string() },
            RequestError::NoBody => Self::AnswerIncomplete { limit: http::BODY_LIMIT as u64 },
        }
    }
}

async fn ask_http(spec: &InstanceSpec, found: &Containers, probe: &HttpProbe) -> Result<(), ProbeFailure> {
    let answer = get(spec, found, &probe.service, probe.port, &probe.path, probe.timeout).await?;
    if answer.status != probe.status {
        return Err(ProbeFailure::OtherStatus { found: answer.status.into(), expected: probe.status.into() });
    }
    match &probe.contains {
        Some(text) if !answer.body.contains(text) => Err(ProbeFailure::LacksText { text: text.clone() }),
        Some(_) | None => Ok(()),
    }
}

async fn ask_version(spec: &InstanceSpec, found: &Containers, probe: &VersionProbe) -> Result<(), ProbeFailure> {
    let answer = get(spec, found, &probe.service, probe.port, &probe.path, probe.timeout).await?;
    if answer.status != 200 {
        return Err(ProbeFailure::OtherStatus { found: answer.status.into(), expected: 200 });
    }
    let said = version_said(&answer.body);
    if spec.scheme.is_same(&said, spec.version.as_str()) {
        return Ok(());
    }
    let answer: String = said.chars().take(40).collect();
    Err(ProbeFailure::OtherVersion { answer, expected: spec.version.clone() })
}

async fn get(
    spec: &InstanceSpec,
    found: &Containers,
    service: &str,
    port: u16,
    path: &str,
    limit: Period,
) -> Result<http::Response, ProbeFailure> {
    let (address, port) = address(spec, found, service, port)?;
    let limit = limit.as_duration();
    match tokio::time::timeout(limit, http::get(address, port, service, path)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(ProbeFailure::NoAnswer { limit }),
    }
}

/// The same, asked for by itself.
pub async fn address_of(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    service: &str,
    port: u16,
) -> Result<SocketAddr, RuntimeError> {
    let found = containers(engine, spec).await?;
    let refused = |error: AddressError| RuntimeError::NoAddress { service: service.to_owned(), problem: error.into() };
    address(spec, &found, service, port).map(SocketAddr::from).map_err(refused)
}

/// Returns the address at which a service's port can be reached from this host.
fn address(spec: &InstanceSpec, found: &Containers, service: &str, port: u16) -> Result<(IpAddr, u16), AddressError> {
    let container = spec.container(service).ok_or_else(|| AddressError::NoService { service: service.to_owned() })?;
    match &container.network_mode {
        NetworkMode::Host => return Ok((IpAddr::from([127, 0, 0, 1]), port)),
        NetworkMode::Service(lender) => return address(spec, found, lender, port),
        NetworkMode::Attached | NetworkMode::Bridge | NetworkMode::None => {}
    }
    let there = running(found, container)?;
    let settings = there.network_settings.as_ref();
    let networks = settings.and_then(|settings| settings.networks.as_ref());
    let endpoints = networks.into_iter().flat_map(|networks| networks.values());
    let own = endpoints.filter_map(|endpoint| endpoint.ip_address.as_ref()?.parse().ok()).next();
    // An Engine without root keeps its networks to itself; then a published port is the only way in.
    let published = container.ports.iter().find(|it| it.container == port).and_then(|it| it.host);
    let published = published.map(|host| (IpAddr::from([127, 0, 0, 1]), host));
    own.map(|own| (own, port))
        .or(published)
        .ok_or_else(|| AddressError::NoAddress { container: container.name.clone() })
}

fn running<'a>(found: &'a Containers, spec: &ContainerSpec) -> Result<&'a ContainerInspectResponse, AddressError> {
    let is_it =
        |it: &&ContainerInspectResponse| it.name.as_deref().is_some_and(|it| it.trim_start_matches('/') == spec.name);
    let there = found.iter().find(is_it).ok_or_else(|| AddressError::Missing { container: spec.name.clone() })?;
    let runs = there.state.as_ref().and_then(|state| state.running) == Some(true);
    if runs { Ok(there) } else { Err(AddressError::NotRunning { container: spec.name.clone() }) }
}

/// Maximum bytes of a command's output that are kept for people.
const WORDS_LIMIT: usize = 200;

async fn ask_exec(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    found: &Containers,
    probe: &ExecProbe,
) -> Result<(), ProbeFailure> {
    let service = &probe.service;
    let container = spec.container(service).ok_or_else(|| AddressError::NoService { service: service.to_owned() })?;
    let id = running(found, container)?.id.clone().unwrap_or_default();
    let limit = probe.timeout.as_duration();
    match tokio::time::timeout(limit, exec(engine, &id, &probe.command)).await {
        Ok(Ok((0, _))) => Ok(()),
        Ok(Ok((code, output))) => Err(ProbeFailure::CommandFailed { code, output }),
        Ok(Err(error)) => Err(ProbeFailure::CommandNotRun { cause: crate::chain(&error) }),
        Err(_) => Err(ProbeFailure::CommandTooSlow { limit }),
    }
}

/// Runs a command in a container: returns its exit code, and the beginning of its output.
///
/// A command that cannot be started looks like one that printed the reason; only the exit code differs.
async fn exec(engine: &DockerEngine, id: &str, command: &[Text]) -> Result<(i64, String), RuntimeError> {
    let docker = engine.docker().await?;
    let options = CreateExecOptions {
        cmd: Some(command.iter().map(|word| word.expose().to_owned()).collect()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..CreateExecOptions::default()
    };
    let exec = engine.ask(&FailedStep::RunProbe, docker.create_exec(id, options)).await?.id;
    let started = engine.act(&FailedStep::RunProbe, docker.start_exec(&exec, None::<StartExecOptions>)).await?;
    let mut printed = Vec::new();
    if let StartExecResults::Attached { mut output, .. } = started {
        while let Some(piece) = output.next().await {
            let Ok(piece) = piece else { break };
            let room = WORDS_LIMIT.saturating_sub(printed.len());
            let bytes = piece.into_bytes();
            printed.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }
    let ended = engine.ask(&FailedStep::RunProbe, docker.inspect_exec(&exec)).await?;
    let text = String::from_utf8_lossy(&printed);
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok((ended.exit_code.unwrap_or(-1), line))
}
