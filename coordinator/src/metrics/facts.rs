//! Changes of the facts, plans made of them, and orders.

use fleet_core::order::{Action, Outcome};
use fleet_telemetry::Page;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use std::fmt;
use std::time::Duration;

type KindLabels = [(&'static str, &'static str); 1];
type OutcomeLabels = [(&'static str, &'static str); 2];

/// Figures of facts, plans and orders.
#[derive(Debug)]
pub struct FactsMetrics {
    change: Histogram,
    commit: Histogram,
    plan: Histogram,
    pass: Family<KindLabels, Histogram, fn() -> Histogram>,
    orders_given: Family<KindLabels, Counter>,
    orders_ended: Family<OutcomeLabels, Counter>,
    orders_failed: Family<KindLabels, Counter>,
    order: Family<KindLabels, Histogram, fn() -> Histogram>,
}

impl Default for FactsMetrics {
    fn default() -> Self {
        Self {
            change: super::quick(),
            commit: super::quick(),
            plan: super::quick(),
            pass: Family::new_with_constructor(super::quick as fn() -> Histogram),
            orders_given: Family::default(),
            orders_ended: Family::default(),
            orders_failed: Family::default(),
            order: Family::new_with_constructor(super::lasting as fn() -> Histogram),
        }
    }
}

impl FactsMetrics {
    /// Notes a change of the facts in memory.
    pub fn changed(&self, took: Duration) {
        self.change.observe(took.as_secs_f64());
    }

    /// Notes that a change is on the disk.
    pub fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// Notes that a plan was made.
    pub fn planned(&self, took: Duration) {
        self.plan.observe(took.as_secs_f64());
    }

    /// Notes the end of a reconcile pass.
    pub fn passed<R, E>(&self, result: &Result<R, E>, took: Duration) {
        let result = if result.is_ok() { "ok" } else { "error" };
        self.pass.get_or_create(&[("result", result)]).observe(took.as_secs_f64());
    }

    /// Counts an order that is given.
    pub fn order_given(&self, action: &Action) {
        self.orders_given.get_or_create(&[("kind", action.label())]).inc();
    }

    /// Notes the end of an order, and the time since it was given.
    pub fn order_ended(&self, action: &Action, outcome: &Outcome, took: Duration) {
        let kind = action.label();
        self.orders_ended.get_or_create(&[("kind", kind), ("outcome", outcome.label())]).inc();
        if let Some(failure) = outcome.failure() {
            self.orders_failed.get_or_create(&[("failure", failure.code())]).inc();
        }
        self.order.get_or_create(&[("kind", kind)]).observe(took.as_secs_f64());
    }

    /// Counts an order that is withdrawn.
    pub fn order_withdrawn(&self, action: &Action) {
        self.orders_ended.get_or_create(&[("kind", action.label()), ("outcome", "withdrawn")]).inc();
    }

    /// Writes the families of facts, plans and orders.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        page.metric(
            "fleet_facts_change_duration_seconds",
            "Time of a change in memory, its lock included.",
            &self.change,
        )?;
        page.metric("fleet_facts_commit_duration_seconds", "Time that a change waited for the disk.", &self.commit)?;
        page.metric("fleet_plan_duration_seconds", "Time to make a plan.", &self.plan)?;
        page.metric("fleet_reconcile_duration_seconds", "Time of a reconcile pass, by result.", &self.pass)?;
        page.metric("fleet_orders_given", "Orders that were given, by kind.", &self.orders_given)?;
        page.metric("fleet_orders_ended", "Orders that ended, by kind and outcome.", &self.orders_ended)?;
        page.metric("fleet_orders_failed", "Orders that did not reach their goal, by failure.", &self.orders_failed)?;
        page.metric("fleet_order_duration_seconds", "Time from giving an order to hearing its end.", &self.order)
    }
}
