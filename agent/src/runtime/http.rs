//! A small HTTP request to a container, for probes.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

/// The most of an answer that is read.
const BODY_LIMIT: usize = 64 * 1024;

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: String,
}

/// Sends one request over its own connection; the caller sets the deadline. The error is a sentence for people.
pub async fn get(address: IpAddr, port: u16, host: &str, path: &str) -> Result<Response, String> {
    let no_connection = |error: std::io::Error| format!("no connection to {address}:{port}: {error}");
    let stream = TcpStream::connect(SocketAddr::new(address, port)).await.map_err(no_connection)?;
    let broken = |error: hyper::Error| format!("the connection broke: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let request = hyper::Request::get(path)
        .header("host", format!("{host}:{port}"))
        .header("user-agent", "fleet-agent")
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("`{path}` is not a path: {error}"))?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
        let body = body.map_err(|_| format!("its answer broke off, or is longer than {} KiB", BODY_LIMIT / 1024))?;
        Ok(Response { status, body: String::from_utf8_lossy(&body.to_bytes()).into_owned() })
    };
    // The connection lives exactly as long as the question.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(broken(error)),
        },
    }
}
