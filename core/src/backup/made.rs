//! What an order about data made: said together with its end.

use super::{Manifest, Proof};
use crate::names::{BackupId, RepositoryName};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    Backup(Vec<CopyMade>),
    Drill(DrillMade),
    Restore(RestoreMade),
    Forgotten(Vec<BackupId>),
}

/// One copy of a backup: what came of it in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyMade {
    pub repository: RepositoryName,
    /// The manifest without its values, or why there is none.
    pub result: Result<Manifest, String>,
}

/// What a drill found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillMade {
    pub repository: RepositoryName,
    pub backup: BackupId,
    pub proof: Proof,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreMade {
    pub backup: BackupId,
    /// The backups of what was there before.
    pub safety: Vec<CopyMade>,
    pub took_ms: u64,
    pub bytes: u64,
}
