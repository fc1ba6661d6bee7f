//! Orders about data, and the manifests that they made.

use super::harness::instance;
use fleet_core::backup::{BackupSource, Cause, DataAction, DataResult, Manifest, Others};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End};
use fleet_core::order_failure::OrderFailure;
use std::collections::{BTreeMap, BTreeSet};

pub fn names(repositories: &[&str]) -> BTreeSet<fleet_core::names::RepositoryName> {
    repositories.iter().map(|name| name.parse().expect("a name")).collect()
}

pub fn backup(to: &[&str]) -> Action {
    Action::Data(DataAction::Backup { to: names(to), cause: Cause::Requested })
}

pub fn source(repository: &str, backup: &BackupId) -> BackupSource {
    BackupSource {
        repository: repository.parse().expect("a name"),
        instance: instance(),
        backup: backup.clone(),
        snapshots: None,
    }
}

pub fn drill(repository: &str, backup: &BackupId) -> Action {
    Action::Data(DataAction::Drill { from: source(repository, backup), privileges: Default::default() })
}

pub fn restore(repository: &str, backup: &BackupId, safety: &[&str]) -> Action {
    let from = source(repository, backup);
    let (only, others) = (BTreeSet::new(), Others::Kept);
    Action::Data(DataAction::Restore {
        from,
        only,
        safety: names(safety),
        goal: None,
        replaces: None,
        others,
        privileges: Default::default(),
    })
}

/// The manifests that an order made, by repository; and why there is none.
pub fn copies(end: &End) -> BTreeMap<String, Result<Manifest, OrderFailure>> {
    match end.made.as_deref() {
        Some(DataResult::Backup(copies)) => {
            copies.iter().map(|copy| (copy.repository.to_string(), copy.result.clone())).collect()
        }
        other => panic!("expected copies of a backup, found {other:?} of {:?}", end.outcome),
    }
}
