//! Result of an order about data, reported with its end.

use super::{DataKind, DataNote, Kept, Manifest, Part, Proof, Snapshots};
use crate::names::{BackupId, RepositoryName};
use crate::order_failure::OrderFailure;
use serde::{Deserialize, Serialize};

/// Result of an order about data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataResult {
    /// Copies that a backup made.
    Backup(Vec<CopyMade>),
    /// Proof that a drill made.
    Drill(DrillMade),
    /// Result of a restore.
    Restore(RestoreMade),
    /// Backups that were forgotten.
    Forgotten(Vec<BackupId>),
}

impl DataResult {
    /// Returns the kind of the order.
    pub fn kind(&self) -> DataKind {
        match self {
            Self::Backup(_) => DataKind::Backup,
            Self::Drill(_) => DataKind::Drill,
            Self::Restore(_) => DataKind::Restore,
            Self::Forgotten(_) => DataKind::Forget,
        }
    }

    /// Returns it without the parts that matter only in the repository's manifests: values, counts, notes of sources
    /// and samples of files.
    #[must_use]
    pub fn in_short(self) -> Self {
        let shorten = |copies: Vec<CopyMade>| {
            let short = |copy: CopyMade| CopyMade { result: copy.result.map(in_short), ..copy };
            copies.into_iter().map(short).collect()
        };
        match self {
            Self::Backup(copies) => Self::Backup(shorten(copies)),
            Self::Restore(restore) => Self::Restore(RestoreMade { safety: shorten(restore.safety), ..restore }),
            Self::Drill(_) | Self::Forgotten(_) => self,
        }
    }
}

fn in_short(manifest: Manifest) -> Manifest {
    let short = |part: Part| {
        let kept = match part.kept {
            Kept::Files { roots, files, .. } => Kept::Files { roots, files, sample: Default::default() },
            Kept::Stream { .. } => part.kept,
        };
        Part { kept, counts: Default::default(), source: None, ..part }
    };
    let manifest = manifest.without_values();
    Manifest { parts: manifest.parts.into_iter().map(short).collect(), side_files: Default::default(), ..manifest }
}

/// One copy of a backup: its result in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyMade {
    /// Repository of the copy.
    pub repository: RepositoryName,
    /// The manifest without its values, or the failure.
    pub result: Result<Manifest, OrderFailure>,
    /// Snapshots of the backup. Older agents do not report them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Snapshots>,
}

/// Result of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillMade {
    /// Repository from which it was read.
    pub repository: RepositoryName,
    /// Backup that was tried.
    pub backup: BackupId,
    /// Result of the trial.
    pub proof: Proof,
}

/// Result of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreMade {
    /// Backup that was restored.
    pub backup: BackupId,
    /// Backups of the data before the restore.
    pub safety: Vec<CopyMade>,
    /// Duration in milliseconds.
    pub took_ms: u64,
    /// Bytes that were restored.
    pub bytes: u64,
    /// Remarks that are no errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<DataNote>,
}
