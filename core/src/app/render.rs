//! From a bundle and values to what the instance is: the one way, for agent and coordinator alike.

use super::Health;
use crate::names::{HostName, InstanceName, Version};
use crate::spec::InstanceSpec;
use serde::{Deserialize, Serialize};

/// Where and as what a release is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub instance: InstanceName,
    pub host: HostName,
    pub version: Version,
    /// The absolute path of the folder in which the instance's files live on the host; the same for all its releases.
    pub working_dir: String,
}

/// Everything that an agent needs to make the instance real and to judge it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    pub spec: InstanceSpec,
    pub health: Health,
}
