//! Restart policies of the Engine: off while the data of an upgrade is copied or put back.

use super::change::stage;
use super::removal::stop_all;
use super::{ContainerState, FoundContainer, FoundProject, Stage, Step};
use crate::spec::{InstanceSpec, Restart};
use std::collections::{BTreeMap, BTreeSet};

/// Returns the stages that switch off all restart policies, then stop all containers but those of the `kept` services.
///
/// Nothing starts by itself afterwards, not even after a loss of power.
pub fn steps_to_quiesce(found: &FoundProject, spec: &InstanceSpec, kept: &BTreeSet<String>) -> Vec<Stage> {
    let is_off = |it: &&FoundContainer| it.restart == Some(Restart::No);
    // The Engine refuses to change what is dead, and never starts it.
    let on = found.containers.iter().filter(|it| !is_off(it) && it.state != ContainerState::Dead);
    let mut stages = vec![stage(on.map(|it| set(it, Restart::No)))];
    let services: BTreeMap<&str, &str> =
        found.containers.iter().map(|it| (it.id.as_str(), it.service.as_str())).collect();
    let is_kept = |step: &Step| match step {
        Step::Stop { id, .. } => services.get(id.as_str()).is_some_and(|service| kept.contains(*service)),
        _ => false,
    };
    stages.extend(stop_all(found, spec));
    stages.iter_mut().for_each(|stage| stage.steps.retain(|step| !is_kept(step)));
    stages.retain(|stage| !stage.steps.is_empty());
    stages
}

/// Returns the step that gives a container the wanted restart policy, if it has another.
pub(super) fn policy_of(found: &FoundContainer, wanted: Restart) -> Option<Step> {
    found.restart.is_some_and(|restart| restart != wanted).then(|| set(found, wanted))
}

fn set(container: &FoundContainer, restart: Restart) -> Step {
    Step::SetRestart { name: container.name.clone(), id: container.id.clone(), restart }
}
