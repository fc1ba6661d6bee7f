//! Parts of the way to a running instance: those created before the data, and those started after it.

use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{FoundProject, Stage, Step, steps};
use std::collections::BTreeSet;

/// Returns the stages that create only volumes: the Engine fills empty volumes with an image's files when a container
/// is created, so data is put into them before.
pub fn volumes_alone(found: &FoundProject, spec: &InstanceSpec) -> Vec<Stage> {
    retained(steps(found, spec), |step| matches!(step, Step::CreateVolume { .. } | Step::ExpectVolume { .. }))
}

/// Returns the stages for what comes from elsewhere: they change nothing.
pub fn fetching(stages: Vec<Stage>) -> Vec<Stage> {
    let fetches =
        |step: &Step| matches!(step, Step::Pull { .. } | Step::ExpectNetwork { .. } | Step::ExpectVolume { .. });
    stages.into_iter().take_while(|stage| stage.steps.iter().all(fetches)).collect()
}

/// Returns the stages before the first one that changes what runs: pulls, files, networks, volumes, and containers beside those of now.
pub fn preparing(stages: Vec<Stage>) -> Vec<Stage> {
    let prepares = |step: &Step| match step {
        Step::Pull { .. }
        | Step::ExpectNetwork { .. }
        | Step::ExpectVolume { .. }
        | Step::WriteFiles { .. }
        | Step::CreateNetwork { .. }
        | Step::CreateVolume { .. }
        | Step::Create { .. } => true,
        Step::Stop { .. }
        | Step::RemoveContainer { .. }
        | Step::Rename { .. }
        | Step::SetRestart { .. }
        | Step::Start { .. }
        | Step::AwaitHealthy { .. }
        | Step::AwaitExit { .. }
        | Step::Gate
        | Step::RemoveNetwork { .. }
        | Step::RemoveVolume { .. } => false,
    };
    stages.into_iter().take_while(|stage| stage.steps.iter().all(prepares)).collect()
}

/// The stages that make everything and start nothing.
pub fn without_starting(found: &FoundProject, spec: &InstanceSpec) -> Vec<Stage> {
    retained(steps(found, spec), |step| {
        !matches!(step, Step::Start { .. } | Step::AwaitHealthy { .. } | Step::AwaitExit { .. } | Step::Gate)
    })
}

/// The stages that start some services and nothing else; all is made already.
pub fn starting(found: &FoundProject, spec: &InstanceSpec, services: &BTreeSet<String>) -> Vec<Stage> {
    let names: BTreeSet<&str> = services.iter().filter_map(|it| Some(spec.container(it)?.name.as_str())).collect();
    retained(steps(found, spec), |step| match step {
        Step::Start { name } | Step::AwaitHealthy { name, .. } | Step::AwaitExit { name, .. } => {
            names.contains(name.as_str())
        }
        _ => false,
    })
}

fn retained(mut stages: Vec<Stage>, is_wanted: impl Fn(&Step) -> bool) -> Vec<Stage> {
    stages.iter_mut().for_each(|stage| stage.steps.retain(&is_wanted));
    stages.retain(|stage| !stage.steps.is_empty());
    stages
}
