//! One inspection of a settled instance: the report, and the reaction.

use crate::agent_context::AgentContext;
use crate::ledger::{InstanceEntry, Settled};
use crate::perform::{coverage_now, lost_volumes, note_signed, observe, said};
use crate::runtime::RuntimeError;
use fleet_core::drift::Drift;
use fleet_core::facts::{DriftRule, InstanceHealth, InstanceSaid};
use fleet_core::health_problem::{HealthProblem, LostVolume};
use fleet_core::steps::{FoundProject, drift};

/// Reaction to drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    Heal,
    /// Only reported.
    None,
}

pub async fn look_at(
    context: &AgentContext,
    entry: &InstanceEntry,
) -> Result<Option<(InstanceSaid, Cure)>, RuntimeError> {
    let Some(settled) = &entry.settled else { return Ok(None) };
    let spec = &settled.rendered.spec;
    let found = context.runtime.look(spec).await?;
    let seen = observe(context, spec, &settled.rendered.health).await?;
    note_signed(context, spec, &found).await;
    let lost = lost_volumes(&found, settled);
    // Foreign containers in its place must not be changed: the instance is not healed beside them.
    let is_alone = !found.has_foreign_containers();
    let may_heal = entry.stuck.is_none() && lost.is_empty() && is_alone && settled.drift == DriftRule::Heal;
    let cure = if may_heal { Cure::Heal } else { Cure::None };
    // Coverage does not affect health.
    let coverage = coverage_now(context, settled).await;
    let said = said(entry, &seen, drift_of(&found, settled), coverage);
    Ok(said.map(|said| (without(lost, said), cure)))
}

/// Returns the report of an instance with lost volumes. The loss is more important than its health: a person has to
/// restore the data, or decide to start empty.
fn without(lost: Vec<LostVolume>, said: InstanceSaid) -> InstanceSaid {
    if lost.is_empty() {
        return said;
    }
    InstanceSaid { health: InstanceHealth::Unhealthy { problem: HealthProblem::VolumesGone(lost) }, ..said }
}

/// Returns the drift of an instance. One that should be stopped has drifted if it runs; missing parts do not matter
/// then.
fn drift_of(found: &FoundProject, settled: &Settled) -> Vec<Drift> {
    if !settled.is_stopped() {
        return drift(found, &settled.rendered.spec);
    }
    let alive = found.containers.iter().filter(|container| container.state.is_alive());
    alive.map(|container| Drift::ContainerStarted(container.name.clone())).collect()
}
