//! Container runtime without an Engine, for tests: a simulated host with memory, and with faults on request.
//!
//! **Invariant:** it refuses whatever an Engine would refuse: a name or port in use, a missing image, network or
//! volume, and the removal of something that runs or is in use.

mod data;
mod steps;
mod world;

pub use data::ToolFault;
pub use world::{Behaviour, Crash, FakeContainer, World};

use crate::runtime::{
    ActionEnd, ActionRunner, Changed, Containers, Disk, DumpStream, EngineVersion, ForeignContainer, HostStorage,
    ImageRegistry, Incoming, InputError, LogLine, LogRequest, LogStream, Note, Notes, Resolved, RootFound,
    RuntimeError, ToolRunner,
};
use fleet_core::app::HealthRules;
use fleet_core::backup::{HoldKind, Mounted, Store, Tool};
use fleet_core::health_problem::ProbeFailure;
use fleet_core::spec::{InstanceSpec, Switch, VolumeTarget};
use fleet_core::steps::gate::Observation;
use fleet_core::steps::{FoundProject, Step};
use fleet_core::upgrade_actions::ActionContainer;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::body::Bytes;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Container runtime of a simulated host; clones share it, and it outlives its agents.
#[derive(Debug, Clone)]
pub struct FakeRuntime {
    world: Arc<Mutex<World>>,
    changes: Arc<watch::Sender<u64>>,
    crashed: Arc<watch::Sender<bool>>,
}

impl Default for FakeRuntime {
    fn default() -> Self {
        let (changes, crashed) = (Arc::new(watch::Sender::new(0)), Arc::new(watch::Sender::new(false)));
        Self { world: Arc::default(), changes, crashed }
    }
}

impl FakeRuntime {
    /// The world, to look at it or to meddle with it.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the simulated host as a person would, so that the agent notices it.
    pub fn meddle<T>(&self, meddle: impl FnOnce(&mut World) -> T) -> T {
        let done = meddle(&mut self.world());
        self.changes.send_modify(|count| *count += 1);
        done
    }

    /// Waits until the agent has reached the step at which it was to crash.
    pub async fn crashed(&self) {
        // We hold the sender ourselves.
        let _ = self.crashed.subscribe().wait_for(|crashed| *crashed).await;
    }

    /// Lets the next agent live.
    pub fn forget_crash(&self) {
        self.world().crash = None;
        self.crashed.send_replace(false);
    }

    /// Does something that counts as a step: the agent may crash before or after it.
    async fn counted<T>(&self, act: impl FnOnce(&mut World) -> Result<T, RuntimeError>) -> Result<T, RuntimeError> {
        self.world().answers()?;
        let crash = self.world().count_step();
        if crash == Some(Crash::Before) {
            self.crash().await;
        }
        let done = act(&mut self.world());
        if crash == Some(Crash::After) {
            self.crash().await;
        }
        self.changes.send_modify(|count| *count += 1);
        done
    }

    fn tell_how_far(&self, step: &Step, notes: &Notes) {
        let Step::Pull { image } = step else { return };
        let far = self.world().pulled.get(image).copied();
        if let Some((done, total)) = far {
            notes.say(Note::Bytes { done, total });
        }
    }

    async fn crash(&self) {
        self.crashed.send_replace(true);
        std::future::pending::<()>().await;
    }
}

#[tonic::async_trait]
impl Containers for FakeRuntime {
    async fn look(&self, spec: &InstanceSpec) -> Result<FoundProject, RuntimeError> {
        self.world().answers()?;
        self.world().inspections += 1;
        Ok(self.world().found(spec))
    }

    async fn perform(&self, step: &Step, spec: &InstanceSpec, notes: &Notes) -> Result<(), RuntimeError> {
        self.world().answers()?;
        let crash = self.world().count_step();
        if crash == Some(Crash::Before) {
            self.crash().await;
        }
        let done = self.world().perform(step, spec);
        self.tell_how_far(step, notes);
        if crash == Some(Crash::After) {
            self.crash().await;
        }
        let mut changes = self.changes.subscribe();
        while self.world().hangs(step) {
            // We hold the sender ourselves.
            let _ = changes.changed().await;
        }
        self.changes.send_modify(|count| *count += 1);
        done
    }

    async fn observe(&self, spec: &InstanceSpec, health: &HealthRules) -> Result<Observation, RuntimeError> {
        self.world().answers()?;
        self.world().inspections += 1;
        Ok(self.world().observed(spec, health))
    }

    fn logs(&self, request: LogRequest) -> BoxStream<'static, Result<LogLine, RuntimeError>> {
        let service = request.service.clone();
        let line = move |number: u64| {
            let service = service.clone().unwrap_or_else(|| "web".to_owned());
            Ok(LogLine { service, stream: LogStream::Stdout, at: None, text: format!("line {number}") })
        };
        // A database without output.
        let is_silent = request.service.as_deref() == Some("db");
        let last = match request.follow {
            _ if is_silent => 0,
            Switch::On => u64::MAX,
            Switch::Off => u64::from(request.tail.unwrap_or(10)),
        };
        stream::iter(0..last).map(line).boxed()
    }

    async fn hold(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError> {
        self.counted(|world| world.hold(spec, service, kind)).await
    }

    async fn release(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError> {
        self.counted(|world| world.release(spec, service, kind)).await
    }

    async fn address(&self, _: &InstanceSpec, service: &str, _: u16) -> Result<SocketAddr, RuntimeError> {
        Err(RuntimeError::NoAddress {
            service: service.to_owned(),
            problem: ProbeFailure::NoAddress(service.to_owned()),
        })
    }

    fn changes(&self) -> BoxStream<'static, Changed> {
        let changes = self.changes.subscribe();
        stream::unfold(changes, |mut changes| async {
            changes.changed().await.ok()?;
            Some((Changed::Anything, changes))
        })
        .chain(stream::pending())
        .boxed()
    }

    async fn engine_version(&self) -> Result<EngineVersion, RuntimeError> {
        self.world().answers()?;
        Ok(EngineVersion { version: "fake".to_owned(), api: "1.41".to_owned(), id: self.world().engine_id.clone() })
    }
}

#[tonic::async_trait]
impl ToolRunner for FakeRuntime {
    async fn dump(&self, tool: &Tool, spec: &InstanceSpec) -> Result<DumpStream, RuntimeError> {
        let (fault, data) = self
            .counted(|world| {
                let fault = world.expect_tool(tool, spec)?;
                Ok((fault, world.data(&spec.project, tool.at.service()).unwrap_or_default().to_vec()))
            })
            .await?;
        let half = data.len() / 2;
        let (bytes, end) = match fault {
            None | Some(ToolFault::Missing) => (data, stream::empty().boxed()),
            Some(ToolFault::Empty) => (Vec::new(), stream::empty().boxed()),
            Some(ToolFault::CutsOff) => (data[..half].to_vec(), stream::empty().boxed()),
            Some(ToolFault::Hangs) => (data[..half].to_vec(), stream::pending().boxed()),
            Some(ToolFault::FailsHalfway) => (data[..half].to_vec(), stream::iter([Err(tool_failed(tool))]).boxed()),
        };
        let pieces: Vec<_> = bytes.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Ok(stream::iter(pieces).chain(end).boxed())
    }

    async fn load(&self, tool: &Tool, spec: &InstanceSpec, mut bytes: Incoming) -> Result<(), RuntimeError> {
        let fault = self.counted(|world| world.expect_tool(tool, spec)).await?;
        let mut read = Vec::new();
        while let Some(piece) = bytes.next().await {
            let broken = |error: InputError| RuntimeError::BrokenOff { task: tool.task.clone(), reason: error.0 };
            read.extend_from_slice(&piece.map_err(broken)?);
        }
        if fault == Some(ToolFault::Hangs) {
            std::future::pending::<()>().await;
        }
        let is_half = fault == Some(ToolFault::FailsHalfway);
        if is_half {
            // A failed load has damaged the data.
            read.truncate(read.len() / 2);
        }
        self.counted(|world| {
            world.set_data(&spec.project, tool.at.service(), read);
            if is_half { Err(tool_failed(tool)) } else { Ok(()) }
        })
        .await
    }

    async fn run_tool(&self, tool: &Tool, spec: &InstanceSpec) -> Result<String, RuntimeError> {
        self.counted(|world| {
            world.expect_tool(tool, spec)?;
            Ok(world.answer(tool, spec))
        })
        .await
    }

    async fn sweep_tools(&self, _: &InstanceSpec) -> Result<(), RuntimeError> {
        self.world().answers()
    }
}

#[tonic::async_trait]
impl ActionRunner for FakeRuntime {
    async fn create_action(&self, _: &ActionContainer, _: &InstanceSpec) -> Result<(), RuntimeError> {
        self.counted(|_| Ok(())).await
    }

    fn boot(&self) -> String {
        "fake".to_owned()
    }

    async fn finish_action(&self, _: &ActionContainer, _: Switch) -> Result<ActionEnd, RuntimeError> {
        self.counted(|_| Ok(ActionEnd::Exited { code: 0, output: String::new() })).await
    }

    async fn remove_actions(&self, _: &str) -> Result<(), RuntimeError> {
        self.world().answers()
    }
}

#[tonic::async_trait]
impl HostStorage for FakeRuntime {
    async fn mounted(&self, spec: &InstanceSpec) -> Result<Mounted, RuntimeError> {
        self.world().answers()?;
        Ok(self.world().mounted(spec))
    }

    async fn volume_devices(&self, spec: &InstanceSpec) -> Result<BTreeMap<String, Vec<VolumeTarget>>, RuntimeError> {
        self.world().answers()?;
        Ok(self.world().devices_of(spec))
    }

    async fn roots(&self, spec: &InstanceSpec, store: &Store) -> Result<Vec<RootFound>, RuntimeError> {
        self.world().answers()?;
        Ok(self.world().roots(spec, store))
    }

    async fn foreign_containers(
        &self,
        spec: &InstanceSpec,
        folders: &[PathBuf],
    ) -> Result<Vec<ForeignContainer>, RuntimeError> {
        self.world().answers()?;
        Ok(self.world().foreign_containers(spec, folders))
    }

    async fn disk_of(&self, _: Option<&Path>) -> Result<Disk, RuntimeError> {
        Ok(Disk { id: 1, free: 1 << 40 })
    }

    async fn disk_free(&self, _: &Path) -> Result<u64, RuntimeError> {
        Ok(1 << 40)
    }
}

#[tonic::async_trait]
impl ImageRegistry for FakeRuntime {
    async fn resolve(&self, image: &str) -> Result<Resolved, RuntimeError> {
        self.world().resolve(image)
    }
}

fn tool_failed(tool: &Tool) -> RuntimeError {
    RuntimeError::ToolFailed { task: tool.task.clone(), code: 1, words: ": it was told to fail".to_owned() }
}
