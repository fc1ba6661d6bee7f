//! What a worker is asked, and what it answers.

use crate::archive::{ArchivedStreams, ArchivedTrees, Trees};
use crate::backend::S3Address;
use crate::backup::{Kind, Part, PartRecord};
use crate::bucket::{Extra, Filled, Looked};
use crate::check::{CheckReport, ReadData};
use crate::error::Error;
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

/// Where a repository is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendSpec {
    Folder {
        path: PathBuf,
    },
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

/// One request: where, with what, what, and within which limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub place: BackendSpec,
    pub secrets: Secrets,
    pub work: Work,
    /// Bytes in a second to and from the place, both ways together.
    #[serde(default)]
    pub rate: Option<u64>,
}

/// A stream that will come. Streams come in the order in which they are named, and that is the order of their paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSpec {
    pub name: String,
    pub expected: Option<u64>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    Create,
    /// The streams follow as data, each ended or failed. What a crash has left is made known first, here as with folders.
    ArchiveStreams {
        part: Part,
        streams: Vec<StreamSpec>,
    },
    ArchiveTrees {
        part: Part,
        trees: Trees,
    },
    WriteSet {
        part: Part,
        #[serde(with = "hexadecimal")]
        manifest: Vec<u8>,
    },
    WriteProof {
        part: Part,
        #[serde(with = "hexadecimal")]
        proof: Vec<u8>,
    },
    Sets,
    /// One backup alone; its manifest is read up to so many bytes.
    Set {
        backup: BackupId,
        most: u64,
    },
    Proofs,
    Unfinished,
    Latest {
        kind: Kind,
    },
    /// The stream comes as data, before the answer.
    ReadStream {
        snapshot: SnapshotId,
        #[serde(with = "hexadecimal")]
        path: Vec<u8>,
    },
    List {
        snapshot: SnapshotId,
        #[serde(with = "hexadecimal")]
        path: Vec<u8>,
    },
    RestoreTree {
        snapshot: SnapshotId,
        path: String,
        to: PathBuf,
        options: RestoreOptions,
    },
    /// Puts what a snapshot of files has below a path into a bucket of somebody's.
    FillBucket {
        snapshot: SnapshotId,
        path: String,
        to: S3Address,
        extra: Extra,
    },
    /// Counts what is in a bucket, and hashes a sample.
    LookAtBucket {
        bucket: S3Address,
        sample: BTreeMap<String, String>,
    },
    Check {
        read: ReadData,
    },
    Forget {
        backups: BTreeSet<BackupId>,
    },
    Prune {
        how: Prune,
    },
    Resume,
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

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Created,
    Streams(ArchivedStreams),
    Trees(ArchivedTrees),
    Set {
        snapshot: SnapshotId,
    },
    Proof {
        snapshot: SnapshotId,
    },
    Sets(Sets),
    Proofs(Proofs),
    Unfinished(Vec<PartRecord>),
    Latest(Option<PartRecord>),
    /// A stream was sent whole.
    Sent {
        bytes: u64,
        sha256: String,
    },
    Entries(Vec<Entry>),
    Restored(Restored),
    Filled(Filled),
    Looked(Looked),
    Checked(CheckReport),
    Forgotten(Forgotten),
    Pruned {
        bytes: u64,
    },
    Resumed(Resumed),
    Stats(Stats),
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Taken from the streams that came.
    pub source_bytes: u64,
    pub place_read: u64,
    pub place_written: u64,
    /// Grows whenever anything moves: while it stands still, nothing does.
    #[serde(default)]
    pub moves: u64,
}

/// Which kind of thing went wrong: what somebody can do about it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    Backend,
    NoRepository,
    Occupied,
    WrongKey,
    Source,
    Damaged,
    Missing,
    Refused,
    Disk,
    Rustic,
    /// A bug of this program or of a library: it was caught.
    Panic,
    /// The caller said something that cannot be understood.
    Protocol,
}

impl FailureKind {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::NoRepository => "no_repository",
            Self::Occupied => "occupied",
            Self::WrongKey => "wrong_key",
            Self::Source => "source",
            Self::Damaged => "damaged",
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Disk => "disk",
            Self::Rustic => "rustic",
            Self::Panic => "panic",
            Self::Protocol => "protocol",
        }
    }

    /// Tells whether what was kept is to blame, and nothing that may pass.
    pub fn is_damage(self) -> bool {
        match self {
            Self::Damaged | Self::Missing => true,
            Self::Backend
            | Self::NoRepository
            | Self::Occupied
            | Self::WrongKey
            | Self::Source
            | Self::Refused
            | Self::Disk
            | Self::Rustic
            | Self::Panic
            | Self::Protocol => false,
        }
    }
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    pub text: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Backend { .. } | Error::Bucket { .. } => FailureKind::Backend,
            Error::NoRepository { .. } => FailureKind::NoRepository,
            Error::Occupied { .. } => FailureKind::Occupied,
            Error::WrongKey { .. } => FailureKind::WrongKey,
            Error::Source { .. } => FailureKind::Source,
            Error::Damaged { .. } | Error::Unreadable { .. } => FailureKind::Damaged,
            Error::Missing { .. } => FailureKind::Missing,
            Error::Refused { .. } => FailureKind::Refused,
            Error::Disk { .. } => FailureKind::Disk,
            Error::Rustic { .. } => FailureKind::Rustic,
        };
        Self { kind, text: error.line() }
    }
}

/// Bytes in JSON, two digits each: a list of numbers would take four.
pub(crate) mod hexadecimal {
    use data_encoding::HEXLOWER;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        HEXLOWER.decode(text.as_bytes()).map_err(|_| de::Error::custom("these are not bytes in hexadecimal"))
    }
}
