//! Retries the cleanup that orders about data could not finish: at the agent's start, then each minute.

use super::{left, leftovers, sandboxes};
use crate::agent_context::AgentContext;
use fleet_core::names::InstanceName;
use std::collections::BTreeSet;
use std::time::Duration;

pub const BETWEEN_TRIES: Duration = Duration::from_secs(60);

/// Returns the instances with unfinished cleanup; an order may have left remains of one that is gone itself.
pub fn unfinished(context: &AgentContext) -> BTreeSet<InstanceName> {
    let ledger = context.ledger();
    let of_doubles = ledger.sandboxes().values().map(|sandbox| sandbox.instance.clone());
    let of_restores = ledger.leftovers().values().map(|left| left.instance.clone());
    left::left(&ledger).chain(of_doubles).chain(of_restores).collect()
}

/// Tells people of all that drills and restores have left, when the agent starts.
pub fn tell_all(context: &AgentContext) {
    sandboxes::tell_all(context);
    leftovers::tell_all(context);
}

/// Tries once. Stopped services come first.
pub async fn try_again(context: &AgentContext, instance: &InstanceName) {
    left::let_go(context, instance).await;
    sandboxes::try_again(context, instance).await;
    leftovers::try_again(context, instance).await;
}
