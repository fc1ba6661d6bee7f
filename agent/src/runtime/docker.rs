//! Runtime that uses a Docker Engine, or Podman's compatible socket, through bollard.
//!
//! **Invariant:** containers are stopped and removed by their ids, and only if `look` found them with the instance's
//! labels. An object with our name or project but without our labels is refused, and never changed.

mod action;
mod changes;
mod container;
mod create;
mod engine;
mod engine_messages;
mod foreign;
mod hold;
mod inspect;
mod logs;
mod mounted;
mod network;
mod observe;
mod pull;
mod tool;
mod volume;

pub use engine::Limits;
pub use engine_messages::{EngineErrorKind, PullErrorKind};

use super::{
    ActionEnd, ActionRunner, Changed, Containers, Disk, DumpStream, EngineVersion, ForeignContainer, HostStorage,
    ImageRegistry, Incoming, LogLine, LogRequest, Notes, Resolved, RootFound, RuntimeError, ToolRunner, files,
};
use engine::DockerEngine;
use fleet_core::app::HealthRules;
use fleet_core::backup::{HoldKind, Mounted, Store, Tool};
use fleet_core::spec::{ContainerSpec, InstanceSpec, NetworkSpec, Switch, VolumeSpec, VolumeTarget, check_engine_name};
use fleet_core::steps::gate::Observation;
use fleet_core::steps::{FoundProject, Step};
use fleet_core::upgrade_actions::ActionContainer;
use futures_util::stream::BoxStream;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Default address of the Engine.
pub const DEFAULT_SOCKET: &str = "unix:///var/run/docker.sock";

/// Number of this run of the kernel.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// One Engine; clones share the connection.
#[derive(Debug, Clone)]
pub struct DockerRuntime {
    engine: Arc<DockerEngine>,
}

impl DockerRuntime {
    /// The runtime of the Engine behind `unix:///a/socket`. Nothing is connected yet: an Engine may come later than its agent.
    pub fn new(socket: &str, limits: Limits) -> Self {
        Self { engine: Arc::new(DockerEngine::new(socket, limits)) }
    }
}

#[tonic::async_trait]
impl Containers for DockerRuntime {
    async fn look(&self, spec: &InstanceSpec) -> Result<FoundProject, RuntimeError> {
        inspect::look(&self.engine, spec).await
    }

    async fn perform(&self, step: &Step, spec: &InstanceSpec, notes: &Notes) -> Result<(), RuntimeError> {
        let engine = &self.engine;
        refuse_bad_name(step, spec)?;
        match step {
            Step::Pull { image } => pull::pull(engine, image, notes).await,
            Step::ExpectNetwork { network } => network::expect(engine, network).await,
            Step::ExpectVolume { volume } => volume::expect(engine, spec, volume).await,
            Step::WriteFiles { write, remove } => files::write_files(spec, write, remove).await,
            Step::CreateNetwork { network } => network::create(engine, network_of(spec, network)?, spec).await,
            Step::CreateVolume { volume } => volume::create(engine, volume_of(spec, volume)?, spec).await,
            Step::Create { service, name, keeps } => {
                container::create(engine, spec, container_of(spec, service)?, name, keeps).await
            }
            Step::Stop { name, id, grace } => container::stop(engine, name, id, grace.as_duration()).await,
            Step::RemoveContainer { name, id } => container::remove(engine, name, id).await,
            Step::Rename { from, name } => container::rename(engine, spec, from, name).await,
            Step::SetRestart { name, id, restart } => container::set_restart(engine, name, id, *restart).await,
            Step::Start { name } => container::start(engine, spec, name).await,
            Step::AwaitHealthy { name, limit } => container::await_healthy(engine, name, limit.as_duration()).await,
            Step::AwaitExit { name, limit } => container::await_exit(engine, name, limit.as_duration()).await,
            // The caller uses `observe` until the gate decides.
            Step::Gate => Ok(()),
            Step::RemoveNetwork { network } => network::remove(engine, network, spec).await,
            Step::RemoveVolume { volume } => volume::remove(engine, spec, volume).await,
        }
    }

    async fn observe(&self, spec: &InstanceSpec, health: &HealthRules) -> Result<Observation, RuntimeError> {
        observe::observe(&self.engine, spec, health).await
    }

    fn logs(&self, request: LogRequest) -> BoxStream<'static, Result<LogLine, RuntimeError>> {
        logs::logs(Arc::clone(&self.engine), request)
    }

    async fn hold(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError> {
        hold::hold(&self.engine, spec, service, kind).await
    }

    async fn release(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError> {
        hold::release(&self.engine, spec, service, kind).await
    }

    async fn address(&self, spec: &InstanceSpec, service: &str, port: u16) -> Result<SocketAddr, RuntimeError> {
        observe::address_of(&self.engine, spec, service, port).await
    }

    fn changes(&self) -> BoxStream<'static, Changed> {
        changes::changes(Arc::clone(&self.engine))
    }

    async fn engine_version(&self) -> Result<EngineVersion, RuntimeError> {
        self.engine.version().await
    }
}

#[tonic::async_trait]
impl ToolRunner for DockerRuntime {
    async fn dump(&self, tool: &Tool, spec: &InstanceSpec) -> Result<DumpStream, RuntimeError> {
        tool::dump(Arc::clone(&self.engine), tool, spec).await
    }

    async fn load(&self, tool: &Tool, spec: &InstanceSpec, bytes: Incoming) -> Result<(), RuntimeError> {
        tool::load(Arc::clone(&self.engine), tool, spec, bytes).await
    }

    async fn run_tool(&self, tool: &Tool, spec: &InstanceSpec) -> Result<String, RuntimeError> {
        tool::answer(Arc::clone(&self.engine), tool, spec).await
    }

    async fn sweep_tools(&self, spec: &InstanceSpec) -> Result<(), RuntimeError> {
        tool::sweep(&self.engine, spec).await
    }
}

#[tonic::async_trait]
impl ActionRunner for DockerRuntime {
    async fn create_action(&self, action: &ActionContainer, spec: &InstanceSpec) -> Result<(), RuntimeError> {
        action::create(&self.engine, action, spec).await
    }

    fn boot(&self) -> String {
        std::fs::read_to_string(BOOT_ID).map(|text| text.trim().to_owned()).unwrap_or_default()
    }

    async fn finish_action(&self, action: &ActionContainer, starts: Switch) -> Result<ActionEnd, RuntimeError> {
        action::finish(&self.engine, action, starts).await
    }

    async fn remove_actions(&self, project: &str) -> Result<(), RuntimeError> {
        action::remove_all(&self.engine, project).await
    }
}

#[tonic::async_trait]
impl HostStorage for DockerRuntime {
    async fn mounted(&self, spec: &InstanceSpec) -> Result<Mounted, RuntimeError> {
        mounted::mounted(&self.engine, spec).await
    }

    async fn volume_devices(&self, spec: &InstanceSpec) -> Result<BTreeMap<String, Vec<VolumeTarget>>, RuntimeError> {
        volume::devices(&self.engine, spec).await
    }

    async fn roots(&self, spec: &InstanceSpec, store: &Store) -> Result<Vec<RootFound>, RuntimeError> {
        mounted::roots(&self.engine, spec, store).await
    }

    async fn foreign_containers(
        &self,
        spec: &InstanceSpec,
        folders: &[PathBuf],
    ) -> Result<Vec<ForeignContainer>, RuntimeError> {
        foreign::foreign_containers(&self.engine, spec, folders).await
    }

    async fn disk_of(&self, path: Option<&Path>) -> Result<Disk, RuntimeError> {
        let engine = match path {
            Some(_) => None,
            None => self.engine.data_directory().await,
        };
        files::disk_of(path.unwrap_or(Path::new(engine.as_deref().unwrap_or("/"))))
    }

    async fn disk_free(&self, path: &Path) -> Result<u64, RuntimeError> {
        let here = files::disk_free(path)?;
        let engine = self.engine.data_directory().await.and_then(|path| files::disk_free(Path::new(&path)).ok());
        Ok(engine.map_or(here, |engine| engine.min(here)))
    }
}

#[tonic::async_trait]
impl ImageRegistry for DockerRuntime {
    async fn resolve(&self, image: &str) -> Result<Resolved, RuntimeError> {
        pull::resolve(&self.engine, image).await
    }
}

/// Refuses a step that would give the Engine a name with another meaning, such as a network `container:ID`.
fn refuse_bad_name(step: &Step, spec: &InstanceSpec) -> Result<(), RuntimeError> {
    let bad = match step {
        Step::ExpectNetwork { network: name }
        | Step::CreateNetwork { network: name }
        | Step::ExpectVolume { volume: name }
        | Step::CreateVolume { volume: name } => Some(name.as_str()).zip(check_engine_name(name).err()),
        Step::Create { .. } => spec.bad_engine_name(),
        Step::Pull { .. }
        | Step::WriteFiles { .. }
        | Step::Stop { .. }
        | Step::RemoveContainer { .. }
        | Step::Rename { .. }
        | Step::SetRestart { .. }
        | Step::Start { .. }
        | Step::AwaitHealthy { .. }
        | Step::AwaitExit { .. }
        | Step::Gate
        | Step::RemoveNetwork { .. }
        | Step::RemoveVolume { .. } => None,
    };
    match bad {
        Some((name, reason)) => Err(RuntimeError::BadName { name: name.to_owned(), reason }),
        None => Ok(()),
    }
}

fn container_of<'a>(spec: &'a InstanceSpec, service: &str) -> Result<&'a ContainerSpec, RuntimeError> {
    let wrong = || RuntimeError::NotInSpec { kind: "service", name: service.to_owned() };
    spec.container(service).ok_or_else(wrong)
}

fn network_of<'a>(spec: &'a InstanceSpec, name: &str) -> Result<&'a NetworkSpec, RuntimeError> {
    let wrong = || RuntimeError::NotInSpec { kind: "network", name: name.to_owned() };
    spec.networks.iter().find(|network| network.name == name).ok_or_else(wrong)
}

fn volume_of<'a>(spec: &'a InstanceSpec, name: &str) -> Result<&'a VolumeSpec, RuntimeError> {
    let wrong = || RuntimeError::NotInSpec { kind: "volume", name: name.to_owned() };
    spec.volumes.iter().find(|volume| volume.name == name).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::claims::{BareInstance, Claims};

    #[tokio::test]
    async fn a_name_with_another_meaning_never_reaches_the_engine() {
        // A caller of this Engine would get the error that it cannot be reached.
        let runtime = DockerRuntime::new("/nowhere/docker.sock", Limits::default());
        let (instance, host) = ("oasis-1".parse().expect("a name"), "lab-1".parse().expect("a name"));
        for bad in ["container:0123456789ab", "host", "none", "bridge", "default", "ns:/proc/1/ns/net"] {
            let names = || [bad.to_owned()].into();
            let claims = Claims { containers: ["web".to_owned()].into(), networks: names(), ..Claims::default() };
            let place = BareInstance { instance: &instance, host: &host, working_dir: "/nowhere" };
            let spec = claims.bare_spec(&place);
            let create = Step::Create { service: "web".to_owned(), name: "web".to_owned(), keeps: Vec::new() };
            for step in [
                Step::ExpectNetwork { network: bad.to_owned() },
                Step::CreateNetwork { network: bad.to_owned() },
                Step::ExpectVolume { volume: bad.to_owned() },
                Step::CreateVolume { volume: bad.to_owned() },
                create,
            ] {
                let refused = runtime.perform(&step, &spec, &Notes::unheard()).await;
                assert!(matches!(refused, Err(RuntimeError::BadName { .. })), "{bad}: {step}: {refused:?}");
            }
        }
    }
}
