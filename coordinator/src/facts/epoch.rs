//! Numbers that order the messages to hosts across restarts of the coordinator.

use super::Facts;
use crate::keys;
use crate::store::{Batch, StoreError};
use fleet_core::time::Time;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The start of this coordinator, and how many open sets were put together since.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    number: AtomicU64,
    revision: AtomicU64,
}

impl Facts {
    /// Begins an epoch that is later than all before it, also where the facts were restored from a backup that does not know the
    /// newest: it is the time in milliseconds, or one more than the epoch that is kept.
    pub fn begin_epoch(&self, now: Time) -> Result<(), StoreError> {
        let kept: Option<u64> = self.store.get(keys::EPOCH)?.map(|entry| entry.read()).transpose()?;
        let number = kept.map_or(now.0, |kept| now.0.max(kept.saturating_add(1)));
        let mut batch = Batch::new();
        batch.put(keys::EPOCH.to_owned(), &number);
        // Every later message to a host follows a later commit, and commits reach the disk in order, so this one is on
        // disk by then.
        self.store.commit(batch).unheard();
        self.epoch.number.store(number, Relaxed);
        Ok(())
    }

    /// The epoch, and the next revision. Taken while the facts are read, so that a set with a greater one is no older.
    pub fn next_revision(&self) -> (u64, u64) {
        (self.epoch.number.load(Relaxed), self.epoch.revision.fetch_add(1, Relaxed) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::on;
    use crate::store::{MemoryStore, Store};
    use std::sync::Arc;

    #[tokio::test]
    async fn an_epoch_is_later_than_all_before_it_whatever_the_clock_says() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new().expect("a thread can be started"));
        let mut epochs = Vec::new();
        for now in [5000, 9000, 7000, 7000] {
            let facts = on(Arc::clone(&store));
            facts.begin_epoch(Time(now)).expect("the store is whole");
            // Commits happen in their order.
            store.commit(Batch::new()).await.expect("the store is whole");
            let (first, second) = (facts.next_revision(), facts.next_revision());
            assert!(first < second);
            epochs.push(first.0);
        }
        assert_eq!(epochs, [5000, 9000, 9001, 9002]);
    }
}
