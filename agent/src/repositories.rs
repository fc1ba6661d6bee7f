//! The repositories in which backups are kept, as those who work on data see them: what is added, read and forgotten.
//!
//! **Invariant:** what was archived counts for nothing before its `set` is written, and the set is written last.

mod error;
mod worker;

pub use error::{RepositoryError, Trouble};
pub use worker::WorkerRepositories;
#[cfg(test)]
pub use worker::{asked_trees, s3_address, trouble_of, words};

use bytes::Bytes;
use fleet_core::backup::{Bucket, Manifest, Privileges, Proof, RepositoryAccess, Root};
use fleet_core::grammar::count;
use fleet_core::names::{BackupId, HostName, SnapshotId};
use fleet_core::time::Time;
use fleet_repository::{RestoreOptions, SetRecord};
use futures_util::stream::BoxStream;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What starts this program as a worker: `fleet-agent repository-worker`.
pub const SUBCOMMAND: &str = "repository-worker";

/// Opens repositories.
pub trait Repositories: Send + Sync + 'static {
    /// The repository behind an access; nothing is asked of it yet.
    fn open(&self, access: &RepositoryAccess, limit_rate: Option<u64>) -> Arc<dyn Repository>;
}

impl fmt::Debug for dyn Repositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Repositories")
    }
}

/// One instance's repository. Every call ends: it has a deadline, and dropping it cancels it.
#[tonic::async_trait]
pub trait Repository: Send + Sync {
    /// Makes the repository where it is not there yet, if that is this host's to do.
    async fn make(&self) -> Result<(), RepositoryError>;

    /// Makes known what an interrupted run left, so that it is not sent again.
    async fn resume(&self) -> Result<(), RepositoryError>;

    /// The backups that exist, oldest first. Where what they say is too much altogether, the oldest are not among them.
    async fn sets(&self) -> Result<Vec<SetRecord>, RepositoryError>;

    /// Those that carry one backup's id, whatever else is there.
    async fn set(&self, backup: &BackupId) -> Result<Vec<SetRecord>, RepositoryError>;

    /// Begins the snapshot of streams of one backup. Their paths are given in their order, which is that of their names.
    async fn streams(&self, label: &Label, ahead: &[Ahead]) -> Result<Box<dyn StreamsWriter>, RepositoryError>;

    /// Keeps folders of this host as the snapshot of files of one backup.
    async fn trees(&self, label: &Label, trees: &[Tree], told: &ProgressSink) -> Result<TreesKept, RepositoryError>;

    /// Writes the manifest, and gives back its snapshot's id: from now on the backup exists.
    async fn write_set(&self, label: &Label, manifest: &Manifest) -> Result<SnapshotId, RepositoryError>;

    /// Notes what a drill of a backup found.
    async fn write_proof(&self, label: &Label, proof: &Proof) -> Result<(), RepositoryError>;

    /// One stream of a snapshot; its last item is an error unless it came whole.
    async fn read(
        &self,
        set: &SetRecord,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, RepositoryError>>, RepositoryError>;

    /// Makes a bucket what a snapshot of files has below a path; what is in it besides is removed.
    async fn fill_bucket(
        &self,
        set: &SetRecord,
        path: &str,
        to: &Bucket,
        told: &ProgressSink,
    ) -> Result<BucketFilled, RepositoryError>;

    /// Counts what is in a bucket, and compares a sample: SHA-256 by path below its prefix.
    async fn look_at_bucket(
        &self,
        bucket: &Bucket,
        sample: &BTreeMap<String, String>,
    ) -> Result<BucketFound, RepositoryError>;

    /// Puts what a snapshot of files has below a path into an empty folder.
    async fn restore(
        &self,
        set: &SetRecord,
        path: &str,
        to: &Path,
        privileges: Privileges,
        told: &ProgressSink,
    ) -> Result<Restored, RepositoryError>;

    /// Removes backups, and what only they used.
    async fn forget(&self, backups: &[BackupId]) -> Result<(), RepositoryError>;
}

/// Takes the streams of one snapshot, one after the other. Dropped before its end, nothing of it counts.
#[tonic::async_trait]
pub trait StreamsWriter: Send {
    /// Tells how far the repository is with what it was given, also while it is given more.
    fn activity(&self) -> ActivityCounter;

    /// More of the current stream.
    async fn bytes(&mut self, bytes: Bytes) -> Result<(), RepositoryError>;

    /// The current stream is whole; the next begins.
    async fn end(&mut self) -> Result<(), RepositoryError>;

    /// All streams have ended: writes the snapshot.
    async fn finish(self: Box<Self>) -> Result<StreamsKept, RepositoryError>;
}

/// Whose snapshot is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub backup: BackupId,
    pub host: HostName,
    pub at: Time,
}

/// A stream that will come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Its path in the snapshot.
    pub path: String,
    /// About how many bytes it will have, if anybody knows: repositories cut large streams into larger pieces.
    pub bytes: Option<u64>,
}

/// A folder on this host or a bucket, and its path in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pub from: TreeOrigin,
    pub root: Root,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeOrigin {
    Folder(PathBuf),
    /// Its endpoint is one that this host reaches.
    Bucket(Bucket),
}

impl TreeOrigin {
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Bucket(_) => None,
        }
    }
}

/// What was done to a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BucketFilled {
    pub objects: u64,
    pub bytes: u64,
    pub removed: u64,
}

/// What is in a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketFound {
    pub objects: u64,
    pub bytes: u64,
    /// The first object of the sample that is not what was noted.
    pub wrong: Option<String>,
}

/// What a snapshot of streams holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamsKept {
    pub streams: BTreeMap<String, StreamKept>,
    /// What it added to the repository, all streams together.
    pub added: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamKept {
    pub bytes: u64,
    pub sha256: String,
}

/// What a snapshot of files holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreesKept {
    pub files: u64,
    pub bytes: u64,
    pub added: u64,
    /// By the path of each root in the snapshot.
    pub by_root: BTreeMap<String, RootKept>,
    /// SHA-256 by path in the snapshot.
    pub sample: BTreeMap<String, String>,
    /// What vanished while it was read, and the like.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootKept {
    pub files: u64,
    pub bytes: u64,
}

/// A number that is another whenever the repository has moved.
#[derive(Clone)]
pub struct ActivityCounter(Arc<dyn Fn() -> u64 + Send + Sync>);

impl ActivityCounter {
    pub fn of(beat: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(beat))
    }

    pub fn beat(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for ActivityCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActivityCounter")
    }
}

/// What was put back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    pub bytes: u64,
    /// What the disk did not take and no data depends on, and what is never put back.
    pub notes: Vec<String>,
    /// Entries that are in the backup and are never made.
    pub left_out: u64,
}

/// How a restore treats what gives programs more rights than who starts them.
pub fn restore_options(privileges: Privileges) -> RestoreOptions {
    RestoreOptions { privileges, ..Default::default() }
}

/// In words what was put back.
pub fn put_back(restored: fleet_repository::Restored) -> Restored {
    let note =
        |(name, files): (String, u64)| format!("`{name}` of {} could not be set on this host", count(files, "file"));
    let more = restored.remarked.saturating_sub(restored.remarks.len() as u64);
    let more = (more > 0).then(|| format!("{more} more like these"));
    let notes = restored.refused.into_iter().map(note).chain(restored.remarks).chain(more);
    Restored { bytes: restored.bytes, notes: notes.collect(), left_out: restored.left_out }
}

/// Hears how many bytes went through so far; it must not block.
#[derive(Clone)]
pub struct ProgressSink(Arc<dyn Fn(u64) + Send + Sync>);

impl ProgressSink {
    pub fn to(listener: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    pub fn say(&self, bytes: u64) {
        (self.0)(bytes);
    }
}

impl fmt::Debug for ProgressSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressSink")
    }
}
