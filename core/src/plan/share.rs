//! Chooses which of the possible backups and drills begin now: a few at a time in the whole fleet, one drill on a host.

use super::index::InstanceContext;
use super::intention::Intention;
use super::open::Lateness;
use super::{NewOrder, PlanContext, Waiting};
use crate::backup::DataKind;
use crate::facts::LinkState;
use crate::names::{HostName, InstanceName};
use crate::reason::WaitReason;
use crate::time::Time;
use std::collections::HashSet;

/// Possible order for one instance.
pub(super) struct Offer {
    pub instance: InstanceName,
    pub intention: Intention,
    pub rank: Rank,
    /// Time since when it waits; the longest waiting goes first.
    pub since: Time,
}

/// Priority of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Requested,
    Backup,
    Drill,
    Forget,
}

pub(super) fn share(plan_context: &PlanContext, mut offers: Vec<Offer>) -> (Vec<NewOrder>, Vec<Waiting>) {
    if offers.is_empty() {
        return Default::default();
    }
    offers.sort_by(|a, b| (a.rank, a.since, &a.instance).cmp(&(b.rank, b.since, &b.instance)));
    let at_once = usize::try_from(plan_context.desired.at_once.0).unwrap_or(usize::MAX);
    let mut places = Places::of(plan_context);
    let (mut orders, mut waiting) = (Vec::new(), Vec::new());
    for Offer { instance, intention, .. } in offers {
        let Some(instance_context) = plan_context.index.instance(&instance) else { continue };
        let reason = match places.obstacle(instance_context, &intention, at_once) {
            None => {
                places.take(instance_context, &intention);
                orders.push(intention.order(instance_context.name, instance_context.desired));
                continue;
            }
            Some(obstacle) => obstacle.of(intention.action.kind()),
        };
        waiting.push(Waiting { instance, rollout: None, reason });
    }
    (orders, waiting)
}

/// Slots that are taken.
struct Places {
    taken: usize,
    drilling: HashSet<HostName>,
}

impl Places {
    /// A lost or late host takes no slot: it may stay away for long, and others must not wait for it.
    fn of(plan_context: &PlanContext) -> Self {
        let mut places = Self { taken: 0, drilling: HashSet::new() };
        for open in plan_context.all_open() {
            let is_online =
                plan_context.observed.hosts.get(&open.order.host).is_some_and(|host| host.link == LinkState::Online);
            let kind = open.order.order.action.data().map(crate::backup::DataAction::kind);
            match kind.filter(|_| is_online && open.lateness == Lateness::InTime) {
                Some(DataKind::Drill) => {
                    places.taken += 1;
                    places.drilling.insert(open.order.host.clone());
                }
                Some(DataKind::Backup | DataKind::Forget) => places.taken += 1,
                Some(DataKind::Restore) | None => {}
            }
        }
        places
    }

    fn obstacle(
        &self,
        instance_context: &InstanceContext,
        intention: &Intention,
        at_once: usize,
    ) -> Option<WaitReason> {
        if is_drill(intention) && self.drilling.contains(&instance_context.desired.host) {
            return Some(WaitReason::OtherDrill);
        }
        (self.taken >= at_once).then_some(WaitReason::DataLimit { limit: at_once })
    }

    fn take(&mut self, instance_context: &InstanceContext, intention: &Intention) {
        self.taken += 1;
        if is_drill(intention) {
            self.drilling.insert(instance_context.desired.host.clone());
        }
    }
}

fn is_drill(intention: &Intention) -> bool {
    intention.action.data().is_some_and(|data| data.kind() == DataKind::Drill)
}
