//! Taking a rollout back: the releases, and the values that went with them.

use super::proposals::refused_rollout;
use super::rollouts::begin;
use super::service::OperatorsService;
use super::wish::ChangeError;
use crate::facts::DesiredChange;
use crate::serve::failed;
use crate::values::{Difference, HIDDEN, ValuesError};
use fleet_core::names::{InstanceName, OperatorName, RolloutId};
use fleet_core::rollout::{Member, Proposal, Rollout, RolloutWish, propose_undo};
use fleet_proto::v1;
use std::collections::HashMap;
use tonic::Status;

impl OperatorsService {
    /// An undo is a rollout of its own; what it undoes is aborted in the same commit.
    pub fn undo(
        &self,
        change: &mut DesiredChange<'_>,
        rollout: Rollout,
        by: &OperatorName,
    ) -> Result<RolloutId, ChangeError> {
        let known = change.known();
        let proposal = propose_undo(&rollout, known.desired(), known.asked(), known.observed(), change.now);
        let mut proposal = proposal.map_err(|refusal| refused_rollout(&refusal))?;
        self.put_back(change, &rollout, &mut proposal)?;
        change.tell(&format!("rollout {}", rollout.id), &format!("undo asked by {by}"));
        change.put_rollout(Rollout { wish: RolloutWish::Abort, ..rollout });
        Ok(begin(change, proposal, by)?)
    }

    /// Keeps the former values of those members whose values are others now, each under a new revision.
    fn put_back(
        &self,
        change: &mut DesiredChange<'_>,
        rollout: &Rollout,
        proposal: &mut Proposal,
    ) -> Result<(), ValuesError> {
        let (store, values) = (self.shared.facts.store(), &self.shared.values);
        let former = former_revisions(rollout);
        let next: HashMap<InstanceName, u64> = {
            let (known, promised) = (change.known(), change.known().promised_revisions());
            let members = proposal.members.iter().map(|member| &member.instance);
            members.map(|name| (name.clone(), known.next_revision(name, &promised))).collect()
        };
        for member in &mut proposal.members {
            let name = &member.instance;
            let (Some(then), Some(instance)) = (former.get(name), change.known().instance(name).cloned()) else {
                continue;
            };
            if values.differences(store, name, (*then, instance.revision))?.is_empty() {
                continue;
            }
            let Some(revision) = next.get(name).copied() else { continue };
            values.put_again(store, change.batch(), name, (*then, revision), instance.drift)?;
            member.to_revision = Some(revision);
        }
        Ok(())
    }

    /// Adds to a rollout's members which of their values an undo would put back.
    pub fn add_way_back(&self, view: &mut v1::RolloutView) -> Result<(), Status> {
        let members: HashMap<String, (Member, u64)> = {
            let known = self.shared.facts.read();
            let rollout = known.desired().rollouts.values().find(|rollout| rollout.id.as_str() == view.id);
            let members =
                rollout.into_iter().flat_map(|rollout| rollout.members.iter().map(|it| (it, rollout.created)));
            let found = members.filter_map(|(member, begun)| {
                // A later instance of the same name has values of its own.
                let meant = known.instance(&member.instance).filter(|instance| instance.created <= begun);
                Some((member.clone(), meant?.revision))
            });
            found.map(|(member, revision)| (member.instance.to_string(), (member, revision))).collect()
        };
        for shown in &mut view.members {
            let Some((member, present)) = members.get(&shown.instance) else { continue };
            let Some(former) = member.from_revision else { continue };
            let store = self.shared.facts.store();
            let other = self.shared.values.differences(store, &member.instance, (former, *present));
            let other = other.map_err(|error| failed("could not compare its values", &error))?;
            shown.puts_back = other.iter().map(line).collect();
        }
        Ok(())
    }
}

fn former_revisions(rollout: &Rollout) -> HashMap<InstanceName, u64> {
    let members = rollout.members.iter();
    members.filter_map(|member| Some((member.instance.clone(), member.from_revision?))).collect()
}

/// A value that is put back, for people; of a secret no more than its name.
fn line(difference: &Difference) -> String {
    let Difference { name, former, present } = difference;
    let is_secret = [former, present].into_iter().flatten().any(|text| text == HIDDEN);
    if is_secret {
        return format!("value {name}: as it was (secret)");
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "its default".to_owned());
    format!("value {name}: {} -> {}", text(present), text(former))
}
