//! A single task checks all connected hosts once a second; hosts have no timers of their own.

use super::{Session, Sessions};
use crate::clock;
use crate::facts::Facts;
use crate::metrics::SessionCut;
use fleet_core::names::HostName;
use fleet_core::time::Time;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Time without a message after which a host is offline.
pub const SILENCE: Duration = Duration::from_secs(15);
/// Time after which a host that does not take its open set is disconnected.
const UNREAD: Duration = Duration::from_secs(30);
/// Time after its `Hello` at which a host counts as online even without a full report.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs until dropped.
pub async fn sweep(sessions: &Sessions, facts: &Facts) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let start = clock::now();
    let (mut looked, mut watched) = (start, start);
    loop {
        ticks.tick().await;
        let now = clock::now();
        (looked, watched) = (now, watched_since(watched, looked, now));
        for session in sessions.all() {
            look_at(&session, sessions, facts, now);
        }
        let connected_since = |host: &HostName| {
            let session = sessions.get(host).filter(|session| session.has_greeted());
            session.map(|session| session.since.max(watched))
        };
        match facts.end_duplicates(connected_since, now).await {
            // Its last machine reports everything again: instances that it did not have were not counted as absent.
            Ok(ended) => ended.iter().filter_map(|host| sessions.get(host)).for_each(|it| it.caller.cut.cancel()),
            Err(error) => tracing::error!(%error, "could not keep that a host is one machine again"),
        }
    }
}

/// Since when hosts have been looked at without a break: who was away while this process slept was not seen.
fn watched_since(watched: Time, looked: Time, now: Time) -> Time {
    if now.since(looked) > SILENCE { now } else { watched }
}

fn look_at(session: &Arc<Session>, sessions: &Sessions, facts: &Facts, now: Time) {
    let host = &session.host;
    if now.since(session.heard()) > SILENCE {
        tracing::info!(%host, "silent for {} s: its connection ends", SILENCE.as_secs());
        sessions.metrics.cut(SessionCut::Silent);
        if sessions.leave(session) {
            facts.mark_offline(host, now);
        }
        session.caller.cut.cancel();
    } else if session.due_since().is_some_and(|since| now.since(since) > UNREAD) {
        tracing::warn!(%host, "does not read what it is told: its connection ends");
        sessions.metrics.cut(SessionCut::Unread);
        session.caller.cut.cancel();
    } else if session.greeted_only().is_some_and(|greeted| now.since(greeted) > PATIENCE) {
        facts.mark_online(host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::session::Next;
    use crate::connections::Connections;
    use crate::facts::testing::{NOW, memory, read};
    use fleet_core::facts::LinkState;
    use futures_util::FutureExt;
    use std::net::SocketAddr;

    #[derive(Clone, Copy, PartialEq)]
    enum Host {
        Speaks,
        IsSilent,
    }

    struct Harness {
        sessions: Sessions,
        facts: Facts,
        session: Arc<Session>,
        /// Notes callers for as long as it is there.
        _connections: Arc<Connections>,
    }

    impl Harness {
        /// A host that is online, over a session of its own.
        async fn new() -> Self {
            let facts = memory().with("lab-1", "notes-1").await;
            let (sessions, connections) = (Sessions::default(), Arc::new(Connections::default()));
            let caller = connections.enter(SocketAddr::from(([127, 0, 0, 1], 1)), None);
            let session = sessions.enter(&read("lab-1"), &caller, NOW).expect("it is connected");
            Self { sessions, facts, session, _connections: connections }
        }

        /// Checks the host after that many seconds; a host that speaks has just sent something.
        fn look(&self, seconds: u64, host: Host) {
            let now = NOW.after(Duration::from_secs(seconds));
            if host == Host::Speaks {
                self.session.hear(now);
            }
            look_at(&self.session, &self.sessions, &self.facts, now);
        }

        fn is_cut(&self) -> bool {
            self.session.caller.cut.is_cancelled()
        }
    }

    #[test]
    fn a_sleep_of_this_process_is_no_time_in_which_hosts_were_seen() {
        let at = |seconds| NOW.after(Duration::from_secs(seconds));
        assert_eq!(watched_since(at(0), at(99), at(100)), at(0));
        assert_eq!(watched_since(at(0), at(99), at(700)), at(700));
    }

    #[tokio::test]
    async fn a_host_that_does_not_read_is_cut_off() {
        let harness = Harness::new().await;
        harness.session.begin_watch(NOW);
        harness.look(30, Host::Speaks);
        assert!(!harness.is_cut(), "it has time");
        harness.look(31, Host::Speaks);
        assert!(harness.is_cut());
    }

    #[tokio::test]
    async fn a_host_that_reads_stays() {
        let harness = Harness::new().await;
        let watch = harness.session.begin_watch(NOW);
        assert_eq!(harness.session.next(watch).now_or_never(), Some(Some(Next::OpenSet)));
        harness.look(31, Host::Speaks);
        assert!(!harness.is_cut());
    }

    #[tokio::test]
    async fn a_host_that_is_silent_is_offline() {
        let harness = Harness::new().await;
        let is_online = || harness.facts.read().observed().hosts[&read("lab-1")].link == LinkState::Online;
        let watch = harness.session.begin_watch(NOW);
        harness.session.next(watch).now_or_never();
        harness.look(15, Host::IsSilent);
        assert!(is_online() && !harness.is_cut());
        harness.look(16, Host::IsSilent);
        assert!(!is_online() && harness.is_cut());
        assert!(harness.sessions.get(&read("lab-1")).is_none());
    }
}
