//! Stores of an instance that a host's policy forbids to read.

use super::{HostPolicy, Leads, Reaches, coded};
use crate::backup::{DatabaseEngine, Mounted, Store, StoreGap, chosen};
use crate::names::StoreName;
use crate::spec::InstanceSpec;
use std::collections::BTreeMap;

/// Returns the reaches of reading each store, with the mounts found for it on the host. Derivable stores are not read.
pub fn store_reaches(
    stores: &BTreeMap<StoreName, Store>,
    spec: &InstanceSpec,
    mounted: &Mounted,
) -> BTreeMap<StoreName, Reaches> {
    let truth = stores.iter().filter(|(_, store)| store.is_truth());
    let reaches = truth.map(|(name, store)| {
        let found = match &store.engine {
            DatabaseEngine::Volume(files) => chosen(files, spec, mounted),
            DatabaseEngine::Postgresql(_)
            | DatabaseEngine::Mongodb(_)
            | DatabaseEngine::Mariadb(_)
            | DatabaseEngine::Mysql(_)
            | DatabaseEngine::Redis(_)
            | DatabaseEngine::Neo4j(_)
            | DatabaseEngine::S3(_)
            | DatabaseEngine::Command(_) => Vec::new(),
        };
        (name.clone(), Reaches::of_store(name, store, spec, found))
    });
    reaches.collect()
}

/// The stores that the policy forbids, each with the reason, where links lead as they were followed.
pub fn forbidden_stores(
    policy: &HostPolicy,
    reaches: &BTreeMap<StoreName, Reaches>,
    leads: &Leads,
) -> BTreeMap<StoreName, StoreGap> {
    let reason = |(name, reaches): (&StoreName, &Reaches)| {
        let mut refusals = policy.refusals(reaches);
        refusals.extend(policy.refusals_of_links(reaches, leads));
        (!refusals.is_empty()).then(|| (name.clone(), StoreGap::Forbidden { refusals: coded(&refusals) }))
    };
    reaches.iter().filter_map(reason).collect()
}
