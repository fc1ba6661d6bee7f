//! Repositories through workers: each request is a process of its own, with its memory limited, that can be killed.

mod buckets;
mod streams;

#[cfg(test)]
pub use buckets::s3_address;

use super::{
    Ahead, BucketFilled, BucketFound, Label, ProgressSink, Repositories, Repository, RepositoryError, Restored,
    RootKept, StreamsWriter, Tree, TreeOrigin, TreesKept, Trouble, put_back, restore_options,
};
use crate::repository_place::RepositoryRoute;
use bytes::Bytes;
use fleet_core::backup::{Bucket, FilesParent, LocationAccess, Manifest, Privileges, Proof, RepositoryAccess};
use fleet_core::names::{BackupId, SnapshotId};
use fleet_repository::backend::{S3Address, Transport};
use fleet_repository::worker::{
    Answer, BackendSpec, FailureKind, Limits, Next, Progress, Request, StreamSpec, Work, Worker, WorkerError,
};
use fleet_repository::{BucketTree, Kind, MAX_MANIFEST, Prune, Secrets, SetRecord, Sets, Trees};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use streams::WorkerStreams;
use tokio::sync::watch;

/// So many files of a backup are hashed, for drills.
const SAMPLE: usize = 100;

/// How workers are started on this host.
#[derive(Debug, Clone)]
pub struct WorkerRepositories {
    /// A program that serves a repository's worker when it is started with `args`.
    pub program: PathBuf,
    pub args: Vec<String>,
    pub limits: Limits,
    /// Where this host's identity is: what the coordinator keeps is reached with it.
    pub identity: PathBuf,
}

impl WorkerRepositories {
    /// Workers that are an agent's program.
    pub fn of(program: PathBuf, identity: PathBuf) -> Self {
        Self { program, args: vec![super::SUBCOMMAND.to_owned()], limits: Limits::default(), identity }
    }
}

impl Repositories for WorkerRepositories {
    fn open(&self, access: &RepositoryAccess, limit_rate: Option<u64>) -> Arc<dyn Repository> {
        let way = || RepositoryRoute {
            identity: self.identity.clone(),
            repository: access.repository.to_string(),
            instance: access.instance.to_string(),
        };
        let place = match &access.place {
            LocationAccess::Folder { path } => BackendSpec::Folder { path: path.into() },
            LocationAccess::Coordinator => BackendSpec::Coordinator(way().into()),
            LocationAccess::S3 { endpoint, region, bucket, prefix, key_id, key } => BackendSpec::S3(S3Address {
                endpoint: endpoint.clone(),
                region: region.clone(),
                bucket: bucket.clone(),
                prefix: prefix.clone(),
                access_key: key_id.clone(),
                secret_key: key.0.clone(),
                transport: if endpoint.starts_with("http://") { Transport::PlainHttp } else { Transport::Https },
            }),
        };
        let password = access.password.clone().unwrap_or_default().0;
        let secrets = Secrets { password, master_key: access.master_key.0.clone() };
        let name = access.repository.clone();
        let parent = access.parent.clone();
        Arc::new(WorkerRepository { how: self.clone(), name, place, secrets, rate: limit_rate, parent })
    }
}

/// One repository, asked by one worker for each request.
#[derive(Debug, Clone)]
struct WorkerRepository {
    how: WorkerRepositories,
    name: fleet_core::names::RepositoryName,
    place: BackendSpec,
    secrets: Secrets,
    rate: Option<u64>,
    parent: FilesParent,
}

impl WorkerRepository {
    async fn start(&self, doing: &str, work: Work) -> Result<Worker, RepositoryError> {
        let (place, secrets) = (self.place.clone(), self.secrets.clone());
        let request = Request { place, secrets, work, rate: self.rate };
        let args: Vec<&str> = self.how.args.iter().map(String::as_str).collect();
        let started = Worker::start(&self.how.program, &args, &self.how.limits, &request).await;
        started.map_err(|error| self.error(doing, &error))
    }

    async fn ask(&self, doing: &str, work: Work) -> Result<Answer, RepositoryError> {
        let worker = self.start(doing, work).await?;
        worker.answer().await.map_err(|error| self.error(doing, &error))
    }

    /// Waits for an answer, and says meanwhile how far it is.
    async fn ask_telling(
        &self,
        doing: &str,
        work: Work,
        told: &ProgressSink,
        bytes: fn(&Progress) -> u64,
    ) -> Result<Answer, RepositoryError> {
        let worker = self.start(doing, work).await?;
        let progress = worker.progress();
        tokio::select! {
            answer = worker.answer() => answer.map_err(|error| self.error(doing, &error)),
            () = tell(progress, told, bytes) => Err(self.strange(doing)),
        }
    }

    fn error(&self, doing: &str, error: &WorkerError) -> RepositoryError {
        let trouble = error.kind().map_or(Trouble::Other, trouble_of);
        let (repository, reason) = (self.name.clone(), crate::chain(error));
        RepositoryError { repository, doing: doing.to_owned(), reason, trouble }
    }

    fn strange(&self, doing: &str) -> RepositoryError {
        let (repository, reason) = (self.name.clone(), "the worker answered something else".to_owned());
        RepositoryError { repository, doing: doing.to_owned(), reason, trouble: Trouble::Other }
    }

    fn part(&self, label: &Label) -> fleet_repository::Part {
        fleet_repository::Part { backup: label.backup.clone(), host: label.host.clone(), time: label.at }
    }

    fn seen(&self, all: Sets) -> Vec<SetRecord> {
        for unreadable in &all.unreadable {
            tracing::warn!(repository = %self.name, %unreadable, "a backup that it belongs to cannot be seen");
        }
        all.sets
    }

    /// The snapshot that files are compared with.
    async fn parent(&self, doing: &str) -> Result<Option<SnapshotId>, RepositoryError> {
        match &self.parent {
            FilesParent::Nothing => Ok(None),
            FilesParent::Snapshot(id) => Ok(Some(id.clone())),
            FilesParent::Newest => match self.ask(doing, Work::Latest { kind: Kind::Files }).await? {
                Answer::Latest(latest) => Ok(latest.map(|part| part.snapshot)),
                _ => Err(self.strange(doing)),
            },
        }
    }

    fn snapshot(&self, doing: &str, id: Option<SnapshotId>) -> Result<SnapshotId, RepositoryError> {
        let missing = || RepositoryError {
            repository: self.name.clone(),
            doing: doing.to_owned(),
            reason: "the snapshot that it belongs to is gone".to_owned(),
            trouble: Trouble::Damaged,
        };
        id.ok_or_else(missing)
    }
}

#[tonic::async_trait]
impl Repository for WorkerRepository {
    async fn make(&self) -> Result<(), RepositoryError> {
        if self.secrets.password.is_empty() {
            return Ok(());
        }
        self.ask("make the repository", Work::Create).await.map(|_| ())
    }

    async fn resume(&self) -> Result<(), RepositoryError> {
        self.ask("find what arrived before", Work::Resume).await.map(|_| ())
    }

    async fn sets(&self) -> Result<Vec<SetRecord>, RepositoryError> {
        let doing = "read the backups";
        match self.ask(doing, Work::Sets).await? {
            Answer::Sets(all) => Ok(self.seen(all)),
            _ => Err(self.strange(doing)),
        }
    }

    async fn set(&self, backup: &BackupId) -> Result<Vec<SetRecord>, RepositoryError> {
        let doing = "read the backup";
        match self.ask(doing, Work::Set { backup: backup.clone(), most: MAX_MANIFEST }).await? {
            // One of those may be the backup.
            Answer::Sets(all) if !all.unread.is_empty() => {
                let reason = format!("{} snapshots carry its id, too many to read", all.unread.len() + all.sets.len());
                let (repository, doing) = (self.name.clone(), doing.to_owned());
                Err(RepositoryError { repository, doing, reason, trouble: Trouble::Other })
            }
            Answer::Sets(all) => Ok(self.seen(all)),
            _ => Err(self.strange(doing)),
        }
    }

    async fn streams(&self, label: &Label, ahead: &[Ahead]) -> Result<Box<dyn StreamsWriter>, RepositoryError> {
        let streams = ahead.iter().map(|it| StreamSpec { name: it.path.clone(), expected: it.bytes }).collect();
        let work = Work::ArchiveStreams { part: self.part(label), streams };
        let worker = self.start("keep the dumps", work).await?;
        Ok(Box::new(WorkerStreams { repository: self.clone(), worker }))
    }

    async fn trees(&self, label: &Label, trees: &[Tree], told: &ProgressSink) -> Result<TreesKept, RepositoryError> {
        let doing = "keep the files";
        let parent = self.parent(doing).await?;
        // Any number will do, if it is another each time: over time all files are looked at.
        let (sample, seed) = (SAMPLE, label.at.0);
        let asked = Trees { parent, sample, seed, ..asked_trees(trees) };
        let work = Work::ArchiveTrees { part: self.part(label), trees: asked };
        match self.ask_telling(doing, work, told, |progress| progress.place_written).await? {
            Answer::Trees(kept) => Ok(words(kept)),
            _ => Err(self.strange(doing)),
        }
    }

    async fn write_set(&self, label: &Label, manifest: &Manifest) -> Result<SnapshotId, RepositoryError> {
        let manifest = serde_json::to_vec(manifest).expect("a manifest has text keys only, so it is JSON");
        let work = Work::WriteSet { part: self.part(label), manifest };
        let doing = "write the manifest";
        match self.ask(doing, work).await? {
            Answer::Set { snapshot } => Ok(snapshot),
            _ => Err(self.strange(doing)),
        }
    }

    async fn write_proof(&self, label: &Label, proof: &Proof) -> Result<(), RepositoryError> {
        let proof = serde_json::to_vec(proof).expect("a proof has text keys only, so it is JSON");
        let work = Work::WriteProof { part: self.part(label), proof };
        self.ask("note what the drill found", work).await.map(|_| ())
    }

    async fn read(
        &self,
        set: &SetRecord,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, RepositoryError>>, RepositoryError> {
        let doing = format!("read `{path}`");
        let snapshot = self.snapshot(&doing, set.snapshots().dumps)?;
        let worker = self.start(&doing, Work::ReadStream { snapshot, path: path.as_bytes().to_vec() }).await?;
        let me = self.clone();
        let pieces = stream::unfold(Some(worker), move |worker| {
            let (me, doing) = (me.clone(), doing.clone());
            async move {
                let mut worker = worker?;
                match worker.next().await {
                    Ok(Next::Data(bytes)) => Some((Ok(Bytes::from(bytes)), Some(worker))),
                    // It is said only when all has come and was what it should be.
                    Ok(Next::Answer(_)) => None,
                    Err(error) => Some((Err(me.error(&doing, &error)), None)),
                }
            }
        });
        Ok(pieces.boxed())
    }

    async fn fill_bucket(
        &self,
        set: &SetRecord,
        path: &str,
        to: &Bucket,
        told: &ProgressSink,
    ) -> Result<BucketFilled, RepositoryError> {
        self.fill(set, path, to, told).await
    }

    async fn look_at_bucket(
        &self,
        bucket: &Bucket,
        sample: &BTreeMap<String, String>,
    ) -> Result<BucketFound, RepositoryError> {
        self.look(bucket, sample).await
    }

    async fn restore(
        &self,
        set: &SetRecord,
        path: &str,
        to: &Path,
        privileges: Privileges,
        told: &ProgressSink,
    ) -> Result<Restored, RepositoryError> {
        let doing = format!("restore `{path}`");
        let snapshot = self.snapshot(&doing, set.snapshots().files)?;
        let (path, to, options) = (path.to_owned(), to.to_owned(), restore_options(privileges));
        let work = Work::RestoreTree { snapshot, path, to, options };
        match self.ask_telling(&doing, work, told, |progress| progress.place_read).await? {
            Answer::Restored(restored) => Ok(put_back(restored)),
            _ => Err(self.strange(&doing)),
        }
    }

    async fn forget(&self, backups: &[BackupId]) -> Result<(), RepositoryError> {
        let backups = backups.iter().cloned().collect();
        self.ask("forget backups", Work::Forget { backups }).await?;
        self.ask("remove what no backup needs", Work::Prune { how: Prune::Marking }).await.map(|_| ())
    }
}

/// Whether what is kept is to blame, or something that may pass.
pub fn trouble_of(kind: FailureKind) -> Trouble {
    match kind {
        FailureKind::Damaged | FailureKind::Missing => Trouble::Damaged,
        FailureKind::Backend
        | FailureKind::NoRepository
        | FailureKind::Occupied
        | FailureKind::WrongKey
        | FailureKind::Source
        | FailureKind::Refused
        | FailureKind::Disk
        | FailureKind::Rustic
        | FailureKind::Panic
        | FailureKind::Protocol => Trouble::Other,
    }
}

/// What is to be archived, in a worker's words.
pub fn asked_trees(asked: &[Tree]) -> Trees {
    let (mut trees, mut buckets) = (Vec::new(), Vec::new());
    for Tree { from, root } in asked {
        let path = root.path.clone();
        match from {
            TreeOrigin::Folder(disk) => trees.push(fleet_repository::Tree { disk: disk.clone(), path }),
            TreeOrigin::Bucket(bucket) => buckets.push(BucketTree { bucket: buckets::s3_address(bucket), path }),
        }
    }
    Trees { trees, buckets, ..Trees::default() }
}

/// Says how far a worker is; never ends before it does.
async fn tell(mut progress: watch::Receiver<Progress>, told: &ProgressSink, bytes: fn(&Progress) -> u64) {
    while progress.changed().await.is_ok() {
        let so_far = bytes(&progress.borrow_and_update());
        told.say(so_far);
    }
    std::future::pending::<()>().await;
}

/// Paths in a snapshot begin at its root, there with a slash and here without.
fn relative(path: &str) -> String {
    path.trim_start_matches('/').to_owned()
}

/// What was kept of folders, in our words.
pub fn words(kept: fleet_repository::ArchivedTrees) -> TreesKept {
    let by_root = kept
        .by_tree
        .into_iter()
        .map(|(path, size)| (relative(&path), RootKept { files: size.files, bytes: size.bytes }));
    TreesKept {
        files: kept.files,
        bytes: kept.bytes,
        added: kept.added,
        by_root: by_root.collect(),
        sample: kept.sample.into_iter().map(|file| (relative(&file.path), file.sha256)).collect(),
        notes: kept.notes,
    }
}
