//! The caller's side: starts workers, asks them, and turns the end of one into a refusal that names the template.

use super::SUBCOMMAND;
use super::frame::{self, ANSWER_LIMIT};
use super::job::{Answer, HeldBundle, HostUse, Job, Request, Said};
use super::own::own_program;
use super::serve::MEMORY;
use fleet_core::app::{Bundle, CheckedValues, LintReport, Placement, Rendered};
use fleet_core::compose::{Problem, Problems};
use fleet_core::names::Version;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Time limit for rendering one release for one instance.
const LIMIT: Duration = Duration::from_secs(20);
/// Time limit for a worker that should have ended.
const ENDING: Duration = Duration::from_secs(5);
/// Number of parallel workers.
pub const WORKERS: usize = 2;
/// Time that a caller waits for a free worker.
const WAITING: Duration = Duration::from_secs(60);
/// SIGABRT: an allocation failed, or the stack was used up.
const ABORTED: i32 = 6;

/// Reason why a release was not rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The release, or the values for it, are invalid.
    #[error("{0}")]
    Refused(Problems),
    /// All workers are busy.
    #[error("others are being rendered; try again in a moment")]
    Busy,
    /// The worker process cannot be started.
    #[error("could not start a process that renders")]
    Start(#[source] io::Error),
    /// The pipe to the worker broke.
    #[error("could not talk to the process that renders")]
    Talk(#[source] io::Error),
}

/// Starts workers, a few at a time.
#[derive(Debug, Clone)]
pub struct Renderer {
    program: Program,
    places: Arc<Semaphore>,
    counts: Arc<RenderCounts>,
}

/// Requests to workers since the start.
#[derive(Debug, Default)]
pub struct RenderCounts {
    /// Number of requests.
    pub requests: AtomicU64,
    /// Number of requests that failed, except because of the release.
    pub failures: AtomicU64,
}

#[derive(Debug, Clone)]
enum Program {
    /// The program that asks.
    Own,
    Other(PathBuf),
    /// No process: for tests whose own program cannot be a worker.
    None,
}

impl Renderer {
    /// Over a program other than this one, for tests.
    pub fn new(program: Option<PathBuf>) -> Self {
        Self::over(program.map_or(Program::Own, Program::Other))
    }

    /// Renders where it is asked, without a process and its limits. For tests.
    pub fn in_this_process() -> Self {
        Self::over(Program::None)
    }

    fn over(program: Program) -> Self {
        Self { program, places: Arc::new(Semaphore::new(WORKERS)), counts: Arc::default() }
    }

    /// Returns how many requests there were.
    pub fn counts(&self) -> &RenderCounts {
        &self.counts
    }

    /// A worker for several renderings, one after the other; it starts with the first.
    pub async fn session(&self) -> Result<Session, RenderError> {
        let place = timeout(WAITING, Arc::clone(&self.places).acquire_owned()).await;
        // It is never closed.
        let Ok(Ok(place)) = place else {
            self.counts.requests.fetch_add(1, Relaxed);
            self.counts.failures.fetch_add(1, Relaxed);
            return Err(RenderError::Busy);
        };
        Ok(Session { program: self.program.clone(), worker: None, counts: Arc::clone(&self.counts), _place: place })
    }

    /// Renders a release for an instance.
    ///
    /// # Errors
    /// Fails where the release is at fault, or its worker cannot be started or reached.
    pub async fn render(
        &self,
        bundle: &Bundle,
        values: &CheckedValues,
        placement: &Placement,
    ) -> Result<Rendered, RenderError> {
        self.session().await?.render(bundle, values, placement).await
    }

    /// Judges a bundle before it becomes a release.
    pub async fn lint(&self, bundle: &Bundle, version: Option<&Version>) -> Result<LintReport, RenderError> {
        self.session().await?.lint(bundle, version).await
    }

    /// Lists the images of a release for an instance.
    ///
    /// # Errors
    /// Fails where the release is at fault, or its worker cannot be started or reached.
    pub async fn images(
        &self,
        bundle: &Bundle,
        values: &CheckedValues,
        placement: &Placement,
    ) -> Result<Vec<String>, RenderError> {
        self.session().await?.images(bundle, values, placement).await
    }
}

/// A slot among the running renderings, with a worker as soon as one is needed. On drop, the worker is killed.
#[derive(Debug)]
pub struct Session {
    program: Program,
    worker: Option<Worker>,
    counts: Arc<RenderCounts>,
    _place: OwnedSemaphorePermit,
}

impl Session {
    /// Renders a release for an instance.
    ///
    /// # Errors
    /// Fails where the release is at fault, or its worker cannot be started or reached.
    pub async fn render(
        &mut self,
        bundle: &Bundle,
        values: &CheckedValues,
        placement: &Placement,
    ) -> Result<Rendered, RenderError> {
        let job = Job::Render { values: values.clone(), placement: placement.clone() };
        match self.carry_out(job, bundle).await? {
            Answer::Rendered(found) => found.map_err(RenderError::Refused),
            Answer::HostUse(_) | Answer::Linted(_) | Answer::Images(_) => Err(another()),
        }
    }

    /// Returns what an instance of a release would have and reach on its host: a small answer, where that of
    /// [`Self::render`] has all files of the release.
    ///
    /// # Errors
    /// Fails where the release is at fault, or its worker cannot be started or reached.
    pub async fn host_use(
        &mut self,
        bundle: &Bundle,
        values: &CheckedValues,
        placement: &Placement,
    ) -> Result<HostUse, RenderError> {
        let job = Job::HostUse { values: values.clone(), placement: placement.clone() };
        match self.carry_out(job, bundle).await? {
            Answer::HostUse(found) => found.map_err(RenderError::Refused),
            Answer::Rendered(_) | Answer::Linted(_) | Answer::Images(_) => Err(another()),
        }
    }

    /// Judges a bundle; a worker that ends over it is a problem like any other.
    pub async fn lint(&mut self, bundle: &Bundle, version: Option<&Version>) -> Result<LintReport, RenderError> {
        match self.carry_out(Job::Lint { version: version.cloned() }, bundle).await {
            Ok(Answer::Linted(report)) => Ok(report),
            Ok(Answer::Rendered(_) | Answer::HostUse(_) | Answer::Images(_)) => Err(another()),
            Err(RenderError::Refused(problems)) => Ok(LintReport { problems, summary: None }),
            Err(error) => Err(error),
        }
    }

    /// Lists the images of a release for an instance.
    ///
    /// # Errors
    /// Fails where the release is at fault, or its worker cannot be started or reached.
    pub async fn images(
        &mut self,
        bundle: &Bundle,
        values: &CheckedValues,
        placement: &Placement,
    ) -> Result<Vec<String>, RenderError> {
        let job = Job::Images { values: values.clone(), placement: placement.clone() };
        match self.carry_out(job, bundle).await? {
            Answer::Images(found) => found.map_err(RenderError::Refused),
            Answer::Rendered(_) | Answer::HostUse(_) | Answer::Linted(_) => Err(another()),
        }
    }

    async fn carry_out(&mut self, job: Job, bundle: &Bundle) -> Result<Answer, RenderError> {
        self.counts.requests.fetch_add(1, Relaxed);
        let result = self.ask(job, bundle).await;
        match &result {
            Ok(_) | Err(RenderError::Refused(_)) => {}
            Err(RenderError::Busy | RenderError::Start(_) | RenderError::Talk(_)) => {
                self.counts.failures.fetch_add(1, Relaxed);
            }
        }
        result
    }

    async fn ask(&mut self, job: Job, bundle: &Bundle) -> Result<Answer, RenderError> {
        let program = match &self.program {
            Program::None => return Ok(job.carry_out(&mut HeldBundle::new(bundle.clone()), &|_| {})),
            Program::Own => own_program().map_err(RenderError::Start)?,
            Program::Other(program) => program.clone(),
        };
        let mut worker = match self.worker.take() {
            Some(worker) => worker,
            None => Worker::start(&program)?,
        };
        let mut begun = None;
        match timeout(LIMIT, worker.ask(job, bundle, &mut begun)).await {
            Ok(Ok(answer)) => {
                self.worker = Some(worker);
                Ok(answer)
            }
            Ok(Err(error)) => Err(worker.ended(begun, error).await),
            Err(_) => Err(refused(begun, &format!("rendering takes longer than {} s", LIMIT.as_secs()))),
        }
    }
}

fn another() -> RenderError {
    RenderError::Talk(io::Error::other("something else was answered than was asked"))
}

/// Returns a refusal that names the worker's current template.
fn refused(begun: Option<String>, text: &str) -> RenderError {
    let file = begun.unwrap_or_else(|| "app.yaml".to_owned());
    RenderError::Refused(Problem::of_file(&file, text).into())
}

#[derive(Debug)]
struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// The bundle of the last request, which the worker has.
    held: Option<Bundle>,
}

impl Worker {
    fn start(program: &PathBuf) -> Result<Self, RenderError> {
        let mut command = Command::new(program);
        command.arg(SUBCOMMAND).env_clear().kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(RenderError::Start)?;
        let missing = || RenderError::Start(io::Error::other("a pipe is missing"));
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        Ok(Self { child, input, output, held: None })
    }

    async fn ask(&mut self, job: Job, bundle: &Bundle, begun: &mut Option<String>) -> io::Result<Answer> {
        let with_bundle = self.held.as_ref() != Some(bundle);
        self.send(&serde_json::to_vec(&Request { job, with_bundle })?).await?;
        if with_bundle {
            self.send(&bundle.encode()).await?;
            self.held = Some(bundle.clone());
        }
        self.input.flush().await?;
        loop {
            let mut head = [0; 4];
            self.output.read_exact(&mut head).await?;
            let mut message = vec![0; frame::length(head, ANSWER_LIMIT)?];
            self.output.read_exact(&mut message).await?;
            match serde_json::from_slice(&message)? {
                Said::Begun(template) => *begun = Some(template),
                Said::Answer(answer) => return Ok(*answer),
            }
        }
    }

    async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.input.write_all(&frame::head(message)?).await?;
        self.input.write_all(message).await
    }

    /// Returns the error of a worker that no longer answers: if it has ended, the template that it rendered is the
    /// cause.
    async fn ended(mut self, begun: Option<String>, error: io::Error) -> RenderError {
        match timeout(ENDING, self.child.wait()).await {
            Ok(Ok(status)) => match why(status) {
                Some(text) => refused(begun, &text),
                None => RenderError::Talk(error),
            },
            Ok(Err(_)) | Err(_) => RenderError::Talk(error),
        }
    }
}

/// Returns the reason why a worker ended, if its template is the cause.
fn why(status: ExitStatus) -> Option<String> {
    match status.signal() {
        Some(ABORTED) => Some(format!("rendering takes more than {} MiB of memory", MEMORY >> 20)),
        Some(signal) => Some(format!("rendering was ended by signal {signal}")),
        None if status.success() => None,
        None => Some(format!("rendering failed ({status})")),
    }
}
