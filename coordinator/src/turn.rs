//! The loop: wake, read the facts, decide, write, tell. Waking carries no data, so the path after a restart is the path
//! after a click.

use crate::agents::Sessions;
use crate::clock;
use crate::facts::Facts;
use crate::store::StoreError;
use fleet_core::plan::plan;
use fleet_core::time::Time;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What happens within so long is looked at together.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Nobody sleeps longer, in case a clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// A turn that took long is followed by a rest of thrice as long, so that agents and operators are heard.
const REST: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns until dropped, or until the store has failed.
pub async fn turns(facts: &Facts, sessions: &Sessions) {
    let mut patience = DEBOUNCE;
    while !facts.failed().is_cancelled() {
        let began = Instant::now();
        let sleep_for = match turn(facts, sessions, clock::now()).await {
            Ok(wake_at) => {
                patience = DEBOUNCE;
                wake_at.map_or(LONGEST_SLEEP, |moment| clock::until(moment).min(LONGEST_SLEEP))
            }
            Err(error) => {
                tracing::error!(%error, "the turn could not be kept; it is tried again");
                patience = (patience * 2).min(PATIENCE);
                sleep(patience).await;
                continue;
            }
        };
        let rest = DEBOUNCE.max(began.elapsed() * REST);
        let _ = timeout(sleep_for, facts.woken()).await;
        sleep(rest).await;
    }
}

/// One turn; returns when time alone will change something.
async fn turn(facts: &Facts, sessions: &Sessions, now: Time) -> Result<Option<Time>, StoreError> {
    let plan = {
        let known = facts.read();
        plan(known.desired(), known.asked(), known.observed(), now)
    };
    let wake_at = plan.wake_at;
    let told = facts.ask(plan, now).await?;
    sessions.mark(&told.hosts, clock::now());
    facts.bury(&told.gone, now).await?;
    Ok(wake_at)
}
