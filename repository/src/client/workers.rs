//! Workers behind a client: processes, or substitutes in tests.

use crate::worker::{Answer, Limits, Next, Progress, Request, Worker, WorkerError};
use futures_util::future::{BoxFuture, FutureExt};
use std::fmt;
use std::io;
use std::path::PathBuf;
use tokio::sync::watch;

/// The hidden subcommand of a program that leads to [`crate::worker::main`].
pub const SUBCOMMAND: &str = "repository-worker";

/// Starts workers, each for one request.
pub trait RepositoryWorkers: fmt::Debug + Send + Sync {
    /// Starts a worker, sends it the request, and returns the session to follow it. Fails if the worker cannot be
    /// started.
    fn start(&self, request: Request, limits: Limits) -> BoxFuture<'_, Result<Box<dyn WorkerSession>, WorkerError>>;
}

/// One worker with its request. Every call has a deadline. On drop, the worker ends.
pub trait WorkerSession: Send {
    /// Returns how far it is: news come whenever anything has moved, and only then.
    fn progress(&self) -> watch::Receiver<Progress>;

    /// Sends a piece of the current stream.
    fn send<'a>(&'a mut self, data: &'a [u8]) -> BoxFuture<'a, Result<(), WorkerError>>;

    /// Reports that the current stream has ended well.
    fn end_stream(&mut self) -> BoxFuture<'_, Result<(), WorkerError>>;

    /// Returns the next of a stream that the worker sends, or its answer.
    fn next(&mut self) -> BoxFuture<'_, Result<Next, WorkerError>>;

    /// Waits for the answer.
    fn answer(self: Box<Self>) -> BoxFuture<'static, Result<Answer, WorkerError>>;
}

impl WorkerSession for Worker {
    fn progress(&self) -> watch::Receiver<Progress> {
        Self::progress(self)
    }

    fn send<'a>(&'a mut self, data: &'a [u8]) -> BoxFuture<'a, Result<(), WorkerError>> {
        Self::send(self, data).boxed()
    }

    fn end_stream(&mut self) -> BoxFuture<'_, Result<(), WorkerError>> {
        Self::end_stream(self).boxed()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Next, WorkerError>> {
        Self::next(self).boxed()
    }

    fn answer(self: Box<Self>) -> BoxFuture<'static, Result<Answer, WorkerError>> {
        Self::answer(*self).boxed()
    }
}

/// Workers that are processes of a program.
#[derive(Debug, Clone)]
pub struct WorkerProcesses(Program);

#[derive(Debug, Clone)]
enum Program {
    Known(PathBuf),
    /// Found out whenever a worker is started.
    Found(fn() -> io::Result<PathBuf>),
}

impl WorkerProcesses {
    /// Workers of a program that serves one when it is started with [`SUBCOMMAND`].
    pub fn of(program: PathBuf) -> Self {
        Self(Program::Known(program))
    }

    /// Workers of the program that `find` returns.
    pub fn found_by(find: fn() -> io::Result<PathBuf>) -> Self {
        Self(Program::Found(find))
    }
}

impl RepositoryWorkers for WorkerProcesses {
    fn start(&self, request: Request, limits: Limits) -> BoxFuture<'_, Result<Box<dyn WorkerSession>, WorkerError>> {
        async move {
            let program = match &self.0 {
                Program::Known(program) => program.clone(),
                Program::Found(find) => find().map_err(WorkerError::Start)?,
            };
            let worker = Worker::start(&program, &[SUBCOMMAND], &limits, &request).await?;
            let session: Box<dyn WorkerSession> = Box::new(worker);
            Ok(session)
        }
        .boxed()
    }
}
