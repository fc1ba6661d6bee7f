//! Main loop of a worker: one request, one answer, then exit. The process exits in every case.

use super::frame::{self, Frame, FrameKind};
use super::request::{Answer, BackendSpec, Progress, Request, Work};
use super::source::{Caller, Incoming, Streamed};
use super::worker_error::{Failure, FailureKind};
use crate::activity::ActivityCounter;
use crate::archive::Stream;
use crate::backend::{Backend, BackendError, FileId, FolderBackend, Limited, Meter, Metered, S3Backend};
use crate::gate::Gate;
use crate::repository::Repository;
use fleet_core::names::SnapshotId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::io::{self, Stdout};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of frames waiting between the caller and the repository: a slow backend slows the caller down.
const WAITING: usize = 8;
/// More processors than this only take memory.
const MAX_PROCESSORS: usize = 4;
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// Processor time since the last progress report below which the worker counts as waiting. Threads that wait for each
/// other poll now and then, which uses a little.
const BUSY: Duration = Duration::from_millis(100);

/// Opens backends that this crate does not know.
pub trait Places: Send + Sync {
    /// Opens the backend for a [`BackendSpec::Coordinator`]. `activity` must grow while a long call makes progress.
    fn coordinator(
        &self,
        spec: &serde_json::Value,
        activity: &ActivityCounter,
    ) -> Result<Arc<dyn Backend>, BackendError>;
}

/// For a program with its own repositories: the coordinator.
#[derive(Debug, Clone, Copy)]
pub struct NoCoordinator;

impl Places for NoCoordinator {
    fn coordinator(&self, _: &serde_json::Value, _: &ActivityCounter) -> Result<Arc<dyn Backend>, BackendError> {
        Err(BackendError::Refused("this program reaches no coordinator's repositories".to_owned()))
    }
}

/// Limits that the caller sends before its request.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Bounds {
    pub(super) memory: u64,
    pub(super) idle_seconds: u64,
}

/// Result of the request, from the first thread that knows it.
enum Ending {
    Done(Box<Result<Answer, Failure>>),
    CallerGone,
    Panicked(String),
}

struct Output {
    stdout: Mutex<Stdout>,
    /// Begin of the running write, in milliseconds since `began`; zero if none is running.
    writing_since: AtomicU64,
    began: Instant,
}

impl Output {
    fn send(&self, kind: FrameKind, payload: &[u8]) -> io::Result<()> {
        let mut stdout = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.writing_since.store(now.max(1), Ordering::Relaxed);
        let sent = frame::write(&mut *stdout, kind, payload);
        self.writing_since.store(0, Ordering::Relaxed);
        sent
    }

    fn send_json(&self, kind: FrameKind, message: &impl Serialize) -> io::Result<()> {
        self.send(kind, &serde_json::to_vec(message).map_err(io::Error::other)?)
    }

    /// Returns whether the caller has stopped reading. A caller that still sends keep-alive frames is only slow.
    fn is_stuck(&self, idle: Duration) -> bool {
        let since = Duration::from_millis(self.writing_since.load(Ordering::Relaxed));
        !since.is_zero() && self.began.elapsed().saturating_sub(since) > idle
    }
}

/// Serves one request on standard input and output. To be the whole of a hidden subcommand's life.
pub fn main(places: impl Places + 'static) -> ExitCode {
    let (endings, ended) = channel();
    let output =
        Arc::new(Output { stdout: Mutex::new(io::stdout()), writing_since: AtomicU64::new(0), began: Instant::now() });
    tell_panics(&endings);
    let (frames, taken) = sync_channel(WAITING);
    let (gone, caller) = (endings.clone(), Arc::new(Caller::new()));
    let heard = caller.clone();
    std::thread::spawn(move || take_in(&frames, &gone, &heard));
    let bounds = match first(&taken) {
        Ok(bounds) => bounds,
        Err(failure) => return end(&output, &Err(failure)),
    };
    confine(&bounds);
    let idle = Duration::from_secs(bounds.idle_seconds.max(1));
    let job = Job { output: output.clone(), places: Box::new(places), meter: Arc::default(), caller: caller.clone() };
    std::thread::spawn(move || {
        let result = job.run(taken, idle);
        let _ = endings.send(Ending::Done(Box::new(result)));
    });
    loop {
        match ended.recv_timeout(PROGRESS_EVERY) {
            Ok(Ending::Done(result)) => return end(&output, &result),
            Ok(Ending::CallerGone) => return ExitCode::FAILURE,
            Ok(Ending::Panicked(text)) => return end(&output, &Err(Failure { kind: FailureKind::Panic, text })),
            Err(RecvTimeoutError::Timeout) if output.is_stuck(idle) && caller.is_silent(idle) => {
                return ExitCode::FAILURE;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return ExitCode::FAILURE,
        }
    }
}

/// Ends the request at the first panic of any thread, because the state after it cannot be trusted.
fn tell_panics(endings: &Sender<Ending>) {
    let endings = Mutex::new(endings.clone());
    std::panic::set_hook(Box::new(move |panic| {
        let endings = endings.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = endings.send(Ending::Panicked(panic.to_string()));
    }));
}

fn end(output: &Output, result: &Result<Answer, Failure>) -> ExitCode {
    let sent = match result {
        Ok(answer) => output.send_json(FrameKind::Answer, answer),
        Err(failure) => output.send_json(FrameKind::Fail, failure),
    };
    if result.is_ok() && sent.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Receives the caller's frames until the caller has gone.
fn take_in(frames: &SyncSender<Frame>, gone: &Sender<Ending>, caller: &Caller) {
    let mut stdin = io::stdin().lock();
    while let Ok(Some(frame)) = frame::read(&mut stdin) {
        caller.hear();
        // A keep-alive.
        if frame.kind == FrameKind::Progress {
            continue;
        }
        if frames.send(frame).is_err() {
            break;
        }
    }
    // A reader of `frames` gets the frames so far, then their end.
    let _ = gone.send(Ending::CallerGone);
}

fn first<T: for<'de> Deserialize<'de>>(frames: &Receiver<Frame>) -> Result<T, Failure> {
    let wrong = |text: String| Failure { kind: FailureKind::Protocol, text };
    let frame = frames.recv_timeout(Duration::from_secs(60)).map_err(|_| wrong("no request came".to_owned()))?;
    if frame.kind != FrameKind::Request {
        return Err(wrong("something else came instead of a request".to_owned()));
    }
    // The error leaves out the content, because it contains secrets.
    serde_json::from_slice(&frame.payload).map_err(|error| wrong(format!("a request at column {}", error.column())))
}

/// Limits memory and processors. If the system does not allow it, the work continues without limits.
fn confine(bounds: &Bounds) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    // A core file would hold keys and data.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = setrlimit(Resource::Data, Rlimit { current: Some(bounds.memory), maximum: Some(bounds.memory) });
    if let Ok(all) = sched_getaffinity(None) {
        let mut some = CpuSet::new();
        (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).take(MAX_PROCESSORS).for_each(|cpu| some.set(cpu));
        let _ = sched_setaffinity(None, &some);
    }
}

struct Job {
    output: Arc<Output>,
    places: Box<dyn Places>,
    meter: Arc<Meter>,
    caller: Arc<Caller>,
}

impl Job {
    fn run(&self, frames: Receiver<Frame>, idle: Duration) -> Result<Answer, Failure> {
        let request: Request = first(&frames)?;
        let (frames, caller, taken) = (Mutex::new(frames), self.caller.clone(), AtomicU64::new(0));
        let incoming = Arc::new(Incoming { frames, idle, caller, taken });
        let (output, meter, taken) = (self.output.clone(), self.meter.clone(), incoming.clone());
        std::thread::spawn(move || tell_progress(&output, &meter, &taken.taken));
        let place = self.place(&request).map_err(|error| Failure {
            kind: FailureKind::Backend,
            text: format!("could not open {:?}: {error}", request.place),
        })?;
        Ok(self.work(place, request, &incoming)?)
    }

    fn place(&self, request: &Request) -> Result<Arc<dyn Backend>, BackendError> {
        let place: Arc<dyn Backend> = match &request.place {
            BackendSpec::Folder { path } => Arc::new(FolderBackend::new(path)),
            BackendSpec::S3(address) => Arc::new(S3Backend::new(address)?),
            BackendSpec::Coordinator(spec) => self.places.coordinator(spec, self.meter.activity())?,
        };
        let metered = Metered::new(place, self.meter.clone());
        Ok(match request.rate {
            Some(rate) => Arc::new(Limited::new(metered, rate, self.meter.activity().clone())),
            None => Arc::new(metered),
        })
    }

    fn work(&self, place: Arc<dyn Backend>, request: Request, incoming: &Arc<Incoming>) -> crate::Result<Answer> {
        if request.work == Work::Create {
            return Repository::create(&place, &request.secrets).map(|_| Answer::Created);
        }
        let repository = Repository::open(place, &request.secrets)?.with_activity(self.meter.activity().clone());
        Ok(match request.work {
            Work::Create => Answer::Created,
            Work::ArchiveStreams { part, streams } => {
                check_order(&streams)?;
                repository.resume()?;
                let streamed = |spec: super::StreamSpec| Stream {
                    name: spec.name,
                    expected: spec.expected,
                    reader: Box::new(Streamed::new(incoming.clone())),
                };
                let streams = streams.into_iter().map(streamed).collect();
                Answer::Streams(repository.archive_streams(&part, streams, &Arc::new(Gate::default()))?)
            }
            Work::ReadStream { snapshot, path } => {
                self.send_stream(&repository, &snapshot, OsStr::from_bytes(&path))?
            }
            work @ (Work::ArchiveTrees { .. }
            | Work::WriteSet { .. }
            | Work::WriteProof { .. }
            | Work::Sets
            | Work::Set { .. }
            | Work::Proofs
            | Work::Unfinished
            | Work::Latest { .. }
            | Work::List { .. }
            | Work::RestoreTree { .. }
            | Work::FillBucket { .. }
            | Work::LookAtBucket { .. }
            | Work::Check { .. }
            | Work::Forget { .. }
            | Work::Prune { .. }
            | Work::Resume
            | Work::Stats) => work.perform(&repository)?,
        })
    }

    fn send_stream(&self, repository: &Repository, snapshot: &SnapshotId, path: &OsStr) -> crate::Result<Answer> {
        let mut stream = repository.read_stream(snapshot, path)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        while let Some(piece) = stream.next_piece()? {
            hash.update(&piece);
            bytes += piece.len() as u64;
            for part in piece.chunks(frame::MAX_FRAME) {
                let sent = self.output.send(FrameKind::Data, part);
                sent.map_err(|error| crate::Error::Refused { reason: format!("nobody takes the stream: {error}") })?;
            }
        }
        Ok(Answer::Sent { bytes, sha256: FileId(hash.finalize().into()).to_string() })
    }
}

/// Streams are taken as they come; they must come in the order in which they are archived.
fn check_order(streams: &[super::StreamSpec]) -> crate::Result<()> {
    let is_in_order = streams.is_sorted_by(|a, b| a.name.split('/').le(b.name.split('/')));
    if is_in_order { Ok(()) } else { Err(crate::Error::refused("the streams are not in the order of their paths")) }
}

/// Reports progress periodically, so that the caller can detect a stall. Used processor time counts as progress.
fn tell_progress(output: &Output, meter: &Meter, taken: &AtomicU64) {
    let mut computed = processor_time();
    loop {
        std::thread::park_timeout(PROGRESS_EVERY);
        let by_now = processor_time();
        if by_now.saturating_sub(std::mem::replace(&mut computed, by_now)) >= BUSY {
            meter.activity().beat();
        }
        let progress = Progress {
            source_bytes: taken.load(Ordering::Relaxed),
            place_read: meter.bytes_read(),
            place_written: meter.bytes_written(),
            moves: meter.activity().count(),
        };
        if output.send_json(FrameKind::Progress, &progress).is_err() {
            return;
        }
    }
}

/// Returns the processor time of all threads of this process.
fn processor_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(spent).unwrap_or_default()
}
