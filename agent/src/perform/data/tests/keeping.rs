//! Repositories without processes of their own: the real thing, on folders that fail when they are told to.

use super::lab::LabRuntime;
pub use super::place_faults::BackendFault;
use super::place_faults::{PlacePlan, Shared, hangs, pass};
use super::streams::{Piped, Writing};
use super::watched::{Call, Watched};
use crate::repositories::{
    Ahead, BucketFilled, BucketFound, Label, ProgressSink, Repositories, Repository, RepositoryError, Restored,
    StreamsWriter, Tree, TreesKept, Trouble, asked_trees, put_back, restore_options, s3_address, trouble_of, words,
};
use bytes::Bytes;
use fleet_core::backup::{Bucket, FilesParent, LocationAccess, Manifest, Privileges, Proof, RepositoryAccess, Secret};
use fleet_core::names::{BackupId, InstanceName, RepositoryName, SnapshotId};
use fleet_repository::backend::FolderBackend;
use fleet_repository::bucket::{Extra, inspect};
use fleet_repository::worker::Failure;
use fleet_repository::{ActivityCounter, Backend, Gate, Kind, Part, Prune, Secrets, SetRecord, Stream, Trees};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// An empty repository to begin with: deriving its password's key takes a third of a second, so that is done once.
struct Template {
    secrets: Secrets,
    files: BTreeMap<String, Vec<u8>>,
}

impl Template {
    fn get() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let secrets = Secrets::generate().expect("random");
            let place: Arc<dyn Backend> = Arc::new(FolderBackend::new(folder.path()));
            fleet_repository::Repository::create(&place, &secrets).expect("made");
            Self { secrets, files: super::harness::files(folder.path()) }
        })
    }
}

fn write_all(files: &BTreeMap<String, Vec<u8>>, to: &Path) {
    for (name, bytes) in files {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
}

/// Repositories in folders, opened in this process.
#[derive(Debug, Clone)]
pub struct Keeping {
    pub folder: PathBuf,
    pub lab: LabRuntime,
    pub plans: Shared,
    secrets: Secrets,
}

impl Keeping {
    pub fn new(folder: &Path, lab: &LabRuntime) -> Self {
        let secrets = Template::get().secrets.clone();
        Self { folder: folder.join("repositories"), lab: lab.clone(), plans: Arc::default(), secrets }
    }

    /// Makes the repository, and the way into it.
    pub fn access(&self, name: &str, instance: &InstanceName) -> RepositoryAccess {
        let path = self.folder.join(name).join(instance.as_str());
        if !path.join("config").exists() {
            write_all(&Template::get().files, &path);
        }
        RepositoryAccess {
            repository: name.parse().expect("a name"),
            instance: instance.clone(),
            place: LocationAccess::Folder { path: path.display().to_string() },
            master_key: Secret(self.secrets.master_key.clone()),
            password: None,
            parent: FilesParent::Newest,
        }
    }

    pub fn plan(&self, name: &str, fault: Option<(BackendFault, u64)>) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.insert(name.parse().expect("a name"), PlacePlan { fault, calls: 0 });
    }

    /// How often the place was asked for something since that.
    pub fn calls(&self, name: &str) -> u64 {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(&name.parse().expect("a name")).map_or(0, |plan| plan.calls)
    }

    /// Makes all repositories what they were.
    pub fn put_back(&self, files: &BTreeMap<String, Vec<u8>>) {
        std::fs::remove_dir_all(&self.folder).expect("removed");
        write_all(files, &self.folder);
    }

    /// As someone sees it who has nothing to do with the faults.
    pub fn plainly(&self, name: &str, instance: &InstanceName) -> InProcess {
        let (lab, plans) = (LabRuntime::new(&self.folder), Shared::default());
        let quiet = Self { lab, plans, ..self.clone() };
        InProcess::new(&quiet, &self.access(name, instance))
    }
}

impl Repositories for Keeping {
    fn open(&self, access: &RepositoryAccess, _: Option<u64>) -> Arc<dyn Repository> {
        Arc::new(InProcess::new(self, access))
    }
}

#[derive(Clone)]
pub struct InProcess {
    name: RepositoryName,
    place: Arc<dyn Backend>,
    secrets: Secrets,
    hangs: bool,
    pub lab: LabRuntime,
}

impl InProcess {
    fn new(keeping: &Keeping, access: &RepositoryAccess) -> Self {
        let LocationAccess::Folder { path } = &access.place else { panic!("only folders are tried here") };
        let name = access.repository.clone();
        let (plans, of) = (Arc::clone(&keeping.plans), name.clone());
        let place = Watched { place: FolderBackend::new(path), ahead: 0, see: move |_: Call<'_>| pass(&plans, &of) };
        let secrets = Secrets { password: String::new(), master_key: access.master_key.0.clone() };
        let hangs = hangs(&keeping.plans, &name);
        Self { name, place: Arc::new(place), secrets, hangs, lab: keeping.lab.clone() }
    }

    async fn ask<T: Send + 'static>(
        &self,
        doing: &str,
        work: impl FnOnce(&fleet_repository::Repository) -> fleet_repository::Result<T> + Send + 'static,
    ) -> Result<T, RepositoryError> {
        self.lab.call().await;
        let (place, secrets) = (self.place.clone(), self.secrets.clone());
        let done = spawn_blocking(move || work(&fleet_repository::Repository::open(place, &secrets)?)).await;
        let done = done.map_err(|error| self.error(doing, &error.to_string()))?;
        self.lab.call().await;
        done.map_err(|error| self.error_of(doing, error))
    }

    /// As it is said of a worker.
    pub fn error_of(&self, doing: &str, error: fleet_repository::Error) -> RepositoryError {
        let Failure { kind, text } = error.into();
        RepositoryError { trouble: trouble_of(kind), ..self.error(doing, &text) }
    }

    pub fn error(&self, doing: &str, reason: &str) -> RepositoryError {
        let (doing, reason) = (doing.to_owned(), reason.to_owned());
        RepositoryError { repository: self.name.clone(), doing, reason, trouble: Trouble::Other }
    }
}

fn part(label: &Label) -> Part {
    Part { backup: label.backup.clone(), host: label.host.clone(), time: label.at }
}

#[tonic::async_trait]
impl Repository for InProcess {
    async fn make(&self) -> Result<(), RepositoryError> {
        Ok(())
    }

    async fn resume(&self) -> Result<(), RepositoryError> {
        self.ask("resume", |it| it.resume().map(|_| ())).await
    }

    async fn sets(&self) -> Result<Vec<SetRecord>, RepositoryError> {
        self.ask("list", |it| Ok(it.sets()?.sets)).await
    }

    async fn set(&self, backup: &BackupId) -> Result<Vec<SetRecord>, RepositoryError> {
        let id = backup.clone();
        self.ask("list", move |it| Ok(it.set(&id, fleet_repository::MAX_MANIFEST)?.sets)).await
    }

    async fn streams(&self, label: &Label, ahead: &[Ahead]) -> Result<Box<dyn StreamsWriter>, RepositoryError> {
        self.lab.call().await;
        let (mut senders, mut streams) = (Vec::new(), Vec::new());
        for Ahead { path, bytes } in ahead {
            let (sender, receiver) = mpsc::channel(4);
            senders.push(sender);
            let reader = Box::new(Piped { receiver, rest: Bytes::new(), has_ended: false });
            streams.push(Stream { name: path.clone(), expected: *bytes, reader });
        }
        senders.reverse();
        let (place, secrets, part) = (self.place.clone(), self.secrets.clone(), part(label));
        if self.hangs {
            let work = tokio::spawn(async move {
                let _unread = streams;
                std::future::pending().await
            });
            return Ok(Box::new(Writing { repository: self.clone(), senders, work }));
        }
        let work = spawn_blocking(move || {
            let repository = fleet_repository::Repository::open(place, &secrets)?;
            repository.archive_streams(&part, streams, &Arc::new(Gate::default()))
        });
        Ok(Box::new(Writing { repository: self.clone(), senders, work }))
    }

    async fn trees(&self, label: &Label, trees: &[Tree], _: &ProgressSink) -> Result<TreesKept, RepositoryError> {
        self.lab.take_time().await;
        let trees = Trees { sample: 20, seed: label.at.0, ..asked_trees(trees) };
        let part = part(label);
        self.ask("keep files", move |it| {
            let parent = it.latest(Kind::Files)?.map(|part| part.snapshot);
            it.archive_trees(&part, &Trees { parent, ..trees }, &Arc::new(Gate::default())).map(words)
        })
        .await
    }

    async fn write_set(&self, label: &Label, manifest: &Manifest) -> Result<SnapshotId, RepositoryError> {
        let (part, manifest) = (part(label), serde_json::to_vec(manifest).expect("JSON"));
        self.ask("write the set", move |it| it.write_set(&part, manifest)).await
    }

    async fn write_proof(&self, label: &Label, proof: &Proof) -> Result<(), RepositoryError> {
        let (part, proof) = (part(label), serde_json::to_vec(proof).expect("JSON"));
        self.ask("write the proof", move |it| it.write_proof(&part, proof).map(|_| ())).await
    }

    async fn read(
        &self,
        set: &SetRecord,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, RepositoryError>>, RepositoryError> {
        let missing = || RepositoryError { trouble: Trouble::Damaged, ..self.error("read", "no snapshot") };
        let snapshot = set.snapshots().dumps.ok_or_else(missing)?;
        let path = path.to_owned();
        let (bytes, end) = self
            .ask("read", move |it| {
                let (mut stream, mut bytes) = (it.read_stream(&snapshot, &path)?, Vec::new());
                loop {
                    match stream.next_piece() {
                        Ok(Some(piece)) => bytes.extend(piece),
                        Ok(None) => return Ok((bytes, None)),
                        Err(error) => return Ok((bytes, Some(error))),
                    }
                }
            })
            .await?;
        let end = end.map(|error| Err(self.error_of("read on", error)));
        let pieces: Vec<_> = bytes.chunks(1000).map(|it| Ok(Bytes::copy_from_slice(it))).chain(end).collect();
        Ok(stream::iter(pieces).boxed())
    }

    async fn fill_bucket(
        &self,
        set: &SetRecord,
        path: &str,
        to: &Bucket,
        _: &ProgressSink,
    ) -> Result<BucketFilled, RepositoryError> {
        let missing = || RepositoryError { trouble: Trouble::Damaged, ..self.error("fill", "no snapshot") };
        let snapshot = set.snapshots().files.ok_or_else(missing)?;
        let (path, to) = (path.to_owned(), s3_address(to));
        let filled = self.ask("fill", move |it| it.fill_bucket(&snapshot, &path, &to, Extra::Remove)).await?;
        Ok(BucketFilled { objects: filled.objects, bytes: filled.bytes, removed: filled.removed })
    }

    async fn look_at_bucket(
        &self,
        bucket: &Bucket,
        sample: &BTreeMap<String, String>,
    ) -> Result<BucketFound, RepositoryError> {
        let (bucket, sample) = (s3_address(bucket), sample.clone());
        let found = self.ask("look", move |_| inspect(&bucket, &sample, &ActivityCounter::default())).await?;
        Ok(BucketFound { objects: found.objects, bytes: found.bytes, wrong: found.wrong })
    }

    async fn restore(
        &self,
        set: &SetRecord,
        path: &str,
        to: &Path,
        privileges: Privileges,
        _: &ProgressSink,
    ) -> Result<Restored, RepositoryError> {
        self.lab.plan().privileges.push(privileges);
        let missing = || RepositoryError { trouble: Trouble::Damaged, ..self.error("restore", "no snapshot") };
        let snapshot = set.snapshots().files.ok_or_else(missing)?;
        let (path, to) = (path.to_owned(), to.to_owned());
        let restored =
            self.ask("restore", move |it| it.restore_tree(&snapshot, &path, &to, &restore_options(privileges)));
        Ok(put_back(restored.await?))
    }

    async fn forget(&self, backups: &[BackupId]) -> Result<(), RepositoryError> {
        let backups = backups.iter().cloned().collect();
        self.ask("forget", move |it| {
            it.forget(&backups)?;
            it.prune(Prune::Exclusive).map(|_| ())
        })
        .await
    }
}

impl Keeping {
    fn opened(&self, name: &str) -> fleet_repository::Repository {
        let LocationAccess::Folder { path } = self.access(name, &super::harness::instance()).place else {
            panic!("a folder")
        };
        fleet_repository::Repository::open(Arc::new(FolderBackend::new(path)), &self.secrets).expect("opened")
    }

    /// Puts sets there that are newer than any other, and whose manifests are all that is read at once.
    pub fn crowd(&self, name: &str) {
        let at = fleet_core::time::Time(crate::clock::now().0 + 3_600_000);
        for number in 0..3_u8 {
            let backup = format!("c{number:023}").parse().expect("an id");
            let part = Part { backup, host: "lab-2".parse().expect("a name"), time: at };
            self.opened(name).write_set(&part, vec![number; 15 << 20]).expect("written");
        }
    }

    /// What drills have found.
    pub fn proofs(&self, name: &str) -> Vec<(String, Proof)> {
        let proofs = self.opened(name).proofs().expect("read").proofs;
        let read = |it: fleet_repository::ProofRecord| {
            (it.backup.to_string(), serde_json::from_slice(&it.proof).expect("a proof"))
        };
        proofs.into_iter().map(read).collect()
    }

    /// Puts a manifest there that nobody made.
    pub async fn write_set(&self, name: &str, backup: &BackupId, manifest: &Manifest) {
        let (host, at) = ("lab-9".parse().expect("a name"), crate::clock::now());
        let label = Label { backup: backup.clone(), host, at };
        self.plainly(name, &super::harness::instance()).write_set(&label, manifest).await.expect("written");
    }

    /// Flips a byte in the middle of each data pack that is not a manifest's.
    pub fn damage_packs(&self, name: &str) {
        let folder = self.folder.join(name).join("oasis-1/data");
        let mut packs: Vec<_> = super::harness::files(&folder).into_iter().collect();
        packs.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.len()));
        let (path, mut bytes) = packs.remove(0);
        let middle = bytes.len() / 4;
        bytes[middle] ^= 1;
        let path = folder.join(path);
        drop(std::fs::remove_file(&path));
        std::fs::write(path, bytes).expect("written");
    }
}
