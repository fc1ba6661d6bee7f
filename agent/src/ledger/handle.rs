//! The ledger as tasks of a runtime use it.
//!
//! **Invariant:** changes have a thread of their own, so that none waits for other work that blocks.

use super::{Ledger, LedgerWriter};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use tokio::sync::oneshot;

type Change = Box<dyn FnOnce(&mut LedgerWriter) + Send>;

/// Shared access to the ledger: readers get the state in memory at once, writers wait for the disk without blocking the
/// runtime's thread.
#[derive(Debug)]
pub struct LedgerHandle {
    memory: Arc<Mutex<Ledger>>,
    /// The longest-waiting change is next. None once the ledger is closed.
    thread: Arc<tokio::sync::Mutex<Option<LedgerThread>>>,
    #[cfg(test)]
    freeze: Arc<super::freeze::Freeze>,
}

/// The way to the thread that owns the writer; it ends when this is dropped.
#[derive(Debug)]
struct LedgerThread {
    changes: mpsc::Sender<Change>,
    ended: oneshot::Receiver<()>,
}

impl LedgerThread {
    fn start(mut writer: LedgerWriter) -> io::Result<Self> {
        let (changes, asked) = mpsc::channel::<Change>();
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new().name("ledger".to_owned()).spawn(move || {
            asked.iter().for_each(|change| change(&mut writer));
            drop(writer);
            let _ = end.send(());
        })?;
        Ok(Self { changes, ended })
    }
}

impl LedgerHandle {
    /// Starts the thread that writes.
    pub fn new(writer: LedgerWriter) -> io::Result<Self> {
        Ok(Self {
            memory: Arc::clone(&writer.memory),
            #[cfg(test)]
            freeze: Arc::clone(&writer.freeze),
            thread: Arc::new(tokio::sync::Mutex::new(Some(LedgerThread::start(writer)?))),
        })
    }

    /// The ledger in memory, which the disk has too; never held across an await.
    pub fn read(&self) -> MutexGuard<'_, Ledger> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change on the ledger's thread, after all changes that were asked for before.
    ///
    /// Writes a change. One that has begun is finished even if its caller is cancelled; later ones follow it in any
    /// case.
    pub async fn write<R: Send + 'static>(&self, change: impl FnOnce(&mut LedgerWriter) -> R + Send + 'static) -> R {
        let thread = Arc::clone(&self.thread).lock_owned().await;
        let Some(changes) = thread.as_ref().map(|thread| thread.changes.clone()) else {
            // Closed: the agent is going down, and this task with it.
            return std::future::pending().await;
        };
        let (answer, answered) = oneshot::channel();
        let change: Change = Box::new(move |writer| {
            let changed = catch_unwind(AssertUnwindSafe(|| change(writer)));
            drop(thread);
            let _ = answer.send(changed);
        });
        #[cfg(test)]
        let _still = stop_paused_clock();
        // A thread that is gone drops the answer.
        let _ = changes.send(change);
        match answered.await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until all changes that were asked for are on the disk, then releases the ledger's folder for another agent.
    pub async fn close(&self) {
        let Some(LedgerThread { changes, ended }) = self.thread.lock().await.take() else { return };
        drop(changes);
        let _ = ended.await;
    }

    /// Returns the switch that makes writes hang.
    #[cfg(test)]
    pub fn freeze(&self) -> &super::freeze::Freeze {
        &self.freeze
    }
}

/// Stops a paused clock from advancing by itself while all tasks wait, as the runtime does for its own blocking work.
/// The clock stays stopped while the returned value is held.
#[cfg(test)]
fn stop_paused_clock() -> mpsc::Sender<()> {
    let (held, dropped) = mpsc::channel();
    drop(tokio::task::spawn_blocking(move || dropped.recv()));
    held
}
