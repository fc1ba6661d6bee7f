//! Repository service over facts in memory and repositories on a disk, and a host that adds backups to them.

use fleet_coordinator::facts::Facts;
use fleet_coordinator::identity::Seal;
use fleet_coordinator::repositories::{Disk, RepositoryService};
use fleet_coordinator::store::{MemoryStore, Store, StoreError};
use fleet_core::backup::{
    BackupKey, BackupPolicy, BackupSource, Backups, Cause, CopyMade, Counted, DataAction, DataResult, DrillCheck,
    DrillMade, EngineKind, Keep, Kept, Manifest, Part as KeptPart, Proof, RepositoryProblem, Root, Snapshots,
};
use fleet_core::event::EventKind;
use fleet_core::facts::{CopyOnWrite, DriftRule, HostDesired, InstanceDesired, PowerDesired};
use fleet_core::names::{BackupId, InstanceName, OrderId};
use fleet_core::order::{Action, End, Order, Outcome, PowerRequest, order_id};
use fleet_core::plan::{NewOrder, Plan};
use fleet_core::problem::Problem;
use fleet_core::release::Release;
use fleet_core::time::Time;
use fleet_repository::worker::{Answer, BackendSpec, Limits, Request, StreamSpec, Work, Worker};
use fleet_repository::{Kind, Part, Secrets, Tree, Trees};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

pub const DAY: u64 = 86_400_000;

pub fn read<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error:?}"))
}

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    Time(u64::try_from(since.as_millis()).expect("it is before the year 500 million"))
}

pub fn id(number: u32) -> BackupId {
    read(&format!("{number:024x}"))
}

pub fn key(number: u32) -> BackupKey {
    BackupKey { repository: read("central"), backup: id(number) }
}

/// Bytes that look like nothing, the same for the same seed.
pub fn noise(seed: u32, bytes: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..bytes.div_ceil(8)).flat_map(|_| next()).take(bytes).collect()
}

pub struct Harness {
    pub home: TempDir,
    pub store: Arc<dyn Store>,
    pub facts: Arc<Facts>,
    pub repository_service: RepositoryService,
}

impl Harness {
    /// One host with one instance, whose newest three backups are kept.
    pub async fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory can be made");
        Seal::create(home.path()).expect("the key is new");
        let harness = Self::over(home, Arc::new(MemoryStore::new().expect("a thread can be started")));
        let changed = harness.facts.change_desired(now(), |desired| {
            desired.put_host(&read("lab-1"), HostDesired { labels: Default::default(), added: Time(1) });
            desired.put_instance(&read("notes-1"), instance());
            desired.put_policy(&read("daily"), policy());
            Ok::<_, StoreError>(())
        });
        changed.await.expect("the store is whole");
        harness
    }

    fn over(home: TempDir, store: Arc<dyn Store>) -> Self {
        let facts = Arc::new(Facts::load(Arc::clone(&store)).expect("the store can be read"));
        let seal = Seal::load(home.path()).expect("it is there");
        let program = Some(PathBuf::from(env!("CARGO_BIN_EXE_fleet-coordinator")));
        let repository_service =
            RepositoryService::new(Arc::clone(&facts), Arc::new(Disk::below(home.path())), seal, program);
        Self { home, store, facts, repository_service }
    }

    /// Restarts from the stored records.
    pub fn restarted(self) -> Self {
        Self::over(self.home, self.store)
    }

    pub fn folder(&self) -> PathBuf {
        self.repository_service.disk.folder(&read("central"), &read("notes-1"))
    }

    pub async fn work(&self, work: Work) -> Answer {
        let access = self.repository_service.access(&read("central"), &read("notes-1")).await.expect("it can be made");
        let secrets = Secrets { password: String::new(), master_key: access.master_key.0 };
        let request = Request { place: BackendSpec::Folder { path: self.folder() }, secrets, work, rate: None };
        let program = Path::new(env!("CARGO_BIN_EXE_fleet-coordinator"));
        Worker::ask(program, &["repository-worker"], &Limits::default(), &request).await.expect("it is done")
    }

    /// Streams of a backup, without its set.
    pub async fn dump(&self, number: u32, at: Time, streams: &[(&str, &[u8])]) -> Answer {
        let access = self.repository_service.access(&read("central"), &read("notes-1")).await.expect("it can be made");
        let secrets = Secrets { password: String::new(), master_key: access.master_key.0 };
        let spec = |(name, _): &(&str, &[u8])| StreamSpec { name: (*name).to_owned(), expected: None };
        let work = Work::ArchiveStreams { part: part(number, at), streams: streams.iter().map(spec).collect() };
        let request = Request { place: BackendSpec::Folder { path: self.folder() }, secrets, work, rate: None };
        let program = Path::new(env!("CARGO_BIN_EXE_fleet-coordinator"));
        let limits = Limits::default();
        let mut worker = Worker::start(program, &["repository-worker"], &limits, &request).await.expect("it starts");
        for (_, bytes) in streams {
            worker.send(bytes).await.expect("it is taken");
            worker.end_stream().await.expect("it is taken");
        }
        worker.answer().await.expect("it is done")
    }

    /// Adds a whole backup of the given age, and reports it to the coordinator.
    pub async fn backup(&self, number: u32, age: u64, content: &[u8]) -> Manifest {
        let at = Time(now().0 - age);
        let files = tempfile::tempdir().expect("a directory can be made");
        std::fs::write(files.path().join("note.txt"), format!("note {number}")).expect("there is room");
        // Names need not be letters.
        let odd = files.path().join(OsStr::from_bytes(b"bad\xff\xfename"));
        std::fs::write(odd, "odd").expect("there is room");
        let replaced = files.path().join("bad\u{fffd}\u{fffd}name");
        std::fs::write(replaced, "another").expect("there is room");
        self.dump(number, at, &[("db.sql", content)]).await;
        let trees = vec![Tree { disk: files.path().to_owned(), path: "files".to_owned() }];
        let trees = Trees { trees, ..Trees::default() };
        self.work(Work::ArchiveTrees { part: part(number, at), trees }).await;
        let manifest = manifest(number, at, content.len() as u64);
        let bytes = serde_json::to_vec(&manifest).expect("it is JSON");
        let Answer::Set { snapshot } = self.work(Work::WriteSet { part: part(number, at), manifest: bytes }).await
        else {
            panic!("it was asked for a set")
        };
        let snapshots = Some(self.snapshots_of(&snapshot.to_string()).await);
        let result = Ok(manifest.clone().without_values());
        let copy = CopyMade { repository: read("central"), result, snapshots };
        let asked = DataAction::Backup { to: [read("central")].into(), cause: Cause::Scheduled };
        self.hear(read(id(number).as_str()), asked, DataResult::Backup(vec![copy]), at).await;
        manifest
    }

    /// The snapshots of a set, as its agent reads them back.
    async fn snapshots_of(&self, set: &str) -> Snapshots {
        let Answer::Sets(sets) = self.work(Work::Sets).await else { panic!("it was asked for its sets") };
        let found = sets.sets.into_iter().find(|found| found.set.to_string() == set).expect("it is there");
        let part = |kind| {
            let part = found.parts.iter().find(|part| part.kind == kind)?;
            Some(read(&part.snapshot.to_string()))
        };
        Snapshots { set: read(set), dumps: part(Kind::Dumps), files: part(Kind::Files) }
    }

    /// Adds content as a host that no order asked: a whole backup with any id and time, or with a proof.
    pub async fn forge(&self, number: u32, at: Time, content: &[u8]) {
        let files = tempfile::tempdir().expect("a directory can be made");
        std::fs::write(files.path().join("note.txt"), "forged").expect("there is room");
        self.dump(number, at, &[("db.sql", content)]).await;
        let trees = vec![Tree { disk: files.path().to_owned(), path: "files".to_owned() }];
        let trees = Trees { trees, ..Trees::default() };
        self.work(Work::ArchiveTrees { part: part(number, at), trees }).await;
        let manifest = serde_json::to_vec(&manifest(number, at, content.len() as u64)).expect("it is JSON");
        self.work(Work::WriteSet { part: part(number, at), manifest }).await;
    }

    pub async fn forge_proof(&self, number: u32, at: Time) {
        let proof = Proof { at, host: read("lab-1"), took_ms: 7, bytes: 9, checks: Vec::new(), failure: None };
        let proof = serde_json::to_vec(&proof).expect("it is JSON");
        self.work(Work::WriteProof { part: part(number, at), proof }).await;
    }

    /// A drill of it that found nothing wrong.
    pub async fn prove(&self, number: u32) {
        let at = now();
        let proof = Proof {
            at,
            host: read("lab-1"),
            took_ms: 7,
            bytes: 9,
            checks: vec![DrillCheck::other("notes: 1 row")],
            failure: None,
        };
        let bytes = serde_json::to_vec(&proof).expect("it is JSON");
        self.work(Work::WriteProof { part: part(number, at), proof: bytes }).await;
        let from = BackupSource {
            repository: read("central"),
            instance: read("notes-1"),
            backup: id(number),
            snapshots: None,
        };
        let drill = DrillMade { repository: read("central"), backup: id(number), proof };
        let order = order_id(&["drill", &number.to_string()]);
        self.hear(order, DataAction::Drill { from, privileges: Default::default() }, DataResult::Drill(drill), at)
            .await;
    }

    /// The host carries out an order that was asked at a moment.
    async fn hear(&self, id: OrderId, asked: DataAction, made: DataResult, at: Time) {
        let (action, deadline) = (Action::Data(asked), Duration::from_secs(60));
        let order = Order { id: id.clone(), instance: read("notes-1"), action, deadline };
        let orders = vec![NewOrder { host: read("lab-1"), order, rollout: None }];
        self.turn(Plan { orders, ..Plan::default() }, at).await;
        let end = End { outcome: Outcome::Done, made: Some(Box::new(made)) };
        let host = read("lab-1");
        let heard = self.facts.hear_outcome(&host, id.clone(), read("notes-1"), end, now());
        heard.await.expect("it is its own");
        self.turn(Plan { closed: vec![id], ..Plan::default() }, now()).await;
    }

    async fn turn(&self, plan: Plan, at: Time) {
        let desired_revision = self.facts.read().desired_revision();
        self.facts.ask(plan, desired_revision, at, |_| {}).await.expect("the store is whole");
    }

    pub fn catalog(&self) -> BTreeMap<InstanceName, CopyOnWrite<Backups>> {
        self.facts.read().observed().backups.clone().into_owned()
    }

    pub fn kept(&self) -> Vec<BackupId> {
        let snapshot = self.facts.read();
        snapshot.observed().backups.values().flat_map(|backups| backups.keys()).map(|key| key.backup.clone()).collect()
    }

    /// The backups that the repository itself has.
    pub async fn sets(&self) -> Vec<String> {
        let Answer::Sets(sets) = self.work(Work::Sets).await else { panic!("it was asked for its sets") };
        let mut names: Vec<String> = sets.sets.into_iter().map(|set| set.backup.into()).collect();
        names.sort();
        names
    }

    pub async fn round(&self, at: Time) {
        self.repository_service.round(&mut BTreeMap::new(), at).await.expect("it can be looked after");
    }

    pub fn recorded_events(&self) -> Vec<EventKind> {
        self.facts.read().events().map(|event| event.kind.clone()).collect()
    }

    /// Returns the number of events about a kind of problem of a repository.
    pub fn recorded_problems(&self, is_meant: impl Fn(&RepositoryProblem) -> bool) -> usize {
        let is_meant = |kind: &EventKind| match kind {
            EventKind::Found(found) => match &**found {
                Problem::Repository { problem, .. } => is_meant(problem),
                _ => false,
            },
            _ => false,
        };
        self.recorded_events().iter().filter(|kind| is_meant(kind)).count()
    }

    /// Tells whether a problem of a repository is present.
    pub fn has_trouble(&self, is_meant: impl Fn(&RepositoryProblem) -> bool) -> bool {
        let troubles = self.repository_service.troubles().expect("they can be read");
        troubles.iter().any(|(.., problem)| is_meant(problem))
    }
}

pub fn part(number: u32, time: Time) -> Part {
    Part { backup: id(number), host: read("lab-1"), time }
}

pub fn release() -> Release {
    let digest = read(&format!("sha256:{:0>64}", "11"));
    Release { name: read("notes@1.1"), digest }
}

fn instance() -> InstanceDesired {
    InstanceDesired {
        host: read("lab-1"),
        release: release(),
        revision: 1,
        drift: DriftRule::Heal,
        power: PowerDesired { request: PowerRequest::Start, serial: 0 },
        removal: None,
        data: None,
        origin: None,
        created: Time(1000),
    }
}

fn policy() -> BackupPolicy {
    let text = r#"{"schedule":"@daily","keep":{"last":2},"max_age":"26h","to":["central"],"instances":["notes-1"]}"#;
    let mut policy: BackupPolicy = serde_json::from_str(text).expect("it is a policy");
    policy.keep = Keep { last: 2, ..Keep::default() };
    policy
}

pub fn manifest(number: u32, at: Time, bytes: u64) -> Manifest {
    let part = |store: &str, engine, kept| KeptPart {
        store: read(store),
        engine,
        kept,
        bytes,
        added: 1,
        took_ms: 1,
        counts: [("notes".to_owned(), Counted { low: 1, high: 1 })].into(),
        source: None,
        notes: Vec::new(),
    };
    let dump = Kept::Stream { path: "db.sql".to_owned(), sha256: "0".repeat(64) };
    let root = Root { from: "notes-1_data".to_owned(), path: "files".to_owned() };
    let files = Kept::Files { roots: vec![root], files: 1, sample: BTreeMap::new() };
    Manifest {
        format: Manifest::FORMAT,
        backup: id(number),
        instance: read("notes-1"),
        host: read("lab-1"),
        release: release(),
        revision: 1,
        cause: Cause::Scheduled,
        began: at,
        ended: at,
        values: [("password".to_owned(), "hunter2".to_owned())].into(),
        images: BTreeMap::new(),
        parts: vec![part("db", EngineKind::Postgresql, dump), part("uploads", EngineKind::Volume, files)],
        derivable: Vec::new(),
        uncovered: Vec::new(),
        beside: Vec::new(),
        side_files: Default::default(),
        holds: Vec::new(),
    }
}

/// Returns an open order to back up, as the reconcile loop gives it.
pub fn order(action: Action) -> Order {
    Order { id: order_id(&["open"]), instance: read("notes-1"), action, deadline: Duration::from_secs(60) }
}
