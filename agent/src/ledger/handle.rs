//! The ledger as tasks of a runtime use it.

use super::{Ledger, LedgerWriter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::spawn_blocking;

/// Shared access to the ledger: readers see memory at once, writers wait for the disk without holding up the runtime's thread.
#[derive(Debug)]
pub struct LedgerHandle {
    memory: Arc<Mutex<Ledger>>,
    /// The longest-waiting change is next. None once the ledger is closed.
    writer: Arc<tokio::sync::Mutex<Option<LedgerWriter>>>,
    #[cfg(test)]
    freeze: Arc<super::freeze::Freeze>,
}

impl LedgerHandle {
    pub fn new(writer: LedgerWriter) -> Self {
        Self {
            memory: Arc::clone(&writer.memory),
            #[cfg(test)]
            freeze: Arc::clone(&writer.freeze),
            writer: Arc::new(tokio::sync::Mutex::new(Some(writer))),
        }
    }

    /// The ledger in memory, which the disk has too; never held across an await.
    pub fn read(&self) -> MutexGuard<'_, Ledger> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change on a thread that may block, after all changes that were asked for before.
    ///
    /// A change that has begun goes on when its caller was cancelled; later ones come after it all the same.
    pub async fn write<R: Send + 'static>(&self, change: impl FnOnce(&mut LedgerWriter) -> R + Send + 'static) -> R {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        match spawn_blocking(move || writer.as_mut().map(change)).await {
            Ok(Some(result)) => result,
            // Closed: the agent is going down, and this task with it.
            Ok(None) => std::future::pending().await,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Waits until all changes that were asked for are on the disk, then releases the ledger's folder for another agent.
    pub async fn close(&self) {
        drop(self.writer.lock().await.take());
    }

    #[cfg(test)]
    pub fn freeze(&self) -> &super::freeze::Freeze {
        &self.freeze
    }
}
