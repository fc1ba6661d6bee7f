//! What a backup is made of here: up to three snapshots that carry its id.
//!
//! A backup exists if and only if its `set` snapshot exists, which is written last and holds nothing but `manifest.json`.

use crate::backend::FileId;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest id of a backup.
const MAX_ID: usize = 128;

/// The name of a backup: letters, digits, `.`, `_` and `-`, at most 128.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

/// What was given is no name of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a backup's id is made of at most {MAX_ID} letters, digits, `.`, `_` and `-`")]
pub struct NotABackupId;

impl FromStr for BackupId {
    type Err = NotABackupId;

    fn from_str(text: &str) -> Result<Self, NotABackupId> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for BackupId {
    type Error = NotABackupId;

    fn try_from(text: String) -> Result<Self, NotABackupId> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if is_plain && !text.is_empty() && text.len() <= MAX_ID { Ok(Self(text)) } else { Err(NotABackupId) }
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which snapshot of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Dumps,
    Files,
    Set,
    /// What a drill of the backup found. There may be several.
    Proof,
}

impl Kind {
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

/// Whose snapshot is written, of which host, as of when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub backup: BackupId,
    pub host: String,
    pub time: Time,
}

/// A snapshot that is in the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartRecord {
    pub time: Time,
    pub backup: BackupId,
    pub kind: Kind,
    pub snapshot: FileId,
    pub host: String,
}

/// A backup that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRecord {
    pub backup: BackupId,
    pub time: Time,
    pub host: String,
    /// The snapshot that makes the backup exist.
    pub set: FileId,
    /// Its other snapshots, dumps before files.
    pub parts: Vec<PartRecord>,
    /// What `manifest.json` holds: nothing to this crate but bytes.
    #[serde(with = "crate::worker::hexadecimal")]
    pub manifest: Vec<u8>,
}

/// What a drill of a backup found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofRecord {
    pub backup: BackupId,
    pub time: Time,
    pub snapshot: FileId,
    /// What `proof.json` holds: nothing to this crate but bytes.
    #[serde(with = "crate::worker::hexadecimal")]
    pub proof: Vec<u8>,
}

/// The two tags of a snapshot of ours.
pub(crate) fn tags(backup: &BackupId, kind: Kind) -> [String; 2] {
    [format!("backup={backup}"), format!("kind={}", kind.word())]
}

/// The backup and the kind that tags tell; nothing where the snapshot is not one of ours.
pub(crate) fn from_tags<'a>(tags: impl Iterator<Item = &'a String>) -> Option<(BackupId, Kind)> {
    let (mut backup, mut kind) = (None, None);
    for tag in tags {
        match tag.split_once('=') {
            Some(("backup", id)) => backup = id.parse().ok(),
            Some(("kind", word)) => kind = Kind::from_word(word),
            _ => {}
        }
    }
    backup.zip(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_what_they_were_made_of() {
        let id: BackupId = "b-2026.11_20".parse().expect("an id");
        for kind in [Kind::Dumps, Kind::Files, Kind::Set, Kind::Proof] {
            assert_eq!(from_tags(tags(&id, kind).iter()), Some((id.clone(), kind)));
        }
        assert_eq!(from_tags(["other".to_owned()].iter()), None);
    }

    #[test]
    fn an_id_that_would_break_a_tag_is_refused() {
        for wrong in ["", "a,b", "a b", "a=b", "ä", &"x".repeat(129)] {
            assert_eq!(wrong.parse::<BackupId>(), Err(NotABackupId), "{wrong}");
        }
    }
}
