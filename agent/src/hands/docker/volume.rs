//! Volumes at the Engine.

use super::engine::{Engine, unless_missing};
use crate::hands::HandsError;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::RemoveVolumeOptions;
use fleet_core::spec::{COMPOSE_PROJECT, COMPOSE_VOLUME, InstanceSpec, VolumeSpec};
use std::collections::HashMap;

/// Creates a volume; one that is there already stays as it is.
pub async fn create(engine: &Engine, volume: &VolumeSpec, spec: &InstanceSpec) -> Result<(), HandsError> {
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
    engine.act(&format!("create volume {}", volume.name), call).await.map(drop)
}

pub async fn exists(engine: &Engine, name: &str) -> Result<bool, HandsError> {
    let call = engine.docker().await?.inspect_volume(name);
    match unless_missing(engine.ask(&format!("look for volume {name}"), call).await) {
        Ok(found) => Ok(found.is_some()),
        // Some drivers describe a volume in ways that cannot be read; it is there.
        Err(HandsError::Lost { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

pub async fn expect(engine: &Engine, name: &str) -> Result<(), HandsError> {
    match exists(engine, name).await? {
        true => Ok(()),
        false => Err(HandsError::NotThere { kind: "volume", name: name.to_owned() }),
    }
}

/// Removes a volume with its data.
pub async fn remove(engine: &Engine, name: &str) -> Result<(), HandsError> {
    let call = engine.docker().await?.remove_volume(name, None::<RemoveVolumeOptions>);
    match unless_missing(engine.act(&format!("remove volume {name}"), call).await) {
        Ok(_) => Ok(()),
        Err(HandsError::Refused { status: 409, .. }) => {
            Err(HandsError::InUse { kind: "volume", name: name.to_owned() })
        }
        Err(error) => Err(error),
    }
}
