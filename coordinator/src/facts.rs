//! The facts in memory, and the order in which they change.
//!
//! A change is made under a short lock: it checks, applies itself to memory and begins its commit. Commits happen in the
//! order in which they were begun, so memory and disk change in the same order; an answer waits until the disk has it.
//! **Invariant:** each fact has one writing module (`desired`, `asked`, `observed`), and no lock is held across `.await`.

mod asked;
mod backups;
mod carried_out;
mod come_back;
mod desired;
mod ended;
mod event;
mod expected;
#[cfg(test)]
mod formats;
mod greetings;
mod index;
mod observed;
mod people;
mod protocol;
mod prune;
mod release;
mod requests;
mod state;
#[cfg(test)]
pub mod testing;
mod untold;

pub use backups::{BackupKept, RepositoryContents};
pub use desired::DesiredChange;
pub use event::Event;
pub use greetings::duplicate_words;
pub use observed::{HelloSaid, ObserveError};
pub use protocol::protocol_words;
pub use release::{ReleaseImage, ReleaseKept};
pub use requests::{RequestRecord, Started};
pub use state::StateSnapshot;
pub use untold::Untold;

use crate::store::{Batch, Committed, Entry, Store, StoreError};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// What is known of the fleet, shared by all who read it.
#[derive(Debug)]
pub struct Facts {
    snapshot: RwLock<StateSnapshot>,
    store: Arc<dyn Store>,
    wake: Notify,
    generation: watch::Sender<u64>,
    failed: CancellationToken,
}

impl Facts {
    /// Reads everything that is kept.
    pub fn load(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let snapshot = RwLock::new(StateSnapshot::load(store.as_ref())?);
        let (generation, failed) = (watch::Sender::new(0), CancellationToken::new());
        Ok(Self { snapshot, store, wake: Notify::new(), generation, failed })
    }

    /// Looks at the facts. Hold the guard for moments only.
    pub fn read(&self) -> RwLockReadGuard<'_, StateSnapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Is cancelled when the store could not be written: memory may be ahead of the disk, so nobody may go on.
    pub fn failed(&self) -> &CancellationToken {
        &self.failed
    }

    /// Counts changes; for those who follow something.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Lets the turn look at the facts again. It carries no data, and many wakes are one.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits for a wake.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Waits until a commit is on the disk.
    pub async fn settled(&self, committed: Committed) -> Result<u64, StoreError> {
        let result = committed.await;
        if let Err(error @ StoreError::Broken(_)) = &result {
            tracing::error!(%error, "stopping: memory may be ahead of the disk");
            self.failed.cancel();
        }
        result
    }

    /// Everything that is kept, as it was at one moment. Blocks until what was begun is on the disk, and whoever wants to change
    /// something waits meanwhile: not for a thread that serves anybody.
    pub fn at_one_moment(&self) -> Result<Vec<Entry>, StoreError> {
        let snapshot = self.read();
        let begun = self.store.commit(Batch::new());
        begun.wait()?;
        let entries = self.store.scan("");
        drop(snapshot);
        entries
    }

    /// Makes one change. A change that is refused must not have touched anything.
    fn change<R, E>(
        &self,
        change: impl FnOnce(&mut StateSnapshot, &mut Batch) -> Result<R, E>,
    ) -> Result<(R, Committed), E> {
        let mut batch = Batch::new();
        let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut snapshot, &mut batch)?;
        let committed = self.store.commit(batch);
        drop(snapshot);
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
        Ok((result, committed))
    }
}
