//! Hashes of a few files, chosen by a seed, for a drill to compare with.

use crate::backend::FileId;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Number of extra files noted for the sample: some may change before they are hashed.
const SPARE: usize = 4;

/// Hash of one file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
    /// Its path in the snapshot.
    pub path: String,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// Notes files as they come by, and keeps those that the seed ranks lowest: the same ones for the same tree, spread evenly.
#[derive(Debug)]
pub(super) struct Sample {
    wanted: usize,
    seed: u64,
    noted: BTreeMap<[u8; 32], Noted>,
}

#[derive(Debug)]
struct Noted {
    disk: PathBuf,
    path: String,
    stamp: Stamp,
}

/// Properties by which a changed file is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    changed: (i64, i64),
    modified: (i64, i64),
    inode: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
        }
    }
}

impl Sample {
    pub(super) fn new(wanted: usize, seed: u64) -> Self {
        Self { wanted: wanted.min(10_000), seed, noted: BTreeMap::new() }
    }

    pub(super) fn note(&mut self, disk: &Path, path: &Path, stamp: Stamp) {
        let Some(path) = path.to_str().filter(|_| self.wanted > 0) else { return };
        let rank = Sha256::new().chain_update(self.seed.to_le_bytes()).chain_update(path).finalize().into();
        let noted = || Noted { disk: disk.to_owned(), path: path.to_owned(), stamp };
        let limit = self.wanted * SPARE;
        if self.noted.len() < limit || self.noted.last_key_value().is_some_and(|(last, _)| rank < *last) {
            self.noted.entry(rank).or_insert_with(noted);
            while self.noted.len() > limit {
                self.noted.pop_last();
            }
        }
    }

    /// Hashes the noted files, without those that have changed since.
    pub(super) fn hash(self) -> Result<Vec<FileHash>> {
        let mut hashes = Vec::new();
        for noted in self.noted.into_values() {
            if hashes.len() == self.wanted {
                break;
            }
            match hash_unchanged(&noted.disk, noted.stamp) {
                Ok(Some(sha256)) => {
                    let sha256 = FileId(sha256).to_string();
                    hashes.push(FileHash { path: noted.path, bytes: noted.stamp.size, sha256 });
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::disk("read", noted.disk)(error)),
            }
        }
        hashes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(hashes)
    }
}

fn hash_unchanged(path: &Path, stamp: Stamp) -> io::Result<Option<[u8; 32]>> {
    if Stamp::of(&std::fs::symlink_metadata(path)?) != stamp {
        return Ok(None);
    }
    let mut file = File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    Ok((Stamp::of(&file.metadata()?) == stamp).then(|| hash.finalize().into()))
}
