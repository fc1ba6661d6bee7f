//! A container's spec in the Engine's words.

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountTmpfsOptions, MountType, NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use fleet_core::spec::{
    AttachSpec, COMPOSE_PROJECT, COMPOSE_SERVICE, ContainerSpec, FLEET_CONFIG_HASH, Healthcheck, HostPath,
    InstanceSpec, MountAccess, MountSource, MountSpec, NetworkMode, PortSpec, Probing, Relabel, Restart, Switch, Text,
};
use fleet_core::steps::KeptVolume;
use fleet_core::units::Period;
use std::collections::{BTreeMap, HashMap};

/// Returns the request to create a container with its first network; the others are connected afterwards.
pub fn body(spec: &InstanceSpec, container: &ContainerSpec, keeps: &[KeptVolume]) -> ContainerCreateBody {
    let exposed = container.ports.iter().map(port_key).chain(container.expose.iter().cloned());
    let exposed: Vec<_> = exposed.collect();
    ContainerCreateBody {
        image: Some(container.image.clone()),
        entrypoint: container.entrypoint.as_deref().map(exposed_texts),
        cmd: container.command.as_deref().map(exposed_texts),
        env: Some(environment(container)),
        labels: Some(labels(spec, container)),
        exposed_ports: (!exposed.is_empty()).then_some(exposed),
        healthcheck: container.healthcheck.as_ref().map(healthcheck),
        user: container.user.clone(),
        working_dir: container.working_dir.clone(),
        hostname: container.hostname.clone(),
        stop_signal: container.stop_signal.clone(),
        stop_timeout: container.stop_grace_period.map(whole_seconds),
        host_config: Some(host_config(spec, container, keeps)),
        networking_config: networking(container),
        ..ContainerCreateBody::default()
    }
}

fn exposed_texts(texts: &[Text]) -> Vec<String> {
    texts.iter().map(|text| text.expose().to_owned()).collect()
}

fn environment(container: &ContainerSpec) -> Vec<String> {
    container.environment.iter().map(|(key, value)| format!("{key}={}", value.expose())).collect()
}

/// The spec's labels, and those without which we would not find it again.
fn labels(spec: &InstanceSpec, container: &ContainerSpec) -> HashMap<String, String> {
    let mut labels: HashMap<_, _> = container.labels.clone().into_iter().collect();
    labels.insert(COMPOSE_PROJECT.to_owned(), spec.project.clone());
    labels.insert(COMPOSE_SERVICE.to_owned(), container.service.clone());
    labels.insert(FLEET_CONFIG_HASH.to_owned(), container.config_hash.clone());
    labels
}

fn host_config(spec: &InstanceSpec, container: &ContainerSpec, keeps: &[KeptVolume]) -> HostConfig {
    let resources = &container.resources;
    HostConfig {
        binds: Some(container.mounts.iter().filter_map(bind).collect()),
        mounts: Some(mounts(container, keeps)),
        port_bindings: Some(port_bindings(&container.ports)),
        network_mode: Some(network_mode(spec, container)),
        restart_policy: Some(restart_policy(container.restart)),
        log_config: container.logging.as_ref().map(|logging| HostConfigLogConfig {
            typ: logging.driver.clone(),
            config: Some(logging.options.clone().into_iter().collect()),
        }),
        nano_cpus: resources.cpus.map(|cpus| i64::try_from(cpus.0).unwrap_or(i64::MAX)),
        memory: resources.memory.map(|size| i64::try_from(size.bytes()).unwrap_or(i64::MAX)),
        pids_limit: resources.pids.map(i64::from),
        extra_hosts: some(container.extra_hosts.clone()),
        init: container.init.map(Switch::is_on),
        shm_size: container.shm_size.map(|size| i64::try_from(size.bytes()).unwrap_or(i64::MAX)),
        ulimits: some(container.ulimits.iter().map(ulimit).collect()),
        cap_add: some(container.cap_add.clone()),
        cap_drop: some(container.cap_drop.clone()),
        security_opt: some(container.security_opt.clone()),
        readonly_rootfs: Some(container.read_only.is_on()),
        privileged: Some(container.privileged.is_on()),
        ..HostConfig::default()
    }
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

fn ulimit((name, limit): (&String, &fleet_core::spec::Ulimit)) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.clone()), soft: Some(limit.soft), hard: Some(limit.hard) }
}

/// The old form of a bind mount, the only one in which the Engine makes a missing folder or relabels.
fn bind(mount: &MountSpec) -> Option<String> {
    let MountSource::Bind { path, if_missing, relabel } = &mount.source else { return None };
    if !takes_old_form(path, *if_missing, *relabel) {
        return None;
    }
    let mut options = vec![match mount.access {
        MountAccess::ReadWrite => "rw",
        MountAccess::ReadOnly => "ro",
    }];
    options.extend(relabel.map(|relabel| match relabel {
        Relabel::Shared => "z",
        Relabel::Private => "Z",
    }));
    Some(format!("{path}:{}:{}", mount.target, options.join(",")))
}

fn takes_old_form(path: &str, if_missing: HostPath, relabel: Option<Relabel>) -> bool {
    // A colon would be taken for the end of the path.
    !path.contains(':') && (if_missing == HostPath::Create || relabel.is_some())
}

fn mounts(container: &ContainerSpec, keeps: &[KeptVolume]) -> Vec<Mount> {
    let is_kept = |target: &str| keeps.iter().any(|kept| kept.target == target);
    let of_spec = container.mounts.iter().filter(|it| !is_kept(&it.target)).filter_map(mount);
    let kept = keeps.iter().map(|kept| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(kept.volume.clone()),
        target: Some(kept.target.clone()),
        read_only: access_of(container, &kept.target).map(is_read_only),
        ..Mount::default()
    });
    of_spec.chain(kept).collect()
}

fn access_of(container: &ContainerSpec, target: &str) -> Option<MountAccess> {
    container.mounts.iter().find(|mount| mount.target == target).map(|mount| mount.access)
}

fn is_read_only(access: MountAccess) -> bool {
    access == MountAccess::ReadOnly
}

fn mount(mount: &MountSpec) -> Option<Mount> {
    let (typ, source, tmpfs_options) = match &mount.source {
        MountSource::Volume(name) => (MountType::VOLUME, Some(name.clone()), None),
        MountSource::Anonymous => (MountType::VOLUME, None, None),
        MountSource::Bind { path, if_missing, relabel } => {
            if takes_old_form(path, *if_missing, *relabel) {
                return None;
            }
            (MountType::BIND, Some(path.clone()), None)
        }
        MountSource::Tmpfs { size, mode } => {
            let size_bytes = size.map(|size| i64::try_from(size.bytes()).unwrap_or(i64::MAX));
            (
                MountType::TMPFS,
                None,
                Some(MountTmpfsOptions { size_bytes, mode: mode.map(i64::from), ..MountTmpfsOptions::default() }),
            )
        }
    };
    Some(Mount {
        typ: Some(typ),
        source,
        target: Some(mount.target.clone()),
        read_only: Some(is_read_only(mount.access)),
        tmpfs_options,
        ..Mount::default()
    })
}

fn port_key(port: &PortSpec) -> String {
    format!("{}/{}", port.container, port.protocol)
}

fn port_bindings(ports: &[PortSpec]) -> HashMap<String, Option<Vec<PortBinding>>> {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in ports {
        let binding = PortBinding { host_ip: port.address.clone(), host_port: port.host.map(|host| host.to_string()) };
        bindings.entry(port_key(port)).or_default().get_or_insert_default().push(binding);
    }
    bindings
}

fn network_mode(spec: &InstanceSpec, container: &ContainerSpec) -> String {
    match &container.network_mode {
        NetworkMode::Attached => {
            container.networks.first().map_or_else(|| "none".to_owned(), |first| first.network.clone())
        }
        NetworkMode::None => "none".to_owned(),
        NetworkMode::Host => "host".to_owned(),
        NetworkMode::Bridge => "bridge".to_owned(),
        NetworkMode::Service(service) => {
            let lender = spec.container(service).map_or(service.as_str(), |container| container.name.as_str());
            format!("container:{lender}")
        }
    }
}

fn networking(container: &ContainerSpec) -> Option<NetworkingConfig> {
    let first = container.networks.first()?;
    let endpoints = HashMap::from([(first.network.clone(), endpoint(first))]);
    Some(NetworkingConfig { endpoints_config: Some(endpoints) })
}

/// Returns the attachment of a container to a network.
pub fn endpoint(attach: &AttachSpec) -> EndpointSettings {
    let address = attach.ipv4_address.clone();
    let ipam_config =
        address.map(|address| EndpointIpamConfig { ipv4_address: Some(address), ..EndpointIpamConfig::default() });
    let links = attach.links.iter().map(|(alias, name)| format!("{name}:{alias}")).collect();
    EndpointSettings {
        aliases: Some(attach.aliases.clone()),
        links: some(links),
        ipam_config,
        ..EndpointSettings::default()
    }
}

pub fn restart_policy(restart: Restart) -> RestartPolicy {
    let (name, attempts) = match restart {
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        Restart::OnFailure { attempts } => (RestartPolicyNameEnum::ON_FAILURE, attempts),
    };
    RestartPolicy { name: Some(name), maximum_retry_count: attempts.map(i64::from) }
}

fn healthcheck(check: &Healthcheck) -> HealthConfig {
    let test = match &check.test {
        Probing::OfImage => None,
        Probing::Disabled => Some(vec!["NONE".to_owned()]),
        Probing::Exec(command) => Some([vec!["CMD".to_owned()], exposed_texts(command)].concat()),
        Probing::Shell(line) => Some(vec!["CMD-SHELL".to_owned(), line.expose().to_owned()]),
    };
    HealthConfig {
        test,
        interval: check.interval.map(nanos),
        timeout: check.timeout.map(nanos),
        start_period: check.start_period.map(nanos),
        retries: check.retries.map(i64::from),
        ..HealthConfig::default()
    }
}

fn nanos(period: Period) -> i64 {
    i64::try_from(period.as_duration().as_nanos()).unwrap_or(i64::MAX)
}

fn whole_seconds(period: Period) -> i64 {
    i64::try_from(period.as_duration().as_millis().div_ceil(1000)).unwrap_or(i64::MAX)
}

/// The networks that are connected after the first.
pub fn further_networks(container: &ContainerSpec) -> BTreeMap<&str, EndpointSettings> {
    container.networks.iter().skip(1).map(|attach| (attach.network.as_str(), endpoint(attach))).collect()
}
