//! Counts the items that an upgrade has to keep, and compares them after each hop.
//!
//! **Invariant:** a number that cannot be had is a failure, and never taken for a good one.

use super::asked;
use super::error::HostFault;
use super::fault::{AskError, StoreFault};
use super::ready::until_ready;
use super::{DataError, DataWork};
use crate::ledger::Settled;
use crate::perform::allow::{Forbidden, stores_refused};
use fleet_core::backup::{Store, count_tool, is_cut_off};
use fleet_core::names::StoreName;
use fleet_core::policy_refusal::PolicyRefusal;
use fleet_core::upgrade_counts::{CountedItems, ItemCounts, changes};
use fleet_core::upgrade_steps::UpgradePlan;
use std::collections::{BTreeMap, BTreeSet};

/// State of an instance in which items are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedState {
    /// The release before the upgrade: a store that it does not have holds nothing.
    Origin,
    /// A release of the upgrade, which has each store that is compared.
    Ahead,
}

/// Fails if a release of an upgrade cannot be counted as the plan wants it. Changes nothing.
pub async fn expect_comparable(
    data: &DataWork<'_>,
    from: &Settled,
    ahead: impl Iterator<Item = &Settled>,
    plan: &UpgradePlan,
) -> Result<(), DataError> {
    expect_countable(data, from, &plan.items_at_first(), CountedState::Origin).await?;
    for (hop, settled) in ahead.enumerate() {
        expect_countable(data, settled, &plan.items_after(hop), CountedState::Ahead).await?;
    }
    Ok(())
}

/// Fails if the items of a release cannot be counted, or if the policy of the host forbids it.
async fn expect_countable(
    data: &DataWork<'_>,
    settled: &Settled,
    items: &CountedItems,
    state: CountedState,
) -> Result<(), DataError> {
    if items.is_empty() {
        return Ok(());
    }
    for name in items.keys() {
        match (settled.rendered.stores.get(name), state) {
            (Some(store), _) if count_tool(store).is_none() => return Err(StoreFault::NotCountable.of_store(name)),
            (None, CountedState::Ahead) => return Err(StoreFault::NotCountable.of_store(name)),
            (Some(_), _) | (None, CountedState::Origin) => {}
        }
    }
    let mounted = data.context().runtime.mounted(&settled.rendered.spec).await?;
    let refused = stores_refused(data.context(), &settled.rendered, &mounted).await;
    match refused.into_iter().find(|(name, _)| items.contains_key(name)) {
        Some((store, gap)) => {
            let source = Forbidden::ByPolicy(vec![PolicyRefusal::other(gap.to_string())]);
            Err(DataError::StoreForbidden { store: store.to_string(), source })
        }
        None => Ok(()),
    }
}

/// Counts the items of a release whose stores' servers run.
pub async fn count(
    data: &DataWork<'_>,
    settled: &Settled,
    items: &CountedItems,
    state: CountedState,
) -> Result<ItemCounts, DataError> {
    // The policy may have changed.
    expect_countable(data, settled, items, state).await?;
    let mut counts = ItemCounts::new();
    for (name, items) in items {
        if let Some(store) = settled.rendered.stores.get(name) {
            counts.insert(name.clone(), count_store(data, settled, (name, store), items).await?);
        }
    }
    Ok(counts)
}

async fn count_store(
    data: &DataWork<'_>,
    settled: &Settled,
    (name, store): (&StoreName, &Store),
    items: &BTreeSet<String>,
) -> Result<BTreeMap<String, u64>, DataError> {
    let spec = &settled.rendered.spec;
    until_ready(data, store, spec).await.map_err(|error| StoreFault::NotReady(error).of_store(name))?;
    let reading = asked::count(data, spec, store).await.map_err(|error| match error {
        AskError::Tool(error) if error.is_passing() => StoreFault::Runtime(error).of_store(name),
        error => StoreFault::NotCounted(error).of_store(name),
    })?;
    let unlisted = items.iter().find(|item| !reading.counts.contains_key(*item));
    if let Some(item) = unlisted.filter(|_| is_cut_off(store, &reading.counts)) {
        return Err(StoreFault::NotAmongCounted { item: item.clone() }.of_store(name));
    }
    let number = |item: &String| reading.counts.get(item).copied().unwrap_or(0);
    Ok(items.iter().map(|item| (item.clone(), number(item))).collect())
}

/// Compares the numbers after a hop with those before it, and returns what the next hop is compared with.
pub async fn compare_hop(
    data: &DataWork<'_>,
    settled: &Settled,
    plan: &UpgradePlan,
    hop: usize,
    before: &ItemCounts,
) -> Result<ItemCounts, DataError> {
    let items = plan.items_after(hop);
    if items.is_empty() {
        return Ok(ItemCounts::new());
    }
    let after = count(data, settled, &items, CountedState::Ahead).await?;
    let changes = plan.compare.get(hop).map(|rules| changes(rules, before, &after)).unwrap_or_default();
    if changes.is_empty() { Ok(after) } else { Err(HostFault::CountsChanged(changes).into()) }
}
