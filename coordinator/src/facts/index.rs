//! Indexes what belongs to each host. It is derived from the facts, so that no caller has to scan all of them for one
//! host.

use fleet_core::facts::{Asked, Desired, Observed};
use fleet_core::names::{HostName, InstanceName, OrderId};
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

#[derive(Debug, Default)]
pub struct Index {
    orders: HashMap<HostName, BTreeSet<OrderId>>,
    instances: HashMap<HostName, BTreeSet<InstanceName>>,
    /// Number of order ends kept for each instance.
    ends: HashMap<InstanceName, usize>,
}

impl Index {
    pub fn of(desired: &Desired, asked: &Asked, observed: &Observed) -> Self {
        let mut index = Self::default();
        for (name, instance) in &desired.instances {
            index.add_instance(&instance.host, name);
        }
        for (name, instance) in &observed.instances {
            index.add_instance(&instance.host, name);
        }
        for (id, open) in &asked.orders {
            index.add_order(&open.host, id);
        }
        for ended in observed.ended.values() {
            index.add_end(&ended.instance);
        }
        index
    }

    pub fn ends_of(&self, instance: &InstanceName) -> usize {
        self.ends.get(instance).copied().unwrap_or(0)
    }

    pub fn add_end(&mut self, instance: &InstanceName) {
        *self.ends.entry(instance.clone()).or_default() += 1;
    }

    pub fn remove_end(&mut self, instance: &InstanceName) {
        match self.ends.get_mut(instance) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => drop(self.ends.remove(instance)),
            None => {}
        }
    }

    pub fn orders_of<'a>(&'a self, host: &'a HostName) -> impl Iterator<Item = &'a OrderId> {
        self.orders.get(host).into_iter().flatten()
    }

    pub fn instances_of<'a>(&'a self, host: &'a HostName) -> impl Iterator<Item = &'a InstanceName> {
        self.instances.get(host).into_iter().flatten()
    }

    pub fn add_order(&mut self, host: &HostName, id: &OrderId) {
        add(&mut self.orders, host, id);
    }

    pub fn remove_order(&mut self, host: &HostName, id: &OrderId) {
        remove(&mut self.orders, host, id);
    }

    pub fn add_instance(&mut self, host: &HostName, name: &InstanceName) {
        add(&mut self.instances, host, name);
    }

    pub fn remove_instance(&mut self, host: &HostName, name: &InstanceName) {
        remove(&mut self.instances, host, name);
    }
}

fn add<T: Ord + Clone>(map: &mut HashMap<HostName, BTreeSet<T>>, host: &HostName, item: &T) {
    map.entry(host.clone()).or_default().insert(item.clone());
}

fn remove<T: Ord + Hash>(map: &mut HashMap<HostName, BTreeSet<T>>, host: &HostName, item: &T) {
    if let Some(items) = map.get_mut(host) {
        items.remove(item);
        if items.is_empty() {
            map.remove(host);
        }
    }
}
