//! A backend in the form of rustic_core.
//!
//! Three things are changed: the served config has the chunk and pack sizes of the run (the stored config stays as
//! restic made it), nothing is committed once the gate is closed, and stored packs are added to the index early.

use crate::backend::{Backend, BackendError, FileId, FileKind};
use crate::crypt::Key;
use crate::damage::is_of_one_file;
use crate::format::IndexFile;
use crate::gate::Gate;
use crate::register::Register;
use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};
use std::sync::{Arc, Mutex, PoisonError};

/// Writer of a run's snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Snapshots {
    Here,
    /// The caller, later: the snapshot of rustic_core is discarded.
    Later,
}

/// Backend that rustic_core reads from and writes to.
pub(crate) struct RusticBackend {
    place: Arc<dyn Backend>,
    config: Option<Bytes>,
    gate: Option<Arc<Gate>>,
    register: Option<Arc<Register>>,
    snapshots: Snapshots,
    /// With it, an index file that cannot be read is served as one that names nothing.
    lenient: Option<Key>,
    /// Index files that are removed only when all else is done.
    superseded: Option<Mutex<Vec<FileId>>>,
    /// First failure of the storage. It is kept here because rustic_core reports it only as text.
    failed: Mutex<Option<(String, BackendError)>>,
}

impl RusticBackend {
    /// Makes the backend for creating a repository: everything is written unchanged.
    pub(crate) fn plain(place: Arc<dyn Backend>) -> Self {
        let (snapshots, superseded, failed) = (Snapshots::Here, None, Mutex::default());
        Self { place, config: None, gate: None, register: None, snapshots, lenient: None, superseded, failed }
    }

    /// Serves `config` instead of the stored one, and never writes one.
    pub(crate) fn with_config(mut self, config: Bytes) -> Self {
        self.config = Some(config);
        self
    }

    pub(crate) fn with_gate(mut self, gate: Arc<Gate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Makes packs known as they arrive, and not only when rustic_core gets to it.
    pub(crate) fn with_register(mut self, register: Arc<Register>) -> Self {
        self.register = Some(register);
        self
    }

    pub(crate) fn with_snapshots(mut self, snapshots: Snapshots) -> Self {
        self.snapshots = snapshots;
        self
    }

    /// Allows a run that removes nothing to continue despite a damaged index file.
    pub(crate) fn without_damaged_indexes(mut self, key: Key) -> Self {
        self.lenient = Some(key);
        self
    }

    fn index(&self, key: &Key, id: &FileId) -> Result<Bytes, BackendError> {
        let read = match self.place.read(FileKind::Index, id) {
            Err(BackendError::Io(error)) if is_of_one_file(&error) => Bytes::new(),
            read => read?,
        };
        let file = key.open_file(&read).ok();
        if file.is_some_and(|file| serde_json::from_slice::<IndexFile>(&file).is_ok()) {
            return Ok(read);
        }
        let sealed = key.seal_file(br#"{"packs":[]}"#).map_err(|error| BackendError::Refused(error.to_string()))?;
        Ok(Bytes::from(sealed))
    }

    /// Keeps index files that are to be removed until [`Self::remove_superseded`].
    ///
    /// Delays the removal of index files. rustic_core removes them before the packs that they list. In between, those
    /// packs exist but are in no index, as after a crash, and a concurrent run could add packs to an index that are
    /// removed a moment later.
    pub(crate) fn with_late_removal(mut self) -> Self {
        self.superseded = Some(Mutex::default());
        self
    }

    pub(crate) fn remove_superseded(&self) -> Result<(), BackendError> {
        let Some(superseded) = &self.superseded else { return Ok(()) };
        let mut superseded = superseded.lock().unwrap_or_else(PoisonError::into_inner);
        superseded.drain(..).try_for_each(|id| self.place.remove(FileKind::Index, &id))
    }

    /// Takes the first failure of the storage, if there was one.
    pub(crate) fn take_failure(&self) -> Option<(String, BackendError)> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note<T>(&self, doing: impl FnOnce() -> String, result: Result<T, BackendError>) -> RusticResult<T> {
        result.map_err(|error| {
            let doing = doing();
            let wrapped = RusticError::new(ErrorKind::Backend, format!("could not {doing}: {error}"));
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((doing, error));
            wrapped
        })
    }

    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), BackendError> {
        if let Some((source, reason)) = self.gate.as_ref().and_then(|gate| gate.reason())
            && kind == FileKind::Snapshot
        {
            return Err(BackendError::Refused(format!("the source `{source}` has failed: {reason}")));
        }
        if kind == FileKind::Snapshot && self.snapshots == Snapshots::Later {
            return Ok(());
        }
        match (&self.register, kind) {
            (Some(register), FileKind::Pack) => {
                self.place.write(kind, id, content)?;
                register.arrived(&*self.place, *id, content)
            }
            (Some(register), FileKind::Index) => register.write_index(&*self.place, *id, content),
            (Some(register), FileKind::Snapshot) => {
                register.flush(&*self.place)?;
                self.place.write(kind, id, content)
            }
            _ => self.place.write(kind, id, content),
        }
    }
}

impl ReadBackend for RusticBackend {
    fn location(&self) -> String {
        self.place.name()
    }

    fn list_with_size(&self, tpe: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let kind = kind(tpe);
        let files = self.note(|| format!("list files of kind {kind}"), self.place.list(kind))?;
        let fits = |(id, size): (FileId, u64)| u32::try_from(size).ok().map(|size| (Id::new(id.0), size));
        Ok(files.into_iter().filter_map(fits).collect())
    }

    fn read_full(&self, tpe: FileType, id: &Id) -> RusticResult<Bytes> {
        let (kind, id) = (kind(tpe), file_id(id)?);
        let read = match (kind, &self.config, &self.lenient) {
            (FileKind::Config, Some(config), _) => return Ok(config.clone()),
            (FileKind::Index, _, Some(key)) => self.index(key, &id),
            _ => self.place.read(kind, &id),
        };
        self.note(|| format!("read {kind} {id}"), read)
    }

    fn read_partial(&self, tpe: FileType, id: &Id, _: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        let (kind, id) = (kind(tpe), file_id(id)?);
        let read = self.place.read_range(kind, &id, u64::from(offset), u64::from(length));
        self.note(|| format!("read {kind} {id}"), read)
    }

    fn warmup_path(&self, tpe: FileType, id: &Id) -> String {
        file_id(id).map(|id| id.path(kind(tpe))).unwrap_or_default()
    }
}

impl WriteBackend for RusticBackend {
    fn write_bytes(&self, tpe: FileType, id: &Id, _: bool, content: BytesList) -> RusticResult<()> {
        let (kind, id) = (kind(tpe), file_id(id)?);
        if kind == FileKind::Config && self.config.is_some() {
            return Ok(());
        }
        self.note(|| format!("write {kind} {id}"), self.write(kind, &id, content.slice()))
    }

    fn remove(&self, tpe: FileType, id: &Id, _: bool) -> RusticResult<()> {
        let (kind, id) = (kind(tpe), file_id(id)?);
        if let (FileKind::Index, Some(superseded)) = (kind, &self.superseded) {
            superseded.lock().unwrap_or_else(PoisonError::into_inner).push(id);
            return Ok(());
        }
        self.note(|| format!("remove {kind} {id}"), self.place.remove(kind, &id))
    }
}

fn kind(tpe: FileType) -> FileKind {
    match tpe {
        FileType::Config => FileKind::Config,
        FileType::Key => FileKind::Key,
        FileType::Snapshot => FileKind::Snapshot,
        FileType::Index => FileKind::Index,
        FileType::Pack => FileKind::Pack,
    }
}

/// rustic_core's own type shows its bytes only as text.
pub(crate) fn file_id(id: &Id) -> RusticResult<FileId> {
    id.to_hex().parse().map_err(|_| RusticError::new(ErrorKind::Internal, "an id is not hexadecimal"))
}
