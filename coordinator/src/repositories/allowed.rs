//! Access of hosts to repositories.

use super::quota::{Lease, Purpose};
use crate::facts::StateSnapshot;
use crate::rpc_status::refuse;
use fleet_core::backup::{BackupSource, Cause, DataAction, RepositoryLocation};
use fleet_core::facts::OpenOrder;
use fleet_core::names::{HostName, InstanceName, RepositoryName};
use fleet_core::order::Action;
use fleet_core::refused_call::{Attempt, FileRefusal};
use tonic::Status;

/// The open order under which a host may add to the repository of an instance. It is of its own alone, and only while an order
/// makes a backup there, or proves one.
pub fn may_add(
    snapshot: &StateSnapshot,
    host: &HostName,
    repository: &RepositoryName,
    instance: &InstanceName,
) -> Result<Lease, Status> {
    check_place(snapshot, repository)?;
    if !is_own(snapshot, host, instance) {
        let refusal = FileRefusal::NotItsInstance { instance: instance.clone(), host: host.clone() };
        return Err(refuse(Attempt::KeepFile, refusal, None));
    }
    let open = snapshot.orders_of(host).filter(|id| !snapshot.observed().ended.contains_key(*id));
    let open = open.filter_map(|id| snapshot.asked().orders.get(id));
    let lease = open.filter_map(|open| {
        let purpose = purpose(snapshot, open, repository, instance)?;
        Some(Lease { host: host.clone(), order: open.order.id.clone(), asked: open.asked, purpose })
    });
    lease.min_by_key(|lease| lease.purpose == Purpose::Proof).ok_or_else(|| {
        let refusal = FileRefusal::NoOrderAdds { instance: instance.clone(), host: host.clone() };
        refuse(Attempt::KeepFile, refusal, None)
    })
}

/// Returns what an open order adds to a repository, if it adds something.
fn purpose(
    snapshot: &StateSnapshot,
    open: &OpenOrder,
    repository: &RepositoryName,
    instance: &InstanceName,
) -> Option<Purpose> {
    let action = &open.order.action;
    if open.order.instance == *instance && action.backup_targets().is_some_and(|to| to.contains(repository)) {
        return Some(match action {
            Action::Data(DataAction::Backup { cause: Cause::Scheduled, .. }) => {
                let backups = snapshot.observed().backups.get(instance).into_iter().flatten();
                let expected = backups.filter(|(_, seen)| seen.is_good()).map(|(_, seen)| seen.bytes).max();
                Purpose::Scheduled { expected }
            }
            _ => Purpose::Requested,
        });
    }
    match action.data()? {
        DataAction::Drill { from, .. } if from.repository == *repository && from.instance == *instance => {
            Some(Purpose::Proof)
        }
        DataAction::Backup { .. }
        | DataAction::Restore { .. }
        | DataAction::Drill { .. }
        | DataAction::Forget { .. } => None,
    }
}

/// Returns whether a host may read a repository: its own ones, and those from which an open order lets it restore.
pub fn may_read(
    snapshot: &StateSnapshot,
    host: &HostName,
    repository: &RepositoryName,
    instance: &InstanceName,
) -> Result<(), Status> {
    check_place(snapshot, repository)?;
    if is_own(snapshot, host, instance) || is_ordered(snapshot, host, repository, instance) {
        return Ok(());
    }
    let refusal = FileRefusal::NotReadable { instance: instance.clone(), host: host.clone() };
    Err(refuse(Attempt::ReadFile, refusal, None))
}

/// Returns whether the repository is on the coordinator's own disk.
pub fn is_kept_here(snapshot: &StateSnapshot, repository: &RepositoryName) -> bool {
    snapshot
        .desired()
        .repositories
        .get(repository)
        .is_some_and(|desired| desired.place == RepositoryLocation::Coordinator)
}

fn check_place(snapshot: &StateSnapshot, repository: &RepositoryName) -> Result<(), Status> {
    if is_kept_here(snapshot, repository) {
        return Ok(());
    }
    Err(refuse(Attempt::Call, FileRefusal::NotHere { repository: repository.clone() }, None))
}

fn is_own(snapshot: &StateSnapshot, host: &HostName, instance: &InstanceName) -> bool {
    snapshot.instance(instance).is_some_and(|desired| desired.host == *host)
}

fn is_ordered(snapshot: &StateSnapshot, host: &HostName, repository: &RepositoryName, instance: &InstanceName) -> bool {
    let is_it = |from: &BackupSource| from.repository == *repository && from.instance == *instance;
    let orders = snapshot.orders_of(host).filter_map(|id| snapshot.asked().orders.get(id));
    orders.into_iter().any(|open| match &open.order.action {
        Action::Data(DataAction::Drill { from, .. } | DataAction::Restore { from, .. }) => is_it(from),
        Action::Data(DataAction::Backup { .. } | DataAction::Forget { .. })
        | Action::Install { .. }
        | Action::Upgrade { .. }
        | Action::Configure { .. }
        | Action::Power { .. }
        | Action::Remove { .. } => false,
    })
}
