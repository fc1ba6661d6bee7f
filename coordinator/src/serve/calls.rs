//! Running calls: limited for each caller, and with a deadline for responses that are not read.
//!
//! Every call of the port passes here, so that each stream has both bounds without code of its own.
//!
//! **Invariant:** the resources of a response (a page of events, a query to a host, an open file) are released when its
//! caller has read nothing for [`UNREAD`]; the status of the response says so.

use crate::metrics::{RpcMetrics, RpcRecord};
use crate::rpc_status::refuse;
use fleet_core::access::Subject;
use fleet_core::hint::Hint;
use fleet_core::refused_call::{Attempt, CallRefusal};
use hyper::body::{Frame, SizeHint};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, interval};
use tonic::body::Body;
use tonic::codegen::{Bytes, http};
use tonic::{Code, Status};
use tracing::Span;

/// The most calls of one host or operator at a time, streams included.
pub const PER_CALLER: usize = 128;
/// Time for which a response may wait for its caller: a person may read it in a pager.
const UNREAD: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_secs(5);

/// Running calls, counted for each caller, with the deadlines of their responses.
#[derive(Debug, Default)]
pub struct Calls {
    /// Counters of calls, for `/metrics`.
    pub metrics: Arc<RpcMetrics>,
    open: Mutex<HashMap<Subject, usize>>,
    responses: Mutex<Vec<Weak<Response>>>,
}

/// Slot among the calls of one caller.
#[derive(Debug)]
pub struct CallPermit {
    caller: Option<Subject>,
    calls: Arc<Calls>,
}

/// The body of a response, until its caller has it or has left it unread.
#[derive(Debug)]
struct Response(Mutex<State>);

#[derive(Debug)]
struct State {
    body: Option<Body>,
    /// Since when something is there that the caller has not asked for; none while the caller waits for us.
    given: Option<Instant>,
    is_over: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Calls {
    /// Returns a slot for one more call. A caller without a certificate is limited by its connection.
    pub fn enter(self: &Arc<Self>, caller: Option<&Subject>) -> Result<CallPermit, Status> {
        if let Some(caller) = caller {
            let mut open = locked(&self.open);
            let count = open.entry(caller.clone()).or_default();
            if *count >= PER_CALLER {
                let refusal = CallRefusal::TooManyCalls { caller: caller.clone(), limit: PER_CALLER };
                return Err(refuse(Attempt::Call, refusal, Hint::EndFollowing));
            }
            *count += 1;
        }
        Ok(CallPermit { caller: caller.cloned(), calls: Arc::clone(self) })
    }

    /// Gives a response its deadline; the call's slot is free when the response is over.
    pub fn respond(
        &self,
        place: CallPermit,
        mut record: RpcRecord,
        response: http::Response<Body>,
    ) -> http::Response<Body> {
        note_status(&mut record, response.headers());
        response.map(|body| {
            let state = State { body: Some(body), given: Some(Instant::now()), is_over: false };
            let response = Arc::new(Response(Mutex::new(state)));
            locked(&self.responses).push(Arc::downgrade(&response));
            Body::new(Watched { response, record, span: Span::current(), _place: place })
        })
    }

    /// Drops responses that are not read. Runs until dropped.
    pub async fn watch(&self) {
        let mut ticks = interval(LOOK);
        loop {
            ticks.tick().await;
            self.look(Instant::now());
        }
    }

    fn look(&self, now: Instant) {
        let mut open = Vec::new();
        locked(&self.responses).retain(|response| {
            let response = response.upgrade();
            open.extend(response.clone());
            response.is_some()
        });
        // Dropping them may take locks, so it happens after this lock is released.
        drop(open.iter().filter_map(|response| response.take_unread(now)).collect::<Vec<_>>());
    }
}

impl Response {
    fn take_unread(&self, now: Instant) -> Option<Body> {
        let mut state = locked(&self.0);
        let is_unread = state.given.is_some_and(|given| now.saturating_duration_since(given) > UNREAD);
        state.body.take_if(|_| is_unread)
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        let Some(caller) = &self.caller else { return };
        let mut open = locked(&self.calls.open);
        if let Some(count) = open.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                open.remove(caller);
            }
        }
    }
}

/// A response on its way, with its slot.
struct Watched {
    response: Arc<Response>,
    record: RpcRecord,
    span: Span,
    _place: CallPermit,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { response, record, span, .. } = self.get_mut();
        let _entered = span.enter();
        let mut state = locked(&response.0);
        let Some(body) = &mut state.body else {
            let is_told = std::mem::replace(&mut state.is_over, true);
            record.note(Code::DeadlineExceeded);
            return Poll::Ready((!is_told).then(|| too_late().map(Frame::trailers)));
        };
        let polled = Pin::new(body).poll_frame(context);
        state.given = polled.is_ready().then(Instant::now);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            note_status(record, trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let state = locked(&self.response.0);
        state.body.as_ref().map_or(state.is_over, hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        locked(&self.response.0).body.as_ref().map(hyper::body::Body::size_hint).unwrap_or_default()
    }
}

/// Notes the status of a call, where headers or trailers have one.
fn note_status(record: &mut RpcRecord, headers: &http::HeaderMap) {
    if let Some(status) = headers.get(Status::GRPC_STATUS) {
        record.note(Code::from_bytes(status.as_bytes()));
    }
}

/// Returns the status of a response that was not read in time.
fn too_late() -> Result<http::HeaderMap, Status> {
    let status = refuse(Attempt::Call, CallRefusal::NotTaken { waited: UNREAD }, Hint::ReadFaster);
    let mut trailers = http::HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(trailers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::Body as _;
    use std::future::poll_fn;

    fn subject(text: &str) -> Subject {
        text.parse().expect("it is a subject")
    }

    /// A body that never ends, and shows when it is dropped.
    struct Endless(#[allow(dead_code, reason = "it is counted")] Arc<()>);

    impl hyper::body::Body for Endless {
        type Data = Bytes;
        type Error = Status;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    fn respond(calls: &Arc<Calls>, held: &Arc<()>) -> Body {
        let place = calls.enter(Some(&subject("operator:ada"))).expect("there is room");
        calls
            .respond(place, calls.metrics.begin("a", "b"), http::Response::new(Body::new(Endless(Arc::clone(held)))))
            .into_body()
    }

    async fn frame(body: &mut Body) -> Option<Frame<Bytes>> {
        poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await.map(|frame| frame.expect("it goes on"))
    }

    #[test]
    fn one_caller_has_so_many_calls_and_the_others_have_theirs() {
        let calls = Arc::new(Calls::default());
        let ada = subject("operator:ada");
        let mut places: Vec<_> = (0..PER_CALLER).map(|_| calls.enter(Some(&ada)).expect("there is room")).collect();
        let refused = calls.enter(Some(&ada)).expect_err("it is one too many");
        assert_eq!(refused.code(), Code::ResourceExhausted);
        calls.enter(Some(&subject("operator:bob"))).expect("the others have theirs");
        places.pop();
        calls.enter(Some(&ada)).expect("there is room again");
        drop(places);
        assert!(locked(&calls.open).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_let_go_of_and_its_caller_is_told() {
        let (calls, held) = (Arc::new(Calls::default()), Arc::new(()));
        let (mut unread, mut read) = (respond(&calls, &held), respond(&calls, &held));
        assert!(frame(&mut unread).await.is_some_and(|frame| frame.is_data()));
        tokio::time::advance(UNREAD - Duration::from_secs(1)).await;
        assert!(frame(&mut read).await.is_some_and(|frame| frame.is_data()));
        calls.look(Instant::now());
        assert_eq!(Arc::strong_count(&held), 3, "there is time");
        tokio::time::advance(Duration::from_secs(2)).await;
        calls.look(Instant::now());
        assert_eq!(Arc::strong_count(&held), 2, "the one that was left unread");
        let end = frame(&mut unread).await.expect("its caller is told");
        let status = end.into_trailers().ok().and_then(|trailers| Status::from_header_map(&trailers));
        assert_eq!(status.map(|status| status.code()), Some(Code::DeadlineExceeded));
        assert!(frame(&mut unread).await.is_none());
        assert!(frame(&mut read).await.is_some_and(|frame| frame.is_data()), "it goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_us_has_all_the_time() {
        let (calls, held) = (Arc::new(Calls::default()), Arc::new(()));
        let place = calls.enter(None).expect("there is room");
        struct Quiet(#[allow(dead_code, reason = "it is counted")] Arc<()>);
        impl hyper::body::Body for Quiet {
            type Data = Bytes;
            type Error = Status;
            fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
                Poll::Pending
            }
        }
        let quiet = Body::new(Quiet(Arc::clone(&held)));
        let mut body = calls.respond(place, calls.metrics.begin("a", "b"), http::Response::new(quiet)).into_body();
        let polled = poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context).is_pending())).await;
        assert!(polled);
        tokio::time::advance(UNREAD * 10).await;
        calls.look(Instant::now());
        assert_eq!(Arc::strong_count(&held), 2, "a quiet stream is no unread one");
    }
}
