//! Folders and buckets, one after the other, as one source: a snapshot has its files in the order of their paths.

use super::file::{Capped, Unopened};
use super::objects::{Measured, Objects, Picked, UnopenedObject};
use super::walk::{Noted, Walk};
use crate::backend::S3Address;
use crate::bucket::Bucket;
use crate::error::Result;
use rustic_core::{ReadSource, ReadSourceEntry, ReadSourceOpen, RusticResult};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// Content that is read for one path of a snapshot.
#[derive(Debug, Clone)]
pub(super) enum Root {
    Folder(PathBuf),
    Bucket(S3Address),
}

pub(super) struct Mixed {
    parts: Vec<Part>,
}

enum Part {
    Folder(Walk),
    Bucket(Arc<Objects>),
}

impl Mixed {
    /// Makes it from sources in the order of their paths. Buckets are listed here: an error is returned before anything
    /// is written.
    pub(super) fn new(
        roots: Vec<(PathBuf, Root)>,
        excludes: &[String],
        noted: &Arc<Noted>,
        picked: &Arc<Picked>,
    ) -> Result<Self> {
        let part = |(path, root): (PathBuf, Root)| match root {
            Root::Folder(disk) => Walk::new(vec![(path, disk)], excludes, noted.clone()).map(Part::Folder),
            Root::Bucket(address) => {
                let objects = Objects::list(
                    Bucket::new(&address)?.with_activity(noted.activity.clone()),
                    path,
                    noted.clone(),
                    picked.clone(),
                )?;
                Ok(Part::Bucket(Arc::new(objects)))
            }
        };
        Ok(Self { parts: roots.into_iter().map(part).collect::<Result<_>>()? })
    }

    pub(super) fn buckets(&self) -> Vec<Arc<Objects>> {
        let bucket = |part: &Part| match part {
            Part::Folder(_) => None,
            Part::Bucket(objects) => Some(objects.clone()),
        };
        self.parts.iter().filter_map(bucket).collect()
    }
}

type Entries = Box<dyn Iterator<Item = RusticResult<ReadSourceEntry<Opening>>> + Send>;

impl ReadSource for Mixed {
    type Open = Opening;
    type Iter = Entries;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Entries {
        let entries = |part: &Part| -> Entries {
            match part {
                Part::Folder(walk) => Box::new(walk.entries().map(|entry| Ok(with(entry?, Opening::File)))),
                Part::Bucket(objects) => Box::new(objects.entries().map(|entry| Ok(with(entry, Opening::Object)))),
            }
        };
        let parts: Vec<Entries> = self.parts.iter().map(entries).collect();
        Box::new(parts.into_iter().flatten())
    }
}

fn with<A, B>(entry: ReadSourceEntry<A>, into: fn(A) -> B) -> ReadSourceEntry<B> {
    ReadSourceEntry { path: entry.path, node: entry.node, open: entry.open.map(into) }
}

/// Source that is opened only when it is read.
pub(super) enum Opening {
    File(Unopened),
    Object(UnopenedObject),
}

impl ReadSourceOpen for Opening {
    type Reader = Opened;

    fn open(self) -> RusticResult<Opened> {
        match self {
            Self::File(file) => file.open().map(Opened::File),
            Self::Object(object) => object.open().map(Opened::Object),
        }
    }
}

pub(super) enum Opened {
    File(Capped),
    Object(Measured),
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Object(object) => object.read(buffer),
        }
    }
}
