//! Restores the applied state of an instance after a change by hand.

use super::allow::allow_step;
use super::claims::expect_no_foreign_container;
use super::forward::stages;
use super::work::WorkError;
use crate::agent_context::AgentContext;
use crate::clock;
use crate::ledger::Settled;
use crate::runtime::Notes;
use fleet_core::activity::Activity;
use fleet_core::event::HostEvent;
use fleet_core::health_problem::LostVolume;
use fleet_core::names::InstanceName;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{FoundProject, Step};
use futures_util::future::try_join_all;
use std::time::Duration;
use tokio::time::timeout;

/// Returns the lost volumes of an instance. Creating them again would start with empty ones and look fine.
///
/// A volume that had the instance's label when the ledger recorded it, and has lost it, is another volume of its name:
/// labels of a volume never change. Volumes of a stack from before fleet have no label, and are never recorded.
pub fn lost_volumes(found: &FoundProject, settled: &Settled) -> Vec<LostVolume> {
    let lost = |name: &str| LostVolume { name: name.to_owned(), is_replaced: found.volumes.contains(name) };
    lost_names(found, settled).into_iter().map(lost).collect()
}

/// Lost volumes as the text of an error.
pub fn listed(lost: &[LostVolume]) -> String {
    lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Their names.
pub fn lost_names<'a>(found: &FoundProject, settled: &'a Settled) -> Vec<&'a str> {
    let own = settled.rendered.spec.volumes.iter().filter(|volume| !volume.external).map(|volume| &volume.name);
    let is_another = |name: &String| settled.signed.contains(name) && !found.signed.contains(name);
    own.filter(|name| !found.volumes.contains(*name) || is_another(name)).map(String::as_str).collect()
}

/// Notes which of an instance's volumes carry its label. What cannot be noted now is noted at the next look.
pub async fn note_signed(context: &AgentContext, spec: &InstanceSpec, found: &FoundProject) {
    let (instance, signed) = (spec.instance.clone(), found.signed.clone());
    if let Err(error) = context.ledger.write(move |ledger| ledger.note_signed(&instance, &signed)).await {
        tracing::warn!(error = crate::chain(&error), "the volumes of an instance could not be noted");
    }
}

/// Healing gives way to orders, and to patience.
const LIMIT: Duration = Duration::from_secs(600);

/// Applies the steps again, without a gate: health is watched anyway.
pub async fn heal(context: &AgentContext, instance: &InstanceName) {
    let event = match timeout(LIMIT, apply(context, instance)).await {
        Ok(Ok(steps)) if steps.is_empty() => None,
        Ok(Ok(steps)) => Some(HostEvent::Healed { steps }),
        Ok(Err(error)) => Some(HostEvent::HealingFailed { failure: Box::new((&error).into()) }),
        Err(_) => Some(HostEvent::HealingTooSlow { limit: LIMIT.into() }),
    };
    if let Some(event) = event {
        tracing::warn!(%instance, %event, "an instance was to be healed");
        context.status_writer.tell(clock::now(), Some(instance), event);
    }
    let _ = context.attention.send(instance.clone());
}

async fn apply(context: &AgentContext, instance: &InstanceName) -> Result<Vec<Activity>, WorkError> {
    let Some(settled) = context.ledger().settled(instance).cloned() else { return Ok(Vec::new()) };
    let spec = &settled.rendered.spec;
    let mut done = Vec::new();
    let found = context.runtime.look(spec).await?;
    if !lost_volumes(&found, &settled).is_empty() {
        return Ok(done);
    }
    expect_no_foreign_container(&found)?;
    for stage in stages(&found, &settled) {
        let steps: Vec<Step> = stage.steps.into_iter().filter(|step| *step != Step::Gate).collect();
        if steps.is_empty() {
            continue;
        }
        let notes = Notes::unheard();
        try_join_all(steps.iter().map(async |step| {
            allow_step(step, context, spec).await?;
            Ok::<_, WorkError>(context.runtime.perform(step, spec, &notes).await?)
        }))
        .await?;
        done.push(Activity::of_steps(&steps));
    }
    Ok(done)
}
