//! What an order about data has changed on this host and not put back yet, noted before it is done.
//!
//! **Invariant:** whatever is noted may have been done or not: putting it back is safe either way.

use fleet_core::backup::{CopyMade, HoldKind, RestoreMade};
use fleet_core::names::StoreName;
use fleet_core::spec::InstanceSpec;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What has to be put back, by whoever goes on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// How often the work was begun; after too many beginnings it fails.
    #[serde(default)]
    pub attempts: u32,
    /// Services that stand still for a backup.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// Folders whose old content waits beside them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<Aside>,
    /// Volumes that a restore made because they were gone: nobody has them before it has passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_volumes: Vec<String>,
    /// What a restore replaced that nothing gives back: an operator had agreed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What a drill made, to be removed with its volumes.
    #[serde(default, alias = "throwaway", skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Box<InstanceSpec>>,
    /// The backups of what was there before a restore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safety: Vec<CopyMade>,
    /// Buckets whose objects are being replaced: they cannot step aside.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub filled: BTreeSet<StoreName>,
    /// Derivable stores that are still to be rebuilt from what was restored.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rebuilds: BTreeSet<StoreName>,
    #[serde(default)]
    pub reach: RestorePhase,
    /// What a restore made, once it has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Box<RestoreMade>>,
}

/// How far a restore has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestorePhase {
    /// Nothing that runs was touched.
    #[default]
    Untouched,
    /// The instance stands still, or is in the making.
    Apart,
    /// What was restored is well: only what is old is left to be removed.
    Passed,
}

/// A service that was made to stand still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub service: String,
    pub kind: HoldKind,
    /// The ids of its containers that ran, for people: others were off, and stay so.
    pub containers: Vec<String>,
    pub since: Time,
    /// When it goes on whatever happens.
    pub until: Time,
}

/// A folder whose content was moved out of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    pub path: PathBuf,
    /// Where its content waits; on the same file system, so that nothing is copied.
    pub waits: PathBuf,
    pub way: DataSwap,
}

/// How a folder's content gets out of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSwap {
    /// The folder itself is renamed, and an empty one takes its place.
    Renamed,
    /// There was none: what is made in its place goes again.
    Absent,
}
