//! Observes an instance: its containers, and the answers to its app's probes.

use super::container::labels_of;
use super::engine::DockerEngine;
use super::inspect::{containers, plain_name, restarts, state_of};
use crate::runtime::http::RequestError;
use crate::runtime::{RuntimeError, http};
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::models::ContainerInspectResponse;
use fleet_core::app::{ExecProbe, HealthRules, HttpProbe, Probe, VersionProbe};
use fleet_core::names::Version;
use fleet_core::spec::{COMPOSE_SERVICE, ContainerSpec, InstanceSpec, NetworkMode, Text};
use fleet_core::steps::gate::{Observation, ObservedContainer, ProbeResult, version_said};
use fleet_core::units::Period;
use futures_util::StreamExt;
use futures_util::future::join_all;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

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
    let (name, answer) = match probe {
        Probe::Http(it) => (describe_http(it), ask_http(spec, found, it).await),
        Probe::Exec(it) => (describe_exec(it), ask_exec(engine, spec, found, it).await),
        Probe::Version(it) => (describe_version(it), ask_version(spec, found, it).await),
    };
    ProbeResult { probe: name, failure: answer.err().map(|error| error.to_string()) }
}

fn describe_http(probe: &HttpProbe) -> String {
    format!("GET {}:{}{}", probe.service, probe.port, probe.path)
}

fn describe_version(probe: &VersionProbe) -> String {
    format!("version by {}:{}{}", probe.service, probe.port, probe.path)
}

fn describe_exec(probe: &ExecProbe) -> String {
    let words: Vec<_> = probe.command.iter().map(ToString::to_string).collect();
    format!("`{}` in {}", words.join(" "), probe.service)
}

/// Reason why a probe failed, as its report shows it.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error("no answer in {} s", limit.as_secs_f32())]
    Late { limit: Duration },
    #[error("it answered {found} instead of {expected}")]
    Status { found: u16, expected: u16 },
    #[error("its answer does not contain `{text}`")]
    LacksText { text: String },
    #[error("it says it is `{said}`, not {version}")]
    OtherVersion { said: String, version: Version },
    #[error("it ended with {code}{words}")]
    Ended { code: i64, words: String },
    #[error("it did not end in {} s", limit.as_secs_f32())]
    NotEnded { limit: Duration },
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

async fn ask_http(spec: &InstanceSpec, found: &Containers, probe: &HttpProbe) -> Result<(), ProbeError> {
    let answer = get(spec, found, &probe.service, probe.port, &probe.path, probe.timeout).await?;
    if answer.status != probe.status {
        return Err(ProbeError::Status { found: answer.status, expected: probe.status });
    }
    match &probe.contains {
        Some(text) if !answer.body.contains(text) => Err(ProbeError::LacksText { text: text.clone() }),
        Some(_) | None => Ok(()),
    }
}

async fn ask_version(spec: &InstanceSpec, found: &Containers, probe: &VersionProbe) -> Result<(), ProbeError> {
    let answer = get(spec, found, &probe.service, probe.port, &probe.path, probe.timeout).await?;
    if answer.status != 200 {
        return Err(ProbeError::Status { found: answer.status, expected: 200 });
    }
    let said = version_said(&answer.body);
    if said == spec.version.as_str() {
        return Ok(());
    }
    let said: String = said.chars().take(40).collect();
    Err(ProbeError::OtherVersion { said, version: spec.version.clone() })
}

async fn get(
    spec: &InstanceSpec,
    found: &Containers,
    service: &str,
    port: u16,
    path: &str,
    limit: Period,
) -> Result<http::Response, ProbeError> {
    let (address, port) = address(spec, found, service, port)?;
    let limit = limit.as_duration();
    match tokio::time::timeout(limit, http::get(address, port, service, path)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(ProbeError::Late { limit }),
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
    let refused =
        |error: AddressError| RuntimeError::NoAddress { service: service.to_owned(), reason: error.to_string() };
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
) -> Result<(), ProbeError> {
    let service = &probe.service;
    let container = spec.container(service).ok_or_else(|| AddressError::NoService { service: service.to_owned() })?;
    let id = running(found, container)?.id.clone().unwrap_or_default();
    let limit = probe.timeout.as_duration();
    match tokio::time::timeout(limit, exec(engine, &id, &probe.command)).await {
        Ok(Ok((0, _))) => Ok(()),
        Ok(Ok((code, words))) => Err(ProbeError::Ended { code, words }),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(ProbeError::NotEnded { limit }),
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
    let exec = engine.ask("prepare the command", docker.create_exec(id, options)).await?.id;
    let started = engine.act("run the command", docker.start_exec(&exec, None::<StartExecOptions>)).await?;
    let mut printed = Vec::new();
    if let StartExecResults::Attached { mut output, .. } = started {
        while let Some(piece) = output.next().await {
            let Ok(piece) = piece else { break };
            let room = WORDS_LIMIT.saturating_sub(printed.len());
            let bytes = piece.into_bytes();
            printed.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }
    let ended = engine.ask("hear how the command ended", docker.inspect_exec(&exec)).await?;
    let text = String::from_utf8_lossy(&printed);
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Ok((ended.exit_code.unwrap_or(-1), if line.is_empty() { line } else { format!(": {line}") }))
}
