//! Folders of this machine and buckets into one snapshot, as files.

use super::mixed::{Mixed, Root};
use super::objects::Picked;
use super::sample::{FileHash, Sample};
use super::walk::Noted;
use super::{Job, inside};
use crate::backend::S3Address;
use crate::backup::{Kind, Part};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::reader::own;
use crate::repository::Repository;
use crate::run::Chunks;
use crate::rustic_backend::Snapshots;
use fleet_core::backup::ArchiveNote;
use fleet_core::names::SnapshotId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

/// A folder on disk, or one file, with its destination in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Folder or file on this host.
    pub disk: PathBuf,
    /// Absolute path in the snapshot.
    pub path: String,
}

/// Objects of a bucket below the prefix of its address, and their path in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketTree {
    /// Bucket to read, with its credentials.
    pub bucket: S3Address,
    /// Absolute path in the snapshot.
    pub path: String,
}

/// Folders and buckets to archive, with the options of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trees {
    /// Folders and files to archive.
    pub trees: Vec<Tree>,
    /// Buckets to archive.
    #[serde(default)]
    pub buckets: Vec<BucketTree>,
    /// Globs on paths in the snapshot: `/volumes/files/tmp/**`, `**/*.lock`. What one names is left out, with all below it.
    #[serde(default)]
    pub excludes: Vec<String>,
    /// The snapshot to compare with: files that have its size and times are not read again.
    #[serde(default)]
    pub parent: Option<SnapshotId>,
    /// Number of files to hash for later checks; at most 10,000.
    #[serde(default)]
    pub sample: usize,
    /// Seed for the choice of the sample.
    #[serde(default)]
    pub seed: u64,
}

/// Size of one archived folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeSize {
    /// Entries that are not folders. A file with several names counts for each, with all its bytes.
    pub files: u64,
    /// Bytes of all entries, before compression.
    pub bytes: u64,
}

/// Result of archiving folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedTrees {
    /// Snapshot that holds the folders.
    pub snapshot: SnapshotId,
    /// By their paths in the snapshot.
    pub by_tree: BTreeMap<String, TreeSize>,
    /// Number of entries in all of them that are in the snapshot and that a restore creates again.
    pub files: u64,
    /// Bytes of all files, before compression.
    pub bytes: u64,
    /// Bytes that the repository has grown by, after compression.
    pub added: u64,
    /// Files that were there when the run began, and gone when they were to be read.
    pub vanished: u64,
    /// Files that changed while they were read: they are stored with their first length, with zeros where they shrank.
    pub changed: u64,
    /// Sockets, devices, and files with too long a path, which cannot be stored.
    pub skipped: u64,
    /// Such files: the first hundred of each kind.
    pub notes: Vec<ArchiveNote>,
    /// Hashes of the sample that was asked for.
    pub sample: Vec<FileHash>,
}

impl ArchivedTrees {
    /// Returns how much is kept of a tree, by its path in the snapshot.
    pub fn size_of(&self, path: &str) -> Option<TreeSize> {
        self.by_tree.iter().find(|(tree, _)| relative(tree) == path).map(|(_, size)| *size)
    }

    /// Returns the hashes of some files, by their paths in the snapshot.
    pub fn hashes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sample.iter().map(|file| (relative(&file.path), file.sha256.as_str()))
    }
}

/// Paths begin at the snapshot's root, which is left out here.
fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

impl Repository {
    /// Archives folders into the `files` snapshot of a backup.
    ///
    /// Fails if anything cannot be read. Files that vanish or change during the run are counted and named in the
    /// result.
    pub fn archive_trees(&self, part: &Part, trees: &Trees, gate: &Arc<Gate>) -> Result<ArchivedTrees> {
        let roots = in_order(trees)?;
        let paths = roots.iter().map(|(path, _)| path.clone()).collect();
        let named =
            trees.trees.iter().map(|it| it.path.as_str()).chain(trees.buckets.iter().map(|it| it.path.as_str()));
        let named: Vec<&str> = named.collect();
        let noted = Noted::new(gate.clone(), Sample::new(trees.sample, trees.seed), &named);
        let noted = Arc::new(noted.with_activity(self.activity().clone()));
        let picked = Arc::new(Picked::new(trees.sample, trees.seed));
        let source = Mixed::new(roots, &trees.excludes, &noted, &picked)?;
        let buckets = source.buckets();
        let job = Job {
            part,
            kind: Kind::Files,
            chunks: Chunks::Default,
            gate: gate.clone(),
            parent: trees.parent.clone(),
            paths,
            source,
            snapshots: Snapshots::Here,
        };
        let done = self.archive(&job)?;
        drop(job);
        let sample =
            std::mem::replace(&mut *noted.sample.lock().unwrap_or_else(PoisonError::into_inner), Sample::new(0, 0));
        let mut hashes = sample.hash()?;
        for bucket in &buckets {
            bucket.look_again()?;
            hashes.extend(bucket.hash(&picked)?);
        }
        hashes.sort_by(|a, b| a.path.cmp(&b.path));
        let (found, by_tree) = (noted.found(), noted.by_tree());
        Ok(ArchivedTrees {
            snapshot: own(&done.snapshot.id)?.into(),
            files: by_tree.values().map(|tree| tree.files).sum(),
            bytes: by_tree.values().map(|tree| tree.bytes).sum(),
            by_tree,
            added: done.added,
            vanished: found.vanished,
            changed: found.changed,
            skipped: found.skipped,
            notes: found.notes,
            sample: hashes,
        })
    }
}

fn in_order(trees: &Trees) -> Result<Vec<(PathBuf, Root)>> {
    let placed = |path: &str, root: Root| {
        let path = inside(path).ok_or_else(|| Error::refused(format!("`{path}` is no path in a backup")))?;
        Ok((path, root))
    };
    let folders = trees.trees.iter().map(|tree| placed(&tree.path, Root::Folder(tree.disk.clone())));
    let buckets = trees.buckets.iter().map(|tree| placed(&tree.path, Root::Bucket(tree.bucket.clone())));
    let mut roots = folders.chain(buckets).collect::<Result<Vec<_>>>()?;
    roots.sort_by(|(a, _), (b, _)| a.cmp(b));
    match roots.windows(2).find(|pair| pair[1].0.starts_with(&pair[0].0)) {
        Some(pair) => {
            let (one, other) = (pair[0].0.display(), pair[1].0.display());
            Err(Error::refused(format!("`{one}` and `{other}` are in each other's way")))
        }
        None if roots.is_empty() => Err(Error::refused("there is nothing to archive")),
        None => Ok(roots),
    }
}
