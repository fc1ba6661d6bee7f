//! Writes `Asked`. The reconcile loop is the only writer.

use super::{Facts, StateSnapshot};
use crate::keys;
use crate::store::{Batch, StoreError};
use fleet_core::backup::{BackupKey, DataAction, Privileges};
use fleet_core::event::EventKind;
use fleet_core::facts::{LinkState, OpenOrder};
use fleet_core::names::{HostName, OrderId};
use fleet_core::order::{Action, Order, Outcome};
use fleet_core::order_summary::OrderSummary;
use fleet_core::plan::{NewOrder, Plan};
use fleet_core::time::Time;
use std::collections::BTreeSet;

/// Number of orders that are stored and sent together; the next ones are stored while these are sent.
const TOGETHER: usize = 1000;

impl Facts {
    /// Stores the new, closed and withdrawn orders of a plan. Calls `tell` for each host whose open orders changed,
    /// once that is on disk. A host whose order is closed is notified by the agents' service.
    ///
    /// `desired_revision` is the revision of the operators' requests on which the plan is based. If an operator has changed
    /// something since (for example, paused a rollout), no new order is given; the next pass plans again.
    pub async fn ask(
        &self,
        mut plan: Plan,
        desired_revision: u64,
        now: Time,
        tell: impl Fn(&BTreeSet<HostName>),
    ) -> Result<(), StoreError> {
        let mut orders = std::mem::take(&mut plan.orders);
        let mut kept = vec![self.change(|snapshot, batch| {
            plan.closed.iter().for_each(|id| close(snapshot, batch, id));
            let lost = plan.withdrawn.iter().filter_map(|id| withdraw(snapshot, batch, id, now));
            let lost = lost.map(|open| {
                self.metrics().order_withdrawn(&open.order.action);
                open.host
            });
            let lost = lost.collect();
            snapshot.set_waiting(plan.waiting);
            Ok::<_, StoreError>(lost)
        })?];
        while !orders.is_empty() {
            let rest = orders.split_off(orders.len().min(TOGETHER));
            kept.push(self.change(|snapshot, batch| {
                let is_still_wanted = snapshot.desired_revision == desired_revision;
                let orders = if is_still_wanted { orders } else { Vec::new() };
                orders.iter().for_each(|new| self.metrics().order_given(&new.order.action));
                Ok::<_, StoreError>(orders.into_iter().map(|order| open(snapshot, batch, order, now)).collect())
            })?);
            orders = rest;
        }
        for (hosts, committed) in kept {
            self.settled(committed).await?;
            tell(&hosts);
        }
        Ok(())
    }
}

fn open(snapshot: &mut StateSnapshot, batch: &mut Batch, new: NewOrder, now: Time) -> HostName {
    let NewOrder { host, mut order, rollout } = new;
    name_snapshots(snapshot, &host, &mut order);
    let id = order.id.clone();
    let open = OpenOrder { host: host.clone(), order, rollout, asked: now };
    batch.put(keys::asked(&id), &open);
    snapshot.expect_backup(batch, &open);
    snapshot.index.add_order(&host, &id);
    snapshot.asked.orders.insert(id, open);
    host
}

/// Adds the snapshots that an order uses, as the catalog has them: the host may have added other snapshots with the
/// same backup id. A backup that does not count has only the snapshots that its host stored first. A drill keeps
/// privileged bits only if the host itself made the backup; for a restore, the operator saw the plan.
fn name_snapshots(snapshot: &StateSnapshot, host: &HostName, order: &mut Order) {
    let Action::Data(action) = &mut order.action else { return };
    let Some(source) = action.source_mut() else { return };
    let key = BackupKey { repository: source.repository.clone(), backup: source.backup.clone() };
    let seen = snapshot.observed.backups.get(&source.instance).and_then(|backups| backups.get(&key));
    source.snapshots = seen.filter(|seen| seen.asked_by.counts()).and_then(|seen| seen.snapshots.clone());
    if let DataAction::Drill { privileges, .. } = action {
        let is_own = seen.is_some_and(|seen| seen.is_made_on(host));
        *privileges = if is_own { Privileges::Kept } else { Privileges::Cleared };
    }
}

fn take_out(snapshot: &mut StateSnapshot, batch: &mut Batch, id: &OrderId) -> Option<OpenOrder> {
    let open = snapshot.asked.orders.remove(id)?;
    batch.delete(keys::asked(id));
    snapshot.undeliverable.remove(id);
    snapshot.index.remove_order(&open.host, id);
    Some(open)
}

/// An end that is not on disk yet waits for the next pass: once the order is gone, its host would consider the end
/// acknowledged.
fn close(snapshot: &mut StateSnapshot, batch: &mut Batch, id: &OrderId) {
    if !snapshot.unkept.contains(id) {
        take_out(snapshot, batch, id);
    }
}

/// Withdraws an order; its host must be notified. An order whose end arrived after the plan was made is already
/// complete, and one whose host has just reconnected may be, so the next pass decides.
fn withdraw(snapshot: &mut StateSnapshot, batch: &mut Batch, id: &OrderId, now: Time) -> Option<OpenOrder> {
    if snapshot.observed.ended.contains_key(id) {
        close(snapshot, batch, id);
        return None;
    }
    if snapshot.asked.orders.get(id).is_some_and(|open| is_back(snapshot, &open.host)) {
        return None;
    }
    let open = take_out(snapshot, batch, id)?;
    let order = Box::new(OrderSummary::from(&open.order.action));
    let kind = EventKind::OrderWithdrawn { host: open.host.clone(), order };
    snapshot.events.tell(batch, now, &open.order.instance, kind);
    Some(open)
}

/// Orders are taken back from hosts that are offline or not in the fleet any more.
fn is_back(snapshot: &StateSnapshot, host: &HostName) -> bool {
    let is_online = snapshot.observed.hosts.get(host).is_some_and(|seen| seen.link == LinkState::Online);
    is_online && snapshot.desired.hosts.contains_key(host)
}

/// Returns the event about the end of an order.
pub(super) fn end_event(action: &Action, outcome: &Outcome) -> EventKind {
    let order = Box::new(OrderSummary::from(action));
    match outcome {
        Outcome::AlreadySo => EventKind::OrderNeedless(order),
        Outcome::Done => EventKind::OrderDone(order),
        Outcome::RolledBack { failure } => EventKind::OrderRolledBack { failure: Box::new(failure.shortened()), order },
        Outcome::Stuck { failure, .. } => EventKind::OrderStuck { failure: Box::new(failure.shortened()), order },
        Outcome::Refused { failure } => EventKind::OrderRefused { failure: Box::new(failure.shortened()), order },
        Outcome::Failed { failure } => EventKind::OrderFailed { failure: Box::new(failure.shortened()), order },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, memory, order, read, restart};

    fn withdrawing(name: &str) -> Plan {
        Plan { withdrawn: vec![order(name)], ..Plan::default() }
    }

    #[tokio::test]
    async fn whoever_does_not_answer_loses_its_order_and_it_is_told() {
        let facts = memory().with("lab-1", "notes-1").await;
        facts.give("lab-1", restart("notes-1", "o1")).await;
        facts.mark_offline(&read("lab-1"), NOW);
        facts.obey(withdrawing("o1")).await;
        assert!(facts.open().is_empty());
        let kind = EventKind::OrderWithdrawn { host: read("lab-1"), order: Box::new(OrderSummary::Restart) };
        assert_eq!(facts.recorded_events(), [("instance notes-1".to_owned(), kind)]);
    }

    #[tokio::test]
    async fn an_end_that_came_while_the_turn_was_thinking_is_an_answer() {
        let facts = memory().with("lab-1", "notes-1").await;
        facts.give("lab-1", restart("notes-1", "o1")).await;
        let stale = withdrawing("o1");
        facts.end("lab-1", "notes-1", "o1", Outcome::Done).await.expect("it is its own");
        facts.obey(stale).await;
        assert!(facts.open().is_empty(), "it is closed");
        let kind = EventKind::OrderDone(Box::new(OrderSummary::Restart));
        assert_eq!(facts.recorded_events(), [("instance notes-1".to_owned(), kind)]);
    }

    #[tokio::test]
    async fn whoever_came_back_while_the_turn_was_thinking_keeps_its_order() {
        let facts = memory().with("lab-1", "notes-1").await;
        facts.give("lab-1", restart("notes-1", "o1")).await;
        facts.mark_offline(&read("lab-1"), NOW);
        let stale = withdrawing("o1");
        facts.mark_online(&read("lab-1"));
        facts.obey(stale).await;
        assert_eq!(facts.open().len(), 1);
        assert!(facts.recorded_events().is_empty());
    }
}
