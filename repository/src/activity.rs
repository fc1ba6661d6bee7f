//! A sign that work goes on: who waits for it can tell slow from stuck.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what moves: calls of a place that have come back, pieces that went over a line, files that were walked past.
#[derive(Debug, Clone, Default)]
pub struct ActivityCounter(Arc<AtomicU64>);

impl ActivityCounter {
    /// Something has moved.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
