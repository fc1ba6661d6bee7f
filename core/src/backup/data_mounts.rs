//! Data folders of databases.

use super::{DatabaseEngine, Files, Store};
use crate::spec::{InstanceSpec, MountAccess, MountSource, MountSpec};

/// The volumes and folders in which a database keeps its data, as stores of files.
pub fn data_mounts(store: &Store, spec: &InstanceSpec) -> Vec<Store> {
    let Some(container) = store.engine.service().and_then(|service| spec.container(service)) else { return Vec::new() };
    let data = store.engine.server().map(|server| server.data.as_str());
    let is_data = |mount: &&MountSpec| match data {
        Some(data) => is_within(&mount.target, data) || is_within(data, &mount.target),
        // Its data folders are unknown, so every writable mount counts.
        None => true,
    };
    let writable = container.mounts.iter().filter(|mount| mount.access == MountAccess::ReadWrite).filter(is_data);
    let files = writable.filter_map(|mount| match &mount.source {
        MountSource::Volume(name) => Some(Files::Volume(name.clone())),
        MountSource::Bind { path, .. } => Some(Files::Path(path.clone())),
        MountSource::Anonymous | MountSource::Tmpfs { .. } => None,
    });
    files.map(|files| Store { engine: DatabaseEngine::Volume(files), checks: Vec::new(), ..store.clone() }).collect()
}

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
