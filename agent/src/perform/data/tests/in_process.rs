//! A worker in a thread of this process, on a backend with faults on request.

use super::keeping::Keeping;
use super::lab::LabRuntime;
use super::place_faults::{hangs, pass};
use super::watched::{Call, Watched};
use bytes::Bytes;
use fleet_core::names::RepositoryName;
use fleet_repository::backend::FolderBackend;
use fleet_repository::client::WorkerSession;
use fleet_repository::worker::{Answer, BackendSpec, Failure, Next, Progress, Request, StreamSpec, Work, WorkerError};
use fleet_repository::{Backend, Gate, Prune, Repository, Stream};
use futures_util::future::{BoxFuture, FutureExt};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes of a stream that are sent at once.
const PIECE: usize = 1000;

/// One stream, from its sender to the reading thread.
struct Piped {
    receiver: mpsc::Receiver<Option<Bytes>>,
    rest: Bytes,
    has_ended: bool,
}

impl Read for Piped {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() && !self.has_ended {
            match self.receiver.blocking_recv() {
                Some(Some(bytes)) => self.rest = bytes,
                Some(None) => self.has_ended = true,
                None => return Err(std::io::Error::other("it was cut off")),
            }
        }
        let count = out.len().min(self.rest.len());
        out[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

/// Result of a request: pieces of a stream, then the answer.
struct Done {
    pieces: VecDeque<Vec<u8>>,
    answer: Result<Answer, Failure>,
}

pub struct InProcess {
    lab: LabRuntime,
    /// The current stream is the last.
    senders: Vec<mpsc::Sender<Option<Bytes>>>,
    work: JoinHandle<Done>,
    done: Option<Done>,
}

impl InProcess {
    pub async fn begin(keeping: &Keeping, request: Request) -> Self {
        let lab = keeping.lab.clone();
        lab.call().await;
        let BackendSpec::Folder { path } = &request.place else { panic!("only folders are tried here") };
        let name = name_of(path);
        let (plans, of) = (Arc::clone(&keeping.plans), name.clone());
        let see = move |_: Call<'_>| pass(&plans, &of);
        let place: Arc<dyn Backend> = Arc::new(Watched { place: FolderBackend::new(path), ahead: 0, see });
        if let Work::ArchiveTrees { .. } = &request.work {
            lab.take_time().await;
        }
        if let Work::RestoreTree { options, .. } = &request.work {
            lab.plan().privileges.push(options.privileges);
        }
        let (mut senders, mut streams) = (Vec::new(), Vec::new());
        if let Work::ArchiveStreams { streams: specs, .. } = &request.work {
            (senders, streams) = specs.iter().map(piped).unzip();
            senders.reverse();
        }
        let work = if !streams.is_empty() && hangs(&keeping.plans, &name) {
            tokio::spawn(async move {
                let _unread = streams;
                std::future::pending().await
            })
        } else {
            spawn_blocking(move || perform(place, request, streams))
        };
        Self { lab, senders, work, done: None }
    }

    async fn pass_on(&mut self, piece: Option<Bytes>) -> Result<(), WorkerError> {
        self.lab.call().await;
        let sent = match self.senders.last() {
            Some(sender) => sender.send(piece).await.is_ok(),
            None => false,
        };
        if sent { Ok(()) } else { Err(died("the worker ended")) }
    }

    async fn next_of_it(&mut self) -> Result<Next, WorkerError> {
        let done = match &mut self.done {
            Some(done) => done,
            None => {
                self.senders.clear();
                let done = (&mut self.work).await.map_err(|error| died(&error.to_string()))?;
                self.lab.call().await;
                self.done.insert(done)
            }
        };
        if let Some(piece) = done.pieces.pop_front() {
            return Ok(Next::Data(piece));
        }
        done.answer.clone().map(|answer| Next::Answer(Box::new(answer))).map_err(WorkerError::Failed)
    }
}

impl WorkerSession for InProcess {
    fn progress(&self) -> watch::Receiver<Progress> {
        watch::channel(Progress::default()).1
    }

    fn send<'a>(&'a mut self, data: &'a [u8]) -> BoxFuture<'a, Result<(), WorkerError>> {
        self.pass_on(Some(Bytes::copy_from_slice(data))).boxed()
    }

    fn end_stream(&mut self) -> BoxFuture<'_, Result<(), WorkerError>> {
        async move {
            self.pass_on(None).await?;
            self.senders.pop();
            Ok(())
        }
        .boxed()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Next, WorkerError>> {
        self.next_of_it().boxed()
    }

    fn answer(mut self: Box<Self>) -> BoxFuture<'static, Result<Answer, WorkerError>> {
        async move {
            loop {
                if let Next::Answer(answer) = self.next_of_it().await? {
                    return Ok(*answer);
                }
            }
        }
        .boxed()
    }
}

fn died(how: &str) -> WorkerError {
    WorkerError::Died { how: how.to_owned() }
}

/// The name of the repository whose folder of an instance this is.
fn name_of(path: &Path) -> RepositoryName {
    let name = path.parent().and_then(Path::file_name).expect("it is below the repository's folder");
    name.to_str().expect("a name").parse().expect("a name")
}

fn piped(spec: &StreamSpec) -> (mpsc::Sender<Option<Bytes>>, Stream) {
    let (sender, receiver) = mpsc::channel(4);
    let reader = Box::new(Piped { receiver, rest: Bytes::new(), has_ended: false });
    (sender, Stream { name: spec.name.clone(), expected: spec.expected, reader })
}

fn perform(place: Arc<dyn Backend>, request: Request, streams: Vec<Stream>) -> Done {
    let mut pieces = VecDeque::new();
    let answer = attempt(place, request, streams, &mut pieces).map_err(Failure::from);
    Done { pieces, answer }
}

fn attempt(
    place: Arc<dyn Backend>,
    request: Request,
    streams: Vec<Stream>,
    pieces: &mut VecDeque<Vec<u8>>,
) -> fleet_repository::Result<Answer> {
    let repository = Repository::open(place, &request.secrets)?;
    match request.work {
        Work::ArchiveStreams { part, .. } => {
            repository.archive_streams(&part, streams, &Arc::new(Gate::default())).map(Answer::Streams)
        }
        Work::ReadStream { snapshot, path } => {
            let mut stream = repository.read_stream(&snapshot, OsStr::from_bytes(&path))?;
            let mut bytes = 0;
            while let Some(piece) = stream.next_piece()? {
                bytes += piece.len() as u64;
                pieces.extend(piece.chunks(PIECE).map(<[u8]>::to_vec));
            }
            Ok(Answer::Sent { bytes, sha256: String::new() })
        }
        // There is no other writer, so unneeded data is removed at once.
        Work::Prune { .. } => Work::Prune { how: Prune::Exclusive }.perform(&repository),
        work => work.perform(&repository),
    }
}
