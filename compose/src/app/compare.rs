//! `compare` of an edge of `upgrades:`: the numbers of items that an upgrade has to keep.

use super::stores::StoreDeclaration;
use super::upgrades::{DataEffect, UpgradeEdge};
use crate::names::StoreName;
use crate::store::{EngineKind, StoreKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most items of an edge.
const ITEM_LIMIT: usize = 64;
/// The most characters of an item's name: counters print no longer ones.
const NAME_LIMIT: usize = 256;

/// Rules of an upgrade, by store and by item as the counter of the store names it: a table, a collection, a label.
pub type Comparison = BTreeMap<StoreName, BTreeMap<String, CountRule>>;

/// Rule for the number of an item after an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountRule {
    /// The number of before.
    Equal,
    /// The number of before, or more.
    AtLeast,
}

/// Returns the problems of an edge, each with the key below the edge.
pub fn problems(edge: &UpgradeEdge, stores: &BTreeMap<StoreName, StoreDeclaration>) -> Vec<(String, String)> {
    let UpgradeEdge { data, compare, .. } = edge;
    if compare.is_empty() {
        return Vec::new();
    }
    if *data == DataEffect::None {
        return vec![("compare".to_owned(), "an upgrade with `data: none` compares nothing".to_owned())];
    }
    if compare.values().map(BTreeMap::len).sum::<usize>().max(compare.len()) > ITEM_LIMIT {
        return vec![("compare".to_owned(), format!("there are more than {ITEM_LIMIT} items"))];
    }
    let of_store = |(name, items): (&StoreName, &BTreeMap<String, CountRule>)| {
        let text = problem_of_store(stores.get(name)).or_else(|| problem_of_items(items))?;
        Some((format!("compare.{name}"), text))
    };
    compare.iter().filter_map(of_store).collect()
}

fn problem_of_store(store: Option<&StoreDeclaration>) -> Option<String> {
    let Some(store) = store else { return Some("there is no such store under `stores`".to_owned()) };
    if store.kind != StoreKind::Truth {
        return Some("it is derivable: only stores of kind `truth` are compared".to_owned());
    }
    match store.engine {
        EngineKind::Postgresql
        | EngineKind::Mongodb
        | EngineKind::Mariadb
        | EngineKind::Mysql
        | EngineKind::Redis
        | EngineKind::Neo4j => None,
        EngineKind::Command => store.count.is_empty().then(|| "the store has no `count` command".to_owned()),
        EngineKind::Volume | EngineKind::S3 => Some("the content of files and buckets is not counted".to_owned()),
    }
}

fn problem_of_items(items: &BTreeMap<String, CountRule>) -> Option<String> {
    if items.is_empty() {
        return Some("it names no item".to_owned());
    }
    let is_name =
        |name: &String| (1..=NAME_LIMIT).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let text = || format!("the name of an item has 1 to {NAME_LIMIT} characters, and no control characters");
    (!items.keys().all(is_name)).then(text)
}

#[cfg(test)]
mod tests {
    use crate::app::lint;
    use crate::app::testing::{APP, bundle};

    const STORES: &str = "stores:
  rows: { engine: postgresql, kind: truth, service: db, database: demo, user: demo }
  notes: { engine: command, kind: truth, service: web, dump: [cat], load: [cat], count: [wc] }
  silent: { engine: command, kind: truth, service: web, dump: [cat], load: [cat] }
  files: { engine: volume, kind: truth, volume: data }
  cache: { engine: redis, kind: derivable, service: db }
";

    fn problems(edge: &str) -> Vec<String> {
        let app = format!("{APP}{STORES}upgrades:\n  edges:\n    - {{ from: '<2', to: '>=2', {edge} }}\n");
        let first = APP.lines().count() + STORES.lines().count() + 1;
        let report = lint(&bundle(&[("app.yaml", &app)]), None);
        let shown = |it: crate::compose::Problem| format!("{}:{} {}", it.line.saturating_sub(first), it.path, it.text);
        report.problems.0.into_iter().map(shown).collect()
    }

    #[test]
    fn stores_that_can_be_counted_are_compared() {
        let good = "compare: { rows: { public.a: equal, 'public.b c': at_least }, notes: { uploads: equal } }";
        assert_eq!(problems(good), [""; 0]);
        assert_eq!(problems("compare: {}"), [""; 0]);
        assert_eq!(problems("data: none, compare: {}"), [""; 0]);
    }

    #[test]
    fn each_fault_of_a_comparison_is_named_by_its_line_and_key() {
        let (long, many) = ("x".repeat(257), (0..65).map(|number| format!("t{number}: equal, ")).collect::<String>());
        let rows = [
            ("data: none, compare: { rows: { a: equal } }", ": an upgrade with `data: none` compares nothing"),
            ("compare: { other: { a: equal } }", ".other: there is no such store under `stores`"),
            ("compare: { cache: { a: equal } }", ".cache: it is derivable: only stores of kind `truth` are compared"),
            ("compare: { silent: { a: equal } }", ".silent: the store has no `count` command"),
            ("compare: { files: { a: equal } }", ".files: the content of files and buckets is not counted"),
            ("compare: { rows: {} }", ".rows: it names no item"),
            (
                "compare: { rows: { \"a\\nb\": equal } }",
                ".rows: the name of an item has 1 to 256 characters, and no control characters",
            ),
            (
                &format!("compare: {{ rows: {{ {long}: equal }} }}"),
                ".rows: the name of an item has 1 to 256 characters, and no control characters",
            ),
            (&format!("compare: {{ rows: {{ {many} }} }}"), ": there are more than 64 items"),
        ];
        for (edge, expect) in rows {
            let expect = expect.replacen(": ", " ", 1);
            assert_eq!(problems(edge), [format!("2:upgrades.edges[0].compare{expect}")], "{edge}");
        }
    }

    #[test]
    fn a_rule_that_is_none_is_refused_with_its_line() {
        let found = problems("compare: { rows: { a: at_most } }");
        assert!(found.len() == 1 && found[0].starts_with("2:") && found[0].contains("at_most"), "{found:?}");
    }
}
