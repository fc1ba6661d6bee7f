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
use fleet_core::app::Comparison;
use fleet_core::backup::{EngineKind, Store, count_tool, is_cut_off};
use fleet_core::names::StoreName;
use fleet_core::policy_refusal::PolicyRefusal;
use fleet_core::upgrade_counts::{CountedItems, ItemCounts, changes, unlisted};
use fleet_core::upgrade_steps::UpgradePlan;
use std::collections::{BTreeMap, BTreeSet};

/// Fails if a release of an upgrade cannot be counted as the plan wants it. Changes nothing.
pub async fn expect_comparable(
    data: &DataWork<'_>,
    from: &Settled,
    ahead: impl Iterator<Item = &Settled>,
    plan: &UpgradePlan,
) -> Result<(), DataError> {
    expect_countable(data, from, &plan.items_at_first(), None).await?;
    for (hop, settled) in ahead.enumerate() {
        expect_countable(data, settled, &plan.items_after(hop), plan.compare.get(hop)).await?;
    }
    Ok(())
}

/// Fails if the items of a release cannot be counted, or if the policy of the host forbids it. A store that the release does not have
/// holds nothing, unless it is compared in this hop.
async fn expect_countable(
    data: &DataWork<'_>,
    settled: &Settled,
    items: &CountedItems,
    compared: Option<&Comparison>,
) -> Result<(), DataError> {
    if items.is_empty() {
        return Ok(());
    }
    for name in items.keys() {
        let is_countable = match settled.rendered.stores.get(name) {
            Some(store) => count_tool(store).is_some(),
            None => compared.is_none_or(|compared| !compared.contains_key(name)),
        };
        if !is_countable {
            return Err(StoreFault::NotCountable.of_store(name));
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

/// Counts the items of a release whose stores' servers run. Those that a counter does not list have no number.
pub async fn count(
    data: &DataWork<'_>,
    settled: &Settled,
    items: &CountedItems,
    compared: Option<&Comparison>,
) -> Result<ItemCounts, DataError> {
    // The policy may have changed.
    expect_countable(data, settled, items, compared).await?;
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
    Ok(items.iter().filter_map(|item| Some((item.clone(), *reading.counts.get(item)?))).collect())
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
    let rules = plan.compare.get(hop);
    let after = count(data, settled, &items, rules).await?;
    let changes = rules.map(|rules| changes(rules, before, &after)).unwrap_or_default();
    if !changes.is_empty() {
        return Err(HostFault::CountsChanged(changes).into());
    }
    // A misspelt name would keep nothing.
    let lists_all = |name: &StoreName| settled.rendered.stores.get(name).is_some_and(lists_each_table);
    match rules.and_then(|rules| unlisted(rules, before, &after).find(|(name, _)| lists_all(name))) {
        Some((name, item)) => Err(StoreFault::NotAmongCounted { item: item.clone() }.of_store(name)),
        None => Ok(after),
    }
}

/// Returns whether the counter of a store lists its tables even if they are empty.
fn lists_each_table(store: &Store) -> bool {
    matches!(store.engine.kind(), EngineKind::Postgresql | EngineKind::Mariadb | EngineKind::Mysql)
}
