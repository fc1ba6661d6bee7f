//! A backup in a repository: up to three snapshots that carry its id.
//!
//! A backup exists if and only if its `set` snapshot exists, which is written last and holds nothing but `manifest.json`.

use fleet_core::backup::{Manifest, ManifestError, Snapshots};
use fleet_core::names::{BackupId, HostName, SnapshotId};
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};

/// The only file of a `set` snapshot.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The only file of a `proof` snapshot.
pub(crate) const PROOF: &str = "proof.json";
/// Maximum size of a manifest in bytes. Larger ones are neither written nor read.
pub const MAX_MANIFEST: u64 = 16 << 20;

/// Part of a backup that a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Dumps of databases.
    Dumps,
    /// Folders and buckets.
    Files,
    /// The manifest. A backup exists once this snapshot exists.
    Set,
    /// Result of a drill of the backup. There may be several.
    Proof,
}

impl Kind {
    /// Returns the word that the snapshot's tags and paths use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dumps => "dumps",
            Self::Files => "files",
            Self::Set => "set",
            Self::Proof => "proof",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Dumps, Self::Files, Self::Set, Self::Proof].into_iter().find(|kind| kind.word() == word)
    }
}

/// Identity of the snapshot to write: its backup, its host and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Backup that the snapshot belongs to.
    pub backup: BackupId,
    /// Host whose data it is.
    pub host: HostName,
    /// Time of the snapshot.
    pub time: Time,
}

/// A snapshot that is in the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartRecord {
    /// Time of the snapshot.
    pub time: Time,
    /// Backup that the snapshot belongs to.
    pub backup: BackupId,
    /// Part of the backup that it holds.
    pub kind: Kind,
    /// Id of the snapshot.
    pub snapshot: SnapshotId,
    /// Host name as the snapshot states it; not verified.
    pub host: String,
}

/// A backup that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRecord {
    /// Id of the backup.
    pub backup: BackupId,
    /// Time of the backup.
    pub time: Time,
    /// Host name as the snapshot states it; not verified.
    pub host: String,
    /// The snapshot that makes the backup exist.
    pub set: SnapshotId,
    /// Its other snapshots, dumps before files.
    pub parts: Vec<PartRecord>,
    /// Content of `manifest.json`. This crate does not parse it.
    #[serde(with = "crate::hexadecimal")]
    pub manifest: Vec<u8>,
}

impl SetRecord {
    /// Returns the snapshots that the backup is made of. Parts of an interrupted run may carry the same id; those of the run that
    /// came to its end have the time of the set.
    pub fn snapshots(&self) -> Snapshots {
        let part = |kind: Kind| {
            let of_kind = || self.parts.iter().filter(move |part| part.kind == kind);
            let of_run = of_kind().find(|part| part.time == self.time);
            of_run.or_else(|| of_kind().next_back()).map(|part| part.snapshot.clone())
        };
        Snapshots { set: self.set.clone(), dumps: part(Kind::Dumps), files: part(Kind::Files) }
    }

    /// Returns the same backup, made of the snapshots that were noted when it was made: others may carry its id.
    #[must_use]
    pub fn made_of(mut self, noted: &Snapshots) -> Self {
        self.parts.retain(|part| noted.has(&part.snapshot));
        self
    }

    /// Reads the manifest.
    ///
    /// # Errors
    /// Fails where its format is newer than this program, or where it is not a manifest.
    pub fn read_manifest(&self) -> Result<Manifest, ManifestError> {
        Manifest::from_json(&self.manifest)
    }
}

/// Backup that a snapshot belongs to, according to its tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotOwner {
    /// The backup that the tags name.
    Backup(BackupId),
    /// The tags have an id that belongs to no backup of fleet.
    Foreign,
    /// The snapshot cannot be read or has no tags of a backup, so it may belong to any.
    Unknown,
}

impl SnapshotOwner {
    pub(crate) fn from_tags<'a>(tags: impl Iterator<Item = &'a String>) -> Self {
        match values(tags) {
            (Some(id), Some(_)) => backup_id(id).map_or(Self::Foreign, Self::Backup),
            (_, None) | (None, _) => Self::Unknown,
        }
    }
}

/// Result of one drill of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofRecord {
    /// Backup that was drilled.
    pub backup: BackupId,
    /// Time of the drill.
    pub time: Time,
    /// Snapshot that holds the result.
    pub snapshot: SnapshotId,
    /// Content of `proof.json`. This crate does not parse it.
    #[serde(with = "crate::hexadecimal")]
    pub proof: Vec<u8>,
}

/// The two tags of a snapshot of ours.
pub(crate) fn tags(backup: &BackupId, kind: Kind) -> [String; 2] {
    [format!("backup={backup}"), format!("kind={}", kind.word())]
}

/// Prefix of the ids of a coordinator's own backups in version 0.1: the rest is their time in milliseconds.
const OWN_PREFIX: &str = "own-";

/// Reads a backup's id from its tag.
fn backup_id(tag: &str) -> Option<BackupId> {
    match tag.strip_prefix(OWN_PREFIX).filter(|time| !time.is_empty()) {
        Some(time) => format!("{time:0>24}").parse().ok(),
        None => tag.parse().ok(),
    }
}

/// Returns the backup and the kind in a snapshot's tags; nothing if it is not one of ours.
pub(crate) fn from_tags<'a>(tags: impl Iterator<Item = &'a String>) -> Option<(BackupId, Kind)> {
    let (id, kind) = values(tags);
    id.and_then(backup_id).zip(kind)
}

/// Returns the values of the two tags. Anyone with the repository's key may have written them.
fn values<'a>(tags: impl Iterator<Item = &'a String>) -> (Option<&'a str>, Option<Kind>) {
    let (mut backup, mut kind) = (None, None);
    for tag in tags {
        match tag.split_once('=') {
            Some(("backup", id)) => backup = Some(id),
            Some(("kind", word)) => kind = Kind::from_word(word),
            _ => {}
        }
    }
    (backup, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_what_they_were_made_of() {
        let id: BackupId = "0123456789abcdef01234567".parse().expect("an id");
        for kind in [Kind::Dumps, Kind::Files, Kind::Set, Kind::Proof] {
            assert_eq!(from_tags(tags(&id, kind).iter()), Some((id.clone(), kind)));
        }
        assert_eq!(from_tags(["other".to_owned()].iter()), None);
    }

    #[test]
    fn own_backups_of_version_0_1_are_found() {
        let tags = ["backup=own-01790000000000".to_owned(), "kind=set".to_owned()];
        let id: BackupId = "000000000001790000000000".parse().expect("an id");
        assert_eq!(from_tags(tags.iter()), Some((id, Kind::Set)));
    }

    #[test]
    fn an_id_that_is_none_of_ours_is_no_backup() {
        for wrong in ["", "a,b", "b1", "own-", "0123456789ABCDEF01234567"] {
            let tags = [format!("backup={wrong}"), "kind=set".to_owned()];
            assert_eq!(from_tags(tags.iter()), None, "{wrong}");
            assert_eq!(SnapshotOwner::from_tags(tags.iter()), SnapshotOwner::Foreign, "{wrong}");
        }
    }

    #[test]
    fn a_snapshot_without_tags_of_a_backup_may_be_anybodys() {
        for tags in [vec![], vec!["backup=0123456789abcdef01234567".to_owned()], vec!["kind=set".to_owned()]] {
            assert_eq!(SnapshotOwner::from_tags(tags.iter()), SnapshotOwner::Unknown, "{tags:?}");
        }
    }
}
