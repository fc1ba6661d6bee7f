//! Volumes at the Engine.

use super::engine::{DockerEngine, unless_missing};
use super::engine_messages::EngineErrorKind;
use crate::runtime::RuntimeError;
use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::RemoveVolumeOptions;
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::{
    COMPOSE_PROJECT, COMPOSE_VOLUME, EngineOwner, InstanceSpec, VolumeSpec, VolumeTarget, owner_by_labels,
};
use fleet_core::steps::ForeignKind;
use std::collections::{BTreeMap, HashMap};

/// Creates a volume; one of the instance's that is there already stays as it is.
pub async fn create(engine: &DockerEngine, volume: &VolumeSpec, spec: &InstanceSpec) -> Result<(), RuntimeError> {
    match owner_of(engine, spec, &volume.name).await? {
        None => {}
        Some(owner) if owner.is_own() => return Ok(()),
        Some(owner) => {
            return Err(RuntimeError::OfOthers { kind: ForeignKind::Volume, name: volume.name.clone(), owner });
        }
    }
    let mut labels: HashMap<_, _> = volume.labels.clone().into_iter().collect();
    labels.entry(COMPOSE_PROJECT.to_owned()).or_insert_with(|| spec.project.clone());
    labels.entry(COMPOSE_VOLUME.to_owned()).or_insert_with(|| volume.key.clone());
    let request = VolumeCreateRequest {
        name: Some(volume.name.clone()),
        driver: volume.driver.clone(),
        driver_opts: Some(volume.options.clone().into_iter().collect()),
        labels: Some(labels),
        ..VolumeCreateRequest::default()
    };
    let call = engine.docker().await?.create_volume(request);
    engine.act(&FailedStep::CreateVolume(volume.name.clone()), call).await.map(drop)
}

/// Returns the owner of a volume by its labels.
pub fn owner(spec: &InstanceSpec, labels: &HashMap<String, String>) -> EngineOwner {
    owner_by_labels(spec, |key| labels.get(key).map(String::as_str))
}

/// Returns the owner of a volume; none if it does not exist.
pub async fn owner_of(
    engine: &DockerEngine,
    spec: &InstanceSpec,
    name: &str,
) -> Result<Option<EngineOwner>, RuntimeError> {
    let call = engine.docker().await?.inspect_volume(name);
    match unless_missing(engine.ask(&FailedStep::LookForVolume(name.to_owned()), call).await) {
        Ok(found) => Ok(found.map(|volume| owner(spec, &volume.labels))),
        // Some drivers describe a volume in ways that cannot be read; it is there.
        Err(RuntimeError::Lost { .. }) => Ok(Some(EngineOwner::Nobody)),
        Err(error) => Err(error),
    }
}

/// Returns the targets of the spec's existing volumes.
pub async fn devices(
    engine: &DockerEngine,
    spec: &InstanceSpec,
) -> Result<BTreeMap<String, Vec<VolumeTarget>>, RuntimeError> {
    let mut devices = BTreeMap::new();
    for volume in &spec.volumes {
        let call = engine.docker().await?.inspect_volume(&volume.name);
        match unless_missing(engine.ask(&FailedStep::LookForVolume(volume.name.clone()), call).await) {
            Ok(Some(found)) => drop(devices.insert(volume.name.clone(), targets_of(&found))),
            Ok(None) => {}
            // Some drivers describe a volume in ways that cannot be parsed. For a volume that fleet made, the spec has
            // its target.
            Err(RuntimeError::Lost { .. }) if !volume.external => {}
            Err(error) => return Err(error),
        }
    }
    Ok(devices)
}

/// Returns the targets of a volume, from its driver and options.
pub fn targets_of(volume: &Volume) -> Vec<VolumeTarget> {
    let options: BTreeMap<String, String> = volume.options.clone().into_iter().collect();
    let (name, key, driver) = (volume.name.clone(), volume.name.clone(), Some(volume.driver.clone()));
    VolumeSpec { name, key, external: true, driver, options, labels: BTreeMap::new() }.targets()
}

pub async fn expect(engine: &DockerEngine, spec: &InstanceSpec, name: &str) -> Result<(), RuntimeError> {
    match owner_of(engine, spec, name).await? {
        Some(_) => Ok(()),
        None => Err(RuntimeError::NotThere { kind: "volume", name: name.to_owned() }),
    }
}

/// Removes a volume with its data, unless another owner has it.
pub async fn remove(engine: &DockerEngine, spec: &InstanceSpec, name: &str) -> Result<(), RuntimeError> {
    match owner_of(engine, spec, name).await? {
        Some(owner @ (EngineOwner::Other { .. } | EngineOwner::Project { .. })) => {
            return Err(RuntimeError::OfOthers { kind: ForeignKind::Volume, name: name.to_owned(), owner });
        }
        Some(owner @ EngineOwner::Nobody) if spec.is_unrecorded() => {
            return Err(RuntimeError::OfOthers { kind: ForeignKind::Volume, name: name.to_owned(), owner });
        }
        Some(EngineOwner::Instance | EngineOwner::OwnProject | EngineOwner::Nobody) | None => {}
    }
    let call = engine.docker().await?.remove_volume(name, None::<RemoveVolumeOptions>);
    match unless_missing(engine.act(&FailedStep::RemoveVolume(name.to_owned()), call).await) {
        Ok(_) => Ok(()),
        Err(RuntimeError::Refused { kind: EngineErrorKind::InUse | EngineErrorKind::Conflict, .. }) => {
            Err(RuntimeError::InUse { kind: "volume", name: name.to_owned() })
        }
        Err(error) => Err(error),
    }
}
