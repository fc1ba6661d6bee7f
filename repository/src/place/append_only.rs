//! A place from which nothing can be removed: what a host that was broken into sees of its own backups.

use super::{FileId, FileKind, Place, PlaceError};
use bytes::Bytes;

/// Adds and reads, and refuses to remove.
#[derive(Debug)]
pub struct AppendOnly<P>(pub P);

impl<P: Place> Place for AppendOnly<P> {
    fn name(&self) -> String {
        self.0.name()
    }
    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, PlaceError> {
        self.0.list(kind)
    }
    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, PlaceError> {
        self.0.read(kind, id)
    }
    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, PlaceError> {
        self.0.read_range(kind, id, offset, length)
    }
    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), PlaceError> {
        self.0.write(kind, id, content)
    }
    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), PlaceError> {
        Err(PlaceError::Refused(format!("{kind} {id} may not be removed: this place only grows")))
    }
    fn read_ahead(&self) -> u64 {
        self.0.read_ahead()
    }
}
