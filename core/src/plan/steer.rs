//! Decisions about single members of a rollout: one is tried again, or left out from now on.

use super::{MemberState, PlanContext, RolloutPhase};
use crate::facts::{InstanceHealth, Running};
use crate::hint::Hint;
use crate::names::{InstanceName, RolloutId};
use crate::order::Outcome;
use crate::rollout::{Rollout, Skip};

/// Reason why a member of a rollout cannot be tried again or left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberRefusal {
    /// The rollout is over.
    RolloutOver,
    /// The instance is no member of the rollout.
    NotAMember {
        /// Instance.
        instance: InstanceName,
        /// Rollout.
        rollout: RolloutId,
    },
    /// A newer rollout has the member.
    Superseded {
        /// Instance.
        instance: InstanceName,
        /// Newer rollout.
        rollout: RolloutId,
    },
    /// The order of the member is under way.
    UnderWay(InstanceName),
    /// No order of the member has failed.
    NotFailed(InstanceName),
    /// Nothing is left to do for the member.
    NothingLeft(InstanceName),
    /// The data of the instance may be other than before its upgrade.
    DataInDoubt(InstanceName),
}

impl<'a> PlanContext<'a> {
    /// Returns the newest rollout that is not over and names an instance.
    pub fn active_rollout_of(&self, instance: &InstanceName) -> Option<&'a Rollout> {
        let naming = self.desired.rollouts.values().filter(|rollout| is_member(rollout, instance));
        naming.filter(|rollout| !self.is_over(rollout)).max_by_key(|rollout| (rollout.created, &rollout.id))
    }

    /// Returns the rollout with one more attempt for a member whose order failed, or with a skipped member taken in again.
    ///
    /// # Errors
    /// Refuses what would change nothing, and what the host would refuse: an upgrade over data that may be other than before.
    pub fn retry(&self, rollout: &Rollout, instance: &InstanceName) -> Result<Rollout, MemberRefusal> {
        let state = self.state_in(rollout, instance)?;
        let mut retried = rollout.clone();
        let was_skipped = retried.skips.remove(instance).is_some();
        match state.unskipped() {
            MemberState::Failed { outcome, .. } if self.is_data_in_doubt(instance, outcome) => {
                Err(MemberRefusal::DataInDoubt(instance.clone()))
            }
            MemberState::Failed { .. } => {
                *retried.retries.entry(instance.clone()).or_default() += 1;
                // It may have another release since.
                match self.state_in(&retried, instance)? {
                    MemberState::Waiting { .. } | MemberState::Offline => Ok(retried),
                    _ => Err(MemberRefusal::NotFailed(instance.clone())),
                }
            }
            MemberState::Waiting { .. } | MemberState::Offline if was_skipped => Ok(retried),
            MemberState::UnderWay { .. } | MemberState::Overdue { .. } => Err(under_way(instance)),
            MemberState::Superseded { by } => {
                Err(MemberRefusal::Superseded { instance: instance.clone(), rollout: by.clone() })
            }
            MemberState::Waiting { .. }
            | MemberState::Offline
            | MemberState::Done { .. }
            | MemberState::Sickened { .. }
            | MemberState::Skipped { .. }
            | MemberState::Elsewhere { .. }
            | MemberState::Removed => Err(MemberRefusal::NotFailed(instance.clone())),
        }
    }

    /// Returns the rollout without a member: it begins nothing for it any more, and its failure does not count.
    ///
    /// # Errors
    /// Refuses members that an order is changing at this moment, and those for which nothing is left to do.
    pub fn skip(&self, rollout: &Rollout, instance: &InstanceName, skip: Skip) -> Result<Rollout, MemberRefusal> {
        match self.state_in(rollout, instance)? {
            MemberState::Waiting { .. }
            | MemberState::Offline
            | MemberState::Failed { .. }
            | MemberState::Sickened { .. }
            | MemberState::Overdue { .. } => {
                let mut skipped = rollout.clone();
                skipped.skips.insert(instance.clone(), skip);
                Ok(skipped)
            }
            MemberState::UnderWay { .. } => Err(under_way(instance)),
            MemberState::Superseded { by } => {
                Err(MemberRefusal::Superseded { instance: instance.clone(), rollout: by })
            }
            MemberState::Done { .. }
            | MemberState::Skipped { .. }
            | MemberState::Elsewhere { .. }
            | MemberState::Removed => Err(MemberRefusal::NothingLeft(instance.clone())),
        }
    }

    /// Returns the state of a member of a rollout that is not over.
    fn state_in(&self, rollout: &Rollout, instance: &InstanceName) -> Result<MemberState, MemberRefusal> {
        if self.is_over(rollout) {
            return Err(MemberRefusal::RolloutOver);
        }
        let mut members = self.members(rollout).into_iter();
        let Some((_, state)) = members.find(|(member, _)| member.instance == *instance) else {
            return Err(MemberRefusal::NotAMember { instance: instance.clone(), rollout: rollout.id.clone() });
        };
        // A member whose order has failed stays so when another rollout takes it.
        match self.index.instance(instance).and_then(|it| it.claim).map(|claim| claim.rollout) {
            Some(owner) if (owner.created, &owner.id) > (rollout.created, &rollout.id) => {
                Ok(MemberState::Superseded { by: owner.id.clone() })
            }
            Some(_) | None => Ok(state),
        }
    }

    fn is_over(&self, rollout: &Rollout) -> bool {
        matches!(self.phase(rollout), RolloutPhase::Done | RolloutPhase::Aborted)
    }

    /// Returns whether the host would start nothing of an instance: it is stuck, and its data may be other than before.
    /// Agents of earlier versions tell that only by the hint of the order that got stuck.
    fn is_data_in_doubt(&self, instance: &InstanceName, outcome: &Outcome) -> bool {
        let Some(seen) = self.observed.instances.get(instance) else { return false };
        let Running::Settled(said) = &seen.running else { return false };
        let wants_restore = matches!(outcome, Outcome::Stuck { hint: Some(Hint::RestoreInstance(_)), .. });
        match said.health {
            InstanceHealth::Stuck { .. } => said.health.is_data_changed() || wants_restore,
            InstanceHealth::Healthy
            | InstanceHealth::Starting
            | InstanceHealth::Unhealthy { .. }
            | InstanceHealth::Stopped
            | InstanceHealth::Unknown => false,
        }
    }
}

fn is_member(rollout: &Rollout, instance: &InstanceName) -> bool {
    rollout.members.iter().any(|member| member.instance == *instance)
}

fn under_way(instance: &InstanceName) -> MemberRefusal {
    MemberRefusal::UnderWay(instance.clone())
}
