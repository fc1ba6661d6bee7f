//! Checks that stored data can be read back: finds damaged packs and the backups that they affect.

mod packs;

use crate::backend::{BackendError, FileId, FileKind};
use crate::backup::SnapshotOwner;
use crate::damage::{Unreadable, is_of_one_file};
use crate::error::{Error, Result};
use crate::format::{BlobKind, Index, IndexFile};
use crate::reader::{Blobs, MAX_DEPTH, content, own, subtree};
use crate::repository::Repository;
use fleet_core::names::SnapshotId;
use packs::BadPlaces;
use rustic_core::repofile::NodeType;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Maximum number of damaged paths that are named for one snapshot.
const MAX_PATHS: usize = 20;

/// Amount of data that a check reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadData {
    /// No data: only the existence and size of every file is checked.
    Nothing,
    /// One share of the packs. With `part` counting up, all packs have been read after `of` checks.
    Part {
        /// Number of this share, from 0.
        part: u32,
        /// Number of shares.
        of: u32,
    },
    /// All packs.
    All,
}

/// A pack that is missing or damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedPack {
    /// Id of the pack.
    pub pack: FileId,
    /// Damage that was found, as text for people.
    pub reason: String,
}

/// A snapshot of which something cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedBackup {
    /// Backup that the snapshot belongs to.
    pub owner: SnapshotOwner,
    /// Id of the snapshot.
    pub snapshot: SnapshotId,
    /// Damaged paths, at most the first twenty.
    pub paths: Vec<String>,
}

/// Result of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// Number of packs in the repository.
    pub packs: u64,
    /// Number of packs whose content was read.
    pub packs_read: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Packs that are missing or damaged.
    pub damaged_packs: Vec<DamagedPack>,
    /// Index files that cannot be read.
    pub damaged_indexes: Vec<FileId>,
    /// Snapshots of which something cannot be read back.
    pub damaged: Vec<DamagedBackup>,
    /// The config or keys: no backup of ours needs them to be restored, but stock restic does.
    #[serde(default)]
    pub unreadable: Vec<Unreadable>,
    /// Packs in no index, left by an interrupted run. They are no damage.
    pub unknown_packs: u64,
}

impl CheckReport {
    /// Returns whether no damage was found.
    pub fn is_fine(&self) -> bool {
        let is_whole = self.damaged_packs.is_empty() && self.damaged_indexes.is_empty() && self.unreadable.is_empty();
        is_whole && self.damaged.is_empty()
    }
}

impl Repository {
    /// Checks that everything is there and, as far as asked, that it can be read.
    pub fn check(&self, read: ReadData) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        self.check_means(&mut report)?;
        let (index, marked) = self.index_for_check(&mut report)?;
        let index = Arc::new(index);
        let bad = self.check_packs(&index, &marked, read, &mut report)?;
        let mut trees =
            Trees { blobs: Blobs::new(self, index.clone()), index: &index, bad: &bad, known: HashMap::new() };
        for (snapshot, _) in self.list_files(FileKind::Snapshot)? {
            let (owner, paths) = match self.snapshot(&snapshot) {
                Ok(file) => {
                    (SnapshotOwner::from_tags(file.tags.iter()), trees.damaged_below(&own(&file.tree)?, 0)?.to_vec())
                }
                Err(Error::Backend { source: BackendError::Missing, .. }) => continue,
                Err(Error::Damaged { reason, .. }) => {
                    (SnapshotOwner::Unknown, vec![format!("the snapshot itself: {reason}")])
                }
                Err(error) => return Err(error),
            };
            if !paths.is_empty() {
                report.damaged.push(DamagedBackup { owner, snapshot: snapshot.into(), paths });
            }
        }
        Ok(report)
    }

    /// The index as far as it can be read, and the packs that wait for their removal.
    fn index_for_check(&self, report: &mut CheckReport) -> Result<(Index, BTreeSet<FileId>)> {
        let (mut files, mut marked) = (Vec::new(), BTreeSet::new());
        let unreadable = self.each_index(|_, file: IndexFile| {
            marked.extend(file.packs_to_delete.iter().map(|pack| pack.id));
            files.push(file);
        })?;
        report.damaged_indexes.extend(unreadable.iter().map(|index| index.file));
        Ok((Index::new(files, unreadable), marked))
    }

    /// The config and the keys: nothing here reads the keys, but stock restic does.
    fn check_means(&self, report: &mut CheckReport) -> Result<()> {
        report.unreadable.extend(self.unreadable_config());
        for (id, _) in self.list_files(FileKind::Key)? {
            let why = match self.place().read(FileKind::Key, &id) {
                Ok(content) if Sha256::digest(&content)[..] == id.0 => continue,
                Ok(_) => "its content was changed".to_owned(),
                Err(BackendError::Missing) => continue,
                Err(BackendError::Io(error)) if is_of_one_file(&error) => error.to_string(),
                Err(error) => return Err(self.at_place("read a key")(error)),
            };
            report.unreadable.push(Unreadable { kind: FileKind::Key, file: id, backup: None, why });
        }
        Ok(())
    }
}

/// Walks trees, each once, no matter how many snapshots share it.
struct Trees<'a> {
    blobs: Blobs<'a>,
    index: &'a Index,
    bad: &'a BadPlaces,
    known: HashMap<FileId, Arc<[String]>>,
}

impl Trees<'_> {
    fn damaged_below(&mut self, tree: &FileId, depth: usize) -> Result<Arc<[String]>> {
        if let Some(known) = self.known.get(tree) {
            return Ok(known.clone());
        }
        let mut paths = Vec::new();
        let nodes = match self.blobs.tree(tree) {
            _ if depth > MAX_DEPTH => {
                paths.push("(folders too deep)".to_owned());
                Vec::new()
            }
            Ok(tree) => tree.nodes,
            Err(error @ Error::Backend { .. }) => return Err(error),
            Err(error) => {
                paths.push(format!("(a folder: {})", error.line()));
                Vec::new()
            }
        };
        for node in nodes {
            let name = node.name().to_string_lossy().into_owned();
            match node.node_type {
                NodeType::File if content(&node)?.iter().any(|id| self.is_lost(id)) => paths.push(name),
                NodeType::Dir => match subtree(&node)? {
                    Some(below) => {
                        let below = self.damaged_below(&below, depth + 1)?;
                        paths.extend(below.iter().map(|path| format!("{name}/{path}")));
                    }
                    None => paths.push(name),
                },
                _ => {}
            }
            paths.truncate(MAX_PATHS);
        }
        let paths: Arc<[String]> = paths.into();
        self.known.insert(*tree, paths.clone());
        Ok(paths)
    }

    fn is_lost(&self, id: &FileId) -> bool {
        self.index.find(BlobKind::Data, id).all(|location| self.bad.contains(&(*id, location)))
    }
}
