//! The complete set of a host's open orders, with the values and keys that it alone may see.

use crate::facts::Facts;
use crate::repositories::{RepositoryService, RepositoryServiceError};
use crate::values::{Values, ValuesError};
use fleet_core::capability::{Capability, needed_by_action};
use fleet_core::facts::{DriftRule, OpenOrder};
use fleet_core::names::{HostName, OrderId};
use fleet_core::order::Order;
use fleet_core::time::Time;
use fleet_core::undeliverable_reason::UndeliverableReason;
use fleet_proto::convert::OutgoingOrder;
use fleet_proto::v1;
use std::collections::BTreeMap;

/// Target state that is sent to a host: all its open orders and all the instances that it should have.
#[derive(Debug)]
pub struct OpenSet {
    pub open_orders: v1::OpenOrders,
    /// Orders that are withheld because something that must accompany them is missing: the others must not wait for
    /// them.
    pub undeliverable: BTreeMap<OrderId, UndeliverableError>,
}

/// Reason why an order is withheld from its host.
#[derive(Debug, thiserror::Error)]
pub enum UndeliverableError {
    #[error(transparent)]
    Values(#[from] ValuesError),
    #[error(transparent)]
    Repositories(#[from] RepositoryServiceError),
    #[error("two machines connect as it since {since}")]
    Duplicate { since: Time },
    #[error("its agent lacks {lacks}")]
    AgentTooOld { lacks: Capability },
}

impl UndeliverableError {
    /// Returns the reason that operators read.
    pub fn reason(&self) -> UndeliverableReason {
        match self {
            Self::Duplicate { since } => UndeliverableReason::TwoMachines { since: *since },
            Self::AgentTooOld { lacks } => UndeliverableReason::AgentTooOld { lacks: lacks.as_str().into() },
            Self::Values(ValuesError::Absent { instance, revision }) => {
                UndeliverableReason::ValuesMissing { instance: instance.clone(), revision: *revision }
            }
            Self::Values(ValuesError::Seal { instance, name, .. }) => {
                UndeliverableReason::ValueSealed { instance: instance.clone(), value: name.as_str().into() }
            }
            Self::Values(ValuesError::Store(error)) => UndeliverableReason::Text(error.to_string().into()),
            Self::Repositories(error) => error.into(),
        }
    }

    /// Returns whether the store failed: then nothing can be sent at all.
    fn is_of_store(&self) -> bool {
        match self {
            Self::Values(ValuesError::Store(_)) => true,
            Self::Values(ValuesError::Absent { .. } | ValuesError::Seal { .. }) => false,
            Self::Duplicate { .. } | Self::AgentTooOld { .. } => false,
            Self::Repositories(error) => error.is_of_store(),
        }
    }
}

/// Returns the open set of a host. Orders that an earlier agent would misread wait until it `has_greeted`.
pub fn open_set(
    facts: &Facts,
    values: &Values,
    repository_service: &RepositoryService,
    host: &HostName,
    has_greeted: bool,
) -> Result<OpenSet, UndeliverableError> {
    let snapshot = facts.read();
    let (epoch, revision) = facts.next_revision();
    let unheard = snapshot.orders_of(host).filter(|id| !snapshot.has_kept_the_end_of(id));
    let open: Vec<OpenOrder> = unheard.filter_map(|id| snapshot.asked().orders.get(id)).cloned().collect();
    let wanted =
        snapshot.instances_of(host).filter(|name| snapshot.instance(name).is_some_and(|one| one.host == *host));
    let instances = wanted.map(ToString::to_string).collect();
    let duplicate = snapshot.observed().duplicate(host).map(|duplicate| duplicate.since);
    let said = snapshot.observed().hosts.get(host).map(|seen| seen.said.capabilities.clone());
    let capabilities = said.unwrap_or_default();
    drop(snapshot);
    let (mut orders, mut undeliverable, mut held) = (Vec::new(), BTreeMap::new(), Vec::new());
    for open in open {
        let (id, needed) = (open.order.id.clone(), needed_by_action(&open.order.action));
        if !has_greeted && !needed.is_empty() {
            held.push(id.to_string());
            continue;
        }
        // Such an order was given to a newer agent.
        let lacks = needed.into_iter().find(|it| !capabilities.contains(it));
        let order = match (duplicate, lacks) {
            (Some(since), _) => Err(UndeliverableError::Duplicate { since }),
            (None, Some(lacks)) => Err(UndeliverableError::AgentTooOld { lacks }),
            (None, None) => outgoing(facts, values, repository_service, open),
        };
        match order {
            Ok(order) => orders.push(order),
            Err(error) if error.is_of_store() => return Err(error),
            Err(error) => drop(undeliverable.insert(id, error)),
        }
    }
    held.extend(undeliverable.keys().map(ToString::to_string));
    Ok(OpenSet { open_orders: v1::OpenOrders { orders, instances, held, epoch, revision }, undeliverable })
}

fn outgoing(
    facts: &Facts,
    values: &Values,
    repository_service: &RepositoryService,
    open: OpenOrder,
) -> Result<v1::Order, UndeliverableError> {
    let order = open.order;
    let (values, drift) = match order.action.goal() {
        Some(goal) => values.open(facts.store(), &order.instance, goal.revision)?,
        None => (BTreeMap::new(), DriftRule::default()),
    };
    let (access, limit_rate) = (repository_service.accesses(&order)?, limit_rate(facts, &order));
    Ok(OutgoingOrder { order, values, drift, access, limit_rate }.into())
}

/// Returns the rate limit that the host's policy sets for repository traffic.
fn limit_rate(facts: &Facts, order: &Order) -> Option<u64> {
    let reaches = !order.action.repositories(&order.instance).is_empty();
    if reaches { facts.read().desired().policy_of(&order.instance)?.1.limit_rate } else { None }
}
