//! A connected host, as far as the coordinator must remember it: small, for there may be ten thousand.

use crate::connections::Caller;
use crate::metrics::{SessionBegin, SessionCut, SessionMetrics};
use crate::rpc_status::refuse;
use fleet_core::names::{HostName, InstanceName};
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_core::time::Time;
use fleet_proto::v1::ToAgent;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Maximum number of queries that may wait for a host that does not read.
const OUTBOX_LIMIT: usize = 64;

/// One connected host. It ends with its connection.
#[derive(Debug)]
pub struct Session {
    /// Name of the host, from its certificate.
    pub host: HostName,
    /// Other end of the connection.
    pub caller: Arc<Caller>,
    /// Time of the connect.
    pub since: Time,
    /// True if it replaced a live connection of the same host.
    pub is_takeover: bool,
    /// Time of the host's last message, in Unix milliseconds.
    heard: AtomicU64,
    /// Time since which the host has an unsent open set, in Unix milliseconds; 0 if the current one was sent.
    due: AtomicU64,
    /// Time of its `Hello`; 0 before.
    greeted: AtomicU64,
    completed: AtomicBool,
    /// True if the agent supports queries about claims, as its `Hello` said.
    replies_to_claims: AtomicBool,
    /// Counts the calls of `Watch`: only the newest is served.
    watches: AtomicU64,
    outbox: Mutex<VecDeque<ToAgent>>,
    /// Instances whose latest report could not be parsed: they exist, in an unknown state.
    unread: Mutex<BTreeSet<InstanceName>>,
    wake: Notify,
    /// Cancelled when it is over, at the latest with its connection.
    pub ended: CancellationToken,
}

impl Session {
    fn new(host: HostName, caller: Arc<Caller>, is_takeover: bool, now: Time) -> Self {
        Self {
            host,
            ended: caller.cut.child_token(),
            caller,
            since: now,
            is_takeover,
            heard: AtomicU64::new(now.0),
            due: AtomicU64::new(now.0),
            greeted: AtomicU64::new(0),
            completed: AtomicBool::new(false),
            replies_to_claims: AtomicBool::new(false),
            watches: AtomicU64::new(0),
            outbox: Mutex::default(),
            unread: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Records that the host sent something.
    pub fn hear(&self, now: Time) {
        self.heard.store(now.0, Relaxed);
    }

    /// Returns the time at which the host last sent something.
    pub fn heard(&self) -> Time {
        Time(self.heard.load(Relaxed))
    }

    /// Records a `Hello`, with the capability to answer queries about claims.
    pub fn greet(&self, now: Time, replies_to_claims: bool) {
        self.replies_to_claims.store(replies_to_claims, Relaxed);
        self.completed.store(false, Relaxed);
        self.unread().clear();
        self.greeted.store(now.0, Relaxed);
    }

    /// Returns whether the host has sent its `Hello`.
    pub fn has_greeted(&self) -> bool {
        self.greeted.load(Relaxed) != 0
    }

    /// Returns whether the agent supports queries about claims.
    pub fn replies_to_claims(&self) -> bool {
        self.replies_to_claims.load(Relaxed)
    }

    /// Returns the time of the host's `Hello`, if it has not yet reported everything.
    pub fn greeted_only(&self) -> Option<Time> {
        let greeted = self.greeted.load(Relaxed);
        (greeted != 0 && !self.has_completed()).then_some(Time(greeted))
    }

    /// Records that the host has reported all its instances since its `Hello`.
    pub fn complete(&self) {
        self.completed.store(true, Relaxed);
    }

    /// Returns whether the host has reported all its instances since its `Hello`.
    pub fn has_completed(&self) -> bool {
        self.completed.load(Relaxed)
    }

    /// Instances whose latest report could not be read.
    pub fn unread(&self) -> MutexGuard<'_, BTreeSet<InstanceName>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the host's open set to be sent again.
    pub fn mark(&self, now: Time) {
        let _ = self.due.compare_exchange(0, now.0.max(1), Relaxed, Relaxed);
        self.wake.notify_one();
    }

    /// Returns the time since which the host has not taken its open set; none if it has.
    pub fn due_since(&self) -> Option<Time> {
        Some(Time(self.due.load(Relaxed))).filter(|since| since.0 != 0)
    }

    /// Puts a question or its end in line; false when the host takes none.
    pub fn send(&self, message: ToAgent) -> bool {
        let mut outbox = self.outbox();
        let has_room = outbox.len() < OUTBOX_LIMIT;
        if has_room {
            outbox.push_back(message);
        }
        drop(outbox);
        self.wake.notify_one();
        has_room
    }

    /// Returns the number of messages that wait for the host.
    pub fn waiting(&self) -> usize {
        self.outbox().len()
    }

    fn outbox(&self) -> MutexGuard<'_, VecDeque<ToAgent>> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a watch; an earlier one ends.
    pub fn begin_watch(&self, now: Time) -> u64 {
        let outbox = self.outbox();
        let number = self.watches.fetch_add(1, Relaxed) + 1;
        self.due.store(now.0.max(1), Relaxed);
        drop(outbox);
        self.wake.notify_waiters();
        number
    }

    /// Ends the stream to the host; its connection may stay open.
    pub fn end_watch(&self) {
        self.watches.fetch_add(1, Relaxed);
        self.wake.notify_one();
    }

    /// Waits for the next message of a watch; returns nothing if another watch has taken over.
    pub async fn next(&self, number: u64) -> Option<Next> {
        loop {
            match self.take(number) {
                Taken::Next(next) => return Some(next),
                Taken::Nothing => self.wake.notified().await,
                Taken::Over => {
                    // It may have been woken instead of the watch that took over.
                    self.wake.notify_one();
                    return None;
                }
            }
        }
    }

    /// Under one lock with the beginning of a watch, so that one that is over takes nothing away from its successor.
    fn take(&self, number: u64) -> Taken {
        let mut outbox = self.outbox();
        if self.watches.load(Relaxed) != number {
            return Taken::Over;
        }
        if let Some(message) = outbox.pop_front() {
            return Taken::Next(Next::Message(message));
        }
        match self.due.swap(0, Relaxed) {
            0 => Taken::Nothing,
            _ => Taken::Next(Next::OpenSet),
        }
    }
}

/// Message that a host receives next.
#[derive(Debug, PartialEq)]
pub enum Next {
    Message(ToAgent),
    OpenSet,
}

enum Taken {
    Next(Next),
    Nothing,
    Over,
}

/// The connection was ended, and is believed no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("could not answer: this connection was ended")]
pub struct Superseded;

impl From<Superseded> for Status {
    fn from(_superseded: Superseded) -> Self {
        refuse(Attempt::Call, CallRefusal::ConnectionEnded, None)
    }
}

/// Connected hosts.
#[derive(Debug, Default)]
pub struct Sessions {
    open: Mutex<HashMap<HostName, Arc<Session>>>,
    /// Counters of sessions, for `/metrics`.
    pub metrics: SessionMetrics,
}

impl Sessions {
    fn open(&self) -> MutexGuard<'_, HashMap<HostName, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of a connection; it replaces one that the host had over another connection. A connection that was
    /// ended itself has none: it would end its own successor.
    pub fn enter(&self, host: &HostName, caller: &Arc<Caller>, now: Time) -> Result<Arc<Session>, Superseded> {
        let mut open = self.open();
        if caller.cut.is_cancelled() {
            return Err(Superseded);
        }
        let mut is_takeover = false;
        if let Some(session) = open.get(host) {
            if Arc::ptr_eq(&session.caller, caller) {
                return Ok(Arc::clone(session));
            }
            tracing::info!(%host, address = %caller.address, "connected again: the earlier connection ends");
            is_takeover = !session.ended.is_cancelled();
            self.metrics.cut(SessionCut::Replaced);
            session.caller.cut.cancel();
        }
        let session = Arc::new(Session::new(host.clone(), Arc::clone(caller), is_takeover, now));
        self.metrics.begin(if is_takeover { SessionBegin::Takeover } else { SessionBegin::Connect });
        open.insert(host.clone(), Arc::clone(&session));
        Ok(session)
    }

    /// Removes a session, and returns whether it was the host's current one.
    pub fn leave(&self, session: &Arc<Session>) -> bool {
        session.ended.cancel();
        let mut open = self.open();
        let is_current = open.get(&session.host).is_some_and(|current| Arc::ptr_eq(current, session));
        if is_current {
            open.remove(&session.host);
        }
        is_current
    }

    /// Returns the session of a connected host.
    pub fn get(&self, host: &HostName) -> Option<Arc<Session>> {
        self.open().get(host).cloned()
    }

    /// Returns the sessions of all connected hosts.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.open().values().cloned().collect()
    }

    /// Marks the open sets of these hosts to be sent again.
    pub fn mark<'a>(&self, hosts: impl IntoIterator<Item = &'a HostName>, now: Time) {
        let open = self.open();
        let connected = hosts.into_iter().filter_map(|host| open.get(host));
        connected.for_each(|session| session.mark(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::Connections;
    use futures_util::FutureExt;
    use std::net::SocketAddr;

    const NOW: Time = Time(1000);

    fn session() -> Session {
        let connections = Arc::new(Connections::default());
        let caller = connections.enter(SocketAddr::from(([127, 0, 0, 1], 1)), None);
        Session::new("lab-1".parse().expect("it is a name"), caller, false, NOW)
    }

    #[test]
    fn a_connection_that_was_replaced_does_not_come_back() {
        let (sessions, connections) = (Sessions::default(), Arc::new(Connections::default()));
        let caller = |port| connections.enter(SocketAddr::from(([127, 0, 0, 1], port)), None);
        let (host, first, second) = ("lab-1".parse().expect("it is a name"), caller(1), caller(2));
        let previous = sessions.enter(&host, &first, NOW).expect("it is the only one");
        let current = sessions.enter(&host, &second, NOW).expect("it is the newest");
        assert!(!previous.is_takeover && current.is_takeover);
        assert!(previous.ended.is_cancelled() && !current.ended.is_cancelled());
        assert_eq!(sessions.enter(&host, &first, NOW).map(|_| ()), Err(Superseded));
        assert!(sessions.get(&host).is_some_and(|session| Arc::ptr_eq(&session, &current)));
        assert!(!second.cut.is_cancelled());
    }

    #[test]
    fn a_watch_that_is_over_passes_on_the_wake_that_it_got() {
        let session = session();
        let first = session.begin_watch(NOW);
        assert_eq!(session.next(first).now_or_never(), Some(Some(Next::OpenSet)));
        // The first watch has found nothing, and the second begins before the first waits.
        let second = session.begin_watch(NOW);
        let mut late = Box::pin(session.wake.notified());
        assert!(late.as_mut().now_or_never().is_none());
        assert_eq!(session.next(second).now_or_never(), Some(Some(Next::OpenSet)));
        let mut waiting = Box::pin(session.next(second));
        assert!(waiting.as_mut().now_or_never().is_none());
        session.mark(NOW);
        assert!(late.as_mut().now_or_never().is_some(), "the wake went to the first");
        assert_eq!(session.next(first).now_or_never(), Some(None));
        assert_eq!(waiting.as_mut().now_or_never(), Some(Some(Next::OpenSet)));
    }

    #[test]
    fn a_watch_that_is_over_takes_nothing_from_its_successor() {
        let session = session();
        let first = session.begin_watch(NOW);
        let second = session.begin_watch(NOW);
        session.send(ToAgent::default());
        assert_eq!(session.next(first).now_or_never(), Some(None));
        assert_eq!(session.next(second).now_or_never(), Some(Some(Next::Message(ToAgent::default()))));
        assert_eq!(session.next(second).now_or_never(), Some(Some(Next::OpenSet)));
        assert!(session.next(second).now_or_never().is_none(), "there is no more");
    }

    #[test]
    fn a_watch_ends_when_another_begins() {
        let session = session();
        let first = session.begin_watch(NOW);
        assert_eq!(session.next(first).now_or_never(), Some(Some(Next::OpenSet)));
        let mut waiting = Box::pin(session.next(first));
        assert!(waiting.as_mut().now_or_never().is_none());
        session.begin_watch(NOW);
        assert_eq!(waiting.as_mut().now_or_never(), Some(None));
    }
}
