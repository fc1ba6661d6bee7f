//! Old values that an undo is about to restore.

use super::{Newer, PlanContext, is_active};
use crate::names::{InstanceName, RolloutId};
use crate::rollout::{Member, Rollout};

impl PlanContext<'_> {
    /// Returns the undo that is about to restore, or has restored, old values of an instance before they are the
    /// desired ones: new values would be merged with those that it takes back.
    pub fn is_put_back_by(&self, name: &InstanceName) -> Option<&RolloutId> {
        let instance_context = self.index.instance(name)?;
        let brings =
            |member: &Member| member.to_revision.is_some_and(|revision| revision > instance_context.desired.revision);
        // An aborted rollout no longer has the instance, but its order continues.
        let at_it = self.open(name).and_then(|open| self.desired.rollouts.get(open.order.rollout.as_ref()?));
        let is_at_it = |undo: &&Rollout| undo.members.iter().any(|member| member.instance == *name && brings(member));
        if let Some(undo) = at_it.filter(is_at_it) {
            return Some(&undo.id);
        }
        let claim = instance_context.claim.filter(|claim| brings(claim.member))?;
        let may_begin = || !self.has_ended_well(claim.rollout, claim.member) && is_active(&self.phase(claim.rollout));
        let has_done = || matches!(self.newer(name), Some(Newer::Brought(_)));
        (may_begin() || has_done()).then_some(&claim.rollout.id)
    }
}
