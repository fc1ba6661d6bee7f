//! The parts of a container's description that Compose files and specs share.

use super::Text;
use crate::units::{Period, Size};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Condition of another service that a container waits for before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The service runs.
    Started,
    /// Its health check passes.
    Healthy,
    /// The service has exited with code 0.
    CompletedSuccessfully,
}

/// Condition for an automatic restart by the Engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Never.
    #[default]
    No,
    /// Each time it ends.
    Always,
    /// Each time it ends by itself.
    UnlessStopped,
    /// Each time it ends with another code than 0.
    OnFailure {
        /// The most attempts; none is no limit.
        attempts: Option<u32>,
    },
}

impl fmt::Display for Restart {
    /// Writes it as a Compose file does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::Always => f.write_str("always"),
            Self::UnlessStopped => f.write_str("unless-stopped"),
            Self::OnFailure { attempts: None } => f.write_str("on-failure"),
            Self::OnFailure { attempts: Some(attempts) } => write!(f, "on-failure:{attempts}"),
        }
    }
}

/// Health check of a container. Missing settings are the image's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthcheck {
    /// Command of the check.
    pub test: Probing,
    /// Time between two checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Period>,
    /// Longest time of a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// Time at the start in which failures do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_period: Option<Period>,
    /// Failures in a row that make it unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
}

/// The command of a health check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probing {
    /// The command that the image brings.
    #[default]
    OfImage,
    /// No check at all, even if the image brings one.
    Disabled,
    /// Words of a command.
    Exec(Vec<Text>),
    /// Line for a shell in the container.
    Shell(Text),
}

/// Resource limits of a container; none means no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Processors, in parts of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
}

impl Resources {
    /// Returns true where there is no limit.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// An amount of processor time, in billionths of a processor, as the Engine counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpus(pub u64);

/// Destination of a container's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// The Engine's own default driver where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Options of the driver by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// Resource limit of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Limit that a process may raise up to the hard one.
    pub soft: i64,
    /// Highest limit.
    pub hard: i64,
}

/// Network of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// The networks to which it is attached.
    #[default]
    Attached,
    /// No network.
    None,
    /// Network of the host.
    Host,
    /// Default bridge of the Engine.
    Bridge,
    /// The network of another service's container.
    Service(String),
}

/// Attachment of a container to one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachSpec {
    /// The network's name at the Engine.
    pub network: String,
    /// The names under which others in the network find the container, in order, each once.
    pub aliases: Vec<String>,
    /// Names under which this container alone finds others: alias to container's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// Fixed IPv4 address in this network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4_address: Option<String>,
}

/// On or off; used instead of a bare `bool` so that calls are readable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// No.
    #[default]
    Off,
    /// Yes.
    On,
}

impl Switch {
    /// Returns true for [`Switch::On`].
    pub fn is_on(self) -> bool {
        self == Self::On
    }

    /// Returns true for [`Switch::Off`].
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}
