//! Operators' requests about an instance's data, beyond its policy.

use super::{Cause, Snapshots};
use crate::names::{BackupId, InstanceName, RepositoryName, StoreName};
use crate::release::{Goal, Release};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Latest such request. It ends with its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRequest {
    /// Number of the request: each is an intention of its own.
    pub serial: u64,
    /// Requested action.
    pub action: DataAction,
    /// Time of the request.
    pub at: Time,
}

/// Action of an order on an instance's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataAction {
    /// Takes one backup into each of the repositories.
    Backup {
        /// Repositories that get a copy.
        to: BTreeSet<RepositoryName>,
        /// Cause of the backup.
        cause: Cause,
    },
    /// Restores a backup into a sandbox, and checks it.
    Drill {
        /// Repository, or backup, that is read or changed.
        from: BackupSource,
        /// As with a restore. Orders without it keep nothing.
        #[serde(default)]
        privileges: Privileges,
    },
    /// Replaces the present data with a backup's.
    Restore {
        /// Repository, or backup, that is read or changed.
        from: BackupSource,
        /// Stores to restore; all if empty.
        only: BTreeSet<StoreName>,
        /// Repositories for a safety backup of the present data; none if empty.
        safety: BTreeSet<RepositoryName>,
        /// Target state of a new instance, or of one that returns to the release of the backup; none if it stays as it is.
        goal: Option<Goal>,
        /// Release that the instance has, if it returns from that one to the backup's. Older coordinators do not send it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Release>,
        /// Older coordinators do not send it.
        #[serde(default)]
        others: Others,
        /// The coordinator knows the host of a backup: the content of a manifest depends on its writer.
        #[serde(default)]
        privileges: Privileges,
    },
    /// Removes backups from a folder on the host. Everywhere else the coordinator does it.
    Forget {
        /// Repository, or backup, that is read or changed.
        from: RepositoryName,
        /// Backups that are forgotten.
        backups: BTreeSet<BackupId>,
    },
}

/// Treatment of other databases on a server whose stores are restored: its whole folder is replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// If there are any, nothing is restored.
    #[default]
    Kept,
    /// An operator has agreed to lose it.
    Dropped,
}

/// Treatment of setuid and setgid bits and file capabilities from a backup of another host: its author would get those
/// programs' rights here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privileges {
    /// Left out, and named.
    #[default]
    Cleared,
    /// For this host's own backup, or if an operator has agreed.
    Kept,
}

/// Kind of an order about data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataKind {
    /// A backup.
    Backup,
    /// A drill.
    Drill,
    /// A restore.
    Restore,
    /// Removal of backups.
    Forget,
}

/// Location of one backup in one repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BackupSource {
    /// Repository from which it is read.
    pub repository: RepositoryName,
    /// Instance that was backed up.
    pub instance: InstanceName,
    /// Id of the backup.
    pub backup: BackupId,
    /// Snapshots of the backup: the order uses no others. Older coordinators do not send them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Snapshots>,
}

impl DataAction {
    /// Returns the kind of the action.
    pub fn kind(&self) -> DataKind {
        match self {
            Self::Backup { .. } => DataKind::Backup,
            Self::Drill { .. } => DataKind::Drill,
            Self::Restore { .. } => DataKind::Restore,
            Self::Forget { .. } => DataKind::Forget,
        }
    }

    /// Returns the repositories that the order needs, with the instance that owns each.
    pub fn repositories<'a>(&'a self, of: &'a InstanceName) -> Vec<(&'a RepositoryName, &'a InstanceName)> {
        let own = |names: &'a BTreeSet<RepositoryName>| names.iter().map(move |name| (name, of));
        match self {
            Self::Backup { to, .. } => own(to).collect(),
            Self::Drill { from, .. } => vec![(&from.repository, &from.instance)],
            Self::Restore { from, safety, .. } => own(safety).chain([(&from.repository, &from.instance)]).collect(),
            Self::Forget { from, .. } => vec![(from, of)],
        }
    }

    /// The backup that it needs.
    pub fn source(&self) -> Option<&BackupSource> {
        match self {
            Self::Drill { from, .. } | Self::Restore { from, .. } => Some(from),
            Self::Backup { .. } | Self::Forget { .. } => None,
        }
    }

    /// The same, to be changed.
    pub fn source_mut(&mut self) -> Option<&mut BackupSource> {
        match self {
            Self::Drill { from, .. } | Self::Restore { from, .. } => Some(from),
            Self::Backup { .. } | Self::Forget { .. } => None,
        }
    }

    /// Returns the target state of the instance, if the action has one.
    pub fn goal(&self) -> Option<&Goal> {
        match self {
            Self::Restore { goal, .. } => goal.as_ref(),
            Self::Backup { .. } | Self::Drill { .. } | Self::Forget { .. } => None,
        }
    }

    /// Makes a restore one that returns an instance from a release to a state.
    pub fn return_from(&mut self, release: Release, to: Goal) {
        match self {
            Self::Restore { goal, replaces, .. } => (*goal, *replaces) = (Some(to), Some(release)),
            Self::Backup { .. } | Self::Drill { .. } | Self::Forget { .. } => {}
        }
    }

    /// Returns whether it makes a new instance.
    pub fn is_anew(&self) -> bool {
        matches!(self, Self::Restore { goal: Some(_), replaces: None, .. })
    }

    /// Returns the release that the instance leaves for the backup's, and its target state.
    pub fn return_to(&self) -> Option<(&Release, &Goal)> {
        match self {
            Self::Restore { goal: Some(goal), replaces: Some(release), .. } => Some((release, goal)),
            Self::Restore { .. } | Self::Backup { .. } | Self::Drill { .. } | Self::Forget { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_that_says_nothing_of_others_loses_none() {
        let from = r#"{ "repository": "central", "instance": "notes-1", "backup": "0123456789abcdef01234567" }"#;
        let text = format!(r#"{{ "restore": {{ "from": {from}, "only": [], "safety": [], "goal": null }} }}"#);
        let read: DataAction = serde_json::from_str(&text).expect("as a coordinator of before says it");
        assert!(matches!(read, DataAction::Restore { others: Others::Kept, .. }), "{read:?}");
    }
}
