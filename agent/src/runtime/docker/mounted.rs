//! Volumes and folders of a host that belong to an instance or to nobody, with the paths of their files.

use super::engine::DockerEngine;
use super::volume::targets_of;
use crate::runtime::{RootFound, RuntimeError};
use bollard::models::{ContainerSummary, MountPoint, Volume};
use bollard::query_parameters::{ListContainersOptions, ListVolumesOptions};
use fleet_core::backup::{self, MountFound, Mounted, MountedAt, MountedFrom, Owner, Store};
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::{
    COMPOSE_SERVICE, EngineOwner, InstanceSpec, MountAccess, VolumeTarget, folder_key, owner_by_labels,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Asks for all containers and all volumes in two questions.
pub async fn mounted(engine: &DockerEngine, spec: &InstanceSpec) -> Result<Mounted, RuntimeError> {
    let (containers, volumes) = tokio::try_join!(containers(engine), volumes(engine))?;
    Ok(sorted(spec, containers, &volumes))
}

pub async fn roots(engine: &DockerEngine, spec: &InstanceSpec, store: &Store) -> Result<Vec<RootFound>, RuntimeError> {
    let backup::DatabaseEngine::Volume(files) = &store.engine else { return Ok(Vec::new()) };
    let (containers, volumes) = tokio::try_join!(containers(engine), volumes(engine))?;
    let mounted = sorted(spec, containers, &volumes);
    let of_store = backup::chosen(files, spec, &mounted).into_iter();
    of_store.map(|mount| root(spec, mount, &volumes)).collect()
}

pub async fn containers(engine: &DockerEngine) -> Result<Vec<ContainerSummary>, RuntimeError> {
    let options = ListContainersOptions { all: true, ..ListContainersOptions::default() };
    engine.ask(&FailedStep::ListContainers, engine.docker().await?.list_containers(Some(options))).await
}

pub async fn volumes(engine: &DockerEngine) -> Result<Vec<Volume>, RuntimeError> {
    let call = engine.docker().await?.list_volumes(None::<ListVolumesOptions>);
    Ok(engine.ask(&FailedStep::ListVolumes, call).await?.volumes.unwrap_or_default())
}

/// Returns the owner by the labels; none for another project or instance.
fn owner(labels: &HashMap<String, String>, spec: &InstanceSpec) -> Option<Owner> {
    match owner_by_labels(spec, |key| labels.get(key).map(String::as_str)) {
        EngineOwner::Instance | EngineOwner::OwnProject => Some(Owner::Instance),
        EngineOwner::Other { .. } | EngineOwner::Project { .. } => None,
        EngineOwner::Nobody if labels.contains_key("fleet.tool") => None,
        EngineOwner::Nobody => Some(Owner::Nobody),
    }
}

fn sorted(spec: &InstanceSpec, containers: Vec<ContainerSummary>, volumes: &[Volume]) -> Mounted {
    let mut found = Mounted::default();
    let mut foreign = BTreeSet::new();
    for container in containers {
        let labels = container.labels.clone().unwrap_or_default();
        let owner = owner(&labels, spec);
        let service = labels.get(COMPOSE_SERVICE).filter(|_| owner == Some(Owner::Instance));
        found.services.extend(service.cloned());
        for mount in container.mounts.iter().flatten() {
            let Some(source) = source(mount) else { continue };
            let Some(owner) = owner else {
                foreign.insert(source);
                continue;
            };
            let at = Some(place(&container, service.cloned(), mount));
            found.mounts.push(MountFound { source, at, owner, devices: Vec::new() });
        }
    }
    let of_labels: BTreeMap<&str, Option<Owner>> =
        volumes.iter().map(|volume| (volume.name.as_str(), owner(&volume.labels, spec))).collect();
    // Volumes that the spec claims are its own unless another owner labelled them; volumes that it only uses follow
    // their labels.
    let is_of_spec = |volume: &Volume| {
        let is_it = |it: &&fleet_core::spec::VolumeSpec| it.name == volume.name;
        let in_spec = spec.volumes.iter().find(is_it);
        in_spec.is_some_and(|it| it.external || owner(&volume.labels, spec).is_some())
    };
    // Mounts with another project's label, or used by one of its containers, have an owner.
    found.mounts.retain(|mount| match (&mount.source, mount.owner) {
        (_, Owner::Instance) => true,
        (MountedFrom::Volume(name), Owner::Nobody) => {
            !foreign.contains(&mount.source) && of_labels.get(name.as_str()) != Some(&None)
        }
        (MountedFrom::Folder(_), Owner::Nobody) => !foreign.contains(&mount.source),
    });
    let known: BTreeSet<_> = found.mounts.iter().map(|mount| mount.source.clone()).collect();
    for volume in volumes {
        let source = MountedFrom::Volume(volume.name.clone());
        let owner = if is_of_spec(volume) { Some(Owner::Instance) } else { owner(&volume.labels, spec) };
        let is_free = owner == Some(Owner::Instance) || !foreign.contains(&source);
        if let Some(owner) = owner.filter(|_| is_free && !known.contains(&source)) {
            found.mounts.push(MountFound { source, at: None, owner, devices: Vec::new() });
        }
    }
    let devices: BTreeMap<&str, Vec<VolumeTarget>> =
        volumes.iter().map(|it| (it.name.as_str(), targets_of(it))).collect();
    for mount in &mut found.mounts {
        if let MountedFrom::Volume(name) = &mount.source {
            mount.devices = devices.get(name.as_str()).cloned().unwrap_or_default();
        }
    }
    found
}

fn source(mount: &MountPoint) -> Option<MountedFrom> {
    match mount.typ.as_deref()? {
        "volume" => mount.name.clone().map(MountedFrom::Volume),
        "bind" => mount.source.clone().map(MountedFrom::Folder),
        _ => None,
    }
}

fn place(container: &ContainerSummary, service: Option<String>, mount: &MountPoint) -> MountedAt {
    let name = container.names.iter().flatten().next().map(|name| name.trim_start_matches('/').to_owned());
    MountedAt {
        container: name.unwrap_or_default(),
        image: container.image.clone().unwrap_or_default(),
        service,
        target: mount.destination.clone().unwrap_or_default(),
        access: if mount.rw == Some(false) { MountAccess::ReadOnly } else { MountAccess::ReadWrite },
    }
}

fn root(spec: &InstanceSpec, mount: &MountFound, volumes: &[Volume]) -> Result<RootFound, RuntimeError> {
    let found = mount.clone();
    match &mount.source {
        MountedFrom::Folder(path) => {
            let inside = path.strip_prefix(&format!("{}/", spec.working_dir));
            let key = inside.map_or_else(|| folder_key(path), |inside| format!("./{inside}"));
            // The Engine mounts where a link leads, so that is where the files are.
            let leads = std::fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
            Ok(RootFound { from: path.clone(), key, path: leads, mount: found })
        }
        MountedFrom::Volume(name) => {
            let gone = || RuntimeError::NotThere { kind: "volume", name: name.clone() };
            let volume = volumes.iter().find(|volume| volume.name == *name).ok_or_else(gone)?;
            let path = place_of(volume)?;
            Ok(RootFound { from: name.clone(), key: backup::key_of(spec, name), path, mount: found })
        }
    }
}

/// Returns the folder of a volume's files. If the volume's options name a mount, the Engine mounts it only while a
/// container uses it; the empty folder seen otherwise is not its data.
pub fn place_of(volume: &Volume) -> Result<PathBuf, RuntimeError> {
    let option = |key: &str| volume.options.get(key).map(String::as_str);
    let is_bind = option("o").unwrap_or_default().split(',').any(|flag| matches!(flag.trim(), "bind" | "rbind"));
    match option("device") {
        Some(device) if is_bind && device.starts_with('/') => return Ok(PathBuf::from(device)),
        Some(_) if !is_mounted(Path::new(&volume.mountpoint)) => {
            return Err(RuntimeError::NotMounted { volume: volume.name.clone() });
        }
        Some(_) | None => {}
    }
    let path = PathBuf::from(&volume.mountpoint);
    // Drivers that are not the Engine's own may keep their volumes elsewhere.
    if path.is_dir() { Ok(path) } else { Err(RuntimeError::NotMounted { volume: volume.name.clone() }) }
}

fn is_mounted(path: &Path) -> bool {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().any(|line| line.split(' ').nth(4).is_some_and(|point| Path::new(point) == path))
}
