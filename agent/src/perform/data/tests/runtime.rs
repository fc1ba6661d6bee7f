//! Container runtime over that simulated host: the agent may be killed at each call.

use super::lab::{Fault, LabRuntime, failed, rows_store};
use crate::fake::FakeContainer;
use crate::runtime::{
    Changed, Containers, Disk, DumpStream, EngineVersion, ForeignContainer, HostStorage, ImageRegistry, Incoming,
    LogLine, LogRequest, Notes, Resolved, RootFound, RuntimeError, ToolRunner,
};
use bytes::Bytes;
use fleet_core::app::HealthRules;
use fleet_core::backup::{
    DatabaseEngine, HoldKind, MountFound, Mounted, MountedAt, MountedFrom, Owner, Store, Tool, after_tools, chosen,
    count_tool, key_of, note_tool, others_tool, prepare_tools, ready_tool, settled_tool, side_files_tool,
};
use fleet_core::failed_step::ToolTask;
use fleet_core::spec::{InstanceSpec, MountAccess, MountSource, VolumeTarget};
use fleet_core::steps::gate::Observation;
use fleet_core::steps::{ContainerState, FoundProject, Step};
use futures_util::stream::{self, BoxStream, StreamExt};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

#[tonic::async_trait]
impl Containers for LabRuntime {
    async fn look(&self, spec: &InstanceSpec) -> Result<FoundProject, RuntimeError> {
        self.call().await;
        self.fake.look(spec).await
    }

    async fn perform(&self, step: &Step, spec: &InstanceSpec, notes: &Notes) -> Result<(), RuntimeError> {
        self.call().await;
        if self.plan().fault == Some(Fault::StaysStill) && matches!(step, Step::Start { .. }) {
            return Err(failed(1, ": it does not start"));
        }
        self.refuse_start(step, spec)?;
        self.refuse_removal(step)?;
        let done = self.fake.perform(step, spec, notes).await;
        if done.is_ok() {
            self.mirror(step, spec);
            self.fill_from_image(step, spec);
            if self.plan().fault == Some(Fault::StartedAgain) && matches!(step, Step::Stop { .. }) {
                self.set(spec, "db", ContainerState::Running, ContainerState::Exited { code: 143 });
            }
        }
        self.call().await;
        done
    }

    async fn observe(&self, spec: &InstanceSpec, health: &HealthRules) -> Result<Observation, RuntimeError> {
        self.fake.observe(spec, health).await
    }

    fn logs(&self, request: LogRequest) -> BoxStream<'static, Result<LogLine, RuntimeError>> {
        self.fake.logs(request)
    }

    async fn hold(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError> {
        self.call().await;
        let state = match kind {
            HoldKind::Stopped => ContainerState::Exited { code: 143 },
            HoldKind::Paused => ContainerState::Paused,
        };
        self.set(spec, service, state, ContainerState::Running);
        self.call().await;
        Ok(())
    }

    async fn release(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError> {
        self.call().await;
        if self.plan().fault == Some(Fault::StaysStill) {
            self.plan().refused += 1;
            return Err(failed(1, ": it cannot be let go on"));
        }
        let state = match kind {
            HoldKind::Stopped => ContainerState::Exited { code: 143 },
            HoldKind::Paused => ContainerState::Paused,
        };
        self.set(spec, service, ContainerState::Running, state);
        self.call().await;
        Ok(())
    }

    /// Servers of a service in a test listen on this machine.
    async fn address(&self, _: &InstanceSpec, _: &str, port: u16) -> Result<SocketAddr, RuntimeError> {
        Ok(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn changes(&self) -> BoxStream<'static, Changed> {
        self.fake.changes()
    }

    async fn engine_version(&self) -> Result<EngineVersion, RuntimeError> {
        self.fake.engine_version().await
    }
}

#[tonic::async_trait]
impl ToolRunner for LabRuntime {
    async fn dump(&self, tool: &Tool, spec: &InstanceSpec) -> Result<DumpStream, RuntimeError> {
        self.call().await;
        self.take_time().await;
        let data = self.database(spec, tool.at.service())?;
        let fault = self.plan().fault.clone();
        if fault == Some(Fault::ToolMissing) {
            let (service, tool) = ("db".to_owned(), "pg_dump".to_owned());
            return Err(RuntimeError::NoTool { service, tool, detail: String::new() });
        }
        if fault == Some(Fault::AppStartsInDump) {
            self.set(spec, "web", ContainerState::Running, ContainerState::Exited { code: 143 });
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

    async fn load(&self, tool: &Tool, spec: &InstanceSpec, mut bytes: Incoming) -> Result<(), RuntimeError> {
        self.call().await;
        let data = self.database(spec, tool.at.service())?;
        let mut text = Vec::new();
        while let Some(piece) = bytes.next().await {
            let piece = piece
                .map_err(|error| RuntimeError::BrokenOff { task: ToolTask::other("the tool"), reason: error.0 })?;
            text.extend_from_slice(&piece);
        }
        let fault = self.plan().fault.clone();
        match fault {
            _ if self.plan().beginning > 0 => return Err(failed(2, ": the server ended")),
            Some(Fault::LoadFails) => return Err(failed(3, ": ERROR: syntax error")),
            Some(Fault::LoadKilled) => return Err(failed(137, "")),
            Some(Fault::LoadFillsDisk) => return Err(failed(1, ": could not extend file: No space left on device")),
            _ => {}
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

    async fn run_tool(&self, tool: &Tool, spec: &InstanceSpec) -> Result<String, RuntimeError> {
        self.call().await;
        let store = rows_store();
        let is = |other: Option<&Tool>| other.is_some_and(|other| other.argv == tool.argv);
        let data = self.database(spec, tool.at.service())?;
        if is(count_tool(&store).as_ref()) {
            let rows = std::fs::read_to_string(data.join("rows")).map_err(|_| failed(1, ": no database"))?;
            let counted = self.counted(&rows)?.map(|number| format!("{}\t{number}\n", hex("public.notes")));
            return Ok(counted.unwrap_or_default());
        }
        if is(note_tool(&store, None).as_ref()) {
            let rows = std::fs::read_to_string(data.join("rows")).map_err(|_| failed(1, ": no database"))?;
            let sum = hex(&format!("{} bytes", rows.len()));
            return Ok(format!("rows\t{}\t{}\t{sum}\n", hex("public.notes"), hex("all rows")));
        }
        if is(after_tools(&store).first()) {
            let done = std::fs::rename(data.join("rows.new"), data.join("rows"));
            return done.map(|()| String::new()).map_err(|_| failed(1, ": nothing was loaded"));
        }
        if is(prepare_tools(&store).first()) {
            drop(std::fs::remove_file(data.join("rows.new")));
            return Ok(String::new());
        }
        if is(others_tool(&store).as_ref()) {
            let beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let lines = beside.lines().filter_map(|line| line.split_once('\t'));
            return Ok(lines.map(|(kind, name)| format!("{kind}\t{}\n", hex(name))).collect());
        }
        if is(side_files_tool(&store).as_ref()) {
            return Ok(String::new());
        }
        if is(settled_tool(&store).as_ref()) {
            return Ok(format!("{}\n", self.which_server()));
        }
        if is(ready_tool(&store).as_ref()) {
            return Ok("1\n".to_owned());
        }
        if tool.argv == ["ask"] && self.plan().in_vain > 0 {
            self.plan().in_vain -= 1;
            return Err(failed(7, ": nobody listens"));
        }
        // A command that follows a restore has a limit around it.
        if tool.argv.last().is_some_and(|word| word == "ask") {
            return Ok("3\n".to_owned());
        }
        Err(failed(127, ": what is that?"))
    }

    async fn sweep_tools(&self, _: &InstanceSpec) -> Result<(), RuntimeError> {
        match self.plan().fault == Some(Fault::ToolStays) {
            true => Err(failed(1, ": it does not end")),
            false => Ok(()),
        }
    }
}

#[tonic::async_trait]
impl HostStorage for LabRuntime {
    async fn mounted(&self, spec: &InstanceSpec) -> Result<Mounted, RuntimeError> {
        self.call().await;
        Ok(self.all_mounted(spec))
    }

    async fn volume_devices(&self, spec: &InstanceSpec) -> Result<BTreeMap<String, Vec<VolumeTarget>>, RuntimeError> {
        self.call().await;
        Ok(self.fake.world().devices_of(spec))
    }

    async fn roots(&self, spec: &InstanceSpec, store: &Store) -> Result<Vec<RootFound>, RuntimeError> {
        self.call().await;
        let DatabaseEngine::Volume(files) = &store.engine else { return Ok(Vec::new()) };
        let mounted = self.all_mounted(spec);
        let root = |mount: &MountFound| match &mount.source {
            MountedFrom::Volume(name) => {
                let (key, path) = (key_of(spec, name), self.volume(name));
                Some(RootFound { from: name.clone(), key, path, mount: mount.clone() })
            }
            MountedFrom::Folder(_) => None,
        };
        Ok(chosen(files, spec, &mounted).into_iter().filter_map(root).collect())
    }

    async fn foreign_containers(
        &self,
        spec: &InstanceSpec,
        folders: &[PathBuf],
    ) -> Result<Vec<ForeignContainer>, RuntimeError> {
        self.call().await;
        let world = self.fake.world();
        let others = world.containers.iter().filter(|it| it.project != spec.project && it.state.is_alive());
        let has = |volume: &String| folders.iter().find(|it| self.volume(volume).starts_with(it)).cloned();
        let foreign_container = |it: &FakeContainer| {
            let folder = it.volumes.iter().find_map(has)?;
            Some(ForeignContainer { container: it.name.clone(), folder })
        };
        Ok(others.filter_map(foreign_container).collect())
    }

    async fn disk_of(&self, path: Option<&Path>) -> Result<Disk, RuntimeError> {
        self.call().await;
        let disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = |(folder, _): &&(PathBuf, Disk)| path.is_some_and(|path| path.starts_with(folder));
        let free = *self.free.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(disks.iter().find(is_there).map_or(Disk { id: 0, free }, |(_, disk)| *disk))
    }

    async fn disk_free(&self, _: &Path) -> Result<u64, RuntimeError> {
        Ok(*self.free.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[tonic::async_trait]
impl ImageRegistry for LabRuntime {
    async fn resolve(&self, image: &str) -> Result<Resolved, RuntimeError> {
        self.fake.resolve(image).await
    }
}

impl LabRuntime {
    /// Returns the mounts of the spec's containers and the volumes that came later, by name.
    fn all_mounted(&self, spec: &InstanceSpec) -> Mounted {
        let mut mounted = Mounted::default();
        let volumes: Vec<String> = self.fake.world().volumes.keys().cloned().collect();
        for container in &spec.containers {
            mounted.services.insert(container.service.clone());
            for mount in &container.mounts {
                let MountSource::Volume(name) = &mount.source else { continue };
                let at = MountedAt {
                    container: container.name.clone(),
                    image: container.image.clone(),
                    service: Some(container.service.clone()),
                    target: mount.target.clone(),
                    access: MountAccess::ReadWrite,
                };
                if volumes.contains(name) {
                    let (source, owner) = (MountedFrom::Volume(name.clone()), Owner::Instance);
                    mounted.mounts.push(MountFound { source, at: Some(at), owner, devices: Vec::new() });
                }
            }
        }
        let is_later = |name: &&String| {
            let is_of_spec = spec.volumes.iter().any(|volume| volume.name == **name);
            !is_of_spec && name.starts_with(&format!("{}_", spec.project))
        };
        // Volumes made by hand belong to no project.
        let others = volumes.iter().filter(|name| name.starts_with("nobody_")).map(|name| {
            let devices = self.fake.world().devices.get(name).cloned().unwrap_or_default();
            MountFound { source: MountedFrom::Volume(name.clone()), at: None, owner: Owner::Nobody, devices }
        });
        mounted.mounts.extend(others.collect::<Vec<_>>());
        let later = volumes.iter().filter(is_later).map(|name| MountedFrom::Volume(name.clone()));
        let owner = Owner::Instance;
        mounted.mounts.extend(later.map(|source| MountFound { source, at: None, owner, devices: Vec::new() }));
        mounted
    }
}

/// A name as databases print it.
fn hex(name: &str) -> String {
    data_encoding::HEXLOWER.encode(name.as_bytes())
}
