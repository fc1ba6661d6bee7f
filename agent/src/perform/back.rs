//! Way back to the instance's earlier state.

use super::forward::{remove, stages};
use super::heal::lost_volumes;
use super::prepare::look;
use super::work::{Finish, Work, WorkError};
use crate::ledger::Settled;
use fleet_core::order::Action;
use fleet_core::spec::InstanceSpec;
use std::collections::BTreeSet;

/// Attempt at the way back: the first, or one after a crash, with unknown progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    First,
    Again,
}

/// Restores the earlier state; after a failed installation, only the volumes are left.
pub async fn back(
    work: &Work<'_>,
    action: &Action,
    from: Option<&Settled>,
    tried: &InstanceSpec,
    attempt: Attempt,
) -> Result<(), WorkError> {
    let Some(from) = from else {
        let no_volume = BTreeSet::new();
        return remove(work, tried, &no_volume).await;
    };
    // A volume that went missing on the way is data: a new one in its place would be empty.
    let lost = lost_volumes(&look(work.context, &from.rendered.spec).await?, from);
    if !lost.is_empty() {
        return Err(WorkError::DataGone(lost));
    }
    if let Action::Upgrade { .. } | Action::Configure { .. } = action {
        work.allow_back();
    }
    let finish = match (action, attempt) {
        // A failed start is the result itself, and is reported as the instance's health.
        (Action::Power { .. }, _) => Finish::AsIs,
        _ if from.is_stopped() => Finish::AsIs,
        (_, Attempt::First) => Finish::HealthyIfChanged(&from.rendered.health),
        (_, Attempt::Again) => Finish::Healthy(&from.rendered.health),
    };
    work.perform(&from.rendered.spec, |found| stages(found, from), finish).await
}
