//! A store that forgets: for tests and simulations.

use super::batch::Write;
use super::queue::{Queue, QueueBackend};
use super::{Batch, Changes, Committed, Entry, Store, StoreError};
use crate::metrics::StoreMetrics;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

type Values = Arc<RwLock<BTreeMap<String, (u64, String)>>>;

/// Keeps everything in memory. Clones share the content, so that a restart can be simulated.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    values: Values,
    queue: Arc<Queue>,
}

impl MemoryStore {
    /// Makes an empty store. Fails if its thread cannot be started.
    pub fn new() -> std::io::Result<Self> {
        let values = Values::default();
        let (queue, _thread) = Queue::new(MemoryBackend(Arc::clone(&values)), 0)?;
        Ok(Self { values, queue: Arc::new(queue) })
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        Ok(values.get(key).map(|(revision, body)| entry(key, *revision, body)))
    }

    fn scan(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        let from_prefix = values.range(prefix.to_owned()..);
        let below = from_prefix.take_while(|(key, _)| key.starts_with(prefix));
        Ok(below.map(|(key, (revision, body))| entry(key, *revision, body)).collect())
    }

    fn commit(&self, batch: Batch) -> Committed {
        self.queue.commit(batch)
    }

    fn watch(&self, prefix: &str) -> Changes {
        self.queue.watchers().add(prefix)
    }

    fn metrics(&self) -> &StoreMetrics {
        self.queue.metrics()
    }
}

fn entry(key: &str, revision: u64, body: &str) -> Entry {
    Entry { key: key.to_owned(), revision, body: body.to_owned() }
}

struct MemoryBackend(Values);

impl QueueBackend for MemoryBackend {
    fn revision_of(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let values = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(values.get(key).map(|(revision, _)| *revision))
    }

    fn write(&mut self, writes: &[(u64, Write)], _last_revision: u64) -> Result<(), StoreError> {
        let mut values = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (revision, write) in writes {
            match &write.body {
                Some(body) => drop(values.insert(write.key.clone(), (*revision, body.clone()))),
                None => drop(values.remove(&write.key)),
            }
        }
        Ok(())
    }
}
