//! Containers that are not an instance's and have its folders.

use super::engine::DockerEngine;
use super::inspect::is_own_container;
use super::mounted::{containers, place_of, volumes};
use crate::runtime::{ForeignContainer, RuntimeError};
use bollard::models::{ContainerSummary, MountPoint, Volume};
use fleet_core::spec::InstanceSpec;
use std::path::{Path, PathBuf};

/// Asks for all containers and all volumes in two questions.
pub async fn foreign_containers(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    folders: &[PathBuf],
) -> Result<Vec<ForeignContainer>, RuntimeError> {
    let (containers, volumes) = tokio::try_join!(containers(engine), volumes(engine))?;
    let folders: Vec<(&PathBuf, PathBuf)> = folders.iter().map(|folder| (folder, leads(folder))).collect();
    let mut found = Vec::new();
    for container in containers.iter().filter(|it| is_alive(it) && !is_of(it, spec)) {
        let mounted = container.mounts.iter().flatten().filter_map(|mount| place(mount, &volumes));
        let mounted: Vec<PathBuf> = mounted.map(|path| leads(&path)).collect();
        let has = |folder: &Path| mounted.iter().any(|path| path.starts_with(folder));
        if let Some((folder, _)) = folders.iter().find(|(_, folder)| has(folder)) {
            let name = container.names.iter().flatten().next().map(|name| name.trim_start_matches('/').to_owned());
            found.push(ForeignContainer { container: name.unwrap_or_default(), folder: (*folder).clone() });
        }
    }
    Ok(found)
}

/// Frozen is not gone.
fn is_alive(container: &ContainerSummary) -> bool {
    let state = container.state.as_ref().map(|state| state.to_string().to_ascii_lowercase());
    state.is_some_and(|state| ["running", "paused", "restarting"].contains(&state.as_str()))
}

/// The instance's own, which are stopped, and its tools, which are ended.
fn is_of(container: &ContainerSummary, spec: &InstanceSpec) -> bool {
    fn label<'a>(container: &'a ContainerSummary, key: &str) -> Option<&'a str> {
        container.labels.as_ref()?.get(key).map(String::as_str)
    }
    let is_own = is_own_container(spec, |key| label(container, key));
    is_own || label(container, "fleet.tool") == Some(&spec.project)
}

fn place(mount: &MountPoint, volumes: &[Volume]) -> Option<PathBuf> {
    match mount.typ.as_deref()? {
        "bind" => mount.source.clone().map(PathBuf::from),
        // The list of containers does not contain the folders of volumes.
        "volume" => {
            let volume = volumes.iter().find(|volume| Some(&volume.name) == mount.name.as_ref())?;
            Some(place_of(volume).unwrap_or_else(|_| PathBuf::from(&volume.mountpoint)))
        }
        _ => None,
    }
}

fn leads(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
