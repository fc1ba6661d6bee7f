//! Changes made by hand.

use super::{ContainerState, ForeignKind, FoundContainer, FoundProject, Ownership, is_one_shot};
use crate::drift::Drift;
use crate::spec::{ContainerSpec, InstanceSpec};

/// Returns the differences between the found parts and the applied spec, none if they agree.
pub fn drift(found: &FoundProject, spec: &InstanceSpec) -> Vec<Drift> {
    let mut changes = Vec::new();
    for container in &spec.containers {
        changes.extend(drift_of(found, spec, container));
    }
    let unknown = found.containers.iter().filter(|it| spec.container(&it.service).is_none());
    changes.extend(unknown.map(|it| Drift::ContainerUnexpected(it.name.clone())));
    let foreign = found.foreign.iter().filter(|it| it.kind == ForeignKind::Container);
    changes.extend(foreign.map(|it| Drift::ContainerForeign(it.name.clone(), it.owner.to_string())));
    let networks = spec.networks.iter().filter(|network| !found.has_network(&network.name));
    changes.extend(networks.map(|network| Drift::NetworkRemoved(network.name.clone())));
    changes.extend(changed_networks(found, spec));
    let volumes = spec.volumes.iter().filter(|volume| !found.volumes.contains(&volume.name));
    changes.extend(volumes.map(|volume| Drift::VolumeRemoved(volume.name.clone())));
    changes.extend(spec.files.iter().filter_map(|file| match found.files.get(&file.path) {
        None => Some(Drift::FileRemoved(file.path.clone())),
        Some(there) if there.digest.is_none() => Some(Drift::FileRemoved(file.path.clone())),
        Some(there) if there.digest != Some(file.content.digest()) => Some(Drift::FileChanged(file.path.clone())),
        Some(there) if there.mode != file.mode => Some(Drift::FilePermissions(file.path.clone())),
        Some(_) => None,
    }));
    changes
}

fn changed_networks(found: &FoundProject, spec: &InstanceSpec) -> Vec<Drift> {
    let own = found.networks.iter().filter(|it| it.ownership == Ownership::OfProject && !it.config_hash.is_empty());
    let is_other = |name: &str, hash: &str| {
        spec.networks.iter().any(|it| it.name == name && !it.external && it.config_hash != hash)
    };
    let changed = own.filter(|it| is_other(&it.name, &it.config_hash));
    changed.map(|it| Drift::NetworkReconfigured(it.name.clone())).collect()
}

fn drift_of(found: &FoundProject, spec: &InstanceSpec, container: &ContainerSpec) -> Vec<Drift> {
    let name = &container.name;
    let all: Vec<_> = found.of_service(&container.service).collect();
    let Some(there) = all.iter().find(|it| it.name == *name) else {
        let others = all.iter().map(|it| Drift::ContainerRenamed(name.clone(), it.name.clone()));
        let change = others.into_iter().next().unwrap_or_else(|| Drift::ContainerRemoved(name.clone()));
        return vec![change];
    };
    let mut changes = Vec::new();
    if there.config_hash != container.config_hash {
        changes.push(Drift::ContainerReconfigured(name.clone()));
    }
    if there.image != container.image {
        changes.push(Drift::ContainerImage(name.clone(), there.image.clone(), container.image.clone()));
    }
    changes.extend(drift_of_state(there, is_one_shot(spec, &container.service)));
    let detached = container.networks.iter().filter(|attach| !there.networks.contains(&attach.network));
    changes.extend(detached.map(|attach| Drift::ContainerDetached(name.clone(), attach.network.clone())));
    let extra = all.iter().filter(|it| it.name != *name);
    changes.extend(extra.map(|it| Drift::ContainerDuplicate(it.name.clone(), container.service.clone())));
    changes
}

fn drift_of_state(there: &FoundContainer, one_shot: bool) -> Option<Drift> {
    let name = there.name.clone();
    match there.state {
        ContainerState::Running | ContainerState::Restarting => None,
        ContainerState::Exited { code: 0 } if one_shot => None,
        ContainerState::Exited { code } => Some(Drift::ContainerExited(name, code)),
        ContainerState::Created => Some(Drift::ContainerNeverStarted(name)),
        ContainerState::Paused => Some(Drift::ContainerPaused(name)),
        ContainerState::Dead => Some(Drift::ContainerDead(name)),
    }
}
