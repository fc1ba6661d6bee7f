//! Steps between a host as found and an instance's spec.
//!
//! The way back is the same function with the previous spec as its goal, and a crash in the middle is answered by
//! looking again and asking again: every step leaves the host in a state from which the same goal is still reached.
//!
//! **Invariant:** a change never removes a volume; only [`steps_to_remove`] names one, and only if the order does.
//! **Invariant:** everything that can fail without affecting running containers (pulls, files, networks, new
//! containers) comes before the first stop.

mod await_limit;
mod change;
mod depths;
mod drift;
pub(crate) mod found;
pub mod gate;
#[cfg(test)]
mod model;
mod power;
mod removal;
mod restarts;
mod step;
#[cfg(test)]
mod tests;

pub use drift::drift;
pub use found::{
    ContainerHealth, ContainerState, DEFAULT_GRACE, FileOrigin, Foreign, ForeignKind, FoundContainer, FoundFile,
    FoundNetwork, FoundProject, KeptVolume, Ownership, is_one_shot,
};
pub use power::steps_for_power;
pub use removal::steps_to_remove;
pub use restarts::steps_to_quiesce;
pub use step::{Stage, Step};

use crate::spec::InstanceSpec;

/// Returns the stages from the found state to the goal; none if it is reached.
///
/// The steps of one stage may run in parallel; a stage begins when the one before is done. The gate comes after all
/// changes, and only unused parts are removed after it. A caller that continues after a crash and gets no stages still
/// has to pass the gate: it may have been the only one left.
pub fn steps(found: &FoundProject, goal: &InstanceSpec) -> Vec<Stage> {
    change::ProjectChange::between(found, goal).stages()
}
