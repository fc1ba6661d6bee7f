//! Old and present values of a rollout's members: those that an undo would restore, and those that it could not.

use super::agreed;
use super::service::OperatorsService;
use crate::rpc_status::failed;
use crate::values::{HIDDEN, Revisions, ValueDifference, Values, ValuesError};
use fleet_core::names::InstanceName;
use fleet_core::planned_change::PlannedChange;
use fleet_core::proposal::Proposal;
use fleet_core::reason::LeftOutReason;
use fleet_core::refused_call::Attempt;
use fleet_core::rollout::Member;
use fleet_proto::v1;
use std::collections::{HashMap, HashSet};
use tonic::Status;

/// Revisions that hosts report and whose values are not stored: an older export may have been imported.
pub struct LostRevisions(HashSet<(InstanceName, u64)>);

impl LostRevisions {
    /// A revision is noted for an undo only if its values are there.
    pub fn forget_in(&self, proposal: &mut Proposal) {
        for member in &mut proposal.members {
            member.from_revision = member.from_revision.filter(|it| !self.0.contains(&(member.instance.clone(), *it)));
        }
    }
}

impl OperatorsService {
    /// Returns the recorded revisions of a proposal that are lost. Present revisions exist, so few are looked up.
    pub fn lost_revisions(&self, proposal: &Proposal) -> Result<LostRevisions, Status> {
        let noted: Vec<(InstanceName, u64)> = {
            let snapshot = self.shared.facts.read();
            let wanted = |name: &InstanceName| snapshot.instance(name).map(|instance| instance.revision);
            let members = proposal.members.iter().filter(|member| member.from_revision != wanted(&member.instance));
            members.filter_map(|member| Some((member.instance.clone(), member.from_revision?))).collect()
        };
        let mut lost = HashSet::new();
        for (name, revision) in noted {
            if !Values::are_kept(self.shared.facts.store(), &name, revision)? {
                lost.insert((name, revision));
            }
        }
        Ok(LostRevisions(lost))
    }

    /// Adds to a rollout's members which of their values an undo would put back.
    pub fn add_way_back(&self, view: &mut v1::RolloutView) -> Result<(), Status> {
        let members: HashMap<String, (Member, u64)> = {
            let snapshot = self.shared.facts.read();
            let rollout = snapshot.desired().rollouts.values().find(|rollout| rollout.id.as_str() == view.id);
            let members =
                rollout.into_iter().flat_map(|rollout| rollout.members.iter().map(|it| (it, rollout.created)));
            let found = members.filter_map(|(member, begun)| {
                // A later instance of the same name has values of its own.
                let meant = snapshot.instance(&member.instance).filter(|instance| instance.created <= begun);
                Some((member.clone(), meant?.revision))
            });
            found.map(|(member, revision)| (member.instance.to_string(), (member, revision))).collect()
        };
        for shown in &mut view.members {
            let Some((member, present)) = members.get(&shown.instance) else { continue };
            let Some(previous) = member.from_revision else { continue };
            let (store, both) = (self.shared.facts.store(), Revisions { previous, present: *present });
            let puts_back = match self.shared.values.differences(store, &member.instance, both) {
                Ok(other) => other.into_iter().filter_map(planned_value).collect(),
                Err(error) => {
                    let reason = lost(error).map_err(|error| failed(Attempt::CompareValues, &error))?;
                    vec![PlannedChange::LeftOut(Box::new(reason))]
                }
            };
            shown.puts_back = agreed::shown(&puts_back);
        }
        Ok(())
    }
}

/// Returns the reason for which an instance whose former values cannot be read is left out.
///
/// # Errors
/// Fails where the store cannot be read.
pub fn lost(error: ValuesError) -> Result<LeftOutReason, ValuesError> {
    match error {
        ValuesError::Absent { revision, .. } => Ok(LeftOutReason::ValuesLost { revision }),
        ValuesError::Seal { name: value, .. } => Ok(LeftOutReason::ValueSealed { value }),
        error @ ValuesError::Store(_) => Err(error),
    }
}

/// A value that is put back; of a secret no more than its name.
pub fn planned_value(difference: ValueDifference) -> Option<PlannedChange> {
    let is_secret = |text: &Option<String>| text.as_deref() == Some(HIDDEN);
    let ValueDifference { name: value, previous, present } = difference;
    if is_secret(&present) || is_secret(&previous) {
        return Some(PlannedChange::SecretPutBack { value });
    }
    match (present, previous) {
        (Some(present), Some(previous)) => Some(PlannedChange::ValueChanged { value, present, previous }),
        (None, Some(previous)) => Some(PlannedChange::ValueSet { value, previous }),
        (Some(present), None) => Some(PlannedChange::ValueUnset { value, present }),
        (None, None) => None,
    }
}
