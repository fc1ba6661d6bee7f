//! Serves `/metrics` over HTTP/1.1, one reader after the other.
//!
//! **Invariant:** it listens only if configured, and only on a loopback address.
//!
//! A server of a library would make the program larger than an agent may be.

use crate::agent_context::AgentContext;
use fleet_core::facts::Running;
use fleet_telemetry::{CONTENT_TYPE, Figures, Page, page, write_process};
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::{fmt, io};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;

/// The longest head of a request.
const HEAD_LIMIT: usize = 8 << 10;
/// The time of one reader.
const LIMIT: Duration = Duration::from_secs(2);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that only this host reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopbackAddress(SocketAddr);

/// Reason why an address is not one for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoopbackAddressError {
    #[error("it is not an address with a port, such as 127.0.0.1:9101")]
    NoAddress,
    #[error("other hosts could reach it; an agent serves metrics on a loopback address, such as 127.0.0.1:9101")]
    NotLoopback,
}

impl FromStr for LoopbackAddress {
    type Err = LoopbackAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address: SocketAddr = text.parse().map_err(|_| LoopbackAddressError::NoAddress)?;
        if address.ip().is_loopback() { Ok(Self(address)) } else { Err(LoopbackAddressError::NotLoopback) }
    }
}

impl fmt::Display for LoopbackAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl LoopbackAddress {
    /// Opens the port.
    ///
    /// # Errors
    /// Fails where the port is taken.
    pub async fn listen(self) -> io::Result<TcpListener> {
        TcpListener::bind(self.0).await
    }
}

/// Serves until dropped; for ever nothing where there is no listener.
pub async fn serve_metrics(figures: AgentFigures, listener: Option<TcpListener>) {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // A reader that disconnects or sends nothing does no harm.
                let _ = timeout(LIMIT, answer(stream, &figures)).await;
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a reader of metrics");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, figures: &AgentFigures) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > HEAD_LIMIT || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = match request_of(&head) {
        Wanted::Page => match page(figures.clone()) {
            Ok(page) => ("200 OK", page),
            Err(_) => ("500 Internal Server Error", "the metrics could not be written\n".to_owned()),
        },
        Wanted::OtherMethod => ("405 Method Not Allowed", String::new()),
        Wanted::OtherPath => ("404 Not Found", "metrics are at /metrics\n".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {CONTENT_TYPE}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// A request, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Page,
    OtherMethod,
    OtherPath,
}

fn request_of(head: &[u8]) -> Wanted {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    match (method, path) {
        (b"GET", b"/metrics") => Wanted::Page,
        (_, b"/metrics") => Wanted::OtherMethod,
        _ => Wanted::OtherPath,
    }
}

/// Metrics of an agent.
#[derive(Debug, Clone)]
pub struct AgentFigures {
    context: Arc<AgentContext>,
    /// Channel to the coordinator, while there is one on which it was heard.
    channel: watch::Receiver<Option<Channel>>,
}

impl AgentFigures {
    /// Returns the figures of an agent with its channel to the coordinator.
    pub fn new(context: &Arc<AgentContext>, channel: watch::Receiver<Option<Channel>>) -> Self {
        Self { context: Arc::clone(context), channel }
    }
}

impl Figures for AgentFigures {
    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let context = &self.context;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.gauges("fleet_build_info", "1, with the agent's version as a label.")?.gauge(&version, 1_u64)?;
        let is_connected = u64::from(self.channel.borrow().is_some());
        page.gauge("fleet_agent_connected", "1 while the coordinator is heard, else 0.", is_connected)?;
        context.metrics.write(page)?;
        let (all, busy) = context.status_writer.see(|status_board| {
            let is_busy = |running: &&Running| matches!(running, Running::Busy { .. });
            (status_board.instances.len(), status_board.instances.values().filter(is_busy).count())
        });
        let mut samples =
            page.gauges("fleet_agent_instances", "Instances on this host, by whether an order is at work.")?;
        samples.gauge(&[("state", "busy")], busy)?;
        samples.gauge(&[("state", "settled")], all - busy)?;
        if let Some(bytes) = context.status_writer.see(|status_board| status_board.disk_free) {
            page.gauge("fleet_agent_disk_free_bytes", "Free bytes where the Engine keeps its data.", bytes)?;
        } else {
            page.gauges("fleet_agent_disk_free_bytes", "Free bytes where the Engine keeps its data.")?;
        }
        let (requests, failures) = (&context.renderer.counts().requests, &context.renderer.counts().failures);
        page.counter("fleet_render_requests", "Requests to processes that render releases.", requests.load(Relaxed))?;
        let help = "Requests to render that failed for another reason than the release.";
        page.counter("fleet_render_failures", help, failures.load(Relaxed))?;
        write_process(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_reaches_a_loopback_address() {
        let check = |text: &str, expect: Result<(), LoopbackAddressError>| {
            assert_eq!(text.parse::<LoopbackAddress>().map(|_| ()), expect, "{text}");
        };
        check("127.0.0.1:9101", Ok(()));
        check("[::1]:9101", Ok(()));
        check("0.0.0.0:9101", Err(LoopbackAddressError::NotLoopback));
        check("192.0.2.1:9101", Err(LoopbackAddressError::NotLoopback));
        check("9101", Err(LoopbackAddressError::NoAddress));
    }

    #[test]
    fn a_request_is_for_the_page_or_refused() {
        assert_eq!(request_of(b"GET /metrics HTTP/1.1\r\n\r\n"), Wanted::Page);
        assert_eq!(request_of(b"GET /metrics?a=b HTTP/1.1\r\n\r\n"), Wanted::Page);
        assert_eq!(request_of(b"POST /metrics HTTP/1.1\r\n\r\n"), Wanted::OtherMethod);
        assert_eq!(request_of(b"GET / HTTP/1.1\r\n\r\n"), Wanted::OtherPath);
        assert_eq!(request_of(b"\r\n\r\n"), Wanted::OtherPath);
    }
}
