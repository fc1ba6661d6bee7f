//! Progress of a rollout: the one evaluation behind `plan()`, `phase()`, `members()` and `explain()`.

use super::explain::Explanation;
use super::gate::{self, Counts, Gate};
use super::index::InstanceContext;
use super::member::{self, MemberContext, Tally};
use super::{MemberState, NewOrder, PlanContext, RolloutPhase, Waiting, take};
use crate::app::DataEffect;
use crate::halt_reason::{HaltReason, MemberFailure, MemberFailureKind};
use crate::order::{Action, Order};
use crate::reason::WaitReason;
use crate::release::Goal;
use crate::rollout::{Member, Rollout};
use crate::time::Time;

/// A rollout at one moment.
#[derive(Debug)]
pub struct Progress<'r> {
    /// The rollout.
    pub rollout: &'r Rollout,
    /// Its phase.
    pub phase: RolloutPhase,
    pub(super) counts: Counts,
    pub(super) standings: Vec<MemberContext<'r>>,
    /// Indexes into `standings` of those that are started now.
    pub(super) taken: Vec<usize>,
    /// Moments at which time alone may change something.
    pub(super) wakes: Vec<Time>,
}

pub(super) fn progress<'r>(plan_context: &PlanContext, rollout: &'r Rollout) -> Progress<'r> {
    let standings = rollout.members.iter().map(|member| member::member_context(plan_context, rollout, member));
    let mut standings: Vec<MemberContext> = standings.collect();
    let counts = Counts::of(&standings);
    let halt = gate::is_halting(&rollout.strategy, &counts).then(|| {
        let failures = standings.iter().filter_map(failure).collect();
        HaltReason::new(gate::is_in_canary(&rollout.strategy, &counts), failures)
    });
    let (phase, gate) = gate::decide(rollout, &counts, halt, plan_context.now);
    let taken = take::take(plan_context, rollout, &gate, &mut standings);
    let mut wakes: Vec<Time> = standings.iter().filter_map(|member_context| member_context.wakes).collect();
    // Without ready members, a gate that opens changes nothing.
    match gate {
        _ if counts.ready == 0 => {}
        Gate::Open { .. } | Gate::Retries { .. } => wakes.extend(gate::last_start(&rollout.strategy, plan_context.now)),
        Gate::Shut { until, .. } => wakes.extend(until),
    }
    Progress { rollout, phase, counts, standings, taken, wakes }
}

impl<'r> Progress<'r> {
    /// Returns each member with its state.
    pub fn members(&self) -> impl Iterator<Item = (&'r Member, &MemberState)> {
        self.standings.iter().map(|member_context| (member_context.member, &member_context.state))
    }

    /// Explains where the rollout stands, what it waits for, and what to do next.
    pub fn explain(&self) -> Explanation {
        super::explain::explain(self)
    }
}

impl Progress<'_> {
    /// Returns the waiting members with their reasons. An aborted rollout has none.
    pub(super) fn waiting(&self) -> impl Iterator<Item = Waiting> {
        let is_wanted = self.phase != RolloutPhase::Aborted;
        let places = self.standings.iter().enumerate().filter(move |(place, _)| is_wanted && !self.is_taken(*place));
        places.filter_map(|(_, member_context)| {
            let reason = match &member_context.state {
                MemberState::Waiting { reason } => reason.clone(),
                MemberState::Offline => WaitReason::CatchesUp,
                MemberState::Overdue { since, .. } => WaitReason::OrderOverdue { since: *since },
                MemberState::UnderWay { .. }
                | MemberState::Done { .. }
                | MemberState::Sickened { .. }
                | MemberState::Failed { .. }
                | MemberState::Skipped { .. }
                | MemberState::Elsewhere { .. }
                | MemberState::Superseded { .. }
                | MemberState::Removed => return None,
            };
            let (instance, rollout) = (member_context.member.instance.clone(), Some(self.rollout.id.clone()));
            Some(Waiting { instance, rollout, reason })
        })
    }

    /// Returns the orders that are given now, by instance.
    pub(super) fn orders<'a>(&self, plan_context: &PlanContext<'a>) -> Vec<(&'a crate::names::InstanceName, NewOrder)> {
        let taken = self.taken.iter().map(|place| self.standings[*place].member);
        taken.filter_map(|member| order(plan_context, self.rollout, member)).collect()
    }

    fn is_taken(&self, place: usize) -> bool {
        self.taken.binary_search(&place).is_ok()
    }
}

fn order<'a>(
    plan_context: &PlanContext<'a>,
    rollout: &Rollout,
    member: &Member,
) -> Option<(&'a crate::names::InstanceName, NewOrder)> {
    let instance_context = plan_context.index.instance(&member.instance)?;
    let order = Order {
        id: member::upgrade_id(rollout, rollout.attempt_of(&member.instance), member),
        instance: instance_context.name.clone(),
        action: action(plan_context, member, instance_context),
        deadline: rollout.strategy.deadline,
    };
    let host = instance_context.desired.host.clone();
    Some((instance_context.name, NewOrder { host, order, rollout: Some(rollout.id.clone()) }))
}

/// Returns the upgrade of a member. It brings the values that are wanted now: they may have been set for the new version. An undo
/// brings those of before; a newer revision is never taken back to an older one.
pub(super) fn action(plan_context: &PlanContext, member: &Member, instance_context: &InstanceContext) -> Action {
    let (name, instance) = (instance_context.name, instance_context.desired);
    let revision = member.to_revision.map_or(instance.revision, |brought| brought.max(instance.revision));
    let policy = plan_context.desired.policy_of(name).filter(|_| member.data != DataEffect::None);
    Action::Upgrade {
        from: member.from.clone(),
        goal: Goal { release: member.to.clone(), revision },
        through: member.through.clone(),
        data: member.data,
        backup: policy.map(|(_, policy)| policy.to.clone()).unwrap_or_default(),
    }
}

/// Returns the failure of a member; none if it has not failed.
pub(super) fn failure(member_context: &MemberContext) -> Option<MemberFailure> {
    let kind = match (&member_context.tally, &member_context.state) {
        (Tally::Failure(_), MemberState::Failed { outcome, .. }) => MemberFailureKind::of(outcome)?,
        (Tally::Sick(_), MemberState::Sickened { kind }) => kind.clone(),
        (Tally::Late, _) => MemberFailureKind::Overdue,
        _ => return None,
    };
    let member = member_context.member;
    Some(MemberFailure { instance: member.instance.clone(), from: member.from.name.version.clone(), kind })
}
