//! Steps that remove an instance.

use super::change::{remove, stage, stop};
use super::depths::depths;
use super::{FileOrigin, FoundProject, Ownership, Stage, Step};
use crate::spec::InstanceSpec;
use std::collections::BTreeSet;

/// Returns the stages that remove the found parts of an instance; of its volumes only the named ones.
///
/// Files and folders that users or containers wrote stay where they are. A volume that others made stays too.
pub fn steps_to_remove(found: &FoundProject, spec: &InstanceSpec, volumes: &BTreeSet<String>) -> Vec<Stage> {
    let mut stages = stop_all(found, spec);
    stages.push(stage(found.containers.iter().map(remove)));
    let networks = found.networks.iter().filter(|network| network.ownership == Ownership::OfProject);
    let networks = networks.map(|network| Step::RemoveNetwork { network: network.name.clone() });
    stages.push(stage(networks.chain(remove_files(found))));
    let is_of_others = |name: &str| spec.volumes.iter().any(|volume| volume.name == name && volume.external);
    // An unlabelled volume belongs to the instance only if it is recorded that the instance had it.
    let is_unknown = |name: &str| spec.is_unrecorded() && found.is_unsigned_volume(name);
    let is_named = |name: &str| {
        volumes.contains(name) && !is_of_others(name) && !found.is_foreign_volume(name) && !is_unknown(name)
    };
    let named = found.volumes.iter().filter(|name| is_named(name));
    stages.push(stage(named.map(|name| Step::RemoveVolume { volume: name.clone() })));
    stages.retain(|stage| !stage.steps.is_empty());
    stages
}

fn remove_files(found: &FoundProject) -> Option<Step> {
    let ours = found.files.iter().filter(|(_, file)| file.origin == FileOrigin::Ours);
    let remove: Vec<_> = ours.map(|(path, _)| path.clone()).collect();
    (!remove.is_empty()).then_some(Step::WriteFiles { write: Vec::new(), remove })
}

/// Stops all containers: first those that the spec does not know, then dependants before their dependencies.
pub fn stop_all(found: &FoundProject, spec: &InstanceSpec) -> Vec<Stage> {
    let depths = depths(spec);
    let depth_of = |service: &str| depths.get(service).copied();
    let deepest = depths.values().max().copied();
    let mut stages = Vec::new();
    for depth in std::iter::once(None).chain((0..=deepest.unwrap_or(0)).rev().map(Some)) {
        let alive = found.containers.iter().filter(|it| it.state.is_alive() && depth_of(&it.service) == depth);
        stages.push(stage(alive.map(stop)));
    }
    stages.retain(|stage| !stage.steps.is_empty());
    stages
}
