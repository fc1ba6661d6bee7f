//! One instance whose workers take backups, and the expected content of these.

use crate::common::{id, noise, part_at, read_all, restic, short};
use crate::disk::Disk;
use fleet_repository::backend::FolderBackend;
use fleet_repository::worker::{Answer, BackendSpec, Limits, Request, StreamSpec, Work, Worker, WorkerError};
use fleet_repository::{Kind, Prune, ReadData, Repository, RestoreOptions, Secrets, SetRecord, Tree, Trees};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

/// As a container's output comes, about.
const PIECE: usize = 16 * 1024;
const PROGRAM: &str = env!("CARGO_BIN_EXE_fleet-repository-worker");

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    None,
    /// The worker is killed with -9, somewhere.
    Killed,
    /// A stream stops because its sender is gone.
    Truncated,
    ToldAsFailed,
    NoMemory,
    /// The disk is full, sooner or later.
    Full,
    /// A folder of the repository is no folder any more.
    Broken,
    /// Outside a backup: while the oldest one is forgotten and pruned, the process is killed.
    WhilePruning,
}

impl Fault {
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Killed,
        Self::Truncated,
        Self::ToldAsFailed,
        Self::NoMemory,
        Self::Full,
        Self::Broken,
        Self::WhilePruning,
    ];

    /// In turns, with every third run as it should be.
    pub fn of(run: u64) -> Self {
        match run % 3 {
            0 => Self::None,
            _ => Self::ALL[1 + ((run * 2 / 3) % 7) as usize],
        }
    }
}

/// Numbers that a seed decides.
pub struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

/// Content that a backup must give back.
#[derive(Clone)]
pub struct Content {
    streams: Vec<(String, Vec<u8>)>,
    files: BTreeMap<String, Vec<u8>>,
}

pub struct Bench {
    place: BackendSpec,
    /// The same repository, to look into.
    path: PathBuf,
    secrets: Secrets,
    data: TempDir,
    files: BTreeMap<String, Vec<u8>>,
    /// Those that were said to be kept.
    pub good: BTreeMap<String, Content>,
    /// Backups with an unknown result: they are there completely, or not at all.
    unheard: BTreeMap<String, Content>,
}

impl Bench {
    pub fn new(place: BackendSpec, path: PathBuf) -> Self {
        let secrets = Secrets::generate().expect("secrets");
        let at: Arc<dyn fleet_repository::Backend> = Arc::new(FolderBackend::new(&path));
        Repository::create(&at, &secrets).expect("created");
        let (data, files) = (tempfile::tempdir().expect("a folder"), BTreeMap::new());
        Self { place, path, secrets, data, files, good: BTreeMap::new(), unheard: BTreeMap::new() }
    }

    fn open(&self) -> Repository {
        Repository::open(Arc::new(FolderBackend::new(&self.path)), &self.secrets).expect("opened")
    }

    async fn start(&self, work: Work, memory: u64) -> Result<Worker, WorkerError> {
        let (place, secrets) = (self.place.clone(), self.secrets.clone());
        let request = Request { place, secrets, work, rate: None };
        let limits = Limits { memory, ..Limits::default() };
        Worker::start(Path::new(PROGRAM), &[], &limits, &request).await
    }

    /// One backup, with a fault in one of its three steps. Whether all of them were said to be done.
    pub async fn run(&mut self, run: u64, fault: Fault, disk: Option<&Disk>) -> bool {
        let mut dice = Dice(run + 1);
        if fault == Fault::WhilePruning {
            return self.prune(&mut dice).await;
        }
        let (name, content) = (format!("b{run:03}"), self.change(run, &mut dice));
        let at_step = match fault {
            Fault::Truncated | Fault::ToldAsFailed | Fault::NoMemory => 0,
            _ => dice.below(3),
        };
        for step in 0..3 {
            let fault = if step == at_step { fault } else { Fault::None };
            let _ballast = disk.filter(|_| fault == Fault::Full).map(|disk| disk.fill(dice.below(20_000 >> step)));
            let _broken = (fault == Fault::Broken).then(|| Broken::new(&self.path, &mut dice));
            if step == 2 {
                self.unheard.insert(name.clone(), content.clone());
            }
            let done = self.step(step, run, &content, fault, &mut dice).await;
            match done {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) if fault == Fault::None && disk.is_some() => panic!("run {run}, step {step}: {error}"),
                Err(_) => return false,
            }
        }
        self.unheard.remove(&name);
        self.good.insert(name, content);
        true
    }

    /// Changes the data to back up and returns it; about half stays as before.
    fn change(&mut self, run: u64, dice: &mut Dice) -> Content {
        for _ in 0..3 {
            let file = format!("deep/{}/file {}", dice.below(3), dice.below(4));
            let content = noise(dice.below(50), dice.below(90_000) as usize);
            let path = self.data.path().join(&file);
            fs::create_dir_all(path.parent().expect("it is deep")).expect("a folder");
            fs::write(path, &content).expect("written");
            self.files.insert(file, content);
        }
        let size = if dice.below(15) == 0 { 18_000_000 } else { 10_000 + dice.below(900_000) as usize };
        let mut dump = noise(run % 4, size / 2);
        dump.extend(noise(run + 100, size / 2));
        let streams = vec![("db/a.sql".to_owned(), dump), ("db/b.sql".to_owned(), noise(run, 5_000))];
        Content { streams, files: self.files.clone() }
    }

    async fn step(
        &self,
        step: u64,
        run: u64,
        content: &Content,
        fault: Fault,
        dice: &mut Dice,
    ) -> Result<bool, WorkerError> {
        let part = part_at(&format!("b{run:03}"), 1_000_000 + run);
        let work = match step {
            0 => {
                let spec = |(name, bytes): &(String, Vec<u8>)| StreamSpec {
                    name: name.clone(),
                    expected: Some(bytes.len() as u64),
                };
                Work::ArchiveStreams { part, streams: content.streams.iter().map(spec).collect() }
            }
            1 => {
                let tree = Tree { disk: self.data.path().to_owned(), path: "files".to_owned() };
                let parent = self.open().latest(Kind::Files).ok().flatten().map(|part| part.snapshot);
                Work::ArchiveTrees { part, trees: Trees { trees: vec![tree], parent, ..Trees::default() } }
            }
            _ => Work::WriteSet { part, manifest: format!("run {run}").into_bytes() },
        };
        let memory = if fault == Fault::NoMemory { 9 << 20 } else { 1 << 30 };
        let mut worker = self.start(work, memory).await?;
        if step == 0 && !send(&mut worker, content, fault, dice).await? {
            return Ok(false);
        }
        match fault {
            Fault::Killed => match timeout(Duration::from_millis(dice.below(90)), worker.answer()).await {
                Ok(answer) => answer.map(|_| true),
                // Dropped, it was killed.
                Err(_) => Ok(false),
            },
            _ => worker.answer().await.map(|_| true),
        }
    }

    /// Forgets the oldest, prunes its data, and is killed in half of the cases.
    async fn prune(&mut self, dice: &mut Dice) -> bool {
        let Some((oldest, _)) = self.good.iter().next().filter(|_| self.good.len() > 3) else { return true };
        let oldest = oldest.clone();
        let forget = Work::Forget { backups: BTreeSet::from([id(&oldest)]) };
        let how = if dice.below(2) == 0 { Prune::Exclusive } else { Prune::Marking };
        let content = self.good.remove(&oldest);
        self.unheard.extend(content.map(|content| (oldest, content)));
        for work in [forget, Work::Prune { how }] {
            let Ok(worker) = self.start(work, 1 << 30).await else { return false };
            let Ok(Ok(Answer::Forgotten(_) | Answer::Pruned { .. })) =
                timeout(Duration::from_millis(20 + dice.below(160)), worker.answer()).await
            else {
                return false;
            };
        }
        true
    }

    /// Asserts that exactly the confirmed backups are listed, and that the newest and sometimes another one is whole.
    pub fn check(&mut self, run: u64) {
        let sets = self.sets();
        let other = sets.get(run as usize * 7 % sets.len().max(1)).filter(|_| run.is_multiple_of(4));
        sets.last().into_iter().chain(other).for_each(|set| self.check_one(set));
    }

    /// All that is listed is whole, and stock restic finds nothing wrong.
    pub fn check_all(&mut self) {
        self.sets().iter().for_each(|set| self.check_one(set));
        let report = self.open().check(ReadData::All).expect("checked");
        assert!(report.is_fine(), "{report:?}");
        let stock = restic(&self.path.display().to_string(), &self.secrets, &["check", "--read-data"]);
        assert!(stock.status.success(), "{}", String::from_utf8_lossy(&stock.stderr));
    }

    fn sets(&mut self) -> Vec<SetRecord> {
        let found = self.open().sets().expect("listed");
        assert_eq!(found.unreadable, []);
        for set in &found.sets {
            let name = short(&set.backup);
            if let Some(content) = self.unheard.remove(&name) {
                self.good.insert(name, content);
            }
        }
        let listed: BTreeSet<_> = found.sets.iter().map(|set| short(&set.backup)).collect();
        assert_eq!(listed, self.good.keys().cloned().collect());
        found.sets
    }

    fn check_one(&self, set: &SetRecord) {
        let content = &self.good[&short(&set.backup)];
        let repository = self.open();
        let part = |kind| &set.parts.iter().rfind(|part| part.kind == kind).expect("it has one").snapshot;
        for (name, bytes) in &content.streams {
            assert!(read_all(&repository, part(Kind::Dumps), name) == *bytes, "{} of {}", name, set.backup);
        }
        let to = tempfile::tempdir().expect("a folder");
        let restored = repository.restore_tree(part(Kind::Files), "files", to.path(), &RestoreOptions::default());
        assert_eq!(restored.expect("restored").files, content.files.len() as u64);
        for (name, bytes) in &content.files {
            assert!(fs::read(to.path().join(name)).expect("there") == *bytes, "{} of {}", name, set.backup);
        }
    }
}

/// Sends the streams; returns whether all were sent.
async fn send(worker: &mut Worker, content: &Content, fault: Fault, dice: &mut Dice) -> Result<bool, WorkerError> {
    let pieces: usize = content.streams.iter().map(|(_, bytes)| bytes.len().div_ceil(PIECE)).sum();
    let mut left = dice.below(pieces as u64 + 1);
    for (_, bytes) in &content.streams {
        for piece in bytes.chunks(PIECE) {
            match (left, fault) {
                // Dropped, it is killed; its caller is gone as well.
                (0, Fault::Killed | Fault::Truncated) => return Ok(false),
                (0, Fault::ToldAsFailed) => {
                    worker.fail_stream("the dump tool exited 1").await?;
                    return Ok(true);
                }
                _ => left = left.saturating_sub(1),
            }
            worker.send(piece).await?;
        }
        if left == 0 && fault == Fault::Truncated {
            return Ok(false);
        }
        worker.end_stream().await?;
    }
    Ok(true)
}

/// A folder of a repository that is replaced by something else for a while.
struct Broken {
    folder: PathBuf,
    away: PathBuf,
}

impl Broken {
    fn new(repository: &Path, dice: &mut Dice) -> Self {
        let name = ["index", "snapshots", "data", "tmp"][dice.below(4) as usize];
        let (folder, away) = (repository.join(name), repository.join("away"));
        // A repository that does not exist yet is not missed afterwards either.
        let _ = fs::rename(&folder, &away);
        fs::write(&folder, "no folder").expect("written");
        Self { folder, away }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        fs::remove_file(&self.folder).expect("removed");
        let _ = fs::rename(&self.away, &self.folder);
    }
}
