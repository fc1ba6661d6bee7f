//! Lists every way by which an order reaches the host.
//!
//! **Invariant:** the parts of an order are destructured here field by field, so that a new field needs a decision
//! whether it reaches the host.

use super::logging::log_reaches;
use super::reach::{ExecUse, HostReach, PathUse, Power};
use crate::app::{CommandRun, HealthRules, Rendered};
use crate::backup::{
    DatabaseEngine, DatabaseQuestion, Files, LocationAccess, MountFound, MountedFrom, Owner, RepositoryAccess, Store,
};
use crate::names::{RepositoryName, StoreName};
use crate::spec::{
    ContainerSpec, InstanceSpec, MountSource, NetworkMode, NetworkSpec, Switch, VolumeSpec, VolumeTarget,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The ways of one order, and the folder that is the instance's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaches {
    /// Folder of the instance.
    pub own: Option<String>,
    /// List of all reaches.
    pub all: Vec<HostReach>,
}

impl Reaches {
    /// Returns the reaches of an instance's containers, volumes and networks.
    pub fn of_spec(spec: &InstanceSpec) -> Self {
        let InstanceSpec {
            instance: _,
            app,
            version: _,
            scheme: _,
            digest: _,
            project: _,
            working_dir,
            networks,
            volumes,
            containers,
            // They are in the instance's own folder.
            files: _,
        } = spec;
        let mut all = vec![HostReach::App(app.clone())];
        all.extend(containers.iter().map(|container| HostReach::Image(container.image.clone())));
        all.extend(containers.iter().flat_map(of_container));
        all.extend(volumes.iter().flat_map(of_volume));
        let is_own = |name: &str| networks.iter().any(|network| !network.external && network.name == name);
        let of_networks = networks.iter().flat_map(of_network);
        all.extend(of_networks.filter(|reach| !matches!(reach, HostReach::ExternalNetwork(name) if is_own(name))));
        Self { own: Some(working_dir.clone()), all }
    }

    /// Returns the reaches of installing, changing or starting an instance: its spec, its probes, and those of its
    /// stores that the release places outside the instance.
    pub fn of_instance(rendered: &Rendered) -> Self {
        let Rendered { spec, health, stores, rebuilds: _, upgrades: _ } = rendered;
        let HealthRules { minimum_healthy: _, deadline: _, probes } = health;
        let mut reaches = Self::of_spec(spec);
        reaches.all.extend(stores.iter().flat_map(|(name, store)| placed(name, store)));
        reaches.all.extend(probes.iter().filter_map(ExecUse::of_probe).map(HostReach::Exec));
        reaches
    }

    /// Returns the reaches of reading or filling a store: its tools, its bucket, and the volumes and folders found for
    /// it.
    pub fn of_store<'a>(
        name: &StoreName,
        store: &Store,
        spec: &InstanceSpec,
        found: impl IntoIterator<Item = &'a MountFound>,
    ) -> Self {
        let Store { engine, kind: _, stop: _, pause: _, checks: _ } = store;
        let mut all: Vec<HostReach> = tools(name, engine).into_iter().collect();
        all.extend(store.bucket().map(|bucket| HostReach::Bucket(Box::new(bucket.clone()))));
        all.extend(found.into_iter().flat_map(|mount| of_mount(name, spec, mount)));
        Self { own: Some(spec.working_dir.clone()), all }
    }

    /// Returns the reaches of a drill in its sandbox: its containers, the tools of the stores that are loaded there,
    /// and their checks.
    pub fn of_drill<'a>(double: &Rendered, stores: impl IntoIterator<Item = (&'a StoreName, &'a Store)>) -> Self {
        let mut reaches = Self::of_instance(double);
        for (name, store) in stores {
            reaches.all.extend(tools(name, &store.engine));
            let runs = |service: &str| double.spec.container(service).is_some();
            let is_asked = store.checks.iter().any(|check| match &check.ask {
                DatabaseQuestion::Command { service, .. } => runs(service),
                DatabaseQuestion::Query(_) => store.engine.service().is_some_and(runs),
            });
            reaches.all.extend(is_asked.then(|| HostReach::Exec(ExecUse::Check { store: name.clone() })));
        }
        reaches
    }

    /// Returns the reaches of a restore: starting the instance, the tools of the filled stores, and the rebuilding of
    /// derivable ones.
    pub fn of_restore<'a>(rendered: &Rendered, stores: impl IntoIterator<Item = (&'a StoreName, &'a Store)>) -> Self {
        let mut reaches = Self::of_instance(rendered);
        reaches.all.extend(stores.into_iter().flat_map(|(name, store)| tools(name, &store.engine)));
        let rebuilt = rendered.rebuilds.keys().map(|store| HostReach::Exec(ExecUse::Rebuild { store: store.clone() }));
        reaches.all.extend(rebuilt);
        reaches
    }

    /// Returns the reaches of an upgrade's actions, beside those of the releases whose services run them.
    pub fn of_actions<'a>(actions: impl IntoIterator<Item = &'a CommandRun>) -> Self {
        let reach = |run: &CommandRun| {
            // The container is that of the service, with less.
            let CommandRun { service, command: _, offline: _, limit: _ } = run;
            HostReach::Exec(ExecUse::Action { service: service.clone() })
        };
        Self { own: None, all: actions.into_iter().map(reach).collect() }
    }

    /// Returns the reaches of a repository's location. The coordinator's own is reached over the link, and needs no
    /// permission.
    pub fn of_repository(access: &RepositoryAccess) -> Self {
        let RepositoryAccess { repository, instance: _, place, master_key: _, password: _, parent: _ } = access;
        let all = match place {
            LocationAccess::Coordinator => Vec::new(),
            LocationAccess::S3 { endpoint, region: _, bucket, prefix: _, key_id: _, key: _ } => {
                vec![of_endpoint(repository, endpoint, bucket)]
            }
            LocationAccess::Folder { path } => vec![of_folder(repository, path)],
        };
        Self { own: None, all }
    }

    /// The same, before there is a key to it.
    pub fn of_place(repository: &RepositoryName, place: &crate::backup::RepositoryLocation) -> Self {
        use crate::backup::RepositoryLocation;
        let all = match place {
            RepositoryLocation::Coordinator => Vec::new(),
            RepositoryLocation::S3 { endpoint, region: _, bucket, prefix: _ } => {
                vec![of_endpoint(repository, endpoint, bucket)]
            }
            RepositoryLocation::Folder { path } => vec![of_folder(repository, path)],
        };
        Self { own: None, all }
    }

    /// Adds where existing volumes lead on this host, by the options that their drivers were given.
    #[must_use]
    pub fn with_devices(mut self, devices: &BTreeMap<String, Vec<VolumeTarget>>) -> Self {
        for (volume, targets) in devices {
            let used = PathUse::VolumeDevice(volume.clone());
            self.all.extend(targets.iter().map(|target| of_target(volume, target, &used)));
        }
        self
    }
}

fn of_endpoint(repository: &RepositoryName, endpoint: &str, bucket: &str) -> HostReach {
    let (endpoint, bucket) = (endpoint.to_owned(), bucket.to_owned());
    HostReach::RepositoryEndpoint { repository: repository.clone(), endpoint, bucket }
}

fn of_folder(repository: &RepositoryName, path: &str) -> HostReach {
    HostReach::RepositoryFolder { repository: repository.clone(), path: path.to_owned() }
}

fn of_container(container: &ContainerSpec) -> Vec<HostReach> {
    let ContainerSpec {
        service,
        image: _,
        mounts,
        network_mode,
        logging,
        cap_add,
        security_opt,
        privileged,
        // The container's own program and its health check are part of the container, and the Engine runs them.
        entrypoint: _,
        command: _,
        environment: _,
        user: _,
        working_dir: _,
        healthcheck: _,
        // Claimed names and ports: conflicts with other owners are checked elsewhere.
        name: _,
        ports: _,
        expose: _,
        networks: _,
        hostname: _,
        extra_hosts: _,
        labels: _,
        // They remove privileges, or limit the container's resources.
        cap_drop: _,
        read_only: _,
        resources: _,
        ulimits: _,
        shm_size: _,
        init: _,
        restart: _,
        stop_grace_period: _,
        stop_signal: _,
        depends_on: _,
        files: _,
        config_hash: _,
    } = container;
    let mut reaches: Vec<HostReach> = mounts.iter().filter_map(|mount| mounted(&mount.source)).collect();
    let powers = [
        (*privileged == Switch::On).then_some(Power::Privileged),
        has_host_network(network_mode).then_some(Power::HostNetwork),
        (!cap_add.is_empty()).then_some(Power::CapAdd),
        (!security_opt.is_empty()).then_some(Power::SecurityOpt),
    ];
    // One is named: a policy that allows it allows them all.
    let power = powers.into_iter().flatten().next();
    reaches.extend(power.map(|power| HostReach::Power { service: service.clone(), power }));
    reaches.extend(logging.iter().flat_map(|logging| log_reaches(service, logging)));
    reaches
}

fn mounted(source: &MountSource) -> Option<HostReach> {
    match source {
        MountSource::Bind { path, if_missing: _, relabel: _ } => {
            Some(HostReach::Path { path: path.clone(), used: PathUse::Mount })
        }
        // A volume is checked as one of the instance's.
        MountSource::Volume(_) | MountSource::Anonymous | MountSource::Tmpfs { .. } => None,
    }
}

fn has_host_network(mode: &NetworkMode) -> bool {
    match mode {
        NetworkMode::Host => true,
        NetworkMode::Attached | NetworkMode::None | NetworkMode::Bridge | NetworkMode::Service(_) => false,
    }
}

fn of_volume(volume: &VolumeSpec) -> Vec<HostReach> {
    let VolumeSpec { name, key: _, external, driver: _, options: _, labels: _ } = volume;
    let targets = volume.targets().into_iter().map(|target| of_target(name, &target, &PathUse::Mount));
    let external = external.then(|| HostReach::ExternalVolume(name.clone()));
    external.into_iter().chain(targets).collect()
}

fn of_target(volume: &str, target: &VolumeTarget, used: &PathUse) -> HostReach {
    let volume = volume.to_owned();
    match target {
        VolumeTarget::Path(path) => HostReach::Path { path: path.clone(), used: used.clone() },
        VolumeTarget::Share(source) => HostReach::RemoteVolume { volume, source: source.clone() },
        VolumeTarget::Driver(driver) => HostReach::VolumeDriver { volume, driver: driver.clone() },
    }
}

/// The options by which a network takes a device of the host by its name.
const DEVICE_OPTIONS: [&str; 2] = ["parent", "com.docker.network.bridge.name"];
/// The drivers that keep containers behind a bridge of their own.
const APART: [&str; 2] = ["bridge", "overlay"];

fn of_network(network: &NetworkSpec) -> Vec<HostReach> {
    let NetworkSpec { name, key, external, driver, internal: _, subnets: _, options, labels: _, config_hash: _ } =
        network;
    let device = |key: String| HostReach::NetworkDevice { network: name.clone(), key };
    let mut reaches: Vec<HostReach> = external.then(|| HostReach::ExternalNetwork(name.clone())).into_iter().collect();
    let driver = driver.as_deref().filter(|driver| !APART.contains(driver));
    reaches.extend(driver.map(|driver| device(format!("driver: {driver}"))));
    reaches.extend(options.keys().filter(|key| DEVICE_OPTIONS.contains(&key.as_str())).map(|key| device(key.clone())));
    let _ = key;
    reaches
}

/// Returns the locations of a store that the release itself names.
fn placed(name: &StoreName, store: &Store) -> Vec<HostReach> {
    let folder = |path: &String| HostReach::Path { path: path.clone(), used: PathUse::Store(name.clone()) };
    match &store.engine {
        DatabaseEngine::Volume(Files::Path(path)) => vec![folder(path)],
        DatabaseEngine::S3(bucket) => vec![HostReach::Bucket(Box::new(bucket.clone()))],
        // The matches of a pattern are known only once they are found.
        DatabaseEngine::Volume(Files::Volume(_) | Files::Containers(_) | Files::Image(_))
        | DatabaseEngine::Postgresql(_)
        | DatabaseEngine::Mongodb(_)
        | DatabaseEngine::Mariadb(_)
        | DatabaseEngine::Mysql(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::Neo4j(_)
        | DatabaseEngine::Command(_) => Vec::new(),
    }
}

/// The programs inside containers without which a store can be neither dumped nor loaded.
fn tools(name: &StoreName, engine: &DatabaseEngine) -> Option<HostReach> {
    match engine {
        DatabaseEngine::Postgresql(_)
        | DatabaseEngine::Mongodb(_)
        | DatabaseEngine::Mariadb(_)
        | DatabaseEngine::Mysql(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::Neo4j(_)
        | DatabaseEngine::Command(_) => Some(HostReach::Exec(ExecUse::Tools { store: name.clone() })),
        DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) => None,
    }
}

fn of_mount(store: &StoreName, spec: &InstanceSpec, mount: &MountFound) -> Vec<HostReach> {
    let MountFound { source, at, owner, devices } = mount;
    let mut names: Vec<String> = at.iter().map(|at| at.container.clone()).collect();
    let mut reaches = Vec::new();
    match source {
        MountedFrom::Folder(path) => {
            reaches.push(HostReach::Path { path: path.clone(), used: PathUse::Store(store.clone()) });
        }
        MountedFrom::Volume(name) => {
            let used = PathUse::Store(store.clone());
            reaches.extend(devices.iter().map(|target| of_target(name, target, &used)));
            names.push(name.clone());
            let is_external = spec.volumes.iter().any(|volume| volume.external && volume.name == *name);
            reaches.extend(is_external.then(|| HostReach::ExternalVolume(name.clone())));
        }
    }
    match owner {
        Owner::Instance => {}
        Owner::Nobody => reaches.push(HostReach::Foreign { store: store.clone(), names }),
    }
    reaches
}
