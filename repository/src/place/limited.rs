//! What goes through a place, counted and held to a rate.

use super::{FileId, FileKind, Place, PlaceError};
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What went through a place so far.
#[derive(Debug, Default)]
pub struct Meter {
    read: AtomicU64,
    written: AtomicU64,
    packs_written: AtomicU64,
}

impl Meter {
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub fn packs_written(&self) -> u64 {
        self.packs_written.load(Ordering::Relaxed)
    }
}

/// Counts what goes through.
#[derive(Debug)]
pub struct Metered<P> {
    place: P,
    meter: Arc<Meter>,
}

impl<P: Place> Metered<P> {
    pub fn new(place: P, meter: Arc<Meter>) -> Self {
        Self { place, meter }
    }

    fn count_read(&self, content: Bytes) -> Bytes {
        self.meter.read.fetch_add(content.len() as u64, Ordering::Relaxed);
        content
    }
}

impl<P: Place> Place for Metered<P> {
    fn name(&self) -> String {
        self.place.name()
    }
    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, PlaceError> {
        self.place.list(kind)
    }
    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, PlaceError> {
        self.place.read(kind, id).map(|content| self.count_read(content))
    }
    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, PlaceError> {
        self.place.read_range(kind, id, offset, length).map(|content| self.count_read(content))
    }
    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), PlaceError> {
        self.place.write(kind, id, content)?;
        self.meter.written.fetch_add(size_of_pieces(content), Ordering::Relaxed);
        if kind == FileKind::Pack {
            self.meter.packs_written.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), PlaceError> {
        self.place.remove(kind, id)
    }
    fn read_ahead(&self) -> u64 {
        self.place.read_ahead()
    }
}

/// Lets so many bytes through in a second, both ways together, and a second's worth at once.
#[derive(Debug)]
pub struct Limited<P> {
    place: P,
    per_second: u64,
    free_at: Mutex<Option<Instant>>,
}

impl<P: Place> Limited<P> {
    /// `per_second` of zero is taken for one byte: a limit that lets nothing through would be a hang.
    pub fn new(place: P, per_second: u64) -> Self {
        Self { place, per_second: per_second.max(1), free_at: Mutex::new(None) }
    }

    /// Books the bytes, then waits until what was booked before them is through.
    fn pass(&self, bytes: u64) {
        let until = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let from = free_at.map_or(now, |at| at.max(now));
            let takes = Duration::from_secs_f64(bytes as f64 / self.per_second as f64);
            *free_at = Some(from + takes);
            from + takes.saturating_sub(Duration::from_secs(1))
        };
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
    }
}

impl<P: Place> Place for Limited<P> {
    fn name(&self) -> String {
        self.place.name()
    }
    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, PlaceError> {
        self.place.list(kind)
    }
    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, PlaceError> {
        let content = self.place.read(kind, id)?;
        self.pass(content.len() as u64);
        Ok(content)
    }
    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, PlaceError> {
        self.pass(length);
        self.place.read_range(kind, id, offset, length)
    }
    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), PlaceError> {
        self.pass(size_of_pieces(content));
        self.place.write(kind, id, content)
    }
    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), PlaceError> {
        self.place.remove(kind, id)
    }
    fn read_ahead(&self) -> u64 {
        self.place.read_ahead()
    }
}

fn size_of_pieces(content: &[Bytes]) -> u64 {
    content.iter().map(|piece| piece.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::FolderPlace;

    #[test]
    fn a_limit_holds_back_what_goes_beyond_the_first_second() {
        let folder = tempfile::tempdir().expect("a folder");
        let meter = Arc::new(Meter::default());
        let place = Metered::new(Limited::new(FolderPlace::new(folder.path()), 100_000), meter.clone());
        let began = Instant::now();
        for number in 0..3_u8 {
            let content = [Bytes::from(vec![number; 50_000])];
            place.write(FileKind::Index, &FileId([number; 32]), &content).expect("written");
        }
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(400) && took < Duration::from_secs(5), "{took:?}");
        assert_eq!(meter.bytes_written(), 150_000);
    }
}
