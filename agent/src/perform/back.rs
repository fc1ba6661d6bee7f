//! The way back to what the instance was.

use super::forward::stages;
use super::heal::lost_volumes;
use super::prepare::look;
use super::work::{Finish, Work, WorkError};
use crate::ledger::Settled;
use fleet_core::order::Action;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::steps_to_remove;
use std::collections::BTreeSet;

/// Whether this is the first attempt at the way back, or one after a crash, of which nobody knows how far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    First,
    Again,
}

/// Puts back what was there before; after a failed installation that is nothing but its volumes.
pub async fn back(
    work: &Work<'_>,
    action: &Action,
    from: Option<&Settled>,
    tried: &InstanceSpec,
    attempt: Attempt,
) -> Result<(), WorkError> {
    let Some(from) = from else {
        let no_volume = BTreeSet::new();
        return work.perform(tried, |found| steps_to_remove(found, tried, &no_volume), Finish::AsIs).await;
    };
    // A volume that went missing on the way is data: what is made anew in its place would be empty.
    let lost = lost_volumes(&look(work.site, &from.rendered.spec).await?, from);
    if !lost.is_empty() {
        return Err(WorkError::DataGone(lost.join(", ")));
    }
    let finish = match (action, attempt) {
        // Whether it may start was the question, and its answer is said as its health.
        (Action::Power { .. }, _) => Finish::AsIs,
        _ if from.is_stopped() => Finish::AsIs,
        (_, Attempt::First) => Finish::HealthyIfChanged(&from.rendered.health),
        (_, Attempt::Again) => Finish::Healthy(&from.rendered.health),
    };
    work.perform(&from.rendered.spec, |found| stages(found, from), finish).await
}
