//! Container runtime whose volumes are folders, and whose database is a file with rows: dumps and loads are real.

use super::lab_actions::LabAction;
use crate::fake::FakeRuntime;
use crate::runtime::{Disk, RuntimeError};
use fleet_core::backup::{DatabaseEngine, Privileges, Server, Store, StoreKind};
use fleet_core::failed_step::ToolTask;
use fleet_core::spec::{InstanceSpec, MountSource, Restart};
use fleet_core::steps::{ContainerState, Step};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Images that migrate the data when they start, each with the words of rows that it finds and makes, and its schema.
const MIGRATING: [(&str, &str, &str, &str); 2] =
    [("notes-web:2", "row ", "migrated ", "2"), ("notes-web:3", "migrated ", "finished ", "3")];

/// Fault at its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The tool is killed (exit code 137) after that many bytes.
    DumpKilled(usize),
    /// The Engine's own error comes as the dump, and the tool seems to have ended well.
    EngineErrorAsData,
    /// The stream ends early, and the tool seems to have ended well.
    Truncated(usize),
    Empty,
    /// Nothing more comes after that many bytes.
    Hangs(usize),
    DatabaseDown,
    ToolMissing,
    /// The volume with the uploads is removed while the dump is read.
    VolumeRemoved,
    LoadFails,
    LoadKilled,
    LoadFillsDisk,
    /// The app ends where its database is empty.
    AppWantsRows,
    /// The app does not start, once.
    AppFailsOnce,
    /// The loaded data lacks a row.
    LoadLosesRow,
    /// A tool that was left cannot be ended.
    ToolStays,
    /// The command of an action ends with an error.
    ActionFails,
    /// The container of an action is removed while it runs.
    ActionRemoved,
    /// Something starts the app beside an action.
    AppStartsInAction,
    /// Something starts the app while its database is dumped.
    AppStartsInDump,
    /// Something starts the database again when it is stopped.
    StartedAgain,
    /// The database is not counted.
    CountFails,
    /// A stopped service can neither be resumed nor started.
    StaysStill,
}

/// Loss by a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The last row.
    Row,
    /// The table, as its counter sees it.
    Table,
    /// The answer of the counter.
    Answer,
}

#[derive(Debug, Default)]
pub struct Plan {
    pub fault: Option<Fault>,
    /// The call, counted from 1, at which the agent is frozen, to be killed.
    pub crash: Option<u64>,
    pub calls: u64,
    /// The server that answers so often is one that only begins the database.
    pub beginning: u32,
    /// The app's own question is asked so often before it is answered.
    pub in_vain: u32,
    /// Delay before a dump, and before files are read.
    pub slow: Option<Duration>,
    /// For each start of the release that migrates: whether there were copies of all data.
    pub had_copies: Vec<bool>,
    /// Words of the actions that were run.
    pub acted: Vec<String>,
    /// True if the copies vanish when the release that migrates has started.
    pub removes_copies: bool,
    /// Number of refused resumes and removals.
    pub refused: u64,
    /// Number of removals of sandbox parts that are refused.
    pub stays: u32,
    /// Options with which each tree was restored.
    pub privileges: Vec<Privileges>,
}

#[derive(Debug, Clone)]
pub struct LabRuntime {
    pub fake: FakeRuntime,
    pub folder: PathBuf,
    plan: Arc<Mutex<Plan>>,
    crashed: Arc<watch::Sender<bool>>,
    pub free: Arc<Mutex<u64>>,
    /// Disks of their own, by the folder that is on them.
    pub disks: Arc<Mutex<Vec<(PathBuf, Disk)>>>,
    /// Loss by each migration.
    pub loss: Arc<Mutex<Option<Loss>>>,
    /// Number of times that the power went.
    pub boots: Arc<AtomicU32>,
    /// Containers of actions, by name.
    pub actions: Arc<Mutex<BTreeMap<String, LabAction>>>,
    /// Other databases that the server reports.
    pub beside: Arc<Mutex<String>>,
}

/// The database as app.yaml declares it.
pub fn rows_store() -> Store {
    let text = |text: &str| Some(text.to_owned());
    let server = Server {
        service: "db".to_owned(),
        database: text("notes"),
        user: text("notes"),
        password: None,
        data: "/data".to_owned(),
    };
    Store {
        engine: DatabaseEngine::Postgresql(server),
        kind: StoreKind::Truth,
        stop: Vec::new(),
        pause: Vec::new(),
        checks: Vec::new(),
    }
}

impl LabRuntime {
    pub fn new(folder: &Path) -> Self {
        let (plan, crashed) = (Arc::default(), Arc::new(watch::Sender::new(false)));
        Self {
            fake: FakeRuntime::default(),
            folder: folder.join("volumes"),
            plan,
            crashed,
            free: Arc::new(Mutex::new(1 << 40)),
            disks: Arc::default(),
            loss: Arc::default(),
            boots: Arc::default(),
            actions: Arc::default(),
            beside: Arc::default(),
        }
    }

    pub fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loss(&self) -> Option<Loss> {
        *self.loss.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the rows as the server prints their number. Rows that are as the first release made them were not migrated.
    pub fn counted(&self, rows: &str) -> Result<Option<usize>, RuntimeError> {
        let loss = self.loss().filter(|_| !rows.starts_with("row "));
        match loss {
            Some(Loss::Table) => Ok(None),
            Some(Loss::Answer) => Err(failed(1, ": it does not count")),
            Some(Loss::Row) | None if self.plan().fault == Some(Fault::CountFails) => Err(failed(1, ": no count")),
            Some(Loss::Row) | None => Ok(Some(rows.lines().count())),
        }
    }

    pub async fn crashed(&self) {
        let _ = self.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }

    pub fn forget_crash(&self) {
        *self.plan() = Plan::default();
        self.crashed.send_replace(false);
    }

    /// Counts a call of the container runtime or of a repository.
    pub async fn call(&self) {
        let is_crash = {
            let mut plan = self.plan();
            plan.calls += 1;
            plan.crash == Some(plan.calls)
        };
        if is_crash {
            self.freeze().await;
        }
    }

    pub async fn take_time(&self) {
        let slow = self.plan().slow;
        if let Some(slow) = slow {
            tokio::time::sleep(slow).await;
        }
    }

    pub async fn freeze(&self) {
        self.crashed.send_replace(true);
        std::future::pending::<()>().await;
    }

    pub fn volume(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("_data")
    }

    pub fn mirror(&self, step: &Step, spec: &InstanceSpec) {
        match step {
            Step::CreateVolume { volume } => std::fs::create_dir_all(self.volume(volume)).expect("made"),
            Step::RemoveVolume { volume } => drop(std::fs::remove_dir_all(self.folder.join(volume))),
            Step::Start { name } => {
                let container = spec.containers.iter().find(|it| it.name == *name);
                container.into_iter().for_each(|it| self.migrate(&it.image));
                if let Some(data) = container.filter(|it| it.service == "db").and_then(|it| data_of(it, self))
                    && !data.join("rows").exists()
                {
                    std::fs::write(data.join("rows"), "").expect("a database is begun");
                }
            }
            _ => {}
        }
    }

    /// Does what a release with this image does to the data when it starts.
    pub fn migrate(&self, image: &str) {
        let Some((_, found, made, schema)) = MIGRATING.iter().find(|(migrating, ..)| image == *migrating) else {
            return;
        };
        let (rows, uploads) = (self.volume("oasis-1_data").join("rows"), self.volume("oasis-1_uploads"));
        let copies = [&rows, &uploads].map(|path| {
            let beside = std::fs::read_dir(path.ancestors().find(|it| it.ends_with("_data")).and_then(Path::parent)?);
            beside.ok()?.flatten().find(|it| it.file_name().to_string_lossy().contains(".point-"))
        });
        self.plan().had_copies.push(copies.iter().all(Option::is_some));
        if self.plan().removes_copies {
            copies.iter().flatten().for_each(|copy| std::fs::remove_dir_all(copy.path()).expect("removed"));
        }
        let before = std::fs::read_to_string(&rows).unwrap_or_default();
        let kept = if self.loss() == Some(Loss::Row) { before.lines().count().saturating_sub(1) } else { usize::MAX };
        let after: String = before.replace(found, made).split_inclusive('\n').take(kept).collect();
        std::fs::write(&rows, after).expect("written");
        std::fs::write(uploads.join("schema"), schema).expect("written");
    }

    /// Cuts the power: what the Engine starts by itself runs afterwards, and nothing else.
    pub fn cut_power(&self) {
        let mut started = Vec::new();
        // Those that were stopped (143) stay so.
        let ran = |state| !matches!(state, ContainerState::Created | ContainerState::Exited { code: 143 });
        for it in self.fake.world().containers.iter_mut().filter(|it| ran(it.state)) {
            match it.restart {
                Restart::Always | Restart::UnlessStopped => started.push(it.image.clone()),
                Restart::No | Restart::OnFailure { .. } => it.state = ContainerState::Exited { code: 137 },
            }
        }
        started.iter().for_each(|image| self.migrate(image));
        self.cut_power_of_actions();
    }

    /// The database's folder, if it runs.
    pub fn database(&self, spec: &InstanceSpec, service: &str) -> Result<PathBuf, RuntimeError> {
        let container = spec.container(service).ok_or_else(|| not_there(service))?;
        let world = self.fake.world();
        let runs = world.containers.iter().any(|it| it.name == container.name && it.state == ContainerState::Running);
        if !runs || self.plan().fault == Some(Fault::DatabaseDown) {
            return Err(RuntimeError::NotRunning { container: container.name.clone() });
        }
        data_of(container, self).ok_or_else(|| not_there("data"))
    }

    pub fn dumped(&self, data: &Path) -> String {
        let rows = std::fs::read_to_string(data.join("rows")).unwrap_or_default();
        let rows = format!(
            "-- Data for Name: notes; Type: TABLE DATA\n--\n\nCOPY public.notes (line) FROM stdin;\n{rows}\\.\n\n"
        );
        format!("--\n-- PostgreSQL database dump\n--\n\n{rows}--\n-- PostgreSQL database dump complete\n--\n\n")
    }
}

fn data_of(container: &fleet_core::spec::ContainerSpec, lab: &LabRuntime) -> Option<PathBuf> {
    container.mounts.iter().find_map(|mount| match &mount.source {
        MountSource::Volume(name) => Some(lab.volume(name)),
        _ => None,
    })
}

fn not_there(name: &str) -> RuntimeError {
    RuntimeError::NotThere { kind: "thing", name: name.to_owned() }
}

pub fn failed(code: i64, words: &str) -> RuntimeError {
    RuntimeError::ToolFailed { task: ToolTask::other("the tool"), code, words: words.to_owned() }
}

impl LabRuntime {
    pub fn set(&self, spec: &InstanceSpec, service: &str, to: ContainerState, from: ContainerState) {
        let mut world = self.fake.world();
        for it in world.containers.iter_mut().filter(|it| it.project == spec.project && it.service == service) {
            if it.state == from
                || matches!((it.state, from), (ContainerState::Exited { .. }, ContainerState::Exited { .. }))
            {
                it.state = to;
            }
        }
    }

    pub fn is_paused(&self) -> bool {
        self.fake.world().containers.iter().any(|it| it.state == ContainerState::Paused)
    }

    pub async fn until_paused(&self) {
        let paused = async {
            while !self.is_paused() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), paused).await.expect("a service stands still");
    }
}
