//! Content of one backup: the file `manifest.json`, written last of all.
//!
//! **Invariant:** a backup exists if and only if its manifest does.

use super::{DataNote, EngineKind, SideFiles, SourceNote, UncoveredData};
use crate::manifest_error::ManifestError;
use crate::names::{BackupId, HostName, InstanceName, StoreName};
use crate::release::Release;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// One consistent set of parts of an instance at one moment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of this file; readers refuse newer formats.
    pub format: u32,
    /// Id of the backup.
    pub backup: BackupId,
    /// Name of the instance.
    pub instance: InstanceName,
    /// Host of the instance.
    pub host: HostName,
    /// Release of the instance.
    pub release: Release,
    /// Revision of the instance's values.
    pub revision: u64,
    /// Cause of the backup.
    pub cause: Cause,
    /// Begin of the backup.
    pub began: Time,
    /// End of the backup.
    pub ended: Time,
    /// Values in the clear, including secret ones: the repository is encrypted.
    pub values: BTreeMap<String, String>,
    /// The image of each service, by digest where it has one.
    pub images: BTreeMap<String, String>,
    /// Stores in the backup.
    pub parts: Vec<Part>,
    /// Stores that can be rebuilt, and are not in here.
    pub derivable: Vec<StoreName>,
    /// Data of the instance that no store declares, and declared data that it lacks; that of earlier versions as its texts.
    #[serde(flatten, with = "crate::order_failure::uncovered_data::uncovered")]
    pub uncovered: Vec<UncoveredData>,
    /// Databases and objects of the servers that are in no store; databases are also listed as uncovered.
    #[serde(flatten, with = "crate::order_failure::uncovered_data::beside")]
    pub beside: Vec<UncoveredData>,
    /// Files kept beside the dump of each database. Databases of older backups are missing here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub side_files: BTreeMap<StoreName, SideFiles>,
    /// Services that were kept still, and when.
    pub holds: Vec<Hold>,
}

impl Manifest {
    /// Version of the format that this program writes.
    pub const FORMAT: u32 = 1;

    /// Reads a manifest from the bytes that a repository keeps.
    ///
    /// # Errors
    /// Fails where its format is newer than this program, or where it is not a manifest.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |error: serde_json::Error| ManifestError::Damaged { cause: error.to_string() };
        let Format { format } = serde_json::from_slice(bytes).map_err(damaged)?;
        if format > Self::FORMAT {
            return Err(ManifestError::Newer { format, known: Self::FORMAT });
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }

    /// Removes the values, for readers without access to secrets. The coordinator keeps values sealed, by revision.
    #[must_use]
    pub fn without_values(self) -> Self {
        Self { values: BTreeMap::new(), ..self }
    }

    /// The bytes of all parts, before they are compressed.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// Returns the bytes that this backup added to its repository.
    pub fn added(&self) -> u64 {
        self.parts.iter().map(|part| part.added).sum()
    }
}

impl fmt::Debug for Manifest {
    /// Leaves the values out: some of them are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { backup, instance, release, parts, .. } = self;
        f.debug_struct("Manifest")
            .field("backup", backup)
            .field("instance", instance)
            .field("release", release)
            .field("parts", parts)
            .finish_non_exhaustive()
    }
}

/// Reason why a backup was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A slot of a policy's schedule.
    Scheduled,
    /// A request of an operator.
    #[serde(rename = "wished")]
    Requested,
    /// Taken before a restore replaced the data.
    Safety,
}

/// Data of one store in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Name of the store.
    pub store: StoreName,
    /// Engine of the store.
    pub engine: EngineKind,
    /// Form in which it is kept.
    pub kept: Kept,
    /// Size in bytes.
    pub bytes: u64,
    /// Bytes that it added to the repository.
    pub added: u64,
    /// Duration in milliseconds.
    pub took_ms: u64,
    /// Rows by table, documents by collection, keys by database, which a drill counts again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, Counted>,
    /// Notes of its server from another path than the dump; none in backups of earlier versions, and for stores of
    /// commands and files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceNote>,
    /// Remarks that are no errors; those of earlier versions as their texts.
    #[serde(flatten, with = "crate::order_failure::notes")]
    pub notes: Vec<DataNote>,
}

/// Location of a part in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// One stream: a file of the `dumps` snapshot.
    Stream {
        /// Path of the stream in its snapshot.
        path: String,
        /// SHA-256 of the stream, in hex.
        sha256: String,
    },
    /// Folders of the snapshot `files`.
    Files {
        /// Folders that the files come from.
        roots: Vec<Root>,
        /// Number of files.
        files: u64,
        /// SHA-256 of some random files by path, which a drill compares.
        sample: BTreeMap<String, String>,
    },
}

/// One volume or folder that was kept as files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// The volume's name as the Engine has it, or the folder's path on the host.
    pub from: String,
    /// Its path in the snapshot.
    pub path: String,
}

/// Counts before and after the dump: the content of the dump lies between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Least number that was counted.
    pub low: u64,
    /// Greatest number that was counted.
    pub high: u64,
}

/// A service that stood still for the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Compose service.
    pub service: String,
    /// Stopped or paused.
    pub kind: HoldKind,
    /// Begin.
    pub from: Time,
    /// End.
    pub to: Time,
}

/// Way in which a service is kept still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldKind {
    /// Its container is stopped.
    Stopped,
    /// Its processes are frozen.
    Paused,
}

/// The path of a store's stream in its snapshot.
pub fn stream_path(store: &StoreName) -> String {
    format!("dumps/{store}")
}

/// Returns the path of a store's folder in its snapshot; the number distinguishes its roots.
pub fn root_path(store: &StoreName, number: usize) -> String {
    format!("files/{store}/{number}")
}

/// Returns the name of a volume in another instance: the instance's name at its beginning is replaced.
pub fn renamed(from: &str, of: &str, to: &str) -> String {
    match from.strip_prefix(of).filter(|rest| rest.starts_with(['_', '-'])) {
        Some(rest) => format!("{to}{rest}"),
        None => from.to_owned(),
    }
}
