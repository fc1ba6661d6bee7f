//! The ways by which an order reaches the host.
//!
//! **Invariant:** only a [`HostReach`] can be requested, and each variant is matched explicitly where it is checked.

use crate::app::Probe;
use crate::backup::Bucket;
use crate::names::{AppName, RepositoryName, StoreName};
use crate::policy_refusal::LeadError;
use serde::{Deserialize, Serialize};

/// One effect of an order on the host, or on parts of it that do not belong to the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostReach {
    /// App that is installed.
    App(AppName),
    /// Image that is pulled.
    Image(String),
    /// A path of the host, in the instance's own folder or elsewhere.
    Path {
        /// Path on the host.
        path: String,
        /// Use of the path.
        used: PathUse,
    },
    /// A volume that was made elsewhere and is mounted.
    ExternalVolume(String),
    /// A share of a server, as `type://server/path`, that a volume mounts.
    RemoteVolume {
        /// Name of the volume.
        volume: String,
        /// The share, as `type://server/path`.
        source: String,
    },
    /// A driver of a volume that is not the Engine's own.
    VolumeDriver {
        /// Name of the volume.
        volume: String,
        /// Name of the driver.
        driver: String,
    },
    /// A container or a volume of no instance, of which a store takes the files. Any of its names may be allowed.
    Foreign {
        /// Name of the store.
        store: StoreName,
        /// Its names, any of which may be allowed.
        names: Vec<String>,
    },
    /// A network that was made elsewhere.
    ExternalNetwork(String),
    /// More power over the host than a container usually has.
    Power {
        /// Compose service.
        service: String,
        /// Privilege.
        power: Power,
    },
    /// A network whose driver or options take hold of the host's own network devices.
    NetworkDevice {
        /// Name of the network.
        network: String,
        /// Key of the option.
        key: String,
    },
    /// A program that the agent runs inside a container.
    Exec(ExecUse),
    /// Log driver of a service.
    LogDriver {
        /// Compose service.
        service: String,
        /// Name of the driver.
        driver: String,
    },
    /// An option of a log driver that may name an address or a file. Without a driver it is an option of the Engine's default.
    LogOption {
        /// Compose service.
        service: String,
        /// Name of the driver.
        driver: Option<String>,
        /// Name of the option.
        option: String,
        /// Value of the option.
        value: String,
    },
    /// A bucket that a store is.
    Bucket(Box<Bucket>),
    /// A folder of the host in which backups are kept.
    RepositoryFolder {
        /// Name of the repository.
        repository: RepositoryName,
        /// Path on the host.
        path: String,
    },
    /// A bucket in which backups are kept.
    RepositoryEndpoint {
        /// Name of the repository.
        repository: RepositoryName,
        /// URL of the S3 server.
        endpoint: String,
        /// Name of the bucket.
        bucket: String,
    },
}

/// Use of a path of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathUse {
    /// Mount of a container.
    Mount,
    /// An existing volume leads there through the options of its driver.
    VolumeDevice(String),
    /// The files of a store.
    Store(StoreName),
}

/// A power over the host, by its key in the Compose file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Power {
    /// Privileged container.
    Privileged,
    /// Network of the host.
    HostNetwork,
    /// Added capability.
    CapAdd,
    /// Security option.
    SecurityOpt,
}

/// Purpose of a program inside a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecUse {
    /// An exec probe of this service.
    Probe {
        /// Compose service.
        service: String,
    },
    /// The tools that dump, load, count and ask a store.
    Tools {
        /// Name of the store.
        store: StoreName,
    },
    /// A check of a store that is a command or a query.
    Check {
        /// Name of the store.
        store: StoreName,
    },
    /// Rebuild of a derivable store after a restore.
    Rebuild {
        /// Name of the store.
        store: StoreName,
    },
    /// Action of an upgrade.
    Action {
        /// Compose service.
        service: String,
    },
}

/// A way that the policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Reach that the policy refuses.
    pub reach: HostReach,
    /// Target of a link, if that is the reason.
    pub lead: Option<Lead>,
}

/// Target of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    /// Leads to this path.
    To(String),
    /// The target could not be resolved, with the reason if known.
    Unknown(Option<LeadError>),
}

impl Power {
    /// Returns the Compose key.
    pub fn key(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::HostNetwork => "network_mode: host",
            Self::CapAdd => "cap_add",
            Self::SecurityOpt => "security_opt",
        }
    }
}

impl ExecUse {
    /// The program that a probe runs, if it runs one.
    pub fn of_probe(probe: &Probe) -> Option<Self> {
        match probe {
            Probe::Exec(probe) => Some(Self::Probe { service: probe.service.clone() }),
            Probe::Http(_) | Probe::Version(_) => None,
        }
    }
}

impl Refusal {
    /// Makes a refusal of a path as written, without following links.
    pub fn as_written(reach: HostReach) -> Self {
        Self { reach, lead: None }
    }
}

/// Networks of the host itself or of other containers, which no policy can allow.
const OF_ENGINE: [&str; 4] = ["host", "none", "bridge", "default"];

/// Tells whether the name of a network means one of the Engine's own, or a container's.
pub(super) fn is_of_engine(network: &str) -> bool {
    OF_ENGINE.contains(&network) || network.contains(':')
}
