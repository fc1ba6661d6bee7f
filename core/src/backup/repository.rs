//! Locations of backups.

use crate::names::RepositoryName;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// A location that operators named; it holds one repository for each instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryDesired {
    /// Location.
    pub place: RepositoryLocation,
    /// Time at which it was added.
    pub added: Time,
}

impl RepositoryDesired {
    /// The name of the one that every fleet has.
    pub fn central() -> RepositoryName {
        "central".parse().expect("it is a name")
    }
}

/// Location of repositories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepositoryLocation {
    /// On the coordinator's disk. Agents add and read through it, and cannot remove.
    Coordinator,
    /// A bucket; its keys are kept beside the facts, sealed.
    S3 {
        /// URL of the S3 server.
        endpoint: String,
        /// Region of the bucket.
        region: String,
        /// Name of the bucket.
        bucket: String,
        /// Path in the bucket.
        prefix: String,
    },
    /// A folder on the instance's own host, be it a mount.
    Folder {
        /// Absolute path on the host.
        path: String,
    },
}
