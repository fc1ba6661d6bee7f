//! What applying a spec would change, said to people before it happens.

use serde::{Deserialize, Serialize};

/// The difference between two specs of an instance, service by service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecDiff {
    /// In the order in which services start; those removed come last.
    pub services: Vec<ServiceDiff>,
    /// Volumes that will be made, by their names at the Engine. None is ever removed by a change.
    pub new_volumes: Vec<String>,
    /// Volumes that the new spec no longer names; they stay, with their data.
    pub left_volumes: Vec<String>,
    /// Files that will be written, changed or removed, as `nginx.conf (changed)`.
    pub files: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDiff {
    pub service: String,
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Created,
    /// With the reasons in words, such as ``image `a:1` -> `a:2` ``; secrets are not shown.
    Recreated { because: Vec<String> },
    Unchanged,
    Removed,
}
