//! Lists the backups of a repository and their content.

use crate::backend::{BackendError, FileId, FileKind};
use crate::backup::{Kind, MANIFEST, MAX_MANIFEST, PROOF, PartRecord, ProofRecord, SetRecord, from_tags};
use crate::damage::{Unreadable, pass_over};
use crate::error::{Error, Result};
use crate::format::{BlobKind, Index};
use crate::parallel::in_parallel;
use crate::reader::{Blobs, names, own, subtree};
use crate::repository::Repository;
use fleet_core::names::{BackupId, SnapshotId};
use fleet_core::time::Time;
use rustic_core::repofile::{NodeType, SnapshotFile};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Size up to which manifests and proofs are read in parallel; larger ones, which are rare, are read one after the
/// other.
const SMALL_NOTE: u64 = 1 << 20;
/// Limit on the bytes of all manifests, or all proofs, that one listing of a repository reads; the newest come first.
/// Hosts write those files and the caller holds them in memory. The rest can be requested one by one.
pub const MAX_NOTES: u64 = 32 << 20;
/// A note is in a few pieces; one that claims more than this is not of ours.
const MAX_PIECES: usize = 4096;

/// Type of an entry of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device node, pipe or socket.
    Other,
}

/// One entry of a folder of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// For people: invalid UTF-8 is replaced.
    pub name: String,
    /// Exact name.
    #[serde(with = "crate::hexadecimal")]
    pub exact: Vec<u8>,
    /// Type of the entry.
    pub kind: EntryKind,
    /// Size in bytes; 0 for entries other than files.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
}

/// The backups that exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sets {
    /// Oldest first.
    pub sets: Vec<SetRecord>,
    /// Files that cannot be read and may describe further backups. A backup that is missing from `sets` may be one of
    /// them.
    pub unreadable: Vec<Unreadable>,
    /// Backups older than all of `sets`, oldest first: they exist, and their manifests were not read because of the
    /// total limit.
    #[serde(default)]
    pub unread: Vec<PartRecord>,
}

/// Results of drills.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proofs {
    /// Oldest first.
    pub proofs: Vec<ProofRecord>,
    /// Files that cannot be read and may hold further results.
    pub unreadable: Vec<Unreadable>,
}

/// Contents of snapshots that hold a single file.
#[derive(Default)]
struct Notes {
    read: Vec<(PartRecord, Vec<u8>)>,
    unreadable: Vec<Unreadable>,
    /// Backups above the total limit, oldest first.
    unread: Vec<PartRecord>,
}

/// The snapshots of ours.
pub(crate) struct Parts {
    /// Oldest first.
    pub(crate) known: Vec<(PartRecord, SnapshotFile)>,
    pub(crate) unreadable: Vec<Unreadable>,
}

impl Parts {
    /// The backups that a set makes exist.
    pub(crate) fn finished(&self) -> BTreeSet<BackupId> {
        self.known.iter().filter(|(part, _)| part.kind == Kind::Set).map(|(part, _)| part.backup.clone()).collect()
    }
}

/// Location and claimed size of such a file.
struct ListedFile {
    content: Vec<FileId>,
    size: u64,
}

/// Returns the number of the oldest files to skip so that the others have at most `most` bytes together.
fn too_much(sizes: &[u64], most: u64) -> usize {
    let mut left = Some(most);
    let fits = |size: &&u64| {
        left = left.and_then(|left| left.checked_sub(**size));
        left.is_some()
    };
    sizes.len() - sizes.iter().rev().take_while(fits).count()
}

impl Repository {
    /// Returns all existing backups that can be read.
    pub fn sets(&self) -> Result<Sets> {
        self.sets_of(None, MAX_MANIFEST)
    }

    /// Returns one backup without reading other manifests; its own is read up to `most` bytes.
    pub fn set(&self, backup: &BackupId, most: u64) -> Result<Sets> {
        self.sets_of(Some(backup), most)
    }

    fn sets_of(&self, only: Option<&BackupId>, most: u64) -> Result<Sets> {
        let Parts { known, unreadable } = self.parts()?;
        let mut parts: BTreeMap<BackupId, Vec<PartRecord>> = BTreeMap::new();
        let mut sets = Vec::new();
        let is_meant = |record: &PartRecord| only.is_none_or(|backup| *backup == record.backup);
        for (record, snapshot) in known.into_iter().filter(|(record, _)| is_meant(record)) {
            match record.kind {
                Kind::Set => sets.push((record, own(&snapshot.tree)?)),
                Kind::Dumps | Kind::Files => parts.entry(record.backup.clone()).or_default().push(record),
                Kind::Proof => {}
            }
        }
        let Notes { read, unreadable: mut all_unreadable, unread } = self.notes(&sets, MANIFEST, most)?;
        all_unreadable.splice(0..0, unreadable.into_iter().chain(self.unreadable_config()));
        let found = read.into_iter().map(|(record, manifest)| {
            let mut parts = parts.get(&record.backup).cloned().unwrap_or_default();
            parts.sort_by(|a, b| (a.kind, a.time, &a.snapshot).cmp(&(b.kind, b.time, &b.snapshot)));
            let PartRecord { backup, time, host, snapshot, .. } = record;
            SetRecord { backup, time, host, set: snapshot, parts, manifest }
        });
        Ok(Sets { sets: found.collect(), unreadable: all_unreadable, unread })
    }

    /// Returns the results of all drills that can be read.
    pub fn proofs(&self) -> Result<Proofs> {
        let Parts { known, unreadable } = self.parts()?;
        let parts = known.into_iter().filter(|(record, _)| record.kind == Kind::Proof);
        let proofs: Vec<_> = parts.map(|(record, file)| Ok((record, own(&file.tree)?))).collect::<Result<_>>()?;
        let Notes { read, unreadable: mut all_unreadable, unread } = self.notes(&proofs, PROOF, MAX_MANIFEST)?;
        all_unreadable.splice(0..0, unreadable);
        all_unreadable.extend(unread.iter().map(|record| {
            let why = format!("all `{PROOF}` together are larger than {} MiB", MAX_NOTES >> 20);
            unreadable_note(record, why)
        }));
        let proofs = read.into_iter().map(|(record, proof)| {
            let PartRecord { backup, time, snapshot, .. } = record;
            ProofRecord { backup, time, snapshot, proof }
        });
        Ok(Proofs { proofs: proofs.collect(), unreadable: all_unreadable })
    }

    /// Returns parts whose backup was never finished or has been removed, oldest first. Fails if something cannot be
    /// read, because that may be the manifest of such a part's backup.
    pub fn unfinished(&self) -> Result<Vec<PartRecord>> {
        let parts = self.parts()?;
        if let Some(unreadable) = parts.unreadable.first() {
            return Err(unreadable.forbids("called unfinished"));
        }
        let finished = parts.finished();
        let known = parts.known.into_iter().map(|(record, _)| record);
        Ok(known.filter(|part| !finished.contains(&part.backup)).collect())
    }

    /// Returns the newest snapshot of a kind, of any backup. The next run of that kind is compared with it.
    pub fn latest(&self, kind: Kind) -> Result<Option<PartRecord>> {
        Ok(self.parts()?.known.into_iter().map(|(record, _)| record).rfind(|record| record.kind == kind))
    }

    /// Returns the entries of a folder of a snapshot, ordered by name. An empty path means the root.
    pub fn list(&self, snapshot: &SnapshotId, path: impl AsRef<OsStr>) -> Result<Vec<Entry>> {
        let path = path.as_ref();
        let root = own(&self.snapshot(&snapshot.into())?.tree)?;
        let blobs = Blobs::new(self, Arc::new(self.load_index()?));
        let folder = if names(path).next().is_none() {
            root
        } else {
            let refused = || Error::refused(format!("`{}` is not a folder", path.display()));
            subtree(&blobs.find(&root, path)?)?.ok_or_else(refused)?
        };
        let entries = blobs.tree(&folder)?.nodes.into_iter().map(|node| Entry {
            name: node.name().to_string_lossy().into_owned(),
            exact: node.name().as_bytes().to_vec(),
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

    /// Returns the content of the single file of each of these snapshots, if it has at most `most` bytes, and the
    /// snapshots or indexes that cannot be read. The newest are read first, up to the total limit.
    fn notes(&self, snapshots: &[(PartRecord, FileId)], name: &str, most: u64) -> Result<Notes> {
        if snapshots.is_empty() {
            return Ok(Notes::default());
        }
        let index = Arc::new(self.load_index()?);
        let mut notes = Notes { unreadable: index.unreadable().to_vec(), ..Notes::default() };
        let looked = in_parallel(snapshots, |(_, tree)| readable(self.find_note(&index, tree, name, most)))?;
        let mut found = Vec::new();
        for ((record, _), it) in snapshots.iter().zip(looked) {
            match it {
                Ok(it) => found.push((record, it)),
                Err(error) => notes.unreadable.push(unreadable_note(record, error.line())),
            }
        }
        let sizes: Vec<u64> = found.iter().map(|(_, it)| it.size).collect();
        let (unread, meant) = found.split_at(too_much(&sizes, MAX_NOTES));
        notes.unread = unread.iter().map(|(record, _)| (*record).clone()).collect();
        // Held while a large file is read, so that only one is in memory.
        let alone = Mutex::new(());
        let read = in_parallel(meant, |(_, it)| readable(self.note(&index, it, &alone)))?;
        for ((record, _), note) in meant.iter().zip(read) {
            match note {
                Ok(note) => notes.read.push(((*record).clone(), note)),
                Err(error) => notes.unreadable.push(unreadable_note(record, error.line())),
            }
        }
        Ok(notes)
    }

    /// Returns the location of the single file of a snapshot.
    fn find_note(&self, index: &Arc<Index>, tree: &FileId, name: &str, most: u64) -> Result<ListedFile> {
        let blobs = Blobs::new(self, index.clone());
        let content = crate::reader::content(&blobs.find(tree, name.as_ref())?)?;
        // The claim of the index is checked when a blob is read.
        let size = content.iter().map(|id| blobs.claimed(BlobKind::Data, id)).sum();
        if size > most {
            return Err(Error::refused(format!("`{name}` is larger than {} MiB", most >> 20)));
        }
        if content.len() > MAX_PIECES {
            return Err(Error::refused(format!("`{name}` is in more than {MAX_PIECES} pieces")));
        }
        Ok(ListedFile { content, size })
    }

    fn note(&self, index: &Arc<Index>, found: &ListedFile, alone: &Mutex<()>) -> Result<Vec<u8>> {
        let blobs = Blobs::new(self, index.clone());
        let _alone = (found.size > SMALL_NOTE).then(|| alone.lock().unwrap_or_else(PoisonError::into_inner));
        let mut note = Vec::new();
        for id in &found.content {
            note.extend(blobs.read(BlobKind::Data, id)?);
        }
        Ok(note)
    }

    /// Every snapshot of ours that can be read. Snapshots of others are not looked at.
    pub(crate) fn parts(&self) -> Result<Parts> {
        let ids = self.list_files(FileKind::Snapshot)?;
        let read = in_parallel(&ids, |(id, _)| match self.snapshot(id) {
            // Forgotten since it was listed.
            Err(Error::Backend { source: BackendError::Missing, .. }) => Ok(None),
            Err(error @ Error::Damaged { .. }) => Ok(Some(Err(error))),
            Err(error) => Err(error),
            Ok(snapshot) => Ok(Some(Ok(snapshot))),
        })?;
        let (mut known, mut unreadable) = (Vec::new(), Vec::new());
        for ((id, _), snapshot) in ids.iter().zip(read) {
            let Some(snapshot) = snapshot else { continue };
            known.extend(pass_over(snapshot, &mut unreadable)?.and_then(|snapshot| record((*id).into(), snapshot)));
        }
        known.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Parts { known, unreadable })
    }

    pub(crate) fn snapshot(&self, id: &FileId) -> Result<SnapshotFile> {
        let opened = self.open_file(FileKind::Snapshot, id)?;
        let opened = opened.ok_or_else(|| self.at_place("read a snapshot")(BackendError::Missing))?;
        let damaged = |reason: String| Error::Damaged { kind: FileKind::Snapshot, id: *id, reason };
        serde_json::from_slice(&opened).map_err(|error| damaged(error.to_string()))
    }
}

/// Reason why a manifest or proof cannot be read; an error of the storage itself is returned instead.
fn readable<T>(note: Result<T>) -> Result<Result<T>> {
    match note {
        Err(error @ Error::Backend { .. }) => Err(error),
        note => Ok(note),
    }
}

fn unreadable_note(record: &PartRecord, why: String) -> Unreadable {
    Unreadable { kind: FileKind::Snapshot, file: (&record.snapshot).into(), backup: Some(record.backup.clone()), why }
}

fn record(snapshot: SnapshotId, file: SnapshotFile) -> Option<(PartRecord, SnapshotFile)> {
    let (backup, kind) = from_tags(file.tags.iter())?;
    let time = Time(u64::try_from(file.time.timestamp().as_millisecond()).unwrap_or(0));
    Some((PartRecord { time, backup, kind, snapshot, host: file.hostname.clone() }, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_notes_together_the_newest_are_read() {
        let check = |sizes: &[u64], expect| assert_eq!(too_much(sizes, 10), expect, "{sizes:?}");
        check(&[], 0);
        check(&[5, 5], 0);
        check(&[5, 5, 1], 1);
        // No backup is read that is older than an unread one.
        check(&[1, 9, 9], 2);
        check(&[1, 1, u64::MAX], 3);
    }
}
