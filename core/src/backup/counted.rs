//! Numbers that a drill has to find, from those counted when the dump was made.
//!
//! **Invariant:** a good dump of a store under write load is within the range, and an empty dump of a non-empty store
//! is not.

use super::{Counted, DumpError, Store};
use std::collections::{BTreeMap, BTreeSet};

/// Reading of a store's own counter at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CounterReading {
    /// Number of rows, documents or keys by name.
    pub counts: BTreeMap<String, u64>,
    /// Counter of changes, for engines that have one.
    pub changes: Option<Changes>,
}

/// Number of changes of the data since a named moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes {
    /// Number of changes since the counter began.
    pub number: u64,
    /// Name of the moment at which the count began, as a number.
    pub since: u64,
}

/// Number of items that may come or go during a dump, besides half of all, if the number of changes is unknown.
const SLACK: u64 = 50;

/// Returns the dump's own numbers for the names that the counter knows; other content is not data of the store.
pub fn exactly(listed: &BTreeMap<String, u64>, dumped: &BTreeMap<String, u64>) -> BTreeMap<String, Counted> {
    let both = dumped.iter().filter(|(name, _)| listed.contains_key(*name));
    both.map(|(name, count)| (name.clone(), Counted { low: *count, high: *count })).collect()
}

/// Returns names that have content before and after a dump, and are missing in it.
pub fn lacking<'a>(
    before: &'a BTreeMap<String, u64>,
    dumped: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> Option<&'a String> {
    let has_some = |counts: &BTreeMap<String, u64>, name: &String| counts.get(name).is_some_and(|count| *count > 0);
    before.keys().find(|name| has_some(before, name) && has_some(after, name) && !dumped.contains_key(*name))
}

/// Compares the numbers of a dump with its server's at two moments between which nothing was written. Returns the
/// first difference.
pub fn unequal(listed: &BTreeMap<String, u64>, dumped: &BTreeMap<String, u64>) -> Option<DumpError> {
    listed.iter().find_map(|(item, counted)| {
        let dumped = dumped.get(item).copied().unwrap_or(0);
        (dumped != *counted).then(|| DumpError::CountDiffers { item: item.clone(), dumped, counted: *counted })
    })
}

/// Returns the numbers that a dump between two readings holds: unchanged ones exactly, others within the number of
/// changes.
pub fn between(store: &Store, before: &CounterReading, after: &CounterReading) -> BTreeMap<String, Counted> {
    let is_held = !store.stop.is_empty() || !store.pause.is_empty();
    let changed = match (before.changes, after.changes) {
        (Some(one), Some(other)) if one.since == other.since => other.number.checked_sub(one.number),
        _ if is_held => Some(0),
        _ => None,
    };
    widened(before, after, changed)
}

/// Returns the numbers of a store that may change between its counting and the stop of its service.
pub fn around(early: &CounterReading) -> BTreeMap<String, Counted> {
    widened(early, early, None)
}

fn widened(before: &CounterReading, after: &CounterReading, changed: Option<u64>) -> BTreeMap<String, Counted> {
    let names: BTreeSet<&String> = before.counts.keys().chain(after.counts.keys()).collect();
    let both = |name: &String| {
        let count = |reading: &CounterReading| reading.counts.get(name).copied().unwrap_or(0);
        let (low, high) = (count(before).min(count(after)), count(before).max(count(after)));
        let (fewer, more) = match changed {
            Some(changed) => (low.saturating_sub(changed), high.saturating_add(changed)),
            None => ((low / 2).saturating_sub(SLACK), high.saturating_mul(2).saturating_add(2 * SLACK)),
        };
        Counted { low: fewer.max(low.min(1)), high: more }
    };
    names.into_iter().map(|name| (name.clone(), both(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{Commands, DatabaseEngine, StoreKind};

    fn counts(text: &str) -> BTreeMap<String, u64> {
        let pair = |word: &str| {
            let (name, count) = word.split_once('=').expect("a pair");
            (name.to_owned(), count.parse().expect("a number"))
        };
        text.split_whitespace().map(pair).collect()
    }

    fn store(stop: &[&str]) -> Store {
        let commands = Commands {
            service: "db".to_owned(),
            dump: Vec::new(),
            load: Vec::new(),
            count: Vec::new(),
            environment: BTreeMap::new(),
            magic: None,
            trailer: None,
        };
        let stop = stop.iter().map(|it| (*it).to_owned()).collect();
        Store {
            engine: DatabaseEngine::Command(commands),
            kind: StoreKind::Truth,
            stop,
            pause: Vec::new(),
            checks: Vec::new(),
        }
    }

    fn check(stop: &[&str], before: (&str, Option<(u64, u64)>), after: (&str, Option<(u64, u64)>), expect: &str) {
        let reading = |(text, changes): (&str, Option<(u64, u64)>)| CounterReading {
            counts: counts(text),
            changes: changes.map(|(number, since)| Changes { number, since }),
        };
        let found = between(&store(stop), &reading(before), &reading(after));
        let found: Vec<_> = found.iter().map(|(name, it)| format!("{name} {}-{}", it.low, it.high)).collect();
        assert_eq!(found.join(", "), expect);
    }

    #[test]
    fn changes_in_between_go_either_way() {
        check(&[], ("a=10", Some((5, 1))), ("a=10", Some((5, 1))), "a 10-10");
        check(&[], ("a=10 b=3", Some((5, 1))), ("a=12", Some((9, 1))), "a 6-16, b 0-7");
        // Saved in between: the number of changes is unknown.
        check(&[], ("a=1000", Some((5, 1))), ("a=1000", Some((9, 2))), "a 450-2100");
    }

    #[test]
    fn what_stands_still_is_exact_and_what_does_not_is_never_empty() {
        check(&["web"], ("a=10 b=0", None), ("a=10 b=0", None), "a 10-10, b 0-0");
        check(&[], ("a=10 b=0", None), ("a=10 b=4", None), "a 1-120, b 0-108");
        check(&[], ("a=1000", Some((0, 1))), ("a=1000", Some((5000, 1))), "a 1-6000");
        let early = around(&CounterReading { counts: counts("a=10"), changes: None });
        assert_eq!(early["a"], Counted { low: 1, high: 120 });
    }

    #[test]
    fn a_dump_that_has_fewer_rows_than_a_server_that_stands_still_is_found() {
        let differs = |listed: &str, dumped: &str| unequal(&counts(listed), &counts(dumped));
        assert_eq!(differs("a=4 b=0", "a=4 c=1"), None);
        let has = |dumped| Some(DumpError::CountDiffers { item: "a".to_owned(), dumped, counted: 4 });
        assert_eq!((differs("a=4", "a=1"), differs("a=4", "b=4")), (has(1), has(0)));
    }

    #[test]
    fn a_dump_lacks_what_was_there_all_the_time() {
        let lacks = |before: &str, dumped: &str, after: &str| {
            lacking(&counts(before), &counts(dumped), &counts(after)).cloned()
        };
        assert_eq!(lacks("a=1 b=2", "a=1", "a=1 b=3"), Some("b".to_owned()));
        assert_eq!(lacks("a=1 b=2", "a=1", "a=1"), None);
        assert_eq!(lacks("a=1 b=0", "a=0", "a=1 b=1"), None);
        let exact = exactly(&counts("a=5 c=1"), &counts("a=7 b=1"));
        assert_eq!(exact, [("a".to_owned(), Counted { low: 7, high: 7 })].into());
    }
}
