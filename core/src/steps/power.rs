//! Stopping an instance, and starting it again.

use super::removal::stop_all;
use super::{ContainerState, FoundProject, Stage, steps};
use crate::order::PowerRequest;
use crate::spec::InstanceSpec;

/// Returns the stages of an operator's power request; starting also heals missing and changed parts.
pub fn steps_for_power(found: &FoundProject, spec: &InstanceSpec, request: PowerRequest) -> Vec<Stage> {
    match request {
        PowerRequest::Start => steps(found, spec),
        PowerRequest::Stop => stop_all(found, spec),
        PowerRequest::Restart => {
            let mut stages = stop_all(found, spec);
            stages.extend(steps(&stopped(found), spec));
            stages
        }
    }
}

/// The same after everything that runs was stopped.
fn stopped(found: &FoundProject) -> FoundProject {
    let mut found = found.clone();
    for container in found.containers.iter_mut().filter(|it| it.state.is_alive()) {
        // Its exit is not known yet; it must not count as a completed job.
        container.state = ContainerState::Exited { code: 143 };
    }
    found
}
