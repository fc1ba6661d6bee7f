//! Data that a restore replaces, and data that stays.

use super::{EngineKind, Kept, Manifest, Store};
use crate::grammar::count;
use crate::names::StoreName;
use std::collections::{BTreeMap, BTreeSet};

/// Describes the data that a restore replaces, for people. Changes nothing.
pub fn replaced(manifest: &Manifest, stores: &BTreeMap<StoreName, Store>, only: &BTreeSet<StoreName>) -> Vec<String> {
    let is_wanted = |name: &StoreName| only.is_empty() || only.contains(name);
    let parts = manifest.parts.iter().filter(|part| is_wanted(&part.store));
    let mut lines: Vec<String> = parts
        .map(|part| match &part.kept {
            Kept::Stream { .. } => format!("{}: its database, by a dump of {}", part.store, count(part.bytes, "byte")),
            Kept::Files { roots, files, .. } => {
                let roots: Vec<&str> = roots.iter().map(|root| root.from.as_str()).collect();
                let (store, roots, bytes) = (&part.store, roots.join(", "), count(part.bytes, "byte"));
                if part.engine == EngineKind::S3 {
                    return format!(
                        "{store}: the bucket {roots}, by {} of {bytes}; objects that are not among them are removed",
                        count(*files, "object")
                    );
                }
                format!("{store}: {roots}, by {} of {bytes}", count(*files, "file"))
            }
        })
        .collect();
    let has = |name: &StoreName| manifest.parts.iter().any(|part| part.store == *name);
    let rest = stores.iter().filter(|(name, _)| !has(name) || !is_wanted(name));
    lines.extend(rest.map(|(name, store)| match store.is_truth() {
        true => format!("{name}: stays as it is"),
        false => format!("{name}: stays as it is; it may have to be rebuilt from the others"),
    }));
    lines
}
