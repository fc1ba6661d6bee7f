//! Makes writes fail from one on, as if the agent had been killed right before it.

use super::LedgerError;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::watch;

#[derive(Debug)]
pub struct Freeze {
    /// The writes that still succeed.
    left: AtomicU64,
    frozen: watch::Sender<bool>,
}

impl Default for Freeze {
    fn default() -> Self {
        Self { left: AtomicU64::new(u64::MAX), frozen: watch::Sender::new(false) }
    }
}

impl Freeze {
    pub fn pass(&self, path: &Path) -> Result<(), LedgerError> {
        if self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
            return Ok(());
        }
        self.frozen.send_replace(true);
        Err(LedgerError::Write { path: path.to_owned(), source: io::Error::other("frozen") })
    }

    /// Makes writes fail from this number on, counted from now.
    pub fn at(&self, write: u64) {
        self.left.store(write.saturating_sub(1), Relaxed);
    }

    pub fn frozen(&self) -> watch::Receiver<bool> {
        self.frozen.subscribe()
    }
}
