//! One container, with all values resolved.
//!
//! **Invariant:** an empty field is not serialised. The configuration hash covers the serialised form. So a field added
//! by a new version of fleet leaves the hashes of specs without it unchanged, and no container is recreated because of
//! it.

use super::{
    AttachSpec, Condition, Healthcheck, Logging, MountSpec, NetworkMode, PortSpec, Resources, Restart, Switch, Text,
    Ulimit,
};
use crate::names::Digest;
use crate::units::{Period, Size};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One container as the agent creates it. `None` leaves a setting to the image or the Engine.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Compose service of the container.
    pub service: String,
    /// Name at the Engine.
    pub name: String,
    /// The image's reference, with its digest where the release pins it.
    pub image: String,
    /// Words that replace the image's entry point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<Text>>,
    /// Words that replace the image's command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<Text>>,
    /// Environment variables by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, Text>,
    /// Mounts of the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<MountSpec>,
    /// The instance's files that are mounted into the container, by path in the working directory.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// Published ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortSpec>,
    /// Ports opened to other containers only, as `80/tcp`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub expose: BTreeSet<String>,
    /// Kind of network that the container has.
    #[serde(default)]
    pub network_mode: NetworkMode,
    /// Networks that the container joins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<AttachSpec>,
    /// Labels by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The services that come first, links included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub depends_on: BTreeMap<String, Condition>,
    /// Check by which the Engine judges the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Limits of processor time, memory and processes.
    #[serde(default, skip_serializing_if = "Resources::is_unlimited")]
    pub resources: Resources,
    /// Restart policy of the Engine.
    pub restart: Restart,
    /// Log driver and its options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// User, and group, of the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Working directory of the processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Host name inside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Further hosts in the Engine's form: `name:address`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_hosts: Vec<String>,
    /// Time between the stop signal and the end by force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_grace_period: Option<Period>,
    /// Signal that asks the process to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Init process of the Engine as process 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Switch>,
    /// Size of `/dev/shm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<Size>,
    /// Resource limits of processes by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Linux capabilities that are added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cap_add: Vec<String>,
    /// Linux capabilities that are taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cap_drop: Vec<String>,
    /// Security options of the Engine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_opt: Vec<String>,
    /// Read-only root file system.
    #[serde(default, skip_serializing_if = "Switch::is_off")]
    pub read_only: Switch,
    /// On if it has all capabilities and devices.
    #[serde(default, skip_serializing_if = "Switch::is_off")]
    pub privileged: Switch,
    /// Equal hashes mean that the running container may stay.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config_hash: String,
}

impl fmt::Debug for ContainerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerSpec")
            .field("name", &self.name)
            .field("image", &self.image)
            .field("command", &self.command)
            .field("environment", &self.environment)
            .field("mounts", &self.mounts)
            .field("config_hash", &self.config_hash)
            .finish_non_exhaustive()
    }
}
