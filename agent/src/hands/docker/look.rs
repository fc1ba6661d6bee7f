//! Looking at what a project has on this host.

use super::container::{inspect, labels_of};
use super::engine::{Engine, unless_missing};
use super::{network, volume};
use crate::hands::{HandsError, files};
use bollard::models::{
    ContainerInspectResponse, ContainerState as EngineState, ContainerStateStatusEnum, HealthStatusEnum, MountPoint,
    Network,
};
use bollard::query_parameters::{ListContainersOptions, ListNetworksOptions, ListVolumesOptions};
use fleet_core::spec::{COMPOSE_PROJECT, COMPOSE_SERVICE, FLEET_CONFIG_HASH, InstanceSpec};
use fleet_core::steps::{
    ContainerHealth, ContainerState, DEFAULT_GRACE, Found, FoundContainer, FoundNetwork, KeptVolume, Ownership,
};
use fleet_core::units::Period;
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Everything of the spec's project, asked side by side.
pub async fn look(engine: &Engine, spec: &InstanceSpec) -> Result<Found, HandsError> {
    let (containers, networks, volumes, images, files) = tokio::try_join!(
        containers(engine, &spec.project),
        networks(engine, spec),
        volumes(engine, spec),
        images(engine, spec),
        files::look(spec),
    )?;
    let containers = containers.into_iter().map(found_container).collect();
    Ok(Found { containers, networks, volumes, images, files })
}

fn of_project(project: &str) -> Option<HashMap<String, Vec<String>>> {
    Some(HashMap::from([("label".to_owned(), vec![format!("{COMPOSE_PROJECT}={project}")])]))
}

/// All containers of a project, in full.
pub async fn containers(engine: &Engine, project: &str) -> Result<Vec<ContainerInspectResponse>, HandsError> {
    let options = ListContainersOptions { all: true, filters: of_project(project), ..ListContainersOptions::default() };
    let call = engine.docker().await?.list_containers(Some(options));
    let listed = engine.ask("list containers", call).await?;
    let ids: Vec<String> = listed.into_iter().filter_map(|container| container.id).collect();
    let all = try_join_all(ids.iter().map(|id| inspect(engine, id))).await?;
    // One that is gone by now was not found; `docker-compose run` leaves some that are no service's.
    let is_service = |found: &ContainerInspectResponse| {
        let labels = labels_of(found);
        labels.contains_key(COMPOSE_SERVICE) && labels.get("com.docker.compose.oneoff").is_none_or(|it| it != "True")
    };
    Ok(all.into_iter().flatten().filter(is_service).collect())
}

fn found_container(found: ContainerInspectResponse) -> FoundContainer {
    let mut labels = labels_of(&found);
    let mut label = |key: &str| labels.remove(key).unwrap_or_default();
    let (service, config_hash) = (label(COMPOSE_SERVICE), label(FLEET_CONFIG_HASH));
    let (state, health) = state_of(found.state.as_ref());
    let config = found.config.unwrap_or_default();
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let seconds = config.stop_timeout.and_then(|seconds| u64::try_from(seconds).ok());
    FoundContainer {
        id: found.id.unwrap_or_default(),
        name: plain_name(found.name),
        service,
        config_hash,
        image: config.image.unwrap_or_default(),
        image_id: found.image.unwrap_or_default(),
        state,
        health,
        restarts: restarts(found.restart_count),
        networks: networks.into_keys().collect(),
        lender: found.host_config.and_then(|config| lender(&config.network_mode?)),
        anonymous: found.mounts.unwrap_or_default().into_iter().filter_map(anonymous).collect(),
        stop_grace: seconds.map_or(DEFAULT_GRACE, Period::from_secs),
    }
}

/// Whoever was named when the container was made: the Engine keeps the id.
fn lender(network_mode: &str) -> Option<String> {
    network_mode.strip_prefix("container:").map(str::to_owned)
}

/// A container's name as people know it.
pub fn plain_name(name: Option<String>) -> String {
    name.unwrap_or_default().trim_start_matches('/').to_owned()
}

pub fn restarts(count: Option<i64>) -> u64 {
    count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

/// Volumes that nobody named have 64 hex digits for a name.
fn anonymous(mount: MountPoint) -> Option<KeptVolume> {
    let volume = mount.name.filter(|_| mount.typ.as_deref() == Some("volume"))?;
    let is_anonymous = volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_anonymous.then_some(KeptVolume { volume, target: mount.destination? })
}

/// State and health in the mind's words.
pub fn state_of(state: Option<&EngineState>) -> (ContainerState, ContainerHealth) {
    let Some(state) = state else { return (ContainerState::Dead, ContainerHealth::Unchecked) };
    let exit = ContainerState::Exited { code: state.exit_code.unwrap_or(-1) };
    let now = match state.status.unwrap_or(ContainerStateStatusEnum::EMPTY) {
        ContainerStateStatusEnum::CREATED => ContainerState::Created,
        ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING => ContainerState::Running,
        ContainerStateStatusEnum::PAUSED => ContainerState::Paused,
        ContainerStateStatusEnum::RESTARTING => ContainerState::Restarting,
        ContainerStateStatusEnum::EXITED => exit,
        ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD => ContainerState::Dead,
        // Podman has states of its own; what runs says so.
        ContainerStateStatusEnum::EMPTY if state.running == Some(true) => ContainerState::Running,
        ContainerStateStatusEnum::EMPTY => exit,
    };
    let health = state.health.as_ref().and_then(|health| health.status).unwrap_or(HealthStatusEnum::EMPTY);
    let health = match health {
        HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => ContainerHealth::Unchecked,
        HealthStatusEnum::STARTING => ContainerHealth::Starting,
        HealthStatusEnum::HEALTHY => ContainerHealth::Healthy,
        HealthStatusEnum::UNHEALTHY => ContainerHealth::Unhealthy,
    };
    (now, health)
}

/// The project's networks, and those of the spec's names that others made.
async fn networks(engine: &Engine, spec: &InstanceSpec) -> Result<Vec<FoundNetwork>, HandsError> {
    let options = ListNetworksOptions { filters: of_project(&spec.project) };
    let call = engine.docker().await?.list_networks(Some(options));
    let own = engine.ask("list networks", call).await?;
    let own: Vec<_> = own.into_iter().map(|it| found_network(it, Ownership::OfProject)).collect();
    let is_own = |name: &str| own.iter().any(|network| network.name == name);
    let others = spec.networks.iter().filter(|network| !is_own(&network.name));
    let others = try_join_all(others.map(|it| network::named(engine, &it.name))).await?;
    let others = others.into_iter().flatten().map(|it| found_network(it, Ownership::OfOthers));
    Ok(others.chain(own).collect())
}

fn found_network(network: Network, ownership: Ownership) -> FoundNetwork {
    let config_hash = network.labels.and_then(|mut labels| labels.remove(FLEET_CONFIG_HASH));
    FoundNetwork { name: network.name.unwrap_or_default(), ownership, config_hash: config_hash.unwrap_or_default() }
}

/// The project's volumes, and those of the spec's names that others made.
async fn volumes(engine: &Engine, spec: &InstanceSpec) -> Result<BTreeSet<String>, HandsError> {
    let options = ListVolumesOptions { filters: of_project(&spec.project) };
    let call = engine.docker().await?.list_volumes(Some(options));
    let own = engine.ask("list volumes", call).await?.volumes.unwrap_or_default();
    let mut names: BTreeSet<String> = own.into_iter().map(|volume| volume.name).collect();
    let others: Vec<_> = spec.volumes.iter().filter(|volume| !names.contains(&volume.name)).collect();
    let are_there = try_join_all(others.iter().map(|it| volume::exists(engine, &it.name))).await?;
    names.extend(others.iter().zip(are_there).filter(|(_, is_there)| *is_there).map(|(it, _)| it.name.clone()));
    Ok(names)
}

async fn images(engine: &Engine, spec: &InstanceSpec) -> Result<BTreeMap<String, String>, HandsError> {
    let wanted: BTreeSet<&String> = spec.containers.iter().map(|container| &container.image).collect();
    let ids = try_join_all(wanted.iter().map(|image| image_id(engine, image))).await?;
    let found = wanted.into_iter().zip(ids);
    Ok(found.filter_map(|(image, id)| Some((image.clone(), id?))).collect())
}

/// The id of an image that is on this host.
pub async fn image_id(engine: &Engine, image: &str) -> Result<Option<String>, HandsError> {
    let call = engine.docker().await?.inspect_image(image);
    let found = unless_missing(engine.ask(&format!("look for image {image}"), call).await)?;
    Ok(found.map(|image| image.id.unwrap_or_default()))
}
