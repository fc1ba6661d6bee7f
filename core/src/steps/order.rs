//! Order of parts.

use crate::spec::{InstanceSpec, NetworkMode};
use std::collections::BTreeMap;

/// The depth of each service: 0 for those that wait for nobody, else one more than the deepest it waits for.
pub fn depths(spec: &InstanceSpec) -> BTreeMap<&str, usize> {
    let mut depths = BTreeMap::new();
    // The spec lists dependencies first; what stands later is no dependency that anyone could wait for.
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
