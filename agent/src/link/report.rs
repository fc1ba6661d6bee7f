//! Sends the content of the board through `Report`, as fast as the link accepts it.

use super::listen::{OpenSet, ended};
use super::outbox::{Outbox, message};
use super::{Greeting, changed};
use crate::clock;
use crate::mask::MaskedBoard;
use fleet_core::capability;
use fleet_link::LinkError;
use fleet_proto::v1::agents_client::AgentsClient;
use fleet_proto::v1::{self, FromAgent, from_agent::Kind};
use fleet_proto::{PROTOCOL, PROTOCOL_MIN};
use futures_util::stream::{self, Stream};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tonic::transport::Channel;

/// Maximum silence: then the host sends a heartbeat. The coordinator marks it offline after missing two.
const HEARTBEAT: Duration = Duration::from_secs(7);

/// Reports until the coordinator or the connection ends the call, and returns the reason.
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

/// Returns all messages of one connection: the greeting, the whole board, then changes and heartbeats. After a change
/// of the greeting, everything is sent again.
pub fn stream(
    greeting: watch::Receiver<Greeting>,
    status_board: watch::Receiver<MaskedBoard>,
    open: watch::Receiver<Option<Arc<OpenSet>>>,
    events_so_far: Arc<AtomicU64>,
) -> impl Stream<Item = FromAgent> + Send + 'static {
    let outbox = Outbox::new(events_so_far.load(Ordering::Relaxed));
    let queue = VecDeque::new();
    let mut reporter = Reporter { greeting, status_board, open, outbox, queue, spoke: Instant::now(), events_so_far };
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
        start: greeting.start.clone(),
        engine_id: greeting.engine_id.clone(),
        replies_to_claims: true,
        protocol_min: PROTOCOL_MIN,
        capabilities: capability::own().iter().map(ToString::to_string).collect(),
    }
}

struct Reporter {
    greeting: watch::Receiver<Greeting>,
    status_board: watch::Receiver<MaskedBoard>,
    open: watch::Receiver<Option<Arc<OpenSet>>>,
    outbox: Outbox,
    /// Events have their numbers.
    queue: VecDeque<(Option<u64>, FromAgent)>,
    spoke: Instant,
    /// Number of the newest event that was sent, shared with the previous connection.
    events_so_far: Arc<AtomicU64>,
}

impl Reporter {
    /// Starts to report everything again.
    fn greet(&mut self) {
        let hello = hello(&self.greeting.borrow_and_update());
        // Events that wait in line are in the new outbox again.
        self.queue.retain(|(event, _)| event.is_none());
        self.say(Kind::Hello(hello));
        self.outbox = Outbox::new(self.events_so_far.load(Ordering::Relaxed));
    }

    fn say(&mut self, kind: Kind) {
        self.queue.push_back((None, message(kind)));
    }

    async fn next(&mut self) -> FromAgent {
        loop {
            while let Some((event, message)) = self.queue.pop_front() {
                if event.is_none_or(|number| self.tells_first(number)) {
                    self.spoke = Instant::now();
                    return message;
                }
            }
            let due = self.outbox.due(&self.status_board.borrow_and_update(), Instant::now());
            self.queue.extend(due.messages.into_iter().map(|message| (None, message)));
            self.queue.extend(due.events.into_iter().map(|(number, message)| (Some(number), message)));
            if self.queue.is_empty() {
                self.wait(due.next).await;
            }
        }
    }

    /// Returns whether this connection is the first to send an event. An event counts as sent when it is taken, not
    /// while it is queued: the queue is lost with its connection.
    fn tells_first(&self, number: u64) -> bool {
        self.events_so_far.fetch_max(number, Ordering::Relaxed) < number
    }

    /// Waits until there may be something to report; returns a heartbeat if there is nothing.
    async fn wait(&mut self, next: Option<Instant>) {
        let heartbeat = self.spoke + HEARTBEAT;
        let wake = next.map_or(heartbeat, |next| next.min(heartbeat));
        tokio::select! {
            () = changed(&mut self.greeting) => self.greet(),
            () = changed(&mut self.status_board) => {}
            () = changed(&mut self.open) => {
                if let Some(open) = &*self.open.borrow_and_update() {
                    self.outbox.say_again(open.ids());
                }
            }
            () = sleep_until(wake) => {
                if wake == heartbeat {
                    self.say(Kind::Heartbeat(v1::Heartbeat {}));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status_board::StatusWriter;
    use fleet_core::event::HostEvent;
    use fleet_core::time::Time;
    use futures_util::{FutureExt, StreamExt};
    use std::pin::Pin;

    type HarnessStream = Pin<Box<dyn Stream<Item = FromAgent>>>;

    struct Harness {
        status_writer: StatusWriter,
        status_board: watch::Sender<MaskedBoard>,
        greeting: watch::Sender<Greeting>,
        open: watch::Sender<Option<Arc<OpenSet>>>,
        events_so_far: Arc<AtomicU64>,
    }

    impl Harness {
        fn new(events: &str) -> Self {
            let harness = Self {
                status_writer: StatusWriter::default(),
                status_board: watch::Sender::default(),
                greeting: watch::Sender::default(),
                open: watch::Sender::default(),
                events_so_far: Arc::default(),
            };
            harness.tell(events);
            harness
        }

        fn tell(&self, events: &str) {
            events.split(' ').for_each(|text| self.status_writer.tell(Time(1), None, HostEvent::other(text)));
            self.status_board.send_replace(MaskedBoard::plain(self.status_writer.see(Clone::clone)));
        }

        fn connect(&self) -> HarnessStream {
            let so_far = Arc::clone(&self.events_so_far);
            Box::pin(stream(self.greeting.subscribe(), self.status_board.subscribe(), self.open.subscribe(), so_far))
        }
    }

    /// Returns the next event that a connection sends, if there is one.
    fn event(words: &mut HarnessStream) -> Option<String> {
        loop {
            if let Some(Kind::Event(event)) = words.next().now_or_never()??.kind {
                return event.event.map(|event| event.arguments.concat());
            }
        }
    }

    fn events(words: &mut HarnessStream) -> String {
        std::iter::from_fn(|| event(words)).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test]
    async fn what_waits_in_line_when_a_connection_is_cut_is_told_on_the_next() {
        let harness = Harness::new("a b c");
        let mut first = harness.connect();
        assert_eq!(event(&mut first).as_deref(), Some("a"));
        drop(first);
        assert_eq!(events(&mut harness.connect()), "b c");
        assert_eq!(events(&mut harness.connect()), "");
    }

    #[tokio::test]
    async fn two_connections_side_by_side_tell_each_event_once() {
        let harness = Harness::new("a b c");
        let (mut first, mut second) = (harness.connect(), harness.connect());
        assert_eq!(event(&mut first).as_deref(), Some("a"));
        assert_eq!(event(&mut second).as_deref(), Some("b"));
        assert_eq!(events(&mut first), "c");
        harness.tell("d");
        assert_eq!((events(&mut second), events(&mut first)), ("d".to_owned(), String::new()));
    }

    #[tokio::test]
    async fn a_new_greeting_tells_no_event_again() {
        let harness = Harness::new("a b");
        let mut words = harness.connect();
        assert_eq!(event(&mut words).as_deref(), Some("a"));
        harness.greeting.send_modify(|greeting| greeting.disk_free = 1);
        assert_eq!(events(&mut words), "b");
    }
}
