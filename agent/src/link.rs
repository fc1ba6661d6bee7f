//! The one connection to the coordinator, dialed from here and kept.
//!
//! **Invariant:** the link decides nothing and stores nothing that matters. Reports come from the board, work comes as
//! the complete set of open orders, and both are passed on as a whole at each connect.

mod backoff;
mod listen;
mod outbox;
mod renewal;
mod report;

pub use backoff::{AttemptEnd, wait};
pub use listen::{OpenSet, QueryChange, Unknown};
#[cfg(test)]
pub use report::stream;

use crate::clock;
use crate::link_hints::link_hint;
use crate::mask::MaskedBoard;
use crate::metrics::AgentMetrics;
use fleet_core::host_policy::HostPolicy;
use fleet_link::{Identity, LinkError, dial};
use futures_util::future::{BoxFuture, FutureExt};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// Duration after which a connection counts as successful: its end does not increase the backoff.
const LASTING: Duration = Duration::from_secs(5);

/// Identity of the link.
#[derive(Debug)]
pub struct Who {
    /// Certificate and key of the host.
    pub identity: Identity,
    /// File in which a renewed identity is stored; none for a simulated agent.
    pub path: Option<PathBuf>,
}

/// First message of a host about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Greeting {
    /// Version of the Docker Engine.
    pub engine_version: String,
    /// The Engine's id; empty while it is not known.
    pub engine_id: String,
    /// Random id of this start of the agent.
    pub start: String,
    /// Policy of the host.
    pub policy: HostPolicy,
    /// Free bytes on the disk of the data.
    pub disk_free: u64,
}

/// Channels between the link and the rest of the agent.
#[derive(Debug)]
pub struct Wires {
    /// State to report.
    pub status_board: watch::Receiver<MaskedBoard>,
    /// First message; a change makes the link send it again.
    pub greeting: watch::Receiver<Greeting>,
    /// Open orders; none until the coordinator has sent them.
    pub open: watch::Sender<Option<Arc<OpenSet>>>,
    /// Queries that the link receives.
    pub queries: mpsc::Sender<QueryChange>,
    /// Present channel to the coordinator, if there is one, for tasks with their own streams.
    pub channel: watch::Sender<Option<Channel>>,
    /// Counters of the link.
    pub metrics: Arc<AgentMetrics>,
}

/// Keeps the connection until stopped.
pub async fn run(who: Who, wires: Wires, stop: CancellationToken) {
    let story = LoggedLink::default();
    let mut link = Link { who, wires, events_so_far: Arc::default(), failures: 0, story, before: None };
    tokio::select! {
        () = stop.cancelled() => {}
        () = link.keep() => {}
    }
    link.wires.channel.send_replace(None);
}

/// Both directions of one connection; it ends with the reason of the connection's end.
type Streams = BoxFuture<'static, LinkError>;

struct Link {
    who: Who,
    wires: Wires,
    events_so_far: Arc<AtomicU64>,
    failures: u32,
    story: LoggedLink,
    /// Previous connection, kept until the new one has received a message, so that the coordinator always sees this
    /// host.
    before: Option<Streams>,
}

impl Link {
    async fn keep(&mut self) {
        loop {
            let mut heard_since = None;
            match self.connect_once(&mut heard_since).await {
                Ok(identity) => self.renew(identity).await,
                Err(error) => {
                    let was_lasting = heard_since.is_some_and(|since: Instant| since.elapsed() >= LASTING);
                    self.failures = if was_lasting { 1 } else { self.failures.saturating_add(1) };
                    let ending = if error.is_passing() { AttemptEnd::Broken } else { AttemptEnd::Refused };
                    self.tell_lost(&error);
                    let pause = tokio::time::sleep(backoff::wait(self.failures, ending, random()));
                    beside(&mut self.before, &self.wires.channel, pause).await;
                }
            }
        }
    }

    /// Connects, and serves the connection until the certificate has a successor, which wants a connection of its own:
    /// this one is the one before, then.
    async fn connect_once(&mut self, heard_since: &mut Option<Instant>) -> Result<Identity, LinkError> {
        let Self { who, wires, story, before, events_so_far, .. } = self;
        let channel = beside(before, &wires.channel, dial(&who.identity)).await?;
        let (heard, is_heard) = oneshot::channel();
        let mut streams = streams(wires, &who.identity, events_so_far, channel.clone(), heard);
        let mut renewed = pin!(renewal::renewed(&who.identity, &channel));
        tokio::select! {
            error = beside(before, &wires.channel, &mut streams) => return Err(error),
            identity = &mut renewed => {
                // A connection that has received a message is not given up for one that has not.
                before.get_or_insert(streams);
                return Ok(identity);
            }
            Ok(()) = is_heard => {}
        }
        *heard_since = Some(Instant::now());
        story.connected(&who.identity);
        wires.metrics.connected();
        wires.channel.send_replace(Some(channel.clone()));
        *before = None;
        tokio::select! {
            error = &mut streams => Err(error),
            identity = renewed => {
                *before = Some(streams);
                Ok(identity)
            }
        }
    }

    /// Reports the end of an attempt: without another connection, this host is offline.
    fn tell_lost(&mut self, error: &LinkError) {
        if self.before.is_some() {
            let (error, hint) = (crate::chain(error), link_hint(error));
            tracing::warn!(
                error,
                hint,
                "could not use the new certificate yet; the connection with the old one goes on"
            );
            return;
        }
        self.wires.channel.send_replace(None);
        self.story.lost(&self.who.identity, error);
    }

    /// Starts to use a new certificate. The previous connection stays while the identity is written to disk.
    async fn renew(&mut self, identity: Identity) {
        self.failures = 0;
        if let Some(path) = self.who.path.clone() {
            let new = identity.clone();
            match saved(&mut self.before, &self.wires.channel, move || new.save(&path)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let error = crate::chain(&error);
                    tracing::warn!(error, "the new certificate holds until this agent ends");
                }
                Err(error) => tracing::error!(%error, "the new certificate could not be saved"),
            }
        }
        tracing::info!(expires = %identity.expires, "the certificate was renewed");
        self.who.identity = identity;
    }
}

fn streams(
    wires: &Wires,
    identity: &Identity,
    events_so_far: &Arc<AtomicU64>,
    channel: Channel,
    heard: oneshot::Sender<()>,
) -> Streams {
    let Wires { status_board, greeting, open, queries, .. } = wires;
    let words = report::stream(greeting.clone(), status_board.clone(), open.subscribe(), Arc::clone(events_so_far));
    let (open, queries, address) = (open.clone(), queries.clone(), identity.address.clone());
    let streams = async move {
        tokio::select! {
            error = listen::listen(&address, channel.clone(), &open, &queries, heard) => error,
            error = report::report(&address, channel.clone(), words) => error,
        }
    };
    streams.boxed()
}

/// Saves on a thread of its own, while the previous connection and all other tasks of the runtime continue.
async fn saved<T: Send + 'static>(
    before: &mut Option<Streams>,
    published: &watch::Sender<Option<Channel>>,
    save: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    beside(before, published, tokio::task::spawn_blocking(save)).await
}

/// Runs a future while the previous connection, if there is one, continues. Its end needs no reaction, except that it
/// must no longer be used.
async fn beside<T>(
    before: &mut Option<Streams>,
    published: &watch::Sender<Option<Channel>>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    if let Some(streams) = before {
        tokio::select! {
            done = &mut work => return done,
            _ = streams => {}
        }
        *before = None;
        published.send_replace(None);
    }
    work.await
}

/// Waits for a change; for ever if no sender is left.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A random id for one start of the agent.
pub fn start_id() -> String {
    // Without randomness, the coordinator cannot distinguish this start from another, and counts both as one.
    getrandom::u64().map(|id| format!("{id:016x}")).unwrap_or_default()
}

fn random() -> u32 {
    // Without randomness, hosts reconnect at the same time, which is slower but correct.
    getrandom::u32().unwrap_or_default()
}

/// Time left until a moment; zero when it has passed.
fn until(moment: fleet_core::time::Time) -> Duration {
    moment.since(clock::now())
}

/// State of the link at the last log line: there is one line for each change, not for each attempt.
#[derive(Debug, Default)]
struct LoggedLink(LastLogged);

#[derive(Debug, Default, PartialEq, Eq)]
enum LastLogged {
    #[default]
    Nothing,
    Connected,
    Lost(String),
}

impl LoggedLink {
    fn connected(&mut self, identity: &Identity) {
        if self.0 != LastLogged::Connected {
            self.0 = LastLogged::Connected;
            tracing::info!(coordinator = identity.address, subject = %identity.subject, "connected");
        }
    }

    fn lost(&mut self, identity: &Identity, error: &LinkError) {
        let (text, hint) = (crate::chain(error), link_hint(error));
        let news = LastLogged::Lost(error.to_string());
        let coordinator = &identity.address;
        if self.0 == news {
            tracing::debug!(coordinator, error = text, "still not connected");
        } else if error.is_passing() {
            tracing::warn!(coordinator, error = text, hint, "not connected; what runs keeps running");
        } else {
            tracing::error!(coordinator, error = text, hint, "sent away; what runs keeps running");
        }
        self.0 = news;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{RecvTimeoutError, channel};

    /// The runtime has one thread, so a save on it would keep the heartbeat from being sent.
    #[tokio::test]
    async fn a_disk_that_hangs_under_the_new_certificate_stops_no_heartbeat() {
        let (beat, beats) = channel();
        let published = watch::Sender::new(None);
        let previous = async move {
            for number in 0..3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                beat.send(number).expect("the disk waits for it");
            }
            std::future::pending().await
        };
        let mut before: Option<Streams> = Some(previous.boxed());
        let until_beaten = move || -> Result<Vec<u32>, RecvTimeoutError> {
            (0..3).map(|_| beats.recv_timeout(Duration::from_secs(60))).collect()
        };
        let result = saved(&mut before, &published, until_beaten).await.expect("it does not panic");
        assert_eq!(result, Ok(vec![0, 1, 2]));
        assert!(before.is_some(), "the previous connection goes on");
    }
}
