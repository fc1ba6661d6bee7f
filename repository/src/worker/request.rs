//! Requests to a worker and its answers.

use crate::archive::{ArchivedStreams, ArchivedTrees, Trees};
use crate::backend::S3Address;
use crate::backup::{Kind, Part, PartRecord};
use crate::bucket::{Extra, Filled, Looked};
use crate::check::{CheckReport, ReadData};
use crate::forget::{Forgotten, Prune};
use crate::listing::{Entry, Proofs, Sets};
use crate::repository::Stats;
use crate::restore::{RestoreOptions, Restored};
use crate::resume::Resumed;
use crate::secrets::Secrets;
use fleet_core::names::{BackupId, SnapshotId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

/// Storage of a repository.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendSpec {
    /// A folder on this host.
    Folder {
        /// Absolute path of the folder.
        path: PathBuf,
    },
    /// A bucket on an S3 server.
    S3(S3Address),
    /// Kept by the coordinator. What it takes to get there is between the caller and its own hook: see [`super::Places`].
    Coordinator(serde_json::Value),
}

impl fmt::Debug for BackendSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder { path } => write!(f, "Folder({})", path.display()),
            Self::S3(address) => address.fmt(f),
            Self::Coordinator(_) => f.write_str("Coordinator(…)"),
        }
    }
}

/// One request: the storage, its secrets, the action, and the limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Storage of the repository.
    pub place: BackendSpec,
    /// Secrets that open the repository.
    pub secrets: Secrets,
    /// Action to perform.
    pub work: Work,
    /// Maximum bytes per second to and from the storage, both directions together.
    #[serde(default)]
    pub rate: Option<u64>,
}

/// A stream that will come. Streams come in the order in which they are named, and that is the order of their paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSpec {
    /// Path of the stream in the snapshot.
    pub name: String,
    /// Expected number of bytes, if known; it decides the chunk size.
    pub expected: Option<u64>,
}

/// Action that a worker performs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Creates the repository.
    Create,
    /// The streams follow as data, each ended or failed. What a crash has left is made known first, here as with folders.
    ArchiveStreams {
        /// Identity of the snapshot.
        part: Part,
        /// Streams that will be sent, in this order.
        streams: Vec<StreamSpec>,
    },
    /// Archives folders and buckets.
    ArchiveTrees {
        /// Identity of the snapshot.
        part: Part,
        /// Folders and buckets to archive.
        trees: Trees,
    },
    /// Writes the manifest, which makes the backup exist.
    WriteSet {
        /// Identity of the snapshot.
        part: Part,
        /// Content of `manifest.json`.
        #[serde(with = "crate::hexadecimal")]
        manifest: Vec<u8>,
    },
    /// Writes the result of a drill.
    WriteProof {
        /// Identity of the snapshot.
        part: Part,
        /// Content of `proof.json`.
        #[serde(with = "crate::hexadecimal")]
        proof: Vec<u8>,
    },
    /// Lists all backups.
    Sets,
    /// Reads one backup. Its manifest is read if it has at most `most` bytes.
    Set {
        /// Backup to read.
        backup: BackupId,
        /// Maximum bytes of the manifest.
        most: u64,
    },
    /// Lists the results of all drills.
    Proofs,
    /// Lists parts whose backup does not exist.
    Unfinished,
    /// Finds the newest snapshot of a kind.
    Latest {
        /// Kind of the snapshot.
        kind: Kind,
    },
    /// The stream comes as data, before the answer.
    ReadStream {
        /// Snapshot to read.
        snapshot: SnapshotId,
        /// Path of the stream in the snapshot.
        #[serde(with = "crate::hexadecimal")]
        path: Vec<u8>,
    },
    /// Lists a folder of a snapshot.
    List {
        /// Snapshot to read.
        snapshot: SnapshotId,
        /// Folder in the snapshot; empty for its root.
        #[serde(with = "crate::hexadecimal")]
        path: Vec<u8>,
    },
    /// Restores a folder to this host's disk.
    RestoreTree {
        /// Snapshot to read.
        snapshot: SnapshotId,
        /// Path in the snapshot.
        path: String,
        /// Destination on disk.
        to: PathBuf,
        /// Options of the restore.
        options: RestoreOptions,
    },
    /// Restores a path of a snapshot into a bucket with an app's data.
    FillBucket {
        /// Snapshot to read.
        snapshot: SnapshotId,
        /// Path in the snapshot.
        path: String,
        /// Bucket to fill, with its credentials.
        to: S3Address,
        /// Treatment of objects that are not in the backup.
        extra: Extra,
    },
    /// Counts the objects of a bucket, and hashes a sample.
    LookAtBucket {
        /// Bucket to inspect, with its credentials.
        bucket: S3Address,
        /// SHA-256 by path below the prefix, in hexadecimal.
        sample: BTreeMap<String, String>,
    },
    /// Checks the repository.
    Check {
        /// Amount of data to read.
        read: ReadData,
    },
    /// Removes backups. Their data stays until the next prune.
    Forget {
        /// Backups to remove.
        backups: BTreeSet<BackupId>,
    },
    /// Removes data that no backup uses.
    Prune {
        /// Way of the removal.
        how: Prune,
    },
    /// Adds packs to the index that a crash has left out.
    Resume,
    /// Measures the repository.
    Stats,
}

impl Work {
    /// Returns the name of its kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::ArchiveStreams { .. } => "archive_streams",
            Self::ArchiveTrees { .. } => "archive_trees",
            Self::WriteSet { .. } => "write_set",
            Self::WriteProof { .. } => "write_proof",
            Self::Sets => "sets",
            Self::Set { .. } => "set",
            Self::Proofs => "proofs",
            Self::Unfinished => "unfinished",
            Self::Latest { .. } => "latest",
            Self::ReadStream { .. } => "read_stream",
            Self::List { .. } => "list",
            Self::RestoreTree { .. } => "restore_tree",
            Self::FillBucket { .. } => "fill_bucket",
            Self::LookAtBucket { .. } => "look_at_bucket",
            Self::Check { .. } => "check",
            Self::Forget { .. } => "forget",
            Self::Prune { .. } => "prune",
            Self::Resume => "resume",
            Self::Stats => "stats",
        }
    }
}

/// Result of a request, one variant for each kind of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The repository exists now.
    Created,
    /// Result of archiving streams.
    Streams(ArchivedStreams),
    /// Result of archiving folders.
    Trees(ArchivedTrees),
    /// The manifest was written.
    Set {
        /// Snapshot that holds the manifest.
        snapshot: SnapshotId,
    },
    /// The result of a drill was written.
    Proof {
        /// Snapshot that holds the result.
        snapshot: SnapshotId,
    },
    /// All backups.
    Sets(Sets),
    /// Results of all drills.
    Proofs(Proofs),
    /// Parts whose backup does not exist.
    Unfinished(Vec<PartRecord>),
    /// Newest snapshot of the kind, if there is one.
    Latest(Option<PartRecord>),
    /// A stream was sent whole.
    Sent {
        /// Bytes that were sent.
        bytes: u64,
        /// SHA-256 of those bytes, in hexadecimal.
        sha256: String,
    },
    /// Entries of the folder.
    Entries(Vec<Entry>),
    /// Result of a restore.
    Restored(Restored),
    /// Result of filling a bucket.
    Filled(Filled),
    /// Content of the bucket.
    Looked(Looked),
    /// Result of the check.
    Checked(CheckReport),
    /// Result of removing backups.
    Forgotten(Forgotten),
    /// Unneeded data was removed or marked.
    Pruned {
        /// Bytes that were freed or marked.
        bytes: u64,
    },
    /// Result of adding packs to the index.
    Resumed(Resumed),
    /// Size of the repository.
    Stats(Stats),
}

/// Progress of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Taken from the streams that came.
    pub source_bytes: u64,
    /// Bytes read from the storage.
    pub place_read: u64,
    /// Bytes written to the storage.
    pub place_written: u64,
    /// Counter that grows with every sign of progress. A constant value means that the request is stalled.
    #[serde(default)]
    pub moves: u64,
}
