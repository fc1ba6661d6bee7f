//! Accepts connections: TCP, a first byte, then TLS. Each stage has a deadline and a limit, in total and for each
//! source address; silent and failing peers give way to others.

use super::connection::Connection;
use super::handshakes::Handshakes;
use super::silent::{Silent, source_of};
use super::unauthenticated::UnauthenticatedPeers;
use crate::connections::{ConnectionClass, Connections, Descriptors};
use crate::identity::peer_of;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

/// Time limit from the first byte to the end of the ClientHello.
const HELLO_LIMIT: Duration = Duration::from_secs(2);
/// Time limit from the ClientHello to the end of the handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// A peer that is gone without a word is noticed after about half a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// After a failure to accept (no file descriptors left), let some go first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time between two lines of the log about one kind of event that others can cause at will.
const LOG_PAUSE: Duration = Duration::from_secs(10);
/// Lifetime of a connection above its peer's limit: enough to receive that error.
const SURPLUS_LIMIT: Duration = Duration::from_secs(3);
/// Time for a refused peer to read the reason.
const FAREWELL: Duration = Duration::from_millis(300);
/// Number of sent bytes that are read from a refused peer: closing a socket with unread bytes would lose the alert.
const FAREWELL_BYTES: u64 = 64 * 1024;

/// The listening side of the port.
pub struct Port {
    pub listener: TcpListener,
    pub tls: Arc<ServerConfig>,
    pub connections: Arc<Connections>,
    pub stop: CancellationToken,
}

impl Port {
    /// Accepts connections until stopped; connections that are ready to be served go to `ready`.
    pub async fn accept(self, ready: mpsc::Sender<io::Result<Connection>>) {
        let gate = Arc::new(Gate::new(self.tls, self.connections));
        let mut incoming = TcpIncoming::from(self.listener)
            .with_nodelay(Some(true))
            .with_keepalive(Some(KEEPALIVE))
            .with_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .with_keepalive_retries(Some(KEEPALIVE_RETRIES));
        loop {
            let stream = tokio::select! {
                () = self.stop.cancelled() => return,
                stream = gate.next(&mut incoming) => stream,
            };
            let Some(stream) = stream else { continue };
            let (gate, ready) = (Arc::clone(&gate), ready.clone());
            tokio::spawn(async move {
                if let Some(connection) = gate.admit(stream).await {
                    let _ = ready.send(Ok(connection)).await;
                }
            });
        }
    }
}

/// The stages between accepting a connection and serving it.
struct Gate {
    tls: Arc<ServerConfig>,
    connections: Arc<Connections>,
    silent: Silent,
    handshakes: Handshakes,
    unauthenticated: UnauthenticatedPeers,
    not_accepted: LogThrottle,
    refused: LogThrottle,
}

impl Gate {
    fn new(tls: Arc<ServerConfig>, connections: Arc<Connections>) -> Self {
        let Descriptors { silent, line, unauthenticated, .. } = connections.limits();
        Self {
            tls,
            connections,
            silent: Silent::new(silent),
            handshakes: Handshakes::new(line),
            unauthenticated: UnauthenticatedPeers::new(unauthenticated),
            not_accepted: LogThrottle::default(),
            refused: LogThrottle::default(),
        }
    }

    async fn next(&self, incoming: &mut TcpIncoming) -> Option<TcpStream> {
        match tokio_stream::StreamExt::next(incoming).await {
            Some(Ok(stream)) => Some(stream),
            Some(Err(error)) => {
                if let Some(left_out) = self.not_accepted.due() {
                    tracing::warn!(%error, left_out, "could not accept a connection");
                }
                self.silent.let_one_go();
                sleep(ACCEPT_PAUSE).await;
                None
            }
            None => None,
        }
    }

    async fn admit(&self, stream: TcpStream) -> Option<Connection> {
        let address = stream.peer_addr().ok()?;
        let source = source_of(address.ip());
        let stream = self.silent.first_byte(stream, source).await?;
        let Some(place) = self.handshakes.place(source).await else {
            self.note_refused(address, "there are too many handshakes");
            return None;
        };
        let shaken = tokio::select! {
            shaken = self.shake_hands(stream) => shaken,
            () = self.handshakes.stalled(&place) => Err(Unshaken::late()),
        };
        match shaken {
            Ok(stream) => {
                let connection = self.secured(stream, address);
                match &connection {
                    Some(connection) if connection.is_welcome() => drop(place),
                    Some(_) | None => place.give_back_late(),
                }
                connection
            }
            Err(Unshaken { error, stream }) => {
                place.give_back_late();
                self.note_refused(address, &error);
                if let Some(stream) = stream {
                    let _ = timeout(FAREWELL, say_farewell(stream)).await;
                }
                None
            }
        }
    }

    /// TLS itself tells a peer whose handshake fails.
    async fn shake_hands(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Unshaken> {
        let hello = timeout(HELLO_LIMIT, LazyConfigAcceptor::new(Acceptor::default(), stream)).await;
        let hello = hello.map_err(|_| Unshaken::late())?.map_err(|error| Unshaken::by(&error))?;
        let accept = hello.into_stream(Arc::clone(&self.tls)).into_fallible();
        let accepted = timeout(HANDSHAKE_LIMIT, accept).await.map_err(|_| Unshaken::late())?;
        accepted.map_err(|(error, stream)| Unshaken { error: error.to_string(), stream: Some(stream) })
    }

    fn secured(&self, stream: TlsStream<TcpStream>, address: SocketAddr) -> Option<Connection> {
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certified = match certificate.map(|certificate| peer_of(certificate)) {
            Some(None) => return None,
            Some(Some(peer)) => Some(peer),
            None => None,
        };
        let is_unauthenticated = certified.is_none();
        let Some(caller) = self.connections.admit(address, certified) else {
            self.note_refused(address, "there are too many connections of this peer");
            return None;
        };
        match caller.class {
            ConnectionClass::Within if is_unauthenticated => self.unauthenticated.enter(&caller),
            ConnectionClass::Within => {}
            ConnectionClass::Surplus => drop(tokio::spawn(end_soon(caller.cut.clone()))),
        }
        Some(Connection::new(stream, caller))
    }

    /// Anybody can cause these as often as they like.
    fn note_refused(&self, address: SocketAddr, error: &str) {
        if let Some(left_out) = self.refused.due() {
            tracing::info!(%address, error, left_out, "a connection was refused");
        }
    }
}

/// Closes a connection that is above the limit, after its peer could read the error.
async fn end_soon(cut: CancellationToken) {
    let _ = timeout(SURPLUS_LIMIT, cut.cancelled()).await;
    cut.cancel();
}

/// A failed handshake, with the connection on which the peer is told the reason.
struct Unshaken {
    error: String,
    stream: Option<TcpStream>,
}

impl Unshaken {
    fn late() -> Self {
        Self { error: "the handshake took too long".to_owned(), stream: None }
    }

    fn by(error: &io::Error) -> Self {
        Self { error: error.to_string(), stream: None }
    }
}

/// Closes a connection so that its peer reads the alert that was sent.
async fn say_farewell(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut unread = stream.take(FAREWELL_BYTES);
    let _ = tokio::io::copy(&mut unread, &mut tokio::io::sink()).await;
}

/// Throttle of log lines about events that others can cause at will: one line every few seconds, with the number of
/// those left out.
#[derive(Debug, Default)]
struct LogThrottle(Mutex<Logged>);

#[derive(Debug, Default)]
struct Logged {
    last: Option<Instant>,
    left_out: u64,
}

impl LogThrottle {
    /// The number of events since the last line, if it is time for a line.
    fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.last.is_some_and(|last| now.saturating_duration_since(last) < LOG_PAUSE) {
            logged.left_out += 1;
            return None;
        }
        logged.last = Some(now);
        Some(std::mem::take(&mut logged.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_a_line_each_few_seconds_that_counts_the_rest() {
        let (throttle, now) = (LogThrottle::default(), Instant::now());
        assert_eq!(throttle.due_at(now), Some(0));
        assert!((0..999).all(|_| throttle.due_at(now).is_none()));
        assert_eq!(throttle.due_at(now + LOG_PAUSE), Some(999));
        assert_eq!(throttle.due_at(now + LOG_PAUSE * 2), Some(0));
    }
}
