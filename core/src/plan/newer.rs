//! Revisions of values that are newer than the desired one: reported by a host, or about to be restored by an undo.

use super::index::InstanceContext;
use super::{PlanContext, blocker, is_active};
use crate::facts::Running;
use crate::names::{InstanceName, RolloutId};
use crate::rollout::{Member, Rollout};
use std::collections::HashSet;

/// A revision that an instance has and that is newer than the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newer {
    /// An undo has brought it: it is to become the wanted one.
    Brought(u64),
    /// Unknown origin, such as a change after an export that was imported.
    Unknown(u64),
}

impl PlanContext<'_> {
    /// Returns the instance's state in its host's last report, if that is newer than the desired one.
    pub fn newer(&self, name: &InstanceName) -> Option<Newer> {
        newer(self, self.index.instance(name)?)
    }

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
        let is_left = |rollout: &Rollout| !rollout.skips.contains_key(name) && is_active(&self.phase(rollout));
        let may_begin = || !self.has_ended_well(claim.rollout, claim.member) && is_left(claim.rollout);
        let has_done = || matches!(self.newer(name), Some(Newer::Brought(_)));
        (may_begin() || has_done()).then_some(&claim.rollout.id)
    }

    /// Returns the revisions that undos bring, computed on first use.
    fn brought(&self) -> &HashSet<(InstanceName, u64)> {
        self.brought.get_or_init(|| {
            let members =
                self.desired.rollouts.values().flat_map(|rollout| rollout.members.iter().map(move |it| (rollout, it)));
            let meant = members.filter(|(rollout, member)| self.meant(rollout, member).is_some());
            meant.filter_map(|(_, member)| Some((member.instance.clone(), member.to_revision?))).collect()
        })
    }
}

/// Returns whether a pending restore brings this revision: it becomes the desired one when the restore has ended.
fn is_returned(instance_context: &InstanceContext, revision: u64) -> bool {
    let request = instance_context.desired.data.as_ref().and_then(|request| request.action.return_to());
    request.is_some_and(|(_, goal)| goal.revision == revision)
}

pub(super) fn newer(plan_context: &PlanContext, instance_context: &InstanceContext) -> Option<Newer> {
    let seen = blocker::reported(instance_context).ok()?;
    let Running::Settled(said) = &seen.running else { return None };
    if said.revision <= instance_context.desired.revision || is_returned(instance_context, said.revision) {
        return None;
    }
    let is_brought = plan_context.brought().contains(&(instance_context.name.clone(), said.revision));
    Some(if is_brought { Newer::Brought(said.revision) } else { Newer::Unknown(said.revision) })
}
