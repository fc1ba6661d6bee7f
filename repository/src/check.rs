//! Whether what is stored can be read back: which packs are damaged, and which backups that hurts.

use crate::backup::{BackupId, from_tags};
use crate::error::{Error, Result};
use crate::format::index::Location;
use crate::format::{BlobKind, Index, IndexFile};
use crate::listing::in_parallel;
use crate::place::{FileId, FileKind, PlaceError};
use crate::reader::{Blobs, content, own, subtree};
use crate::repository::Repository;
use rustic_core::repofile::NodeType;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// So many damaged paths are named for each snapshot.
const MAX_PATHS: usize = 20;

/// How much of the data is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadData {
    /// None: only that every file is there, in its size.
    Nothing,
    /// The packs whose turn it is: with `part` counting up, all have been read after `of` checks.
    Part {
        part: u32,
        of: u32,
    },
    All,
}

/// A pack that is gone or not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedPack {
    pub pack: FileId,
    pub reason: String,
}

/// A snapshot of which something cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedBackup {
    /// Unknown where the snapshot itself cannot be read, or is not one of ours.
    pub backup: Option<BackupId>,
    pub snapshot: FileId,
    /// What in it, the first twenty.
    pub paths: Vec<String>,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    pub packs: u64,
    pub packs_read: u64,
    pub bytes_read: u64,
    pub damaged_packs: Vec<DamagedPack>,
    /// Index files that cannot be read.
    pub damaged_indexes: Vec<FileId>,
    pub damaged: Vec<DamagedBackup>,
    /// Packs in no index: what a run that was cut off has left. No damage.
    pub unknown_packs: u64,
}

impl CheckReport {
    pub fn is_fine(&self) -> bool {
        self.damaged_packs.is_empty() && self.damaged_indexes.is_empty() && self.damaged.is_empty()
    }
}

/// Where blobs are that cannot be read: pack and offset.
type BadPlaces = HashSet<(u32, u32)>;

impl Repository {
    /// Checks that everything is there and, as far as asked, that it can be read.
    pub fn check(&self, read: ReadData) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        let (index, marked) = self.index_for_check(&mut report)?;
        let index = Arc::new(index);
        let bad = self.check_packs(&index, &marked, read, &mut report)?;
        let mut trees =
            Trees { blobs: Blobs::new(self, index.clone()), index: &index, bad: &bad, known: HashMap::new() };
        for (snapshot, _) in self.list_files(FileKind::Snapshot)? {
            let (backup, paths) = match self.snapshot(&snapshot) {
                Ok(file) => {
                    let backup = from_tags(file.tags.iter()).map(|(backup, _)| backup);
                    (backup, trees.damaged_below(&own(&file.tree)?, 0)?.to_vec())
                }
                Err(Error::Place { source: PlaceError::Missing, .. }) => continue,
                Err(Error::Damaged { reason, .. }) => (None, vec![format!("the snapshot itself: {reason}")]),
                Err(error) => return Err(error),
            };
            if !paths.is_empty() {
                report.damaged.push(DamagedBackup { backup, snapshot, paths });
            }
        }
        Ok(report)
    }

    /// The index as far as it can be read, and the packs that wait for their removal.
    fn index_for_check(&self, report: &mut CheckReport) -> Result<(Index, BTreeSet<FileId>)> {
        let (mut files, mut marked) = (Vec::new(), BTreeSet::new());
        for (id, _) in self.list_files(FileKind::Index)? {
            let sealed = match self.place().read(FileKind::Index, &id) {
                Ok(sealed) => sealed,
                Err(PlaceError::Missing) => continue,
                Err(error) => return Err(self.at_place("read an index")(error)),
            };
            let opened = self.key().open_file(&sealed).ok();
            match opened.and_then(|opened| serde_json::from_slice::<IndexFile>(&opened).ok()) {
                Some(file) => {
                    marked.extend(file.packs_to_delete.iter().map(|pack| pack.id));
                    files.push(file);
                }
                None => report.damaged_indexes.push(id),
            }
        }
        Ok((Index::new(files), marked))
    }

    fn check_packs(
        &self,
        index: &Index,
        marked: &BTreeSet<FileId>,
        read: ReadData,
        report: &mut CheckReport,
    ) -> Result<BadPlaces> {
        let there: BTreeMap<_, _> = self.list_files(FileKind::Pack)?.into_iter().collect();
        let mut blobs: Vec<Vec<(FileId, Location)>> = vec![Vec::new(); index.packs().len()];
        for (_, id, location) in index.blobs() {
            blobs[location.pack as usize].push((id, location));
        }
        let known: BTreeSet<_> = index.packs().iter().copied().collect();
        report.packs = known.len() as u64;
        report.unknown_packs = there.keys().filter(|id| !known.contains(*id) && !marked.contains(*id)).count() as u64;
        let work = index.packs().iter().zip(&blobs).filter_map(|(pack, blobs)| {
            let size = there.get(pack).copied();
            let is_suspect = size != Some(size_of_pack(blobs));
            (is_suspect || is_chosen(*pack, read)).then_some((*pack, size, blobs))
        });
        let work: Vec<_> = work.collect();
        let mut bad = BadPlaces::new();
        for looked in in_parallel(&work, |(pack, size, blobs)| self.look_into(*pack, *size, blobs))? {
            report.packs_read += u64::from(looked.bytes > 0);
            report.bytes_read += looked.bytes;
            bad.extend(looked.bad);
            report.damaged_packs.extend(looked.damage);
        }
        Ok(bad)
    }

    /// Reads a whole pack, and where it is not what its name says, finds out which blobs suffer.
    fn look_into(&self, pack: FileId, size: Option<u64>, blobs: &[(FileId, Location)]) -> Result<Looked> {
        let all_of = |blobs: &[(FileId, Location)]| blobs.iter().map(|(_, l)| (l.pack, l.offset)).collect();
        let gone = |reason: &str| Looked {
            bytes: 0,
            bad: all_of(blobs),
            damage: Some(DamagedPack { pack, reason: reason.to_owned() }),
        };
        let Some(size) = size else { return Ok(gone("it is gone")) };
        let content = match self.place().read(FileKind::Pack, &pack) {
            Ok(content) => content,
            Err(PlaceError::Missing) => return Ok(gone("it is gone")),
            Err(PlaceError::Io(error)) => return Ok(gone(&format!("it cannot be read: {error}"))),
            Err(error) => return Err(self.at_place("read a pack")(error)),
        };
        let bytes = content.len() as u64;
        if Sha256::digest(&content)[..] == pack.0 {
            return Ok(Looked { bytes, bad: Vec::new(), damage: None });
        }
        let opens = |location: &Location| {
            let sealed = content.get(location.offset as usize..)?.get(..location.length as usize)?;
            self.key().open(sealed).ok()
        };
        let bad: Vec<_> = blobs.iter().filter(|(_, l)| opens(l).is_none()).map(|(_, l)| (l.pack, l.offset)).collect();
        let expected = size_of_pack(blobs);
        let reason = if size == expected {
            format!("its content was changed: {} of its {} blobs cannot be read", bad.len(), blobs.len())
        } else {
            format!("it has {size} bytes instead of {expected}")
        };
        Ok(Looked { bytes, bad, damage: Some(DamagedPack { pack, reason }) })
    }
}

struct Looked {
    bytes: u64,
    bad: Vec<(u32, u32)>,
    damage: Option<DamagedPack>,
}

fn is_chosen(pack: FileId, read: ReadData) -> bool {
    match read {
        ReadData::Nothing => false,
        ReadData::All => true,
        ReadData::Part { part, of } => {
            let of = of.max(1);
            u32::from_le_bytes([pack.0[0], pack.0[1], pack.0[2], pack.0[3]]) % of == part % of
        }
    }
}

/// How large a pack with these blobs is: they, a sealed header that names them, and its length.
fn size_of_pack(blobs: &[(FileId, Location)]) -> u64 {
    let entry = |location: &Location| u64::from(location.length) + if location.unpacked == 0 { 37 } else { 41 };
    blobs.iter().map(|(_, location)| entry(location)).sum::<u64>() + u64::from(crate::crypt::OVERHEAD) + 4
}

/// Goes through trees, each once, whatever number of snapshots has it.
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
            _ if depth > crate::restore::MAX_DEPTH => {
                paths.push("(folders too deep)".to_owned());
                Vec::new()
            }
            Ok(tree) => tree.nodes,
            Err(error @ Error::Place { .. }) => return Err(error),
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
        self.index.find(BlobKind::Data, id).all(|location| self.bad.contains(&(location.pack, location.offset)))
    }
}
