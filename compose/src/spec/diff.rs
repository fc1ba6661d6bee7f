//! Changes that applying a spec would make.

use super::reasons::{RecreateReason, reasons};
use super::{ContainerSpec, InstanceSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The difference between two specs of an instance, service by service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecDiff {
    /// Services in their start order; removed ones come last.
    pub services: Vec<ServiceDiff>,
    /// Volumes that will be made, by their names at the Engine. None is ever removed by a change.
    pub new_volumes: Vec<String>,
    /// Volumes that the new spec no longer names; they stay, with their data.
    pub left_volumes: Vec<String>,
    /// Files that will be written, changed or removed.
    pub files: Vec<FileDiff>,
}

/// Change of one service between two specifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDiff {
    /// Compose service.
    pub service: String,
    /// Kind of the change.
    pub change: SpecChange,
}

/// Kind of change of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecChange {
    /// Not there before.
    Created,
    /// There before, with another configuration.
    Recreated {
        /// Reasons; never empty.
        because: Vec<RecreateReason>,
    },
    /// The same as before.
    Unchanged,
    /// Not there any more.
    Removed,
}

/// Change of one file between two specifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDiff {
    /// Path in the working directory.
    pub path: String,
    /// Kind of the change.
    pub change: FileChange,
}

/// Kind of change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// Not there before.
    New,
    /// Other content or permissions.
    Changed,
    /// Not there any more.
    Removed,
}

/// Compares the present with the planned state; from nothing, everything is created.
pub fn diff(from: Option<&InstanceSpec>, to: &InstanceSpec) -> SpecDiff {
    let before = |service: &str| from.and_then(|from| from.container(service));
    let mut services: Vec<_> = to
        .containers
        .iter()
        .map(|container| ServiceDiff {
            service: container.service.clone(),
            change: change(from, before(&container.service), container, to),
        })
        .collect();
    services.extend(removed(from, to));
    let volumes = |spec: &InstanceSpec| -> Vec<String> {
        spec.volumes.iter().filter(|volume| !volume.external).map(|volume| volume.name.clone()).collect()
    };
    let (old, new) = (from.map(volumes).unwrap_or_default(), volumes(to));
    SpecDiff {
        services,
        new_volumes: new.iter().filter(|name| !old.contains(name)).cloned().collect(),
        left_volumes: old.iter().filter(|name| !new.contains(name)).cloned().collect(),
        files: files(from, to),
    }
}

impl SpecDiff {
    /// Returns whether nothing would be created, recreated, removed or written.
    pub fn is_empty(&self) -> bool {
        let is_unchanged = |service: &ServiceDiff| service.change == SpecChange::Unchanged;
        self.services.iter().all(is_unchanged) && self.new_volumes.is_empty() && self.files.is_empty()
    }
}

fn change(
    from: Option<&InstanceSpec>,
    before: Option<&ContainerSpec>,
    after: &ContainerSpec,
    to: &InstanceSpec,
) -> SpecChange {
    match (from, before) {
        (Some(_), Some(before)) if before.config_hash == after.config_hash => SpecChange::Unchanged,
        (Some(from), Some(before)) => SpecChange::Recreated { because: reasons((from, before), (to, after)) },
        (_, _) => SpecChange::Created,
    }
}

fn removed(from: Option<&InstanceSpec>, to: &InstanceSpec) -> Vec<ServiceDiff> {
    let gone = from.into_iter().flat_map(|from| &from.containers);
    gone.filter(|container| to.container(&container.service).is_none())
        .map(|container| ServiceDiff { service: container.service.clone(), change: SpecChange::Removed })
        .collect()
}

fn files(from: Option<&InstanceSpec>, to: &InstanceSpec) -> Vec<FileDiff> {
    let paths = |spec: &InstanceSpec| spec.files.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
    let all: BTreeSet<String> = from.map(paths).unwrap_or_default().into_iter().chain(paths(to)).collect();
    let compare = |path: String| {
        let change = match (from.and_then(|from| from.file(&path)), to.file(&path)) {
            (Some(before), Some(after)) if before == after => return None,
            (Some(_), Some(_)) => FileChange::Changed,
            (Some(_), None) => FileChange::Removed,
            (None, _) => FileChange::New,
        };
        Some(FileDiff { path, change })
    };
    all.into_iter().filter_map(compare).collect()
}

#[cfg(test)]
mod tests;
