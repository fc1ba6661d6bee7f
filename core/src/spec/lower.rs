//! From what a Compose file asks for to what one instance is: names are given, and nothing is left to look up.

use super::{
    AttachSpec, ContainerSpec, FileSpec, InstanceSpec, MountSource, MountSpec, NetworkMode, NetworkSpec, VolumeSpec,
    hash, labels, order,
};
use crate::compose::{Network, Origin, Project, Service, Volume};
use crate::names::{AppName, Digest, InstanceName, Version};
use std::collections::BTreeMap;

/// The instance for which a project is lowered.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub instance: &'a InstanceName,
    pub app: &'a AppName,
    pub version: &'a Version,
    /// The release's digest.
    pub digest: &'a Digest,
    /// The absolute path of the instance's folder on its host.
    pub working_dir: &'a str,
    /// Image references with the digests they are pinned to.
    pub pins: &'a BTreeMap<String, Digest>,
}

/// Gives everything its name at the Engine.
pub fn lower(project: &Project, files: Vec<FileSpec>, context: &Context) -> InstanceSpec {
    let lowering = Lowering { project, context, name: name_of(project, context), files: &files };
    let networks: Vec<_> = project.networks.iter().map(|(key, network)| lowering.network(key, network)).collect();
    let volumes = project.volumes.iter().map(|(key, volume)| lowering.volume(key, volume)).collect();
    let services = order::in_order(&project.services).into_iter();
    let containers = services.map(|service| lowering.hashed(service, &networks)).collect();
    InstanceSpec {
        instance: context.instance.clone(),
        app: context.app.clone(),
        version: context.version.clone(),
        digest: context.digest.clone(),
        project: lowering.name.clone(),
        working_dir: context.working_dir.to_owned(),
        networks,
        volumes,
        containers,
        files,
    }
}

/// The project has the name its file gives it, else the instance's.
fn name_of(project: &Project, context: &Context) -> String {
    project.name.clone().unwrap_or_else(|| context.instance.to_string())
}

struct Lowering<'a> {
    project: &'a Project,
    context: &'a Context<'a>,
    /// The project's name.
    name: String,
    files: &'a [FileSpec],
}

impl Lowering<'_> {
    fn network(&self, key: &str, network: &Network) -> NetworkSpec {
        let mut labels = network.labels.clone();
        labels.extend(labels::of_network(self.context, &self.name, key));
        let mut spec = NetworkSpec {
            name: self.network_name(key),
            key: key.to_owned(),
            external: network.external,
            driver: network.driver.clone(),
            internal: network.internal,
            subnets: network.subnets.clone(),
            options: network.options.clone(),
            labels,
            config_hash: String::new(),
        };
        spec.config_hash = hash::of_network(&spec);
        spec.labels.insert(labels::FLEET_CONFIG_HASH.to_owned(), spec.config_hash.clone());
        spec
    }

    fn network_name(&self, key: &str) -> String {
        let network = self.project.networks.get(key);
        let is_external = network.is_some_and(|network| network.external);
        let given = network.and_then(|network| network.name.clone());
        given.unwrap_or_else(|| if is_external { key.to_owned() } else { format!("{}_{key}", self.name) })
    }

    fn volume(&self, key: &str, volume: &Volume) -> VolumeSpec {
        let mut labels = volume.labels.clone();
        labels.extend(labels::of_volume(self.context, &self.name, key));
        VolumeSpec {
            name: self.volume_name(key),
            key: key.to_owned(),
            external: volume.external,
            driver: volume.driver.clone(),
            options: volume.options.clone(),
            labels,
        }
    }

    fn volume_name(&self, key: &str) -> String {
        let volume = self.project.volumes.get(key);
        let is_external = volume.is_some_and(|volume| volume.external);
        let given = volume.and_then(|volume| volume.name.clone());
        given.unwrap_or_else(|| if is_external { key.to_owned() } else { format!("{}_{key}", self.name) })
    }

    fn hashed(&self, service: &Service, networks: &[NetworkSpec]) -> ContainerSpec {
        let mut container = self.container(service);
        container.config_hash = hash::of_container(&container, networks);
        for label in [labels::COMPOSE_CONFIG_HASH, labels::FLEET_CONFIG_HASH] {
            container.labels.insert(label.to_owned(), container.config_hash.clone());
        }
        container
    }

    fn container(&self, service: &Service) -> ContainerSpec {
        let service = service.clone();
        let mounts: Vec<_> = service.mounts.iter().map(|mount| self.mount(mount)).collect();
        let mut labels = service.labels.clone();
        labels.extend(labels::of_container(self.context, &self.name, &service, self.project));
        ContainerSpec {
            name: self.container_name(&service),
            image: pinned(&service.image, self.context.pins),
            files: hash::mounted_files(&mounts, self.context.working_dir, self.files),
            networks: self.attachments(&service),
            depends_on: service.needs(),
            mounts,
            labels,
            service: service.name,
            entrypoint: service.entrypoint,
            command: service.command,
            environment: service.environment,
            ports: service.ports,
            expose: service.expose,
            network_mode: service.network_mode,
            healthcheck: service.healthcheck,
            resources: service.resources,
            restart: service.restart,
            logging: service.logging,
            user: service.user,
            working_dir: service.working_dir,
            hostname: service.hostname,
            extra_hosts: service.extra_hosts,
            stop_grace_period: service.stop_grace_period,
            stop_signal: service.stop_signal,
            init: service.init,
            shm_size: service.shm_size,
            ulimits: service.ulimits,
            cap_add: service.cap_add,
            cap_drop: service.cap_drop,
            security_opt: service.security_opt,
            read_only: service.read_only,
            privileged: service.privileged,
            config_hash: String::new(),
        }
    }

    fn container_name(&self, service: &Service) -> String {
        service.container_name.clone().unwrap_or_else(|| format!("{}-{}-1", self.name, service.name))
    }

    fn mount(&self, mount: &crate::compose::Mount) -> MountSpec {
        let source = match mount.origin.clone() {
            Origin::Volume(key) => MountSource::Volume(self.volume_name(&key)),
            Origin::Anonymous => MountSource::Anonymous,
            Origin::Host { path, if_missing, relabel } => MountSource::Bind { path, if_missing, relabel },
            Origin::Project { path, if_missing, relabel } => {
                let folder = self.context.working_dir;
                let path = if path.is_empty() { folder.to_owned() } else { format!("{folder}/{path}") };
                MountSource::Bind { path, if_missing, relabel }
            }
            Origin::Tmpfs { size, mode } => MountSource::Tmpfs { size, mode },
        };
        MountSpec { source, target: mount.target.clone(), access: mount.access }
    }

    /// A container is found by its service's name, and by its own aliases.
    fn attachments(&self, service: &Service) -> Vec<AttachSpec> {
        if service.network_mode != NetworkMode::Attached {
            return Vec::new();
        }
        let attach = |(key, attachment): (&String, &crate::compose::Attachment)| {
            let mut aliases = vec![service.name.clone()];
            aliases.extend(attachment.aliases.iter().filter(|alias| **alias != service.name).cloned());
            let (network, links) = (self.network_name(key), self.links(service, key));
            AttachSpec { network, aliases, links, ipv4_address: attachment.ipv4_address.clone() }
        };
        service.networks.iter().map(attach).collect()
    }

    fn links(&self, service: &Service, network: &str) -> BTreeMap<String, String> {
        let link = |link: &crate::compose::Link| {
            let target = self.project.services.get(&link.service)?;
            let is_here = target.networks.contains_key(network);
            let alias = link.alias.as_ref().filter(|_| is_here)?;
            Some((alias.clone(), self.container_name(target)))
        };
        service.links.iter().filter_map(link).collect()
    }
}

/// The reference with its digest, unless it has one already or is not pinned.
fn pinned(image: &str, pins: &BTreeMap<String, Digest>) -> String {
    match pins.get(image) {
        Some(digest) if !image.contains('@') => format!("{image}@{digest}"),
        Some(_) | None => image.to_owned(),
    }
}
