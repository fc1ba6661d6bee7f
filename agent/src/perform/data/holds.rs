//! Services that are stopped while their data is read, and resumed whatever happens.
//!
//! **Invariant:** a service is written to the ledger before it is stopped, and removed from it only when it runs again.

use super::error::HostFault;
use super::{DataError, DataWork};
use crate::clock;
use crate::ledger::Held;
use crate::perform::forward::stages;
use crate::perform::prepare::look;
use crate::perform::work::Finish;
use fleet_core::activity::Activity;
use fleet_core::backup::{BackupPhase, Hold, HoldKind, QuiesceWindow};
use fleet_core::order::Order;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::ContainerState;
use std::time::Duration;
use tokio::time::sleep;

/// Maximum time for which a service is stopped, whatever is read.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Number of attempts to resume a service before its container is recreated.
const ATTEMPTS: u32 = 4;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(2);

/// Returns how long services may be stopped for an order, leaving time to resume them.
pub fn longest(order: &Order) -> Duration {
    LONGEST.min(order.deadline / 2)
}

/// Stops the services of a phase. Those that do not run stay as they are.
pub async fn hold(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    stills: &[QuiesceWindow],
    phase: BackupPhase,
) -> Result<(), DataError> {
    let of_phase: Vec<&QuiesceWindow> = stills.iter().filter(|still| still.from == phase).collect();
    if of_phase.is_empty() {
        return Ok(());
    }
    let found = look(data.context(), spec).await?;
    for still in of_phase {
        let running = found.of_service(&still.service).filter(|it| it.state == ContainerState::Running);
        let containers: Vec<String> = running.map(|it| it.id.clone()).collect();
        if containers.is_empty() {
            continue;
        }
        let (service, now) = (still.service.clone(), clock::now());
        let held = Held {
            service: service.clone(),
            kind: still.kind,
            containers,
            since: now,
            until: now.after(longest(data.order)),
        };
        data.note(|journal| journal.held.push(held)).await?;
        data.work.say(match still.kind {
            HoldKind::Stopped => Activity::Stop(service.clone()),
            HoldKind::Paused => Activity::Pause(service.clone()),
        });
        data.context().runtime.hold(spec, &service, still.kind).await?;
    }
    Ok(())
}

/// Resumes stopped services, except those that another phase still needs stopped. Returns which were stopped, and for
/// how long.
pub async fn release(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    is_over: impl Fn(&Held) -> bool,
) -> Result<Vec<Hold>, DataError> {
    let mut over = Vec::new();
    // In reverse order: services that others depend on are resumed first.
    for held in data.journal().held.into_iter().rev().filter(|held| is_over(held)) {
        data.work.say(Activity::LettingGoOn(held.service.clone()));
        retry_until_ok(data, spec, &held).await?;
        let over_now = held.service.clone();
        data.note(move |journal| journal.held.retain(|other| other.service != over_now)).await?;
        over.push(Hold { service: held.service, kind: held.kind, from: held.since, to: clock::now() });
    }
    over.reverse();
    Ok(over)
}

/// Retries until the service runs. If it cannot be resumed, its container is created again, as healing would do.
async fn retry_until_ok(data: &DataWork<'_>, spec: &InstanceSpec, held: &Held) -> Result<(), DataError> {
    let runtime = &data.context().runtime;
    for attempt in 1..=ATTEMPTS {
        let released = runtime.release(spec, &held.service, held.kind).await;
        let state = match released {
            Ok(()) => is_running(data, spec, held).await,
            Err(error) => Err(error.into()),
        };
        match state {
            Ok(true) => return Ok(()),
            // After a loss of power nothing is paused any more: it is started.
            Ok(false) if held.kind == HoldKind::Paused => {
                drop(runtime.release(spec, &held.service, HoldKind::Stopped).await);
            }
            Ok(false) => {}
            Err(error) => {
                let error = crate::chain(&error);
                tracing::warn!(error, attempt, service = held.service, "a service could not be let go on yet");
            }
        }
        if is_running(data, spec, held).await.unwrap_or(false) {
            return Ok(());
        }
        sleep(BETWEEN_ATTEMPTS).await;
    }
    let Some(settled) = &data.open.from else {
        return Err(HostFault::NotResumed { service: held.service.clone() }.into());
    };
    Ok(data.work.perform(spec, |found| stages(found, settled), Finish::AsIs).await?)
}

async fn is_running(data: &DataWork<'_>, spec: &InstanceSpec, held: &Held) -> Result<bool, DataError> {
    let found = look(data.context(), spec).await?;
    let is_up = |state| matches!(state, ContainerState::Running | ContainerState::Restarting);
    Ok(found.of_service(&held.service).any(|container| is_up(container.state)))
}
