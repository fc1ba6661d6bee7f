//! A store that loses power after a number of commits, for tests of the state afterwards.

use super::{Batch, Changes, Committed, Entry, MemoryStore, Store, StoreError};
use crate::metrics::StoreMetrics;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A store in memory whose commits fail after a while.
#[derive(Debug)]
pub struct FailingStore {
    kept: MemoryStore,
    left: AtomicUsize,
}

impl FailingStore {
    /// Makes a store that fails after this number of commits.
    pub fn after(commits: usize, kept: MemoryStore) -> Self {
        Self { kept, left: AtomicUsize::new(commits) }
    }
}

impl Store for FailingStore {
    fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.kept.get(key)
    }

    fn scan(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        self.kept.scan(prefix)
    }

    fn commit(&self, batch: Batch) -> Committed {
        if self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            return self.kept.commit(batch);
        }
        let (answer, committed) = Committed::new();
        // The result may not have been awaited.
        let _ = answer.send(Err(StoreError::Broken("the power failed".to_owned())));
        committed
    }

    fn watch(&self, prefix: &str) -> Changes {
        self.kept.watch(prefix)
    }

    fn metrics(&self) -> &StoreMetrics {
        self.kept.metrics()
    }
}
