//! Counters and histograms of the agent, updated as things happen.

use fleet_core::order::{Action, Outcome};
use fleet_repository::client::WorkerObserver;
use fleet_telemetry::Page;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use std::fmt;
use std::time::Duration;

type Labels = [(&'static str, &'static str); 1];
type TwoLabels = [(&'static str, &'static str); 2];

/// Figures since the start of the agent.
#[derive(Debug)]
pub struct AgentMetrics {
    connections: Counter,
    orders: Family<TwoLabels, Counter>,
    order: Family<Labels, Histogram, fn() -> Histogram>,
    fetches: Family<Labels, Counter>,
    ledger_failures: Counter,
    requests: Family<TwoLabels, Counter>,
    request: Family<Labels, Histogram, fn() -> Histogram>,
}

/// Returns a histogram for durations from seconds to hours.
fn lasting() -> Histogram {
    Histogram::new([0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0])
}

impl Default for AgentMetrics {
    fn default() -> Self {
        Self {
            connections: Counter::default(),
            orders: Family::default(),
            order: Family::new_with_constructor(lasting as fn() -> Histogram),
            fetches: Family::default(),
            ledger_failures: Counter::default(),
            requests: Family::default(),
            request: Family::new_with_constructor(lasting as fn() -> Histogram),
        }
    }
}

impl WorkerObserver for AgentMetrics {
    fn ended(&self, work: &'static str, result: &'static str, took: Duration) {
        self.requests.get_or_create(&[("work", work), ("result", result)]).inc();
        self.request.get_or_create(&[("work", work)]).observe(took.as_secs_f64());
    }
}

impl AgentMetrics {
    /// Records that a new connection has received a message.
    pub fn connected(&self) {
        self.connections.inc();
    }

    /// Notes the end of an order, and the time since it was accepted.
    pub fn order_ended(&self, action: &Action, outcome: &Outcome, took: Duration) {
        let kind = action.label();
        self.orders.get_or_create(&[("kind", kind), ("outcome", outcome.label())]).inc();
        self.order.get_or_create(&[("kind", kind)]).observe(took.as_secs_f64());
    }

    /// Counts a bundle that was fetched, or could not be.
    pub fn fetched<T, E>(&self, result: &Result<T, E>) {
        let result = if result.is_ok() { "ok" } else { "error" };
        self.fetches.get_or_create(&[("result", result)]).inc();
    }

    /// Counts a change of the ledger that could not be written.
    pub fn ledger_failed(&self) {
        self.ledger_failures.inc();
    }

    /// Writes the counters and histograms to a page.
    ///
    /// # Errors
    /// Fails where the page cannot be written.
    pub fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        page.metric("fleet_agent_connections", "Connections on which the coordinator was heard.", &self.connections)?;
        page.metric("fleet_agent_orders_ended", "Orders that ended, by kind and outcome.", &self.orders)?;
        page.metric("fleet_agent_order_duration_seconds", "Time from accepting an order to its end.", &self.order)?;
        page.metric("fleet_agent_bundle_fetches", "Bundles that were fetched, by result.", &self.fetches)?;
        let help = "Changes of the ledger that could not be written; they are tried again.";
        page.metric("fleet_agent_ledger_failures", help, &self.ledger_failures)?;
        page.metric("fleet_worker_requests", "Requests to repository workers, by work and result.", &self.requests)?;
        page.metric("fleet_worker_request_duration_seconds", "Time of a request to a repository worker.", &self.request)
    }
}
