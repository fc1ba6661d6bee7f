//! Changes made by hand.

use super::{ContainerState, ForeignKind, FoundContainer, FoundProject, Ownership, is_one_shot};
use crate::spec::{ContainerSpec, InstanceSpec};

/// Returns the differences between the found parts and the applied spec, in sentences for people; none if they agree.
pub fn drift(found: &FoundProject, spec: &InstanceSpec) -> Vec<String> {
    let mut sentences = Vec::new();
    for container in &spec.containers {
        sentences.extend(drift_of(found, spec, container));
    }
    let unknown = found.containers.iter().filter(|it| spec.container(&it.service).is_none());
    sentences.extend(unknown.map(|it| format!("container {} is not part of the release", it.name)));
    let foreign = found.foreign.iter().filter(|it| it.kind == ForeignKind::Container);
    sentences
        .extend(foreign.map(|it| format!("{it}, and is in the way: fleet leaves it, and heals nothing beside it")));
    let networks = spec.networks.iter().filter(|network| !found.has_network(&network.name));
    sentences.extend(networks.map(|network| format!("network {} was removed", network.name)));
    sentences.extend(changed_networks(found, spec));
    let volumes = spec.volumes.iter().filter(|volume| !found.volumes.contains(&volume.name));
    sentences.extend(volumes.map(|volume| format!("volume {} was removed", volume.name)));
    sentences.extend(spec.files.iter().filter_map(|file| match found.files.get(&file.path) {
        None => Some(format!("file {} was removed", file.path)),
        Some(there) if there.digest.is_none() => Some(format!("file {} was removed", file.path)),
        Some(there) if there.digest != Some(file.content.digest()) => Some(format!("file {} was changed", file.path)),
        Some(there) if there.mode != file.mode => Some(format!("file {} has other permissions", file.path)),
        Some(_) => None,
    }));
    sentences
}

fn changed_networks(found: &FoundProject, spec: &InstanceSpec) -> Vec<String> {
    let own = found.networks.iter().filter(|it| it.ownership == Ownership::OfProject && !it.config_hash.is_empty());
    let is_other = |name: &str, hash: &str| {
        spec.networks.iter().any(|it| it.name == name && !it.external && it.config_hash != hash)
    };
    let changed = own.filter(|it| is_other(&it.name, &it.config_hash));
    changed.map(|it| format!("network {} was made anew with another configuration", it.name)).collect()
}

fn drift_of(found: &FoundProject, spec: &InstanceSpec, container: &ContainerSpec) -> Vec<String> {
    let name = &container.name;
    let all: Vec<_> = found.of_service(&container.service).collect();
    let Some(there) = all.iter().find(|it| it.name == *name) else {
        let others = all.iter().map(|it| format!("container {name} is now called {}", it.name));
        let sentence = others.into_iter().next().unwrap_or_else(|| format!("container {name} was removed"));
        return vec![sentence];
    };
    let mut sentences = Vec::new();
    if there.config_hash != container.config_hash {
        sentences.push(format!("container {name} was made anew with another configuration"));
    }
    if there.image != container.image {
        sentences.push(format!("container {name} runs image {} instead of {}", there.image, container.image));
    }
    sentences.extend(drift_of_state(there, is_one_shot(spec, &container.service)));
    let detached = container.networks.iter().filter(|attach| !there.networks.contains(&attach.network));
    sentences.extend(detached.map(|attach| format!("container {name} was taken out of network {}", attach.network)));
    let extra = all.iter().filter(|it| it.name != *name);
    sentences.extend(extra.map(|it| format!("container {} is a second one of {}", it.name, container.service)));
    sentences
}

fn drift_of_state(there: &FoundContainer, one_shot: bool) -> Option<String> {
    let name = &there.name;
    match there.state {
        ContainerState::Running | ContainerState::Restarting => None,
        ContainerState::Exited { code: 0 } if one_shot => None,
        ContainerState::Exited { code } => Some(format!("container {name} was stopped or ended (with {code})")),
        ContainerState::Created => Some(format!("container {name} was never started")),
        ContainerState::Paused => Some(format!("container {name} was paused")),
        ContainerState::Dead => Some(format!("container {name} is dead")),
    }
}
