//! Exclusive resources of an instance on its host, and conflicts with those of others.
//!
//! A project, a container's name, a volume, a network or a port of the host belongs to one instance. Others may use a volume or
//! a network only as `external`.

mod bare;
#[cfg(test)]
mod tests;

use crate::names::InstanceName;
use crate::spec::{InstanceSpec, PortSpec};
pub use bare::BareInstance;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

/// Resources that an instance claims, and external ones that it uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The Compose project's name.
    pub project: String,
    /// Names of containers.
    pub containers: BTreeSet<String>,
    /// Names of volumes.
    pub volumes: BTreeSet<String>,
    /// Names of networks.
    pub networks: BTreeSet<String>,
    /// Ports of the host; without those that the Engine chooses.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ports: BTreeSet<PortSpec>,
    /// External volumes, made by others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub used_volumes: BTreeSet<String>,
    /// External networks, made by others.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub used_networks: BTreeSet<String>,
}

/// Kind of name on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// Compose project.
    Project,
    /// Container.
    Container,
    /// Volume.
    Volume,
    /// Network.
    Network,
    /// Published port.
    Port,
}

impl fmt::Display for ClaimKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Project => "project",
            Self::Container => "container name",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Port => "port",
        })
    }
}

/// Something that two instances would have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict<O> {
    /// Kind of the name.
    pub kind: ClaimKind,
    /// The name.
    pub name: String,
    /// Owner of the name.
    pub owner: O,
}

impl<O: fmt::Display> fmt::Display for Conflict<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}` is {}'s", self.kind, self.name, self.owner)
    }
}

/// Returns the claims of a spec's instance.
pub fn claims_of(spec: &InstanceSpec) -> Claims {
    let ports = spec.containers.iter().flat_map(|container| &container.ports);
    let (used_volumes, volumes): (Vec<_>, Vec<_>) = spec.volumes.iter().partition(|volume| volume.external);
    let (used_networks, networks): (Vec<_>, Vec<_>) = spec.networks.iter().partition(|network| network.external);
    Claims {
        project: spec.project.clone(),
        containers: spec.containers.iter().map(|container| container.name.clone()).collect(),
        volumes: volumes.into_iter().map(|volume| volume.name.clone()).collect(),
        networks: networks.into_iter().map(|network| network.name.clone()).collect(),
        ports: ports.filter(|port| port.host.is_some()).cloned().collect(),
        used_volumes: used_volumes.into_iter().map(|volume| volume.name.clone()).collect(),
        used_networks: used_networks.into_iter().map(|network| network.name.clone()).collect(),
    }
}

/// Name on a host that another instance has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldName {
    /// Kind of the name.
    pub kind: ClaimKind,
    /// The name, or the port.
    pub name: String,
    /// Instance that has it.
    pub owner: InstanceName,
}

impl fmt::Display for HeldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}` is {}'s", self.kind, self.name, self.owner)
    }
}

/// Returns everything that `new` claims and others claim already.
///
/// A port of another that the instance conflicts with already (`present`) is no reason to refuse a change: only one of
/// them can be open. A port at another address or with another protocol is not such a port.
pub fn conflicts<'a, O: Clone + 'a>(
    new: &Claims,
    present: Option<&Claims>,
    others: impl IntoIterator<Item = (O, &'a Claims)>,
) -> Vec<Conflict<O>> {
    let mut found = Vec::new();
    for (owner, other) in others {
        let mut note = |kind, name: &str| found.push(Conflict { kind, name: name.to_owned(), owner: owner.clone() });
        if new.project == other.project {
            note(ClaimKind::Project, &new.project);
        }
        new.containers.intersection(&other.containers).for_each(|name| note(ClaimKind::Container, name));
        new.volumes.intersection(&other.volumes).for_each(|name| note(ClaimKind::Volume, name));
        new.networks.intersection(&other.networks).for_each(|name| note(ClaimKind::Network, name));
        let has = |port: &PortSpec| present.is_some_and(|present| present.ports.iter().any(|it| overlap(it, port)));
        let is_taken = |port: &PortSpec| other.ports.iter().any(|it| overlap(port, it) && !has(it));
        new.ports.iter().filter(|port| is_taken(port)).for_each(|port| note(ClaimKind::Port, &port_name(port)));
    }
    found
}

/// Returns the others that claim or use a volume.
pub fn holders_of_volume<'a, O: 'a>(
    volume: &str,
    others: impl IntoIterator<Item = (O, &'a Claims)>,
) -> impl Iterator<Item = O> {
    let is_held = |claims: &Claims| claims.volumes.contains(volume) || claims.used_volumes.contains(volume);
    let others = others.into_iter().filter(move |(_, claims)| is_held(claims));
    others.map(|(owner, _)| owner).collect::<Vec<_>>().into_iter()
}

/// Returns whether others claim or use a network.
pub fn is_network_held<'a>(network: &str, mut others: impl Iterator<Item = &'a Claims>) -> bool {
    others.any(|claims| claims.networks.contains(network) || claims.used_networks.contains(network))
}

/// Tells whether two containers would open the same port of the host.
pub fn overlap(one: &PortSpec, other: &PortSpec) -> bool {
    let is_same = one.host.is_some() && one.host == other.host && one.protocol == other.protocol;
    is_same && addresses_overlap(one.address.as_deref(), other.address.as_deref())
}

/// No address means all of them; `0.0.0.0` and `::` mean all of their family.
fn addresses_overlap(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return true };
    let read = |text: &str| text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    match (read(one), read(other)) {
        (Some(one), Some(other)) => {
            let is_everywhere = one.is_unspecified() || other.is_unspecified();
            one == other || is_everywhere && one.is_ipv4() == other.is_ipv4()
        }
        // A text that is no address could mean any.
        (None, _) | (_, None) => true,
    }
}

/// A port as people write it: `127.0.0.1:8080/tcp`.
fn port_name(port: &PortSpec) -> String {
    let address = port.address.as_ref().map(|address| format!("{address}:")).unwrap_or_default();
    format!("{address}{}/{}", port.host.unwrap_or_default(), port.protocol)
}
