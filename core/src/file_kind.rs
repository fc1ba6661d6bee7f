//! The kinds of files that a repository of restic's format consists of.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Purpose of a file in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// There is exactly one; it has no id.
    Config,
    /// Master key, sealed with a password.
    Key,
    /// Snapshot of a tree.
    Snapshot,
    /// List of the blobs in packs.
    Index,
    /// Blobs of data or trees.
    Pack,
}

impl FileKind {
    /// List of all kinds.
    pub const ALL: [Self; 5] = [Self::Config, Self::Key, Self::Snapshot, Self::Index, Self::Pack];

    /// Returns the folder of such files in restic's layout; for the config, the name of the file.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Key => "keys",
            Self::Snapshot => "snapshots",
            Self::Index => "index",
            Self::Pack => "data",
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config",
            Self::Key => "key",
            Self::Snapshot => "snapshot",
            Self::Index => "index",
            Self::Pack => "pack",
        })
    }
}
