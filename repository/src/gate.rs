//! The commit gate: once a source has failed, no snapshot is written any more.
//!
//! rustic_core only logs a source's error, leaves the file out, and writes the snapshot without failing. A backup that
//! lacks its dump must not be created.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Shared flag that tells whether a source has failed, with the cause. All sources of a run and the writer of its
/// snapshot share it.
#[derive(Debug, Default)]
pub struct Gate {
    is_shut: AtomicBool,
    reason: Mutex<Option<(String, String)>>,
}

impl Gate {
    /// Shuts the gate for good. The first reason is kept.
    pub fn shut(&self, source: &str, reason: &str) {
        let mut first = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| (source.to_owned(), reason.to_owned()));
        self.is_shut.store(true, Ordering::SeqCst);
    }

    /// Returns the first source that failed and the cause; nothing while the gate is open.
    pub fn reason(&self) -> Option<(String, String)> {
        if !self.is_shut.load(Ordering::SeqCst) {
            return None;
        }
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
