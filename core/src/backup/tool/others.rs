//! Parses a server's list of databases and accounts beside its stores.

use super::named::{from_hex, from_percent};
use crate::backup::{DatabaseEngine, Store, UncoveredData};
use std::collections::BTreeSet;

/// The most that are named.
const LIMIT: usize = 20;
/// The longest name that is shown.
const NAME_LIMIT: usize = 100;

/// Returns the objects of one server that are in none of these stores.
pub fn others<'a>(service: &str, stores: impl IntoIterator<Item = &'a Store>, printed: &str) -> Vec<UncoveredData> {
    let stores: Vec<&Store> = stores.into_iter().collect();
    let servers = stores.iter().filter_map(|store| store.engine.server());
    let named: BTreeSet<&str> = servers.filter_map(|server| server.database.as_deref()).collect();
    let line = |line: &str| {
        let (kind, name) = line.trim_end_matches('\r').split_once('\t')?;
        Some((kind.to_owned(), as_printed(stores.first()?, kind, name)?))
    };
    let found: BTreeSet<(String, String)> = printed.lines().filter_map(line).collect();
    let is_other = |(kind, name): &&(String, String)| match kind.as_str() {
        "database" => !named.contains(name.as_str()),
        // Neo4j keeps its users in a database of that name.
        "user" => !named.contains("system"),
        "account" | "password of" | "hidden accounts" => true,
        // Lines of other queries.
        _ => false,
    };
    let beside = found.iter().filter(is_other).filter_map(|(kind, name)| beside(service, kind, name));
    let mut all: Vec<UncoveredData> = beside.collect();
    let count = all.len().saturating_sub(LIMIT);
    all.truncate(LIMIT);
    all.extend((count > 0).then(|| UncoveredData::MoreOfServer { service: service.to_owned(), count }));
    all
}

/// Returns an object as others are printed. All stores of one server have one engine.
fn as_printed(store: &Store, kind: &str, name: &str) -> Option<String> {
    match &store.engine {
        _ if kind == "hidden accounts" => Some(name.to_owned()),
        DatabaseEngine::Postgresql(_) | DatabaseEngine::Mariadb(_) | DatabaseEngine::Mysql(_) => from_hex(name),
        DatabaseEngine::Mongodb(_) => from_percent(name),
        DatabaseEngine::Neo4j(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::Command(_)
        | DatabaseEngine::Volume(_)
        | DatabaseEngine::S3(_) => Some(name.to_owned()),
    }
}

fn beside(service: &str, kind: &str, name: &str) -> Option<UncoveredData> {
    let service = service.to_owned();
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_LIMIT).collect();
    match kind {
        "database" => Some(UncoveredData::Database { service, name }),
        "user" => Some(UncoveredData::User { service, name }),
        "account" => Some(UncoveredData::Account { service, name }),
        "password of" => Some(UncoveredData::Password { service, name }),
        "hidden accounts" => Some(UncoveredData::HiddenAccounts { service, user: name }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{DatabaseEngine, Server, StoreKind};

    fn store(database: &str) -> Store {
        let server = Server {
            service: "db".to_owned(),
            database: Some(database.to_owned()),
            user: None,
            password: None,
            data: "/data".to_owned(),
        };
        let engine = DatabaseEngine::Postgresql(server);
        Store { engine, kind: StoreKind::Truth, stop: vec![], pause: vec![], checks: vec![] }
    }

    fn hex(name: &str) -> String {
        data_encoding::HEXLOWER.encode(name.as_bytes())
    }

    #[test]
    fn what_no_store_has_is_named() {
        let line = |kind: &str, name: &str| format!("{kind}\t{}\r\n", hex(name));
        let printed = line("database", "notes") + &line("database", "sales") + &line("user", "anna");
        let printed = printed + "hidden accounts\tx\n";
        let found = others("db", [&store("notes"), &store("more")], &printed);
        let (service, name) = (|| "db".to_owned(), |name: &str| name.to_owned());
        let expect = [
            UncoveredData::Database { service: service(), name: name("sales") },
            UncoveredData::HiddenAccounts { service: service(), user: name("x") },
            UncoveredData::User { service: service(), name: name("anna") },
        ];
        assert_eq!(found, expect);
        assert_eq!(others("db", [&store("notes"), &store("sales"), &store("system")], &printed).len(), 1);
        let other = line("database", "notes") + "Warning: something else\nrows\t12\n";
        assert!(others("db", [&store("notes")], &other).is_empty());
        let odd = line("database", "a\ndatabase\tnotes");
        let name = name("a database notes");
        assert_eq!(others("db", [&store("notes")], &odd), [UncoveredData::Database { service: service(), name }]);
    }

    #[test]
    fn a_thousand_names_are_a_few_and_a_number() {
        let printed: String =
            (0..1000).map(|number| format!("database\t{}\n", hex(&format!("n{number:04}\u{1b}")))).collect();
        let found = others("db", [&store("notes")], &printed);
        let service = || "db".to_owned();
        assert_eq!(found.len(), 21);
        assert_eq!(found[0], UncoveredData::Database { service: service(), name: "n0000 ".to_owned() });
        assert_eq!(found[20], UncoveredData::MoreOfServer { service: service(), count: 980 });
    }
}
