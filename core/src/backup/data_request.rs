//! What operators wish for an instance's data, beyond what its policy says.

use super::{Cause, Snapshots};
use crate::names::{BackupId, InstanceName, RepositoryName, StoreName};
use crate::order::Goal;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The latest such wish. It is over when its order has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataRequest {
    /// Counts the wishes: each is an intention of its own.
    pub serial: u64,
    /// Requested action.
    pub action: DataAction,
    /// Time of the request.
    pub at: Time,
}

/// What an order does with an instance's data.
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
    /// Restores a backup into throwaway containers, and checks it.
    Drill {
        /// Repository, or backup, that is read or changed.
        from: BackupSource,
        /// As with a restore. Orders that do not say it keep nothing.
        #[serde(default)]
        privileges: Privileges,
    },
    /// Puts a backup's data in the place of what is there.
    Restore {
        /// Repository, or backup, that is read or changed.
        from: BackupSource,
        /// Nothing said: all stores.
        only: BTreeSet<StoreName>,
        /// Where what is there is backed up before; nowhere, if nothing is named.
        safety: BTreeSet<RepositoryName>,
        /// What is made where there is no instance yet.
        goal: Option<Goal>,
        /// Older coordinators do not say it.
        #[serde(default)]
        others: Others,
        /// The coordinator knows whose backup it is: a manifest says what its writer wants.
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

/// What becomes of what a database's server holds besides the stores that are restored: its whole folder is replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// Where there is any, nothing is restored.
    #[default]
    Kept,
    /// An operator has agreed to lose it.
    Dropped,
}

/// What becomes of setuid and setgid bits and of file capabilities that a backup of another host has: whoever could write that
/// backup would get its programs' rights here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privileges {
    /// They are left out, and named.
    #[default]
    Cleared,
    /// It is this host's own backup, or an operator asked for them.
    Kept,
}

/// What an order about data was for.
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

/// One backup in one repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BackupSource {
    /// Repository from which it is read.
    pub repository: RepositoryName,
    /// Whose backup it is.
    pub instance: InstanceName,
    /// Id of the backup.
    pub backup: BackupId,
    /// The snapshots that are the backup: whoever carries the order out uses no others. Older coordinators do not say it.
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

    /// The repositories that whoever carries it out needs access to, with the instance whose they are.
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

    /// What the instance shall be, where that is part of it.
    pub fn goal(&self) -> Option<&Goal> {
        match self {
            Self::Restore { goal, .. } => goal.as_ref(),
            Self::Backup { .. } | Self::Drill { .. } | Self::Forget { .. } => None,
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
