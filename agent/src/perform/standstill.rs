//! An instance of which nothing runs, or the servers of its stores alone.

use super::data::{DataError, DataWork, HostFault, starting, without_starting};
use super::work::{Finish, WorkError};
use crate::ledger::Settled;
use crate::perform::prepare::look;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::steps_to_quiesce;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::timeout;

/// Longest time for the start of database servers before a restore.
const SERVERS_LIMIT: Duration = Duration::from_secs(120);

/// Returns to the containers of the origin, and starts the database servers that a restore asks first. Nothing else starts, and nothing
/// by itself. A failure is logged: the restore says what it lacks.
pub async fn start_servers(data: &DataWork<'_>, origin: &Settled) {
    let truths = origin.rendered.stores.values().filter(|store| store.is_truth());
    let servers: BTreeSet<String> =
        truths.filter_map(|store| store.engine.server().map(|server| server.service.clone())).collect();
    match timeout(SERVERS_LIMIT, change_to(data, origin, &servers)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = crate::chain(&error), "database servers could not be started"),
        Err(_) => tracing::warn!("database servers could not be started in time"),
    }
}

/// Changes to the containers of a release, and starts these services. Nothing else starts, and nothing by itself.
pub async fn change_to(data: &DataWork<'_>, release: &Settled, services: &BTreeSet<String>) -> Result<(), WorkError> {
    let (mut spec, work) = (release.rendered.spec.clone(), data.work);
    spec.switch_restarts_off();
    work.perform(&spec, |found| without_starting(found, &spec), Finish::AsIs).await?;
    work.perform(&spec, |found| starting(found, &spec, services), Finish::AsIs).await
}

/// Stops everything, also commands of an upgrade, so that nothing starts by itself, not even when the power comes back.
pub async fn stop_all(data: &DataWork<'_>, spec: &InstanceSpec) -> Result<(), DataError> {
    data.work.end_actions(&spec.project).await?;
    quiesce(data, spec, &BTreeSet::new()).await
}

/// Stops everything but the kept services, so that nothing starts by itself, not even when the power comes back.
pub async fn quiesce(data: &DataWork<'_>, spec: &InstanceSpec, kept: &BTreeSet<String>) -> Result<(), DataError> {
    data.work.perform(spec, |found| steps_to_quiesce(found, spec, kept), Finish::AsIs).await?;
    expect_quiet(data, spec, kept).await
}

/// Fails if a container of the instance runs, but for those of the kept services.
pub async fn expect_quiet(data: &DataWork<'_>, spec: &InstanceSpec, kept: &BTreeSet<String>) -> Result<(), DataError> {
    let found = look(data.context(), spec).await?;
    let runs = found.containers.iter().filter(|it| it.state.is_alive() && !kept.contains(&it.service));
    let containers: Vec<String> = runs.map(|it| it.name.clone()).collect();
    if containers.is_empty() { Ok(()) } else { Err(HostFault::NotQuiet { containers }.into()) }
}
