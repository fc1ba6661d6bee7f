//! Plans a backup of an instance: which services are stopped when, and which stores are read in which order.
//!
//! Dumps come before files, so that files which a database refers to are included. **Invariant:** a service is stopped
//! only while the stores that need this are read.

use super::{DatabaseEngine, HoldKind, Store};
use crate::names::StoreName;
use crate::spec::InstanceSpec;
use std::collections::BTreeMap;

/// Stores that are read of an instance, and the services that are stopped for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupPlan {
    /// In the order in which they are stopped; they are resumed in reverse.
    pub stills: Vec<QuiesceWindow>,
    /// Stores that are read as streams, in the order of their paths.
    pub streams: Vec<StoreName>,
    /// Stores that are read as files.
    pub files: Vec<StoreName>,
    /// Stores that are not read, because they can be rebuilt.
    pub derivable: Vec<StoreName>,
}

/// A service that is stopped for a part of the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuiesceWindow {
    /// Compose service.
    pub service: String,
    /// Stopped or paused.
    pub kind: HoldKind,
    /// Part in which it begins.
    pub from: BackupPhase,
    /// Phase after which it is resumed.
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

/// Reason why stores cannot be backed up together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupPlanError {
    /// A service must be stopped for one store, and another is read from it.
    #[error(
        "the store `{store}` wants `{service}` to stand still while it is read, but `{other}` is read from `{service}` itself",
        store = .0.store, service = .0.service, other = .0.other
    )]
    ReadFromIt(Clash),
    /// A service must be stopped for one store, and it dumps another.
    #[error(
        "the store `{store}` wants `{service}` to stand still while it is dumped, but `{other}` is dumped by `{service}` itself",
        store = .0.store, service = .0.service, other = .0.other
    )]
    DumpedByIt(Clash),
}

/// Two stores that want different things of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// Store that wants the service to be stopped.
    pub store: StoreName,
    /// Compose service.
    pub service: String,
    /// Store that needs the service.
    pub other: StoreName,
}

impl Clash {
    fn of(store: &StoreName, service: &str, other: &StoreName) -> Self {
        Self { store: store.clone(), service: service.to_owned(), other: other.clone() }
    }
}

/// The course of a backup of these stores, or why there is none.
///
/// # Errors
/// Two stores want different things of one service.
pub fn backup_plan(stores: &BTreeMap<StoreName, Store>, spec: &InstanceSpec) -> Result<BackupPlan, BackupPlanError> {
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
    // A service that depends on others stops before them.
    let place = |still: &QuiesceWindow| spec.containers.iter().position(|container| container.service == still.service);
    let mut stills: Vec<QuiesceWindow> = stills.into_values().collect();
    stills.sort_by_key(|still| std::cmp::Reverse(place(still)));
    Ok(BackupPlan { stills, ..backup_plan })
}

/// Returns whether a store consists of folders of the host.
pub fn is_files(store: &Store) -> bool {
    matches!(store.engine, DatabaseEngine::Volume(_))
}

/// Returns whether a store is read as files rather than as a stream; this includes the objects of a bucket.
fn is_kept_as_files(store: &Store) -> bool {
    is_files(store) || store.bucket().is_some()
}

fn asked(store: &Store) -> impl Iterator<Item = (&String, HoldKind)> {
    let stopped = store.stop.iter().map(|service| (service, HoldKind::Stopped));
    stopped.chain(store.pause.iter().map(|service| (service, HoldKind::Paused)))
}

/// Returns the phases during which a service is stopped for a store.
fn phases(
    stores: &BTreeMap<StoreName, Store>,
    backup_plan: &BackupPlan,
    name: &StoreName,
    store: &Store,
    service: &str,
) -> Result<(BackupPhase, BackupPhase), BackupPlanError> {
    let needs_it = |other: &&StoreName| stores.get(*other).and_then(works_in) == Some(service);
    let needed_by = backup_plan.streams.iter().find(needs_it);
    if let Some(other) = backup_plan.files.iter().find(needs_it).filter(|_| is_kept_as_files(store)) {
        return Err(BackupPlanError::ReadFromIt(Clash::of(name, service, other)));
    }
    match (is_kept_as_files(store), needed_by) {
        (false, None) => Ok((BackupPhase::Streams, BackupPhase::Streams)),
        (false, Some(other)) => Err(BackupPlanError::DumpedByIt(Clash::of(name, service, other))),
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

#[cfg(test)]
mod tests;
