//! Compose files from our users' manuals: their meaning, container by container.

use crate::compose::testing::read_text;
use crate::lower::{Context, lower};
use crate::names::Digest;
use crate::spec::{ContainerSpec, InstanceSpec, MountSource, NetworkMode};
use crate::version::VersionScheme;
use std::collections::BTreeMap;

fn lowered(text: &str) -> InstanceSpec {
    let project = read_text(text).unwrap_or_else(|problems| panic!("the manual's file is refused:\n{problems}"));
    let digest: Digest = format!("sha256:{}", "0".repeat(64)).parse().expect("the digest is well formed");
    lower(
        &project,
        Vec::new(),
        &Context {
            scheme: &VersionScheme::Pep440,
            instance: &"oasis-1".parse().expect("the name is good"),
            host: &"lab-1".parse().expect("the name is good"),
            project: "oasis-1",
            app: &"app".parse().expect("the name is good"),
            version: &"1.2".parse().expect("the version is good"),
            digest: &digest,
            working_dir: "/srv/oasis-1",
            pins: &BTreeMap::new(),
        },
    )
}

/// Returns the facts to compare with `docker-compose config`.
fn show(spec: &InstanceSpec) -> String {
    let mut lines: Vec<String> = spec.containers.iter().map(show_container).collect();
    lines.extend(spec.networks.iter().map(|network| format!("network {}", network.name)));
    lines.extend(spec.volumes.iter().map(|volume| format!("volume {}", volume.name)));
    lines.join("\n")
}

fn show_container(container: &ContainerSpec) -> String {
    let mut text = format!("{} = {}", container.name, container.image);
    if let Some(command) = &container.command {
        text.push_str(&format!("\n  runs {command:?}"));
    }
    for (name, value) in &container.environment {
        text.push_str(&format!("\n  {name}={value}"));
    }
    for mount in &container.mounts {
        let source = match &mount.source {
            MountSource::Volume(name) => name.clone(),
            MountSource::Anonymous => "(anonymous)".to_owned(),
            MountSource::Bind { path, .. } => path.clone(),
            MountSource::Tmpfs { .. } => "(memory)".to_owned(),
        };
        text.push_str(&format!("\n  {source} at {} {:?}", mount.target, mount.access));
    }
    for port in &container.ports {
        text.push_str(&format!("\n  port {port}"));
    }
    for network in &container.networks {
        text.push_str(&format!("\n  in {} as {} {:?}", network.network, network.aliases.join(","), network.links));
    }
    if container.network_mode != NetworkMode::Attached {
        text.push_str(&format!("\n  {:?}", container.network_mode));
    }
    let after: Vec<_> = container.depends_on.iter().map(|(name, waits)| format!("{name} {waits:?}")).collect();
    if !after.is_empty() {
        text.push_str(&format!("\n  after {}", after.join(", ")));
    }
    text
}

fn check(manual: &str, expect: &str) {
    assert_eq!(show(&lowered(manual)), expect.trim_end());
}

#[test]
fn nomad_oasis_is_read() {
    check(include_str!("../fixtures/nomad.yaml"), include_str!("../fixtures/nomad.txt"));
}

#[test]
fn datalab_is_read() {
    check(include_str!("../fixtures/datalab.yaml"), include_str!("../fixtures/datalab.txt"));
}

#[test]
fn topobank_is_read() {
    check(include_str!("../fixtures/topobank.yaml"), include_str!("../fixtures/topobank.txt"));
}

#[test]
fn alchemiscale_is_read() {
    check(include_str!("../fixtures/alchemiscale.yaml"), include_str!("../fixtures/alchemiscale.txt"));
}

#[test]
fn openease_is_read() {
    check(include_str!("../fixtures/openease.yaml"), include_str!("../fixtures/openease.txt"));
}
