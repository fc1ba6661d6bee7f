//! Hosts that report a newer revision of an instance's values than the desired one.

use super::index::InstanceContext;
use super::{PlanContext, blocker};
use crate::facts::Running;
use crate::names::InstanceName;
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

pub(super) fn newer(plan_context: &PlanContext, instance_context: &InstanceContext) -> Option<Newer> {
    let seen = blocker::reported(instance_context).ok()?;
    let Running::Settled(said) = &seen.running else { return None };
    if said.revision <= instance_context.desired.revision {
        return None;
    }
    let is_brought = plan_context.brought().contains(&(instance_context.name.clone(), said.revision));
    Some(if is_brought { Newer::Brought(said.revision) } else { Newer::Unknown(said.revision) })
}
