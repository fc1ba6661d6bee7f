//! Steps towards the target of an order.

use super::claims::{others, spared};
use super::work::{Finish, Work, WorkError};
use crate::ledger::Settled;
use fleet_core::order::{Action, PowerRequest};
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{FoundProject, Stage, Step, steps, steps_for_power, steps_to_remove};
use std::collections::BTreeSet;

/// Changes the instance to `to`; removes it if that is none. `spec` is the spec of its present parts.
pub async fn forward(
    work: &Work<'_>,
    action: &Action,
    to: Option<&Settled>,
    spec: &InstanceSpec,
) -> Result<(), WorkError> {
    match (action, to) {
        (Action::Install { .. } | Action::Upgrade { .. } | Action::Configure { .. }, Some(to)) => {
            let finish = finish(to);
            work.perform(spec, |found| stages(found, to), finish).await
        }
        (Action::Power { request, .. }, Some(to)) => {
            let finish = match request {
                PowerRequest::Start | PowerRequest::Restart => Finish::Healthy(&to.rendered.health),
                PowerRequest::Stop => Finish::AsIs,
            };
            work.perform(spec, |found| steps_for_power(found, spec, *request), finish).await
        }
        (Action::Remove { volumes }, _) => remove(work, spec, volumes).await,
        (Action::Install { .. } | Action::Upgrade { .. } | Action::Configure { .. } | Action::Power { .. }, None)
        | (Action::Data(_), _) => Err(WorkError::NoGoal),
    }
}

/// Removes an instance, except parts that other instances of this host claim or use.
pub async fn remove(work: &Work<'_>, spec: &InstanceSpec, volumes: &BTreeSet<String>) -> Result<(), WorkError> {
    let others = others(&work.context.ledger(), work.instance);
    let stages = |found: &FoundProject| steps_to_remove(&spared(found.clone(), &others), spec, volumes);
    work.perform(spec, stages, Finish::AsIs).await
}

fn finish(to: &Settled) -> Finish<'_> {
    if to.is_stopped() { Finish::AsIs } else { Finish::Healthy(&to.rendered.health) }
}

/// Returns the stages to a settled state; a stopped instance is changed without being started.
pub fn stages(found: &FoundProject, to: &Settled) -> Vec<Stage> {
    let spec = &to.rendered.spec;
    let mut stages = steps(found, spec);
    if to.is_stopped() {
        let starts = |step: &Step| {
            matches!(step, Step::Start { .. } | Step::AwaitHealthy { .. } | Step::AwaitExit { .. } | Step::Gate)
        };
        stages.iter_mut().for_each(|stage| stage.steps.retain(|step| !starts(step)));
        stages.retain(|stage| !stage.steps.is_empty());
        // What runs by mistake is stopped when all else is as wanted.
        let is_made = |stage: &Stage| stage.steps.iter().all(|step| matches!(step, Step::SetRestart { .. }));
        if stages.iter().all(is_made) {
            stages.extend(steps_for_power(found, spec, PowerRequest::Stop));
        }
    }
    stages
}
