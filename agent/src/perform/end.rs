//! The end of an order: in the ledger, then on the board.

use super::allow::{coverage_now, observe};
use super::data::{keep_of_fault, left};
use super::heal::note_signed;
use super::said::{said, unlooked, with_leftovers};
use crate::agent_context::AgentContext;
use crate::clock;
use crate::ledger::{
    Direction, InstanceEntry, LedgerError, LedgerUpdate, LedgerWriter, OrderEntry, OrderState, StuckMark,
};
use crate::mask::Mask;
use fleet_core::facts::{InstanceSaid, Running};
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::{End, Order, Outcome};
use fleet_core::order_failure::OrderFailure;

/// Ends an order in the ledger, then reports the end together with the instance's state.
pub async fn end(context: &AgentContext, order: &Order, end: impl Into<End>, becomes: Option<LedgerUpdate>) {
    // Before the ledger removes the secrets of the order.
    let end = Mask::of(context, &order.instance).end(end.into());
    tracing::info!(outcome = end.outcome.word(), "order ended");
    let begun = context.ledger().orders().get(&order.id).map_or_else(clock::now, |entry| entry.begun);
    context.metrics.order_ended(&order.action, &end.outcome, clock::now().since(begun));
    let (id, ended) = (order.id.clone(), end.clone());
    context.retry_until_ok(move |ledger| ledger.end(&id, ended.clone(), becomes.clone(), clock::now())).await;
    note_made(context, &order.instance).await;
    let entry = context.ledger().instances().get(&order.instance).cloned();
    let now = match &entry {
        Some(entry) => look(context, entry).await.map(|said| with_leftovers(context, &order.instance, said)),
        None => None,
    };
    context.status_writer.write(|status_board| {
        match now {
            Some(said) => drop(status_board.instances.insert(order.instance.clone(), Running::Settled(said))),
            None => drop(status_board.instances.remove(&order.instance)),
        }
        status_board.ends.insert(order.id.clone(), (order.instance.clone(), end));
    });
    // While the agent stops, nothing receives this.
    let _ = context.attention.send(order.instance.clone());
}

/// Records the volumes that the order has made: a later volume of such a name without their label is another one.
async fn note_made(context: &AgentContext, instance: &InstanceName) {
    let Some(settled) = context.ledger().settled(instance).cloned() else { return };
    let spec = &settled.rendered.spec;
    if spec.volumes.iter().any(|volume| !volume.external && !settled.signed.contains(&volume.name))
        && let Ok(found) = context.runtime.look(spec).await
    {
        note_signed(context, spec, &found).await;
    }
}

async fn look(context: &AgentContext, entry: &InstanceEntry) -> Option<InstanceSaid> {
    let settled = entry.settled.as_ref()?;
    let spec = &settled.rendered.spec;
    let coverage = coverage_now(context, settled).await;
    match observe(context, spec, &settled.rendered.health).await {
        Ok(seen) => said(entry, &seen, Vec::new(), coverage),
        Err(_) => unlooked(entry),
    }
}

/// Takes note of a fault of this agent in the middle of an order.
pub async fn note_fault(context: &AgentContext, instance: &InstanceName) {
    let of = instance.clone();
    let Some((id, end, written)) = context.ledger.write(move |ledger| write_fault(ledger, &of)).await else { return };
    if let Err(error) = written {
        tracing::error!(error = crate::chain(&error), "the fault could not be noted");
    }
    if let Some(end) = end {
        context.status_writer.write(|status_board| drop(status_board.ends.insert(id, (instance.clone(), end))));
    }
}

/// The order in whose middle the fault was, how it ended, if it did, and whether that could be written.
type NotedFault = (OrderId, Option<End>, Result<(), LedgerError>);

fn write_fault(ledger: &mut LedgerWriter, instance: &InstanceName) -> Option<NotedFault> {
    let is_ours = |entry: &&OrderEntry| entry.is_open() && entry.order.instance == *instance;
    let entry = ledger.ledger().orders().values().find(is_ours).cloned()?;
    let OrderState::Open(open) = entry.state else { return None };
    let failure = OrderFailure::AgentFault;
    let (id, now) = (&entry.order.id, clock::now());
    let written = match open.way {
        Direction::Accepted => ledger.end(id, Outcome::Refused { failure }, None, now),
        Direction::Forward { .. } => {
            ledger.mark(id, |open| open.way = Direction::Back { because: failure, since: now })
        }
        Direction::Back { .. } => {
            let journal = open.journal.map(|journal| *journal).unwrap_or_default();
            let is_data_changed = journal.upgrade.as_ref().is_some_and(|cursor| cursor.is_data_changed());
            let stuck = Some(StuckMark { is_data_changed, ..StuckMark::new(id.clone(), failure.clone()) });
            let since = journal.held;
            let left = journal.sandbox.map(|spec| keep_of_fault(ledger, &entry.order, spec, now));
            let before = ledger.ledger().instances().get(instance).map(|entry| entry.held.clone()).unwrap_or_default();
            let held = left::both(before, &since);
            let becomes =
                LedgerUpdate::Entry(Box::new(InstanceEntry { settled: open.from, stuck, remains: None, held }));
            let hint = Some(Hint::ReadAgentLog);
            left.unwrap_or(Ok(())).and_then(|()| ledger.end(id, Outcome::Stuck { failure, hint }, Some(becomes), now))
        }
    };
    let end = ledger.ledger().end_of(id);
    Some((entry.order.id, end, written))
}
