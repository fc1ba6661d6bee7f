//! Found parts of an instance, as the Engine and the disk have them.

use crate::names::Digest;
use crate::spec::{Condition, EngineOwner, InstanceSpec, NetworkMode, Restart};
use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Parts of an instance's project on the host, including foreign ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundProject {
    /// The instance's containers, running or not.
    pub containers: Vec<FoundContainer>,
    /// The networks of the project, and those of the spec that others made.
    pub networks: Vec<FoundNetwork>,
    /// The volumes of the project, and those of the spec that others made.
    pub volumes: BTreeSet<String>,
    /// Volumes with the label of the instance, which fleet made for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub signed: BTreeSet<String>,
    /// Image references of the spec that are on the host, with the image's id.
    pub images: BTreeMap<String, String>,
    /// The files that we wrote, and those of the spec that are there, by path in the working directory.
    pub files: BTreeMap<String, FoundFile>,
    /// Foreign parts in the project, or under a name that the spec claims. They are never changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Foreign>,
    /// Volumes of the spec that containers of others have mounted, each with the name of one of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub borrowed: BTreeMap<String, String>,
    /// Ports of the host that the spec publishes and containers of others have open, each with the name of one of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken_ports: BTreeMap<u16, String>,
}

/// A foreign container, network or volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Foreign {
    /// Kind of the object.
    pub kind: ForeignKind,
    /// Name of the object.
    pub name: String,
    /// Owner by its labels.
    pub owner: EngineOwner,
}

/// Kind of an object at the Engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignKind {
    /// A container.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} `{}` is {}", self.kind.word(), self.name, self.owner)
    }
}

impl ForeignKind {
    /// Returns its name at the Engine.
    pub fn word(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
        }
    }
}

impl FoundProject {
    /// Returns the foreign containers of the project: a stack that existed before.
    pub fn foreign_containers(&self) -> impl Iterator<Item = &str> {
        let own = self.foreign.iter().filter(|it| it.kind == ForeignKind::Container);
        own.filter(|it| it.owner == EngineOwner::OwnProject).map(|it| it.name.as_str())
    }

    /// Returns whether a volume is foreign.
    pub fn is_foreign_volume(&self, name: &str) -> bool {
        let is_it = |it: &&Foreign| it.kind == ForeignKind::Volume && it.name == name;
        self.foreign.iter().filter(is_it).any(|it| it.owner != EngineOwner::Nobody)
    }

    /// Returns whether a volume has no label with an owner.
    pub fn is_unsigned_volume(&self, name: &str) -> bool {
        let is_it = |it: &&Foreign| it.kind == ForeignKind::Volume && it.name == name;
        self.foreign.iter().filter(is_it).any(|it| it.owner == EngineOwner::Nobody)
    }

    /// Returns whether a foreign container is in the project or has a name of the spec.
    pub fn has_foreign_containers(&self) -> bool {
        self.foreign.iter().any(|it| it.kind == ForeignKind::Container)
    }
}

/// Container as found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundContainer {
    /// Id at the Engine.
    pub id: String,
    /// Name at the Engine.
    pub name: String,
    /// Compose service.
    pub service: String,
    /// Empty where someone else made it.
    pub config_hash: String,
    /// The reference it was made from.
    pub image: String,
    /// Id of its image.
    pub image_id: String,
    /// State of the container.
    pub state: ContainerState,
    /// Result of its health check.
    pub health: ContainerHealth,
    /// Number of times the Engine has restarted it.
    pub restarts: u64,
    /// Networks that it is in.
    pub networks: BTreeSet<String>,
    /// The id of the container whose network it borrows; that one may be gone.
    #[serde(default)]
    pub lender: Option<String>,
    /// Its volumes without a name.
    pub anonymous: Vec<KeptVolume>,
    /// Time that it gets to stop by itself.
    pub stop_grace: Period,
    /// Its restart policy; none if the Engine reports one that is not known.
    #[serde(default)]
    pub restart: Option<Restart>,
}

/// State of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerState {
    /// Created, never started.
    Created,
    /// Its process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Ends and is started again, over and over.
    Restarting,
    /// Ended.
    Exited {
        /// Exit code.
        code: i64,
    },
    /// The Engine is removing it, or failed to.
    Dead,
}

impl ContainerState {
    /// Returns whether a process may exist that has to end before a successor starts.
    pub fn is_alive(self) -> bool {
        match self {
            Self::Running | Self::Paused | Self::Restarting => true,
            Self::Created | Self::Exited { .. } | Self::Dead => false,
        }
    }

    /// The word operators see.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited { .. } => "exited",
            Self::Dead => "dead",
        }
    }
}

/// Result of a container's health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerHealth {
    /// Without a health check.
    Unchecked,
    /// Not yet well, within its time.
    Starting,
    /// Its health check passes.
    Healthy,
    /// Not well.
    Unhealthy,
}

impl ContainerHealth {
    /// The word operators see.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unchecked => "unchecked",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// A volume without a name, and where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptVolume {
    /// Name of the volume.
    pub volume: String,
    /// Absolute path inside the container.
    pub target: String,
}

/// Network as found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundNetwork {
    /// Name at the Engine.
    pub name: String,
    /// Owner by its labels.
    pub ownership: Ownership,
    /// Empty where someone else made it.
    pub config_hash: String,
}

/// Owner of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// Belongs to the instance's project.
    OfProject,
    /// Others made it.
    OfOthers,
}

/// File as found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFile {
    /// Digest of the content; none if the file is missing or not a regular file.
    pub digest: Option<Digest>,
    /// Permission bits.
    pub mode: u32,
    /// Author of the file.
    pub origin: FileOrigin,
}

/// Author of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileOrigin {
    /// Written by the agent.
    Ours,
    /// Written by others.
    Theirs,
}

impl FoundProject {
    /// Returns the state in which a spec is fully applied; a dry run starts from it.
    pub fn of_spec(spec: &InstanceSpec) -> Self {
        let containers = spec.containers.iter().map(|container| FoundContainer {
            id: container.name.clone(),
            name: container.name.clone(),
            service: container.service.clone(),
            config_hash: container.config_hash.clone(),
            image: container.image.clone(),
            image_id: container.image.clone(),
            state: if is_one_shot(spec, &container.service) {
                ContainerState::Exited { code: 0 }
            } else {
                ContainerState::Running
            },
            health: ContainerHealth::Healthy,
            restarts: 0,
            networks: container.networks.iter().map(|attach| attach.network.clone()).collect(),
            lender: match &container.network_mode {
                NetworkMode::Service(service) => spec.container(service).map(|lender| lender.name.clone()),
                NetworkMode::Attached | NetworkMode::None | NetworkMode::Host | NetworkMode::Bridge => None,
            },
            anonymous: Vec::new(),
            stop_grace: container.stop_grace_period.unwrap_or(DEFAULT_GRACE),
            restart: Some(container.restart),
        });
        let networks = spec.networks.iter().map(|network| FoundNetwork {
            name: network.name.clone(),
            ownership: if network.external { Ownership::OfOthers } else { Ownership::OfProject },
            config_hash: network.config_hash.clone(),
        });
        let file = |digest, mode| FoundFile { digest: Some(digest), mode, origin: FileOrigin::Ours };
        let files = spec.files.iter().map(|it| (it.path.clone(), file(it.content.digest(), it.mode)));
        Self {
            containers: containers.collect(),
            networks: networks.collect(),
            volumes: spec.volumes.iter().map(|volume| volume.name.clone()).collect(),
            signed: spec.volumes.iter().filter(|it| !it.external).map(|volume| volume.name.clone()).collect(),
            images: spec.containers.iter().map(|it| (it.image.clone(), it.image.clone())).collect(),
            files: files.collect(),
            foreign: Vec::new(),
            borrowed: BTreeMap::new(),
            taken_ports: BTreeMap::new(),
        }
    }

    /// Returns true where there is a network of this name.
    pub fn has_network(&self, name: &str) -> bool {
        self.networks.iter().any(|network| network.name == name)
    }

    /// Returns the containers of a service.
    pub fn of_service<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a FoundContainer> {
        self.containers.iter().filter(move |container| container.service == service)
    }
}

/// Time that the Engine gives a container to stop by default.
pub const DEFAULT_GRACE: Period = Period::from_secs(10);

/// Returns whether a service is expected to end: others wait for that.
pub fn is_one_shot(spec: &InstanceSpec, service: &str) -> bool {
    let awaits_its_end = |condition: Option<&Condition>| condition == Some(&Condition::CompletedSuccessfully);
    spec.containers.iter().any(|container| awaits_its_end(container.depends_on.get(service)))
}
