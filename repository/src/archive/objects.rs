//! The objects of a bucket, as files of a snapshot.
//!
//! The metadata of an object is requested a few objects ahead. An object that is unchanged since the last backup is not
//! read again: its size, its time and its ETag are the same.

use super::sample::FileHash;
use super::walk::Noted;
use crate::backend::BackendError;
use crate::bucket::{Bucket, Described, ListedObject, ObjectReader, Stamp, note};
use crate::error::{Result, brief};
use fleet_core::backup::ArchiveNote;
use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{ErrorKind, ReadSourceEntry, ReadSourceOpen, RusticError, RusticResult};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Number of objects whose metadata is requested together.
const AHEAD: usize = 64;
/// Larger objects are in no sample: each of a sample is fetched once more.
const MAX_SAMPLED: u64 = 64 << 20;
/// Number of extra files picked for the sample: some may change before they are hashed.
const SPARE: usize = 4;
/// Folders have no owner in a bucket: restored to a disk, they get default permissions. The mode is in Go's format.
const FOLDER_MODE: u32 = 1 << 31 | 0o755;
const FILE_MODE: u32 = 0o600;

/// Objects of a bucket, as listed when the run began.
pub(super) struct Objects {
    bucket: Arc<Bucket>,
    root: PathBuf,
    found: Arc<Vec<ListedObject>>,
    noted: Arc<Noted>,
    picked: Arc<Picked>,
}

/// Objects for a sample: those that the seed ranks lowest.
pub(super) struct Picked {
    wanted: usize,
    seed: u64,
    ranked: Mutex<BTreeMap<[u8; 32], (PathBuf, ListedObject)>>,
}

impl Picked {
    pub(super) fn new(wanted: usize, seed: u64) -> Self {
        Self { wanted: wanted.min(1_000), seed, ranked: Mutex::default() }
    }

    fn note(&self, path: &Path, found: &ListedObject) {
        if self.wanted == 0 || found.stamp.size > MAX_SAMPLED {
            return;
        }
        let name = path.as_os_str().as_encoded_bytes();
        let rank = Sha256::new().chain_update(self.seed.to_le_bytes()).chain_update(name).finalize().into();
        let mut ranked = self.ranked.lock().unwrap_or_else(PoisonError::into_inner);
        ranked.insert(rank, (path.to_owned(), found.clone()));
        while ranked.len() > self.wanted * SPARE {
            ranked.pop_last();
        }
    }
}

impl Objects {
    pub(super) fn list(bucket: Bucket, root: PathBuf, noted: Arc<Noted>, picked: Arc<Picked>) -> Result<Self> {
        let found = Arc::new(bucket.list()?);
        Ok(Self { bucket: Arc::new(bucket), root, found, noted, picked })
    }

    pub(super) fn entries(&self) -> Entries {
        let (bucket, root, found) = (self.bucket.clone(), self.root.clone(), self.found.clone());
        let (noted, picked) = (self.noted.clone(), self.picked.clone());
        let ready = VecDeque::from([folder(&self.root)]);
        Entries { bucket, root, found, next: 0, noted, picked, ready, last: PathBuf::new() }
    }

    /// Lists the bucket again, and reports objects that have changed since the run began.
    pub(super) fn look_again(&self) -> Result<()> {
        let now = self.bucket.list()?;
        let before: BTreeMap<&Path, &Stamp> = self.found.iter().map(|it| (it.path.as_path(), &it.stamp)).collect();
        let (mut added, mut replaced) = (0_u64, 0_u64);
        for found in &now {
            match before.get(found.path.as_path()) {
                None => added += 1,
                Some(stamp) if !stamp.is_same(&found.stamp) => replaced += 1,
                Some(_) => {}
            }
        }
        let removed = (before.len() as u64 + added).saturating_sub(now.len() as u64);
        if added + removed + replaced > 0 {
            self.noted.remark(ArchiveNote::ObjectsChanged { path: brief(&self.root), added, removed, replaced });
        }
        Ok(())
    }

    /// Hashes the sampled objects of this bucket, without those that have changed since.
    pub(super) fn hash(&self, picked: &Picked) -> Result<Vec<FileHash>> {
        let ranked = picked.ranked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut hashes = Vec::new();
        for (path, found) in ranked.into_values().filter(|(path, _)| path.starts_with(&self.root)) {
            if hashes.len() == picked.wanted {
                break;
            }
            if let Some((stamp, sha256)) = self.bucket.hash(&found.path)?
                && stamp.is_same(&found.stamp)
            {
                hashes.push(FileHash { path: path.display().to_string(), bytes: stamp.size, sha256 });
            }
        }
        Ok(hashes)
    }
}

pub(super) struct Entries {
    bucket: Arc<Bucket>,
    root: PathBuf,
    found: Arc<Vec<ListedObject>>,
    next: usize,
    noted: Arc<Noted>,
    picked: Arc<Picked>,
    ready: VecDeque<ReadSourceEntry<UnopenedObject>>,
    /// The folder of the last object.
    last: PathBuf,
}

impl Iterator for Entries {
    type Item = ReadSourceEntry<UnopenedObject>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            if self.next == self.found.len() || self.noted.gate.reason().is_some() {
                return None;
            }
            let found = self.found.clone();
            let until = (self.next + AHEAD).min(found.len());
            for described in self.bucket.describe(&found[self.next..until]) {
                match described {
                    Ok(described) => self.enter(described),
                    Err((path, BackendError::Missing)) => self.noted.vanished(&self.root.join(path)),
                    Err((path, error)) => self.noted.gate.shut(&path.display().to_string(), &error.to_string()),
                }
            }
            self.next = until;
        }
        self.ready.pop_front()
    }
}

impl Entries {
    fn enter(&mut self, described: Described) {
        let path = self.root.join(&described.found.path);
        let parent = described.found.path.parent().unwrap_or(Path::new("")).to_owned();
        let above: Vec<&Path> = parent.ancestors().take_while(|it| !self.last.starts_with(it)).collect();
        self.ready.extend(above.into_iter().rev().map(|it| folder(&self.root.join(it))));
        self.last = parent;
        let meta = match describe(&described) {
            Ok(meta) => meta,
            Err(error) => return self.noted.gate.shut(&path.display().to_string(), &error.to_string()),
        };
        let Described { found, .. } = described;
        self.noted.count(&path, found.stamp.size);
        self.picked.note(&path, &found);
        let name = path.file_name().unwrap_or(path.as_os_str());
        let node = Node::new_node(name, NodeType::File, meta);
        let open =
            UnopenedObject { bucket: self.bucket.clone(), shown: path.clone(), found, noted: self.noted.clone() };
        self.ready.push_back(ReadSourceEntry { path, node, open: Some(open) });
    }
}

fn folder(path: &Path) -> ReadSourceEntry<UnopenedObject> {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let meta = Metadata { mode: Some(FOLDER_MODE), uid: Some(0), gid: Some(0), ..Metadata::default() };
    ReadSourceEntry { path: path.to_owned(), node: Node::new_node(name, NodeType::Dir, meta), open: None }
}

fn describe(described: &Described) -> io::Result<Metadata> {
    let Stamp { size, etag, modified: (seconds, nanoseconds) } = &described.found.stamp;
    let time = |nanoseconds: u32| Timestamp::new(*seconds, i32::try_from(nanoseconds).unwrap_or(0)).ok();
    let mtime = time(*nanoseconds);
    // rustic_core compares only the size and two times to find a changed file, so the ETag has to be encoded in one of
    // the times.
    let ctime = etag.as_ref().map_or(mtime, |etag| time(fraction(etag)));
    let mut meta = Metadata {
        mode: Some(FILE_MODE),
        mtime,
        atime: mtime,
        ctime,
        uid: Some(0),
        gid: Some(0),
        size: *size,
        links: 1,
        ..Metadata::default()
    };
    note(described, &mut meta)?;
    Ok(meta)
}

/// An ETag as a fraction of a second, in nanoseconds.
fn fraction(etag: &str) -> u32 {
    let hash: [u8; 32] = Sha256::digest(etag).into();
    u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]) % 1_000_000_000
}

/// An object that is opened only when it is read.
pub(super) struct UnopenedObject {
    bucket: Arc<Bucket>,
    /// Its path in the snapshot.
    shown: PathBuf,
    found: ListedObject,
    noted: Arc<Noted>,
}

impl ReadSourceOpen for UnopenedObject {
    type Reader = Measured;

    fn open(self) -> RusticResult<Measured> {
        match self.bucket.open(&self.found.path) {
            Ok((stamp, reader)) => {
                if !stamp.is_same(&self.found.stamp) {
                    self.noted.changed(&self.shown);
                }
                Ok(Measured { reader, left: self.found.stamp.size, shown: self.shown, noted: self.noted })
            }
            Err(error) => {
                match &error {
                    BackendError::Missing => {
                        self.noted.discount(&self.shown, self.found.stamp.size);
                        self.noted.vanished(&self.shown);
                    }
                    _ => self.noted.gate.shut(&self.shown.display().to_string(), &error.to_string()),
                }
                Err(RusticError::with_source(ErrorKind::InputOutput, "an object cannot be opened", error))
            }
        }
    }
}

/// Yields exactly the number of bytes in the object's metadata, which was written first. A replacement of the object
/// meanwhile was recorded.
pub(super) struct Measured {
    reader: ObjectReader,
    left: u64,
    shown: PathBuf,
    noted: Arc<Noted>,
}

impl Read for Measured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = match self.reader.read(&mut buffer[..most]) {
            Ok(0) => {
                buffer[..most].fill(0);
                most
            }
            Ok(count) => count,
            Err(error) => {
                self.noted.gate.shut(&self.shown.display().to_string(), &error.to_string());
                return Err(error);
            }
        };
        self.left -= count as u64;
        Ok(count)
    }
}
