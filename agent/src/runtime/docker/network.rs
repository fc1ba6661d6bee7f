//! Networks at the Engine.

use super::engine::{DockerEngine, unless_missing};
use super::engine_messages::EngineErrorKind;
use crate::runtime::RuntimeError;
use bollard::models::{Ipam, IpamConfig, Network, NetworkCreateRequest};
use bollard::query_parameters::ListNetworksOptions;
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::{
    COMPOSE_NETWORK, COMPOSE_PROJECT, EngineOwner, FLEET_CONFIG_HASH, InstanceSpec, NetworkSpec, owner_by_labels,
};
use fleet_core::steps::ForeignKind;
use std::collections::HashMap;
use std::sync::Arc;

/// Creates a network unless there is one of that name.
///
/// Creates a network. The Engine would create a second one of the same name. So two attempts never overlap, and one
/// whose caller has gone continues to its end: otherwise the next would not see its result.
pub async fn create(
    engine: &Arc<DockerEngine>,
    network: &NetworkSpec,
    spec: &InstanceSpec,
) -> Result<(), RuntimeError> {
    let (engine, request) = (Arc::clone(engine), request(network, spec));
    let step = FailedStep::CreateNetwork(network.name.clone());
    let of = spec.clone();
    let lost = RuntimeError::Interrupted { step: step.clone() };
    let attempt = tokio::spawn(async move {
        let _one_at_a_time = engine.creating_networks.lock().await;
        let there = named(&engine, &request.name).await?;
        if let Some(owner) = there.iter().map(|network| owner(&of, network)).find(|owner| !owner.is_own()) {
            return Err(RuntimeError::OfOthers { kind: ForeignKind::Network, name: request.name, owner });
        }
        if !there.is_empty() {
            return Ok(());
        }
        let name = request.name.clone();
        let call = engine.docker().await?.create_network(request);
        match engine.act(&step, call).await {
            Ok(_) => Ok(()),
            // Only the network itself says that it is there: other things may exist already, such as a firewall's chain.
            Err(error @ RuntimeError::Refused { kind: EngineErrorKind::NameInUse | EngineErrorKind::Conflict, .. }) => {
                let there = named(&engine, &name).await?;
                if there.iter().any(|network| owner(&of, network).is_own()) { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    });
    attempt.await.unwrap_or(Err(lost))
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

/// The networks that have exactly this name: the Engine allows several.
pub async fn named(engine: &DockerEngine, name: &str) -> Result<Vec<Network>, RuntimeError> {
    // The Engine matches parts of names.
    let filters = HashMap::from([("name".to_owned(), vec![name.to_owned()])]);
    let options = ListNetworksOptions { filters: Some(filters) };
    let call = engine.docker().await?.list_networks(Some(options));
    let all = engine.ask(&FailedStep::LookForNetwork(name.to_owned()), call).await?;
    Ok(all.into_iter().filter(|network| network.name.as_deref() == Some(name)).collect())
}

pub async fn expect(engine: &DockerEngine, name: &str) -> Result<(), RuntimeError> {
    match named(engine, name).await?.is_empty() {
        true => Err(RuntimeError::NotThere { kind: "network", name: name.to_owned() }),
        false => Ok(()),
    }
}

/// Returns the owner of a network.
pub fn owner(spec: &InstanceSpec, network: &Network) -> EngineOwner {
    owner_by_labels(spec, |key| network.labels.as_ref()?.get(key).map(String::as_str))
}

/// Removes every network of the name that is the instance's.
pub async fn remove(engine: &DockerEngine, name: &str, spec: &InstanceSpec) -> Result<(), RuntimeError> {
    for network in named(engine, name).await? {
        if owner(spec, &network).is_own() {
            remove_by_id(engine, name, &network.id.unwrap_or_default()).await?;
        }
    }
    Ok(())
}

async fn remove_by_id(engine: &DockerEngine, name: &str, id: &str) -> Result<(), RuntimeError> {
    let call = engine.docker().await?.remove_network(id);
    match unless_missing(engine.act(&FailedStep::RemoveNetwork(name.to_owned()), call).await) {
        Ok(_) => Ok(()),
        Err(RuntimeError::Refused { kind: EngineErrorKind::InUse, .. }) => {
            Err(RuntimeError::InUse { kind: "network", name: name.to_owned() })
        }
        Err(error) => Err(error),
    }
}
