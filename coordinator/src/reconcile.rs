//! Reconcile loop: wake, read the facts, decide, write, send. A wake carries no data, so a restart takes the same path
//! as a request.
//!
//! A plan is made off the runtime's threads, of the facts as they were at one moment: reports and calls wait for no plan.

#[cfg(test)]
mod tests;

use crate::agents::Sessions;
use crate::clock;
use crate::facts::{Facts, PlanInput};
use crate::store::StoreError;
use fleet_core::plan::{Plan, plan};
use fleet_core::time::Time;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::field::Empty;
use tracing::{Instrument, Span};

/// Time in which several wakes are merged into one pass.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Maximum sleep, in case a clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Pause after a slow planning pass, as a multiple of its duration, so that reports and requests are processed.
const REST: u32 = 6;
const LONGEST_REST: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes plans; another one than core's in tests.
pub type Planner = Arc<dyn Fn(&PlanInput, Time) -> Plan + Send + Sync>;

/// The planner of core.
pub fn planner() -> Planner {
    Arc::new(|input, now| plan(&input.desired, &input.asked, &input.observed, now))
}

/// Turns until dropped, or until the store has failed.
pub async fn turns(facts: &Arc<Facts>, sessions: &Sessions, planner: &Planner) {
    let mut patience = DEBOUNCE;
    while !facts.failed().is_cancelled() {
        let began = Instant::now();
        let span = tracing::error_span!("reconcile", orders = Empty, closed = Empty);
        let turned = turn(facts, sessions, planner, clock::now()).instrument(span).await;
        facts.metrics().passed(&turned, began.elapsed());
        let (sleep_for, rest) = match turned {
            Ok(Turned { wake_at, planned }) => {
                patience = DEBOUNCE;
                let sleep_for = wake_at.map_or(LONGEST_SLEEP, |moment| clock::until(moment).min(LONGEST_SLEEP));
                (sleep_for, (planned * REST).min(LONGEST_REST))
            }
            Err(error) => {
                tracing::error!(%error, "the turn could not be kept; it is tried again");
                patience = (patience * 2).min(PATIENCE);
                sleep(patience).await;
                continue;
            }
        };
        let rested = Instant::now() + rest;
        let _ = timeout(sleep_for, facts.woken()).await;
        sleep_until(rested.max(Instant::now() + DEBOUNCE)).await;
    }
}

/// Result of a reconcile pass.
struct Turned {
    /// Time at which something changes by itself.
    wake_at: Option<Time>,
    /// Time that planning took.
    planned: Duration,
}

async fn turn(facts: &Arc<Facts>, sessions: &Sessions, planner: &Planner, now: Time) -> Result<Turned, StoreError> {
    let began = Instant::now();
    let input = facts.read().plan_input();
    let (desired_revision, planner) = (input.desired_revision, Arc::clone(planner));
    let (mut plan, planned) = facts
        .off_runtime(move |_| {
            let began = Instant::now();
            (planner(&input, now), began.elapsed())
        })
        .await;
    facts.metrics().planned(planned);
    let (gone, restored) = (std::mem::take(&mut plan.gone), std::mem::take(&mut plan.restored));
    let (over, wake_at) = (std::mem::take(&mut plan.over), plan.wake_at);
    let (asked, closed) = (plan.orders.len(), plan.closed.len());
    facts.ask(plan, desired_revision, now, |hosts| sessions.mark(hosts, clock::now())).await?;
    Span::current().record("orders", asked).record("closed", closed);
    tracing::debug!(asked, closed, ?planned, kept = ?began.elapsed(), "turned");
    if !gone.is_empty() {
        // It scans the store for the values of each.
        facts.off_runtime(move |facts| Handle::current().block_on(facts.bury(&gone, now))).await?;
    }
    facts.restore(&restored, now).await?;
    facts.settle_requests(&over, now).await?;
    Ok(Turned { wake_at, planned })
}
