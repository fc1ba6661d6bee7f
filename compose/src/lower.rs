//! Converts a Compose file to one instance's spec: names are assigned, and nothing is left to look up.

mod container;
mod labels;

use crate::compose::{Network, Project, Service, Volume};
use crate::names::{AppName, Digest, HostName, InstanceName, Version};
use crate::spec::{FLEET_CONFIG_HASH, FileSpec, InstanceSpec, NetworkSpec, VolumeSpec, hash};
use crate::version::VersionScheme;
use std::collections::{BTreeMap, BTreeSet};

/// The instance for which a project is lowered.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Name of the instance.
    pub instance: &'a InstanceName,
    /// Host of the instance.
    pub host: &'a HostName,
    /// The Compose project's name.
    pub project: &'a str,
    /// App of the release.
    pub app: &'a AppName,
    /// Version of the release.
    pub version: &'a Version,
    /// Order of the app's versions.
    pub scheme: &'a VersionScheme,
    /// The release's digest.
    pub digest: &'a Digest,
    /// The absolute path of the instance's folder on its host.
    pub working_dir: &'a str,
    /// Image references with the digests they are pinned to.
    pub pins: &'a BTreeMap<String, Digest>,
}

/// Gives everything its name at the Engine.
pub fn lower(project: &Project, files: Vec<FileSpec>, context: &Context) -> InstanceSpec {
    let lowering = Lowering { project, context, name: context.project.to_owned(), files: &files };
    let networks: Vec<_> = project.networks.iter().map(|(key, network)| lowering.network(key, network)).collect();
    let volumes = project.volumes.iter().map(|(key, volume)| lowering.volume(key, volume)).collect();
    let services = in_order(&project.services).into_iter();
    let containers = services.map(|service| lowering.hashed(service, &networks)).collect();
    InstanceSpec {
        instance: context.instance.clone(),
        app: context.app.clone(),
        version: context.version.clone(),
        scheme: context.scheme.clone(),
        digest: context.digest.clone(),
        project: lowering.name.clone(),
        working_dir: context.working_dir.to_owned(),
        networks,
        volumes,
        containers,
        files,
    }
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
        spec.labels.insert(FLEET_CONFIG_HASH.to_owned(), spec.config_hash.clone());
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
}

/// Returns the services in starting order: dependencies first, the rest by name. The reader has refused circles; one that were left would come last.
fn in_order(services: &BTreeMap<String, Service>) -> Vec<&Service> {
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    let mut order = Vec::new();
    while order.len() < services.len() {
        let is_ready = |service: &Service| {
            service.needs().keys().all(|name| placed.contains(name.as_str()) || !services.contains_key(name))
        };
        let mut waiting = services.values().filter(|service| !placed.contains(service.name.as_str()));
        let first = services.values().find(|service| !placed.contains(service.name.as_str()) && is_ready(service));
        let Some(next) = first.or_else(|| waiting.next()) else { break };
        placed.insert(&next.name);
        order.push(next);
    }
    order
}
