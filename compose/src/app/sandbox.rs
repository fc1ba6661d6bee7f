//! Sandbox of a drill: a copy of an instance, as far as its stores need it.

use super::{HealthRules, Rendered};
use crate::names::StoreName;
use crate::spec::{InstanceSpec, folder_key};
use crate::store::{Check, DatabaseEngine, DatabaseQuestion, Files, Store, is_pattern};
use crate::units::Period;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the sandbox of an instance under the id of a drill: the services of its stores and of their checks, with
/// their dependencies.
pub fn sandbox(rendered: &Rendered, id: &str) -> Rendered {
    let mut spec = rendered.spec.sandbox(&services(&rendered.stores), id);
    let stores =
        rendered.stores.iter().map(|(name, store)| (name.clone(), own_store(name, store, &rendered.spec, &mut spec)));
    let stores = stores.collect();
    let probes = rendered.health.probes.iter().filter(|probe| spec.container(probe.service()).is_some());
    let health = HealthRules {
        minimum_healthy: Period::ZERO,
        deadline: rendered.health.deadline,
        probes: probes.cloned().collect(),
    };
    // Nothing is rebuilt in a sandbox: derivable data proves nothing about a backup.
    Rendered { spec, health, stores, rebuilds: BTreeMap::new(), upgrades: None }
}

/// Returns the store in the sandbox. A pattern matches volumes of the host that do not belong to the sandbox: one
/// volume stands for all of them.
fn own_store(name: &StoreName, store: &Store, real: &InstanceSpec, sandbox: &mut InstanceSpec) -> Store {
    let DatabaseEngine::Volume(files) = &store.engine else { return store.clone() };
    let files = match files {
        Files::Volume(volume) if !is_pattern(volume) => files.clone(),
        Files::Path(path) => match path.strip_prefix(&format!("{}/", real.working_dir)) {
            Some(inside) => Files::Path(format!("{}/{inside}", sandbox.working_dir)),
            None => Files::Volume(sandbox.add_volume(&folder_key(path))),
        },
        Files::Volume(_) | Files::Containers(_) | Files::Image(_) => {
            Files::Volume(sandbox.add_volume(&format!("store-{name}")))
        }
    };
    Store { engine: DatabaseEngine::Volume(files), ..store.clone() }
}

fn services(stores: &BTreeMap<StoreName, Store>) -> BTreeSet<String> {
    let truth = || stores.values().filter(|store| store.is_truth());
    let of_checks = truth().flat_map(|store| &store.checks).filter_map(|Check { ask, .. }| match ask {
        DatabaseQuestion::Command { service, .. } => Some(service.as_str()),
        DatabaseQuestion::Query(_) => None,
    });
    truth().filter_map(|store| store.engine.service()).chain(of_checks).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
