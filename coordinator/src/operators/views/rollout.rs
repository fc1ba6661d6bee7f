//! A rollout as operators see it.

use super::super::apps::count;
use super::super::proposals::versions;
use super::explanation;
use crate::facts::StateSnapshot;
use fleet_core::facts::Doing;
use fleet_core::halt_reason::MemberFailureKind;
use fleet_core::plan::{MemberState, PlanContext, RolloutPhase};
use fleet_core::rollout::{LeftOut, Member, Rollout, Skip};
use fleet_core::time::Time;
use fleet_proto::v1;

/// Parts of a view: a list needs no line for each member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Summary,
    Full,
}

pub fn view(
    snapshot: &StateSnapshot,
    plan_context: &PlanContext<'_>,
    rollout: &Rollout,
    detail: Detail,
) -> v1::RolloutView {
    let progress = plan_context.progress(rollout);
    let tally = |kinds: &[Kind]| count(progress.members().filter(|(_, state)| kinds.contains(&kind(state))).count());
    let mut view = v1::RolloutView {
        id: rollout.id.to_string(),
        app: rollout.app.to_string(),
        version: rollout.version.to_string(),
        over: is_over(&progress.phase),
        at_rest: is_at_rest(&progress.phase),
        phase: v1::RolloutPhase::from(&progress.phase).into(),
        halt_reason: halt_reason(&progress.phase),
        until_ms: explanation::until(&progress.phase).map_or(0, |until| until.0),
        created_ms: rollout.created.0,
        by: rollout.by.to_string(),
        done: tally(&[Kind::Done]),
        failed: tally(&[Kind::Failed]),
        under_way: tally(&[Kind::UnderWay]),
        waiting: tally(&[Kind::Waiting]),
        offline: tally(&[Kind::Offline]),
        skipped: tally(&[Kind::Skipped]),
        ..v1::RolloutView::default()
    };
    if detail == Detail::Full {
        let member = |(member, state)| member_view(snapshot, rollout, member, state);
        view.members = progress.members().map(member).collect();
        view.explanation = Some(explanation::view(progress.explain()));
        view.left_out = rollout.left_out.iter().map(left_out).collect();
        view.strategy = Some(v1::RolloutStrategy::of(&rollout.strategy, rollout.members.len()));
    }
    view
}

/// Returns whether the rollout is finished: nothing happens without an operator, unless an offline host comes back.
pub fn is_over(phase: &RolloutPhase) -> bool {
    match phase {
        RolloutPhase::Done | RolloutPhase::Aborted | RolloutPhase::DoneButOffline { .. } => true,
        RolloutPhase::Running
        | RolloutPhase::Soaking { .. }
        | RolloutPhase::OutsideWindow { .. }
        | RolloutPhase::Paused
        | RolloutPhase::Halted { .. } => false,
    }
}

/// Returns whether a follower may stop: the rollout is over, or needs a person.
fn is_at_rest(phase: &RolloutPhase) -> bool {
    is_over(phase) || matches!(phase, RolloutPhase::Halted { .. })
}

fn halt_reason(phase: &RolloutPhase) -> Option<v1::HaltReason> {
    match phase {
        RolloutPhase::Halted { reason } => Some(reason.clone().into()),
        RolloutPhase::Running
        | RolloutPhase::Soaking { .. }
        | RolloutPhase::OutsideWindow { .. }
        | RolloutPhase::Paused
        | RolloutPhase::Aborted
        | RolloutPhase::DoneButOffline { .. }
        | RolloutPhase::Done => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Waiting,
    UnderWay,
    Done,
    Failed,
    Offline,
    Skipped,
    Other,
}

fn kind(state: &MemberState) -> Kind {
    match state {
        MemberState::Waiting { .. } => Kind::Waiting,
        MemberState::UnderWay { .. } | MemberState::Overdue { .. } => Kind::UnderWay,
        MemberState::Done { .. } => Kind::Done,
        MemberState::Sickened { .. } | MemberState::Failed { .. } => Kind::Failed,
        MemberState::Offline => Kind::Offline,
        MemberState::Skipped { .. } => Kind::Skipped,
        MemberState::Elsewhere { .. } | MemberState::Superseded { .. } | MemberState::Removed => Kind::Other,
    }
}

/// Returns a member of a rollout as operators see it.
pub fn member_view(
    snapshot: &StateSnapshot,
    rollout: &Rollout,
    member: &Member,
    state: &MemberState,
) -> v1::MemberView {
    let view = v1::MemberView {
        instance: member.instance.to_string(),
        host: snapshot.instance(&member.instance).map(|instance| instance.host.to_string()).unwrap_or_default(),
        from: member.from.name.version.to_string(),
        to: member.to.name.version.to_string(),
        through: versions(&member.through),
        state: v1::MemberState::from(state).into(),
        since_ms: since(state).map_or(0, |since| since.0),
        skip: rollout.skips.get(&member.instance).map(skip),
        ..Default::default()
    };
    match state.unskipped() {
        MemberState::Waiting { reason } => v1::MemberView { waiting: Some(reason.clone().into()), ..view },
        MemberState::UnderWay { doing, held_up, .. } => {
            let Doing { step, progress } = doing.clone().unwrap_or_default();
            v1::MemberView {
                doing: step.map(Into::into),
                progress: progress.map(Into::into),
                waiting: held_up.clone().map(Into::into),
                ..view
            }
        }
        MemberState::Sickened { kind } => sickened(kind, view),
        MemberState::Failed { outcome, .. } => {
            let failure = outcome.failure().cloned().map(Into::into);
            v1::MemberView { outcome: v1::OrderOutcome::from(outcome).into(), failure, ..view }
        }
        MemberState::Elsewhere { found } => v1::MemberView { release: found.to_string(), ..view },
        MemberState::Superseded { by } => v1::MemberView { rollout: by.to_string(), ..view },
        MemberState::Overdue { .. }
        | MemberState::Done { .. }
        | MemberState::Skipped { .. }
        | MemberState::Offline
        | MemberState::Removed => view,
    }
}

/// Adds the reason why a member is unhealthy, as its failure has it.
fn sickened(kind: &MemberFailureKind, view: v1::MemberView) -> v1::MemberView {
    match kind {
        MemberFailureKind::Unhealthy(problem) => v1::MemberView { problem: Some(problem.clone().into()), ..view },
        MemberFailureKind::RolledBack(failure)
        | MemberFailureKind::Stuck(failure)
        | MemberFailureKind::Refused(failure)
        | MemberFailureKind::Failed(failure) => v1::MemberView { failure: Some(failure.clone().into()), ..view },
        MemberFailureKind::Overdue => view,
    }
}

fn skip(Skip { by, at, reason }: &Skip) -> v1::MemberSkip {
    v1::MemberSkip { by: by.to_string(), at_ms: at.0, reason: reason.to_string() }
}

/// Returns the time since when a member is in its state, if it is known.
fn since(state: &MemberState) -> Option<Time> {
    match state.unskipped() {
        MemberState::UnderWay { since, .. } | MemberState::Overdue { since, .. } => Some(*since),
        MemberState::Done { at } | MemberState::Failed { at, .. } => Some(*at),
        MemberState::Waiting { .. }
        | MemberState::Sickened { .. }
        | MemberState::Skipped { .. }
        | MemberState::Offline
        | MemberState::Elsewhere { .. }
        | MemberState::Superseded { .. }
        | MemberState::Removed => None,
    }
}

pub fn left_out(left_out: &LeftOut) -> v1::LeftOutView {
    v1::LeftOutView { instance: left_out.instance.to_string(), reason: Some(left_out.reason.clone().into()) }
}
