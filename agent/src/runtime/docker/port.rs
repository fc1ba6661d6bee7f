//! A port that someone else has: which one, and whose it is.

use super::engine::DockerEngine;
use crate::runtime::RuntimeError;
use bollard::query_parameters::ListContainersOptions;
use fleet_core::spec::InstanceSpec;

/// Finds out who has a port that the Engine refused to give to the container; none where the port is not the container's.
pub async fn port_taken(engine: &DockerEngine, spec: &InstanceSpec, name: &str, port: u16) -> Option<RuntimeError> {
    let container = spec.containers.iter().find(|container| container.name == name)?;
    container.ports.iter().find(|published| published.host == Some(port))?;
    let holder = holder(engine, port, name).await.unwrap_or_else(|| "a program on this host".to_owned());
    Some(RuntimeError::PortTaken { port, holder, container: name.to_owned() })
}

/// The other container that publishes the port.
async fn holder(engine: &DockerEngine, port: u16, name: &str) -> Option<String> {
    let call = engine.docker().await.ok()?.list_containers(None::<ListContainersOptions>);
    let running = engine.ask("list containers", call).await.ok()?;
    let publishes = |ports: &[bollard::models::PortSummary]| ports.iter().any(|it| it.public_port == Some(port));
    let holders = running.into_iter().filter(|container| publishes(container.ports.as_deref().unwrap_or_default()));
    let mut names = holders.filter_map(|container| container.names?.into_iter().next());
    let other = names.find(|found| found.trim_start_matches('/') != name)?;
    Some(format!("container {}", other.trim_start_matches('/')))
}
