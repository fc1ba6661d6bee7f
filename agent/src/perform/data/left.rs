//! Services that an order could not resume: the agent retries until they run.
//!
//! **Invariant:** only the containers that fleet stopped are started. A container that was created since was intended
//! by someone.

use crate::agent_context::AgentContext;
use crate::clock;
use crate::ledger::{Held, Ledger};
use crate::runtime::RuntimeError;
use fleet_core::backup::{DataNote, HoldKind};
use fleet_core::event::HostEvent;
use fleet_core::names::InstanceName;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::ContainerState;
use std::time::Duration;
use tokio::time::timeout;

/// Time limit of one try, which makes room for the next one and for orders.
const LIMIT: Duration = Duration::from_secs(120);

/// Returns the instances that still have a stopped service.
pub fn left(ledger: &Ledger) -> impl Iterator<Item = InstanceName> + '_ {
    let with_some = ledger.instances().iter().filter(|(_, entry)| !entry.held.is_empty());
    with_some.map(|(name, _)| name.clone())
}

/// Returns the remark about stopped services for an outcome.
pub fn still(held: &[Held]) -> DataNote {
    DataNote::StillQuiesced { services: held.iter().map(|held| held.service.clone()).collect() }
}

/// Merges the services stopped before and since.
pub fn both(before: Vec<Held>, since: &[Held]) -> Vec<Held> {
    let is_new = |held: &Held| since.iter().all(|other| other.service != held.service);
    before.into_iter().filter(is_new).chain(since.iter().cloned()).collect()
}

/// Tries once to resume an instance's services.
pub async fn let_go(context: &AgentContext, instance: &InstanceName) {
    let Some(entry) = context.ledger().instances().get(instance).cloned() else { return };
    let Some(settled) = entry.settled else { return };
    // In reverse order: services that others depend on are resumed first.
    for held in entry.held.iter().rev() {
        match timeout(LIMIT, one(context, &settled.rendered.spec, held)).await {
            Ok(Ok(())) => {
                let (of, service) = (instance.clone(), held.service.clone());
                context.retry_until_ok(move |ledger| ledger.goes_on(&of, &service)).await;
                let (now, service) = (clock::now(), held.service.clone());
                let event = HostEvent::ServiceResumed { service, after: now.since(held.since).into() };
                tracing::warn!(%instance, %event, "a service no longer stands still");
                context.status_writer.tell(now, Some(instance), event);
            }
            Ok(Err(error)) => {
                let (error, service) = (crate::chain(&error), &held.service);
                tracing::warn!(%instance, service, error, "a service that stands still could not be let go on yet");
            }
            Err(_) => tracing::warn!(%instance, service = held.service, "letting a service go on took too long"),
        }
    }
    // While the agent stops, nothing receives this.
    let _ = context.attention.send(instance.clone());
}

async fn one(context: &AgentContext, spec: &InstanceSpec, held: &Held) -> Result<(), RuntimeError> {
    if !is_still(context, spec, held).await? {
        return Ok(());
    }
    context.runtime.release(spec, &held.service, held.kind).await?;
    if held.kind == HoldKind::Paused && is_still(context, spec, held).await? {
        // After a loss of power nothing is paused any more: it is started.
        context.runtime.release(spec, &held.service, HoldKind::Stopped).await?;
    }
    match is_still(context, spec, held).await? {
        true => Err(RuntimeError::NotRunning { container: held.containers.join(", ") }),
        false => Ok(()),
    }
}

/// Returns whether a stopped container exists and does not run.
async fn is_still(context: &AgentContext, spec: &InstanceSpec, held: &Held) -> Result<bool, RuntimeError> {
    let found = context.runtime.look(spec).await?;
    let mut ours = found.of_service(&held.service).filter(|it| held.containers.contains(&it.id));
    let is_up = |state| matches!(state, ContainerState::Running | ContainerState::Restarting);
    Ok(ours.any(|it| !is_up(it.state)))
}
