//! Mounts of a container.

use crate::units::Size;
use serde::{Deserialize, Serialize};

/// One mount of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// Source of the mount.
    pub source: MountSource,
    /// The absolute path inside the container.
    pub target: String,
    /// Reading only, or writing too.
    pub access: MountAccess,
}

/// Source of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountSource {
    /// A volume, by its name at the Engine.
    Volume(String),
    /// A volume without a name, which lives as long as its container and its successors.
    Anonymous,
    /// Path of the host.
    Bind {
        /// The absolute path on the host.
        path: String,
        /// Rule for a path that does not exist.
        if_missing: HostPath,
        /// SELinux label that the Engine gives the path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relabel: Option<Relabel>,
    },
    /// File system in memory.
    Tmpfs {
        /// Largest size.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<Size>,
        /// Permission bits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mode: Option<u32>,
    },
}

/// Access of a container to a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountAccess {
    /// Reading and writing.
    ReadWrite,
    /// Reading only.
    ReadOnly,
}

/// Reaction to a missing path of a bind mount on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostPath {
    /// A folder is made, as Compose's short form does.
    Create,
    /// The container is not created, as Compose's long form does.
    Refuse,
}

/// SELinux label of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relabel {
    /// `z`: for all containers.
    Shared,
    /// `Z`: for this container alone.
    Private,
}
