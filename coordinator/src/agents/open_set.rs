//! The complete set of a host's open orders, with the values that it alone may see.

use crate::facts::Facts;
use crate::values::{Values, ValuesError};
use fleet_core::facts::{DriftRule, OpenOrder};
use fleet_core::names::{HostName, OrderId};
use fleet_proto::convert::OutgoingOrder;
use fleet_proto::v1;
use std::collections::BTreeMap;

/// What a host is told: all its open orders, and all the instances that it should have.
#[derive(Debug)]
pub struct OpenSet {
    pub told: v1::OpenOrders,
    /// Orders that are left out, for their values cannot be had: the others must not wait for them.
    pub untold: BTreeMap<OrderId, ValuesError>,
}

pub fn open_set(facts: &Facts, values: &Values, host: &HostName) -> Result<OpenSet, ValuesError> {
    let known = facts.read();
    let unheard = known.orders_of(host).filter(|id| !known.has_kept_the_end_of(id));
    let open: Vec<OpenOrder> = unheard.filter_map(|id| known.asked().orders.get(id)).cloned().collect();
    let wanted = known.instances_of(host).filter(|name| known.instance(name).is_some_and(|one| one.host == *host));
    let instances = wanted.map(ToString::to_string).collect();
    drop(known);
    let (mut orders, mut untold) = (Vec::new(), BTreeMap::new());
    for open in open {
        let id = open.order.id.clone();
        match outgoing(facts, values, open) {
            Ok(order) => orders.push(order),
            Err(error @ (ValuesError::Absent { .. } | ValuesError::Seal { .. })) => drop(untold.insert(id, error)),
            Err(error @ ValuesError::Store(_)) => return Err(error),
        }
    }
    Ok(OpenSet { told: v1::OpenOrders { orders, instances }, untold })
}

fn outgoing(facts: &Facts, values: &Values, open: OpenOrder) -> Result<v1::Order, ValuesError> {
    let order = open.order;
    let (values, drift) = match order.action.goal() {
        Some(goal) => values.open(facts.store(), &order.instance, goal.revision)?,
        None => (BTreeMap::new(), DriftRule::default()),
    };
    Ok(OutgoingOrder { order, values, drift, access: Vec::new(), limit_rate: None }.into())
}
