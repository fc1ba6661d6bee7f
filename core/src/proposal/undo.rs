//! Undo of a rollout.

use super::{Proposal, RolloutRefusal, checks, proposal};
use crate::app::DataEffect;
use crate::facts::{Asked, Desired, Observed};
use crate::names::InstanceName;
use crate::plan::{MemberState, PlanContext, RolloutPhase, forbids_another};
use crate::reason::LeftOutReason;
use crate::rollout::{LeftOut, Member, Rollout, Strategy};
use crate::time::Time;

/// Proposes to undo a rollout, each member to the release that it had before. The caller, which stores the values, adds
/// the revision of each member (`Member::to_revision`).
///
/// Accepting it aborts that rollout in the same commit. It has no canary, because the old releases have run there
/// before. Members that have changed since are left out.
pub fn propose_undo(
    rollout: &Rollout,
    desired: &Desired,
    asked: &Asked,
    observed: &Observed,
    now: Time,
) -> Result<Proposal, RolloutRefusal> {
    let plan_context = PlanContext::new(desired, asked, observed, now);
    nothing_is_under_way(&plan_context, rollout)?;
    let (mut members, mut left_out) = (Vec::new(), Vec::new());
    for (member, state) in plan_context.members(rollout) {
        let was_moved = matches!(state, MemberState::Done { .. } | MemberState::Sickened { .. });
        if !was_moved || !plan_context.has_ended_well(rollout, member) {
            continue;
        }
        match way_back(desired, observed, member) {
            Ok(back) => members.push(back),
            Err(reason) => left_out.push(LeftOut { instance: member.instance.clone(), reason }),
        }
    }
    let Some(first) = members.first() else {
        let rollout = rollout.id.clone();
        return Err(match left_out.is_empty() {
            true => RolloutRefusal::NothingToUndo { rollout },
            false => RolloutRefusal::NothingGoesBack { rollout, more: 0, left_out },
        });
    };
    let to = first.to.clone();
    let strategy = Strategy { canary: 0, ..rollout.strategy.clone() };
    Ok(proposal(desired, observed, to, strategy, members, left_out))
}

fn nothing_is_under_way(plan_context: &PlanContext, rollout: &Rollout) -> Result<(), RolloutRefusal> {
    if plan_context.has_open_orders(&rollout.id) {
        return Err(RolloutRefusal::UnderWay { rollout: rollout.id.clone() });
    }
    for other in plan_context.rollouts_of(&rollout.app).filter(|other| other.id != rollout.id) {
        let phase = plan_context.phase(other);
        let stands_in_the_way =
            forbids_another(&phase) || phase == RolloutPhase::Aborted && plan_context.has_open_orders(&other.id);
        if stands_in_the_way {
            return Err(RolloutRefusal::AnotherActive { app: rollout.app.clone(), rollout: other.id.clone() });
        }
    }
    Ok(())
}

fn way_back(desired: &Desired, observed: &Observed, member: &Member) -> Result<Member, LeftOutReason> {
    let name: &InstanceName = &member.instance;
    let instance = desired.instances.get(name).ok_or(LeftOutReason::Removed)?;
    let said = checks::present(observed, &member.from, name, instance)?;
    if said.release != member.to {
        return Err(LeftOutReason::Elsewhere { version: said.release.name.version.clone() });
    }
    Ok(Member {
        instance: name.clone(),
        from: member.to.clone(),
        to: member.from.clone(),
        through: Vec::new(),
        data: DataEffect::default(),
        from_revision: Some(said.revision),
        to_revision: None,
    })
}
