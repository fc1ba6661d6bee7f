//! The loop: wake, read the facts, decide, write, tell. Waking carries no data, so the path after a restart is the path
//! after a click.

#[cfg(test)]
mod tests;

use crate::agents::Sessions;
use crate::clock;
use crate::facts::Facts;
use crate::store::StoreError;
use fleet_core::plan::plan;
use fleet_core::time::Time;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// What happens within so long is looked at together.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Nobody sleeps longer, in case a clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Thinking that took long is followed by a rest several times as long, so that agents and operators are heard.
const REST: u32 = 6;
const LONGEST_REST: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns until dropped, or until the store has failed.
pub async fn turns(facts: &Facts, sessions: &Sessions) {
    let mut patience = DEBOUNCE;
    while !facts.failed().is_cancelled() {
        let (sleep_for, rest) = match turn(facts, sessions, clock::now()).await {
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

/// What a turn leaves behind.
struct Turned {
    /// When time alone will change something.
    wake_at: Option<Time>,
    /// How long the thinking took.
    planned: Duration,
}

async fn turn(facts: &Facts, sessions: &Sessions, now: Time) -> Result<Turned, StoreError> {
    let began = Instant::now();
    let (mut plan, wishes) = {
        let snapshot = facts.read();
        (plan(snapshot.desired(), snapshot.asked(), snapshot.observed(), now), snapshot.wishes())
    };
    let (gone, restored) = (std::mem::take(&mut plan.gone), std::mem::take(&mut plan.restored));
    let (over, wake_at) = (std::mem::take(&mut plan.over), plan.wake_at);
    let (asked, closed, planned) = (plan.orders.len(), plan.closed.len(), began.elapsed());
    facts.ask(plan, wishes, now, |hosts| sessions.mark(hosts, clock::now())).await?;
    tracing::debug!(asked, closed, ?planned, kept = ?began.elapsed(), "turned");
    facts.bury(&gone, now).await?;
    facts.restore(&restored, now).await?;
    facts.settle_wishes(&over, now).await?;
    Ok(Turned { wake_at, planned })
}
