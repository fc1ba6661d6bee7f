//! Host name of instances that were rendered before parts carried their host's name.

use super::{LedgerWriter, OrderState, Settled};
use fleet_core::names::HostName;
use fleet_core::spec::{FLEET_HOST, InstanceSpec};

impl LedgerWriter {
    /// Adds this host's name to instances that were rendered without one: otherwise, parts that another agent at the
    /// same Engine made for an instance of the same name would count as its own.
    pub fn name_host(&mut self, host: &HostName) {
        let settled = |it: &mut Settled| name_host(&mut it.rendered.spec, host);
        let mut ledger = self.ledger();
        for entry in ledger.instances.values_mut() {
            entry.settled.iter_mut().for_each(settled);
            entry.remains.iter_mut().for_each(|spec| name_host(spec, host));
        }
        for entry in ledger.orders.values_mut() {
            match &mut entry.state {
                OrderState::Open(open) => {
                    open.from.iter_mut().chain(&mut open.through).chain(&mut open.to).for_each(settled);
                }
                OrderState::Ended { .. } => {}
            }
        }
    }
}

fn name_host(spec: &mut InstanceSpec, host: &HostName) {
    if spec.host_label().is_some() {
        return;
    }
    let of_containers = spec.containers.iter_mut().map(|it| &mut it.labels);
    let of_networks = spec.networks.iter_mut().map(|it| &mut it.labels);
    let all = of_containers.chain(of_networks).chain(spec.volumes.iter_mut().map(|it| &mut it.labels));
    all.for_each(|labels| drop(labels.insert(FLEET_HOST.to_owned(), host.to_string())));
}
