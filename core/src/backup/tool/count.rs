//! Parses the output of a count tool.

use super::named::{from_hex, from_percent};
use crate::backup::{Changes, CounterReading, DatabaseEngine, Store};
use std::collections::BTreeMap;

/// The most names that are counted: counts travel with the manifest.
pub const COUNT_LIMIT: usize = 1000;
/// The longest name.
const NAME_LIMIT: usize = 256;

/// Line of a count tool that is not a name and a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{line}` is not a name and a number")]
pub struct CountError {
    /// Beginning of the line.
    pub line: String,
}

/// Rows by table, documents by collection, keys by database, nodes by label.
pub fn counts(store: &Store, printed: &str) -> Result<BTreeMap<String, u64>, CountError> {
    let mut found = BTreeMap::new();
    for line in printed.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let read = match &store.engine {
            DatabaseEngine::Redis(_) if !line.starts_with("db") => continue,
            DatabaseEngine::Redis(_) => of_keyspace(line),
            // The names of an answer's columns.
            DatabaseEngine::Neo4j(_) if !line.starts_with('"') => continue,
            DatabaseEngine::Neo4j(_) => {
                line.split_once("\", ").and_then(|(name, number)| numbered(from_percent(&name[1..])?, number))
            }
            DatabaseEngine::Postgresql(_) | DatabaseEngine::Mariadb(_) | DatabaseEngine::Mysql(_) => {
                line.split_once('\t').and_then(|(name, number)| numbered(from_hex(name)?, number))
            }
            DatabaseEngine::Mongodb(_) => {
                line.split_once('\t').and_then(|(name, number)| numbered(from_percent(name)?, number))
            }
            DatabaseEngine::Command(_) | DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) => {
                line.split_once('\t').and_then(|(name, number)| numbered(name.to_owned(), number))
            }
        };
        let wrong = || CountError { line: line.chars().take(80).collect() };
        let (name, number) = read.ok_or_else(wrong)?;
        if found.len() == COUNT_LIMIT {
            break;
        }
        found.insert(name.chars().take(NAME_LIMIT).collect(), number);
    }
    Ok(found)
}

fn numbered(name: String, number: &str) -> Option<(String, u64)> {
    Some((name, number.trim().parse().ok()?))
}

/// Returns whether a store may have items that its counter did not print, because it had as many as are counted.
pub fn is_cut_off(store: &Store, counts: &BTreeMap<String, u64>) -> bool {
    // Labels and kinds of relations are counted separately, up to half as many of each.
    let limit = if let DatabaseEngine::Neo4j(_) = store.engine { COUNT_LIMIT / 2 } else { COUNT_LIMIT };
    counts.len() >= limit
}

/// Parses the output of a counter: the numbers of items, and the number of changes if it is reported.
pub fn reading(store: &Store, printed: &str) -> Result<CounterReading, CountError> {
    let changes = if let DatabaseEngine::Redis(_) = store.engine { changes(printed) } else { None };
    Ok(CounterReading { counts: counts(store, printed)?, changes })
}

/// Parses `db0:keys=5,expires=2,avg_ttl=0`. Expiring keys may be gone before they are counted again, so they are left
/// out.
fn of_keyspace(line: &str) -> Option<(String, u64)> {
    let (database, rest) = line.split_once(":keys=")?;
    let (keys, rest) = rest.split_once(",expires=")?;
    let expires: u64 = rest.split(',').next()?.parse().ok()?;
    Some((database.to_owned(), keys.parse::<u64>().ok()?.saturating_sub(expires)))
}

/// Redis counts changes since its last save, and evicted keys separately.
fn changes(printed: &str) -> Option<Changes> {
    let field = |name: &str| {
        let mut values = printed.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
        values.next()?.parse::<u64>().ok()
    };
    let number = field("rdb_changes_since_last_save")?.saturating_add(field("evicted_keys")?);
    Some(Changes { number, since: field("rdb_last_save_time")? })
}
