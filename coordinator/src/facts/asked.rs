//! The one writer of `Asked`: the turn of the loop.

use super::{Facts, Known};
use crate::keys;
use crate::store::{Batch, StoreError};
use fleet_core::facts::OpenOrder;
use fleet_core::names::{HostName, InstanceName, OrderId};
use fleet_core::order::{Action, Outcome};
use fleet_core::plan::{NewOrder, Plan};
use fleet_core::time::Time;
use std::collections::BTreeSet;

/// What came of closing and withdrawing orders.
#[derive(Debug, Default)]
struct Ended {
    /// Hosts whose orders were withdrawn.
    hosts: BTreeSet<HostName>,
    /// Instances whose removal has been carried out.
    gone: Vec<InstanceName>,
}

/// So many orders are kept and told together; the next are kept while these are told.
const TOGETHER: usize = 1000;

impl Facts {
    /// Keeps what a plan asks, closes and withdraws; `tell` hears of each host whose open orders changed, once that is on
    /// the disk. A host whose order is closed has heard of it from the agents' service.
    pub async fn ask(
        &self,
        mut plan: Plan,
        now: Time,
        tell: impl Fn(&BTreeSet<HostName>),
    ) -> Result<Vec<InstanceName>, StoreError> {
        let mut orders = std::mem::take(&mut plan.orders);
        let (ended, committed) = self.change(|known, batch| {
            let mut ended = Ended::default();
            plan.closed.iter().for_each(|id| close(known, batch, id, &mut ended));
            plan.withdrawn.iter().for_each(|id| withdraw(known, batch, id, now, &mut ended));
            known.set_waiting(plan.waiting);
            Ok::<_, StoreError>(ended)
        })?;
        let mut kept = vec![(ended.hosts, committed)];
        while !orders.is_empty() {
            let rest = orders.split_off(orders.len().min(TOGETHER));
            kept.push(self.change(|known, batch| {
                Ok::<_, StoreError>(orders.into_iter().map(|order| open(known, batch, order, now)).collect())
            })?);
            orders = rest;
        }
        for (hosts, committed) in kept {
            self.settled(committed).await?;
            tell(&hosts);
        }
        Ok(ended.gone)
    }
}

fn open(known: &mut Known, batch: &mut Batch, new: NewOrder, now: Time) -> HostName {
    let NewOrder { host, order, rollout } = new;
    let id = order.id.clone();
    let open = OpenOrder { host: host.clone(), order, rollout, asked: now };
    batch.put(keys::asked(&id), &open);
    known.index.add_order(&host, &id);
    known.asked.orders.insert(id, open);
    host
}

fn take_out(known: &mut Known, batch: &mut Batch, id: &OrderId) -> Option<OpenOrder> {
    let open = known.asked.orders.remove(id)?;
    batch.delete(keys::asked(id));
    known.index.remove_order(&open.host, id);
    Some(open)
}

/// An end that is not on the disk yet waits for the next turn: with the order gone, its host would take it for heard.
fn close(known: &mut Known, batch: &mut Batch, id: &OrderId, ended: &mut Ended) {
    if known.unkept.contains(id) {
        return;
    }
    let Some(open) = take_out(known, batch, id) else { return };
    let went_well = known.observed.ended.get(id).is_some_and(|end| end.outcome.is_success());
    let is_removal = match &open.order.action {
        Action::Remove { .. } => true,
        Action::Install { .. } | Action::Upgrade { .. } | Action::Configure { .. } | Action::Power { .. } => false,
    };
    if is_removal && went_well {
        ended.gone.push(open.order.instance);
    }
}

fn withdraw(known: &mut Known, batch: &mut Batch, id: &OrderId, now: Time, ended: &mut Ended) {
    let Some(open) = take_out(known, batch, id) else { return };
    let text = format!("its order to {} was withdrawn: {} did not answer in time", noun(&open.order.action), open.host);
    known.events.tell(batch, now, &format!("instance {}", open.order.instance), &text);
    ended.hosts.insert(open.host);
}

/// What an order does, for people.
fn noun(action: &Action) -> String {
    match action {
        Action::Install { goal } => format!("install {}", goal.release),
        Action::Upgrade { goal, .. } => format!("upgrade to {}", goal.release),
        Action::Configure { .. } => "change its configuration".to_owned(),
        Action::Power { wish, .. } => format!("{wish:?}").to_lowercase(),
        Action::Remove { .. } => "remove it".to_owned(),
    }
}

/// How an end reads in an event.
pub(super) fn end_text(action: &Action, outcome: &Outcome) -> String {
    let what = noun(action);
    match outcome {
        Outcome::AlreadySo => format!("{what}: already so"),
        Outcome::Done => format!("{what}: done"),
        Outcome::RolledBack { reason } => format!("{what}: rolled back, {reason}"),
        Outcome::Stuck { reason, .. } => format!("{what}: stuck, {reason}"),
        Outcome::Refused { reason } => format!("{what}: refused, {reason}"),
    }
}
