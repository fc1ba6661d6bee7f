//! Depths of services in their dependencies, by which parts are ordered.

use crate::spec::{InstanceSpec, NetworkMode};
use std::collections::BTreeMap;

/// Returns the depth of each service: 0 without dependencies, else one more than its deepest dependency.
pub fn depths(spec: &InstanceSpec) -> BTreeMap<&str, usize> {
    let mut depths = BTreeMap::new();
    // The spec lists dependencies first; a later container cannot be one.
    for container in &spec.containers {
        let lends_network = match &container.network_mode {
            NetworkMode::Service(service) => Some(service),
            NetworkMode::Attached | NetworkMode::None | NetworkMode::Host | NetworkMode::Bridge => None,
        };
        let first = container.depends_on.keys().chain(lends_network);
        let deepest = first.filter_map(|service| depths.get(service.as_str())).max();
        depths.insert(container.service.as_str(), deepest.map_or(0, |depth: &usize| depth + 1));
    }
    depths
}
