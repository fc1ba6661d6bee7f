//! Accepting: TCP, then TLS within a deadline, and never too many handshakes at a time.

use super::connection::Connection;
use super::connections::Connections;
use super::strangers::Strangers;
use crate::identity::peer_of;
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A peer that is gone without a word is noticed after about half a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// So many strangers may be shaking hands at a time; each costs a little memory and a little time.
const HANDSHAKES: usize = 512;
/// After a failure to accept (no file descriptors left), let some go first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The listening side of the port.
pub struct Port {
    pub listener: TcpListener,
    pub tls: Arc<ServerConfig>,
    pub connections: Arc<Connections>,
    pub stop: CancellationToken,
}

impl Port {
    /// Accepts until told to stop; what is ready to be served goes to `ready`.
    pub async fn accept(self, ready: mpsc::Sender<io::Result<Connection>>) {
        let acceptor = TlsAcceptor::from(self.tls);
        let places = Arc::new(Semaphore::new(HANDSHAKES));
        let strangers = Arc::new(Strangers::default());
        let mut incoming = TcpIncoming::from(self.listener)
            .with_nodelay(Some(true))
            .with_keepalive(Some(KEEPALIVE))
            .with_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .with_keepalive_retries(Some(KEEPALIVE_RETRIES));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = tokio::select! {
                () = self.stop.cancelled() => return,
                stream = next(&mut incoming) => stream,
            };
            let Some(stream) = stream else { continue };
            let (acceptor, connections, ready) = (acceptor.clone(), Arc::clone(&self.connections), ready.clone());
            let strangers = Arc::clone(&strangers);
            tokio::spawn(async move {
                if let Some(connection) = secure(stream, &acceptor, &connections, &strangers).await {
                    let _ = ready.send(Ok(connection)).await;
                }
                drop(place);
            });
        }
    }
}

async fn next(incoming: &mut TcpIncoming) -> Option<TcpStream> {
    match tokio_stream::StreamExt::next(incoming).await {
        Some(Ok(stream)) => Some(stream),
        Some(Err(error)) => {
            tracing::warn!(%error, "could not accept a connection");
            sleep(ACCEPT_PAUSE).await;
            None
        }
        None => None,
    }
}

/// Shakes hands. Whoever fails here is told by TLS itself, and costs one line of the log.
async fn secure(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    connections: &Arc<Connections>,
    strangers: &Strangers,
) -> Option<Connection> {
    let address = stream.peer_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
    let stream = match timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::info!(%address, %error, "handshake failed");
            return None;
        }
        Err(_) => {
            tracing::info!(%address, "handshake took too long");
            return None;
        }
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certified = match certificate.map(|certificate| peer_of(certificate)) {
        Some(None) => {
            tracing::warn!(%address, "a certificate of our own CA names nobody");
            return None;
        }
        Some(Some(peer)) => Some(peer),
        None => None,
    };
    let is_stranger = certified.is_none();
    let caller = connections.enter(address, certified);
    if is_stranger {
        strangers.enter(&caller);
    }
    Some(Connection::new(stream, caller))
}
