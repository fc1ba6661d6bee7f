//! Networks at the Engine.

use super::engine::{Engine, unless_missing};
use crate::hands::HandsError;
use bollard::models::{Ipam, IpamConfig, Network, NetworkCreateRequest};
use bollard::query_parameters::ListNetworksOptions;
use fleet_core::spec::{COMPOSE_NETWORK, COMPOSE_PROJECT, FLEET_CONFIG_HASH, InstanceSpec, NetworkSpec};
use std::collections::HashMap;

/// Creates a network unless there is one of that name: the Engine itself would make a second one.
pub async fn create(engine: &Engine, network: &NetworkSpec, spec: &InstanceSpec) -> Result<(), HandsError> {
    if named(engine, &network.name).await?.is_some() {
        return Ok(());
    }
    let what = format!("create network {}", network.name);
    let call = engine.docker().await?.create_network(request(network, spec));
    match engine.act(&what, call).await {
        Ok(_) | Err(HandsError::Refused { status: 409, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn request(network: &NetworkSpec, spec: &InstanceSpec) -> NetworkCreateRequest {
    let mut labels: HashMap<_, _> = network.labels.clone().into_iter().collect();
    let own =
        [(COMPOSE_PROJECT, &spec.project), (COMPOSE_NETWORK, &network.key), (FLEET_CONFIG_HASH, &network.config_hash)];
    labels.extend(own.map(|(key, value)| (key.to_owned(), value.clone())));
    let pools = network.subnets.iter().map(|subnet| IpamConfig {
        subnet: Some(subnet.subnet.clone()),
        gateway: subnet.gateway.clone(),
        ip_range: subnet.ip_range.clone(),
        auxiliary_addresses: None,
    });
    let pools: Vec<_> = pools.collect();
    NetworkCreateRequest {
        name: network.name.clone(),
        driver: network.driver.clone().or(Some("bridge".to_owned())),
        internal: Some(network.internal),
        options: Some(network.options.clone().into_iter().collect()),
        ipam: (!pools.is_empty()).then(|| Ipam { config: Some(pools), ..Ipam::default() }),
        labels: Some(labels),
        ..NetworkCreateRequest::default()
    }
}

/// The network that has exactly this name.
pub async fn named(engine: &Engine, name: &str) -> Result<Option<Network>, HandsError> {
    // The Engine matches parts of names.
    let filters = HashMap::from([("name".to_owned(), vec![name.to_owned()])]);
    let options = ListNetworksOptions { filters: Some(filters) };
    let call = engine.docker().await?.list_networks(Some(options));
    let all = engine.ask(&format!("look for network {name}"), call).await?;
    Ok(all.into_iter().find(|network| network.name.as_deref() == Some(name)))
}

pub async fn expect(engine: &Engine, name: &str) -> Result<(), HandsError> {
    let missing = || HandsError::NotThere { kind: "network", name: name.to_owned() };
    named(engine, name).await?.map(drop).ok_or_else(missing)
}

pub async fn remove(engine: &Engine, name: &str) -> Result<(), HandsError> {
    let call = engine.docker().await?.remove_network(name);
    match unless_missing(engine.act(&format!("remove network {name}"), call).await) {
        Ok(_) => Ok(()),
        Err(HandsError::Refused { reason, .. }) if reason.contains("active endpoints") => {
            Err(HandsError::InUse { kind: "network", name: name.to_owned() })
        }
        Err(error) => Err(error),
    }
}
