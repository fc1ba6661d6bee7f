//! Commits of the store.

use fleet_telemetry::Page;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::fmt;
use std::time::Duration;

/// Figures of a store's writing thread.
#[derive(Debug)]
pub struct StoreMetrics {
    commits: Counter,
    failures: Counter,
    flush: Histogram,
    queue: Gauge,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        let (commits, failures) = (Counter::default(), Counter::default());
        Self { commits, failures, flush: super::quick(), queue: Gauge::default() }
    }
}

impl StoreMetrics {
    /// Notes a commit that waits for the writing thread.
    pub fn enqueue(&self) {
        self.queue.inc();
    }

    /// Records that commits were taken from the queue.
    pub fn dequeue(&self, commits: usize) {
        self.queue.dec_by(i64::try_from(commits).unwrap_or(i64::MAX));
    }

    /// Records that commits were written and flushed together, or failed.
    pub fn written<R, E>(&self, commits: usize, result: &Result<R, E>, took: Duration) {
        self.flush.observe(took.as_secs_f64());
        let counter = if result.is_ok() { &self.commits } else { &self.failures };
        counter.inc_by(commits as u64);
    }

    /// Returns the number of commits that wait.
    pub fn queue_length(&self) -> i64 {
        self.queue.get()
    }

    /// Writes the families of the store.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        page.metric("fleet_store_commits", "Commits that are on the disk.", &self.commits)?;
        page.metric("fleet_store_commit_failures", "Commits that could not be written.", &self.failures)?;
        page.metric("fleet_store_flush_duration_seconds", "Time to write and flush commits together.", &self.flush)
    }
}
