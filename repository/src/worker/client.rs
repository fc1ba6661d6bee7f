//! The caller's side: starts a worker, asks it, streams to it or from it, and sees to it that it ends.
//!
//! Dropped, the worker is killed. Its requests are safe to repeat.

use super::frame::{self, Assembly, Frame, FrameKind, HEAD};
use super::request::{Answer, Progress, Request};
use super::serve::Bounds;
use super::worker_error::WorkerError;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Maximum number of unread frames: a slow reader slows the worker down.
const WAITING: usize = 8;
/// Maximum number of bytes of the worker's standard error that are kept for the report.
const MAX_STDERR: usize = 8 * 1024;
/// Environment variables that a worker inherits: the locations of certificates, and nothing else.
const PASSED_ON: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Settings of the worker's allocator. It has few arenas, because each keeps the memory it once took. Memory freed
/// between small chunks is not returned to the system, because that took two thirds of the run time.
const ALLOCATION: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "4"), ("MALLOC_MMAP_THRESHOLD_", "8388608"), ("MALLOC_TRIM_THRESHOLD_", "33554432")];

/// Limits on the resources of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory that it may ask for; beyond it is ended.
    pub memory: u64,
    /// Maximum time without progress: no byte transferred, no call to the storage finished, no processor time used.
    pub idle: Duration,
}

impl Default for Limits {
    /// Longer than any single call to the storage may take, so that the storage's own error is reported first.
    fn default() -> Self {
        Self { memory: 1 << 30, idle: Duration::from_secs(240) }
    }
}

/// A worker that has been started, for one request.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    input: Arc<Mutex<Input>>,
    incoming: mpsc::Receiver<io::Result<Frame>>,
    last_words: watch::Receiver<String>,
    progress: watch::Receiver<Progress>,
    idle: Duration,
    /// Ended when this is dropped.
    tasks: JoinSet<()>,
}

/// Pipe to a worker.
#[derive(Debug)]
struct Input {
    stdin: ChildStdin,
    /// True if the last frame was written completely. Nothing may follow a partial frame.
    is_whole: bool,
}

impl Input {
    async fn write(&mut self, head: &[u8], piece: &[u8]) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_whole, false) {
            return Err(io::Error::other("what was said before was cut off"));
        }
        self.stdin.write_all(head).await?;
        self.stdin.write_all(piece).await?;
        self.is_whole = true;
        Ok(())
    }
}

impl Worker {
    /// Starts `program` with `args`, which must lead to [`super::main`], and asks it.
    pub async fn start(program: &Path, args: &[&str], limits: &Limits, request: &Request) -> Result<Self, WorkerError> {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.env_clear();
        command.envs(ALLOCATION);
        command.envs(PASSED_ON.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
        let mut child = command.spawn().map_err(WorkerError::Start)?;
        let missing = || WorkerError::Start(io::Error::other("a pipe is missing"));
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let from_stderr = child.stderr.take().ok_or_else(missing)?;
        let (tell_progress, progress) = watch::channel(Progress::default());
        let (tell_words, last_words) = watch::channel(String::new());
        let (frames, incoming) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        tasks.spawn(take_frames(stdout, frames, tell_progress));
        tasks.spawn(keep_last_words(from_stderr, tell_words));
        let input = Arc::new(Mutex::new(Input { stdin, is_whole: true }));
        let idle = limits.idle;
        let mut worker = Self { child, input: input.clone(), incoming, last_words, progress, idle, tasks };
        let bounds = Bounds { memory: limits.memory, idle_seconds: limits.idle.as_secs() };
        worker.say(FrameKind::Request, &json(&bounds)?).await?;
        worker.say(FrameKind::Request, &json(request)?).await?;
        worker.tasks.spawn(keep_in_touch(input, idle / 4));
        Ok(worker)
    }

    /// Starts a worker for a request that needs no streams, and waits for its answer.
    pub async fn ask(program: &Path, args: &[&str], limits: &Limits, request: &Request) -> Result<Answer, WorkerError> {
        Self::start(program, args, limits, request).await?.answer().await
    }

    /// Returns the progress of the request; it changes only when something has moved.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Sends a piece of the current stream. Waits if the repository is slower than the source.
    pub async fn send(&mut self, data: &[u8]) -> Result<(), WorkerError> {
        // One frame each: continued frames would be joined by the receiver.
        for piece in data.chunks(frame::MAX_FRAME) {
            self.say(FrameKind::Data, piece).await?;
        }
        Ok(())
    }

    /// Reports that the current stream has ended well. A stream that is not ended counts as failed.
    pub async fn end_stream(&mut self) -> Result<(), WorkerError> {
        self.say(FrameKind::End, &[]).await
    }

    /// Reports that the current stream has failed. This fails the request, with `reason` in its answer.
    pub async fn fail_stream(&mut self, reason: &str) -> Result<(), WorkerError> {
        let short: String = reason.chars().take(4096).collect();
        self.say(FrameKind::Fail, short.as_bytes()).await
    }

    /// The next of a stream that the worker sends; nothing when it has been sent whole and verified.
    pub async fn next(&mut self) -> Result<Next, WorkerError> {
        let frame = match while_it_moves(self.idle, &mut self.progress, self.incoming.recv()).await {
            Some(Some(Ok(frame))) => frame,
            Some(Some(Err(error))) => return Err(WorkerError::Talk(error)),
            Some(None) => return Err(self.died().await),
            None => return Err(WorkerError::Idle(self.idle)),
        };
        match frame.kind {
            FrameKind::Data => Ok(Next::Data(frame.payload)),
            FrameKind::Answer => {
                let answer = serde_json::from_slice(&frame.payload);
                answer.map(|answer| Next::Answer(Box::new(answer))).map_err(|error| WorkerError::Talk(error.into()))
            }
            FrameKind::Fail => {
                let failure = serde_json::from_slice(&frame.payload);
                Err(failure.map_or_else(|error| WorkerError::Talk(error.into()), WorkerError::Failed))
            }
            FrameKind::Request | FrameKind::End | FrameKind::Progress => {
                let wrong = io::Error::new(io::ErrorKind::InvalidData, "something else came instead of an answer");
                Err(WorkerError::Talk(wrong))
            }
        }
    }

    /// Waits for the answer, then for the end of the worker. Remaining data of a stream is discarded.
    pub async fn answer(mut self) -> Result<Answer, WorkerError> {
        let answer = loop {
            if let Next::Answer(answer) = self.next().await? {
                break *answer;
            }
        };
        // It ends by itself now; otherwise it is killed on drop.
        match timeout(self.idle, self.child.wait()).await {
            Ok(Ok(_)) => Ok(answer),
            Ok(Err(error)) => Err(WorkerError::Talk(error)),
            Err(_) => Err(WorkerError::Idle(self.idle)),
        }
    }

    /// Kills the worker, and waits until it has ended.
    pub async fn kill(mut self) -> Result<(), WorkerError> {
        self.child.kill().await.map_err(WorkerError::Talk)
    }

    async fn say(&mut self, kind: FrameKind, payload: &[u8]) -> Result<(), WorkerError> {
        for (head, piece) in frame::cut(kind, payload) {
            let writing = async { self.input.lock().await.write(&head, piece).await };
            match while_it_moves(self.idle, &mut self.progress, writing).await {
                Some(Ok(())) => {}
                // It has ended, and has reported the reason before.
                Some(Err(error)) => return Err(self.why(error).await),
                None => return Err(WorkerError::Idle(self.idle)),
            }
        }
        Ok(())
    }

    async fn why(&mut self, error: io::Error) -> WorkerError {
        match self.next().await {
            Err(why) => why,
            Ok(_) => WorkerError::Talk(error),
        }
    }

    async fn died(&mut self) -> WorkerError {
        let how = match timeout(self.idle, self.child.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => return WorkerError::Talk(error),
            Err(_) => return WorkerError::Idle(self.idle),
        };
        // Its standard error ends when it does.
        while self.last_words.changed().await.is_ok() {}
        let words = self.last_words.borrow();
        let how = match words.trim() {
            "" => how,
            words => format!("{how}: {words}"),
        };
        WorkerError::Died { how }
    }
}

/// Waits for something for as long as the worker shows that anything moves; none where nothing has moved for `idle`.
pub async fn while_it_moves<T>(
    idle: Duration,
    progress: &mut watch::Receiver<Progress>,
    awaited: impl Future<Output = T>,
) -> Option<T> {
    let mut awaited = std::pin::pin!(awaited);
    loop {
        tokio::select! {
            biased;
            done = &mut awaited => return Some(done),
            moved = timeout(idle, progress.changed()) => match moved {
                Ok(Ok(())) => {}
                // It sends no more; its earlier messages may still be on the way.
                Ok(Err(_)) => return timeout(idle, awaited).await.ok(),
                Err(_) => return None,
            },
        }
    }
}

/// Sends keep-alive frames, so that the worker knows that its caller is there.
async fn keep_in_touch(input: Arc<Mutex<Input>>, every: Duration) {
    let Some((head, _)) = frame::cut(FrameKind::Progress, &[]).next() else { return };
    loop {
        sleep(every).await;
        // A running write is a sign of life too.
        let Ok(mut input) = input.try_lock() else { continue };
        if !input.is_whole || input.write(&head, &[]).await.is_err() {
            return;
        }
    }
}

/// Message from a worker.
#[derive(Debug)]
pub enum Next {
    /// A piece of the requested stream.
    Data(Vec<u8>),
    /// The answer, always last.
    Answer(Box<Answer>),
}

fn json(message: &impl serde::Serialize) -> Result<Vec<u8>, WorkerError> {
    serde_json::to_vec(message).map_err(|error| WorkerError::Talk(error.into()))
}

async fn take_frames(
    mut stdout: ChildStdout,
    frames: mpsc::Sender<io::Result<Frame>>,
    progress: watch::Sender<Progress>,
) {
    let mut assembly = Assembly::default();
    loop {
        let frame = match take_frame(&mut stdout, &mut assembly).await {
            Ok(Some(frame)) if frame.kind == FrameKind::Progress => {
                if let Ok(newest) = serde_json::from_slice::<Progress>(&frame.payload) {
                    progress.send_if_modified(|known| std::mem::replace(known, newest) != newest);
                }
                continue;
            }
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let is_over = frame.is_err();
        if frames.send(frame).await.is_err() || is_over {
            return;
        }
    }
}

async fn take_frame(from: &mut (impl AsyncRead + Unpin), assembly: &mut Assembly) -> io::Result<Option<Frame>> {
    loop {
        let mut head = [0; HEAD];
        match from.read_exact(&mut head).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (kind, goes_on, length) = Assembly::head(head)?;
        let mut payload = vec![0; length];
        from.read_exact(&mut payload).await?;
        // The pieces of one message come without another's between them: they are written under one lock.
        if let Some(frame) = assembly.take(kind, goes_on, payload)? {
            return Ok(Some(frame));
        }
    }
}

async fn keep_last_words(mut stderr: impl AsyncRead + Unpin, words: watch::Sender<String>) {
    let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stderr.read(&mut piece).await {
        kept.extend_from_slice(&piece[..count]);
        let over = kept.len().saturating_sub(MAX_STDERR);
        kept.drain(..over);
    }
    words.send_replace(String::from_utf8_lossy(&kept).into_owned());
}
