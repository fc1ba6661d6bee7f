//! The one connection to the coordinator, dialed from here and kept.
//!
//! **Invariant:** the link decides nothing and remembers nothing that matters: what there is to say stands on the board,
//! what there is to do comes as the complete set of open orders, and both are passed on whole at each connect.

mod backoff;
mod listen;
mod outbox;
mod renewal;
mod report;
mod story;
#[cfg(test)]
mod tests;

pub use backoff::{Ending, wait};
pub use listen::{OpenSet, ToAnswer, Unknown};

use crate::board::Board;
use crate::clock;
use fleet_core::host_policy::HostPolicy;
use fleet_proto::link::{Identity, LinkError, dial};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use story::Story;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// A connection that lasted so long was a good one: what ends it is a new misfortune.
const LASTING: Duration = Duration::from_secs(5);

/// As whom the link speaks.
#[derive(Debug)]
pub struct Who {
    pub identity: Identity,
    /// Where a renewed identity is kept; nowhere for a simulated agent.
    pub path: Option<PathBuf>,
}

/// What a host says of itself first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Greeting {
    pub engine_version: String,
    pub policy: HostPolicy,
    pub disk_free: u64,
}

/// Where the link takes what it says, and where it puts what it hears.
#[derive(Debug)]
pub struct Wires {
    pub board: watch::Receiver<Board>,
    /// Saying something else here makes the link connect anew.
    pub greeting: watch::Receiver<Greeting>,
    /// None until the coordinator has said which orders are open.
    pub open: watch::Sender<Option<Arc<OpenSet>>>,
    pub questions: mpsc::Sender<ToAnswer>,
    /// The channel while there is one, for those who have streams of their own.
    pub channel: watch::Sender<Option<Channel>>,
}

/// Why a connection ended without a fault.
enum Again {
    Renewed(Box<Identity>),
    Greeting,
}

/// Keeps the connection until it is told to stop.
pub async fn run(who: Who, wires: Wires, stop: CancellationToken) {
    let mut link = Link { who, wires, events_so_far: Arc::default(), failures: 0, story: Story::default() };
    tokio::select! {
        () = stop.cancelled() => {}
        () = link.keep() => {}
    }
    link.wires.channel.send_replace(None);
}

struct Link {
    who: Who,
    wires: Wires,
    events_so_far: Arc<AtomicU64>,
    failures: u32,
    story: Story,
}

impl Link {
    async fn keep(&mut self) {
        loop {
            let began = Instant::now();
            let ended = self.connect_once().await;
            self.wires.channel.send_replace(None);
            let was_lasting = self.story.is_connected() && began.elapsed() >= LASTING;
            match ended {
                Ok(Again::Greeting) => self.failures = 0,
                Ok(Again::Renewed(identity)) => self.renew(*identity),
                Err(error) => {
                    self.failures = if was_lasting { 1 } else { self.failures.saturating_add(1) };
                    let ending = if error.is_passing() { Ending::Broken } else { Ending::Refused };
                    self.story.lost(&self.who.identity, &error);
                    tokio::time::sleep(backoff::wait(self.failures, ending, random())).await;
                }
            }
        }
    }

    async fn connect_once(&mut self) -> Result<Again, LinkError> {
        let Self { who, wires, events_so_far, story, .. } = self;
        let channel = dial(&who.identity).await?;
        let greeting = wires.greeting.borrow_and_update().clone();
        let open = wires.open.subscribe();
        wires.channel.send_replace(Some(channel.clone()));
        let reports = report::stream(&greeting, wires.board.clone(), open, Arc::clone(events_so_far));
        let (address, identity) = (&who.identity.address, &who.identity);
        let heard = || story.connected(identity);
        tokio::select! {
            error = listen::listen(address, channel.clone(), &wires.open, &wires.questions, heard) => Err(error),
            error = report::report(address, channel.clone(), reports) => Err(error),
            identity = renewal::renewed(&who.identity, &channel) => Ok(Again::Renewed(Box::new(identity))),
            () = changed(&mut wires.greeting) => Ok(Again::Greeting),
        }
    }

    fn renew(&mut self, identity: Identity) {
        self.failures = 0;
        if let Some(path) = &self.who.path
            && let Err(error) = identity.save(path)
        {
            tracing::warn!(error = %crate::chain(&error), "the new certificate holds until this agent ends");
        }
        tracing::info!(expires = %identity.expires, "the certificate was renewed");
        self.who.identity = identity;
    }
}

/// Waits for a change; for ever, where nobody is left who could make one.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn random() -> u32 {
    // Without randomness hosts come back together, which is slower but no fault.
    getrandom::u32().unwrap_or_default()
}

/// Time left until a moment; zero when it has passed.
fn until(moment: fleet_core::time::Time) -> Duration {
    moment.since(clock::now())
}
