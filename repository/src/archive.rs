//! Putting dumps, files and manifests into a repository.
//!
//! **Invariant:** a snapshot is written only after every source of it has ended well.

mod file;
mod fill;
mod mixed;
mod objects;
mod sample;
mod sizes;
mod streams;
mod trees;
mod walk;

pub use sample::FileHash;
pub use streams::{ArchivedStream, ArchivedStreams, Stream};
pub use trees::{ArchivedTrees, BucketTree, Tree, TreeSize, Trees};

use crate::backup::{Kind, MANIFEST, MAX_MANIFEST, PROOF, Part, tags};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::register::Register;
use crate::repository::{Repository, RusticRepository};
use crate::run::{Chunks, Indexes, Removal, Run};
use crate::rustic_backend::Snapshots;
use fleet_core::names::SnapshotId;
use fleet_core::time::Time;
use rustic_core::jiff::{Timestamp, tz::TimeZone};
use rustic_core::repofile::SnapshotFile;
use rustic_core::{BackupOptions, ReadSource, ReadSourceOpen};
use std::path::PathBuf;
use std::sync::Arc;

/// Content that one run writes into one snapshot.
struct Job<'a, S> {
    part: &'a Part,
    kind: Kind,
    chunks: Chunks,
    gate: Arc<Gate>,
    parent: Option<SnapshotId>,
    paths: Vec<PathBuf>,
    source: S,
    snapshots: Snapshots,
}

/// Result of one run.
struct Done {
    /// Written already, unless it was to be written later.
    snapshot: SnapshotFile,
    added: u64,
}

impl Repository {
    /// Writes the snapshot that makes a backup exist, which must come last.
    pub fn write_set(&self, part: &Part, manifest: Vec<u8>) -> Result<SnapshotId> {
        self.write_note(Kind::Set, MANIFEST, part, manifest)
    }

    /// Stores the result of a drill of a backup.
    pub fn write_proof(&self, part: &Part, proof: Vec<u8>) -> Result<SnapshotId> {
        self.write_note(Kind::Proof, PROOF, part, proof)
    }

    fn write_note(&self, kind: Kind, name: &str, part: &Part, note: Vec<u8>) -> Result<SnapshotId> {
        if note.len() as u64 > MAX_MANIFEST {
            return Err(Error::refused(format!("`{name}` is larger than 16 MiB")));
        }
        let reader = Box::new(std::io::Cursor::new(note));
        let stream = Stream { name: name.to_owned(), expected: None, reader };
        let archived = self.archive_as(kind, part, vec![stream], &Arc::new(Gate::default()))?;
        Ok(archived.snapshot)
    }

    fn archive<S>(&self, job: &Job<'_, S>) -> Result<Done>
    where
        S: ReadSource + 'static,
        S::Open: Send,
        S::Iter: Send,
        <S::Open as ReadSourceOpen>::Reader: Send,
    {
        let register = Arc::new(Register::new(self.key().clone(), self.naming()));
        let run = Run {
            chunks: job.chunks,
            gate: Some(job.gate.clone()),
            register: Some(register.clone()),
            snapshots: job.snapshots,
            removal: Removal::IndexFirst,
            indexes: Indexes::ThatCanBeRead,
        };
        let RusticRepository { repository, backend } = self.engine(&run)?;
        let snapshot = new_snapshot(job.part, job.kind)?;
        let mut options = BackupOptions::default();
        options.no_scan = true;
        match &job.parent {
            Some(parent) => options.parent_opts.parents = vec![parent.to_string()],
            None => options.parent_opts.force = true,
        }
        let archived = repository
            .to_indexed_ids()
            .and_then(|repository| repository.archive(&options, &job.source, snapshot, &job.paths));
        // Packs that have arrived must not be sent again, whatever the result of the run.
        let known = register.flush(self.place());
        let file = archived.map_err(|error| self.engine_error("archive", &backend, Some(&job.gate), &error))?;
        known.map_err(self.at_place("write an index"))?;
        if let Some((name, reason)) = job.gate.reason() {
            return Err(Error::Source { name, reason });
        }
        let summary = file.summary.clone().unwrap_or_default();
        Ok(Done { snapshot: file, added: summary.data_added_packed })
    }
}

fn new_snapshot(part: &Part, kind: Kind) -> Result<SnapshotFile> {
    let mut snapshot = SnapshotFile::default();
    // Not all of its fields are public, so it cannot be constructed directly.
    (snapshot.time, snapshot.hostname) = (timestamp(part.time)?.to_zoned(TimeZone::UTC), part.host.to_string());
    snapshot.program_version = format!("fleet {}", env!("CARGO_PKG_VERSION"));
    tags(&part.backup, kind).into_iter().for_each(|tag| snapshot.tags.add(tag));
    Ok(snapshot)
}

fn timestamp(time: Time) -> Result<Timestamp> {
    let millis = i64::try_from(time.0).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    millis.ok_or_else(|| Error::refused(format!("{} ms is no time of a backup", time.0)))
}

/// Takes a path inside a snapshot apart; nothing where it would lead out of it.
fn inside(path: &str) -> Option<PathBuf> {
    let names: Vec<_> = path.split('/').filter(|name| !name.is_empty()).collect();
    let is_plain = !names.is_empty() && names.iter().all(|name| *name != "." && *name != ".." && !name.contains('\0'));
    is_plain.then(|| std::iter::once("/").chain(names).collect())
}
