//! One task looks at all connected hosts once a second; none has a timer of its own.

use super::{Session, Sessions};
use crate::clock;
use crate::facts::Facts;
use fleet_core::time::Time;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// A host that has said nothing for so long is offline.
pub const SILENCE: Duration = Duration::from_secs(15);
/// A host that has not taken what it should be told for so long is cut off.
const UNREAD: Duration = Duration::from_secs(30);
/// A host that said hello counts as online after so long even if it has not said all it has.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs until dropped.
pub async fn sweep(sessions: &Sessions, facts: &Facts) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = clock::now();
        for session in sessions.all() {
            look_at(&session, sessions, facts, now);
        }
    }
}

fn look_at(session: &Arc<Session>, sessions: &Sessions, facts: &Facts, now: Time) {
    let host = &session.host;
    if now.since(session.heard()) > SILENCE {
        tracing::info!(%host, "silent for {} s: its connection ends", SILENCE.as_secs());
        if sessions.leave(session) {
            facts.mark_offline(host, now);
        }
        session.caller.cut.cancel();
    } else if session.due_since().is_some_and(|since| now.since(since) > UNREAD) {
        tracing::warn!(%host, "does not read what it is told: its connection ends");
        session.caller.cut.cancel();
    } else if session.greeted_only().is_some_and(|greeted| now.since(greeted) > PATIENCE) {
        facts.mark_online(host);
    }
}
