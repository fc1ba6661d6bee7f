//! Instances that are not well by the reports of their hosts.

use super::{Finding, say};
use fleet_core::facts::InstanceHealth;
use fleet_core::health_problem::HealthProblem;
use fleet_core::hint::Hint;
use fleet_core::names::InstanceName;
use fleet_core::problem::Problem;

/// Returns the problem of an instance that is not well, and what to do: data that is gone comes back by a restore. That it is stuck
/// is told once.
pub fn of_health(name: &InstanceName, health: &InstanceHealth, found: &[Finding]) -> Option<Finding> {
    match health {
        InstanceHealth::Unhealthy { problem } => {
            Some(say(name, Problem::Unhealthy(problem.shortened()), hint_of(name, problem)))
        }
        InstanceHealth::Stuck { .. } if found.iter().any(|it| matches!(it.problem, Problem::Stuck(_))) => None,
        InstanceHealth::Stuck { failure, .. } => {
            Some(say(name, Problem::Stuck(failure.shortened()), Hint::ShowInstance(name.clone())))
        }
        InstanceHealth::Healthy | InstanceHealth::Starting | InstanceHealth::Stopped | InstanceHealth::Unknown => None,
    }
}

fn hint_of(name: &InstanceName, problem: &HealthProblem) -> Hint {
    match problem {
        HealthProblem::VolumesGone(_) => Hint::RestoreInstance(name.clone()),
        HealthProblem::NotHealthyInTime { problem, .. } => hint_of(name, problem),
        HealthProblem::Other { .. }
        | HealthProblem::Unknown { .. }
        | HealthProblem::ContainerMissing(_)
        | HealthProblem::ContainerNotStarted(_)
        | HealthProblem::ContainerNotCompleted(_)
        | HealthProblem::ContainerStarting(_)
        | HealthProblem::ContainerUnhealthy(_)
        | HealthProblem::ContainerExited(..)
        | HealthProblem::ContainerExitedForGood(..)
        | HealthProblem::ContainerRestarting(_)
        | HealthProblem::ContainerRestarted(_)
        | HealthProblem::ContainerPaused(_)
        | HealthProblem::ContainerDead(_)
        | HealthProblem::ProbeFailed { .. }
        | HealthProblem::NotObserved { .. }
        | HealthProblem::HealthyTooLate { .. }
        | HealthProblem::HostDuplicate => Hint::SeeLogs(name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::read;
    use fleet_core::order_failure::OrderFailure;

    #[test]
    fn data_that_is_gone_comes_back_by_a_restore_and_a_stuck_instance_is_told_once() {
        let name: InstanceName = read("notes-1");
        let hint = |problem: HealthProblem| {
            of_health(&name, &InstanceHealth::Unhealthy { problem }, &[]).map(|found| found.hint)
        };
        assert_eq!(hint(HealthProblem::VolumesGone(Vec::new())), Some(Hint::RestoreInstance(name.clone())));
        assert_eq!(hint(HealthProblem::ContainerDead("web".to_owned())), Some(Hint::SeeLogs(name.clone())));
        let stuck = InstanceHealth::Stuck { failure: OrderFailure::NoStores, is_data_changed: false };
        let told = of_health(&name, &stuck, &[]).expect("nobody told it before");
        assert_eq!(told.problem, Problem::Stuck(OrderFailure::NoStores));
        assert_eq!(of_health(&name, &stuck, &[told]), None);
    }
}
