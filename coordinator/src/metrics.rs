//! Counters and histograms for Prometheus: each part of the coordinator counts in a type of this module, and
//! `serve::exporter` collects them. `docs/metrics.md` has each metric.

mod agents;
mod facts;
mod rpc;
mod store;
mod workers;

pub use agents::{ReportMetrics, ReportRefusal, SessionBegin, SessionCut, SessionMetrics};
pub use facts::FactsMetrics;
pub use rpc::{RpcMetrics, RpcRecord, UNKNOWN};
pub use store::StoreMetrics;
pub use workers::WorkerMetrics;

use prometheus_client::metrics::histogram::Histogram;

/// Returns a histogram for durations of milliseconds.
fn quick() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}

/// Returns a histogram for durations from seconds to hours.
fn lasting() -> Histogram {
    Histogram::new([0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0])
}
