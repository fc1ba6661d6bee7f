//! Converts a service to its container.

use super::{Lowering, labels};
use crate::compose::{Attachment, Mount, MountOrigin, Service, ServiceLink};
use crate::image::pin_of;
use crate::names::Digest;
use crate::spec::{
    AttachSpec, COMPOSE_CONFIG_HASH, ContainerSpec, FLEET_CONFIG_HASH, MountSource, MountSpec, NetworkMode,
    NetworkSpec, hash,
};
use std::collections::BTreeMap;

impl Lowering<'_> {
    pub fn hashed(&self, service: &Service, networks: &[NetworkSpec]) -> ContainerSpec {
        let mut container = self.container(service);
        container.config_hash = hash::of_container(&container, networks);
        for label in [COMPOSE_CONFIG_HASH, FLEET_CONFIG_HASH] {
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

    fn mount(&self, mount: &Mount) -> MountSpec {
        let source = match mount.origin.clone() {
            MountOrigin::Volume(key) => MountSource::Volume(self.volume_name(&key)),
            MountOrigin::Anonymous => MountSource::Anonymous,
            MountOrigin::Host { path, if_missing, relabel } => MountSource::Bind { path, if_missing, relabel },
            MountOrigin::Project { path, if_missing, relabel } => {
                let folder = self.context.working_dir;
                let path = if path.is_empty() { folder.to_owned() } else { format!("{folder}/{path}") };
                MountSource::Bind { path, if_missing, relabel }
            }
            MountOrigin::Tmpfs { size, mode } => MountSource::Tmpfs { size, mode },
        };
        MountSpec { source, target: mount.target.clone(), access: mount.access }
    }

    /// A container is found by its service's name, and by its own aliases.
    fn attachments(&self, service: &Service) -> Vec<AttachSpec> {
        if service.network_mode != NetworkMode::Attached {
            return Vec::new();
        }
        let attach = |(key, attachment): (&String, &Attachment)| {
            let mut aliases = vec![service.name.clone()];
            aliases.extend(attachment.aliases.iter().filter(|alias| **alias != service.name).cloned());
            let (network, links) = (self.network_name(key), self.links(service, key));
            AttachSpec { network, aliases, links, ipv4_address: attachment.ipv4_address.clone() }
        };
        service.networks.iter().map(attach).collect()
    }

    fn links(&self, service: &Service, network: &str) -> BTreeMap<String, String> {
        let link = |link: &ServiceLink| {
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
    match pin_of(image, pins) {
        Some(digest) if !image.contains('@') => format!("{image}@{digest}"),
        Some(_) | None => image.to_owned(),
    }
}
