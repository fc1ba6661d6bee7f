//! Blobs, trees and streams, read back.

use crate::backend::{BackendError, FileId, FileKind};
use crate::crypt::Key;
use crate::damage::is_of_one_file;
use crate::error::{Error, Result};
use crate::format::index::Location;
use crate::format::{BlobKind, Index};
use crate::repository::Repository;
use bytes::Bytes;
use fleet_core::names::SnapshotId;
use rustic_core::repofile::{Node, Tree};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum unpacked size of a blob. A chunk has at most 8 MiB, and a tree of a million entries is below this limit.
const MAX_BLOB: u32 = 1 << 30;
/// Number of pack sections that are cached while adjacent blobs are read one by one.
const WINDOWS: usize = 8;
/// Blobs that lie side by side are read together up to here.
const TOGETHER: u32 = 4 << 20;

/// Maximum depth of nested folders; a deeper tree is refused as not genuine.
pub(crate) const MAX_DEPTH: usize = 2000;

/// Reads blobs by their ids.
pub(crate) struct Blobs<'a> {
    repository: &'a Repository,
    index: Arc<Index>,
    windows: Mutex<VecDeque<(u32, u64, Bytes)>>,
}

/// Blobs of one file that lie side by side in one pack.
pub(crate) struct Stretch {
    first: Location,
    blobs: Vec<(FileId, Location)>,
    length: u32,
}

impl<'a> Blobs<'a> {
    pub(crate) fn new(repository: &'a Repository, index: Arc<Index>) -> Self {
        Self { repository, index, windows: Mutex::default() }
    }

    pub(crate) fn read(&self, kind: BlobKind, id: &FileId) -> Result<Vec<u8>> {
        let mut failed = None;
        for location in self.index.find(kind, id) {
            match self.read_at(id, location) {
                Ok(blob) => return Ok(blob),
                // There may be a second copy of it.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or_else(|| self.missing(id)))
    }

    /// Returns the size of a blob by the index: the largest of its copies, because any of them may be read.
    pub(crate) fn claimed(&self, kind: BlobKind, id: &FileId) -> u64 {
        let size =
            |location: Location| u64::from(if location.unpacked == 0 { location.length } else { location.unpacked });
        self.index.find(kind, id).map(size).max().unwrap_or_default()
    }

    fn missing(&self, id: &FileId) -> Error {
        match self.index.unreadable().first() {
            Some(unreadable) => Error::Missing { what: format!("blob {id} in what can be read: {unreadable}") },
            None => Error::Missing { what: format!("blob {id}") },
        }
    }

    fn read_at(&self, id: &FileId, location: Location) -> Result<Vec<u8>> {
        let sealed = self.bytes(location.pack, location.offset, location.length)?;
        self.open(id, location, &sealed)
    }

    fn open(&self, id: &FileId, location: Location, sealed: &[u8]) -> Result<Vec<u8>> {
        open_blob(self.repository.key(), id, location, sealed).map_err(|error| Error::Damaged {
            kind: FileKind::Pack,
            id: self.index.pack(location.pack),
            reason: error.to_string(),
        })
    }

    fn bytes(&self, pack: u32, offset: u32, length: u32) -> Result<Bytes> {
        let ahead = self.repository.place().read_ahead();
        let (offset, length) = (u64::from(offset), u64::from(length));
        if ahead == 0 {
            return self.fetch(pack, offset, length);
        }
        let windows = || self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = windows().iter().find_map(|(of, from, bytes)| {
            let at = offset.checked_sub(*from)?;
            let fits = *of == pack && at + length <= bytes.len() as u64;
            fits.then(|| bytes.slice(at as usize..(at + length) as usize))
        });
        if let Some(bytes) = inside {
            return Ok(bytes);
        }
        let left = u64::from(self.index.end(pack)).saturating_sub(offset);
        let window = self.fetch(pack, offset, ahead.min(left).max(length))?;
        let mut windows = windows();
        windows.push_front((pack, offset, window.clone()));
        windows.truncate(WINDOWS);
        Ok(window.slice(..length as usize))
    }

    fn fetch(&self, pack: u32, offset: u64, length: u64) -> Result<Bytes> {
        let id = self.index.pack(pack);
        self.repository.place().read_range(FileKind::Pack, &id, offset, length).map_err(|error| match error {
            BackendError::Missing => Error::Damaged { kind: FileKind::Pack, id, reason: "the file is gone".to_owned() },
            BackendError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Error::Damaged { kind: FileKind::Pack, id, reason: "it is cut off".to_owned() }
            }
            BackendError::Io(error) if is_of_one_file(&error) => {
                Error::Damaged { kind: FileKind::Pack, id, reason: format!("it cannot be read: {error}") }
            }
            other => self.repository.at_place("read a pack")(other),
        })
    }

    pub(crate) fn tree(&self, id: &FileId) -> Result<Tree> {
        let json = self.read(BlobKind::Tree, id)?;
        let damaged =
            |error: serde_json::Error| Error::Unreadable { path: format!("tree {id}"), reason: error.to_string() };
        serde_json::from_slice(&json).map_err(damaged)
    }

    /// The node at a path, below a tree.
    pub(crate) fn find(&self, root: &FileId, path: &OsStr) -> Result<Node> {
        let missing = || Error::Missing { what: format!("`{}`", path.display()) };
        let mut tree = Some(*root);
        let mut found = None;
        for name in names(path) {
            let nodes = self.tree(&tree.ok_or_else(missing)?)?.nodes;
            let node = nodes.into_iter().find(|node| node.name() == name).ok_or_else(missing)?;
            tree = subtree(&node)?;
            found = Some(node);
        }
        found.ok_or_else(missing)
    }

    /// Groups the blobs of a file into stretches, so that few reads are needed.
    pub(crate) fn stretches(&self, content: &[FileId]) -> Result<Vec<Stretch>> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for id in content {
            let location = self.index.find(BlobKind::Data, id).next().ok_or_else(|| self.missing(id))?;
            match stretches.last_mut() {
                Some(last)
                    if last.first.pack == location.pack
                        && last.first.offset.checked_add(last.length) == Some(location.offset)
                        && last.length.saturating_add(location.length) <= TOGETHER =>
                {
                    last.length += location.length;
                    last.blobs.push((*id, location));
                }
                _ => stretches.push(Stretch { first: location, blobs: vec![(*id, location)], length: location.length }),
            }
        }
        Ok(stretches)
    }

    /// Passes the blobs of a stretch to `each`, in order.
    pub(crate) fn read_stretch(&self, stretch: &Stretch, mut each: impl FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
        // If they cannot be read together, one of them may have another copy.
        let read = self.bytes(stretch.first.pack, stretch.first.offset, stretch.length).ok();
        for (id, location) in &stretch.blobs {
            let from = (location.offset - stretch.first.offset) as usize;
            let sealed = read.as_ref().map(|bytes| &bytes[from..from + location.length as usize]);
            let opened = sealed.map(|sealed| self.open(id, *location, sealed));
            each(match opened {
                Some(Ok(blob)) => blob,
                Some(Err(_)) | None => self.read(BlobKind::Data, id)?,
            })?;
        }
        Ok(())
    }
}

/// Reason why a blob in a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlobError {
    #[error("{0}")]
    Sealed(String),
    #[error("a blob claims {bytes} bytes")]
    TooLarge { bytes: u32 },
    #[error("{0}")]
    Packed(std::io::Error),
    #[error("a blob is shorter than its index says")]
    Shorter,
    #[error("an index names a blob in it that is not there")]
    OtherHash,
}

/// Opens the blob at a location and checks that its hash is the id from the index. Any writer of the repository has its
/// key, so a valid seal alone proves nothing.
pub(crate) fn open_blob(key: &Key, id: &FileId, location: Location, sealed: &[u8]) -> Result<Vec<u8>, BlobError> {
    let mut blob = key.open(sealed).map_err(|error| BlobError::Sealed(error.to_string()))?;
    if location.unpacked > MAX_BLOB {
        return Err(BlobError::TooLarge { bytes: location.unpacked });
    }
    if location.unpacked != 0 {
        let unpacked = zstd::bulk::decompress(&blob, location.unpacked as usize);
        blob = unpacked.map_err(BlobError::Packed)?;
        if blob.len() != location.unpacked as usize {
            return Err(BlobError::Shorter);
        }
    }
    if Sha256::digest(&blob)[..] != id.0 {
        return Err(BlobError::OtherHash);
    }
    Ok(blob)
}

/// The names in a path of a snapshot: bytes without `/`, as names of files are.
pub(crate) fn names(path: &OsStr) -> impl Iterator<Item = &OsStr> {
    path.as_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty()).map(OsStr::from_bytes)
}

/// The tree below a node, if it is a folder.
pub(crate) fn subtree(node: &Node) -> Result<Option<FileId>> {
    node.subtree.as_ref().map(|id| own(id)).transpose()
}

/// The ids of a file's blobs.
pub(crate) fn content(node: &Node) -> Result<Vec<FileId>> {
    node.content.iter().flatten().map(|id| own(id)).collect()
}

pub(crate) fn own(id: &rustic_core::Id) -> Result<FileId> {
    crate::rustic_backend::file_id(id)
        .map_err(|error| Error::Rustic { doing: "read an id", reason: error.display_log() })
}

/// One file of a snapshot, read from its beginning to its end.
pub struct StreamReader<'a> {
    blobs: Blobs<'a>,
    path: String,
    size: u64,
    stretches: VecDeque<Stretch>,
    ready: VecDeque<Vec<u8>>,
    at: usize,
}

impl Repository {
    /// Opens one file of a snapshot.
    pub fn read_stream(&self, snapshot: &SnapshotId, path: impl AsRef<OsStr>) -> Result<StreamReader<'_>> {
        let path = path.as_ref();
        let root = own(&self.snapshot(&snapshot.into())?.tree)?;
        let blobs = Blobs::new(self, Arc::new(self.load_index()?));
        let node = blobs.find(&root, path)?;
        if !node.is_file() {
            return Err(Error::refused(format!("`{}` is not a file", path.display())));
        }
        let stretches: VecDeque<_> = blobs.stretches(&content(&node)?)?.into();
        let size = stretches.iter().flat_map(|stretch| &stretch.blobs).map(|(_, location)| length(*location)).sum();
        Ok(StreamReader { blobs, path: path.display().to_string(), size, stretches, ready: VecDeque::new(), at: 0 })
    }
}

/// Returns the length of a blob's content.
fn length(location: Location) -> u64 {
    let stored = location.length.saturating_sub(crate::crypt::OVERHEAD);
    u64::from(if location.unpacked == 0 { stored } else { location.unpacked })
}

impl StreamReader<'_> {
    /// Returns the number of bytes that this reader yields.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes; nothing at the end.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(blob) = self.ready.pop_front() {
                return Ok(Some(blob));
            }
            let Some(stretch) = self.stretches.pop_front() else { return Ok(None) };
            let ready = &mut self.ready;
            let read = self.blobs.read_stretch(&stretch, |blob| {
                ready.push_back(blob);
                Ok(())
            });
            read.map_err(|error| error.unreadable(&self.path))?;
        }
    }
}

impl Read for StreamReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ready.is_empty() {
            let Some(piece) = self.next_piece().map_err(|error| io::Error::other(error.line()))? else { return Ok(0) };
            self.ready.push_front(piece);
            self.at = 0;
        }
        let Some(piece) = self.ready.front() else { return Ok(0) };
        let count = buffer.len().min(piece.len() - self.at);
        buffer[..count].copy_from_slice(&piece[self.at..self.at + count]);
        self.at += count;
        if self.at == piece.len() {
            self.ready.pop_front();
            self.at = 0;
        }
        Ok(count)
    }
}

impl fmt::Debug for StreamReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader").field("path", &self.path).field("size", &self.size).finish_non_exhaustive()
    }
}
