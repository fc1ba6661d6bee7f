//! A folder backend with a callback that sees each call first and may refuse it.

use bytes::Bytes;
use fleet_repository::backend::FolderBackend;
use fleet_repository::{Backend, BackendError, FileId, FileKind};

/// Call to the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call<'a> {
    List,
    Read,
    ReadRange,
    Write,
    Remove(FileKind, &'a FileId),
}

pub struct Watched<F> {
    pub place: FolderBackend,
    /// Number of bytes that the backend wants to be read at once.
    pub ahead: u64,
    pub see: F,
}

impl<F: Fn(Call<'_>) -> Result<(), BackendError> + Send + Sync> Backend for Watched<F> {
    fn name(&self) -> String {
        self.place.name()
    }
    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, BackendError> {
        (self.see)(Call::List)?;
        self.place.list(kind)
    }
    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, BackendError> {
        (self.see)(Call::Read)?;
        self.place.read(kind, id)
    }
    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, BackendError> {
        (self.see)(Call::ReadRange)?;
        self.place.read_range(kind, id, offset, length)
    }
    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), BackendError> {
        (self.see)(Call::Write)?;
        self.place.write(kind, id, content)
    }
    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), BackendError> {
        (self.see)(Call::Remove(kind, id))?;
        self.place.remove(kind, id)
    }
    fn read_ahead(&self) -> u64 {
        self.ahead
    }
}
