//! The hands that drive a Docker Engine (or Podman's socket that speaks its language) through bollard.
//!
//! **Invariant:** containers are stopped and removed by their ids, and only those that `look` found under the project's
//! label; what has our name but not our labels is refused.

mod changes;
mod container;
mod create;
mod engine;
mod logs;
mod look;
mod network;
mod observe;
mod port;
mod pull;
mod reference;
mod volume;

pub use engine::Limits;

use super::{Changed, EngineVersion, Hands, HandsError, LogLine, LogRequest, Notes, Resolved, files};
use engine::Engine;
use fleet_core::app::Health;
use fleet_core::spec::{ContainerSpec, InstanceSpec, NetworkSpec, VolumeSpec};
use fleet_core::steps::gate::Observation;
use fleet_core::steps::{Found, Step};
use futures_util::stream::BoxStream;
use std::path::Path;
use std::sync::Arc;

/// Where an Engine listens when nobody says otherwise.
pub const DEFAULT_SOCKET: &str = "unix:///var/run/docker.sock";

/// Hands on one Engine; clones share the connection.
#[derive(Debug, Clone)]
pub struct DockerHands {
    engine: Arc<Engine>,
}

impl DockerHands {
    /// Hands on the Engine behind `unix:///a/socket`. Nothing is connected yet: an Engine may come later than its agent.
    pub fn new(socket: &str, limits: Limits) -> Self {
        Self { engine: Arc::new(Engine::new(socket, limits)) }
    }
}

#[tonic::async_trait]
impl Hands for DockerHands {
    async fn look(&self, spec: &InstanceSpec) -> Result<Found, HandsError> {
        look::look(&self.engine, spec).await
    }

    async fn perform(&self, step: &Step, spec: &InstanceSpec, notes: &Notes) -> Result<(), HandsError> {
        let engine = &self.engine;
        match step {
            Step::Pull { image } => pull::pull(engine, image, notes).await,
            Step::ExpectNetwork { network } => network::expect(engine, network).await,
            Step::ExpectVolume { volume } => volume::expect(engine, volume).await,
            Step::WriteFiles { write, remove } => files::write_files(spec, write, remove).await,
            Step::CreateNetwork { network } => network::create(engine, network_of(spec, network)?, spec).await,
            Step::CreateVolume { volume } => volume::create(engine, volume_of(spec, volume)?, spec).await,
            Step::Create { service, name, keeps } => {
                container::create(engine, spec, container_of(spec, service)?, name, keeps).await
            }
            Step::Stop { name, id, grace } => container::stop(engine, name, id, grace.as_duration()).await,
            Step::RemoveContainer { name, id } => container::remove(engine, name, id).await,
            Step::Rename { from, name } => container::rename(engine, spec, from, name).await,
            Step::Start { name } => container::start(engine, spec, name).await,
            Step::AwaitHealthy { name, limit } => container::await_healthy(engine, name, limit.as_duration()).await,
            Step::AwaitExit { name, limit } => container::await_exit(engine, name, limit.as_duration()).await,
            // Whoever performs asks `observe` until the gate decides.
            Step::Gate => Ok(()),
            Step::RemoveNetwork { network } => network::remove(engine, network, spec).await,
            Step::RemoveVolume { volume } => volume::remove(engine, volume).await,
        }
    }

    async fn observe(&self, spec: &InstanceSpec, health: &Health) -> Result<Observation, HandsError> {
        observe::observe(&self.engine, spec, health).await
    }

    fn logs(&self, request: LogRequest) -> BoxStream<'static, Result<LogLine, HandsError>> {
        logs::logs(Arc::clone(&self.engine), request)
    }

    async fn resolve(&self, image: &str) -> Result<Resolved, HandsError> {
        pull::resolve(&self.engine, image).await
    }

    async fn engine_version(&self) -> Result<EngineVersion, HandsError> {
        self.engine.version().await
    }

    fn changes(&self) -> BoxStream<'static, Changed> {
        changes::changes(Arc::clone(&self.engine))
    }

    async fn disk_free(&self, path: &Path) -> Result<u64, HandsError> {
        let here = files::disk_free(path)?;
        let engine = self.engine.data_directory().await.and_then(|path| files::disk_free(Path::new(&path)).ok());
        Ok(engine.map_or(here, |engine| engine.min(here)))
    }
}

fn container_of<'a>(spec: &'a InstanceSpec, service: &str) -> Result<&'a ContainerSpec, HandsError> {
    let wrong = || HandsError::NotInSpec { kind: "service", name: service.to_owned() };
    spec.container(service).ok_or_else(wrong)
}

fn network_of<'a>(spec: &'a InstanceSpec, name: &str) -> Result<&'a NetworkSpec, HandsError> {
    let wrong = || HandsError::NotInSpec { kind: "network", name: name.to_owned() };
    spec.networks.iter().find(|network| network.name == name).ok_or_else(wrong)
}

fn volume_of<'a>(spec: &'a InstanceSpec, name: &str) -> Result<&'a VolumeSpec, HandsError> {
    let wrong = || HandsError::NotInSpec { kind: "volume", name: name.to_owned() };
    spec.volumes.iter().find(|volume| volume.name == name).ok_or_else(wrong)
}
