//! What backups a repository has, and what is in them.

use crate::archive::{MANIFEST, PROOF};
use crate::backup::{BackupId, Kind, PartRecord, ProofRecord, SetRecord, from_tags};
use crate::error::{Error, Result};
use crate::format::Index;
use crate::place::{FileId, FileKind, PlaceError};
use crate::reader::{Blobs, own, subtree};
use crate::repository::Repository;
use fleet_core::time::Time;
use rustic_core::repofile::{NodeType, SnapshotFile};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// A manifest is read up to here.
pub const MAX_MANIFEST: u64 = 16 << 20;
/// So many small files are read at once where each has to come over a network.
const AT_ONCE: usize = 8;

/// What an entry of a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    File,
    Folder,
    Link,
    Other,
}

/// One entry of a folder of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub kind: EntryKind,
    pub size: u64,
    pub mode: u32,
}

impl Repository {
    /// All backups that exist, oldest first.
    pub fn sets(&self) -> Result<Vec<SetRecord>> {
        let mut parts: BTreeMap<BackupId, Vec<PartRecord>> = BTreeMap::new();
        let mut sets = Vec::new();
        for (record, snapshot) in self.parts()? {
            match record.kind {
                Kind::Set => sets.push((record, own(&snapshot.tree)?)),
                Kind::Dumps | Kind::Files => parts.entry(record.backup.clone()).or_default().push(record),
                Kind::Proof => {}
            }
        }
        if sets.is_empty() {
            return Ok(Vec::new());
        }
        let index = Arc::new(self.load_index()?);
        let manifests = in_parallel(&sets, |(_, tree)| self.note(&index, tree, MANIFEST))?;
        let found = sets.into_iter().zip(manifests).map(|((record, _), manifest)| {
            let mut parts = parts.get(&record.backup).cloned().unwrap_or_default();
            parts.sort_by_key(|part| (part.kind, part.time, part.snapshot));
            let PartRecord { backup, time, host, snapshot, .. } = record;
            SetRecord { backup, time, host, set: snapshot, parts, manifest }
        });
        Ok(found.collect())
    }

    /// What drills have found, oldest first.
    pub fn proofs(&self) -> Result<Vec<ProofRecord>> {
        let parts = self.parts()?.into_iter().filter(|(record, _)| record.kind == Kind::Proof);
        let proofs: Vec<_> = parts.map(|(record, file)| Ok((record, own(&file.tree)?))).collect::<Result<_>>()?;
        if proofs.is_empty() {
            return Ok(Vec::new());
        }
        let index = Arc::new(self.load_index()?);
        let read = in_parallel(&proofs, |(_, tree)| self.note(&index, tree, PROOF))?;
        let found = proofs.into_iter().zip(read).map(|((record, _), proof)| {
            let PartRecord { backup, time, snapshot, .. } = record;
            ProofRecord { backup, time, snapshot, proof }
        });
        Ok(found.collect())
    }

    /// Parts whose backup never came to be, or is no more, oldest first.
    pub fn unfinished(&self) -> Result<Vec<PartRecord>> {
        let parts: Vec<_> = self.parts()?.into_iter().map(|(record, _)| record).collect();
        let finished: BTreeSet<_> =
            parts.iter().filter(|part| part.kind == Kind::Set).map(|part| part.backup.clone()).collect();
        Ok(parts.into_iter().filter(|part| !finished.contains(&part.backup)).collect())
    }

    /// The newest snapshot of a kind, of whatever backup: what the next run of it is compared with.
    pub fn latest(&self, kind: Kind) -> Result<Option<PartRecord>> {
        Ok(self.parts()?.into_iter().map(|(record, _)| record).rfind(|record| record.kind == kind))
    }

    /// What is in a folder of a snapshot; in its root where the path is empty. In the order of names.
    pub fn list(&self, snapshot: &FileId, path: &str) -> Result<Vec<Entry>> {
        let root = own(&self.snapshot(snapshot)?.tree)?;
        let blobs = Blobs::new(self, Arc::new(self.load_index()?));
        let folder = if path.split('/').all(str::is_empty) {
            root
        } else {
            subtree(&blobs.find(&root, path)?)?.ok_or_else(|| Error::refused(format!("`{path}` is not a folder")))?
        };
        let entries = blobs.tree(&folder)?.nodes.into_iter().map(|node| Entry {
            name: node.name().to_string_lossy().into_owned(),
            kind: match node.node_type {
                NodeType::File => EntryKind::File,
                NodeType::Dir => EntryKind::Folder,
                NodeType::Symlink { .. } => EntryKind::Link,
                _ => EntryKind::Other,
            },
            size: node.meta.size,
            mode: node.meta.mode.unwrap_or(0) & 0o777,
        });
        Ok(entries.collect())
    }

    /// The only file of a snapshot that holds no more than that.
    fn note(&self, index: &Arc<Index>, tree: &FileId, name: &str) -> Result<Vec<u8>> {
        let blobs = Blobs::new(self, index.clone());
        let node = blobs.find(tree, name)?;
        let mut note = Vec::new();
        for id in crate::reader::content(&node)? {
            note.extend(blobs.read(crate::format::BlobKind::Data, &id)?);
            if note.len() as u64 > MAX_MANIFEST {
                return Err(Error::refused(format!("`{name}` is larger than 16 MiB")));
            }
        }
        Ok(note)
    }

    /// Every snapshot of ours, oldest first. Snapshots of others are not looked at.
    pub(crate) fn parts(&self) -> Result<Vec<(PartRecord, SnapshotFile)>> {
        let ids = self.list_files(FileKind::Snapshot)?;
        let read = in_parallel(&ids, |(id, _)| match self.snapshot(id) {
            Ok(snapshot) => Ok(Some(snapshot)),
            // Forgotten since it was listed.
            Err(Error::Place { source: PlaceError::Missing, .. }) => Ok(None),
            Err(error) => Err(error),
        })?;
        let mut parts: Vec<_> = ids.iter().zip(read).filter_map(|((id, _), snapshot)| record(*id, snapshot?)).collect();
        parts.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(parts)
    }

    pub(crate) fn snapshot(&self, id: &FileId) -> Result<SnapshotFile> {
        let sealed = self.place().read(FileKind::Snapshot, id).map_err(self.at_place("read a snapshot"))?;
        let damaged = |reason: String| Error::Damaged { kind: FileKind::Snapshot, id: *id, reason };
        let opened = self.key().open_file(&sealed).map_err(|error| damaged(error.to_string()))?;
        serde_json::from_slice(&opened).map_err(|error| damaged(error.to_string()))
    }
}

fn record(snapshot: FileId, file: SnapshotFile) -> Option<(PartRecord, SnapshotFile)> {
    let (backup, kind) = from_tags(file.tags.iter())?;
    let time = Time(u64::try_from(file.time.timestamp().as_millisecond()).unwrap_or(0));
    Some((PartRecord { time, backup, kind, snapshot, host: file.hostname.clone() }, file))
}

/// Does something for each, a few at once, and keeps the order. The first error ends it.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(items.len()) {
            scope.spawn(|| {
                while failed.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(item) = items.get(number) else { return };
                    match work(item) {
                        Ok(result) => done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result)),
                        Err(error) => *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
                    }
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
