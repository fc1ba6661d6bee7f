//! Taking a rollout back: the releases, and the values that went with them.

use super::proposals::{absent_rollout, leave_out, refused_rollout};
use super::request::ChangeError;
use super::rollouts::begin;
use super::service::OperatorsService;
use super::way_back::lost;
use crate::clock;
use crate::facts::{DesiredChange, StateSnapshot};
use crate::rpc_status::refuse;
use crate::store::Batch;
use crate::values::{Again, Revisions, ValuesError};
use fleet_core::event::EventKind;
use fleet_core::facts::InstanceDesired;
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, OperatorName, RolloutId};
use fleet_core::proposal::{Proposal, RolloutRefusal, propose_undo};
use fleet_core::reason::LeftOutReason;
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_core::rollout::{LeftOut, Rollout, RolloutIntent};
use fleet_core::time::Time;
use fleet_proto::v1;
use std::collections::HashMap;
use tonic::Status;

const ATTEMPT: Attempt = Attempt::UndoRollout;

/// Old values of a member, computed before the facts are locked, with the revisions they are based on.
struct PreviousValues {
    instance: InstanceDesired,
    /// Revisions under which they would be stored again.
    again: Again,
    found: UndoTarget,
}

enum UndoTarget {
    /// The present values stay.
    AsTheyAre,
    KeptAgain(Batch),
    Lost {
        reason: LeftOutReason,
    },
}

impl OperatorsService {
    /// An undo is a rollout of its own; the undone rollout is aborted in the same commit.
    pub async fn undo_as(&self, by: &OperatorName, id: &RolloutId) -> Result<v1::RolloutView, Status> {
        let now = clock::now();
        let planned = || {
            let snapshot = self.shared.facts.read();
            let rollout = find(&snapshot, id)?;
            let proposal = propose(&snapshot, &rollout, now)?;
            let asked = previous_values_of(&snapshot, &rollout, &proposal);
            Ok::<_, Status>((proposal, asked))
        };
        let (proposal, asked) = planned()?;
        let mut said = self.ask_members(by, &proposal, &revisions_of(&asked)).await?;
        let mut session = self.rendering(ATTEMPT, by).await?;
        let _one_at_a_time = self.claiming.lock().await;
        let (proposal, asked) = planned()?;
        let lost = self.lost_revisions(&proposal)?;
        self.refused_members(&mut session, &proposal, &revisions_of(&asked), &mut said).await?;
        drop(session);
        let found = asked.into_iter().map(|(name, instance, again)| {
            let found = self.previous_values(&name, &instance, again)?;
            Ok((name, PreviousValues { instance, again, found }))
        });
        let mut previous = found.collect::<Result<HashMap<_, _>, ChangeError>>()?;
        let change = |change: &mut DesiredChange<'_>| {
            let rollout = find(change.snapshot(), id)?;
            let mut proposal = propose(change.snapshot(), &rollout, now)?;
            leave_out(ATTEMPT, &mut proposal, &said.refused)?;
            put_back(change, &rollout, &mut proposal, &mut previous)?;
            lost.forget_in(&mut proposal);
            change.tell(id, EventKind::UndoRequested { by: by.clone() });
            change.put_rollout(Rollout { intent: RolloutIntent::Abort, ..rollout });
            Ok::<_, ChangeError>(begin(change, proposal, by, &said)?)
        };
        let (undo, _) = self.shared.facts.change_desired(now, change).await?;
        self.rollout_view(&undo, clock::now())
    }

    fn previous_values(
        &self,
        name: &InstanceName,
        instance: &InstanceDesired,
        again: Again,
    ) -> Result<UndoTarget, ValuesError> {
        let (store, values) = (self.shared.facts.store(), &self.shared.values);
        let both = Revisions { previous: again.previous, present: instance.revision };
        let kept_again = || {
            let mut kept = Batch::new();
            if values.differences(store, name, both)?.is_empty() {
                return Ok(UndoTarget::AsTheyAre);
            }
            values.put_again(store, &mut kept, name, again, instance.drift)?;
            Ok(UndoTarget::KeptAgain(kept))
        };
        kept_again().or_else(|error| Ok(UndoTarget::Lost { reason: lost(error)? }))
    }
}

fn revisions_of(asked: &[(InstanceName, InstanceDesired, Again)]) -> HashMap<InstanceName, u64> {
    asked.iter().map(|(name, _, again)| (name.clone(), again.previous)).collect()
}

fn find(snapshot: &StateSnapshot, id: &RolloutId) -> Result<Rollout, Status> {
    snapshot.desired().rollouts.get(id).cloned().ok_or_else(|| absent_rollout(ATTEMPT, id.as_str()))
}

fn propose(snapshot: &StateSnapshot, rollout: &Rollout, now: Time) -> Result<Proposal, Status> {
    let proposal = propose_undo(rollout, snapshot.desired(), snapshot.asked(), snapshot.observed(), now);
    proposal.map_err(|refusal| refused_rollout(ATTEMPT, refusal))
}

/// Returns the members with recorded old values, the present state of those, and the revision under which they may be
/// stored again.
fn previous_values_of(
    snapshot: &StateSnapshot,
    rollout: &Rollout,
    proposal: &Proposal,
) -> Vec<(InstanceName, InstanceDesired, Again)> {
    let noted = rollout.members.iter().filter_map(|member| Some((&member.instance, member.from_revision?)));
    let noted: HashMap<&InstanceName, u64> = noted.collect();
    let promised = snapshot.promised_revisions();
    let members = proposal.members.iter().filter_map(|member| {
        let (name, previous) = (&member.instance, *noted.get(&member.instance)?);
        let again = Again { previous, revision: snapshot.next_revision(name, &promised) };
        Some((name.clone(), snapshot.instance(name)?.clone(), again))
    });
    members.collect()
}

/// Adds the old values to the undo. Members whose old values are lost are left out.
fn put_back(
    change: &mut DesiredChange<'_>,
    rollout: &Rollout,
    proposal: &mut Proposal,
    previous: &mut HashMap<InstanceName, PreviousValues>,
) -> Result<(), Status> {
    let mut brought = HashMap::new();
    for (name, instance, again) in previous_values_of(change.snapshot(), rollout, proposal) {
        let is_as_it_was =
            |found: &PreviousValues| found.again == again && found.instance.revision == instance.revision;
        let Some(found) = previous.remove(&name).filter(is_as_it_was) else {
            return Err(refuse(ATTEMPT, CallRefusal::ChangedMeanwhile { instance: name }, Hint::TryAgain));
        };
        match found.found {
            UndoTarget::AsTheyAre => {}
            UndoTarget::KeptAgain(kept) => {
                change.batch().append(kept);
                brought.insert(name, again.revision);
            }
            UndoTarget::Lost { reason } => {
                proposal.members.retain(|member| member.instance != name);
                proposal.left_out.push(LeftOut { instance: name, reason });
            }
        }
    }
    let Some(first) = proposal.members.first() else {
        let (rollout, left_out) = (rollout.id.clone(), proposal.left_out.clone());
        return Err(refused_rollout(ATTEMPT, RolloutRefusal::NothingGoesBack { rollout, more: 0, left_out }));
    };
    proposal.to = first.to.clone();
    proposal.members.iter_mut().for_each(|member| member.to_revision = brought.get(&member.instance).copied());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{memory, read, release, undo, wanted};

    #[tokio::test]
    async fn former_values_that_were_worked_out_for_what_is_no_more_are_not_put_back() {
        let name: InstanceName = read("notes-1");
        let rollout = undo("notes-1", "notes-1", 3);
        let mut proposal = Proposal {
            to: release("1.1"),
            strategy: rollout.strategy.clone(),
            members: rollout.members.clone(),
            left_out: Vec::new(),
            waves: Vec::new(),
            offline: Vec::new(),
        };
        for (revision, is_put_back) in [(3, true), (4, false)] {
            let facts = memory().with("lab-1", "notes-1").await;
            let instance = InstanceDesired { revision: 3, ..wanted("lab-1") };
            let again = Again { previous: 2, revision: 4 };
            let found = UndoTarget::KeptAgain(Batch::new());
            let mut previous = HashMap::from([(name.clone(), PreviousValues { instance, again, found })]);
            facts
                .desire(|change| {
                    change.put_instance(&name, InstanceDesired { revision, ..wanted("lab-1") });
                    let put = put_back(change, &rollout, &mut proposal, &mut previous);
                    assert_eq!(put.is_ok(), is_put_back, "{put:?}");
                })
                .await;
        }
        assert_eq!(proposal.members[0].to_revision, Some(4));
    }
}
