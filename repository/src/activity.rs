//! Sign of progress, by which a caller distinguishes slow work from stuck work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts signs of progress: finished calls to the backend, pieces sent over a connection, files visited by a walk.
#[derive(Debug, Clone, Default)]
pub struct ActivityCounter(Arc<AtomicU64>);

impl ActivityCounter {
    /// Something has moved.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the count since this counter was made. It only grows.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
