//! A Compose file after reading: variables filled in, references checked, nothing left to default silently.

use crate::spec::{
    Condition, Healthcheck, HostPath, Logging, MountAccess, NetworkMode, PortSpec, Relabel, Resources, Restart, Subnet,
    Switch, Text, Ulimit,
};
use crate::units::{Period, Size};
use std::collections::{BTreeMap, BTreeSet};

/// What one Compose file asks for, under the profiles that were chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The name that the file gives the project. It counts only where the app says so ([`super::ProjectNaming`]).
    pub name: Option<String>,
    /// The Compose file's path in the bundle.
    pub entry: String,
    pub services: BTreeMap<String, Service>,
    /// The networks that services use, `default` included.
    pub networks: BTreeMap<String, Network>,
    pub volumes: BTreeMap<String, Volume>,
    /// The variables that the file asks for.
    pub variables: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    /// The line on which the service begins, for later problems.
    pub line: usize,
    pub image: String,
    pub container_name: Option<String>,
    pub entrypoint: Option<Vec<Text>>,
    pub command: Option<Vec<Text>>,
    pub environment: BTreeMap<String, Text>,
    pub mounts: Vec<Mount>,
    pub ports: Vec<PortSpec>,
    pub expose: BTreeSet<String>,
    pub links: Vec<ServiceLink>,
    pub depends_on: BTreeMap<String, Condition>,
    pub network_mode: NetworkMode,
    pub networks: BTreeMap<String, Attachment>,
    pub labels: BTreeMap<String, String>,
    pub healthcheck: Option<Healthcheck>,
    pub resources: Resources,
    pub restart: Restart,
    pub logging: Option<Logging>,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub hostname: Option<String>,
    pub extra_hosts: Vec<String>,
    pub stop_grace_period: Option<Period>,
    pub stop_signal: Option<String>,
    pub init: Option<Switch>,
    pub shm_size: Option<Size>,
    pub ulimits: BTreeMap<String, Ulimit>,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    pub read_only: Switch,
    pub privileged: Switch,
}

impl Service {
    /// The services that must come first, with what to wait for: dependencies, links, and whose network is shared.
    pub fn needs(&self) -> BTreeMap<String, Condition> {
        let mut needs = self.depends_on.clone();
        let linked = self.links.iter().map(|link| &link.service);
        let shared = match &self.network_mode {
            NetworkMode::Service(name) => Some(name),
            NetworkMode::Attached | NetworkMode::None | NetworkMode::Host | NetworkMode::Bridge => None,
        };
        for name in linked.chain(shared) {
            needs.entry(name.clone()).or_insert(Condition::Started);
        }
        needs
    }
}

/// Another service, and a further name under which it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLink {
    pub service: String,
    pub alias: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    pub aliases: Vec<String>,
    pub ipv4_address: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub origin: MountOrigin,
    pub target: String,
    pub access: MountAccess,
}

/// Where a mount comes from, before names at the Engine are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountOrigin {
    /// A volume, by its name in the Compose file.
    Volume(String),
    Anonymous,
    /// A path within the project's folder, without a leading `./`; empty for the folder itself.
    Project {
        path: String,
        if_missing: HostPath,
        relabel: Option<Relabel>,
    },
    /// An absolute path on the host.
    Host {
        path: String,
        if_missing: HostPath,
        relabel: Option<Relabel>,
    },
    Tmpfs {
        size: Option<Size>,
        mode: Option<u32>,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The name at the Engine, where the file gives one.
    pub name: Option<String>,
    pub external: bool,
    pub driver: Option<String>,
    pub internal: bool,
    pub subnets: Vec<Subnet>,
    pub options: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// The name at the Engine, where the file gives one.
    pub name: Option<String>,
    pub external: bool,
    pub driver: Option<String>,
    pub options: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}
