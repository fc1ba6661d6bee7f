//! Facts about an instance's backups and stores.

use super::{AskedBy, BackupDamage, Cause, DrillCheck, EngineKind, Manifest, Snapshots, StoreGap};
use super::{UncoveredData, UndeclaredData};
use crate::names::{BackupId, HostName, RepositoryName, StoreName};
use crate::order_failure::OrderFailure;
use crate::release::Release;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Maximum number of uncovered items that are recorded.
const NAMED: usize = 8;

/// A copy of a backup is known by its repository and its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BackupKey {
    /// Repository that has it.
    pub repository: RepositoryName,
    /// Id of the backup.
    pub backup: BackupId,
}

/// One copy of a backup in the catalog. The repository itself has the same facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSeen {
    /// Begin of the backup.
    pub began: Time,
    /// End of the backup.
    pub ended: Time,
    /// Cause of the backup.
    pub cause: Cause,
    /// The host that its manifest names.
    pub host: HostName,
    /// The host to which the order for it went; none where the coordinator does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_on: Option<HostName>,
    /// Release of the instance.
    pub release: Release,
    /// Size in bytes.
    pub bytes: u64,
    /// Bytes that it added to its repository.
    pub added: u64,
    /// Number of the instance's stores in the backup, without derivable ones.
    pub covered: u32,
    /// Number of stores and folders that should be covered.
    pub declared: u32,
    /// First uncovered data, with short texts. Unknown for backups that were recorded by an older version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncovered: Vec<UncoveredData>,
    /// Result of the last drill of this copy.
    pub proof: Option<Proof>,
    /// Damage found in the repository: the copy counts for nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<BackupDamage>,
    /// The snapshots that are this backup. Unknown of backups that were made before this was noted, until the repository is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<Snapshots>,
    /// Order, or person, that makes it count.
    #[serde(default, skip_serializing_if = "AskedBy::is_order")]
    pub asked_by: AskedBy,
    /// Number of other sets in the repository with its id. They are not used.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub doubles: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl BackupSeen {
    /// Makes the catalog's entry from a manifest.
    pub fn of(manifest: &Manifest, proof: Option<Proof>) -> Self {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let covered = count(manifest.parts.len());
        Self {
            began: manifest.began,
            ended: manifest.ended,
            cause: manifest.cause,
            host: manifest.host.clone(),
            made_on: None,
            release: manifest.release.clone(),
            bytes: manifest.bytes(),
            added: manifest.added(),
            covered,
            declared: covered.saturating_add(count(manifest.uncovered.len())),
            uncovered: manifest.uncovered.iter().take(NAMED).map(UncoveredData::shortened).collect(),
            proof,
            damaged: None,
            snapshots: None,
            asked_by: AskedBy::Order,
            doubles: 0,
        }
    }

    /// Returns whether a host made it, by the coordinator's records: the content of a manifest depends on its writer.
    pub fn is_made_on(&self, host: &HostName) -> bool {
        self.made_on.as_ref() == Some(host)
    }

    /// Returns whether it counts: an order or an operator asked for it, and no damage is known.
    pub fn is_good(&self) -> bool {
        self.damaged.is_none() && self.asked_by.counts() && !self.is_ambiguous()
    }

    /// Returns whether several sets carry its id and none is recorded as the right one: no agent restores it then.
    pub fn is_ambiguous(&self) -> bool {
        self.snapshots.is_none() && self.doubles > 0
    }

    /// Returns whether it can be restored by present knowledge: no drill has failed.
    pub fn is_restorable(&self) -> bool {
        self.is_good() && self.failed_drill().is_none()
    }

    /// Reason why a drill could not restore it.
    pub fn failed_drill(&self) -> Option<&OrderFailure> {
        self.proof.as_ref()?.failure.as_deref()
    }

    /// The same, with no moment later than now: a host's clock that is ahead must not make a backup look new for years.
    #[must_use]
    pub fn not_after(self, now: Time) -> Self {
        let proof = self.proof.map(|proof| Proof { at: proof.at.min(now), ..proof });
        Self { began: self.began.min(now), ended: self.ended.min(now), proof, ..self }
    }

    /// The same, with no moment before its instance was made: a host's clock that is behind must not make it an earlier one's.
    #[must_use]
    pub fn not_before(self, created: Time) -> Self {
        Self { began: self.began.max(created), ended: self.ended.max(created), ..self }
    }

    /// Returns the time of its last successful drill; none if it was damaged since.
    pub fn proven(&self) -> Option<Time> {
        self.proof.as_ref().filter(|proof| proof.failure.is_none() && self.is_good()).map(|proof| proof.at)
    }
}

/// Result of a drill: only one without a failure proves the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Time of the drill.
    pub at: Time,
    /// Host of the drill.
    pub host: HostName,
    /// Duration in milliseconds.
    pub took_ms: u64,
    /// Bytes that were restored.
    pub bytes: u64,
    /// Compared items; those of earlier versions as their texts.
    #[serde(flatten, with = "super::drill_check::checks")]
    pub checks: Vec<DrillCheck>,
    /// Reason, where the backup did not pass. Earlier versions kept it as a text.
    pub failure: Option<Box<OrderFailure>>,
}

/// Coverage of an instance's data by its stores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Declared stores.
    pub stores: Vec<StoreSeen>,
    /// Volumes and folders of the instance that no store declares.
    pub undeclared: Vec<UndeclaredData>,
}

/// Store as its host reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSeen {
    /// Name of the store.
    pub name: StoreName,
    /// Engine of the store.
    pub engine: EngineKind,
    /// Coverage of the store.
    pub state: StoreState,
}

/// Coverage of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreState {
    /// Exists and is backed up.
    Covered,
    /// Can be rebuilt and is not backed up.
    Derivable,
    /// Declared, but does not exist.
    Missing {
        /// Reason.
        reason: StoreGap,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::CopyMade;

    #[test]
    fn failures_that_earlier_versions_kept_as_texts_are_read() {
        let text = r#"{"at":1,"host":"lab-1","took_ms":1,"bytes":1,"checks":[],"failure":"it does not start"}"#;
        let proof: Proof = serde_json::from_str(text).expect("it can be read");
        assert_eq!(proof.failure, Some(Box::new(OrderFailure::other("it does not start"))));
        let written = serde_json::to_string(&proof).expect("it can be written");
        assert_eq!(serde_json::from_str::<Proof>(&written).expect("it can be read"), proof);
        let text = r#"{"repository":"central","result":{"Err":"it is full"}}"#;
        let copy: CopyMade = serde_json::from_str(text).expect("it can be read");
        assert_eq!(copy.result, Err(OrderFailure::other("it is full")));
    }
}
