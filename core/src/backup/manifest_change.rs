//! Differences of two backups, as codes with arguments. `fleet` turns them into words.

use super::{Manifest, Part};
use crate::names::{ReleaseName, StoreName};
use std::collections::{BTreeMap, BTreeSet};

/// Difference of a backup from an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestChange {
    /// Another release.
    Release {
        /// Release of the older backup.
        older: ReleaseName,
        /// Release of the newer backup.
        newer: ReleaseName,
    },
    /// Another content of a value. Some are secret: only the name is told.
    Value {
        /// Name of the value.
        name: String,
    },
    /// Another image of a service.
    ImageChanged {
        /// Compose service.
        service: String,
        /// Image in the older backup.
        older: String,
        /// Image in the newer backup.
        newer: String,
    },
    /// Image of a service that only the newer backup has.
    ImageAdded {
        /// Compose service.
        service: String,
        /// Image.
        image: String,
    },
    /// Image of a service that only the older backup has.
    ImageRemoved {
        /// Compose service.
        service: String,
        /// Image.
        image: String,
    },
    /// Store that only the newer backup has.
    StoreAdded {
        /// Name of the store.
        store: StoreName,
    },
    /// Store that only the older backup has.
    StoreRemoved {
        /// Name of the store.
        store: StoreName,
    },
    /// Another size of a store.
    Size {
        /// Name of the store.
        store: StoreName,
        /// Bytes in the older backup.
        older: u64,
        /// Bytes in the newer backup.
        newer: u64,
        /// Bytes that the newer backup added to its repository.
        added: u64,
    },
    /// Another number of rows, documents or keys.
    CountChanged {
        /// Name of the store.
        store: StoreName,
        /// Table, collection or the like.
        item: String,
        /// Number in the older backup.
        older: u64,
        /// Number in the newer backup.
        newer: u64,
    },
    /// Table, collection or the like that only the newer backup has.
    CountAdded {
        /// Name of the store.
        store: StoreName,
        /// Table, collection or the like.
        item: String,
        /// Number of rows, documents or keys.
        count: u64,
    },
    /// Table, collection or the like that only the older backup has.
    CountRemoved {
        /// Name of the store.
        store: StoreName,
        /// Table, collection or the like.
        item: String,
        /// Number of rows, documents or keys.
        count: u64,
    },
}

/// Differences of two backups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManifestDifference {
    /// Each of them.
    pub changes: Vec<ManifestChange>,
    /// Number of stores that either backup has.
    pub stores: usize,
}

impl ManifestDifference {
    /// Compares releases, values, images, and each store's size and counts.
    pub fn of(older: &Manifest, newer: &Manifest) -> Self {
        let mut changes = Vec::new();
        if older.release != newer.release {
            let (older, newer) = (older.release.name.clone(), newer.release.name.clone());
            changes.push(ManifestChange::Release { older, newer });
        }
        let values = different(&older.values, &newer.values);
        changes.extend(values.into_iter().map(|(name, ..)| ManifestChange::Value { name }));
        changes.extend(different(&older.images, &newer.images).into_iter().filter_map(image));
        let stores: BTreeSet<_> = older.parts.iter().chain(&newer.parts).map(|part| &part.store).collect();
        for store in &stores {
            let of = |manifest: &Manifest| manifest.parts.iter().find(|part| part.store == **store).cloned();
            changes.extend(of_store(of(older), of(newer)));
        }
        Self { changes, stores: stores.len() }
    }
}

fn image((service, older, newer): (String, Option<String>, Option<String>)) -> Option<ManifestChange> {
    match (older, newer) {
        (Some(older), Some(newer)) => Some(ManifestChange::ImageChanged { service, older, newer }),
        (Some(image), None) => Some(ManifestChange::ImageRemoved { service, image }),
        (None, Some(image)) => Some(ManifestChange::ImageAdded { service, image }),
        (None, None) => None,
    }
}

fn of_store(older: Option<Part>, newer: Option<Part>) -> Vec<ManifestChange> {
    let (older, newer) = match (older, newer) {
        (Some(older), Some(newer)) => (older, newer),
        (Some(Part { store, .. }), None) => return vec![ManifestChange::StoreRemoved { store }],
        (None, Some(Part { store, .. })) => return vec![ManifestChange::StoreAdded { store }],
        (None, None) => return Vec::new(),
    };
    let size = (older.bytes != newer.bytes).then(|| ManifestChange::Size {
        store: newer.store.clone(),
        older: older.bytes,
        newer: newer.bytes,
        added: newer.added,
    });
    let counts = |part: &Part| part.counts.iter().map(|(name, it)| (name.clone(), it.high)).collect::<BTreeMap<_, _>>();
    let all_counts = different(&counts(&older), &counts(&newer));
    let store = newer.store;
    let count = |(item, older, newer): (String, Option<u64>, Option<u64>)| {
        let store = store.clone();
        match (older, newer) {
            (Some(older), Some(newer)) => Some(ManifestChange::CountChanged { store, item, older, newer }),
            (Some(count), None) => Some(ManifestChange::CountRemoved { store, item, count }),
            (None, Some(count)) => Some(ManifestChange::CountAdded { store, item, count }),
            (None, None) => None,
        }
    };
    size.into_iter().chain(all_counts.into_iter().filter_map(count)).collect()
}

/// Returns the names whose entries differ, with both.
fn different<T: Clone + PartialEq>(
    older: &BTreeMap<String, T>,
    newer: &BTreeMap<String, T>,
) -> Vec<(String, Option<T>, Option<T>)> {
    let names: BTreeSet<&String> = older.keys().chain(newer.keys()).collect();
    let other = names.into_iter().filter(|name| older.get(*name) != newer.get(*name));
    other.map(|name| (name.clone(), older.get(name).cloned(), newer.get(name).cloned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{Cause, Counted, EngineKind, Kept};
    use crate::release::Release;
    use crate::time::Time;

    fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().expect("it is well formed")
    }

    fn part(store: &str, bytes: u64, rows: u64) -> Part {
        Part {
            store: name(store),
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
            backup: name("3f9a12bc0011223344556677"),
            instance: name("notes-1"),
            host: name("lab-1"),
            release: Release {
                name: name(&format!("notes@{version}")),
                digest: name(&format!("sha256:{}", "ab".repeat(32))),
            },
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
    fn each_difference_is_found() {
        let older = manifest("1.1", vec![part("db", 10, 3), part("old", 1, 1), part("same", 1, 1)]);
        let newer = manifest("1.2", vec![part("db", 12, 4), part("same", 1, 1)]);
        let (service, store) = ("web".to_owned(), || name("db"));
        let image = |version: &str| format!("web:{version}");
        let changes = vec![
            ManifestChange::Release { older: name("notes@1.1"), newer: name("notes@1.2") },
            ManifestChange::Value { name: "title".to_owned() },
            ManifestChange::ImageChanged { service, older: image("1.1"), newer: image("1.2") },
            ManifestChange::Size { store: store(), older: 10, newer: 12, added: 5 },
            ManifestChange::CountChanged { store: store(), item: "notes".to_owned(), older: 3, newer: 4 },
            ManifestChange::StoreRemoved { store: name("old") },
        ];
        assert_eq!(ManifestDifference::of(&older, &newer), ManifestDifference { changes, stores: 3 });
    }

    #[test]
    fn equal_backups_do_not_differ() {
        let one = manifest("1.1", vec![part("db", 1, 1)]);
        assert_eq!(ManifestDifference::of(&one, &one), ManifestDifference { changes: Vec::new(), stores: 1 });
    }
}
