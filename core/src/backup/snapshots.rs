//! Snapshots of a backup and the requester of it: a host that adds to a repository must decide neither.
//!
//! **Invariant:** recorded facts about both are never replaced by the content of a repository.

use crate::names::SnapshotId;
use serde::{Deserialize, Serialize};

/// The snapshots that one copy of a backup is made of. Others may carry the same backup id, and are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Snapshots {
    /// The one that holds the manifest.
    pub set: SnapshotId,
    /// Snapshot of the dumps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dumps: Option<SnapshotId>,
    /// Snapshot of the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<SnapshotId>,
}

impl Snapshots {
    /// Returns all snapshots.
    pub fn all(&self) -> impl Iterator<Item = &SnapshotId> {
        [Some(&self.set), self.dumps.as_ref(), self.files.as_ref()].into_iter().flatten()
    }

    /// Tells whether a snapshot, by its id, is one of them.
    pub fn has(&self, snapshot: &SnapshotId) -> bool {
        self.all().any(|id| id == snapshot)
    }
}

/// Requester of a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedBy {
    /// An order of this coordinator. Catalogs from before this was noted have no other backups.
    #[default]
    Order,
    /// No order: it was found in the repository. It counts for nothing, and is never removed automatically.
    Nobody,
    /// No order, but an operator has accepted it.
    Operator,
}

impl AskedBy {
    /// Tells whether the backup counts.
    pub fn counts(self) -> bool {
        match self {
            Self::Order | Self::Operator => true,
            Self::Nobody => false,
        }
    }

    /// Returns true where an order asked for it.
    pub fn is_order(&self) -> bool {
        *self == Self::Order
    }
}
