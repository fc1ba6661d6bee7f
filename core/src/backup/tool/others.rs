//! Reads what a server said that it holds beside the databases of its stores.

use crate::backup::Store;
use std::collections::BTreeSet;

/// The most that are named.
const LIMIT: usize = 20;
/// The longest name that is shown.
const NAME_LIMIT: usize = 100;

/// What one server holds and none of these stores has, each in words: `database `sales``, `account `anna``.
pub fn others<'a>(stores: impl IntoIterator<Item = &'a Store>, printed: &str) -> Vec<String> {
    let servers = stores.into_iter().filter_map(|store| store.engine.server());
    let named: BTreeSet<&str> = servers.filter_map(|server| server.database.as_deref()).collect();
    let line = |line: &str| {
        line.trim_end_matches('\r').split_once('\t').map(|(kind, name)| (kind.to_owned(), name.to_owned()))
    };
    let found: BTreeSet<(String, String)> = printed.lines().filter_map(line).collect();
    let is_other = |(kind, name): &&(String, String)| match kind.as_str() {
        "database" => !named.contains(name.as_str()),
        // Neo4j keeps its users in a database of that name.
        "user" => !named.contains("system"),
        "account" | "password of" | "unseen" => true,
        // Nothing that our questions ask for.
        _ => false,
    };
    let mut words: Vec<String> = found.iter().filter(is_other).map(|(kind, name)| worded(kind, name)).collect();
    let more = words.len().saturating_sub(LIMIT);
    words.truncate(LIMIT);
    words.extend((more > 0).then(|| format!("{more} more")));
    words
}

fn worded(kind: &str, name: &str) -> String {
    let shown: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_LIMIT).collect();
    match kind {
        "unseen" => shown,
        kind => format!("{kind} `{shown}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{Engine, Server, StoreKind};

    fn store(database: &str) -> Store {
        let server = Server {
            service: "db".to_owned(),
            database: Some(database.to_owned()),
            user: None,
            password: None,
            data: "/data".to_owned(),
        };
        let engine = Engine::Postgresql(server);
        Store { engine, kind: StoreKind::Truth, stop: vec![], pause: vec![], checks: vec![] }
    }

    #[test]
    fn what_no_store_has_is_named() {
        let printed = "database\tnotes\ndatabase\tsales\nuser\tanna\r\nunseen\taccounts that `x` may not see\n";
        let found = others([&store("notes"), &store("more")], printed);
        assert_eq!(found, ["database `sales`", "accounts that `x` may not see", "user `anna`"]);
        assert_eq!(others([&store("notes"), &store("sales"), &store("system")], printed).len(), 1);
        assert!(others([&store("notes")], "database\tnotes\nWarning: something else\nrows\t12\n").is_empty());
    }

    #[test]
    fn a_thousand_names_are_a_few_and_a_number() {
        let printed: String = (0..1000).map(|number| format!("database\tn{number:04}\u{1b}\n")).collect();
        let found = others([&store("notes")], &printed);
        assert_eq!((found.len(), found[0].as_str(), found[20].as_str()), (21, "database `n0000 `", "980 more"));
    }
}
