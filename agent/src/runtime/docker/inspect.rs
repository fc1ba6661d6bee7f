//! Inspection of a project on this host.

use super::container::{inspect, labels_of};
use super::engine::{DockerEngine, unless_missing};
use super::{mounted, network, volume};
use crate::runtime::{LogRequest, RuntimeError, files};
use bollard::models::{
    ContainerInspectResponse, ContainerState as EngineState, ContainerStateStatusEnum, ContainerSummary,
    HealthStatusEnum, MountPoint, Network, PortSummary, PortSummaryTypeEnum, RestartPolicy, RestartPolicyNameEnum,
};
use bollard::query_parameters::{ListContainersOptions, ListNetworksOptions, ListVolumesOptions};
use fleet_core::claims::overlap;
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::{
    COMPOSE_PROJECT, COMPOSE_SERVICE, EngineOwner, FLEET_CONFIG_HASH, FLEET_INSTANCE, InstanceSpec, PortSpec, Protocol,
    Restart, owner_by_labels,
};
use fleet_core::steps::{
    ContainerHealth, ContainerState, DEFAULT_GRACE, Foreign, ForeignKind, FoundContainer, FoundNetwork, FoundProject,
    KeptVolume, Ownership,
};
use fleet_core::units::Period;
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Returns all parts of the spec's instance, queried in parallel, and conflicting foreign ones.
pub async fn look(engine: &DockerEngine, spec: &InstanceSpec) -> Result<FoundProject, RuntimeError> {
    let (listed, networks, volumes, images, files) = tokio::try_join!(
        mounted::containers(engine),
        networks(engine, spec),
        volumes(engine, spec),
        images(engine, spec),
        files::look(spec),
    )?;
    let own = listed.iter().filter(|container| is_own_service(container, spec));
    let containers = inspect_all(engine, own).await?.into_iter().map(found_container).collect();
    let mut foreign: Vec<_> = listed.iter().filter_map(|it| foreign_container(it, spec)).collect();
    foreign.extend(networks.foreign.into_iter().chain(volumes.foreign));
    let (networks, (volumes, signed)) = (networks.found, volumes.found);
    let borrowed = borrowed(&listed, spec, &volumes);
    let taken_ports = taken_ports(&listed, spec);
    Ok(FoundProject { containers, networks, volumes, signed, images, files, foreign, borrowed, taken_ports })
}

/// Found parts of one kind, with the foreign ones apart.
struct Sorted<T> {
    found: T,
    foreign: Vec<Foreign>,
}

fn of_project(project: &str) -> Option<HashMap<String, Vec<String>>> {
    Some(HashMap::from([("label".to_owned(), vec![format!("{COMPOSE_PROJECT}={project}")])]))
}

/// The instance's own containers, in full. What another instance has in a project of the same name is not among them.
pub async fn containers(
    engine: &DockerEngine,
    spec: &InstanceSpec,
) -> Result<Vec<ContainerInspectResponse>, RuntimeError> {
    let filters = of_project(&spec.project);
    let options = ListContainersOptions { all: true, filters, ..ListContainersOptions::default() };
    let listed = engine.ask(&FailedStep::ListContainers, engine.docker().await?.list_containers(Some(options))).await?;
    inspect_all(engine, listed.iter().filter(|container| is_own_service(container, spec))).await
}

/// The containers whose lines are asked for, whatever release they are of.
pub async fn containers_of(
    engine: &DockerEngine,
    request: &LogRequest,
) -> Result<Vec<ContainerInspectResponse>, RuntimeError> {
    let labels =
        [format!("{COMPOSE_PROJECT}={}", request.project), format!("{FLEET_INSTANCE}={}", request.instance)].to_vec();
    let filters = Some(HashMap::from([("label".to_owned(), labels)]));
    let options = ListContainersOptions { all: true, filters, ..ListContainersOptions::default() };
    let listed = engine.ask(&FailedStep::ListContainers, engine.docker().await?.list_containers(Some(options))).await?;
    inspect_all(engine, listed.iter().filter(|container| is_service(container))).await
}

/// Inspects these objects; one that is gone by now is left out.
async fn inspect_all(
    engine: &DockerEngine,
    listed: impl Iterator<Item = &ContainerSummary>,
) -> Result<Vec<ContainerInspectResponse>, RuntimeError> {
    let ids: Vec<&str> = listed.filter_map(|container| container.id.as_deref()).collect();
    Ok(try_join_all(ids.iter().map(|id| inspect(engine, id))).await?.into_iter().flatten().collect())
}

fn label<'a>(container: &'a ContainerSummary, key: &str) -> Option<&'a str> {
    container.labels.as_ref()?.get(key).map(String::as_str)
}

/// Tells whether a container is one that fleet made for a service of the instance.
fn is_own_service(container: &ContainerSummary, spec: &InstanceSpec) -> bool {
    is_in_project(container, spec) && is_service(container) && is_own_container(spec, |key| label(container, key))
}

/// Tells whether fleet made a container for the instance. One that Compose made for a project of its name is not.
pub fn is_own_container<'a>(spec: &InstanceSpec, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    owner_by_labels(spec, label) == EngineOwner::Instance
}

fn is_in_project(container: &ContainerSummary, spec: &InstanceSpec) -> bool {
    label(container, COMPOSE_PROJECT) == Some(&spec.project)
}

/// `docker-compose run` leaves some that are no service's.
fn is_service(container: &ContainerSummary) -> bool {
    label(container, COMPOSE_SERVICE).is_some()
        && label(container, "com.docker.compose.oneoff").is_none_or(|it| it != "True")
}

/// Returns a foreign container in the project, or under a name that the spec claims.
fn foreign_container(container: &ContainerSummary, spec: &InstanceSpec) -> Option<Foreign> {
    let owner = owner_by_labels(spec, |key| label(container, key));
    let names: Vec<&str> = container.names.iter().flatten().map(|name| name.trim_start_matches('/')).collect();
    let is_claimed = names.iter().any(|name| spec.containers.iter().any(|it| it.name == *name));
    let is_in_the_way = is_claimed || is_in_project(container, spec) && is_service(container);
    let name = (*names.first()?).to_owned();
    let is_foreign = is_in_the_way && owner != EngineOwner::Instance;
    is_foreign.then_some(Foreign { kind: ForeignKind::Container, name, owner })
}

/// The volumes that containers of others have mounted, each with one of them.
fn borrowed(listed: &[ContainerSummary], spec: &InstanceSpec, volumes: &BTreeSet<String>) -> BTreeMap<String, String> {
    let others = listed.iter().filter(|it| !is_own_container(spec, |key| label(it, key)) && !is_tool(it, spec));
    let mounts =
        others.flat_map(|it| it.mounts.iter().flatten().filter_map(move |mount| Some((mount.name.clone()?, it))));
    let of_spec = mounts.filter(|(name, _)| volumes.contains(name));
    of_spec.map(|(name, it)| (name, plain_name(it.names.iter().flatten().next().cloned()))).collect()
}

/// The ports that the spec publishes and containers of others have open, each with one of them.
fn taken_ports(listed: &[ContainerSummary], spec: &InstanceSpec) -> BTreeMap<u16, String> {
    let wanted: Vec<&PortSpec> = spec.containers.iter().flat_map(|it| &it.ports).collect();
    let others = listed.iter().filter(|it| !is_own_container(spec, |key| label(it, key)));
    let open = others.flat_map(|it| it.ports.iter().flatten().filter_map(move |port| Some((port_of(port)?, it))));
    let taken = open.filter(|(port, _)| wanted.iter().any(|it| overlap(it, port)));
    taken.filter_map(|(port, it)| Some((port.host?, plain_name(it.names.iter().flatten().next().cloned())))).collect()
}

fn port_of(port: &PortSummary) -> Option<PortSpec> {
    let protocol = match port.typ? {
        PortSummaryTypeEnum::TCP | PortSummaryTypeEnum::EMPTY => Protocol::Tcp,
        PortSummaryTypeEnum::UDP => Protocol::Udp,
        PortSummaryTypeEnum::SCTP => Protocol::Sctp,
    };
    Some(PortSpec { container: port.private_port, protocol, host: Some(port.public_port?), address: port.ip.clone() })
}

/// A tool's own container is ended with the work that it is for.
fn is_tool(container: &ContainerSummary, spec: &InstanceSpec) -> bool {
    label(container, super::tool::LABEL) == Some(&spec.project)
}

fn found_container(found: ContainerInspectResponse) -> FoundContainer {
    let mut labels = labels_of(&found);
    let mut label = |key: &str| labels.remove(key).unwrap_or_default();
    let (service, config_hash) = (label(COMPOSE_SERVICE), label(FLEET_CONFIG_HASH));
    let (state, health) = state_of(found.state.as_ref());
    let config = found.config.unwrap_or_default();
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let seconds = config.stop_timeout.and_then(|seconds| u64::try_from(seconds).ok());
    let host_config = found.host_config.unwrap_or_default();
    let restart = host_config.restart_policy.as_ref().and_then(restart_of);
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
        lender: host_config.network_mode.as_deref().and_then(lender),
        anonymous: volumes_without_name(found.mounts),
        stop_grace: seconds.map_or(DEFAULT_GRACE, Period::from_secs),
        restart,
    }
}

/// Returns the restart policy, if it is one that a Compose file can ask for.
fn restart_of(policy: &RestartPolicy) -> Option<Restart> {
    let attempts = policy.maximum_retry_count.and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
    Some(match policy.name? {
        RestartPolicyNameEnum::EMPTY | RestartPolicyNameEnum::NO => Restart::No,
        RestartPolicyNameEnum::ALWAYS => Restart::Always,
        RestartPolicyNameEnum::UNLESS_STOPPED => Restart::UnlessStopped,
        RestartPolicyNameEnum::ON_FAILURE => Restart::OnFailure { attempts },
    })
}

/// Returns the lender of a container's network, as named at its creation: the Engine keeps the id.
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

/// Returns the volumes of a container that have no name.
pub fn volumes_without_name(mounts: Option<Vec<MountPoint>>) -> Vec<KeptVolume> {
    mounts.unwrap_or_default().into_iter().filter_map(anonymous).collect()
}

/// Returns the volume of an anonymous mount, whose name is 64 hexadecimal digits.
fn anonymous(mount: MountPoint) -> Option<KeptVolume> {
    let volume = mount.name.filter(|_| mount.typ.as_deref() == Some("volume"))?;
    let is_anonymous = volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_anonymous.then_some(KeptVolume { volume, target: mount.destination? })
}

/// Converts the Engine's state and health to the planner's types.
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
        // Podman has states of its own; a running container is marked as running.
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

/// The instance's networks, and those of the spec's names that others made.
async fn networks(engine: &DockerEngine, spec: &InstanceSpec) -> Result<Sorted<Vec<FoundNetwork>>, RuntimeError> {
    let options = ListNetworksOptions { filters: of_project(&spec.project) };
    let call = engine.docker().await?.list_networks(Some(options));
    let of_project = engine.ask(&FailedStep::ListNetworks, call).await?;
    let is_there = |name: &str| of_project.iter().any(|network| network.name.as_deref() == Some(name));
    let others = spec.networks.iter().filter(|network| !is_there(&network.name));
    let others = try_join_all(others.map(|it| network::named(engine, &it.name))).await?;
    let (mut found, mut foreign) = (Vec::new(), Vec::new());
    for network in others.into_iter().flatten().chain(of_project) {
        let owner = network::owner(spec, &network);
        let name = network.name.clone().unwrap_or_default();
        let is_claimed = spec.networks.iter().any(|it| it.name == name && !it.external);
        if is_claimed && !owner.is_own() {
            foreign.push(Foreign { kind: ForeignKind::Network, name, owner: owner.clone() });
        }
        found.push(found_network(network, if owner.is_own() { Ownership::OfProject } else { Ownership::OfOthers }));
    }
    Ok(Sorted { found, foreign })
}

fn found_network(network: Network, ownership: Ownership) -> FoundNetwork {
    let config_hash = network.labels.and_then(|mut labels| labels.remove(FLEET_CONFIG_HASH));
    FoundNetwork { name: network.name.unwrap_or_default(), ownership, config_hash: config_hash.unwrap_or_default() }
}

/// Volumes, and those of them that fleet made for the instance.
type VolumesFound = (BTreeSet<String>, BTreeSet<String>);

/// The project's volumes, and those of the spec's names that others made.
async fn volumes(engine: &DockerEngine, spec: &InstanceSpec) -> Result<Sorted<VolumesFound>, RuntimeError> {
    let options = ListVolumesOptions { filters: of_project(&spec.project) };
    let call = engine.docker().await?.list_volumes(Some(options));
    let of_project = engine.ask(&FailedStep::ListVolumes, call).await?.volumes.unwrap_or_default();
    let owners = of_project.into_iter().map(|volume| (volume::owner(spec, &volume.labels), volume.name));
    let mut owners: Vec<(EngineOwner, String)> = owners.collect();
    let others = spec.volumes.iter().filter(|volume| !owners.iter().any(|(_, name)| *name == volume.name));
    let others: Vec<_> = others.map(|volume| &volume.name).collect();
    let found = try_join_all(others.iter().map(|name| volume::owner_of(engine, spec, name))).await?;
    owners.extend(found.into_iter().zip(others).filter_map(|(owner, name)| Some((owner?, name.clone()))));
    let is_external = |name: &str| spec.volumes.iter().any(|it| it.name == name && it.external);
    let foreign = owners.iter().filter(|(owner, name)| !owner.is_own() && !is_external(name));
    let foreign =
        foreign.map(|(owner, name)| Foreign { kind: ForeignKind::Volume, name: name.clone(), owner: owner.clone() });
    let foreign = foreign.collect();
    let signed = owners.iter().filter(|(owner, _)| *owner == EngineOwner::Instance).map(|(_, name)| name.clone());
    let signed = signed.collect();
    Ok(Sorted { foreign, found: (owners.into_iter().map(|(_, name)| name).collect(), signed) })
}

async fn images(engine: &DockerEngine, spec: &InstanceSpec) -> Result<BTreeMap<String, String>, RuntimeError> {
    let wanted: BTreeSet<&String> = spec.containers.iter().map(|container| &container.image).collect();
    let ids = try_join_all(wanted.iter().map(|image| image_id(engine, image))).await?;
    let found = wanted.into_iter().zip(ids);
    Ok(found.filter_map(|(image, id)| Some((image.clone(), id?))).collect())
}

/// The id of an image that is on this host.
pub async fn image_id(engine: &DockerEngine, image: &str) -> Result<Option<String>, RuntimeError> {
    let call = engine.docker().await?.inspect_image(image);
    let found = unless_missing(engine.ask(&FailedStep::LookForImage(image.to_owned()), call).await)?;
    Ok(found.map(|image| image.id.unwrap_or_default()))
}
