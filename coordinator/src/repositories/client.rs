//! Work on one repository, each time in a process of its own: whatever it needs or breaks is its own, and dropped it ends.

use super::secrets::RepositoryKeys;
use bytes::Bytes;
use fleet_core::names::{BackupId, SnapshotId};
use fleet_repository::worker::{Answer, BackendSpec, Limits, Next, Request, Work, Worker, WorkerError};
use fleet_repository::{CheckReport, Entry, Part, PartRecord, Proofs, Prune, ReadData, Secrets, Sets, Stats};
use futures_util::stream::{Stream, unfold};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What a worker may take that reads one manifest for an operator.
const READING: Limits = Limits { memory: 256 << 20, idle: Duration::from_secs(60) };

/// The hidden subcommand of this program that leads to a worker.
pub const SUBCOMMAND: &str = "repository-worker";

#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    #[error("could not make keys: {0}")]
    Keys(String),
    #[error("could not find out which program this is")]
    Program(#[source] io::Error),
    #[error(transparent)]
    Worker(#[from] WorkerError),
    #[error("the worker answered something else than it was asked")]
    Answer,
}

/// Starts workers.
#[derive(Debug, Clone)]
pub struct WorkerLauncher(Option<PathBuf>);

/// One repository, as its workers need it.
#[derive(Debug, Clone)]
pub struct RepositoryClient {
    pub place: BackendSpec,
    pub secrets: Secrets,
    launcher: WorkerLauncher,
}

impl WorkerLauncher {
    /// Over a program other than this one, for tests.
    pub fn new(program: Option<PathBuf>) -> Self {
        Self(program)
    }

    pub fn client(&self, place: BackendSpec, keys: &RepositoryKeys) -> RepositoryClient {
        self.with(place, Secrets { password: keys.password.0.clone(), master_key: keys.master_key.0.clone() })
    }

    pub fn with(&self, place: BackendSpec, secrets: Secrets) -> RepositoryClient {
        RepositoryClient { place, secrets, launcher: self.clone() }
    }

    fn program(&self) -> Result<PathBuf, WorkError> {
        match &self.0 {
            Some(program) => Ok(program.clone()),
            None => fleet_render::own_program().map_err(WorkError::Program),
        }
    }
}

/// An answer of the kind that was asked for.
macro_rules! answered {
    ($answer:expr, $kind:pat => $value:expr) => {
        match $answer {
            $kind => Ok($value),
            _ => Err(WorkError::Answer),
        }
    };
}

impl RepositoryClient {
    fn request(&self, work: Work) -> Request {
        Request { place: self.place.clone(), secrets: self.secrets.clone(), work, rate: None }
    }

    async fn start(&self, work: Work) -> Result<Worker, WorkError> {
        let program = self.launcher.program()?;
        Ok(Worker::start(&program, &[SUBCOMMAND], &Limits::default(), &self.request(work)).await?)
    }

    async fn ask(&self, work: Work) -> Result<Answer, WorkError> {
        Ok(self.start(work).await?.answer().await?)
    }

    /// Makes the repository. One that was made with the same keys is left as it is.
    pub async fn create(&self) -> Result<(), WorkError> {
        answered!(self.ask(Work::Create).await?, Answer::Created => ())
    }

    /// All backups that exist, and what cannot be read.
    pub async fn sets(&self) -> Result<Sets, WorkError> {
        answered!(self.ask(Work::Sets).await?, Answer::Sets(sets) => sets)
    }

    /// One backup alone; its manifest is read up to `most` bytes.
    pub async fn set(&self, backup: BackupId, most: u64) -> Result<Sets, WorkError> {
        let program = self.launcher.program()?;
        let request = self.request(Work::Set { backup, most });
        let worker = Worker::start(&program, &[SUBCOMMAND], &READING, &request).await?;
        answered!(worker.answer().await?, Answer::Sets(sets) => sets)
    }

    /// What drills have found.
    pub async fn proofs(&self) -> Result<Proofs, WorkError> {
        answered!(self.ask(Work::Proofs).await?, Answer::Proofs(proofs) => proofs)
    }

    /// Parts whose backup never came to be.
    pub async fn unfinished(&self) -> Result<Vec<PartRecord>, WorkError> {
        answered!(self.ask(Work::Unfinished).await?, Answer::Unfinished(parts) => parts)
    }

    pub async fn forget(&self, backups: BTreeSet<BackupId>) -> Result<Vec<BackupId>, WorkError> {
        answered!(self.ask(Work::Forget { backups }).await?, Answer::Forgotten(forgotten) => forgotten.backups)
    }

    /// Removes what no backup needs; beside it, hosts may go on to add.
    pub async fn prune(&self) -> Result<u64, WorkError> {
        answered!(self.ask(Work::Prune { how: Prune::Marking }).await?, Answer::Pruned { bytes } => bytes)
    }

    pub async fn check(&self, read: ReadData) -> Result<CheckReport, WorkError> {
        answered!(self.ask(Work::Check { read }).await?, Answer::Checked(report) => report)
    }

    pub async fn stats(&self) -> Result<Stats, WorkError> {
        answered!(self.ask(Work::Stats).await?, Answer::Stats(stats) => stats)
    }

    pub async fn list(&self, snapshot: SnapshotId, path: Vec<u8>) -> Result<Vec<Entry>, WorkError> {
        answered!(self.ask(Work::List { snapshot, path }).await?, Answer::Entries(entries) => entries)
    }

    pub async fn write_set(&self, part: Part, manifest: Vec<u8>) -> Result<(), WorkError> {
        answered!(self.ask(Work::WriteSet { part, manifest }).await?, Answer::Set { .. } => ())
    }

    /// Keeps streams as one snapshot; each is a name with what is in it.
    pub async fn keep_streams(&self, part: Part, streams: Vec<(String, Vec<u8>)>) -> Result<(), WorkError> {
        use fleet_repository::worker::StreamSpec;
        let spec =
            |(name, bytes): &(String, Vec<u8>)| StreamSpec { name: name.clone(), expected: Some(bytes.len() as u64) };
        let specs = streams.iter().map(spec).collect();
        let mut worker = self.start(Work::ArchiveStreams { part, streams: specs }).await?;
        for (_, bytes) in &streams {
            worker.send(bytes).await?;
            worker.end_stream().await?;
        }
        answered!(worker.answer().await?, Answer::Streams(_) => ())
    }

    /// One file of a snapshot, as it comes. The last item is an error unless it came whole.
    pub async fn read(
        &self,
        snapshot: SnapshotId,
        path: Vec<u8>,
    ) -> Result<impl Stream<Item = Result<Bytes, WorkError>> + Send + 'static + use<>, WorkError> {
        let worker = self.start(Work::ReadStream { snapshot, path }).await?;
        Ok(unfold(Some(worker), |worker| async move {
            let mut worker = worker?;
            match worker.next().await {
                Ok(Next::Data(bytes)) => Some((Ok(Bytes::from(bytes)), Some(worker))),
                Ok(Next::Answer(_)) => None,
                Err(error) => Some((Err(error.into()), None)),
            }
        }))
    }
}
