//! The parts of a container's description that Compose files and specs share.

use super::Text;
use crate::units::{Period, Size};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a container waits for before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    Started,
    Healthy,
    CompletedSuccessfully,
}

/// When the Engine starts a container again by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    #[default]
    No,
    Always,
    UnlessStopped,
    OnFailure {
        /// The most attempts; none is no limit.
        attempts: Option<u32>,
    },
}

/// How the Engine asks a container whether it is healthy. What is not said is the image's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthcheck {
    pub test: Probing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Period>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_period: Option<Period>,
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
    Exec(Vec<Text>),
    Shell(Text),
}

/// Limits of what a container may use; none is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
}

impl Resources {
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// An amount of processor time, in billionths of a processor, as the Engine counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpus(pub u64);

/// Where a container's output goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// The Engine's own default driver where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    pub soft: i64,
    pub hard: i64,
}

/// Which network a container lives in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// In the networks it is attached to.
    #[default]
    Attached,
    None,
    Host,
    Bridge,
    /// In the network of another service's container.
    Service(String),
}

/// A container's place in one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachSpec {
    /// The network's name at the Engine.
    pub network: String,
    /// The names under which others in the network find the container, in order, each once.
    pub aliases: Vec<String>,
    /// Names under which this container alone finds others: alias to container's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4_address: Option<String>,
}

/// Whether something is on; said rather than a bare `bool` so that calls read well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    #[default]
    Off,
    On,
}

impl Switch {
    pub fn is_on(self) -> bool {
        self == Self::On
    }

    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}
