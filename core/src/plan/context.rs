//! The three facts at one moment, indexed once for all decisions of a plan.
//!
//! This also decides which rollout has an instance that several name. The newest has it. An aborted one keeps only the
//! instances that it has changed, and one does not have members that were skipped before they began, so that an older one that waits for an offline host may still catch up.

use super::index::{Index, InstanceContext};
use super::member::ending;
use super::open::{Open, Settlement, settle};
use super::{Plan, Progress, RolloutPhase, instance_action, progress};
use crate::backup::Slots;
use crate::facts::{Asked, Desired, Observed};
use crate::names::{AppName, InstanceName, OrderId, PolicyName, RolloutId};
use crate::plan::MemberState;
use crate::rollout::{Member, Rollout, RolloutIntent};
use crate::time::Time;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// Time without a message after which a host is offline, and time that hosts have to return after a restart of the
/// coordinator.
const RETURN: Duration = Duration::from_secs(15);

/// The facts at one moment. Making one costs a pass over them; every question to it is cheap.
#[derive(Debug)]
pub struct PlanContext<'a> {
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    pub(super) now: Time,
    pub(super) closed: Vec<&'a OrderId>,
    pub(super) withdrawn: Vec<&'a OrderId>,
    open: HashMap<&'a InstanceName, Open<'a>>,
    pub(super) index: Index<'a>,
    /// Rollouts with at least one instance, the newest first.
    pub(super) claiming: Vec<&'a Rollout>,
    /// Revisions that undos bring, computed on first use (`newer`).
    pub(super) brought: OnceCell<HashSet<(InstanceName, u64)>>,
    /// Slots of each policy's schedule, computed on first use.
    pub(super) slots: OnceCell<BTreeMap<PolicyName, Slots>>,
}

/// The rollout that has an instance, and as which member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'a> {
    pub rollout: &'a Rollout,
    pub member: &'a Member,
}

impl<'a> PlanContext<'a> {
    /// Prepares the facts for questions at one moment.
    pub fn new(desired: &'a Desired, asked: &'a Asked, observed: &'a Observed, now: Time) -> Self {
        let index = Index::of(desired, observed);
        let (closed, withdrawn, open, claiming, brought, slots) = Default::default();
        let mut plan_context =
            Self { desired, observed, now, closed, withdrawn, open, index, claiming, brought, slots };
        plan_context.sort_orders(asked);
        plan_context.share_out();
        plan_context
    }

    /// Returns the plan of this moment.
    pub fn plan(&self) -> Plan {
        instance_action::plan(self)
    }

    /// Returns the progress of a rollout. This passes over all its members, so callers with several questions keep it.
    pub fn progress<'r>(&self, rollout: &'r Rollout) -> Progress<'r> {
        progress::progress(self, rollout)
    }

    /// Returns the phase of a rollout.
    pub fn phase(&self, rollout: &Rollout) -> RolloutPhase {
        self.progress(rollout).phase
    }

    /// Returns the state of each member of a rollout.
    pub fn members<'r>(&self, rollout: &'r Rollout) -> Vec<(&'r Member, MemberState)> {
        self.progress(rollout)
            .standings
            .into_iter()
            .map(|member_context| (member_context.member, member_context.state))
            .collect()
    }

    /// Returns the time until which a host that was lost at a moment may return without consequences: a host that was
    /// connected when the coordinator ended dials again within one period of silence.
    pub fn returning_until(&self, lost: Time) -> Option<Time> {
        let (since, until) = (self.observed.since, self.observed.since.after(RETURN));
        (lost <= since && since <= self.now && self.now < until).then_some(until)
    }

    /// Tells whether a rollout has an instance: a newer one may have taken it over.
    pub fn has(&self, rollout: &Rollout, instance: &InstanceName) -> bool {
        let claim = self.index.instance(instance).and_then(|instance_context| instance_context.claim);
        claim.is_some_and(|claim| claim.rollout.id == rollout.id)
    }

    /// The rollouts of an app that are kept.
    pub(crate) fn rollouts_of<'b>(&'b self, app: &'b AppName) -> impl Iterator<Item = &'a Rollout> + use<'a, 'b> {
        self.desired.rollouts.values().filter(move |rollout| rollout.app == *app)
    }

    /// Returns whether a rollout has orders without a reported end.
    pub(crate) fn has_open_orders(&self, rollout: &RolloutId) -> bool {
        self.open.values().any(|open| open.order.rollout.as_ref() == Some(rollout))
    }

    /// Tells whether a rollout has moved a member.
    pub(crate) fn has_ended_well(&self, rollout: &Rollout, member: &Member) -> bool {
        super::member::ending(self, rollout, member).is_some_and(|ended| ended.outcome.is_success())
    }

    pub(super) fn all_open(&self) -> impl Iterator<Item = &Open<'a>> {
        self.open.values()
    }

    pub(super) fn open(&self, instance: &InstanceName) -> Option<&Open<'a>> {
        self.open.get(instance)
    }

    /// The instance that a rollout means: not a later one of the same name.
    pub(super) fn meant(&self, rollout: &Rollout, member: &Member) -> Option<&InstanceContext<'a>> {
        self.index
            .instance(&member.instance)
            .filter(|instance_context| instance_context.desired.created <= rollout.created)
    }

    fn sort_orders(&mut self, asked: &'a Asked) {
        for (id, order) in &asked.orders {
            match settle(self, id, order) {
                Settlement::Closed => self.closed.push(id),
                Settlement::Withdrawn => self.withdrawn.push(id),
                Settlement::Open(open) => {
                    self.open.entry(&order.order.instance).or_insert(open);
                }
            }
        }
    }

    fn share_out(&mut self) {
        let mut unclaimed: HashMap<&AppName, usize> = HashMap::new();
        let mut rollouts: Vec<&Rollout> = self.desired.rollouts.values().collect();
        if rollouts.is_empty() {
            return;
        }
        for instance in self.desired.instances.values() {
            *unclaimed.entry(&instance.release.name.app).or_default() += 1;
        }
        rollouts.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        for rollout in rollouts {
            let Some(left) = unclaimed.get_mut(&rollout.app).filter(|left| **left > 0) else { continue };
            let mut taken = 0;
            for member in &rollout.members {
                taken += usize::from(self.claim_for(rollout, member));
            }
            *left = left.saturating_sub(taken);
            if taken > 0 {
                self.claiming.push(rollout);
            }
        }
    }

    /// Gives a member's instance to a rollout, unless a newer one has it. Tells whether it did.
    fn claim_for(&mut self, rollout: &'a Rollout, member: &'a Member) -> bool {
        let has_let_go = rollout.intent == RolloutIntent::Abort || rollout.skips.contains_key(&member.instance);
        if has_let_go && ending(self, rollout, member).is_none() {
            return false;
        }
        let is_meant = |instance_context: &&mut InstanceContext| {
            instance_context.claim.is_none() && instance_context.desired.created <= rollout.created
        };
        let instance_context = self.index.instance_mut(&member.instance).filter(is_meant);
        instance_context.map(|instance_context| instance_context.claim = Some(Claim { rollout, member })).is_some()
    }
}
