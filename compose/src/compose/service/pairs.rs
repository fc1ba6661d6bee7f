//! Pairs of key and value, which Compose takes as a map or as a list of `KEY=VALUE`.

use crate::compose::cursor::Cursor;
use std::collections::BTreeMap;

/// Reads labels and options; a key without a value has an empty one.
pub fn read_pairs(at: &Cursor) -> BTreeMap<String, String> {
    if at.is_list() {
        return at.items().iter().filter_map(Cursor::string).map(|pair| split(&pair)).collect();
    }
    let value = |at: Cursor| if at.is_null() { Some(String::new()) } else { at.string() };
    at.entries().into_iter().filter_map(|(key, at)| Some((key.to_owned(), value(at)?))).collect()
}

fn split(pair: &str) -> (String, String) {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    (key.to_owned(), value.to_owned())
}
