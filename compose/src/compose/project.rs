//! A Compose file after reading: variables filled in, references checked, nothing left to default silently.

use crate::spec::{
    Condition, Healthcheck, HostPath, Logging, MountAccess, NetworkMode, PortSpec, Relabel, Resources, Restart, Subnet,
    Switch, Text, Ulimit,
};
use crate::units::{Period, Size};
use std::collections::{BTreeMap, BTreeSet};

/// Content of one Compose file under the chosen profiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Project name in the file. It is used only if the app declares so ([`super::ProjectNaming`]).
    pub name: Option<String>,
    /// The Compose file's path in the bundle.
    pub entry: String,
    /// Services by their names.
    pub services: BTreeMap<String, Service>,
    /// The networks that services use, `default` included.
    pub networks: BTreeMap<String, Network>,
    /// Volumes by their names in the Compose file.
    pub volumes: BTreeMap<String, Volume>,
    /// The variables that the file asks for.
    pub variables: BTreeSet<String>,
}

/// Service of a Compose file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Name in the Compose file.
    pub name: String,
    /// The line on which the service begins, for later problems.
    pub line: usize,
    /// Reference of the image.
    pub image: String,
    /// Name of the container, where the file gives one.
    pub container_name: Option<String>,
    /// Words that replace the image's entry point.
    pub entrypoint: Option<Vec<Text>>,
    /// Words that replace the image's command.
    pub command: Option<Vec<Text>>,
    /// Environment variables by their names.
    pub environment: BTreeMap<String, Text>,
    /// Mounts of the container.
    pub mounts: Vec<Mount>,
    /// Published ports.
    pub ports: Vec<PortSpec>,
    /// Ports for other containers, as `80/tcp`.
    pub expose: BTreeSet<String>,
    /// Other services under further names.
    pub links: Vec<ServiceLink>,
    /// Services that come first, each with the condition that it must meet.
    pub depends_on: BTreeMap<String, Condition>,
    /// Kind of network that the container has.
    pub network_mode: NetworkMode,
    /// Networks that the container joins.
    pub networks: BTreeMap<String, Attachment>,
    /// Labels by their names.
    pub labels: BTreeMap<String, String>,
    /// Check by which the Engine judges the container.
    pub healthcheck: Option<Healthcheck>,
    /// Limits of processor time, memory and processes.
    pub resources: Resources,
    /// Restart policy of the Engine.
    pub restart: Restart,
    /// Log driver and its options.
    pub logging: Option<Logging>,
    /// User, and group, of the processes.
    pub user: Option<String>,
    /// Working directory of the processes.
    pub working_dir: Option<String>,
    /// Host name inside the container.
    pub hostname: Option<String>,
    /// Further lines of `/etc/hosts`: `name:address`.
    pub extra_hosts: Vec<String>,
    /// Time between the stop signal and the end by force.
    pub stop_grace_period: Option<Period>,
    /// Signal that asks the process to end.
    pub stop_signal: Option<String>,
    /// Init process of the Engine as process 1.
    pub init: Option<Switch>,
    /// Size of `/dev/shm`.
    pub shm_size: Option<Size>,
    /// Resource limits of processes by their names.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Linux capabilities that are added.
    pub cap_add: Vec<String>,
    /// Linux capabilities that are taken away.
    pub cap_drop: Vec<String>,
    /// Security options of the Engine.
    pub security_opt: Vec<String>,
    /// Read-only root file system.
    pub read_only: Switch,
    /// On if it has all capabilities and devices.
    pub privileged: Switch,
}

impl Service {
    /// Returns the services that must start first, with the condition to wait for: dependencies, links, and lenders of
    /// a network.
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
    /// Service that is linked.
    pub service: String,
    /// Further name, if not the service's own.
    pub alias: Option<String>,
}

/// Membership of a service in a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachment {
    /// Further names in this network.
    pub aliases: Vec<String>,
    /// Fixed IPv4 address in this network.
    pub ipv4_address: Option<String>,
}

/// Mount of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Source of the mount.
    pub origin: MountOrigin,
    /// Absolute path inside the container.
    pub target: String,
    /// Reading only, or writing too.
    pub access: MountAccess,
}

/// Source of a mount, before the Engine's names are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountOrigin {
    /// A volume, by its name in the Compose file.
    Volume(String),
    /// Volume without a name.
    Anonymous,
    /// A path within the project's folder, without a leading `./`; empty for the folder itself.
    Project {
        /// Path: within the project's folder, or absolute on the host.
        path: String,
        /// Rule for a path that does not exist.
        if_missing: HostPath,
        /// SELinux label that the Engine gives the path.
        relabel: Option<Relabel>,
    },
    /// An absolute path on the host.
    Host {
        /// Path: within the project's folder, or absolute on the host.
        path: String,
        /// Rule for a path that does not exist.
        if_missing: HostPath,
        /// SELinux label that the Engine gives the path.
        relabel: Option<Relabel>,
    },
    /// File system in memory.
    Tmpfs {
        /// Largest size.
        size: Option<Size>,
        /// Permission bits.
        mode: Option<u32>,
    },
}

/// Network of a Compose file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The name at the Engine, where the file gives one.
    pub name: Option<String>,
    /// Made by others: used, never created, changed or removed.
    pub external: bool,
    /// Driver, if not the Engine's default.
    pub driver: Option<String>,
    /// No way out of the network.
    pub internal: bool,
    /// Address ranges.
    pub subnets: Vec<Subnet>,
    /// Options of the driver by their names.
    pub options: BTreeMap<String, String>,
    /// Labels by their names.
    pub labels: BTreeMap<String, String>,
}

/// Volume of a Compose file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// The name at the Engine, where the file gives one.
    pub name: Option<String>,
    /// Made by others: used, never created, changed or removed.
    pub external: bool,
    /// Driver, if not the Engine's default.
    pub driver: Option<String>,
    /// Options of the driver by their names.
    pub options: BTreeMap<String, String>,
    /// Labels by their names.
    pub labels: BTreeMap<String, String>,
}
