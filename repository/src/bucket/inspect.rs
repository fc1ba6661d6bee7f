//! Compares the content of a bucket with the sample that was noted for it.

use super::{Bucket, ListError};
use crate::activity::ActivityCounter;
use crate::backend::{BackendError, FileId, S3Address};
use crate::error::{Error, Result};
use fleet_core::backup::StoreDifference;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Content of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// Number of objects below the prefix.
    pub objects: u64,
    /// Bytes of all those objects.
    pub bytes: u64,
    /// First difference of the sample.
    pub wrong: Option<StoreDifference>,
}

/// Counts the objects of a bucket, none where there is no such bucket, and hashes those of a sample: SHA-256 by path below the prefix.
pub fn inspect(address: &S3Address, sample: &BTreeMap<String, String>, activity: &ActivityCounter) -> Result<Looked> {
    let bucket = Arc::new(Bucket::new(address)?.with_activity(activity.clone()));
    let found = match bucket.listed() {
        Err(ListError::Backend(BackendError::Missing)) => Vec::new(),
        listed => bucket.sorted(listed)?,
    };
    let bytes = found.iter().map(|it| it.stamp.size).sum();
    let mut wrong = None;
    for (path, noted) in sample {
        wrong = match bucket.hash(Path::new(path)) {
            Ok(Some((_, hash))) if hash == *noted => None,
            Ok(Some(_)) => Some(StoreDifference::Content { path: path.clone() }),
            Ok(None) => Some(StoreDifference::PathMissing { path: path.clone() }),
            Err(error) => return Err(error),
        };
        if wrong.is_some() {
            break;
        }
    }
    Ok(Looked { objects: found.len() as u64, bytes, wrong })
}

impl Bucket {
    /// The SHA-256 of an object as it is now, if it is there.
    pub(crate) fn hash(self: &Arc<Self>, path: &Path) -> Result<Option<(super::Stamp, String)>> {
        let (stamp, mut reader) = match self.open(path) {
            Ok(opened) => opened,
            Err(BackendError::Missing) => return Ok(None),
            Err(error) => return Err(self.failed("read from")(error)),
        };
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
        loop {
            let read = reader.read(&mut buffer);
            match read.map_err(|error| Error::Source { name: path.display().to_string(), reason: error.to_string() })? {
                0 => return Ok(Some((stamp, FileId(hash.finalize().into()).to_string()))),
                count => hash.update(&buffer[..count]),
            }
        }
    }
}
