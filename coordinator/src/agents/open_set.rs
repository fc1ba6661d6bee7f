//! The complete set of a host's open orders, with the values that it alone may see.

use crate::facts::Facts;
use crate::values::{Values, ValuesError};
use fleet_core::facts::{DriftRule, OpenOrder};
use fleet_core::names::HostName;
use fleet_core::order::{Action, Goal};
use fleet_proto::convert::OutgoingOrder;
use fleet_proto::v1;
use std::collections::BTreeMap;

/// What a host is told: all its open orders, and all the instances that it should have.
pub fn open_set(facts: &Facts, values: &Values, host: &HostName) -> Result<v1::OpenOrders, ValuesError> {
    let known = facts.read();
    let unheard = known.orders_of(host).filter(|id| !known.has_kept_the_end_of(id));
    let orders: Vec<OpenOrder> = unheard.filter_map(|id| known.asked().orders.get(id)).cloned().collect();
    let wanted = known.instances_of(host).filter(|name| known.instance(name).is_some_and(|one| one.host == *host));
    let instances = wanted.map(ToString::to_string).collect();
    drop(known);
    let orders = orders.into_iter().map(|open| outgoing(facts, values, open)).collect::<Result<_, _>>()?;
    Ok(v1::OpenOrders { orders, instances })
}

fn outgoing(facts: &Facts, values: &Values, open: OpenOrder) -> Result<v1::Order, ValuesError> {
    let order = open.order;
    let (values, drift) = match goal(&order.action) {
        Some(goal) => values.open(facts.store(), &order.instance, goal.revision)?,
        None => (BTreeMap::new(), DriftRule::default()),
    };
    Ok(OutgoingOrder { order, values, drift }.into())
}

fn goal(action: &Action) -> Option<&Goal> {
    match action {
        Action::Install { goal } | Action::Upgrade { goal, .. } | Action::Configure { goal, .. } => Some(goal),
        Action::Power { .. } | Action::Remove { .. } => None,
    }
}
