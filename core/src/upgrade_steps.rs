//! Steps of an upgrade that may change data, and the steps of its way back.
//!
//! **Invariant:** a release starts, and an action runs, only after every restore point is complete, and nothing else of the instance runs
//! from [`UpgradeStep::Quiesce`] to the first start, nor between two releases.
//! **Invariant:** the restore points are those of before the first release: the way back leads to the origin from any of them.
//! **Invariant:** a committed upgrade never goes back, and restore points are removed only after that or after the way back.
//!
//! The design is in `docs/design/upgrades.md`.

#[cfg(test)]
mod tests;

use crate::app::Comparison;
use crate::names::{RepositoryName, StoreName};
use crate::upgrade_actions::HopAction;
use crate::upgrade_counts::{CountedItems, items_of};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// Everything that decides the steps. It is kept when the upgrade begins, and stays the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradePlan {
    /// Repositories that get a backup first.
    pub backup: BTreeSet<RepositoryName>,
    /// Folders with data of truth stores, which are copied.
    pub points: Vec<RestorePoint>,
    /// Truth stores that cannot be copied: the backup is their restore point.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub by_backup: BTreeSet<StoreName>,
    /// Services that a backup after quiesce or a count needs: the servers of all truth stores.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub servers: BTreeSet<String>,
    /// Number of releases that the instance runs on its way to the new one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub through: usize,
    /// Numbers of items that each hop has to keep; empty if no hop compares any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compare: Vec<Comparison>,
    /// Actions of each hop; empty if no hop has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Vec<HopAction>>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Folder with data, and its copy of before the upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestorePoint {
    /// The folder.
    pub path: PathBuf,
    /// Its copy, on the same file system.
    pub copy: PathBuf,
    /// Bytes of it when the upgrade was planned.
    pub bytes: u64,
}

/// One step of an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpgradeStep {
    /// Pull images, and find what others have to provide. Nothing changes.
    Fetch,
    /// Write files, and create the new containers beside the old ones. Nothing stops.
    Prepare,
    /// Back up, and read the manifest back.
    BackUp,
    /// Switch restart policies off, and stop everything but the servers that a backup or a count needs.
    Quiesce,
    /// Count the items that the first hop compares.
    Count,
    /// Stop these servers too.
    StopServers,
    /// Copy the folder of this restore point, and compare the copy.
    Copy(usize),
    /// Run this action of this hop, with the servers of the stores alone running, or nothing. Data may change.
    Act(usize, usize),
    /// Start this release on the way as the new one is started in the end, wait until the instance is healthy, compare the
    /// numbers of its hop, and stop everything. Data may change.
    Pass(usize),
    /// Replace the containers by those of the new release, with their restart policies, start them, wait until the instance is healthy, and
    /// compare the numbers of the last hop. Data may change.
    Start,
    /// The upgrade is good: remove the copies.
    Commit,
}

/// One step of the way back. After it, the copies are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollbackStep {
    /// Stop everything, so that nothing writes.
    Stop,
    /// Put the copy of this restore point back in the place of its folder.
    PutBack(usize),
    /// Return to the earlier containers, with their restart policies, and wait until the instance is healthy.
    StartOrigin,
    /// Return to the earlier containers, with the servers of the stores alone running: an operator restores the backup.
    AwaitRestore,
}

impl UpgradePlan {
    /// Returns the items that are counted before the first hop.
    pub fn items_at_first(&self) -> CountedItems {
        items_of(self.compare.first())
    }

    /// Returns an action of a hop.
    pub fn action(&self, hop: usize, number: usize) -> Option<&HopAction> {
        self.actions.get(hop)?.get(number)
    }

    /// Returns the steps of a hop before its release starts.
    fn acts(&self, hop: usize) -> impl Iterator<Item = UpgradeStep> + use<> {
        let count = self.actions.get(hop).map_or(0, Vec::len);
        (0..count).map(move |number| UpgradeStep::Act(hop, number))
    }

    /// Returns the items that are counted after a hop: those that it compares, and those that the next one compares.
    pub fn items_after(&self, hop: usize) -> CountedItems {
        items_of(self.compare.iter().skip(hop).take(2))
    }
}

/// Returns the steps of an upgrade.
pub fn upgrade_steps(plan: &UpgradePlan) -> Vec<UpgradeStep> {
    let backup = (!plan.backup.is_empty()).then_some(UpgradeStep::BackUp);
    let count = (!plan.items_at_first().is_empty()).then_some(UpgradeStep::Count);
    let mut steps = vec![UpgradeStep::Fetch];
    if plan.by_backup.is_empty() {
        steps.extend(backup);
        steps.extend([UpgradeStep::Prepare, UpgradeStep::Quiesce]);
        steps.extend(count);
    } else {
        // The backup is exact only when nothing but the servers of the stores runs.
        steps.extend([UpgradeStep::Prepare, UpgradeStep::Quiesce]);
        steps.extend(count.into_iter().chain(backup));
    }
    steps.extend((!plan.servers.is_empty()).then_some(UpgradeStep::StopServers));
    steps.extend((0..plan.points.len()).map(UpgradeStep::Copy));
    steps.extend((0..plan.through).flat_map(|hop| plan.acts(hop).chain([UpgradeStep::Pass(hop)])));
    steps.extend(plan.acts(plan.through));
    steps.extend([UpgradeStep::Start, UpgradeStep::Commit]);
    steps
}

/// Returns the position from which an upgrade goes on after a crash in the step at `begun`.
///
/// A copy is taken again together with all others, and after a new count: something may have run in between.
pub fn resumed_at(plan: &UpgradePlan, begun: usize) -> usize {
    let steps = upgrade_steps(plan);
    let quiesce = steps.iter().position(|step| *step == UpgradeStep::Quiesce);
    match (steps.get(begun), quiesce) {
        (
            Some(UpgradeStep::Count | UpgradeStep::Copy(_) | UpgradeStep::StopServers | UpgradeStep::BackUp),
            Some(quiesce),
        ) => quiesce.min(begun),
        _ => begun,
    }
}

/// Returns the steps of the way back from an upgrade of which the step at `begun` has begun; none if nothing of it changed anything, or
/// if it is committed.
pub fn rollback_steps(plan: &UpgradePlan, begun: usize) -> Vec<RollbackStep> {
    let steps = upgrade_steps(plan);
    let has_begun = |step: UpgradeStep| steps.iter().position(|it| *it == step).is_some_and(|at| at <= begun);
    if !has_begun(UpgradeStep::Quiesce) || has_begun(UpgradeStep::Commit) {
        return Vec::new();
    }
    let is_touching =
        |step: &UpgradeStep| matches!(step, UpgradeStep::Act(..) | UpgradeStep::Pass(_) | UpgradeStep::Start);
    if !steps.iter().take(begun.saturating_add(1)).any(is_touching) {
        return vec![RollbackStep::StartOrigin];
    }
    let put_back = (0..plan.points.len()).rev().map(RollbackStep::PutBack);
    let end = if plan.by_backup.is_empty() { RollbackStep::StartOrigin } else { RollbackStep::AwaitRestore };
    std::iter::once(RollbackStep::Stop).chain(put_back).chain([end]).collect()
}

impl fmt::Display for UpgradeStep {
    /// A short text for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch => f.write_str("fetch"),
            Self::Prepare => f.write_str("prepare"),
            Self::BackUp => f.write_str("back up"),
            Self::Quiesce => f.write_str("quiesce"),
            Self::Count => f.write_str("count"),
            Self::StopServers => f.write_str("stop servers"),
            Self::Copy(point) => write!(f, "copy {point}"),
            Self::Act(hop, action) => write!(f, "act {hop}.{action}"),
            Self::Pass(release) => write!(f, "pass {release}"),
            Self::Start => f.write_str("start"),
            Self::Commit => f.write_str("commit"),
        }
    }
}
