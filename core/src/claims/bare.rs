//! An instance of which only the claims are known: enough to find conflicts.

use super::Claims;
use crate::names::{HostName, InstanceName};
use crate::spec::{
    COMPOSE_PROJECT, ContainerSpec, FLEET_HOST, FLEET_INSTANCE, InstanceSpec, NetworkSpec, PortSpec, VolumeSpec,
};
use crate::version::VersionScheme;
use std::collections::{BTreeMap, BTreeSet};

/// Name and folder of an instance.
#[derive(Debug, Clone, Copy)]
pub struct BareInstance<'a> {
    /// Name of the instance.
    pub instance: &'a InstanceName,
    /// Host of the instance.
    pub host: &'a HostName,
    /// Absolute path of its folder.
    pub working_dir: &'a str,
}

impl Claims {
    /// The parts of an instance that has these claims. It is to be looked with and compared, never made.
    pub fn bare_spec(&self, place: &BareInstance<'_>) -> InstanceSpec {
        let Self { project, containers, volumes, networks, ports, used_volumes, used_networks } = self;
        let labels: BTreeMap<String, String> = [
            (FLEET_INSTANCE.to_owned(), place.instance.to_string()),
            (FLEET_HOST.to_owned(), place.host.to_string()),
            (COMPOSE_PROJECT.to_owned(), project.clone()),
        ]
        .into();
        let own_volumes = volumes.iter().map(|name| volume(name, false, &labels));
        let own_networks = networks.iter().map(|name| network(name, false, &labels));
        let mut containers: Vec<_> = containers.iter().map(|name| container(name, &labels)).collect();
        if let Some(first) = containers.first_mut() {
            first.ports = ports.iter().cloned().collect::<Vec<PortSpec>>();
        }
        let none = BTreeMap::new();
        InstanceSpec {
            instance: place.instance.clone(),
            app: "unknown".parse().expect("it is a name"),
            version: "0".parse().expect("it is a version"),
            scheme: VersionScheme::default(),
            digest: format!("sha256:{}", "0".repeat(64)).parse().expect("it is a digest"),
            project: project.clone(),
            working_dir: place.working_dir.to_owned(),
            networks: own_networks.chain(used_networks.iter().map(|name| network(name, true, &none))).collect(),
            volumes: own_volumes.chain(used_volumes.iter().map(|name| volume(name, true, &none))).collect(),
            containers,
            files: Vec::new(),
        }
    }
}

fn volume(name: &str, external: bool, labels: &BTreeMap<String, String>) -> VolumeSpec {
    VolumeSpec {
        name: name.to_owned(),
        key: name.to_owned(),
        external,
        driver: None,
        options: BTreeMap::new(),
        labels: labels.clone(),
    }
}

fn network(name: &str, external: bool, labels: &BTreeMap<String, String>) -> NetworkSpec {
    NetworkSpec {
        name: name.to_owned(),
        key: name.to_owned(),
        external,
        driver: None,
        internal: false,
        subnets: Vec::new(),
        options: BTreeMap::new(),
        labels: labels.clone(),
        config_hash: String::new(),
    }
}

/// The image has a name that the Engine keeps for no image.
fn container(name: &str, labels: &BTreeMap<String, String>) -> ContainerSpec {
    ContainerSpec {
        service: name.to_owned(),
        name: name.to_owned(),
        image: "scratch".to_owned(),
        labels: labels.clone(),
        entrypoint: None,
        command: None,
        environment: BTreeMap::new(),
        mounts: Vec::new(),
        files: BTreeMap::new(),
        ports: Vec::new(),
        expose: BTreeSet::new(),
        network_mode: Default::default(),
        networks: Vec::new(),
        depends_on: BTreeMap::new(),
        healthcheck: None,
        resources: Default::default(),
        restart: Default::default(),
        logging: None,
        user: None,
        working_dir: None,
        hostname: None,
        extra_hosts: Vec::new(),
        stop_grace_period: None,
        stop_signal: None,
        init: None,
        shm_size: None,
        ulimits: BTreeMap::new(),
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        security_opt: Vec::new(),
        read_only: Default::default(),
        privileged: Default::default(),
        config_hash: String::new(),
    }
}
