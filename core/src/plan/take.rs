//! Chooses which of the ready members are started now, and the reasons why the others wait.

use super::gate::Gate;
use super::member::{MemberContext, Tally};
use super::{MemberState, PlanContext};
use crate::names::InstanceName;
use crate::reason::WaitReason;
use crate::rollout::Rollout;
use std::collections::{BTreeMap, HashMap};

/// Takes ready members in their order while there are slots, and writes a reason at every other.
///
/// Returns their indexes in the list.
pub(super) fn take(
    plan_context: &PlanContext,
    rollout: &Rollout,
    gate: &Gate,
    standings: &mut [MemberContext],
) -> Vec<usize> {
    let (room, shut) = match gate {
        Gate::Open { room } => (*room, None),
        Gate::Retries { room, reason } => (*room, Some(reason)),
        Gate::Shut { reason, .. } => (0, Some(reason)),
    };
    let mut sharing = Sharing::of(plan_context, &rollout.strategy.per, standings);
    let mut taken = Vec::new();
    for (place, member_context) in standings.iter_mut().enumerate() {
        if member_context.tally != Tally::Ready {
            continue;
        }
        let may_begin = match gate {
            Gate::Open { .. } => true,
            Gate::Retries { .. } => rollout.is_retried(&member_context.member.instance),
            Gate::Shut { .. } => false,
        };
        let reason = match shut {
            Some(shut) if !may_begin => shut.clone(),
            _ if taken.len() >= room => WaitReason::LaterWave,
            _ => match sharing.full(&member_context.member.instance) {
                Some(full) => full,
                None => {
                    sharing.add(&member_context.member.instance);
                    taken.push(place);
                    WaitReason::Asked
                }
            },
        };
        member_context.state = MemberState::Waiting { reason };
    }
    taken
}

/// Number of running members among hosts that share a label's value.
struct Sharing<'a> {
    plan_context: &'a PlanContext<'a>,
    per: &'a BTreeMap<String, u32>,
    under_way: HashMap<(&'a str, &'a str), u32>,
}

impl<'a> Sharing<'a> {
    fn of(plan_context: &'a PlanContext<'a>, per: &'a BTreeMap<String, u32>, standings: &[MemberContext]) -> Self {
        let mut sharing = Self { plan_context, per, under_way: HashMap::new() };
        if per.is_empty() {
            return sharing;
        }
        for member_context in standings {
            match member_context.tally {
                Tally::UnderWay | Tally::Late => sharing.add(&member_context.member.instance),
                Tally::Success(_) | Tally::Failure(_) | Tally::Sick(_) => {}
                Tally::Ready | Tally::Held | Tally::Offline | Tally::Apart => {}
            }
        }
        sharing
    }

    /// Returns the values of the limited labels on an instance's host. A host without the label shares it with no
    /// other.
    fn values(&self, instance: &InstanceName) -> impl Iterator<Item = (&'a str, &'a str, u32)> + use<'a> {
        let desired = self.plan_context.desired;
        let instance_context = self.plan_context.index.instance(instance);
        let host = instance_context.and_then(|instance_context| desired.hosts.get(&instance_context.desired.host));
        let limits = self.per.iter();
        limits.filter_map(move |(label, limit)| Some((label.as_str(), host?.labels.get(label)?, *limit)))
    }

    fn full(&self, instance: &InstanceName) -> Option<WaitReason> {
        let under_way = |label, value| self.under_way.get(&(label, value)).copied().unwrap_or(0);
        let (label, value, limit) = self.values(instance).find(|(l, v, limit)| under_way(l, v) >= *limit)?;
        Some(WaitReason::LabelLimit { limit, label: label.to_owned(), value: value.to_owned() })
    }

    fn add(&mut self, instance: &InstanceName) {
        for (label, value, _) in self.values(instance) {
            *self.under_way.entry((label, value)).or_default() += 1;
        }
    }
}
