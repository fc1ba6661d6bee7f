//! Workers whose requests are observed: the observer learns the result of each request.

use super::workers::{RepositoryWorkers, WorkerSession};
use crate::worker::{Answer, Limits, Next, Progress, Request, WorkerError};
use futures_util::future::{BoxFuture, FutureExt};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::{Instrument, Span};

/// Learns how requests to workers ended.
pub trait WorkerObserver: fmt::Debug + Send + Sync {
    /// Called when a request has ended. `work` is the name of its kind; `result` is `ok`, the kind of the failure, or
    /// `dropped` if its caller ended first.
    fn ended(&self, work: &'static str, result: &'static str, took: Duration);
}

/// Workers that notify an observer.
#[derive(Debug)]
pub struct ObservedWorkers {
    workers: Arc<dyn RepositoryWorkers>,
    observer: Arc<dyn WorkerObserver>,
}

impl ObservedWorkers {
    /// Wraps workers so that `observer` is notified about each request.
    pub fn new(workers: Arc<dyn RepositoryWorkers>, observer: Arc<dyn WorkerObserver>) -> Self {
        Self { workers, observer }
    }
}

impl RepositoryWorkers for ObservedWorkers {
    fn start(&self, request: Request, limits: Limits) -> BoxFuture<'_, Result<Box<dyn WorkerSession>, WorkerError>> {
        let (observer, work) = (Arc::clone(&self.observer), request.work.name());
        let mut observation = Observation { observer, work, began: Instant::now(), result: "dropped" };
        let span = tracing::error_span!("worker_request", work);
        async move {
            let started = self.workers.start(request, limits).await;
            let session = started.inspect_err(|error| observation.result = error.name())?;
            let session: Box<dyn WorkerSession> =
                Box::new(ObservedSession { session, observation, span: Span::current() });
            Ok(session)
        }
        .instrument(span)
        .boxed()
    }
}

/// Tells the observer when it is dropped.
struct Observation {
    observer: Arc<dyn WorkerObserver>,
    work: &'static str,
    began: Instant,
    result: &'static str,
}

impl Drop for Observation {
    fn drop(&mut self) {
        tracing::debug!(work = self.work, result = self.result, took = ?self.began.elapsed(), "a worker's request ended");
        self.observer.ended(self.work, self.result, self.began.elapsed());
    }
}

impl Observation {
    fn note<T>(&mut self, result: &Result<T, WorkerError>) {
        if let Err(error) = result {
            self.result = error.name();
        }
    }
}

struct ObservedSession {
    session: Box<dyn WorkerSession>,
    observation: Observation,
    span: Span,
}

impl WorkerSession for ObservedSession {
    fn progress(&self) -> watch::Receiver<Progress> {
        self.session.progress()
    }

    fn send<'a>(&'a mut self, data: &'a [u8]) -> BoxFuture<'a, Result<(), WorkerError>> {
        async move {
            let sent = self.session.send(data).await;
            self.observation.note(&sent);
            sent
        }
        .boxed()
    }

    fn end_stream(&mut self) -> BoxFuture<'_, Result<(), WorkerError>> {
        async move {
            let ended = self.session.end_stream().await;
            self.observation.note(&ended);
            ended
        }
        .boxed()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Next, WorkerError>> {
        let span = self.span.clone();
        async move {
            let next = self.session.next().await;
            self.observation.note(&next);
            if let Ok(Next::Answer(_)) = &next {
                self.observation.result = "ok";
            }
            next
        }
        .instrument(span)
        .boxed()
    }

    fn answer(self: Box<Self>) -> BoxFuture<'static, Result<Answer, WorkerError>> {
        let Self { session, mut observation, span } = *self;
        async move {
            let answer = session.answer().await;
            observation.result = "ok";
            observation.note(&answer);
            answer
        }
        .instrument(span)
        .boxed()
    }
}
