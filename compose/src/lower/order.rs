//! Start order of services: dependencies come first, and the rest is alphabetical.

use crate::compose::Service;
use std::collections::{BTreeMap, BTreeSet};

/// The services in starting order. The reader has refused circles; one that were left would come last.
pub fn in_order(services: &BTreeMap<String, Service>) -> Vec<&Service> {
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    let mut order = Vec::new();
    while order.len() < services.len() {
        let is_ready = |service: &Service| {
            service.needs().keys().all(|name| placed.contains(name.as_str()) || !services.contains_key(name))
        };
        let mut waiting = services.values().filter(|service| !placed.contains(service.name.as_str()));
        let first = services.values().find(|service| !placed.contains(service.name.as_str()) && is_ready(service));
        let Some(next) = first.or_else(|| waiting.next()) else { break };
        placed.insert(&next.name);
        order.push(next);
    }
    order
}
