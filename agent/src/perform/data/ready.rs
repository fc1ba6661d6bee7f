//! Waits for a database that starts for the first time.
//!
//! Many images initialise an empty database with a temporary server that only they can reach, and then start it again.
//! A load that relied on that one would lose it halfway. For a store with its own commands, no query to its server is
//! known: its service's health check decides.

use super::DataWork;
use super::fault::{NoReply, NotReady};
use crate::runtime::RuntimeError;
use fleet_core::activity::Activity;
use fleet_core::backup::{SETTLED, Store, Tool, ready_tool, settled_tool};
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{ContainerHealth, ContainerState};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Time for a database to answer at its first start.
const READY_LIMIT: Duration = Duration::from_secs(300);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);
/// Time after which a server counts as permanent if it cannot be distinguished from a temporary one.
const STAYING: Duration = Duration::from_secs(60);

/// Waits until a store's service answers, and is the one that stays.
pub async fn until_ready(data: &DataWork<'_>, store: &Store, spec: &InstanceSpec) -> Result<(), NotReady> {
    let Some(service) = store.engine.service() else { return Ok(()) };
    data.work.say(Activity::WaitingForAnswer(service.to_owned()));
    let began = Instant::now();
    let mut seen: Option<(String, Instant)> = None;
    loop {
        let missing = match answering(data, store, service, spec).await {
            Ok(which) if which == SETTLED => return Ok(()),
            Ok(which) => {
                let since = seen.take().filter(|(known, _)| *known == which).map_or_else(Instant::now, |(_, at)| at);
                if since.elapsed() >= STAYING {
                    return Ok(());
                }
                seen = Some((which, since));
                NoReply::OnlyTemporary
            }
            Err(missing) => {
                seen = None;
                missing
            }
        };
        if began.elapsed() > READY_LIMIT.min(data.order.deadline / 2) {
            return Err(NotReady { service: service.to_owned(), missing });
        }
        sleep(BETWEEN_QUESTIONS).await;
    }
}

/// Returns the server that answers, or the reason why none does.
async fn answering(data: &DataWork<'_>, store: &Store, service: &str, spec: &InstanceSpec) -> Result<String, NoReply> {
    match ready_tool(store) {
        Some(ready) => Ok(asked(data, store, &ready, spec).await?),
        None => looked(data, service, spec).await.map(|()| SETTLED.to_owned()),
    }
}

/// Finds out first which server it is: a permanent one is not replaced by another before it answers.
async fn asked(data: &DataWork<'_>, store: &Store, ready: &Tool, spec: &InstanceSpec) -> Result<String, RuntimeError> {
    let runtime = &data.context().runtime;
    let which = match settled_tool(store) {
        Some(tool) => runtime.run_tool(&tool, spec).await?.trim().to_owned(),
        None => SETTLED.to_owned(),
    };
    runtime.run_tool(ready, spec).await?;
    Ok(which)
}

/// Checks the container's own health check; without one, it is enough that the container runs.
async fn looked(data: &DataWork<'_>, service: &str, spec: &InstanceSpec) -> Result<(), NoReply> {
    let found = data.context().runtime.look(spec).await?;
    let container = found.of_service(service).next().ok_or(NoReply::NoContainer)?;
    let is_well = match container.health {
        ContainerHealth::Unchecked | ContainerHealth::Healthy => container.state == ContainerState::Running,
        ContainerHealth::Starting | ContainerHealth::Unhealthy => false,
    };
    let (state, health) = (container.state.word(), container.health.word());
    if is_well { Ok(()) } else { Err(NoReply::NotHealthy { state, health }) }
}
