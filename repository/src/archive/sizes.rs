//! The snapshot of streams, with their sizes in it.
//!
//! The length of a stream is known only at its end, after rustic_core has written its metadata. Without the right
//! length, stock restic would report the restored file as wrong.

use crate::backend::{FileId, FileKind};
use crate::error::{Error, Result};
use crate::format::pack::{NewPack, pack_trees};
use crate::gate::Gate;
use crate::reader::{Blobs, own, subtree};
use crate::register::write_index;
use crate::repository::Repository;
use bytes::Bytes;
use rustic_core::Id;
use rustic_core::repofile::SnapshotFile;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Repository {
    /// Writes the trees of a snapshot again with the sizes of its files, then writes the snapshot.
    pub(super) fn write_with_sizes(
        &self,
        mut snapshot: SnapshotFile,
        sizes: &BTreeMap<PathBuf, u64>,
        gate: &Gate,
    ) -> Result<FileId> {
        let unsealed = |reason: String| Error::Rustic { doing: "write a snapshot", reason };
        let blobs = Blobs::new(self, Arc::new(self.load_index()?));
        let mut trees = Vec::new();
        let root = describe(&blobs, &own(&snapshot.tree)?, Path::new("/"), sizes, &mut trees)?;
        let NewPack { content, entry } = pack_trees(self.key(), &trees).map_err(|error| unsealed(error.to_string()))?;
        let written = self.place().write(FileKind::Pack, &entry.id, &content);
        written.map_err(self.at_place("write a pack"))?;
        write_index(self.key(), self.place(), &[entry]).map_err(self.at_place("write an index"))?;

        snapshot.tree = Id::new(root.0).into();
        snapshot.id = Default::default();
        let json = serde_json::to_vec(&snapshot).map_err(|error| unsealed(error.to_string()))?;
        let sealed = self.key().seal_file(&json).map_err(|error| unsealed(error.to_string()))?;
        let id = FileId(Sha256::digest(&sealed).into());
        if let Some((name, reason)) = gate.reason() {
            return Err(Error::Source { name, reason });
        }
        let written = self.place().write(FileKind::Snapshot, &id, &[Bytes::from(sealed)]);
        written.map_err(self.at_place("write a snapshot"))?;
        Ok(id)
    }
}

/// Puts sizes into a tree and those below it. All of them go to `trees`; the id of this one is given.
fn describe(
    blobs: &Blobs<'_>,
    id: &FileId,
    at: &Path,
    sizes: &BTreeMap<PathBuf, u64>,
    trees: &mut Vec<Vec<u8>>,
) -> Result<FileId> {
    let mut tree = blobs.tree(id)?;
    for node in &mut tree.nodes {
        let path = at.join(&*node.name());
        if let Some(below) = subtree(node)? {
            let below = describe(blobs, &below, &path, sizes, trees)?;
            node.subtree = Some(Id::new(below.0).into());
        } else if let Some(size) = sizes.get(&path) {
            node.meta.size = *size;
        }
    }
    let failed = |reason: String| Error::Rustic { doing: "write a folder down", reason };
    let (json, _) = tree.serialize().map_err(|error| failed(error.to_string()))?;
    let id = FileId(Sha256::digest(&json).into());
    if !trees.contains(&json) {
        trees.push(json);
    }
    Ok(id)
}
