//! Maps each blob to its location in a pack.

use crate::backend::FileId;
use crate::damage::Unreadable;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BlobKind {
    Data,
    Tree,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexBlob {
    pub(crate) id: FileId,
    #[serde(rename = "type")]
    pub(crate) kind: BlobKind,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uncompressed_length: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IndexPack {
    pub(crate) id: FileId,
    pub(crate) blobs: Vec<IndexBlob>,
}

/// Content of one index file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct IndexFile {
    pub(crate) packs: Vec<IndexPack>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) packs_to_delete: Vec<IndexPack>,
}

/// Location of one blob in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Location {
    pub(crate) pack: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// Zero: it is not packed with zstd.
    pub(crate) unpacked: u32,
}

/// All index files together. Their entries about one pack are merged: none is trusted more than another.
#[derive(Debug, Default)]
pub(crate) struct Index {
    packs: Vec<FileId>,
    /// For each pack, the offset at which its blobs end and its header begins.
    ends: Vec<u32>,
    /// In the order of kind and id, which takes half the memory of a map.
    blobs: Vec<(BlobKind, FileId, Location)>,
    unreadable: Vec<Unreadable>,
}

impl Index {
    /// Packs that wait for their removal are no part of it. `unreadable` are the index files that it lacks.
    pub(crate) fn new(files: impl IntoIterator<Item = IndexFile>, unreadable: Vec<Unreadable>) -> Self {
        let mut index = Self { unreadable, ..Self::default() };
        let mut numbers = HashMap::new();
        for pack in files.into_iter().flat_map(|file| file.packs) {
            let next = u32::try_from(index.packs.len()).unwrap_or(u32::MAX);
            let number = *numbers.entry(pack.id).or_insert(next);
            if number == next {
                index.packs.push(pack.id);
                index.ends.push(0);
            }
            let end = pack.blobs.iter().map(|blob| blob.offset.saturating_add(blob.length)).max().unwrap_or(0);
            if let Some(known) = index.ends.get_mut(number as usize) {
                *known = end.max(*known);
            }
            index.blobs.extend(pack.blobs.into_iter().map(|blob| {
                let unpacked = blob.uncompressed_length.unwrap_or(0);
                let location = Location { pack: number, offset: blob.offset, length: blob.length, unpacked };
                (blob.kind, blob.id, location)
            }));
        }
        index.blobs.sort_unstable();
        index.blobs.dedup();
        index
    }

    /// The index files that it lacks.
    pub(crate) fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Returns every location of the blobs that have more than one.
    pub(crate) fn doubled(&self) -> Vec<(FileId, Location)> {
        let same = self.blobs.chunk_by(|(kind, id, _), (other, another, _)| (kind, id) == (other, another));
        let mut doubled: Vec<_> = same.filter(|places| places.len() > 1).flatten().copied().collect();
        // A folder may be said to be data, too: who asks by the id alone would find either.
        let trees = self.blobs.partition_point(|(kind, ..)| *kind < BlobKind::Tree);
        for tree in &self.blobs[trees..] {
            let data = self.find(BlobKind::Data, &tree.1).map(|location| (BlobKind::Data, tree.1, location));
            let before = doubled.len();
            doubled.extend(data);
            if doubled.len() > before {
                doubled.push(*tree);
            }
        }
        doubled.sort_unstable();
        doubled.dedup();
        doubled.into_iter().map(|(_, id, location)| (id, location)).collect()
    }

    /// Returns all locations of a blob; usually one.
    pub(crate) fn find(&self, kind: BlobKind, id: &FileId) -> impl Iterator<Item = Location> + '_ {
        let from = self.blobs.partition_point(|(k, i, _)| (*k, i) < (kind, id));
        let wanted = (kind, *id);
        self.blobs[from..].iter().take_while(move |(k, i, _)| (*k, *i) == wanted).map(|(_, _, location)| *location)
    }

    pub(crate) fn pack(&self, number: u32) -> FileId {
        self.packs.get(number as usize).copied().unwrap_or_default()
    }

    /// Returns the offset at which the blobs of a pack end.
    pub(crate) fn end(&self, number: u32) -> u32 {
        self.ends.get(number as usize).copied().unwrap_or(0)
    }

    pub(crate) fn packs(&self) -> &[FileId] {
        &self.packs
    }

    /// Every blob, with the pack it is in.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = (BlobKind, FileId, Location)> + '_ {
        self.blobs.iter().copied()
    }
}
