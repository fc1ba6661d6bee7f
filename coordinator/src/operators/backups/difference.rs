//! Differences of two backups, for people.

use fleet_core::backup::{Manifest, Part};
use fleet_core::grammar::{count, listed};
use fleet_core::names::StoreName;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that differs, and one sentence about all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub lines: Vec<String>,
    pub summary: String,
}

/// Compares releases, values, images, and each store's size and counts.
pub fn difference(then: &Manifest, since: &Manifest) -> Difference {
    let mut release = Vec::new();
    if then.release != since.release {
        release.push(format!("release: {} -> {}", then.release, since.release));
    }
    let values = values(then, since);
    let images: Vec<String> =
        changed(&then.images, &since.images).into_iter().map(|line| format!("image of {line}")).collect();
    let stores = stores(then, since);
    let (other, all): (Vec<_>, usize) = (stores.iter().filter(|lines| !lines.is_empty()).collect(), stores.len());
    let parts = [
        (release.len(), "the release".to_owned()),
        (values.len(), count(values.len(), "value")),
        (images.len(), count(images.len(), "image")),
        (other.len(), format!("{} of {}", other.len(), count(all, "store"))),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|(number, _)| *number > 0).map(|(_, text)| text).collect();
    let summary = match parts.is_empty() {
        true => "they do not differ in what is noted of them".to_owned(),
        false => format!("they differ in {}", listed(&parts)),
    };
    let lines = release.into_iter().chain(values).chain(images).chain(stores.into_iter().flatten()).collect();
    Difference { lines, summary }
}

/// Some are secret: only their names are said.
fn values(then: &Manifest, since: &Manifest) -> Vec<String> {
    let names: BTreeSet<&String> = then.values.keys().chain(since.values.keys()).collect();
    let other = names.into_iter().filter(|name| then.values.get(*name) != since.values.get(*name));
    other.map(|name| format!("value {name}: another")).collect()
}

/// Returns the differences in each store; nothing if there are none.
fn stores(then: &Manifest, since: &Manifest) -> Vec<Vec<String>> {
    let stores: BTreeSet<_> = then.parts.iter().chain(&since.parts).map(|part| &part.store).collect();
    let of =
        |manifest: &'_ Manifest, store: &StoreName| manifest.parts.iter().find(|part| part.store == *store).cloned();
    let lines = |store: &StoreName| match (of(then, store), of(since, store)) {
        (Some(_), None) => vec![format!("store {store}: only in the older")],
        (None, Some(_)) => vec![format!("store {store}: only in the newer")],
        (Some(then), Some(since)) => of_store(&then, &since),
        (None, None) => Vec::new(),
    };
    stores.into_iter().map(lines).collect()
}

fn of_store(then: &Part, since: &Part) -> Vec<String> {
    let store = &since.store;
    let mut lines = Vec::new();
    if then.bytes != since.bytes {
        let (bytes, added) = (count(since.bytes, "byte"), since.added);
        lines.push(format!("store {store}: {} -> {bytes}, {added} added", then.bytes));
    }
    let counts = |part: &Part| part.counts.iter().map(|(name, it)| (name.clone(), it.high.to_string())).collect();
    let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) = (counts(then), counts(since));
    lines.extend(changed(&before, &after).into_iter().map(|line| format!("store {store}: {line}")));
    lines
}

fn changed(then: &BTreeMap<String, String>, since: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = then.keys().chain(since.keys()).collect();
    let other = names.into_iter().filter(|name| then.get(*name) != since.get(*name));
    let text = |map: &BTreeMap<String, String>, name| map.get(name).map_or("nothing", String::as_str).to_owned();
    other.map(|name| format!("{name}: {} -> {}", text(then, name), text(since, name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{read, release};
    use fleet_core::backup::{Cause, Counted, EngineKind, Kept};
    use fleet_core::time::Time;

    fn part(store: &str, bytes: u64, rows: u64) -> Part {
        Part {
            store: read(store),
            engine: EngineKind::Postgresql,
            kept: Kept::Stream { path: String::new(), sha256: String::new() },
            bytes,
            added: 5,
            took_ms: 1,
            counts: [("notes".to_owned(), Counted { low: rows, high: rows })].into(),
            source: None,
            notes: Vec::new(),
        }
    }

    fn manifest(version: &str, parts: Vec<Part>) -> Manifest {
        Manifest {
            format: Manifest::FORMAT,
            backup: read("3f9a12bc0011223344556677"),
            instance: read("notes-1"),
            host: read("lab-1"),
            release: release(version),
            revision: 1,
            cause: Cause::Scheduled,
            began: Time(1),
            ended: Time(2),
            values: [("title".to_owned(), version.to_owned())].into(),
            images: [("web".to_owned(), format!("web:{version}"))].into(),
            parts,
            derivable: Vec::new(),
            uncovered: Vec::new(),
            beside: Vec::new(),
            side_files: Default::default(),
            holds: Vec::new(),
        }
    }

    #[test]
    fn what_differs_is_said_line_by_line_and_in_one_sentence() {
        let then = manifest("1.1", vec![part("db", 10, 3), part("old", 1, 1), part("same", 1, 1)]);
        let since = manifest("1.2", vec![part("db", 12, 4), part("same", 1, 1)]);
        let found = difference(&then, &since);
        assert_eq!(found.summary, "they differ in the release, 1 value, 1 image and 2 of 3 stores");
        let expect = ["value title: another", "image of web: web:1.1 -> web:1.2", "store db: 10 -> 12 bytes, 5 added"];
        assert_eq!(found.lines[1..4], expect);
        assert_eq!(found.lines[4..], ["store db: notes: 3 -> 4", "store old: only in the older"]);
    }

    #[test]
    fn equal_backups_do_not_differ() {
        let found = difference(&manifest("1.1", vec![part("db", 1, 1)]), &manifest("1.1", vec![part("db", 1, 1)]));
        assert_eq!(found.lines, Vec::<String>::new());
        assert_eq!(found.summary, "they do not differ in what is noted of them");
    }
}
