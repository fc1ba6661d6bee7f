//! Says through `Report` what stands on the board, as fast as the link takes it and no faster.

use super::listen::{OpenSet, ended};
use super::outbox::{Outbox, message};
use super::{Greeting, changed};
use crate::board::Board;
use crate::clock;
use fleet_proto::PROTOCOL;
use fleet_proto::link::LinkError;
use fleet_proto::v1::agents_client::AgentsClient;
use fleet_proto::v1::{self, FromAgent, from_agent::Kind};
use futures_util::stream::{self, Stream};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::transport::Channel;

/// After so long a silence the host says that it is alive; the coordinator misses it after two of them.
const HEARTBEAT: Duration = Duration::from_secs(7);

/// Reports until the coordinator or the connection ends it, and says why.
pub async fn report(
    address: &str,
    channel: Channel,
    reports: impl Stream<Item = FromAgent> + Send + 'static,
) -> LinkError {
    match AgentsClient::new(channel).report(reports).await {
        Ok(_) => ended(address),
        Err(status) => LinkError::from_status(address, status),
    }
}

/// All there is to say on one connection: the greeting, everything on the board, then changes and heartbeats. When the
/// greeting changes, all of it is said again.
pub fn stream(
    greeting: watch::Receiver<Greeting>,
    board: watch::Receiver<Board>,
    open: watch::Receiver<Option<Arc<OpenSet>>>,
    events_so_far: Arc<AtomicU64>,
) -> impl Stream<Item = FromAgent> + Send + 'static {
    let outbox = Outbox::new(events_so_far.load(Ordering::Relaxed));
    let queue = VecDeque::new();
    let mut reporter = Reporter { greeting, board, open, outbox, queue, spoke: Instant::now(), events_so_far };
    reporter.greet();
    stream::unfold(reporter, |mut reporter| async {
        let message = reporter.next().await;
        Some((message, reporter))
    })
}

fn hello(greeting: &Greeting) -> v1::Hello {
    v1::Hello {
        protocol: PROTOCOL,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        engine_version: greeting.engine_version.clone(),
        policy: Some(greeting.policy.clone().into()),
        now_ms: clock::now().0,
        disk_free: greeting.disk_free,
    }
}

struct Reporter {
    greeting: watch::Receiver<Greeting>,
    board: watch::Receiver<Board>,
    open: watch::Receiver<Option<Arc<OpenSet>>>,
    outbox: Outbox,
    queue: VecDeque<FromAgent>,
    spoke: Instant,
    events_so_far: Arc<AtomicU64>,
}

impl Reporter {
    /// Begins to say everything.
    fn greet(&mut self) {
        let hello = hello(&self.greeting.borrow_and_update());
        self.queue.push_back(message(Kind::Hello(hello)));
        self.outbox = Outbox::new(self.outbox.events_so_far());
    }

    async fn next(&mut self) -> FromAgent {
        loop {
            if let Some(message) = self.queue.pop_front() {
                self.spoke = Instant::now();
                return message;
            }
            // Another connection may have told some of them.
            self.outbox.skip_events(self.events_so_far.load(Ordering::Relaxed));
            let due = self.outbox.due(&self.board.borrow_and_update(), Instant::now());
            self.events_so_far.store(self.outbox.events_so_far(), Ordering::Relaxed);
            self.queue.extend(due.messages);
            if self.queue.is_empty() {
                self.wait(due.next).await;
            }
        }
    }

    /// Waits until there may be more to say; a heartbeat, where there is not.
    async fn wait(&mut self, next: Option<Instant>) {
        let heartbeat = self.spoke + HEARTBEAT;
        let wake = next.map_or(heartbeat, |next| next.min(heartbeat));
        tokio::select! {
            () = changed(&mut self.greeting) => self.greet(),
            () = changed(&mut self.board) => {}
            () = changed(&mut self.open) => {
                if let Some(open) = &*self.open.borrow_and_update() {
                    self.outbox.say_again(open.ids());
                }
            }
            () = sleep_until(wake) => {
                if wake == heartbeat {
                    self.queue.push_back(message(Kind::Heartbeat(v1::Heartbeat {})));
                }
            }
        }
    }
}
