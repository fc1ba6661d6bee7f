//! A small HTTP request to a container, for probes.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

/// The most of an answer that is read.
pub const BODY_LIMIT: usize = 64 * 1024;

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: String,
}

/// Reason why a request has no response.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("no connection to {address}: {error}")]
    NoConnection { address: SocketAddr, error: std::io::Error },
    #[error("the connection broke: {0}")]
    Broken(hyper::Error),
    #[error("`{path}` is not a path: {error}")]
    NoPath { path: String, error: hyper::http::Error },
    #[error("its answer broke off, or is longer than {} KiB", BODY_LIMIT / 1024)]
    NoBody,
}

/// Sends one request over its own connection; the caller sets the deadline.
pub async fn get(address: IpAddr, port: u16, host: &str, path: &str) -> Result<Response, RequestError> {
    let no_connection = |error| RequestError::NoConnection { address: SocketAddr::new(address, port), error };
    let stream = TcpStream::connect(SocketAddr::new(address, port)).await.map_err(no_connection)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(RequestError::Broken)?;
    let request = hyper::Request::get(path)
        .header("host", format!("{host}:{port}"))
        .header("user-agent", "fleet-agent")
        .header("connection", "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| RequestError::NoPath { path: path.to_owned(), error })?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(RequestError::Broken)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_LIMIT).collect().await;
        let body = body.map_err(|_| RequestError::NoBody)?;
        Ok(Response { status, body: String::from_utf8_lossy(&body.to_bytes()).into_owned() })
    };
    // The connection lives exactly as long as the question.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(RequestError::Broken(error)),
        },
    }
}
