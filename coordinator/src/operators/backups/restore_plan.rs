//! Plan of a restore: the checks of host and backup before it is ordered, and the data that it replaces.

use crate::facts::StateSnapshot;
use crate::rpc_status::refuse;
use fleet_core::backup::{BackupSeen, BackupSource, Privileges, RepositoryLocation, StoreState};
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName, RepositoryName, StoreName};
use fleet_core::planned_change::PlannedChange;
use fleet_core::refused_call::{Attempt, BackupRefusal};
use fleet_core::release::Release;
use fleet_proto::v1;
use std::collections::BTreeSet;
use tonic::Status;

const ATTEMPT: Attempt = Attempt::Restore;

/// Effect of a restore in place on the release of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    /// The release stays.
    No,
    /// The release becomes that of the backup.
    ToRelease,
}

/// Returns the changes of replaced data; of a return to another release, those before it.
pub fn in_place(
    snapshot: &StateSnapshot,
    name: &InstanceName,
    (from, seen): (&BackupSource, &BackupSeen),
    only: &BTreeSet<StoreName>,
    (safety, returns): (&BTreeSet<RepositoryName>, Returns),
) -> Result<Vec<PlannedChange>, Status> {
    let coverage = snapshot.said(name).and_then(|said| said.coverage.as_ref());
    let mut plan = vec![match safety.is_empty() {
        true => PlannedChange::NoSafetyBackup,
        false => PlannedChange::SafetyBackup(safety.iter().cloned().collect()),
    }];
    if returns == Returns::ToRelease {
        return Ok(plan);
    }
    let (backup, began, repository) = (from.backup.clone(), seen.began, from.repository.clone());
    let Some(coverage) = coverage else {
        plan.push(PlannedChange::DataReplaced { backup, began, repository });
        return Ok(plan);
    };
    let stores: BTreeSet<&StoreName> = coverage.stores.iter().map(|store| &store.name).collect();
    if let Some(unknown) = only.iter().find(|name| !stores.contains(name)) {
        let has: Vec<String> = stores.iter().map(ToString::to_string).collect();
        let refusal = BackupRefusal::NotAStore { store: unknown.clone(), instance: name.clone() };
        return Err(refuse(ATTEMPT, refusal, Hint::ChooseAmong(has)));
    }
    for store in &coverage.stores {
        let is_meant = only.is_empty() || only.contains(&store.name);
        let (store, state) = (store.name.clone(), &store.state);
        plan.push(match state {
            StoreState::Derivable => PlannedChange::StoreRebuildable(store),
            StoreState::Covered | StoreState::Missing { .. } if is_meant => {
                let (backup, repository) = (backup.clone(), repository.clone());
                PlannedChange::StoreReplaced { store, backup, began, repository }
            }
            StoreState::Covered | StoreState::Missing { .. } => PlannedChange::StoreKept(store),
        });
    }
    plan.push(PlannedChange::ServicesStopped);
    Ok(plan)
}

/// Decides about privileged bits. A host keeps those of its own backups; only the coordinator knows the host of a
/// backup.
pub fn privileges_on(
    snapshot: &StateSnapshot,
    host: &HostName,
    of: (&InstanceName, &BackupSeen),
    request: &v1::RestoreRequest,
) -> Privileges {
    match snapshot.is_made_on(host, of) || request.keep_privileged_bits {
        true => Privileges::Kept,
        false => Privileges::Cleared,
    }
}

/// Returns the change about privileged bits, if they are left out.
pub fn cleared_privileges(privileges: Privileges, seen: &BackupSeen) -> Option<PlannedChange> {
    let cleared = PlannedChange::PrivilegesCleared { made_on: seen.made_on.clone() };
    (privileges == Privileges::Cleared).then_some(cleared)
}

/// A folder on one host is out of another's reach.
pub fn check_reach(
    snapshot: &StateSnapshot,
    from: &BackupSource,
    seen: &BackupSeen,
    host: &HostName,
) -> Result<(), Status> {
    let repository = snapshot.desired().repositories.get(&from.repository);
    let is_folder = repository.is_some_and(|repository| matches!(repository.place, RepositoryLocation::Folder { .. }));
    if !is_folder || seen.host == *host {
        return Ok(());
    }
    let refusal = BackupRefusal::FolderOutOfReach { of: seen.host.clone(), host: host.clone() };
    Err(refuse(ATTEMPT, refusal, Hint::ChooseOtherCopy))
}

/// Returns whether the instance has to return to the release of the backup. Refuses data of another version than the running one, unless
/// that was asked for, and all stores are.
pub fn returns(
    snapshot: &StateSnapshot,
    name: &InstanceName,
    seen: &BackupSeen,
    (request, only): (&v1::RestoreRequest, &BTreeSet<StoreName>),
) -> Result<Returns, Status> {
    let runs: Option<&Release> = snapshot.said(name).map(|said| &said.release);
    let Some(present) = runs.filter(|release| release.name != seen.release.name) else { return Ok(Returns::No) };
    let (release, present) = (seen.release.name.clone(), present.name.clone());
    if !request.with_release {
        let refusal = BackupRefusal::OtherRelease { release, instance: name.clone(), present };
        return Err(refuse(ATTEMPT, refusal, Hint::RestoreAsNew));
    }
    match only.is_empty() {
        true => Ok(Returns::ToRelease),
        false => Err(refuse(ATTEMPT, BackupRefusal::StoresOfOtherRelease { release }, None)),
    }
}
