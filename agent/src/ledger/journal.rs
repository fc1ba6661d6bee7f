//! Journal of the changes that an order about data, or an upgrade, has made on this host and has not undone yet; written before each
//! change.
//!
//! **Invariant:** whatever is noted may have been done or not: putting it back is safe either way.

use fleet_core::backup::{CopyMade, DataNote, HoldKind, RestoreMade};
use fleet_core::names::StoreName;
use fleet_core::spec::InstanceSpec;
use fleet_core::time::Time;
use fleet_core::upgrade_counts::ItemCounts;
use fleet_core::upgrade_steps::{RestorePoint, RollbackStep, UpgradePlan, rollback_steps};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Changes that have to be undone, by this agent or a restarted one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// Number of attempts at the work; it fails after too many.
    #[serde(default)]
    pub attempts: u32,
    /// Services stopped for a backup.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// Folders whose old content waits beside them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aside: Vec<Aside>,
    /// Volumes that a restore created because they were missing: they belong to no owner until it has passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_volumes: Vec<String>,
    /// Remarks of a restore; those of earlier versions as their texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<DataNote>,
    /// Sandbox of a drill, to be removed with its volumes.
    #[serde(default, alias = "throwaway", skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Box<InstanceSpec>>,
    /// Backups of the data before a restore or an upgrade.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safety: Vec<CopyMade>,
    /// Buckets whose objects are being replaced: they cannot step aside.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub filled: BTreeSet<StoreName>,
    /// Derivable stores that still have to be rebuilt from the restored data.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rebuilds: BTreeSet<StoreName>,
    /// Position of an upgrade that keeps data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Box<UpgradeCursor>>,
    /// Phase of the restore.
    #[serde(default)]
    pub reach: RestorePhase,
    /// Result of a restore, once it has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Box<RestoreMade>>,
}

/// Position of an upgrade that keeps data, and everything that decides its steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeCursor {
    /// Its restore points; the same from its first step on.
    pub plan: UpgradePlan,
    /// Number of the step that has begun, from 0.
    pub begun: usize,
    /// Numbers of the restore points that are in their places again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub put_back: BTreeSet<usize>,
    /// Numbers of items before the hop that is under way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: ItemCounts,
    /// Run of the host in which the start of the action that has begun was asked for; its container was created before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_boot: Option<String>,
}

impl UpgradeCursor {
    /// Returns whether the new release may have changed data that is not as it was before.
    pub fn is_data_changed(&self) -> bool {
        self.awaits_restore() || self.points_left().next().is_some()
    }

    /// Returns whether the new release may have changed data that is as it was before in the backup alone.
    pub fn awaits_restore(&self) -> bool {
        rollback_steps(&self.plan, self.begun).contains(&RollbackStep::AwaitRestore)
    }

    /// Returns the copies that are the only ones of the data of before, because the new release may have changed the folders.
    pub fn points_left(&self) -> impl Iterator<Item = &RestorePoint> {
        let steps = rollback_steps(&self.plan, self.begun);
        let points = self.plan.points.iter().enumerate();
        let left = points.filter(move |(number, _)| {
            steps.contains(&RollbackStep::PutBack(*number)) && !self.put_back.contains(number)
        });
        left.map(|(_, point)| point)
    }
}

/// Phase of a restore.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestorePhase {
    /// Nothing that runs was changed.
    #[default]
    Untouched,
    /// Instance that is stopped or not created yet.
    Apart,
    /// The restored data is good: only old data is left to be removed.
    Passed,
}

/// A service that was stopped or paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Name of the service.
    pub service: String,
    /// Way in which it was stopped.
    pub kind: HoldKind,
    /// The ids of its containers that ran, for people: others were off, and stay so.
    pub containers: Vec<String>,
    /// Time at which it was stopped.
    pub since: Time,
    /// Time at which it is resumed in any case.
    pub until: Time,
}

/// A folder whose content was moved out of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// The folder.
    pub path: PathBuf,
    /// Folder that holds the old content; on the same file system, so that nothing is copied.
    pub waits: PathBuf,
    /// Way in which the content was moved.
    pub way: DataSwap,
    /// Inode number of the folder, by which it is known again. Earlier agents did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
}

/// Way of moving a folder's content out of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSwap {
    /// The folder itself is renamed, and an empty one takes its place.
    Renamed,
    /// A new folder in place of none; it is removed again.
    Absent,
}
