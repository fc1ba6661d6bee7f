//! Requests to processes that work on repositories.

use fleet_repository::client::WorkerObserver;
use fleet_telemetry::Page;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use std::fmt;
use std::time::Duration;

type WorkLabels = [(&'static str, &'static str); 1];
type ResultLabels = [(&'static str, &'static str); 2];

/// Figures of workers.
#[derive(Debug)]
pub struct WorkerMetrics {
    ended: Family<ResultLabels, Counter>,
    duration: Family<WorkLabels, Histogram, fn() -> Histogram>,
}

impl Default for WorkerMetrics {
    fn default() -> Self {
        let duration = Family::new_with_constructor(super::lasting as fn() -> Histogram);
        Self { ended: Family::default(), duration }
    }
}

impl WorkerObserver for WorkerMetrics {
    fn ended(&self, work: &'static str, result: &'static str, took: Duration) {
        self.ended.get_or_create(&[("work", work), ("result", result)]).inc();
        self.duration.get_or_create(&[("work", work)]).observe(took.as_secs_f64());
    }
}

impl WorkerMetrics {
    /// Writes the families of workers.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        page.metric("fleet_worker_requests", "Requests to repository workers, by work and result.", &self.ended)?;
        page.metric(
            "fleet_worker_request_duration_seconds",
            "Time of a request to a repository worker.",
            &self.duration,
        )
    }
}
