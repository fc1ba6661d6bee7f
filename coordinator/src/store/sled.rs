//! The store on disk: sled 0.34, one directory, one process.
//!
//! sled buffers; nothing counts before `flush`. Its cache is kept small, for the facts are in memory already.

use super::batch::Write;
use super::queue::{Queue, QueueBackend};
use super::{Batch, Changes, Committed, Entry, FORMAT, Store, StoreError, engine};
use crate::metrics::StoreMetrics;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Key of the highest revision; it is not a fact, so no scan shows it.
const REVISION: &[u8] = b"\0revision";
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);
const CACHE_BYTES: u64 = 16 << 20;

/// Keeps everything in a directory that no other process may open meanwhile.
#[derive(Debug)]
pub struct SledStore {
    db: engine::Db,
    queue: Option<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl SledStore {
    /// Opens the directory, or makes it, for its owner only.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let directory = |source| StoreError::Directory { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(directory)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(directory)?;
        let config = engine::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = open_patiently(&config).map_err(|source| open_error(path, source))?;
        let revision = kept_revision(&db)?;
        let (queue, thread) = Queue::new(SledBackend(db.clone()), revision).map_err(directory)?;
        Ok(Self { db, queue: Some(queue), thread: Some(thread) })
    }

    fn queue(&self) -> &Queue {
        self.queue.as_ref().expect("the queue is taken only when the store is dropped")
    }
}

impl Drop for SledStore {
    /// Waits for the writing thread, so that the directory is free again afterwards.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Opens the store with retries: a previous user may be about to release the directory, because sled's own threads end
/// a moment after its store.
#[allow(clippy::disallowed_methods, reason = "the pause between two looks at a lock, before anything is served")]
fn open_patiently(config: &engine::Config) -> engine::Result<engine::Db> {
    let until = Instant::now() + PATIENCE;
    loop {
        match config.open() {
            Err(error) if is_lock(&error) && Instant::now() < until => std::thread::sleep(PAUSE),
            opened => return opened,
        }
    }
}

fn is_lock(error: &engine::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

fn open_error(path: &Path, source: engine::Error) -> StoreError {
    if is_lock(&source) {
        return StoreError::InUse { path: path.to_owned() };
    }
    StoreError::Open { path: path.to_owned(), source }
}

fn kept_revision(db: &engine::Db) -> Result<u64, StoreError> {
    let kept = db.get(REVISION).map_err(StoreError::Scan)?;
    let bytes = kept.and_then(|bytes| bytes.as_ref().try_into().ok());
    Ok(bytes.map_or(0, u64::from_be_bytes))
}

impl Store for SledStore {
    fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let value = self.db.get(key).map_err(StoreError::Scan)?;
        value.map(|bytes| decode(key, &bytes)).transpose()
    }

    fn scan(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for pair in self.db.scan_prefix(prefix) {
            let (key, value) = pair.map_err(StoreError::Scan)?;
            if key != REVISION {
                entries.push(decode(&String::from_utf8_lossy(&key), &value)?);
            }
        }
        Ok(entries)
    }

    fn commit(&self, batch: Batch) -> Committed {
        self.queue().commit(batch)
    }

    fn watch(&self, prefix: &str) -> Changes {
        self.queue().watchers().add(prefix)
    }

    fn metrics(&self) -> &StoreMetrics {
        self.queue().metrics()
    }
}

struct SledBackend(engine::Db);

impl QueueBackend for SledBackend {
    fn revision_of(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let value = self.0.get(key).map_err(StoreError::Scan)?;
        Ok(value.map(|bytes| decode(key, &bytes)).transpose()?.map(|entry| entry.revision))
    }

    fn write(&mut self, writes: &[(u64, Write)], last_revision: u64) -> Result<(), StoreError> {
        let broken = |error: engine::Error| StoreError::Broken(error.to_string());
        let mut batch = engine::Batch::default();
        for (revision, write) in writes {
            match &write.body {
                Some(body) => batch.insert(write.key.as_bytes(), encode(*revision, body)),
                None => batch.remove(write.key.as_bytes()),
            }
        }
        batch.insert(REVISION, &last_revision.to_be_bytes());
        self.0.apply_batch(batch).map_err(broken)?;
        self.0.flush().map_err(broken)?;
        Ok(())
    }
}

/// Stored form of a value: with the version of its format and its revision.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: u32,
    revision: u64,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Encodes a body that is JSON.
fn encode(revision: u64, body: &str) -> Vec<u8> {
    format!(r#"{{"format":{FORMAT},"revision":{revision},"body":{body}}}"#).into_bytes()
}

/// Decodes a value, if this program knows its format.
fn decode(key: &str, bytes: &[u8]) -> Result<Entry, StoreError> {
    let wrong = |source| StoreError::Read { key: key.to_owned(), source };
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(wrong)?;
    if envelope.format > FORMAT {
        return Err(StoreError::NewerFormat { key: key.to_owned(), found: envelope.format });
    }
    Ok(Entry { key: key.to_owned(), revision: envelope.revision, body: envelope.body.get().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_out_as_it_went_in() {
        let entry = decode("a", &encode(7, r#"{"x":[1]}"#)).expect("the format is known");
        assert_eq!((entry.revision, entry.body.as_str()), (7, r#"{"x":[1]}"#));
    }

    #[test]
    fn a_newer_format_is_refused_and_garbage_too() {
        let newer = format!(r#"{{"format":{},"revision":1,"body":null}}"#, FORMAT + 1);
        let refused = decode("a", newer.as_bytes());
        assert!(matches!(refused, Err(StoreError::NewerFormat { found, .. }) if found == FORMAT + 1), "{refused:?}");
        assert!(matches!(decode("a", b"\xff\x00"), Err(StoreError::Read { .. })));
    }
}
