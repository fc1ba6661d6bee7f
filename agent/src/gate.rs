//! Health gate: observes an instance until the planner decides that it is healthy, or will not become so.

use crate::runtime::ContainerRuntime;
use fleet_core::app::HealthRules;
use fleet_core::health_problem::HealthProblem;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::gate::{Gate, GateVerdict};
use fleet_core::time::Time;
use fleet_core::units::Period;
use std::time::Duration;
use tokio::time::sleep;

/// Often enough to be fast, seldom enough that probes are no load.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Condition that the gate waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// The instance is not well.
    Because(HealthProblem),
    /// Healthy, but not long enough.
    WellFor {
        /// Time for which it has been healthy.
        so_far: Period,
        /// Time for which it must be healthy.
        of: Period,
    },
}

/// Reason why an instance did not pass the gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotHealthy(pub HealthProblem);

/// Waits until the instance is healthy, and reports at each observation what it waits for.
///
/// Ends at the app's deadline; dropping the future ends it at once.
pub async fn pass(
    runtime: &dyn ContainerRuntime,
    spec: &InstanceSpec,
    health: &HealthRules,
    now: &(dyn Fn() -> Time + Send + Sync),
    waits: &(dyn Fn(Waits) + Send + Sync),
) -> Result<(), NotHealthy> {
    let mut gate = Gate::new(health, now());
    let mut pause = FIRST_PAUSE;
    loop {
        let verdict = match runtime.observe(spec, health).await {
            Ok(seen) => gate.judge(spec, &seen, now()),
            Err(error) => gate.judge_unseen(crate::chain(&error), now()),
        };
        match verdict {
            GateVerdict::Healthy => return Ok(()),
            GateVerdict::Failed { problem } => return Err(NotHealthy(problem)),
            GateVerdict::Waiting { problem } => waits(Waits::Because(problem)),
            GateVerdict::WellFor { so_far, of } => waits(Waits::WellFor { so_far, of }),
        }
        sleep(pause.min(health.minimum_healthy.as_duration().max(FIRST_PAUSE))).await;
        pause = pause.mul_f32(1.5).min(LONGEST_PAUSE);
    }
}
