//! Exporter of metrics for Prometheus: `/metrics` on a port of its own. There is no authentication, so it names
//! instances but no secrets.
//!
//! **Invariant:** it is open only if configured, and a reader cannot block anything: few are served at once, each for a
//! short time.

mod gather;

pub use gather::CoordinatorFigures;

use fleet_telemetry::{CONTENT_TYPE as PAGE_TYPE, page};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// Maximum number of readers served at once.
const READERS: usize = 8;
/// Maximum time for one reader.
const LIMIT: Duration = Duration::from_secs(10);
/// Time for which collected metrics are reused for further readers.
const SHARED_FOR: Duration = Duration::from_secs(2);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Last collected metrics and their time.
type Last = Arc<Mutex<Option<(Bytes, Instant)>>>;

/// Runs until dropped.
pub async fn serve_metrics(figures: &CoordinatorFigures, listener: &TcpListener) {
    let (places, last) = (Arc::new(Semaphore::new(READERS)), Last::default());
    let mut readers = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while readers.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept a reader of metrics");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (figures, last) = (figures.clone(), Arc::clone(&last));
        readers.spawn(async move {
            let answer = service_fn(|request| {
                let (figures, last) = (figures.clone(), Arc::clone(&last));
                // It scans all facts and the store.
                let body = || async move {
                    let facts = Arc::clone(&figures.shared.facts);
                    facts.off_runtime(move |_| page_text(&figures, &last)).await
                };
                async move { Ok::<_, Infallible>(answer(&request, body).await) }
            });
            let mut server = http1::Builder::new();
            server.keep_alive(false).max_buf_size(16 << 10);
            // A reader that disconnects halfway does no harm.
            let _ = timeout(LIMIT, server.serve_connection(TokioIo::new(stream), answer)).await;
            drop(place);
        });
    }
}

async fn answer<F: Future<Output = Bytes>>(
    request: &Request<Incoming>,
    body: impl FnOnce() -> F,
) -> Response<Full<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, body().await),
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new()),
        _ => (StatusCode::NOT_FOUND, Bytes::from_static(b"metrics are at /metrics\n")),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PAGE_TYPE));
    response
}

fn page_text(figures: &CoordinatorFigures, last: &Last) -> Bytes {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    match &*last {
        Some((page_text, since)) if since.elapsed() < SHARED_FOR => page_text.clone(),
        Some(_) | None => {
            let page_text = page(figures.clone()).unwrap_or_else(|error| {
                tracing::error!(%error, "the metrics could not be written");
                String::new()
            });
            let page_text = Bytes::from(page_text);
            *last = Some((page_text.clone(), Instant::now()));
            page_text
        }
    }
}
