//! Streams into one snapshot: dumps, or a manifest.

use super::fill::{Filled, Through, Turns};
use super::{Job, inside, timestamp};
use crate::backend::FileId;
use crate::backup::{Kind, Part};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::repository::Repository;
use crate::run::Chunks;
use crate::rustic_backend::Snapshots;
use fleet_core::names::SnapshotId;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{ReadSource, ReadSourceEntry, RusticResult};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Something that is read from its beginning to its end, once.
pub struct Stream {
    /// Its path in the snapshot.
    pub name: String,
    /// About how many bytes it will give, from the last time: it decides the size of chunks.
    pub expected: Option<u64>,
    /// An error of this reader fails the whole run.
    pub reader: Box<dyn Read + Send>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.name).field("expected", &self.expected).finish_non_exhaustive()
    }
}

/// Size and hash of one archived stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedStream {
    /// Name of the stream, as in the request.
    pub name: String,
    /// Bytes that were read from the stream, before compression.
    pub bytes: u64,
    /// SHA-256 of those bytes, in hexadecimal.
    pub sha256: String,
}

/// Result of archiving streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedStreams {
    /// Snapshot that holds the streams.
    pub snapshot: SnapshotId,
    /// Archived streams in the order of their names, which is the order of reading.
    pub streams: Vec<ArchivedStream>,
    /// Bytes that the repository has grown by, after compression.
    pub added: u64,
}

impl ArchivedStreams {
    /// Returns the stream of a name.
    pub fn stream(&self, name: &str) -> Option<&ArchivedStream> {
        self.streams.iter().find(|stream| stream.name == name)
    }
}

type Results = Vec<(String, Arc<Mutex<Option<Through>>>)>;

impl Repository {
    /// Archives streams into the `dumps` snapshot of a backup, one after the other, in the order of their names.
    ///
    /// Fails without writing a snapshot if a stream fails or the gate is closed meanwhile.
    pub fn archive_streams(&self, part: &Part, streams: Vec<Stream>, gate: &Arc<Gate>) -> Result<ArchivedStreams> {
        self.archive_as(Kind::Dumps, part, streams, gate)
    }

    pub(super) fn archive_as(
        &self,
        kind: Kind,
        part: &Part,
        streams: Vec<Stream>,
        gate: &Arc<Gate>,
    ) -> Result<ArchivedStreams> {
        let chunks = match kind {
            Kind::Dumps => {
                let expected = streams.iter().filter_map(|stream| stream.expected).fold(0, u64::saturating_add);
                Chunks::for_dump(expected)
            }
            Kind::Files | Kind::Set | Kind::Proof => Chunks::Default,
        };
        let streams = in_order(streams)?;
        let order: Vec<_> = streams.iter().map(|(path, _)| path.clone()).collect();
        let paths = order.clone();
        let (source, results) = Source::new(streams, part, gate)?;
        let job =
            Job { part, kind, chunks, gate: gate.clone(), parent: None, paths, source, snapshots: Snapshots::Later };
        let done = self.archive(&job)?;
        let archived = results.into_iter().map(|(name, result)| {
            let through = *result.lock().unwrap_or_else(PoisonError::into_inner);
            let through = through
                .ok_or_else(|| Error::Source { name: name.clone(), reason: "it was not read to its end".to_owned() })?;
            let sha256 = FileId(through.sha256).to_string();
            Ok(ArchivedStream { name, bytes: through.bytes, sha256 })
        });
        let streams = archived.collect::<Result<Vec<_>>>()?;
        let sizes = order.into_iter().zip(streams.iter().map(|stream| stream.bytes)).collect();
        let snapshot = self.write_with_sizes(done.snapshot, &sizes, gate)?;
        Ok(ArchivedStreams { snapshot: snapshot.into(), streams, added: done.added })
    }
}

/// Streams with their paths, as the archiver wants them: sorted by the parts of their paths, and none below another.
fn in_order(streams: Vec<Stream>) -> Result<Vec<(PathBuf, Stream)>> {
    let placed = |stream: Stream| {
        let path = inside(&stream.name);
        let path = path.ok_or_else(|| Error::refused(format!("`{}` is no path in a backup", stream.name)))?;
        Ok((path, stream))
    };
    let mut streams = streams.into_iter().map(placed).collect::<Result<Vec<_>>>()?;
    streams.sort_by(|(a, _), (b, _)| a.cmp(b));
    match streams.windows(2).find(|pair| pair[1].0.starts_with(&pair[0].0)) {
        Some(pair) => {
            Err(Error::refused(format!("`{}` and `{}` are in each other's way", pair[0].1.name, pair[1].1.name)))
        }
        None if streams.is_empty() => Err(Error::refused("there is nothing to archive")),
        None => Ok(streams),
    }
}

type Reader = Filled<Box<dyn Read + Send>>;

/// The streams, as rustic_core's source. Can be gone through once.
struct Source {
    entries: Mutex<VecDeque<ReadSourceEntry<Reader>>>,
}

impl Source {
    fn new(streams: Vec<(PathBuf, Stream)>, part: &Part, gate: &Arc<Gate>) -> Result<(Self, Results)> {
        let time = Some(timestamp(part.time)?);
        let turns = Arc::new(Turns::default());
        let (mut entries, mut results) = (VecDeque::new(), Vec::new());
        for (number, (path, stream)) in streams.into_iter().enumerate() {
            let result = Arc::new(Mutex::new(None));
            let meta = Metadata {
                // Without these, stock tools would list an unreadable file of the year 1.
                mode: Some(0o600),
                mtime: time,
                atime: time,
                ctime: time,
                uid: Some(0),
                gid: Some(0),
                links: 1,
                ..Metadata::default()
            };
            let node = Node::new_node(file_name(&path), NodeType::File, meta);
            let turn = (turns.clone(), number);
            let open = Filled::new(stream.reader, stream.name.clone(), gate.clone(), turn, result.clone());
            entries.push_back(ReadSourceEntry { path, node, open: Some(open) });
            results.push((stream.name, result));
        }
        Ok((Self { entries: Mutex::new(entries) }, results))
    }
}

fn file_name(path: &Path) -> &std::ffi::OsStr {
    path.file_name().unwrap_or(path.as_os_str())
}

impl ReadSource for Source {
    type Open = Reader;
    type Iter = std::collections::vec_deque::IntoIter<RusticResult<ReadSourceEntry<Reader>>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let entries = std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner));
        entries.into_iter().map(Ok).collect::<VecDeque<_>>().into_iter()
    }
}
