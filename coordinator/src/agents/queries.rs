//! Queries to hosts, and the routing of the replies to the callers.
//!
//! A query is not a fact: it lives as long as its caller listens and its connection lasts. The channel is small, so
//! that a flood of log lines waits at its host and not here.
//!
//! **Invariant:** the caller learns whether the reply was complete: no caller waits for a host that is lost.

use super::session::Sessions;
use fleet_core::names::{HostName, OperatorName};
use fleet_core::not_asked::NotAskedReason;
use fleet_core::refused_call::CallRefusal;
use fleet_proto::v1::{HostQuery, QueryReply, ToAgent, host_query, to_agent};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Maximum number of reply pieces in the channel.
const ROOM: usize = 16;
/// The most operators that follow logs of one host at a time; each has one follow there.
const FOLLOWS: usize = 8;
/// The most questions about claims of one operator to one host: several changes at a time are usual.
const CLAIMS: usize = 8;
/// The most other questions of one operator to one host.
const OTHERS: usize = 2;

/// Reason why a query cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The host is not connected.
    #[error("`{0}` is not connected")]
    NotConnected(HostName),
    /// The host has the maximum number of open queries.
    #[error("`{0}` has too many questions to answer already")]
    TooMany(HostName),
    /// The operator has the maximum number of open queries to the host.
    #[error("you have {OTHERS} questions to `{0}` open already")]
    TooManyOfYours(HostName),
}

impl AskError {
    /// Returns the refusal of a call that needs an answer.
    pub fn refusal(&self) -> CallRefusal {
        match self.clone() {
            Self::NotConnected(host) => CallRefusal::HostNotConnected { host },
            Self::TooMany(host) => CallRefusal::HostBusy { host },
            Self::TooManyOfYours(host) => CallRefusal::TooManyQuestions { host, limit: OTHERS },
        }
    }

    /// Returns the reason why a change is not checked by its host.
    pub fn not_asked(&self) -> NotAskedReason {
        match self {
            Self::NotConnected(_) => NotAskedReason::Offline,
            Self::TooMany(_) => NotAskedReason::HostBusy,
            Self::TooManyOfYours(_) => NotAskedReason::TooManyQueries { limit: OTHERS },
        }
    }
}

/// An answer that is not complete, and will not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The host disconnected.
    #[error("`{0}` was lost while it answered")]
    Host(HostName),
    /// Another connection of the same host took over.
    #[error("you follow other logs of `{0}` now, and have one follow on each host")]
    Replaced(HostName),
}

impl Lost {
    /// Returns the refusal of a call that needs the rest.
    pub fn refusal(self) -> CallRefusal {
        match self {
            Self::Host(host) => CallRefusal::HostLost { host },
            Self::Replaced(host) => CallRefusal::LogsReplaced { host },
        }
    }
}

/// Message on a reply's channel. A channel that closes without an end message was cut off.
#[derive(Debug)]
enum Passed {
    Piece(QueryReply),
    End,
}

/// The questions that are open.
#[derive(Debug, Default)]
pub struct HostQueries {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Open>>,
}

/// A question that is open, with the way of its answer.
#[derive(Debug)]
struct Open {
    host: HostName,
    by: OperatorName,
    lasts: Lasts,
    sender: mpsc::Sender<Passed>,
    replaced: CancellationToken,
}

/// Lifetime of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasts {
    UntilAnswered,
    /// Query with a deadline of a few seconds.
    Shortly,
    /// Lasts as long as its operator likes.
    Follows,
}

impl Lasts {
    fn of(kind: &host_query::Kind) -> Self {
        match kind {
            host_query::Kind::Logs(logs) if logs.follow => Self::Follows,
            host_query::Kind::Logs(_) | host_query::Kind::Resolve(_) => Self::UntilAnswered,
            host_query::Kind::Claims(_) => Self::Shortly,
        }
    }
}

/// One open query. Dropping it tells the host to stop replying.
#[derive(Debug)]
pub struct Asking {
    id: u64,
    host: HostName,
    pieces: mpsc::Receiver<Passed>,
    is_over: bool,
    session_ended: CancellationToken,
    replaced: CancellationToken,
    queries: Arc<HostQueries>,
    sessions: Arc<Sessions>,
}

impl HostQueries {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of questions that are open.
    pub fn count(&self) -> usize {
        self.open().len()
    }

    /// Sends a query to a connected host. An operator follows one log on each host: a second follow ends the first.
    pub fn ask(
        self: &Arc<Self>,
        sessions: &Arc<Sessions>,
        host: &HostName,
        kind: host_query::Kind,
        by: &OperatorName,
    ) -> Result<Asking, AskError> {
        let session = sessions.get(host).ok_or_else(|| AskError::NotConnected(host.clone()))?;
        let (id, lasts) = (self.next.fetch_add(1, Relaxed) + 1, Lasts::of(&kind));
        let ((sender, pieces), replaced) = (mpsc::channel(ROOM), CancellationToken::new());
        let open = Open { host: host.clone(), by: by.clone(), lasts, sender, replaced: replaced.clone() };
        for previous in self.enter(id, open)? {
            session.send(ToAgent { kind: Some(to_agent::Kind::ForgetQuery(previous)) });
        }
        let asking = Asking {
            id,
            host: host.clone(),
            pieces,
            is_over: false,
            session_ended: session.ended.clone(),
            replaced,
            queries: Arc::clone(self),
            sessions: Arc::clone(sessions),
        };
        let query = HostQuery { id, kind: Some(kind) };
        match session.send(ToAgent { kind: Some(to_agent::Kind::Query(query)) }) {
            true => Ok(asking),
            false => Err(AskError::TooMany(host.clone())),
        }
    }

    /// Notes a question within the limits of its operator and host, and gives the follows that it replaces.
    fn enter(&self, id: u64, new: Open) -> Result<Vec<u64>, AskError> {
        let mut open = self.open();
        let of_kind = open.iter().filter(|(_, open)| open.host == new.host && open.lasts == new.lasts);
        let (own, others): (Vec<_>, Vec<_>) = of_kind.partition(|(_, open)| open.by == new.by);
        let own: Vec<u64> = own.into_iter().map(|(id, _)| *id).collect();
        let replaced = match new.lasts {
            Lasts::Follows if others.len() >= FOLLOWS => return Err(AskError::TooMany(new.host)),
            Lasts::Follows => own,
            Lasts::UntilAnswered if own.len() >= OTHERS => return Err(AskError::TooManyOfYours(new.host)),
            Lasts::Shortly if own.len() >= CLAIMS => return Err(AskError::TooMany(new.host)),
            Lasts::UntilAnswered | Lasts::Shortly => Vec::new(),
        };
        for previous in replaced.iter().filter_map(|previous| open.remove(previous)) {
            previous.replaced.cancel();
        }
        open.insert(id, new);
        Ok(replaced)
    }

    /// Returns the route for a host's reply; none if no caller waits for it.
    pub fn way(self: &Arc<Self>, host: &HostName, id: u64) -> Option<ReplyRoute> {
        let open = self.open();
        let asked = open.get(&id).filter(|asked| asked.host == *host)?;
        Some(ReplyRoute { id, sender: asked.sender.clone(), queries: Arc::clone(self) })
    }
}

/// The way of one answer; however it ends, the question is closed.
#[derive(Debug)]
pub struct ReplyRoute {
    id: u64,
    sender: mpsc::Sender<Passed>,
    queries: Arc<HostQueries>,
}

/// The caller has stopped listening.
#[derive(Debug)]
pub struct Unheard;

impl ReplyRoute {
    /// Passes a piece on, waiting until the channel has room.
    pub async fn pass(&self, piece: QueryReply) -> Result<(), Unheard> {
        self.sender.send(Passed::Piece(piece)).await.map_err(|_| Unheard)
    }

    /// The answer is complete.
    pub async fn end(self) -> Result<(), Unheard> {
        self.sender.send(Passed::End).await.map_err(|_| Unheard)
    }
}

impl Drop for ReplyRoute {
    fn drop(&mut self) {
        self.queries.open().remove(&self.id);
    }
}

impl Asking {
    /// Returns the host that is asked.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// The next piece of the answer; none after the last, or after the error.
    pub async fn next(&mut self) -> Option<Result<QueryReply, Lost>> {
        if self.is_over {
            return None;
        }
        let passed = tokio::select! {
            biased;
            () = self.replaced.cancelled() => {
                self.is_over = true;
                return Some(Err(Lost::Replaced(self.host.clone())));
            }
            passed = self.pieces.recv() => passed,
            () = self.session_ended.cancelled() => None,
        };
        match passed {
            Some(Passed::Piece(piece)) => return Some(Ok(piece)),
            Some(Passed::End) | None => self.is_over = true,
        }
        passed.is_none().then(|| Err(Lost::Host(self.host.clone())))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let was_open = self.queries.open().remove(&self.id).is_some();
        if let Some(session) = self.sessions.get(&self.host).filter(|_| was_open) {
            session.send(ToAgent { kind: Some(to_agent::Kind::ForgetQuery(self.id)) });
        }
    }
}
