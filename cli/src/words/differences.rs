//! Words of the differences of two backups.

use fleet_core::backup::ManifestChange;
use fleet_core::grammar::{count, listed};
use fleet_core::names::StoreName;
use fleet_proto::convert::incoming_manifest_change;
use fleet_proto::v1;
use std::collections::BTreeSet;

/// Returns the words of a difference as it came over the wire.
pub fn shown(message: &v1::ManifestChange) -> String {
    let known = incoming_manifest_change(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::ManifestChangeCode>("a difference", message.code, &message.arguments))
}

/// Returns all differences as lines, and then one sentence about them.
pub fn lines(found: &v1::BackupDifference) -> Vec<String> {
    let known: Vec<_> = found.lines.iter().cloned().filter_map(incoming_manifest_change).collect();
    let summary = summary(&known, found.lines.len() > known.len(), found.stores);
    found.lines.iter().map(shown).chain([summary]).collect()
}

/// Returns the words of a difference.
pub fn words(change: &ManifestChange) -> String {
    match change {
        ManifestChange::Release { older, newer } => format!("release: {older} -> {newer}"),
        ManifestChange::Value { name } => format!("value {name}: another"),
        ManifestChange::ImageChanged { service, older, newer } => format!("image of {service}: {older} -> {newer}"),
        ManifestChange::ImageAdded { service, image } => format!("image of {service}: nothing -> {image}"),
        ManifestChange::ImageRemoved { service, image } => format!("image of {service}: {image} -> nothing"),
        ManifestChange::StoreAdded { store } => format!("store {store}: only in the newer"),
        ManifestChange::StoreRemoved { store } => format!("store {store}: only in the older"),
        ManifestChange::Size { store, older, newer, added } => {
            format!("store {store}: {older} -> {}, {added} added", count(*newer, "byte"))
        }
        ManifestChange::CountChanged { store, item, older, newer } => {
            format!("store {store}: {item}: {older} -> {newer}")
        }
        ManifestChange::CountAdded { store, item, count } => format!("store {store}: {item}: nothing -> {count}"),
        ManifestChange::CountRemoved { store, item, count } => format!("store {store}: {item}: {count} -> nothing"),
    }
}

fn summary(changes: &[ManifestChange], has_unknown: bool, stores: u32) -> String {
    let (mut release, mut values, mut images, mut other) = (false, 0_usize, 0_usize, BTreeSet::<&StoreName>::new());
    for change in changes {
        match change {
            ManifestChange::Release { .. } => release = true,
            ManifestChange::Value { .. } => values += 1,
            ManifestChange::ImageChanged { .. }
            | ManifestChange::ImageAdded { .. }
            | ManifestChange::ImageRemoved { .. } => images += 1,
            ManifestChange::StoreAdded { store }
            | ManifestChange::StoreRemoved { store }
            | ManifestChange::Size { store, .. }
            | ManifestChange::CountChanged { store, .. }
            | ManifestChange::CountAdded { store, .. }
            | ManifestChange::CountRemoved { store, .. } => drop(other.insert(store)),
        }
    }
    let parts = [
        release.then(|| "the release".to_owned()),
        (values > 0).then(|| count(values, "value")),
        (images > 0).then(|| count(images, "image")),
        (!other.is_empty()).then(|| format!("{} of {}", other.len(), count(stores, "store"))),
        has_unknown.then(|| "what this version does not know".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => "they do not differ in what is noted of them".to_owned(),
        false => format!("they differ in {}", listed(&parts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_lines_and_one_sentence() {
        let text = str::to_owned;
        let store = |name: &str| name.parse().expect("a name");
        let release = |name: &str| name.parse().expect("a release");
        let changes = [
            ManifestChange::Release { older: release("notes@1.1"), newer: release("notes@1.2") },
            ManifestChange::Value { name: text("title") },
            ManifestChange::ImageChanged { service: text("web"), older: text("web:1.1"), newer: text("web:1.2") },
            ManifestChange::Size { store: store("db"), older: 10, newer: 12, added: 5 },
            ManifestChange::CountChanged { store: store("db"), item: text("notes"), older: 3, newer: 4 },
            ManifestChange::CountAdded { store: store("db"), item: text("tags"), count: 4 },
            ManifestChange::StoreRemoved { store: store("old") },
        ];
        let shown = |changes: &[ManifestChange]| {
            let changes = changes.iter().cloned().map(Into::into).collect();
            lines(&v1::BackupDifference { lines: changes, stores: 3, ..Default::default() }).join("\n")
        };
        insta::assert_snapshot!(shown(&changes), @r"
        release: notes@1.1 -> notes@1.2
        value title: another
        image of web: web:1.1 -> web:1.2
        store db: 10 -> 12 bytes, 5 added
        store db: notes: 3 -> 4
        store db: tags: nothing -> 4
        store old: only in the older
        they differ in the release, 1 value, 1 image and 2 of 3 stores
        ");
        assert_eq!(shown(&[]), "they do not differ in what is noted of them");
    }
}
