//! An agent without a link on a host whose data can be looked at.

use super::keeping::Keeping;
use super::lab::LabRuntime;
use crate::agent_context::AgentContext;
use crate::bundles::Bundles;
use crate::ledger::{Ledger, LedgerHandle, LedgerWriter, OrderState};
use crate::link::OpenSet;
use crate::path_resolver::PathResolver;
use crate::perform::{Drifted, run};
use crate::policy::LivePolicy;
use crate::repositories::{self, Repositories};
use crate::status_board::StatusWriter;
use fleet_core::app::{Bundle, DataEffect};
use fleet_core::backup::{Kept, Manifest, Privileges};
use fleet_core::facts::DriftRule;
use fleet_core::names::InstanceName;
use fleet_core::order::{Action, End, Order, Outcome, order_id};
use fleet_core::release::{Goal, Release};
use fleet_core::steps::ContainerState;
use fleet_proto::convert::OutgoingOrder;
use fleet_repository::SetRecord;
use fleet_repository::client::ProgressSink;
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

const APP: &str = "
app: notes
values:
  password: { type: string, secret: true, required: true }
health: { minimum_healthy: 0s, deadline: 1s }
stores:
  rows: { engine: postgresql, kind: truth, service: db, database: notes, user: notes, data: /data }
  uploads: { engine: volume, kind: truth, volume: uploads, HOLDS }
";

const COMPOSE: &str = "
services:
  web:
    image: notes-web:1
    depends_on: [db]
    restart: always
    volumes: [\"uploads:/uploads\"]
  db:
    image: notes-db:1
    restart: unless-stopped
    environment: { PASSWORD: \"${PASSWORD}\" }
    volumes: [\"data:/data\"]
volumes:
  data: {}
  uploads: {}
";

pub fn instance() -> InstanceName {
    "oasis-1".parse().expect("a name")
}

pub struct Harness {
    _folder: tempfile::TempDir,
    pub path: PathBuf,
    pub lab: LabRuntime,
    pub keeping: Keeping,
    open: watch::Sender<Option<Arc<OpenSet>>>,
    pub deadline: Duration,
    bundle: Bundle,
    newer: Bundle,
    newest: Bundle,
}

pub struct Agent {
    pub context: Arc<AgentContext>,
    task: tokio::task::JoinSet<()>,
    _drifted: watch::Sender<Drifted>,
}

/// Data of the instance, which a backup must give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub rows: String,
    pub uploads: BTreeMap<String, Vec<u8>>,
}

impl Harness {
    /// Makes a harness with a running instance and data; `holds` are the services stopped for its files.
    pub async fn new(holds: &str) -> (Self, Agent) {
        Self::bare(holds).filled().await
    }

    async fn filled(self) -> (Self, Agent) {
        let agent = self.agent();
        let action = Action::Install { goal: self.goal(1) };
        assert_eq!(self.carry_out(&agent, action).await.outcome, Outcome::Done);
        self.set(&State::of("row 1\nrow 2\nrow 3\n", &[("a.txt", b"alpha"), ("deep/b.bin", &[7; 9000])]));
        (self, agent)
    }

    pub fn bare(holds: &str) -> Self {
        Self::with(holds, "")
    }

    /// Makes the same as `new`, with this graph in the releases after the first.
    pub async fn with_graph(graph: &str) -> (Self, Agent) {
        Self::with("", graph).filled().await
    }

    fn with(holds: &str, graph: &str) -> Self {
        // In memory, if available: these are thousands of small files, each flushed to disk.
        let shm = Path::new("/dev/shm");
        let folder = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder");
        let path = folder.path().to_owned();
        let app = APP.replace(", HOLDS", &if holds.is_empty() { String::new() } else { format!(", {holds}") });
        let bundles = path.join("agent/bundles");
        std::fs::create_dir_all(&bundles).expect("a folder");
        let [bundle, newer, newest] = [1, 2, 3].map(|version| {
            let compose = COMPOSE.replace("notes-web:1", &format!("notes-web:{version}"));
            let newer = format!("{}{graph}", app.replace("deadline: 1s", "deadline: 200ms"));
            let app = if version > 1 { newer } else { app.clone() };
            let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), compose.into())];
            let bundle = Bundle::new(files.into()).expect("the bundle is small");
            let name = bundle.digest().as_str().replace(':', "-");
            std::fs::write(bundles.join(name), bundle.encode()).expect("written");
            bundle
        });
        let bed_policy = path.join("policy.yaml");
        std::fs::write(bed_policy, format!("repositories: ['{}']\n", path.display())).expect("written");
        let lab = LabRuntime::new(&path);
        let keeping = Keeping::new(&path, &lab);
        let (open, deadline) = (watch::Sender::new(None), Duration::from_secs(60));
        Self { _folder: folder, path, lab, keeping, open, deadline, bundle, newer, newest }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.path.join("agent")
    }

    pub fn agent(&self) -> Agent {
        let (attention, _) = mpsc::unbounded_channel();
        let context = Arc::new(AgentContext {
            host: "lab-1".parse().expect("a name"),
            data_dir: self.data_dir(),
            ledger: LedgerHandle::new(LedgerWriter::open(&self.data_dir()).expect("the ledger opens"))
                .expect("a thread can be started"),
            runtime: Arc::new(self.lab.clone()),
            repositories: Repositories::new(Arc::new(self.keeping.clone()), PathBuf::new()),
            bundles: Bundles::new(self.data_dir().join("bundles"), watch::channel(None).1),
            renderer: fleet_render::Renderer::in_this_process(),
            status_writer: StatusWriter::default(),
            metrics: Arc::default(),
            policy: LivePolicy::open(&self.path.join("policy.yaml")),
            path_resolver: PathResolver::default(),
            attention,
        });
        let drifted = watch::Sender::new(Drifted::new());
        let mut task = tokio::task::JoinSet::new();
        task.spawn(run(Arc::clone(&context), self.open.subscribe(), drifted.subscribe()));
        Agent { context, task, _drifted: drifted }
    }

    pub fn goal(&self, revision: u64) -> Goal {
        let name = "notes@1".parse().expect("a release");
        Goal { release: Release { name, digest: self.bundle.digest() }, revision }
    }

    /// Upgrades to the second release, which migrates data when it starts.
    pub fn upgrade(&self, data: DataEffect, backup: &[&str]) -> Action {
        let goal = Goal { release: self.second(), revision: 1 };
        let backup = super::actions::names(backup);
        Action::Upgrade { from: self.goal(1).release, goal, through: Vec::new(), data, backup }
    }

    /// Upgrades through the second release to the third one, which migrates what the second one has made.
    pub fn upgrade_through(&self, data: DataEffect, backup: &[&str]) -> Action {
        let name = "notes@3".parse().expect("a release");
        let goal = Goal { release: Release { name, digest: self.newest.digest() }, revision: 1 };
        let (through, backup) = (vec![self.second()], super::actions::names(backup));
        Action::Upgrade { from: self.goal(1).release, goal, through, data, backup }
    }

    pub fn second(&self) -> Release {
        Release { name: "notes@2".parse().expect("a release"), digest: self.newer.digest() }
    }

    pub fn order_of(&self, instance: &InstanceName, action: Action, salt: &str) -> OutgoingOrder {
        let id = order_id(&[&format!("{action:?}"), instance.as_str(), salt]);
        let named = action.repositories(instance).into_iter();
        let access = named.map(|(name, of)| self.keeping.access(name.as_str(), of)).collect();
        let order = Order { id, instance: instance.clone(), action, deadline: self.deadline };
        let values = [("password".to_owned(), "s3cret".to_owned())].into();
        OutgoingOrder { order, values, drift: DriftRule::Heal, access, limit_rate: None }
    }

    pub fn order(&self, action: Action, salt: &str) -> OutgoingOrder {
        self.order_of(&instance(), action, salt)
    }

    pub fn ask(&self, orders: &[OutgoingOrder]) {
        let set = OpenSet { orders: orders.to_vec(), ..OpenSet::default() };
        self.open.send_replace(Some(Arc::new(set)));
    }

    pub async fn carry_out(&self, agent: &Agent, action: Action) -> End {
        self.carry_out_order(agent, &self.order(action, "")).await
    }

    pub async fn carry_out_order(&self, agent: &Agent, order: &OutgoingOrder) -> End {
        self.ask(std::slice::from_ref(order));
        let end = agent.end_of(order).await;
        self.ask(&[]);
        end
    }

    /// Returns the present data of the instance.
    pub fn state(&self) -> State {
        self.state_of("oasis-1")
    }

    pub fn state_of(&self, project: &str) -> State {
        let rows = std::fs::read_to_string(self.lab.volume(&format!("{project}_data")).join("rows"));
        State { rows: rows.unwrap_or_default(), uploads: files(&self.lab.volume(&format!("{project}_uploads"))) }
    }

    pub fn set(&self, state: &State) {
        std::fs::write(self.lab.volume("oasis-1_data").join("rows"), &state.rows).expect("written");
        let uploads = self.lab.volume("oasis-1_uploads");
        for name in files(&uploads).keys().filter(|name| !state.uploads.contains_key(*name)) {
            std::fs::remove_file(uploads.join(name)).expect("removed");
        }
        for (name, bytes) in &state.uploads {
            let path = uploads.join(name);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("made");
            if std::fs::read(&path).ok().as_ref() != Some(bytes) {
                std::fs::write(path, bytes).expect("written");
            }
        }
    }

    /// The services of the instance that run.
    pub fn running(&self) -> Vec<String> {
        let world = self.lab.fake.world();
        let of_project = world.containers.iter().filter(|it| it.project == "oasis-1");
        let running = of_project.filter(|it| it.state == ContainerState::Running);
        running.map(|it| it.service.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Asserts that nothing is stopped, left over or open.
    #[track_caller]
    pub fn check_calm(&self, about: &str) {
        assert_eq!(self.running(), ["db", "web"], "{about}");
        let world = self.lab.fake.world();
        assert_eq!(world.containers.len(), 2, "{about}: {:?}", world.containers);
        assert_eq!(world.networks.len(), 1, "{about}");
        assert_eq!(world.volumes.keys().collect::<Vec<_>>(), ["oasis-1_data", "oasis-1_uploads"], "{about}");
        drop(world);
        for volume in ["oasis-1_data", "oasis-1_uploads"] {
            let left: Vec<_> = std::fs::read_dir(self.lab.folder.join(volume)).expect("there").flatten().collect();
            assert_eq!(left.len(), 1, "{about}: something is left beside a volume's data: {left:?}");
        }
        let drills = std::fs::read_dir(self.data_dir().join("drills")).map(Iterator::count).unwrap_or(0);
        assert_eq!(drills, 0, "{about}: what a drill restored is left");
        let ledger = Ledger::look(&self.data_dir()).expect("the ledger is there");
        let open = ledger.orders().values().filter(|entry| matches!(entry.state, OrderState::Open(_))).count();
        assert_eq!(open, 0, "{about}: an order is open");
    }

    /// Returns the backups that a repository lists.
    pub async fn sets(&self, repository: &str) -> Vec<SetRecord> {
        let client = self.keeping.plainly(repository, &instance());
        repositories::sets(&client).await.expect("the repository can be read")
    }

    /// Restores a whole backup and returns its data.
    pub async fn restored(&self, repository: &str, set: &SetRecord) -> Result<State, String> {
        let manifest: Manifest = set.read_manifest().map_err(|error| error.to_string())?;
        let plain = self.keeping.plainly(repository, &instance());
        let scratch = tempfile::tempdir_in(&self.path).expect("a folder");
        let (mut rows, mut uploads) = (None, None);
        for part in &manifest.parts {
            match &part.kept {
                Kept::Stream { path, .. } => {
                    let mut stream = plain.read_stream_of(set, path).await.map_err(|error| error.to_string())?;
                    let mut bytes = Vec::new();
                    while let Some(piece) = stream.next().await {
                        bytes.extend_from_slice(&piece.map_err(|error| error.to_string())?);
                    }
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let lines = text.lines().filter(|line| line.starts_with("row "));
                    rows = Some(lines.map(|line| format!("{line}\n")).collect());
                }
                Kept::Files { roots, .. } => {
                    for root in roots {
                        let sink = ProgressSink::to(|_| ());
                        let restored =
                            plain.restore_files(set, (&root.path, scratch.path()), Privileges::Kept, &sink).await;
                        restored.map_err(|error| error.to_string())?;
                    }
                    uploads = Some(files(scratch.path()));
                }
            }
        }
        let rows = rows.ok_or("it has no rows")?;
        Ok(State { rows, uploads: uploads.ok_or("it has no uploads")? })
    }
}

impl State {
    pub fn of(rows: &str, uploads: &[(&str, &[u8])]) -> Self {
        let uploads = uploads.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        Self { rows: rows.to_owned(), uploads }
    }
}

/// Returns all files below a folder.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut line) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(path) = line.pop() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                line.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it is below").display().to_string();
                found.insert(name, std::fs::read(&path).expect("read"));
            }
        }
    }
    found
}

impl Agent {
    /// Ends the agent like `kill -9`.
    pub async fn kill(mut self) {
        self.task.shutdown().await;
        // A write that has begun continues, and holds the folder's lock meanwhile.
        self.context.ledger.close().await;
    }

    pub async fn end_of(&self, order: &OutgoingOrder) -> End {
        let mut status_board = self.context.status_writer.reader();
        let ended = status_board.wait_for(|status_board| status_board.ends.contains_key(&order.order.id));
        let ended = tokio::time::timeout(Duration::from_secs(300), ended).await;
        let status_board = ended.expect("the order ends in time").expect("the board is there");
        status_board.ends[&order.order.id].1.clone()
    }
}
