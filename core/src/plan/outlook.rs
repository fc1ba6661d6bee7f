//! The three facts at one moment, indexed once: what all decisions of a plan look at.
//!
//! Also here: which rollout has an instance that several name. The newest has it. One that was aborted keeps only what
//! it has touched, so that an older one that waits for an offline host may still catch up.

use super::open::{Open, Settlement, settle};
use super::{Phase, Plan, progress, turn};
use crate::facts::{Asked, Desired, InstanceDesired, Observed};
use crate::names::{AppName, InstanceName, OrderId, RolloutId};
use crate::plan::MemberState;
use crate::rollout::{Member, Rollout, RolloutWish};
use crate::time::Time;
use std::collections::HashMap;

/// The facts at one moment. Making one costs a pass over them; every question to it is cheap.
#[derive(Debug)]
pub struct Outlook<'a> {
    pub(super) desired: &'a Desired,
    pub(super) observed: &'a Observed,
    pub(super) now: Time,
    pub(super) closed: Vec<&'a OrderId>,
    pub(super) withdrawn: Vec<&'a OrderId>,
    open: HashMap<&'a InstanceName, Open<'a>>,
    latest_end: HashMap<&'a InstanceName, Time>,
    claims: HashMap<&'a InstanceName, Claim<'a>>,
    /// Those that have at least one instance, the newest first.
    pub(super) claiming: Vec<&'a Rollout>,
}

/// The rollout that has an instance, and as which member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'a> {
    pub rollout: &'a Rollout,
    pub member: &'a Member,
}

impl<'a> Outlook<'a> {
    pub fn new(desired: &'a Desired, asked: &'a Asked, observed: &'a Observed, now: Time) -> Self {
        let mut latest_end = HashMap::new();
        for ended in observed.ended.values() {
            let latest: &mut Time = latest_end.entry(&ended.instance).or_default();
            *latest = ended.at.max(*latest);
        }
        let (closed, withdrawn, open, claims) = Default::default();
        let claiming = Vec::new();
        let mut outlook = Self { desired, observed, now, closed, withdrawn, open, latest_end, claims, claiming };
        outlook.sort_orders(asked);
        outlook.share_out();
        outlook
    }

    pub fn plan(&self) -> Plan {
        turn::plan(self)
    }

    pub fn phase(&self, rollout: &Rollout) -> Phase {
        progress::progress(self, rollout).phase
    }

    pub fn members<'r>(&self, rollout: &'r Rollout) -> Vec<(&'r Member, MemberState)> {
        let standings = progress::progress(self, rollout).standings;
        standings.into_iter().map(|standing| (standing.member, standing.state)).collect()
    }

    pub fn explain(&self, rollout: &Rollout) -> Vec<String> {
        super::explain::explain(self, &progress::progress(self, rollout))
    }

    /// The rollouts of an app that are kept.
    pub(crate) fn rollouts_of<'b>(&'b self, app: &'b AppName) -> impl Iterator<Item = &'a Rollout> + use<'a, 'b> {
        self.desired.rollouts.values().filter(move |rollout| rollout.app == *app)
    }

    /// Tells whether orders of a rollout were given whose end is not heard.
    pub(crate) fn has_open_orders(&self, rollout: &RolloutId) -> bool {
        self.open.values().any(|open| open.order.rollout.as_ref() == Some(rollout))
    }

    /// Tells whether a rollout has moved a member.
    pub(crate) fn has_ended_well(&self, rollout: &Rollout, member: &Member) -> bool {
        super::member::ending(self, rollout, member).is_some_and(|ended| ended.outcome.is_success())
    }

    pub(super) fn open(&self, instance: &InstanceName) -> Option<&Open<'a>> {
        self.open.get(instance)
    }

    pub(super) fn claim(&self, instance: &InstanceName) -> Option<Claim<'a>> {
        self.claims.get(instance).copied()
    }

    /// When the last order for an instance ended, as far as anyone heard.
    pub(super) fn latest_end(&self, instance: &InstanceName) -> Option<Time> {
        self.latest_end.get(instance).copied()
    }

    /// The instance that a rollout means: not a later one of the same name.
    pub(super) fn meant(&self, rollout: &Rollout, member: &Member) -> Option<&'a InstanceDesired> {
        self.desired.instances.get(&member.instance).filter(|instance| instance.created <= rollout.created)
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
            let before = self.claims.len();
            rollout.members.iter().for_each(|member| self.claim_for(rollout, member));
            let taken = self.claims.len() - before;
            *left = left.saturating_sub(taken);
            if taken > 0 {
                self.claiming.push(rollout);
            }
        }
    }

    fn claim_for(&mut self, rollout: &'a Rollout, member: &'a Member) {
        let has_let_go =
            || rollout.wish == RolloutWish::Abort && super::member::ending(self, rollout, member).is_none();
        let is_free = !self.claims.contains_key(&member.instance) && self.meant(rollout, member).is_some();
        if is_free && !has_let_go() {
            self.claims.insert(&member.instance, Claim { rollout, member });
        }
    }
}
