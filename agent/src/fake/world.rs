//! State of a simulated host without an Engine.

use super::ToolFault;
use crate::runtime::{Resolved, RuntimeError};
use fleet_core::app::HealthRules;
use fleet_core::health_problem::ProbeFailure;
use fleet_core::names::Digest;
use fleet_core::spec::{EngineOwner, FileSpec, InstanceSpec, PortSpec, Restart, VolumeTarget};
use fleet_core::steps::gate::{Observation, ObservedContainer, ProbeResult, target_of};
use fleet_core::steps::{
    ContainerHealth, ContainerState, DEFAULT_GRACE, FileOrigin, Foreign, ForeignKind, FoundContainer, FoundFile,
    FoundNetwork, FoundProject, KeptVolume, Ownership,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// Time limit of the probes of the fake.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// Behaviour of a container, by its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// No registry has the image.
    Missing,
    /// Runs and never becomes healthy.
    Sick,
    /// Exits at once with this code.
    Ends(i64),
}

/// Point of a crash at its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Before the step has an effect.
    Before,
    /// After the step has taken effect, before it is recorded.
    After,
}

/// Containers, networks, volumes, files; and the faults that were asked for.
#[derive(Debug, Default)]
pub struct World {
    /// All containers.
    pub containers: Vec<FakeContainer>,
    /// By name, with the project and the configuration.
    pub networks: BTreeMap<String, (String, String)>,
    /// Each volume with everything that was ever written into it: the images of the containers that used it.
    pub volumes: BTreeMap<String, Vec<String>>,
    /// Owners of volumes by their labels; other volumes belong to any caller.
    pub volume_owners: BTreeMap<String, EngineOwner>,
    /// Targets of volumes, by name.
    pub devices: BTreeMap<String, Vec<VolumeTarget>>,
    /// Images that were pulled.
    pub images: BTreeSet<String>,
    /// By working directory and path.
    pub files: BTreeMap<(String, String), FileSpec>,
    /// Behaviour of containers, by image.
    pub behaviours: BTreeMap<String, Behaviour>,
    /// Steps that fail, by a part of their text.
    pub failing: BTreeSet<String>,
    /// Steps that never end, by a part of their text.
    pub hanging: BTreeSet<String>,
    /// Progress that a pull reports, done and total bytes, by image.
    pub pulled: BTreeMap<String, (u64, u64)>,
    /// The step, counted from 1, at which the agent crashes.
    pub crash: Option<(u64, Crash)>,
    /// Number of steps performed so far.
    pub steps_so_far: u64,
    /// Number of times the agent has inspected an instance.
    pub inspections: u64,
    /// True while the Engine does not answer.
    pub is_engine_away: bool,
    /// Id that the Engine reports.
    pub engine_id: String,
    /// Faults of a service's tools, by service.
    pub tool_faults: BTreeMap<String, ToolFault>,
    /// The folder with the files of all volumes, each below its name; tests that back files up set it.
    pub volumes_at: PathBuf,
    /// Paths at which containers have a volume without a name, by service: those that their images declare.
    pub unnamed: BTreeMap<String, String>,
    /// By project and service.
    pub(super) data: BTreeMap<(String, String), Vec<u8>>,
    pub(super) born: u64,
    /// Containers that share the network of another one, by id.
    pub(super) borrowed: BTreeMap<String, String>,
}

/// A container of the simulated host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeContainer {
    /// Id of the container.
    pub id: String,
    /// Name of the container.
    pub name: String,
    /// Compose project that it belongs to.
    pub project: String,
    /// Service that it runs.
    pub service: String,
    /// Image that it runs.
    pub image: String,
    /// Hash of the configuration that it was made from.
    pub config_hash: String,
    /// Running, exited, or another state.
    pub state: ContainerState,
    /// Names of its networks.
    pub networks: BTreeSet<String>,
    /// Names of its volumes.
    pub volumes: BTreeSet<String>,
    /// Ports that it publishes.
    pub ports: Vec<PortSpec>,
    /// True if its image has a health check.
    pub has_healthcheck: bool,
    /// Its restart policy.
    pub restart: Restart,
}

impl World {
    pub(super) fn answers(&self) -> Result<(), RuntimeError> {
        if !self.is_engine_away {
            return Ok(());
        }
        let source = bollard::errors::Error::RequestTimeoutError;
        Err(RuntimeError::NoEngine { socket: "fake".to_owned(), source: Box::new(source) })
    }

    pub(super) fn count_step(&mut self) -> Option<Crash> {
        self.steps_so_far += 1;
        self.crash.filter(|(step, _)| *step == self.steps_so_far).map(|(_, crash)| crash)
    }

    /// Returns the names and images of a project's running containers, in order.
    pub fn running(&self, project: &str) -> Vec<(String, String)> {
        let of_project = self.containers.iter().filter(|it| it.project == project);
        let alive = of_project.filter(|it| it.state.is_alive());
        let mut running: Vec<_> = alive.map(|it| (it.name.clone(), it.image.clone())).collect();
        running.sort();
        running
    }

    pub(super) fn found(&self, spec: &InstanceSpec) -> FoundProject {
        let of_project = self.containers.iter().filter(|it| it.project == spec.project && !it.config_hash.is_empty());
        let networks = self.networks.iter().map(|(name, (project, config_hash))| FoundNetwork {
            name: name.clone(),
            ownership: if *project == spec.project { Ownership::OfProject } else { Ownership::OfOthers },
            config_hash: config_hash.clone(),
        });
        let is_ours = |it: &FoundNetwork| {
            it.ownership == Ownership::OfProject || spec.networks.iter().any(|network| network.name == it.name)
        };
        let files = self.files.iter().filter(|((folder, _), _)| *folder == spec.working_dir);
        let file =
            |it: &FileSpec| FoundFile { digest: Some(it.content.digest()), mode: it.mode, origin: FileOrigin::Ours };
        let is_of_spec = |name: &&String| spec.volumes.iter().any(|volume| volume.name == **name);
        let is_signed =
            |name: &&String| self.volume_owners.get(*name).is_none_or(|owner| *owner == EngineOwner::Instance);
        let images = spec.containers.iter().map(|it| &it.image).filter(|image| self.images.contains(*image));
        FoundProject {
            containers: of_project.map(|it| self.found_container(it)).collect(),
            networks: networks.filter(is_ours).collect(),
            volumes: self.volumes.keys().filter(is_of_spec).cloned().collect(),
            signed: self.volumes.keys().filter(is_of_spec).filter(is_signed).cloned().collect(),
            images: images.map(|image| (image.clone(), image.clone())).collect(),
            files: files.map(|((_, path), it)| (path.clone(), file(it))).collect(),
            foreign: self.foreign(spec),
            borrowed: self.borrowed_by_others(spec),
            taken_ports: BTreeMap::new(),
        }
    }

    /// Returns parts of other projects under names of the spec, and parts that Compose made in its project.
    fn foreign(&self, spec: &InstanceSpec) -> Vec<Foreign> {
        let other = |project: &str| match project == spec.project {
            true => EngineOwner::OwnProject,
            false => EngineOwner::Other { instance: project.to_owned(), host: None },
        };
        let is_claimed = |it: &&FakeContainer| {
            let is_named = spec.containers.iter().any(|of_spec| of_spec.name == it.name);
            is_named && it.project != spec.project || it.project == spec.project && it.config_hash.is_empty()
        };
        let containers =
            self.containers.iter().filter(is_claimed).map(|it| (ForeignKind::Container, &it.name, &it.project));
        let claimed = spec.networks.iter().filter(|it| !it.external);
        let networks = claimed.filter_map(|it| {
            let (project, _) = self.networks.get(&it.name).filter(|(project, _)| *project != spec.project)?;
            Some((ForeignKind::Network, &it.name, project))
        });
        let all = containers.chain(networks);
        let all = all.map(|(kind, name, project)| Foreign { kind, name: name.clone(), owner: other(project) });
        let of_spec = spec.volumes.iter().filter(|it| !it.external && self.volumes.contains_key(&it.name));
        let volumes = of_spec.filter_map(|it| {
            let owner = self.volume_owners.get(&it.name).filter(|owner| !owner.is_own())?.clone();
            Some(Foreign { kind: ForeignKind::Volume, name: it.name.clone(), owner })
        });
        all.chain(volumes).collect()
    }

    fn borrowed_by_others(&self, spec: &InstanceSpec) -> BTreeMap<String, String> {
        let others = self.containers.iter().filter(|it| it.project != spec.project);
        let mounts = others.flat_map(|it| it.volumes.iter().map(move |volume| (volume.clone(), it.name.clone())));
        mounts.filter(|(volume, _)| spec.volumes.iter().any(|it| it.name == *volume)).collect()
    }

    fn found_container(&self, it: &FakeContainer) -> FoundContainer {
        FoundContainer {
            id: it.id.clone(),
            name: it.name.clone(),
            service: it.service.clone(),
            config_hash: it.config_hash.clone(),
            image: it.image.clone(),
            image_id: it.image.clone(),
            state: it.state,
            health: self.health(it),
            restarts: 0,
            networks: it.networks.clone(),
            lender: self.borrowed.get(&it.id).cloned(),
            anonymous: self.unnamed.get(&it.service).map(|target| unnamed(target)).into_iter().collect(),
            stop_grace: DEFAULT_GRACE,
            restart: Some(it.restart),
        }
    }

    pub(super) fn health(&self, it: &FakeContainer) -> ContainerHealth {
        match (it.has_healthcheck, self.behaviours.get(&it.image)) {
            (false, _) => ContainerHealth::Unchecked,
            (true, Some(Behaviour::Sick)) => ContainerHealth::Unhealthy,
            (true, _) if it.state == ContainerState::Running => ContainerHealth::Healthy,
            (true, _) => ContainerHealth::Starting,
        }
    }

    pub(super) fn observed(&self, spec: &InstanceSpec, health: &HealthRules) -> Observation {
        let of_project = self.containers.iter().filter(|it| it.project == spec.project);
        let containers = of_project.map(|it| ObservedContainer {
            service: it.service.clone(),
            name: it.name.clone(),
            id: it.id.clone(),
            state: it.state,
            health: self.health(it),
            restarts: 0,
        });
        let probes = health.probes.iter().map(|probe| ProbeResult {
            probe: target_of(probe),
            failure: (!self.is_well(spec, probe.service())).then_some(ProbeFailure::NoAnswer { limit: PROBE_LIMIT }),
        });
        Observation { containers: containers.collect(), probes: probes.collect() }
    }

    fn is_well(&self, spec: &InstanceSpec, service: &str) -> bool {
        let mut of_service = self.containers.iter().filter(|it| it.project == spec.project && it.service == service);
        of_service
            .any(|it| it.state == ContainerState::Running && self.behaviours.get(&it.image) != Some(&Behaviour::Sick))
    }

    pub(super) fn resolve(&self, image: &str) -> Result<Resolved, RuntimeError> {
        self.answers()?;
        let missing = || RuntimeError::NoImage { image: image.to_owned() };
        if self.behaviours.get(image) == Some(&Behaviour::Missing) {
            return Err(missing());
        }
        let digest: Digest = format!("sha256:{}", "0".repeat(64)).parse().map_err(|_| missing())?;
        Ok(Resolved::InRegistry(digest))
    }
}

fn unnamed(target: &str) -> KeptVolume {
    KeptVolume { volume: "0f".repeat(32), target: target.to_owned() }
}
