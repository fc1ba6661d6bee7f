//! Calls of the port, counted when they end.

use fleet_telemetry::Page;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::fmt;
use std::sync::Arc;
use tokio::time::Instant;
use tonic::Code;
use tracing::Span;

/// Method of calls that were refused before they reached a method: a caller can invent names, which must not become
/// labels.
pub const UNKNOWN: &str = "unknown";

type MethodLabels = [(&'static str, String); 2];
type CodeLabels = [(&'static str, String); 3];

/// Figures of calls.
#[derive(Debug)]
pub struct RpcMetrics {
    ended: Family<CodeLabels, Counter>,
    duration: Family<MethodLabels, Histogram, fn() -> Histogram>,
    open: Gauge,
}

impl Default for RpcMetrics {
    fn default() -> Self {
        let duration = Family::new_with_constructor(super::quick as fn() -> Histogram);
        Self { ended: Family::default(), duration, open: Gauge::default() }
    }
}

impl RpcMetrics {
    /// Records the begin of a call. It ends when the record is dropped.
    pub fn begin(self: &Arc<Self>, service: &str, method: &str) -> RpcRecord {
        self.open.inc();
        RpcRecord {
            metrics: Arc::clone(self),
            service: service.to_owned(),
            method: method.to_owned(),
            // Unless its status was sent, its caller has gone.
            code: Code::Cancelled,
            began: Instant::now(),
        }
    }

    /// Writes the families of calls.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        page.metric("fleet_rpc_requests", "Calls that ended, by service, method and gRPC status code.", &self.ended)?;
        page.metric("fleet_rpc_duration_seconds", "Time from a call to the end of its response.", &self.duration)?;
        page.metric("fleet_rpc_open", "Calls under way, streams included.", &self.open)
    }
}

/// A call under way.
#[derive(Debug)]
pub struct RpcRecord {
    metrics: Arc<RpcMetrics>,
    service: String,
    method: String,
    code: Code,
    began: Instant,
}

impl RpcRecord {
    /// Returns the span of the call.
    pub fn span(&self, caller: Option<&str>) -> Span {
        tracing::error_span!("rpc", service = self.service, method = self.method, caller)
    }

    /// Notes the status with which the call ends.
    pub fn note(&mut self, code: Code) {
        self.code = code;
        if code == Code::Unimplemented {
            UNKNOWN.clone_into(&mut self.method);
        }
    }

    /// Notes a call that is refused before it reaches a method.
    pub fn refuse(mut self, code: Code) {
        UNKNOWN.clone_into(&mut self.method);
        self.note(code);
    }
}

impl Drop for RpcRecord {
    fn drop(&mut self) {
        let (service, method) = (std::mem::take(&mut self.service), std::mem::take(&mut self.method));
        let of_method = [("service", service.clone()), ("method", method.clone())];
        self.metrics.duration.get_or_create(&of_method).observe(self.began.elapsed().as_secs_f64());
        let code = format!("{:?}", self.code);
        self.metrics.ended.get_or_create(&[("service", service), ("method", method), ("code", code)]).inc();
        self.metrics.open.dec();
    }
}
