//! Reads what a count tool printed.

use crate::backup::{Engine, Store};
use std::collections::BTreeMap;

/// The most names that are counted: counts travel with the manifest.
pub const COUNT_LIMIT: usize = 1000;
/// The longest name.
const NAME_LIMIT: usize = 256;

/// Rows by table, documents by collection, keys by database, nodes by label.
pub fn counts(store: &Store, printed: &str) -> Result<BTreeMap<String, u64>, String> {
    let mut found = BTreeMap::new();
    for line in printed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let read = match &store.engine {
            Engine::Redis(_) if line.starts_with('#') => continue,
            Engine::Redis(_) => of_keyspace(line),
            // The names of an answer's columns.
            Engine::Neo4j(_) if !line.starts_with('"') => continue,
            Engine::Neo4j(_) => line.split_once("\", ").map(|(name, number)| (&name[1..], number)),
            Engine::Postgresql(_)
            | Engine::Mongodb(_)
            | Engine::Mariadb(_)
            | Engine::Mysql(_)
            | Engine::Command(_)
            | Engine::Volume(_)
            | Engine::S3(_) => line.split_once('\t'),
        };
        let read = read.and_then(|(name, number)| Some((name, number.trim().parse().ok()?)));
        let shown = || line.chars().take(80).collect::<String>();
        let (name, number) = read.ok_or_else(|| format!("`{}` is not a name and a number", shown()))?;
        if found.len() == COUNT_LIMIT {
            break;
        }
        found.insert(name.chars().take(NAME_LIMIT).collect(), number);
    }
    Ok(found)
}

/// `db0:keys=5,expires=0,avg_ttl=0`
fn of_keyspace(line: &str) -> Option<(&str, &str)> {
    let (database, rest) = line.split_once(":keys=")?;
    Some((database, rest.split(',').next().unwrap_or_default()))
}
