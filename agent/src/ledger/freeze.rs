//! Makes writes fail from one on, as if the agent had been killed right before it.

use super::{Ledger, LedgerError};
use std::io;
use std::path::Path;
use tokio::sync::watch;

#[derive(Debug)]
pub struct Freeze {
    writes: u64,
    at: Option<u64>,
    frozen: watch::Sender<bool>,
}

impl Default for Freeze {
    fn default() -> Self {
        Self { writes: 0, at: None, frozen: watch::Sender::new(false) }
    }
}

impl Freeze {
    pub fn pass(&mut self, folder: &Path) -> Result<(), LedgerError> {
        self.writes += 1;
        if self.at.is_none_or(|at| self.writes < at) {
            return Ok(());
        }
        self.frozen.send_replace(true);
        Err(LedgerError::Write { path: folder.to_owned(), source: io::Error::other("frozen") })
    }
}

impl Ledger {
    /// From the write of this number on, counted from now, none succeeds.
    pub fn freeze_at(&mut self, write: u64) {
        (self.freeze.writes, self.freeze.at) = (0, Some(write));
    }

    pub fn frozen(&self) -> watch::Receiver<bool> {
        self.freeze.frozen.subscribe()
    }
}
