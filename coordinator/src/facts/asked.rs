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

/// Who must be told after a plan was kept.
#[derive(Debug, Default)]
pub struct Told {
    /// Hosts whose set of open orders changed.
    pub hosts: BTreeSet<HostName>,
    /// Instances whose removal has been carried out.
    pub gone: Vec<InstanceName>,
}

impl Facts {
    /// Keeps what a plan asks, closes and withdraws, and says whom that concerns.
    pub async fn ask(&self, plan: Plan, now: Time) -> Result<Told, StoreError> {
        let (told, committed) = self.change(|known, batch| {
            let mut told = Told::default();
            plan.closed.iter().for_each(|id| close(known, batch, id, &mut told));
            plan.withdrawn.iter().for_each(|id| withdraw(known, batch, id, now, &mut told));
            plan.orders.into_iter().for_each(|order| open(known, batch, order, now, &mut told));
            known.set_waiting(plan.waiting);
            Ok::<_, StoreError>(told)
        })?;
        self.settled(committed).await?;
        Ok(told)
    }
}

fn open(known: &mut Known, batch: &mut Batch, new: NewOrder, now: Time, told: &mut Told) {
    let NewOrder { host, order, rollout } = new;
    let id = order.id.clone();
    let open = OpenOrder { host: host.clone(), order, rollout, asked: now };
    batch.put(keys::asked(&id), &open);
    known.index.add_order(&host, &id);
    known.asked.orders.insert(id, open);
    told.hosts.insert(host);
}

fn take_out(known: &mut Known, batch: &mut Batch, id: &OrderId, told: &mut Told) -> Option<OpenOrder> {
    let open = known.asked.orders.remove(id)?;
    batch.delete(keys::asked(id));
    known.index.remove_order(&open.host, id);
    told.hosts.insert(open.host.clone());
    Some(open)
}

fn close(known: &mut Known, batch: &mut Batch, id: &OrderId, told: &mut Told) {
    let Some(open) = take_out(known, batch, id, told) else { return };
    let went_well = known.observed.ended.get(id).is_some_and(|ended| ended.outcome.is_success());
    let is_removal = match &open.order.action {
        Action::Remove { .. } => true,
        Action::Install { .. } | Action::Upgrade { .. } | Action::Configure { .. } | Action::Power { .. } => false,
    };
    if is_removal && went_well {
        told.gone.push(open.order.instance);
    }
}

fn withdraw(known: &mut Known, batch: &mut Batch, id: &OrderId, now: Time, told: &mut Told) {
    let Some(open) = take_out(known, batch, id, told) else { return };
    let text = format!("its order to {} was withdrawn: {} did not answer in time", noun(&open.order.action), open.host);
    known.events.tell(batch, now, &format!("instance {}", open.order.instance), &text);
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
