//! Numbers of items that an upgrade has to keep, hop by hop: the rules of the graph of the wanted release, and what breaks them.
//!
//! **Invariant:** an item without a number counts as 0, before and after.

use crate::app::{Comparison, CountRule, Upgrades};
use crate::names::{StoreName, Version};
use crate::upgrade_path::edge_between;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers of items, by store and by the name that its counter gives them.
pub type ItemCounts = BTreeMap<StoreName, BTreeMap<String, u64>>;

/// Items to count, by store.
pub type CountedItems = BTreeMap<StoreName, BTreeSet<String>>;

/// Number after an upgrade that is not what the app's author says it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountChange {
    /// Store of the item.
    pub store: StoreName,
    /// Name of the item.
    pub item: String,
    /// Number before.
    pub before: u64,
    /// Number after.
    pub after: u64,
    /// Rule that is broken.
    pub rule: CountRule,
}

/// Returns the rules of each hop between these versions, which are in their order; none if no hop has any.
///
/// Hops to the same or to an older version have no rules: no edge leads there.
pub fn comparisons(upgrades: Option<&Upgrades>, versions: &[&Version]) -> Vec<Comparison> {
    let Some(upgrades) = upgrades else { return Vec::new() };
    let of_hop = |hop: &[&Version]| edge_between(upgrades, hop[0], hop[1]).map(|edge| edge.compare.clone());
    let hops: Vec<Comparison> = versions.windows(2).map(|hop| of_hop(hop).unwrap_or_default()).collect();
    if hops.iter().all(Comparison::is_empty) { Vec::new() } else { hops }
}

/// Returns the items that the rules name.
pub fn items_of<'a>(comparisons: impl IntoIterator<Item = &'a Comparison>) -> CountedItems {
    let mut items = CountedItems::new();
    for (store, rules) in comparisons.into_iter().flatten() {
        items.entry(store.clone()).or_default().extend(rules.keys().cloned());
    }
    items
}

/// Returns the items of the rules that have a number neither before nor after a hop.
pub fn unlisted<'a>(
    rules: &'a Comparison,
    before: &'a ItemCounts,
    after: &'a ItemCounts,
) -> impl Iterator<Item = (&'a StoreName, &'a String)> {
    let has = |counts: &ItemCounts, store: &StoreName, item: &String| {
        counts.get(store).is_some_and(|counts| counts.contains_key(item))
    };
    let all = rules.iter().flat_map(|(store, items)| items.keys().map(move |item| (store, item)));
    all.filter(move |(store, item)| !has(before, store, item) && !has(after, store, item))
}

/// Returns what breaks the rules of a hop.
pub fn changes(rules: &Comparison, before: &ItemCounts, after: &ItemCounts) -> Vec<CountChange> {
    let number = |counts: &ItemCounts, store: &StoreName, item: &String| {
        counts.get(store).and_then(|counts| counts.get(item)).copied().unwrap_or(0)
    };
    let rules = rules.iter().flat_map(|(store, items)| items.iter().map(move |(item, rule)| (store, item, *rule)));
    let all = rules.map(|(store, item, rule)| CountChange {
        store: store.clone(),
        item: item.clone(),
        before: number(before, store, item),
        after: number(after, store, item),
        rule,
    });
    let is_broken = |change: &CountChange| match change.rule {
        CountRule::Equal => change.after != change.before,
        CountRule::AtLeast => change.after < change.before,
    };
    all.filter(is_broken).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::UpgradeEdge;

    fn store(name: &str) -> StoreName {
        name.parse().expect("a name")
    }

    fn rules(text: &str) -> Comparison {
        let rule = |word: &str| {
            let (item, rule) = word.split_once(':').expect("a pair");
            (item.to_owned(), if rule == "equal" { CountRule::Equal } else { CountRule::AtLeast })
        };
        if text.is_empty() { Comparison::new() } else { [(store("db"), text.split(' ').map(rule).collect())].into() }
    }

    fn counts(text: &str) -> ItemCounts {
        let count = |word: &str| {
            let (item, number) = word.split_once('=').expect("a pair");
            (item.to_owned(), number.parse().expect("a number"))
        };
        [(store("db"), text.split_whitespace().map(count).collect())].into()
    }

    #[test]
    fn an_item_keeps_its_number_as_its_rule_says_and_one_without_a_number_has_none() {
        let rows = [
            ("a:equal", "a=3", "a=3", ""),
            ("a:equal", "a=3", "a=4", "a 3 -> 4"),
            ("a:equal", "a=3", "a=2", "a 3 -> 2"),
            ("a:at_least", "a=3", "a=4", ""),
            ("a:at_least", "a=3", "a=2", "a 3 -> 2"),
            ("a:equal b:at_least", "a=3 b=3", "c=3", "a 3 -> 0, b 3 -> 0"),
            ("a:equal b:at_least", "a=0", "", ""),
            ("a:equal b:at_least", "", "a=1 b=1", "a 0 -> 1"),
            ("a:equal", "a=3 other=9", "a=3", ""),
        ];
        for (wanted, before, after, expect) in rows {
            let found = changes(&rules(wanted), &counts(before), &counts(after));
            let shown: Vec<_> = found.iter().map(|it| format!("{} {} -> {}", it.item, it.before, it.after)).collect();
            assert_eq!(shown.join(", "), expect, "{wanted}: {before}, {after}");
        }
        let found = changes(&rules("a:equal"), &ItemCounts::new(), &ItemCounts::new());
        assert_eq!(found, []);
        let lost = changes(&rules("a:equal"), &counts("a=1"), &ItemCounts::new());
        let (item, rule) = ("a".to_owned(), CountRule::Equal);
        assert_eq!(lost, [CountChange { store: store("db"), item, before: 1, after: 0, rule }]);
    }

    #[test]
    fn each_hop_has_the_rules_of_its_edge_in_the_graph_of_the_wanted_release() {
        let edge = |from: &str, to: &str, compare: &str| UpgradeEdge {
            from: from.parse().expect("a range"),
            to: to.parse().expect("a range"),
            data: Default::default(),
            compare: rules(compare),
            before: Vec::new(),
            migrate: Vec::new(),
        };
        let edges = vec![
            edge(">=1.1,<1.3.1", "==1.3.1", "a:equal"),
            edge("==1.3.1", ">=1.4,<2", "b:at_least"),
            edge(">=2", ">=2", "c:equal"),
        ];
        let graph = Upgrades { edges, ..Upgrades::default() };
        let found = |graph: Option<&Upgrades>, text: &str| {
            let versions: Vec<Version> = text.split(' ').map(|it| it.parse().expect("a version")).collect();
            let hops = comparisons(graph, &versions.iter().collect::<Vec<_>>());
            let shown = |hop: &Comparison| hop.values().flat_map(BTreeMap::keys).cloned().collect::<String>();
            hops.iter().map(shown).collect::<Vec<_>>().join(",")
        };
        let rows = [
            ("1.2 1.3.1 1.4", "a,b"),
            ("1.2 1.3.1", "a"),
            ("1.3.1 1.5", "b"),
            ("1.2 1.3.1 1.3.1.post1", "a,"),
            ("1.2 1.3", ""),
            ("2.1 2.2", "c"),
            // Back, and to another spelling.
            ("2.2 2.1", ""),
            ("2.1 2.1.0", ""),
            ("breezy 1.3.1", ""),
        ];
        for (versions, expect) in rows {
            assert_eq!(found(Some(&graph), versions), expect, "{versions}");
        }
        assert_eq!(found(None, "1.2 1.3.1"), "");
    }

    #[test]
    fn the_items_of_several_hops_are_counted_together() {
        let (one, other) = (rules("a:equal"), rules("a:at_least b:equal"));
        let expect: CountedItems = [(store("db"), ["a".to_owned(), "b".to_owned()].into())].into();
        assert_eq!(items_of([&one, &other]), expect);
        assert_eq!(items_of([]), CountedItems::new());
    }
}
