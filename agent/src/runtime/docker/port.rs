//! A port that someone else has: which one, and whose it is.

use super::engine::DockerEngine;
use crate::runtime::RuntimeError;
use bollard::query_parameters::ListContainersOptions;
use fleet_core::spec::InstanceSpec;

/// Reads from the Engine's refusal that a port is taken, and finds out by whom.
pub async fn port_taken(engine: &DockerEngine, spec: &InstanceSpec, name: &str, reason: &str) -> Option<RuntimeError> {
    let container = spec.containers.iter().find(|container| container.name == name)?;
    let ports: Vec<u16> = container.ports.iter().filter_map(|port| port.host).collect();
    let port = taken_port(reason, &ports)?;
    let holder = holder(engine, port, name).await.unwrap_or_else(|| "a program on this host".to_owned());
    Some(RuntimeError::PortTaken { port, holder, container: name.to_owned() })
}

/// The first of our ports that the refusal names.
fn taken_port(reason: &str, ports: &[u16]) -> Option<u16> {
    let is_about_ports = reason.contains("port is already allocated") || reason.contains("address already in use");
    let is_named = |port: &&u16| {
        let digits = format!(":{port}");
        reason
            .match_indices(&digits)
            .any(|(at, _)| !reason[at + digits.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    ports.iter().find(is_named).filter(|_| is_about_ports).copied()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reason: &str, expect: Option<u16>) {
        assert_eq!(taken_port(reason, &[80, 8080]), expect, "for `{reason}`");
    }

    #[test]
    fn the_port_is_the_one_that_the_engine_names() {
        check("Bind for 0.0.0.0:8080 failed: port is already allocated", Some(8080));
        check("Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use", Some(80));
        check("Bind for 0.0.0.0:9090 failed: port is already allocated", None);
        check("no such image: web:80", None);
    }
}
