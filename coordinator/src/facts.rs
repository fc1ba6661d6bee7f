//! The facts in memory, and the order in which they change.
//!
//! A change is made under a short lock: it checks, applies itself to memory and begins its commit. Commits happen in
//! the order in which they were begun, so memory and disk change in the same order; an answer waits until the change is
//! on disk. **Invariant:** each fact has one writing module (`desired`, `asked`, `observed`), and no lock is held
//! across `.await`. **Invariant:** a change that panics is not written, and its partial result in memory is not used:
//! like a failed store, it stops the coordinator, and a restart loads the stored facts.

mod asked;
mod backups;
mod carried_out;
mod come_back;
mod desired;
mod ended;
mod epoch;
mod event;
mod expected;
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
mod undeliverable;

pub use backups::{BackupKept, RepositoryContents};
pub use desired::DesiredChange;
pub use event::Event;
pub use greetings::duplicate_problem;
pub use observed::{HelloSaid, ObserveError};
pub use protocol::{protocol_hint, protocol_problem};
pub use release::{ReleaseImage, ReleaseKept};
pub use requests::{RequestRecord, Started};
pub use state::{PlanInput, StateSnapshot};

use epoch::Epoch;

use crate::metrics::FactsMetrics;
use crate::panics::panic_text;
use crate::store::{Batch, Committed, Entry, Store, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, RwLock, RwLockReadGuard};
use std::time::Instant;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Facts of the fleet, shared by all readers.
#[derive(Debug)]
pub struct Facts {
    snapshot: RwLock<StateSnapshot>,
    store: Arc<dyn Store>,
    wake: Notify,
    generation: watch::Sender<u64>,
    failed: CancellationToken,
    /// Works on threads that may block.
    works: TaskTracker,
    epoch: Epoch,
    metrics: FactsMetrics,
}

impl Facts {
    /// Reads everything that is kept.
    pub fn load(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let snapshot = RwLock::new(StateSnapshot::load(store.as_ref())?);
        let (generation, failed) = (watch::Sender::new(0), CancellationToken::new());
        let (epoch, works) = (Epoch::default(), TaskTracker::new());
        let (wake, metrics) = (Notify::new(), FactsMetrics::default());
        Ok(Self { snapshot, store, wake, generation, failed, works, epoch, metrics })
    }

    /// Looks at the facts. Hold the guard for moments only.
    ///
    /// # Panics
    /// Panics if a change has panicked, because its partial result must not be used.
    pub fn read(&self) -> RwLockReadGuard<'_, StateSnapshot> {
        self.snapshot.read().expect("no change has panicked; one that does stops the coordinator")
    }

    /// Does a long computation, or reads the store, on a thread that may block. A panic of the work is the caller's.
    pub async fn off_runtime<R: Send + 'static>(self: &Arc<Self>, work: impl FnOnce(&Self) -> R + Send + 'static) -> R {
        let (facts, span) = (Arc::clone(self), tracing::Span::current());
        let done = self.works.spawn_blocking(move || span.in_scope(|| work(&facts))).await;
        match done.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(result) => result,
            Err(Ok(panic)) => resume_unwind(panic),
            // The runtime is shutting down, so no caller waits for this any more.
            Err(Err(_)) => std::future::pending().await,
        }
    }

    /// Waits until no work that was begun off the runtime uses the store.
    pub async fn idle(&self) {
        self.works.close();
        self.works.wait().await;
    }

    /// Returns the store that holds the facts.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Returns the counters of facts, plans and orders.
    pub fn metrics(&self) -> &FactsMetrics {
        &self.metrics
    }

    /// Is cancelled when the store could not be written, or a change has panicked: memory and disk may differ, so the
    /// coordinator must stop.
    pub fn failed(&self) -> &CancellationToken {
        &self.failed
    }

    /// Counts changes; for those who follow something.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Wakes the reconcile loop. A wake carries no data, and several wakes are merged into one.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits for a wake.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Waits until a commit is on the disk.
    pub async fn settled(&self, committed: Committed) -> Result<u64, StoreError> {
        let began = Instant::now();
        let result = committed.await;
        self.metrics.committed(began.elapsed());
        if let Err(error @ StoreError::Broken(_)) = &result {
            tracing::error!(%error, "stopping: memory may be ahead of the disk");
            self.failed.cancel();
        }
        result
    }

    /// Returns all stored records as of one moment. Blocks until pending commits are on disk, and blocks writers
    /// meanwhile, so it must not run on a thread that serves calls.
    pub fn at_one_moment(&self) -> Result<Vec<Entry>, StoreError> {
        let snapshot = self.read();
        let begun = self.store.commit(Batch::new());
        begun.wait()?;
        let entries = self.store.scan("");
        drop(snapshot);
        entries
    }

    /// Makes one change. A change that is refused must not have touched anything.
    fn change<R, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut StateSnapshot, &mut Batch) -> Result<R, E>,
    ) -> Result<(R, Committed), E> {
        self.with_lock(|snapshot| {
            let mut batch = Batch::new();
            let result = change(snapshot, &mut batch)?;
            Ok((result, self.store.commit(batch)))
        })
    }

    /// Changes facts that are only in memory.
    ///
    /// # Panics
    /// Panics if the change panics, and if any change has panicked before.
    fn change_unwritten<R>(&self, change: impl FnOnce(&mut StateSnapshot) -> R) -> R {
        let changed = self.with_lock(|snapshot| Ok::<_, StoreError>(change(snapshot)));
        changed.expect("no change has panicked; one that does stops the coordinator")
    }

    /// A panic poisons the lock, so that its partial result cannot be read.
    fn with_lock<R, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut StateSnapshot) -> Result<R, E>,
    ) -> Result<R, E> {
        let began = Instant::now();
        let locked = AssertUnwindSafe(|| {
            let mut snapshot = self.snapshot.write().map_err(|_| StoreError::HalfChanged)?;
            change(&mut snapshot)
        });
        let changed = catch_unwind(locked);
        self.metrics.changed(began.elapsed());
        let result = changed.unwrap_or_else(|panic| {
            tracing::error!(panic = panic_text(panic.as_ref()), "stopping: a change of the facts panicked");
            self.failed.cancel();
            Err(StoreError::HalfChanged.into())
        })?;
        self.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    mod formats;

    use super::testing::{NOW, memory, on, read};
    use super::*;
    use crate::store::MemoryStore;
    use fleet_core::event::{EventKind, EventSubject};

    #[tokio::test]
    async fn a_change_that_panics_is_a_failed_one_and_nobody_uses_what_it_left() {
        let store = Arc::new(MemoryStore::new().expect("a thread can be started"));
        let facts = on(Arc::clone(&store) as Arc<dyn Store>).with("lab-1", "notes-1").await;
        let before = store.scan("").expect("the store can be read");
        let half = facts.change_desired(NOW, |change| -> Result<(), StoreError> {
            change.remove_host(&read("lab-1"));
            panic!("half of it is done");
        });
        assert!(matches!(half.await, Err(StoreError::HalfChanged)));
        assert!(facts.failed().is_cancelled(), "the coordinator stops");
        let next = facts.hear_event(&read("lab-1"), EventSubject::Coordinator, EventKind::Joined, NOW).await;
        assert!(matches!(next, Err(StoreError::HalfChanged)), "nothing is changed on top of it");
        assert!(catch_unwind(AssertUnwindSafe(|| facts.read().desired_revision())).is_err(), "nobody looks at it");
        assert_eq!(store.scan("").expect("the store can be read"), before, "nothing of it was written");
        assert!(on(store).read().desired().hosts.contains_key(&read("lab-1")), "a restart reads what is true");
    }

    #[tokio::test]
    async fn a_refused_change_stops_nobody() {
        let facts = memory().with("lab-1", "notes-1").await;
        let refused = facts.change_desired(NOW, |_| Err::<(), _>(StoreError::Conflict { key: "a".to_owned() }));
        assert!(refused.await.is_err());
        assert!(!facts.failed().is_cancelled());
        assert!(facts.read().desired().hosts.contains_key(&read("lab-1")));
    }
}
