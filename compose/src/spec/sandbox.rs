//! Temporary sandbox of an instance: some of its services, beside the real one and isolated from it.
//!
//! **Invariant:** a sandbox cannot write to the real instance, and cannot communicate with the outside. It has its own
//! volumes and folder, internal networks, no ports, and no power over the host.

use super::labels::{COMPOSE_PROJECT, FLEET_INSTANCE, is_reserved};
use super::{
    AttachSpec, ContainerSpec, HostPath, InstanceSpec, MountAccess, MountSource, MountSpec, NetworkMode, NetworkSpec,
    Restart, Switch, VolumeSpec, hash,
};
use std::collections::{BTreeMap, BTreeSet};

/// Label of all parts of a sandbox, with the sandbox's id: they are found by it for removal.
pub const FLEET_THROWAWAY: &str = "fleet.throwaway";

impl InstanceSpec {
    /// Returns the sandbox of these services and their dependencies, under a project name of its own.
    pub fn sandbox(&self, services: &BTreeSet<String>, id: &str) -> Self {
        let sandbox =
            Sandbox { of: self, id, project: project_of(id), folder: format!("{}.throwaway-{id}", self.working_dir) };
        let services = self.with_needs(services);
        let network = sandbox.network();
        let mut volumes: Vec<_> = self.volumes.iter().map(|volume| sandbox.volume(&volume.key)).collect();
        let mut containers: Vec<_> = self
            .containers
            .iter()
            .filter(|container| services.contains(&container.service))
            .map(|container| sandbox.container(container, &services, &network.name, &mut volumes))
            .collect();
        for container in &mut containers {
            container.config_hash = hash::of_container(container, std::slice::from_ref(&network));
        }
        let (project, working_dir) = (sandbox.project.clone(), sandbox.folder.clone());
        Self { project, working_dir, networks: vec![network], volumes, containers, ..self.clone() }
    }

    /// Adds a plain volume to a sandbox, if it has none of that key; returns the key.
    pub fn add_volume(&mut self, key: &str) -> String {
        if !self.volumes.iter().any(|volume| volume.key == key) {
            let labels = self.networks.first().map(|network| network.labels.clone()).unwrap_or_default();
            self.volumes.push(plain_volume(&self.project, key, labels));
        }
        key.to_owned()
    }

    /// The services with all that they wait for.
    fn with_needs(&self, services: &BTreeSet<String>) -> BTreeSet<String> {
        let mut all = services.clone();
        loop {
            let of_all = self.containers.iter().filter(|container| all.contains(&container.service));
            let needs: BTreeSet<_> = of_all.flat_map(|container| container.depends_on.keys().cloned()).collect();
            let before = all.len();
            all.extend(needs);
            if all.len() == before {
                return all;
            }
        }
    }
}

/// Prefix of the projects of all sandboxes.
const THROWAWAY: &str = "fleet-throwaway-";

/// Returns the project of a sandbox.
pub fn project_of(id: &str) -> String {
    format!("{THROWAWAY}{id}")
}

/// Returns whether a project is, or could be, that of a sandbox.
pub fn is_throwaway_project(project: &str) -> bool {
    project.starts_with(THROWAWAY)
}

struct Sandbox<'a> {
    of: &'a InstanceSpec,
    id: &'a str,
    project: String,
    folder: String,
}

impl Sandbox<'_> {
    fn labels(&self, labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        // Other programs act on labels: a proxy would send people to the sandbox. And a search for the instance, or for
        // its folder, must not find its sandbox.
        let is_kept = |label: &str| {
            is_reserved(label) && label != FLEET_INSTANCE && !label.starts_with("com.docker.compose.project.")
        };
        let kept = labels.iter().filter(|(label, _)| is_kept(label));
        let mut labels: BTreeMap<_, _> = kept.map(|(label, value)| (label.clone(), value.clone())).collect();
        labels.insert(COMPOSE_PROJECT.to_owned(), self.project.clone());
        labels.insert(FLEET_THROWAWAY.to_owned(), self.id.to_owned());
        labels
    }

    fn network(&self) -> NetworkSpec {
        let mut network = NetworkSpec {
            name: format!("{}_inside", self.project),
            key: "inside".to_owned(),
            external: false,
            driver: None,
            internal: true,
            subnets: Vec::new(),
            options: BTreeMap::new(),
            labels: self.labels(&BTreeMap::new()),
            config_hash: String::new(),
        };
        network.config_hash = hash::of_network(&network);
        network
    }

    fn volume(&self, key: &str) -> VolumeSpec {
        plain_volume(&self.project, key, self.labels(&BTreeMap::new()))
    }

    fn volume_name(&self, key: &str) -> String {
        volume_name(&self.project, key)
    }

    fn container(
        &self,
        real: &ContainerSpec,
        services: &BTreeSet<String>,
        network: &str,
        volumes: &mut Vec<VolumeSpec>,
    ) -> ContainerSpec {
        let mounts: Vec<_> = real.mounts.iter().filter_map(|mount| self.mount(mount, volumes)).collect();
        let aliases = real.networks.iter().flat_map(|attach| attach.aliases.iter().cloned());
        let mut aliases: Vec<_> = [real.service.clone()].into_iter().chain(aliases).collect();
        // By its own name the real container is found, and there is only one of that name.
        aliases.retain(|alias| *alias != real.name);
        let mut taken = BTreeSet::new();
        aliases.retain(|alias| taken.insert(alias.clone()));
        let attach = AttachSpec { network: network.to_owned(), aliases, links: BTreeMap::new(), ipv4_address: None };
        let (network_mode, networks) = match &real.network_mode {
            NetworkMode::None => (NetworkMode::None, Vec::new()),
            NetworkMode::Service(lender) if services.contains(lender) => (real.network_mode.clone(), Vec::new()),
            NetworkMode::Attached | NetworkMode::Host | NetworkMode::Bridge | NetworkMode::Service(_) => {
                (NetworkMode::Attached, vec![attach])
            }
        };
        let depends_on = real.depends_on.iter().filter(|(needed, _)| services.contains(*needed));
        ContainerSpec {
            name: format!("{}-{}-1", self.project, real.service),
            files: hash::mounted_files(&mounts, &self.folder, &self.of.files),
            mounts,
            ports: Vec::new(),
            network_mode,
            networks,
            labels: self.labels(&real.labels),
            depends_on: depends_on.map(|(needed, condition)| (needed.clone(), *condition)).collect(),
            restart: Restart::No,
            // It may send data to the outside.
            logging: None,
            extra_hosts: Vec::new(),
            cap_add: Vec::new(),
            security_opt: Vec::new(),
            privileged: Switch::Off,
            config_hash: String::new(),
            ..real.clone()
        }
    }

    /// Returns the mount in the sandbox; none if it only leads to something outside.
    fn mount(&self, mount: &MountSpec, volumes: &mut Vec<VolumeSpec>) -> Option<MountSpec> {
        let source = match &mount.source {
            MountSource::Volume(name) => {
                let volume = self.of.volumes.iter().find(|volume| volume.name == *name)?;
                MountSource::Volume(self.volume_name(&volume.key))
            }
            MountSource::Bind { path, relabel, .. } => match self.own_path(path) {
                Some(path) => MountSource::Bind { path, if_missing: HostPath::Create, relabel: *relabel },
                None if is_way_out(path) => return None,
                None if mount.access == MountAccess::ReadOnly => mount.source.clone(),
                None => self.instead_of(path, volumes),
            },
            MountSource::Anonymous | MountSource::Tmpfs { .. } => mount.source.clone(),
        };
        Some(MountSpec { source, target: mount.target.clone(), access: mount.access })
    }

    /// Returns the path in the sandbox for a path of the instance's own folder.
    fn own_path(&self, path: &str) -> Option<String> {
        let inside = path.strip_prefix(&self.of.working_dir)?;
        (inside.is_empty() || inside.starts_with('/')).then(|| format!("{}{inside}", self.folder))
    }

    /// A folder of the host that could be written to becomes a volume.
    fn instead_of(&self, path: &str, volumes: &mut Vec<VolumeSpec>) -> MountSource {
        let key = folder_key(path);
        let volume = self.volume(&key);
        let name = volume.name.clone();
        if !volumes.iter().any(|it| it.name == name) {
            volumes.push(volume);
        }
        MountSource::Volume(name)
    }
}

fn volume_name(project: &str, key: &str) -> String {
    format!("{project}_{key}")
}

/// Whatever the real one is made of: a driver's options lead to the real data.
fn plain_volume(project: &str, key: &str, labels: BTreeMap<String, String>) -> VolumeSpec {
    let name = volume_name(project, key);
    VolumeSpec { name, key: key.to_owned(), external: false, driver: None, options: BTreeMap::new(), labels }
}

/// Returns the key of the volume that replaces a folder of the host.
pub fn folder_key(path: &str) -> String {
    let digest = super::digest_of_bytes(path.as_bytes());
    format!("folder-{}", digest.as_str().trim_start_matches("sha256:").chars().take(12).collect::<String>())
}

fn is_way_out(path: &str) -> bool {
    let is_below = |root: &str| path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    path.ends_with(".sock") || ["/dev", "/proc", "/sys", "/run", "/var/run"].into_iter().any(is_below)
}
