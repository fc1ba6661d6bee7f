//! Which host may use which repository.

use crate::facts::Known;
use crate::serve::refused;
use fleet_core::backup::{DataAction, Place, Source};
use fleet_core::names::{HostName, InstanceName, RepositoryName};
use fleet_core::order::Action;
use tonic::{Code, Status};

/// Whether a host may add to the repository of an instance: of its own alone.
pub fn may_add(
    known: &Known,
    host: &HostName,
    repository: &RepositoryName,
    instance: &InstanceName,
) -> Result<(), Status> {
    check_place(known, repository)?;
    if is_own(known, host, instance) {
        return Ok(());
    }
    let text = format!("could not add to the repository of `{instance}`: it is no instance of `{host}`");
    Err(refused(Code::PermissionDenied, text, ""))
}

/// Whether a host may read it: of its own, and of those that an open order lets it restore from.
pub fn may_read(
    known: &Known,
    host: &HostName,
    repository: &RepositoryName,
    instance: &InstanceName,
) -> Result<(), Status> {
    check_place(known, repository)?;
    if is_own(known, host, instance) || is_ordered(known, host, repository, instance) {
        return Ok(());
    }
    let text = format!(
        "could not read the repository of `{instance}`: it is no instance of `{host}`, and no order of its names it"
    );
    Err(refused(Code::PermissionDenied, text, ""))
}

/// Whether the coordinator keeps the repository itself.
pub fn is_kept_here(known: &Known, repository: &RepositoryName) -> bool {
    known.desired().repositories.get(repository).is_some_and(|desired| desired.place == Place::Coordinator)
}

fn check_place(known: &Known, repository: &RepositoryName) -> Result<(), Status> {
    if is_kept_here(known, repository) {
        return Ok(());
    }
    Err(refused(Code::NotFound, format!("there is no repository `{repository}` at the coordinator"), ""))
}

fn is_own(known: &Known, host: &HostName, instance: &InstanceName) -> bool {
    known.instance(instance).is_some_and(|desired| desired.host == *host)
}

fn is_ordered(known: &Known, host: &HostName, repository: &RepositoryName, instance: &InstanceName) -> bool {
    let is_it = |from: &Source| from.repository == *repository && from.instance == *instance;
    let orders = known.orders_of(host).filter_map(|id| known.asked().orders.get(id));
    orders.into_iter().any(|open| match &open.order.action {
        Action::Data(DataAction::Drill { from } | DataAction::Restore { from, .. }) => is_it(from),
        Action::Data(DataAction::Backup { .. } | DataAction::Forget { .. })
        | Action::Install { .. }
        | Action::Upgrade { .. }
        | Action::Configure { .. }
        | Action::Power { .. }
        | Action::Remove { .. } => false,
    })
}
