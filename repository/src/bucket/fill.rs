//! Puts a folder of a snapshot into a bucket, each file as an object.
//!
//! **Invariant:** objects are removed only after all objects of the backup are in place.

use super::read::noted;
use super::{Bucket, ListedObject};
use crate::backend::{FileId, S3Address};
use crate::error::{Error, Result};
use crate::parallel::in_parallel;
use crate::reader::{Blobs, MAX_DEPTH, content, own, subtree};
use crate::repository::Repository;
use bytes::Bytes;
use fleet_core::grammar::count;
use fleet_core::names::SnapshotId;
use object_store::path::Path as Key;
use object_store::{
    Attributes, MultipartUpload, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
};
use rustic_core::repofile::{Node, NodeType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Size up to which objects are sent in one request; larger ones are sent in parts of that size.
const PART: u64 = 8 << 20;
/// An object has no more parts.
const MAX_PARTS: u64 = 9_000;

/// Treatment of objects that are not in the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extra {
    /// Other objects stay.
    Keep,
    /// Other objects are removed after the restore has written its own.
    Remove,
}

/// Result of filling a bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// Objects that were written.
    pub objects: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// Objects that the backup does not have.
    pub removed: u64,
}

impl Repository {
    /// Writes the content of a snapshot's folder into a bucket, which is created if it does not exist.
    pub fn fill_bucket(&self, snapshot: &SnapshotId, path: &str, to: &S3Address, extra: Extra) -> Result<Filled> {
        let bucket = Bucket::new(to)?.with_activity(self.activity().clone());
        let before = bucket.list_or_make()?;
        let blobs = Blobs::new(self, Arc::new(self.load_index()?));
        let root = own(&self.snapshot(&snapshot.into())?.tree)?;
        let node = blobs.find(&root, path.as_ref())?;
        let tree = subtree(&node)?.ok_or_else(|| Error::refused(format!("`{path}` is not a folder")))?;
        let mut files = Vec::new();
        gather(&blobs, &tree, Path::new(""), 0, &mut files)?;
        let bytes = AtomicU64::new(0);
        in_parallel(&files, |(path, node)| {
            bytes.fetch_add(bucket.put(&blobs, path, node)?, Ordering::Relaxed);
            Ok(())
        })?;
        let removed = match extra {
            Extra::Keep => 0,
            Extra::Remove => bucket.remove_others(&before, &files)?,
        };
        bucket.expect_all(&files)?;
        Ok(Filled { objects: files.len() as u64, bytes: bytes.into_inner(), removed })
    }
}

/// Returns the files below a tree. Other entries cannot come from a bucket.
fn gather(blobs: &Blobs<'_>, tree: &FileId, at: &Path, depth: usize, files: &mut Vec<(PathBuf, Node)>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::refused(format!("`{}` is too deep", at.display())));
    }
    for node in blobs.tree(tree)?.nodes {
        let path = at.join(&*node.name());
        match (&node.node_type, subtree(&node)?) {
            (NodeType::Dir, Some(below)) => gather(blobs, &below, &path, depth + 1, files)?,
            (NodeType::File, _) => files.push((path, node)),
            _ => {}
        }
    }
    Ok(())
}

impl Bucket {
    fn put(&self, blobs: &Blobs<'_>, path: &Path, node: &Node) -> Result<u64> {
        let key = self.key(path)?;
        let attributes = noted(&node.meta);
        let mut upload =
            Upload { bucket: self, key, attributes, begun: None, part: node.meta.size.div_ceil(MAX_PARTS).max(PART) };
        let sent = upload.send(blobs, node, path);
        if sent.is_err() {
            upload.abort();
        }
        sent
    }

    fn remove_others(&self, before: &[ListedObject], files: &[(PathBuf, Node)]) -> Result<u64> {
        let kept: BTreeMap<&Path, ()> = files.iter().map(|(path, _)| (path.as_path(), ())).collect();
        let others: Vec<&ListedObject> = before.iter().filter(|it| !kept.contains_key(it.path.as_path())).collect();
        in_parallel(&others, |found| {
            let key = self.key(&found.path)?;
            match self.wait(self.store.delete(&key)) {
                Ok(()) | Err(crate::backend::BackendError::Missing) => Ok(()),
                Err(error) => Err(self.failed("remove an object of")(error)),
            }
        })?;
        Ok(others.len() as u64)
    }

    /// Lists the bucket again and checks that all written objects exist with their sizes.
    fn expect_all(&self, files: &[(PathBuf, Node)]) -> Result<()> {
        let found = self.list()?;
        let found: BTreeMap<&Path, u64> = found.iter().map(|it| (it.path.as_path(), it.stamp.size)).collect();
        let lacks = |(path, node): &&(PathBuf, Node)| found.get(path.as_path()) != Some(&node.meta.size);
        match files.iter().find(lacks) {
            None => Ok(()),
            Some((path, _)) => {
                let reason = format!("`{}` is not there as it was put there", path.display());
                Err(Error::Bucket {
                    doing: "fill",
                    bucket: self.name.clone(),
                    source: crate::backend::BackendError::Refused(reason),
                })
            }
        }
    }
}

/// Upload of one object.
struct Upload<'a> {
    bucket: &'a Bucket,
    key: Key,
    attributes: Attributes,
    begun: Option<Box<dyn MultipartUpload>>,
    part: u64,
}

impl Upload<'_> {
    fn send(&mut self, blobs: &Blobs<'_>, node: &Node, path: &Path) -> Result<u64> {
        let (mut waiting, mut length, mut sent) = (Vec::new(), 0_u64, 0_u64);
        for stretch in blobs.stretches(&content(node)?)? {
            let read = blobs.read_stretch(&stretch, |blob| {
                length += blob.len() as u64;
                waiting.push(Bytes::from(blob));
                Ok(())
            });
            read.map_err(|error| error.unreadable(&path.display().to_string()))?;
            if length >= self.part {
                sent += std::mem::take(&mut length);
                self.part(std::mem::take(&mut waiting))?;
            }
        }
        let total = sent + length;
        if total != node.meta.size {
            let reason = format!("it has {} instead of {}", count(total, "byte"), node.meta.size);
            return Err(Error::Unreadable { path: path.display().to_string(), reason });
        }
        self.finish(waiting)?;
        Ok(total)
    }

    fn part(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        let (bucket, key) = (self.bucket, &self.key);
        let failed = bucket.failed("write to");
        let upload = match &mut self.begun {
            Some(begun) => begun,
            none => {
                let options = PutMultipartOptions { attributes: self.attributes.clone(), ..Default::default() };
                let begun = bucket.wait(bucket.store.put_multipart_opts(key, options)).map_err(&failed)?;
                none.insert(begun)
            }
        };
        let payload: PutPayload = pieces.into_iter().collect();
        bucket.wait(upload.put_part(payload)).map_err(failed)
    }

    fn finish(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        if self.begun.is_some() && !pieces.is_empty() {
            self.part(pieces)?;
        } else if self.begun.is_none() {
            let options = PutOptions { attributes: self.attributes.clone(), ..Default::default() };
            let payload: PutPayload = pieces.into_iter().collect();
            let put = self.bucket.wait(self.bucket.store.put_opts(&self.key, payload, options));
            return put.map(drop).map_err(self.bucket.failed("write to"));
        }
        match &mut self.begun {
            Some(begun) => self.bucket.wait(begun.complete()).map(drop).map_err(self.bucket.failed("write to")),
            None => Ok(()),
        }
    }

    /// Aborts an incomplete upload: its parts cost money and are invisible.
    fn abort(&mut self) {
        if let Some(mut begun) = self.begun.take() {
            let _ = self.bucket.wait(begun.abort());
        }
    }
}
