//! Carries out orders: one at a time for each instance, several instances side by side.
//!
//! **Invariant:** there is no queue. The next action is derived from the ledger and the open set at each pass, after a
//! restart in the same way as after a message.

mod allow;
mod back;
mod carry;
mod claims;
mod data;
mod end;
mod expect;
mod failure;
mod forward;
mod heal;
mod jobs;
mod prepare;
mod prepare_order;
mod said;
mod standstill;
mod stuck;
#[cfg(test)]
mod tests;
mod upgrade;
mod upgrade_actions;
mod work;

pub use allow::{coverage_now, observe};
pub use data::{let_all_go_on, sweep_drills};
pub use heal::{lost_volumes, note_signed};
pub use prepare::expect_claimable;
pub use said::{said, unlooked, with_leftovers};

use crate::agent_context::AgentContext;
use crate::ledger::{OrderEntry, Unreadable};
use crate::link::{OpenSet, Unknown};
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::{End, Outcome};
use fleet_core::order_failure::OrderFailure;
use futures_util::stream::{FuturesUnordered, StreamExt};
use jobs::Jobs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The instances to heal, each with the number of the attempt: a number is healed once.
pub type Drifted = BTreeMap<InstanceName, u64>;

/// Performs all open orders of the set and all unfinished ones of the ledger, until it is dropped.
///
/// Dropping it at any point is safe: the next start continues from the ledger.
pub async fn run(
    context: Arc<AgentContext>,
    mut open: watch::Receiver<Option<Arc<OpenSet>>>,
    mut drifted: watch::Receiver<Drifted>,
) {
    data::tell_all(&context);
    let mut jobs = Jobs::new(Arc::clone(&context));
    let mut acknowledged = FuturesUnordered::new();
    loop {
        let set = open.borrow_and_update().clone();
        if let Some(set) = &set {
            acknowledged.extend(hear(&context, set));
        }
        let to_heal = drifted.borrow_and_update().clone();
        jobs.begin(set.as_deref(), &to_heal);
        let next_try = jobs.next_try();
        tokio::select! {
            () = at(next_try) => {}
            Ok(()) = open.changed() => {}
            Ok(()) = drifted.changed() => {}
            () = jobs.ended() => {}
            Some(()) = acknowledged.next(), if !acknowledged.is_empty() => {}
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Applies a new open set. Ends of orders that it still names are reported again. Ends of orders that it no longer
/// names are acknowledged: the returned future records them in the ledger.
fn hear(context: &Arc<AgentContext>, set: &OpenSet) -> Option<impl Future<Output = ()> + Send + use<>> {
    let open: BTreeSet<_> = set.ids().collect();
    let unheard: Vec<_> = context.status_writer.see(|status_board| status_board.ends.keys().cloned().collect());
    let heard: Vec<OrderId> = unheard.into_iter().filter(|id| !open.contains(id)).collect();
    let known = set.orders.iter().map(|open| (&open.order.id, &open.order.instance));
    let known = known.filter_map(|(id, name)| Some((id.clone(), (name.clone(), known_end(context, id, name)?))));
    let unknown =
        set.unknown.iter().filter_map(|it| Some((it.id.clone(), (it.instance.clone(), end_of_unknown(context, it)?))));
    let held = set.held.iter().filter_map(|id| Some((id.clone(), end_of_held(context, id)?)));
    let ends: Vec<_> = known.chain(unknown).chain(held).collect();
    context.status_writer.write(|status_board| {
        status_board.ends.retain(|id, _| open.contains(id));
        status_board.ends.extend(ends);
    });
    (!heard.is_empty()).then(|| note_heard(Arc::clone(context), heard))
}

async fn note_heard(context: Arc<AgentContext>, heard: Vec<OrderId>) {
    for id in heard {
        let of = id.clone();
        if let Err(error) = context.ledger.write(move |ledger| ledger.heard(&of)).await {
            tracing::warn!(error = crate::chain(&error), order = %id, "the end will be said once more");
        }
    }
}

/// Returns the end of an order, or the reason why it cannot begin: an unreadable file of the ledger may belong to it.
fn known_end(context: &AgentContext, id: &OrderId, instance: &InstanceName) -> Option<End> {
    let ledger = context.ledger();
    if let Some(end) = ledger.end_of(id) {
        return Some(end);
    }
    let is_about = |it: &&Unreadable| it.order.as_ref() == Some(id) || it.instance.as_ref() == Some(instance);
    let unreadable = ledger.unreadable().iter().find(is_about)?;
    let hint = Some(Hint::MoveUnreadableFile);
    Some(Outcome::Stuck { failure: OrderFailure::LedgerUnreadable { problem: unreadable.into() }, hint }.into())
}

/// Returns the end of an open order that is withheld at the moment; nothing for one that was never begun.
fn end_of_held(context: &AgentContext, id: &OrderId) -> Option<(InstanceName, End)> {
    let ledger = context.ledger();
    let end = ledger.end_of(id)?;
    Some((ledger.orders().get(id)?.order.instance.clone(), end))
}

/// Returns the end of an order that this agent does not understand. If it was begun by an earlier agent, it continues
/// from the ledger; any other is refused.
fn end_of_unknown(context: &AgentContext, unknown: &Unknown) -> Option<End> {
    if context.ledger().orders().get(&unknown.id).is_some_and(OrderEntry::is_open) {
        return None;
    }
    let failure = OrderFailure::OrderUnknown { problem: unknown.reason.clone() };
    known_end(context, &unknown.id, &unknown.instance).or_else(|| Some(Outcome::Refused { failure }.into()))
}
