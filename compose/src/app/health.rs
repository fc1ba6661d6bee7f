//! Conditions for an instance to count as healthy.

use crate::spec::Text;
use crate::units::Period;
use serde::{Deserialize, Serialize};

/// Rules for an instance to count as healthy, beyond the state of its containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthRules {
    /// Time for which everything must have been healthy without interruption.
    #[serde(default = "default_minimum_healthy")]
    pub minimum_healthy: Period,
    /// Time limit for the instance to get there.
    #[serde(default = "default_deadline")]
    pub deadline: Period,
    /// Probes that must pass.
    #[serde(default)]
    pub probes: Vec<Probe>,
}

impl Default for HealthRules {
    fn default() -> Self {
        let (minimum_healthy, deadline) = (default_minimum_healthy(), default_deadline());
        Self { minimum_healthy, deadline, probes: Vec::new() }
    }
}

fn default_minimum_healthy() -> Period {
    Period::from_secs(5)
}

fn default_deadline() -> Period {
    Period::from_secs(180)
}

/// Check that an instance works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Request to a port.
    Http(HttpProbe),
    /// Command in a container.
    Exec(ExecProbe),
    /// The app itself must report the release's version.
    Version(VersionProbe),
}

impl Probe {
    /// Returns the Compose service that is asked.
    pub fn service(&self) -> &str {
        match self {
            Self::Http(probe) => &probe.service,
            Self::Exec(probe) => &probe.service,
            Self::Version(probe) => &probe.service,
        }
    }
}

/// A request to a service's port inside its network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Compose service that is asked.
    pub service: String,
    /// Port inside the container.
    pub port: u16,
    /// Path of the request.
    #[serde(default = "root_path")]
    pub path: String,
    /// Expected HTTP status.
    #[serde(default = "status_ok")]
    pub status: u16,
    /// A text that the answer must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Longest time of an attempt.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
}

/// A command inside a service's container that must end with 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecProbe {
    /// Compose service that is asked.
    pub service: String,
    /// Words of the command.
    pub command: Vec<Text>,
    /// Longest time of an attempt.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
}

/// A request whose answer, plain text or JSON with `version`, must be the release's version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionProbe {
    /// Compose service that is asked.
    pub service: String,
    /// Port inside the container.
    pub port: u16,
    /// Path of the request.
    #[serde(default = "version_path")]
    pub path: String,
    /// Longest time of an attempt.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
}

fn root_path() -> String {
    "/".to_owned()
}

fn version_path() -> String {
    "/version".to_owned()
}

fn status_ok() -> u16 {
    200
}

fn default_timeout() -> Period {
    Period::from_secs(5)
}
