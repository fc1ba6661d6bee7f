//! How a backup of an instance goes: what stands still when, and what is read in which order.
//!
//! Dumps come before files, so that what a database points to is in the files. **Invariant:** nothing stands still for longer
//! than what asked for it is being read.

use super::{Coverage, DatabaseEngine, EngineKind, Files, HoldKind, Kept, Manifest, Store, StoreState};
use crate::grammar::count;
use crate::names::StoreName;
use crate::spec::{InstanceSpec, MountAccess, MountSource, MountSpec};
use std::collections::{BTreeMap, BTreeSet};

/// What is read of an instance, and what stands still for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupPlan {
    /// In the order in which they are made to stand still; they go on in the opposite order.
    pub stills: Vec<QuiesceWindow>,
    /// Stores that are read as streams, in the order of their paths.
    pub streams: Vec<StoreName>,
    /// Stores that are read as files.
    pub files: Vec<StoreName>,
    /// Stores that are not read, because they can be rebuilt.
    pub derivable: Vec<StoreName>,
}

/// A service that stands still for a part of the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuiesceWindow {
    /// Compose service.
    pub service: String,
    /// Stopped or paused.
    pub kind: HoldKind,
    /// Part in which it begins.
    pub from: BackupPhase,
    /// Until that phase is over.
    pub until: BackupPhase,
}

/// The two parts of a backup's reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BackupPhase {
    /// Dumps of databases.
    Streams,
    /// Files of volumes and folders.
    Files,
}

/// The course of a backup of these stores, or why there is none.
pub fn backup_plan(stores: &BTreeMap<StoreName, Store>, spec: &InstanceSpec) -> Result<BackupPlan, String> {
    let of = |wanted: fn(&Store) -> bool| {
        let names = stores.iter().filter(move |(_, store)| wanted(store)).map(|(name, _)| name.clone());
        names.collect::<Vec<_>>()
    };
    let backup_plan = BackupPlan {
        stills: Vec::new(),
        streams: of(|store| store.is_truth() && !is_kept_as_files(store)),
        files: of(|store| store.is_truth() && is_kept_as_files(store)),
        derivable: of(|store| !store.is_truth()),
    };
    let mut stills = BTreeMap::new();
    for (name, store) in
        backup_plan.streams.iter().chain(&backup_plan.files).filter_map(|name| stores.get_key_value(name))
    {
        for (service, kind) in asked(store) {
            let (from, until) = phases(stores, &backup_plan, name, store, service)?;
            let still = QuiesceWindow { service: service.clone(), kind, from, until };
            stills.entry(service.clone()).and_modify(|known| join(known, &still)).or_insert(still);
        }
    }
    // What depends on others stops before them.
    let place = |still: &QuiesceWindow| spec.containers.iter().position(|container| container.service == still.service);
    let mut stills: Vec<QuiesceWindow> = stills.into_values().collect();
    stills.sort_by_key(|still| std::cmp::Reverse(place(still)));
    Ok(BackupPlan { stills, ..backup_plan })
}

/// Whether a store is folders of the host.
pub fn is_files(store: &Store) -> bool {
    matches!(store.engine, DatabaseEngine::Volume(_))
}

/// Whether a store is read as files rather than as a stream: the objects of a bucket are, too.
fn is_kept_as_files(store: &Store) -> bool {
    is_files(store) || store.bucket().is_some()
}

fn asked(store: &Store) -> impl Iterator<Item = (&String, HoldKind)> {
    let stopped = store.stop.iter().map(|service| (service, HoldKind::Stopped));
    stopped.chain(store.pause.iter().map(|service| (service, HoldKind::Paused)))
}

/// From when until when a service stands still for a store.
fn phases(
    stores: &BTreeMap<StoreName, Store>,
    backup_plan: &BackupPlan,
    name: &StoreName,
    store: &Store,
    service: &str,
) -> Result<(BackupPhase, BackupPhase), String> {
    let needs_it = |other: &&StoreName| stores.get(*other).and_then(works_in) == Some(service);
    let needed_by = backup_plan.streams.iter().find(needs_it);
    if let Some(other) = backup_plan.files.iter().find(needs_it).filter(|_| is_kept_as_files(store)) {
        return Err(format!(
            "the store `{name}` wants `{service}` to stand still while it is read, but `{other}` is read from `{service}` itself"
        ));
    }
    match (is_kept_as_files(store), needed_by) {
        (false, None) => Ok((BackupPhase::Streams, BackupPhase::Streams)),
        (false, Some(other)) => Err(format!(
            "the store `{name}` wants `{service}` to stand still while it is dumped, but `{other}` is dumped by `{service}` itself"
        )),
        (true, None) => Ok((BackupPhase::Streams, BackupPhase::Files)),
        (true, Some(_)) => Ok((BackupPhase::Files, BackupPhase::Files)),
    }
}

/// The service that must run for a store to be dumped.
pub fn works_in(store: &Store) -> Option<&str> {
    match store.engine {
        // Its tool runs in a container of its own, while the service is down.
        DatabaseEngine::Neo4j(_) | DatabaseEngine::Volume(_) => None,
        DatabaseEngine::Postgresql(_)
        | DatabaseEngine::Mongodb(_)
        | DatabaseEngine::Mariadb(_)
        | DatabaseEngine::Mysql(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::S3(_)
        | DatabaseEngine::Command(_) => store.engine.service(),
    }
}

fn join(known: &mut QuiesceWindow, other: &QuiesceWindow) {
    known.from = known.from.min(other.from);
    known.until = known.until.max(other.until);
    if other.kind == HoldKind::Stopped {
        known.kind = HoldKind::Stopped;
    }
}

/// What a backup does not cover, in words of its manifest.
pub fn uncovered(coverage: &Coverage) -> Vec<String> {
    let missing = coverage.stores.iter().filter_map(|store| match &store.state {
        StoreState::Missing { reason } => Some(format!("{}: {reason}", store.name)),
        StoreState::Covered | StoreState::Derivable => None,
    });
    let undeclared = coverage.undeclared.iter().map(|what| format!("{what}: no store declares it"));
    missing.chain(undeclared).collect()
}

/// The volumes and folders in which a database keeps its data, as stores of files.
pub fn data_mounts(store: &Store, spec: &InstanceSpec) -> Vec<Store> {
    let Some(container) = store.engine.service().and_then(|service| spec.container(service)) else { return Vec::new() };
    let data = store.engine.server().map(|server| server.data.as_str());
    let is_data = |mount: &&MountSpec| match data {
        Some(data) => is_within(&mount.target, data) || is_within(data, &mount.target),
        // Nobody knows where it keeps what: all that it may write counts.
        None => true,
    };
    let writable = container.mounts.iter().filter(|mount| mount.access == MountAccess::ReadWrite).filter(is_data);
    let files = writable.filter_map(|mount| match &mount.source {
        MountSource::Volume(name) => Some(Files::Volume(name.clone())),
        MountSource::Bind { path, .. } => Some(Files::Path(path.clone())),
        MountSource::Anonymous | MountSource::Tmpfs { .. } => None,
    });
    files.map(|files| Store { engine: DatabaseEngine::Volume(files), checks: Vec::new(), ..store.clone() }).collect()
}

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a restore replaces, for people: nothing of it is touched by asking.
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

/// The path of a store's stream in its snapshot.
pub fn stream_path(store: &StoreName) -> String {
    format!("dumps/{store}")
}

/// The path of a store's folder in its snapshot; the number tells its roots apart.
pub fn root_path(store: &StoreName, number: usize) -> String {
    format!("files/{store}/{number}")
}

/// The name that a volume has in another instance: what begins with the one's name begins with the other's.
pub fn renamed(from: &str, of: &str, to: &str) -> String {
    match from.strip_prefix(of).filter(|rest| rest.starts_with(['_', '-'])) {
        Some(rest) => format!("{to}{rest}"),
        None => from.to_owned(),
    }
}

#[cfg(test)]
mod tests;
