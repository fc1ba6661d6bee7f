//! Hands on a world whose volumes are folders, and whose database is a file with rows: what is dumped and loaded is real.

use crate::fake::FakeHands;
use crate::hands::{
    Changed, DumpStream, EngineVersion, Hands, HandsError, Incoming, LogLine, LogRequest, Notes, Resolved, RootFound,
};
use bytes::Bytes;
use fleet_core::app::Health;
use fleet_core::backup::{
    Engine, Files, HoldKind, MountFound, Mounted, MountedAt, MountedFrom, Owner, Server, Store, StoreKind, Tool,
    after_tools, count_tool, key_of, prepare_tools, ready_tool,
};
use fleet_core::spec::{Access, InstanceSpec, MountSource};
use fleet_core::steps::gate::Observation;
use fleet_core::steps::{ContainerState, Found, Step};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What goes wrong, once it is its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The tool ends with 137 after so many bytes.
    DumpKilled(usize),
    /// The Engine's own error comes as the dump, and the tool seems to have ended well.
    EngineErrorAsData,
    /// The stream ends early, and the tool seems to have ended well.
    Truncated(usize),
    Empty,
    /// Nothing more comes after so many bytes.
    Hangs(usize),
    DatabaseDown,
    ToolMissing,
    /// The volume with the uploads is removed while the dump is read.
    VolumeRemoved,
    LoadFails,
    /// What is loaded lacks a row.
    LoadLosesRow,
    /// A tool that was left cannot be ended.
    ToolStays,
}

#[derive(Debug, Default)]
pub struct Plan {
    pub fault: Option<Fault>,
    /// The call, counted from 1, at which the agent is frozen, to be killed.
    pub crash: Option<u64>,
    pub calls: u64,
}

#[derive(Debug, Clone)]
pub struct LabHands {
    pub fake: FakeHands,
    pub folder: PathBuf,
    plan: Arc<Mutex<Plan>>,
    crashed: Arc<watch::Sender<bool>>,
    pub free: Arc<Mutex<u64>>,
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
        engine: Engine::Postgresql(server),
        kind: StoreKind::Truth,
        stop: Vec::new(),
        pause: Vec::new(),
        checks: Vec::new(),
    }
}

impl LabHands {
    pub fn new(folder: &Path) -> Self {
        let (plan, crashed) = (Arc::default(), Arc::new(watch::Sender::new(false)));
        Self {
            fake: FakeHands::default(),
            folder: folder.join("volumes"),
            plan,
            crashed,
            free: Arc::new(Mutex::new(1 << 40)),
        }
    }

    pub fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn crashed(&self) {
        let _ = self.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }

    pub fn forget_crash(&self) {
        *self.plan() = Plan::default();
        self.crashed.send_replace(false);
    }

    /// One more call of the hands, or of a repository.
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

    pub async fn freeze(&self) {
        self.crashed.send_replace(true);
        std::future::pending::<()>().await;
    }

    pub fn volume(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("_data")
    }

    fn mirror(&self, step: &Step, spec: &InstanceSpec) {
        match step {
            Step::CreateVolume { volume } => std::fs::create_dir_all(self.volume(volume)).expect("made"),
            Step::RemoveVolume { volume } => drop(std::fs::remove_dir_all(self.folder.join(volume))),
            Step::Start { name } => {
                let container = spec.containers.iter().find(|it| it.name == *name);
                if let Some(data) = container.filter(|it| it.service == "db").and_then(|it| data_of(it, self))
                    && !data.join("rows").exists()
                {
                    std::fs::write(data.join("rows"), "").expect("a database is begun");
                }
            }
            _ => {}
        }
    }

    /// The database's folder, if it runs.
    fn database(&self, spec: &InstanceSpec, service: &str) -> Result<PathBuf, HandsError> {
        let container = spec.container(service).ok_or_else(|| not_there(service))?;
        let world = self.fake.world();
        let runs = world.containers.iter().any(|it| it.name == container.name && it.state == ContainerState::Running);
        if !runs || self.plan().fault == Some(Fault::DatabaseDown) {
            return Err(HandsError::NotRunning { container: container.name.clone() });
        }
        data_of(container, self).ok_or_else(|| not_there("data"))
    }

    fn dumped(&self, data: &Path) -> String {
        let rows = std::fs::read_to_string(data.join("rows")).unwrap_or_default();
        format!("--\n-- PostgreSQL database dump\n--\n\n{rows}--\n-- PostgreSQL database dump complete\n--\n\n")
    }
}

fn data_of(container: &fleet_core::spec::ContainerSpec, lab: &LabHands) -> Option<PathBuf> {
    container.mounts.iter().find_map(|mount| match &mount.source {
        MountSource::Volume(name) => Some(lab.volume(name)),
        _ => None,
    })
}

fn not_there(name: &str) -> HandsError {
    HandsError::NotThere { kind: "thing", name: name.to_owned() }
}

fn failed(code: i64, words: &str) -> HandsError {
    HandsError::ToolFailed { what: "the tool".to_owned(), code, words: words.to_owned() }
}

#[tonic::async_trait]
impl Hands for LabHands {
    async fn look(&self, spec: &InstanceSpec) -> Result<Found, HandsError> {
        self.fake.look(spec).await
    }

    async fn perform(&self, step: &Step, spec: &InstanceSpec, notes: &Notes) -> Result<(), HandsError> {
        self.call().await;
        let done = self.fake.perform(step, spec, notes).await;
        if done.is_ok() {
            self.mirror(step, spec);
        }
        self.call().await;
        done
    }

    async fn observe(&self, spec: &InstanceSpec, health: &Health) -> Result<Observation, HandsError> {
        self.fake.observe(spec, health).await
    }

    fn logs(&self, request: LogRequest) -> BoxStream<'static, Result<LogLine, HandsError>> {
        self.fake.logs(request)
    }

    /// What listens for a service in a test listens on this machine.
    async fn address(&self, _: &InstanceSpec, _: &str, port: u16) -> Result<SocketAddr, HandsError> {
        Ok(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    async fn resolve(&self, image: &str) -> Result<Resolved, HandsError> {
        self.fake.resolve(image).await
    }

    async fn engine_version(&self) -> Result<EngineVersion, HandsError> {
        self.fake.engine_version().await
    }

    fn changes(&self) -> BoxStream<'static, Changed> {
        self.fake.changes()
    }

    async fn disk_free(&self, _: &Path) -> Result<u64, HandsError> {
        Ok(*self.free.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn dump(&self, tool: &Tool, spec: &InstanceSpec) -> Result<DumpStream, HandsError> {
        self.call().await;
        let data = self.database(spec, tool.at.service())?;
        let fault = self.plan().fault.clone();
        if fault == Some(Fault::ToolMissing) {
            let (service, tool) = ("db".to_owned(), "pg_dump".to_owned());
            return Err(HandsError::NoTool { service, tool, detail: String::new() });
        }
        let text = self.dumped(&data);
        let cut = |at: usize| text.as_bytes()[..at.min(text.len().saturating_sub(1))].to_vec();
        if fault == Some(Fault::VolumeRemoved) {
            drop(std::fs::remove_dir_all(self.folder.join("oasis-1_uploads")));
            self.fake.world().volumes.remove("oasis-1_uploads");
        }
        let (bytes, end) = match fault {
            Some(Fault::DumpKilled(at)) => (cut(at), Some(Err(failed(137, ": killed")))),
            Some(Fault::EngineErrorAsData) => {
                let text = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"pg_dump\": \
                            executable file not found in $PATH: unknown";
                (text.into(), None)
            }
            Some(Fault::Truncated(at)) => (cut(at), None),
            Some(Fault::Empty) => (Vec::new(), None),
            Some(Fault::Hangs(at)) => {
                let first = stream::iter([Ok(Bytes::from(cut(at)))]);
                return Ok(first.chain(stream::pending()).boxed());
            }
            _ => (text.into_bytes(), None),
        };
        let lab = self.clone();
        let pieces: Vec<_> = bytes.chunks(700).map(|piece| Ok(Bytes::copy_from_slice(piece))).chain(end).collect();
        Ok(stream::iter(pieces)
            .then(move |piece| {
                let lab = lab.clone();
                async move {
                    lab.call().await;
                    piece
                }
            })
            .boxed())
    }

    async fn load(&self, tool: &Tool, spec: &InstanceSpec, mut bytes: Incoming) -> Result<(), HandsError> {
        self.call().await;
        let data = self.database(spec, tool.at.service())?;
        let mut text = Vec::new();
        while let Some(piece) = bytes.next().await {
            let piece = piece.map_err(|reason| HandsError::BrokenOff { what: "the tool".to_owned(), reason })?;
            text.extend_from_slice(&piece);
        }
        let fault = self.plan().fault.clone();
        if fault == Some(Fault::LoadFails) {
            return Err(failed(3, ": ERROR: syntax error"));
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut rows: Vec<&str> = text.lines().filter(|line| line.starts_with("row ")).collect();
        if fault == Some(Fault::LoadLosesRow) {
            rows.pop();
        }
        let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
        std::fs::write(data.join("rows.new"), rows).expect("written");
        self.call().await;
        Ok(())
    }

    async fn run_tool(&self, tool: &Tool, spec: &InstanceSpec) -> Result<String, HandsError> {
        self.call().await;
        let store = rows_store();
        let is = |other: Option<&Tool>| other.is_some_and(|other| other.argv == tool.argv);
        let data = self.database(spec, tool.at.service())?;
        if is(count_tool(&store).as_ref()) {
            let rows = std::fs::read_to_string(data.join("rows")).map_err(|_| failed(1, ": no database"))?;
            return Ok(format!("public.notes\t{}\n", rows.lines().count()));
        }
        if is(after_tools(&store).first()) {
            let done = std::fs::rename(data.join("rows.new"), data.join("rows"));
            return done.map(|()| String::new()).map_err(|_| failed(1, ": nothing was loaded"));
        }
        if is(prepare_tools(&store).first()) {
            drop(std::fs::remove_file(data.join("rows.new")));
            return Ok(String::new());
        }
        if is(ready_tool(&store).as_ref()) {
            return Ok("1\n".to_owned());
        }
        Err(failed(127, ": what is that?"))
    }

    async fn sweep_tools(&self, _: &InstanceSpec) -> Result<(), HandsError> {
        match self.plan().fault == Some(Fault::ToolStays) {
            true => Err(failed(1, ": it does not end")),
            false => Ok(()),
        }
    }

    async fn hold(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), HandsError> {
        self.call().await;
        let state = match kind {
            HoldKind::Stopped => ContainerState::Exited { code: 143 },
            HoldKind::Paused => ContainerState::Paused,
        };
        self.set(spec, service, state, ContainerState::Running);
        self.call().await;
        Ok(())
    }

    async fn release(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), HandsError> {
        self.call().await;
        let state = match kind {
            HoldKind::Stopped => ContainerState::Exited { code: 143 },
            HoldKind::Paused => ContainerState::Paused,
        };
        self.set(spec, service, ContainerState::Running, state);
        self.call().await;
        Ok(())
    }

    async fn mounted(&self, spec: &InstanceSpec) -> Result<Mounted, HandsError> {
        let mut mounted = Mounted::default();
        for container in &spec.containers {
            mounted.services.insert(container.service.clone());
            for mount in &container.mounts {
                let MountSource::Volume(name) = &mount.source else { continue };
                let at = MountedAt {
                    container: container.name.clone(),
                    image: container.image.clone(),
                    service: Some(container.service.clone()),
                    target: mount.target.clone(),
                    access: Access::ReadWrite,
                };
                let (source, owner) = (MountedFrom::Volume(name.clone()), Owner::Instance);
                mounted.mounts.push(MountFound { source, at: Some(at), owner });
            }
        }
        Ok(mounted)
    }

    async fn roots(&self, spec: &InstanceSpec, store: &Store) -> Result<Vec<RootFound>, HandsError> {
        let Engine::Volume(Files::Volume(wanted)) = &store.engine else { return Ok(Vec::new()) };
        let named = spec.volumes.iter().filter(|it| it.key == *wanted || it.name == *wanted);
        let found = named.filter(|it| self.fake.world().volumes.contains_key(&it.name));
        Ok(found
            .map(|it| RootFound { from: it.name.clone(), key: key_of(spec, &it.name), path: self.volume(&it.name) })
            .collect())
    }
}

impl LabHands {
    fn set(&self, spec: &InstanceSpec, service: &str, to: ContainerState, from: ContainerState) {
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
