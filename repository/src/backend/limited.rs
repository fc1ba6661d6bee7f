//! Counts the traffic of a backend and limits its rate.

use super::{Backend, BackendError, FileId, FileKind};
use crate::activity::ActivityCounter;
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const BEAT: Duration = Duration::from_millis(500);
/// Maximum delay, because a clock has an end.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Traffic of a backend so far.
#[derive(Debug, Default)]
pub struct Meter {
    read: AtomicU64,
    written: AtomicU64,
    packs_written: AtomicU64,
    activity: ActivityCounter,
}

impl Meter {
    /// Returns the bytes read from the backend.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Returns the bytes written to the backend.
    pub fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Returns the number of packs written to the backend.
    pub fn packs_written(&self) -> u64 {
        self.packs_written.load(Ordering::Relaxed)
    }

    /// Returns the counter that grows whenever a call returns, whether it succeeded or not.
    pub fn activity(&self) -> &ActivityCounter {
        &self.activity
    }
}

/// Counts the traffic of a backend.
#[derive(Debug)]
pub struct Metered<P> {
    place: P,
    meter: Arc<Meter>,
}

impl<P: Backend> Metered<P> {
    /// Wraps a backend so that its traffic is counted in `meter`.
    pub fn new(place: P, meter: Arc<Meter>) -> Self {
        Self { place, meter }
    }

    /// Notes that a call has come back.
    fn back<T>(&self, result: Result<T, BackendError>) -> Result<T, BackendError> {
        self.meter.activity.beat();
        result
    }

    fn count_read(&self, content: Bytes) -> Bytes {
        self.meter.read.fetch_add(content.len() as u64, Ordering::Relaxed);
        content
    }
}

impl<P: Backend> Backend for Metered<P> {
    fn name(&self) -> String {
        self.place.name()
    }
    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, BackendError> {
        self.back(self.place.list(kind))
    }
    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, BackendError> {
        self.back(self.place.read(kind, id)).map(|content| self.count_read(content))
    }
    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, BackendError> {
        self.back(self.place.read_range(kind, id, offset, length)).map(|content| self.count_read(content))
    }
    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), BackendError> {
        self.back(self.place.write(kind, id, content))?;
        self.meter.written.fetch_add(size_of_pieces(content), Ordering::Relaxed);
        if kind == FileKind::Pack {
            self.meter.packs_written.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), BackendError> {
        self.back(self.place.remove(kind, id))
    }
    fn read_ahead(&self) -> u64 {
        self.place.read_ahead()
    }
}

/// Limits the traffic of a backend to a number of bytes per second, both directions together, with a burst of one
/// second.
#[derive(Debug)]
pub struct Limited<P> {
    place: P,
    per_second: u64,
    free_at: Mutex<Option<Instant>>,
    activity: ActivityCounter,
}

impl<P: Backend> Limited<P> {
    /// `per_second` of zero counts as one byte, because a limit that lets nothing pass would hang. `activity` grows
    /// while data is delayed, because that is no hang.
    pub fn new(place: P, per_second: u64, activity: ActivityCounter) -> Self {
        Self { place, per_second: per_second.max(1), free_at: Mutex::new(None), activity }
    }

    /// Waits until earlier reservations have passed.
    fn pass(&self, bytes: u64) {
        let until = self.book(bytes, Instant::now());
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left.min(BEAT));
            self.activity.beat();
        }
    }

    /// Reserves bytes and returns the time at which they may be sent.
    fn book(&self, bytes: u64, now: Instant) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let from = free_at.map_or(now, |at| at.max(now));
        let takes = Duration::try_from_secs_f64(bytes as f64 / self.per_second as f64).unwrap_or(LONGEST);
        let takes = takes.min(LONGEST);
        *free_at = Some(from + takes);
        from + takes.saturating_sub(Duration::from_secs(1))
    }
}

impl<P: Backend> Backend for Limited<P> {
    fn name(&self) -> String {
        self.place.name()
    }
    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, BackendError> {
        self.place.list(kind)
    }
    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, BackendError> {
        let content = self.place.read(kind, id)?;
        self.pass(content.len() as u64);
        Ok(content)
    }
    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, BackendError> {
        self.pass(length);
        self.place.read_range(kind, id, offset, length)
    }
    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), BackendError> {
        self.pass(size_of_pieces(content));
        self.place.write(kind, id, content)
    }
    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), BackendError> {
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
    use crate::backend::FolderBackend;

    #[test]
    fn a_limit_holds_back_what_goes_beyond_the_first_second() {
        let folder = tempfile::tempdir().expect("a folder");
        let limited = Limited::new(FolderBackend::new(folder.path()), 100_000, ActivityCounter::default());
        let now = Instant::now();
        let waits = |after: u64, bytes| {
            let now = now + Duration::from_millis(after);
            limited.book(bytes, now).saturating_duration_since(now).as_millis()
        };
        assert_eq!([waits(0, 50_000), waits(0, 50_000), waits(0, 50_000)], [0, 500, 1000]);
        assert_eq!(waits(500, 100_000), 1000, "a second of what came before is still to go");
        assert_eq!(waits(60_000, 100_000), 0, "nothing is saved up, and nothing is owed");
    }

    #[test]
    fn what_goes_through_is_counted_and_every_call_is_a_sign_of_life() {
        let folder = tempfile::tempdir().expect("a folder");
        let meter = Arc::new(Meter::default());
        let place = Metered::new(FolderBackend::new(folder.path()), meter.clone());
        place.write(FileKind::Index, &FileId([1; 32]), &[Bytes::from_static(b"12345")]).expect("written");
        place.read(FileKind::Index, &FileId([1; 32])).expect("read");
        place.read(FileKind::Index, &FileId([2; 32])).expect_err("there is none");
        place.list(FileKind::Pack).expect("listed");
        assert_eq!((meter.bytes_written(), meter.bytes_read(), meter.activity().count()), (5, 5, 4));
    }
}
