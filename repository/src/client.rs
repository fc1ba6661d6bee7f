//! Client of one repository, for agent and coordinator: each request is done by a worker of its own, whose memory is limited and
//! that ends when the request is dropped.
//!
//! Tests put other workers behind [`RepositoryWorkers`].

mod error;
mod observed;
mod progress;
mod upload;
mod workers;

pub use error::RepositoryError;
pub use observed::{ObservedWorkers, WorkerObserver};
pub use progress::ProgressSink;
pub use upload::StreamsUpload;
pub use workers::{RepositoryWorkers, SUBCOMMAND, WorkerProcesses, WorkerSession};

use crate::archive::{ArchivedTrees, Trees};
use crate::backend::S3Address;
use crate::backup::{Kind, MAX_MANIFEST, Part, PartRecord, SetRecord};
use crate::bucket::{Extra, Filled, Looked};
use crate::check::{CheckReport, ReadData};
use crate::forget::Prune;
use crate::listing::{Entry, Proofs, Sets};
use crate::repository::Stats;
use crate::restore::{RestoreOptions, Restored};
use crate::secrets::Secrets;
use crate::worker::{
    Answer, BackendSpec, Failure, FailureKind, Limits, Next, Progress, Request, StreamSpec, Work, WorkerError,
};
use bytes::Bytes;
use fleet_core::backup::{FilesParent, Privileges};
use fleet_core::failed_step::FailedStep;
use fleet_core::names::{BackupId, RepositoryName, SnapshotId};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Client of one repository, with the settings of its workers. No request is sent before the first call.
#[derive(Debug, Clone)]
pub struct RepositoryClient {
    /// Name of the repository, for errors and logs.
    pub name: RepositoryName,
    workers: Arc<dyn RepositoryWorkers>,
    place: BackendSpec,
    secrets: Secrets,
    parent: FilesParent,
    rate: Option<u64>,
    reading: Limits,
}

/// Extracts the answer of the requested kind.
macro_rules! answered {
    ($client:expr, $step:expr, $answer:expr, $kind:pat => $value:expr) => {
        match $answer {
            $kind => Ok($value),
            _ => Err($client.error($step, WorkerError::Answer)),
        }
    };
}

impl RepositoryClient {
    /// Makes a client with default limits. No worker is started yet.
    pub fn new(
        workers: Arc<dyn RepositoryWorkers>,
        name: RepositoryName,
        place: BackendSpec,
        secrets: Secrets,
    ) -> Self {
        let (parent, rate, reading) = (FilesParent::Nothing, None, Limits::default());
        Self { name, workers, place, secrets, parent, rate, reading }
    }

    /// Compares files that are archived with a snapshot: those that have its size and times are not read again.
    #[must_use]
    pub fn with_parent(self, parent: FilesParent) -> Self {
        Self { parent, ..self }
    }

    /// Limits the bytes a second that go to the repository.
    #[must_use]
    pub fn with_rate(self, rate: Option<u64>) -> Self {
        Self { rate, ..self }
    }

    /// Sets the limits of workers that read one backup's manifest.
    #[must_use]
    pub fn with_reading_limits(self, reading: Limits) -> Self {
        Self { reading, ..self }
    }

    /// Creates the repository, unless it exists with the same keys. Does nothing without a password.
    pub async fn create(&self) -> Result<(), RepositoryError> {
        if self.secrets.password.is_empty() {
            return Ok(());
        }
        let step = &FailedStep::MakeRepository;
        answered!(self, step, self.ask(step, Work::Create).await?, Answer::Created => ())
    }

    /// Adds packs of an interrupted run to the index, so that they are not sent again.
    pub async fn resume(&self) -> Result<(), RepositoryError> {
        let step = &FailedStep::FindSentData;
        answered!(self, step, self.ask(step, Work::Resume).await?, Answer::Resumed(_) => ())
    }

    /// Lists the existing backups and the unreadable files.
    pub async fn sets(&self) -> Result<Sets, RepositoryError> {
        let step = &FailedStep::ReadBackups;
        answered!(self, step, self.ask(step, Work::Sets).await?, Answer::Sets(sets) => sets)
    }

    /// Reads the sets that carry one backup's id; a manifest is read up to `most` bytes.
    pub async fn set(&self, backup: &BackupId, most: u64) -> Result<Sets, RepositoryError> {
        let step = &FailedStep::ReadBackup;
        let work = Work::Set { backup: backup.clone(), most };
        let session = self.workers.start(self.request(work), self.reading).await;
        let session = session.map_err(|error| self.error(step, error))?;
        let answer = session.answer().await.map_err(|error| self.error(step, error))?;
        answered!(self, step, answer, Answer::Sets(sets) => sets)
    }

    /// Reads the sets that carry one backup's id.
    ///
    /// # Errors
    /// Also fails if there are too many of them to read: an unread one may be the backup.
    pub async fn all_of(&self, backup: &BackupId) -> Result<Sets, RepositoryError> {
        let sets = self.set(backup, MAX_MANIFEST).await?;
        if sets.unread.is_empty() {
            return Ok(sets);
        }
        let text = format!("{} snapshots carry its id, too many to read", sets.unread.len() + sets.sets.len());
        Err(self.error(&FailedStep::ReadBackup, WorkerError::Failed(Failure { kind: FailureKind::Refused, text })))
    }

    /// Lists the results of drills.
    pub async fn proofs(&self) -> Result<Proofs, RepositoryError> {
        let step = &FailedStep::ReadProofs;
        answered!(self, step, self.ask(step, Work::Proofs).await?, Answer::Proofs(proofs) => proofs)
    }

    /// Lists parts whose backup does not exist.
    pub async fn unfinished(&self) -> Result<Vec<PartRecord>, RepositoryError> {
        let step = &FailedStep::ReadUnfinishedBackups;
        answered!(self, step, self.ask(step, Work::Unfinished).await?, Answer::Unfinished(parts) => parts)
    }

    /// Removes backups, and returns those that existed. Their data stays until [`Self::prune`].
    pub async fn forget(&self, backups: BTreeSet<BackupId>) -> Result<Vec<BackupId>, RepositoryError> {
        let step = &FailedStep::ForgetBackups;
        let answer = self.ask(step, Work::Forget { backups }).await?;
        answered!(self, step, answer, Answer::Forgotten(forgotten) => forgotten.backups)
    }

    /// Removes data that no backup needs, and returns the number of bytes; hosts may add to the repository meanwhile.
    pub async fn prune(&self) -> Result<u64, RepositoryError> {
        let step = &FailedStep::PruneData;
        let answer = self.ask(step, Work::Prune { how: Prune::Marking }).await?;
        answered!(self, step, answer, Answer::Pruned { bytes } => bytes)
    }

    /// Checks that all files exist and, as far as requested, that they can be read.
    pub async fn check(&self, read: ReadData) -> Result<CheckReport, RepositoryError> {
        let step = &FailedStep::CheckRepository;
        answered!(self, step, self.ask(step, Work::Check { read }).await?, Answer::Checked(report) => report)
    }

    /// Measures the repository.
    pub async fn stats(&self) -> Result<Stats, RepositoryError> {
        let step = &FailedStep::MeasureRepository;
        answered!(self, step, self.ask(step, Work::Stats).await?, Answer::Stats(stats) => stats)
    }

    /// Lists a folder of a snapshot; its root if the path is empty.
    pub async fn list(&self, snapshot: &SnapshotId, path: &[u8]) -> Result<Vec<Entry>, RepositoryError> {
        let step = &FailedStep::ListFolder;
        let work = Work::List { snapshot: snapshot.clone(), path: path.to_vec() };
        answered!(self, step, self.ask(step, work).await?, Answer::Entries(entries) => entries)
    }

    /// Writes the manifest, and returns its snapshot: this makes the backup exist.
    pub async fn write_set(&self, part: &Part, manifest: Vec<u8>) -> Result<SnapshotId, RepositoryError> {
        let step = &FailedStep::WriteManifest;
        let answer = self.ask(step, Work::WriteSet { part: part.clone(), manifest }).await?;
        answered!(self, step, answer, Answer::Set { snapshot } => snapshot)
    }

    /// Stores the result of a drill of a backup.
    pub async fn write_proof(&self, part: &Part, proof: Vec<u8>) -> Result<(), RepositoryError> {
        let step = &FailedStep::WriteProof;
        let answer = self.ask(step, Work::WriteProof { part: part.clone(), proof }).await?;
        answered!(self, step, answer, Answer::Proof { .. } => ())
    }

    /// Begins the snapshot of one backup's streams, which must be sent in the order of their names.
    pub async fn archive_streams(
        &self,
        part: &Part,
        streams: Vec<StreamSpec>,
    ) -> Result<StreamsUpload, RepositoryError> {
        let work = Work::ArchiveStreams { part: part.clone(), streams };
        Ok(StreamsUpload::new(self.name.clone(), self.start(&upload::STEP, work).await?))
    }

    /// Archives folders and buckets as the snapshot of files of one backup.
    pub async fn archive_trees(
        &self,
        part: &Part,
        trees: Trees,
        sink: &ProgressSink,
    ) -> Result<ArchivedTrees, RepositoryError> {
        let step = &FailedStep::StoreFiles;
        let parent = self.parent(step).await?;
        let work = Work::ArchiveTrees { part: part.clone(), trees: Trees { parent, ..trees } };
        let answer = self.ask_telling(step, work, sink, |progress| progress.place_written).await?;
        answered!(self, step, answer, Answer::Trees(archived) => archived)
    }

    /// Reads one file of a snapshot as a stream. The last item is an error unless it is complete.
    pub async fn read(
        &self,
        snapshot: &SnapshotId,
        path: &[u8],
    ) -> Result<BoxStream<'static, Result<Bytes, RepositoryError>>, RepositoryError> {
        let step = FailedStep::ReadStream(String::from_utf8_lossy(path).into_owned());
        let work = Work::ReadStream { snapshot: snapshot.clone(), path: path.to_vec() };
        let session = self.start(&step, work).await?;
        let client = self.clone();
        let pieces = stream::unfold(Some(session), move |session| {
            let (client, step) = (client.clone(), step.clone());
            async move {
                let mut session = session?;
                match session.next().await {
                    Ok(Next::Data(bytes)) => Some((Ok(Bytes::from(bytes)), Some(session))),
                    // It comes only when everything has arrived and was correct.
                    Ok(Next::Answer(_)) => None,
                    Err(error) => Some((Err(client.error(&step, error)), None)),
                }
            }
        });
        Ok(pieces.boxed())
    }

    /// Reads one stream of a backup.
    pub async fn read_stream_of(
        &self,
        set: &SetRecord,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, RepositoryError>>, RepositoryError> {
        let snapshot = self.there(&FailedStep::ReadStream(path.to_owned()), set.snapshots().dumps)?;
        self.read(&snapshot, path.as_bytes()).await
    }

    /// Restores a backup's files below a path into an empty folder.
    pub async fn restore_files(
        &self,
        set: &SetRecord,
        (path, to): (&str, &Path),
        privileges: Privileges,
        sink: &ProgressSink,
    ) -> Result<Restored, RepositoryError> {
        let step = &FailedStep::RestoreFiles(path.to_owned());
        let snapshot = self.there(step, set.snapshots().files)?;
        let options = RestoreOptions { privileges, ..RestoreOptions::default() };
        let work = Work::RestoreTree { snapshot, path: path.to_owned(), to: to.to_owned(), options };
        let answer = self.ask_telling(step, work, sink, |progress| progress.place_read).await?;
        answered!(self, step, answer, Answer::Restored(restored) => restored)
    }

    /// Makes a bucket equal to a backup's files below a path; other objects in it are removed.
    pub async fn fill_bucket(
        &self,
        set: &SetRecord,
        path: &str,
        to: S3Address,
        sink: &ProgressSink,
    ) -> Result<Filled, RepositoryError> {
        let step = &FailedStep::FillBucket(path.to_owned(), to.bucket.clone());
        let snapshot = self.there(step, set.snapshots().files)?;
        let work = Work::FillBucket { snapshot, path: path.to_owned(), to, extra: Extra::Remove };
        let answer = self.ask_telling(step, work, sink, |progress| progress.place_read).await?;
        answered!(self, step, answer, Answer::Filled(filled) => filled)
    }

    /// Counts the objects of a bucket, and compares a sample: SHA-256 by path below its prefix.
    pub async fn look_at_bucket(
        &self,
        bucket: S3Address,
        sample: BTreeMap<String, String>,
    ) -> Result<Looked, RepositoryError> {
        let step = &FailedStep::LookAtBucket(bucket.bucket.clone());
        let answer = self.ask(step, Work::LookAtBucket { bucket, sample }).await?;
        answered!(self, step, answer, Answer::Looked(looked) => looked)
    }

    fn request(&self, work: Work) -> Request {
        Request { place: self.place.clone(), secrets: self.secrets.clone(), work, rate: self.rate }
    }

    async fn start(&self, step: &FailedStep, work: Work) -> Result<Box<dyn WorkerSession>, RepositoryError> {
        let started = self.workers.start(self.request(work), Limits::default()).await;
        started.map_err(|error| self.error(step, error))
    }

    async fn ask(&self, step: &FailedStep, work: Work) -> Result<Answer, RepositoryError> {
        let session = self.start(step, work).await?;
        session.answer().await.map_err(|error| self.error(step, error))
    }

    /// Waits for an answer, and reports the number of transferred bytes meanwhile.
    async fn ask_telling(
        &self,
        step: &FailedStep,
        work: Work,
        sink: &ProgressSink,
        bytes: fn(&Progress) -> u64,
    ) -> Result<Answer, RepositoryError> {
        let session = self.start(step, work).await?;
        let progress = session.progress();
        let answer = tokio::select! {
            answer = session.answer() => answer,
            never = sink.follow(progress, bytes) => match never {},
        };
        answer.map_err(|error| self.error(step, error))
    }

    /// Returns the snapshot that files are compared with.
    async fn parent(&self, step: &FailedStep) -> Result<Option<SnapshotId>, RepositoryError> {
        match &self.parent {
            FilesParent::Nothing => Ok(None),
            FilesParent::Snapshot(id) => Ok(Some(id.clone())),
            FilesParent::Newest => {
                let answer = self.ask(step, Work::Latest { kind: Kind::Files }).await?;
                answered!(self, step, answer, Answer::Latest(latest) => latest.map(|part| part.snapshot))
            }
        }
    }

    /// Returns a snapshot of a backup; an error if it is missing.
    fn there(&self, step: &FailedStep, snapshot: Option<SnapshotId>) -> Result<SnapshotId, RepositoryError> {
        let text = "the snapshot that it belongs to is gone".to_owned();
        let gone = || self.error(step, WorkerError::Failed(Failure { kind: FailureKind::Missing, text }));
        snapshot.ok_or_else(gone)
    }

    fn error(&self, step: &FailedStep, source: WorkerError) -> RepositoryError {
        RepositoryError { repository: self.name.clone(), step: step.clone(), source }
    }
}
