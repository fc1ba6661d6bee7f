//! Why a rollout is where it is, as operators' programs read it.

use super::super::apps::count;
use fleet_core::facts::Doing;
use fleet_core::plan::{ExplainedCounts, Explanation, MemberReason, NextStep, ReasonGroup, RolloutPhase};
use fleet_core::time::Time;
use fleet_proto::v1;

/// Returns the explanation as a message.
pub fn view(explanation: Explanation) -> v1::RolloutExplanation {
    let ExplainedCounts { done, failed, under_way, waiting, offline, skipped, all } = explanation.counts;
    v1::RolloutExplanation {
        in_canary: explanation.is_in_canary,
        until_ms: until(&explanation.phase).map_or(0, |until| until.0),
        done: count(done),
        failed: count(failed),
        under_way: count(under_way),
        waiting: count(waiting),
        offline: count(offline),
        skipped: count(skipped),
        all: count(all),
        failures: explanation.failures.into_iter().map(Into::into).collect(),
        groups: explanation.groups.into_iter().map(group).collect(),
        next: explanation.next.into_iter().map(next).collect(),
    }
}

/// Returns the end of the soak time, or the opening of the window.
pub fn until(phase: &RolloutPhase) -> Option<Time> {
    match phase {
        RolloutPhase::Soaking { until } => Some(*until),
        RolloutPhase::OutsideWindow { opens } => Some(*opens),
        RolloutPhase::Running
        | RolloutPhase::Paused
        | RolloutPhase::Halted { .. }
        | RolloutPhase::Aborted
        | RolloutPhase::DoneButOffline { .. }
        | RolloutPhase::Done => None,
    }
}

fn group(ReasonGroup { reason, instances }: ReasonGroup) -> v1::ReasonGroup {
    let instances = instances.into_iter().map(Into::into).collect();
    let of = |state: v1::MemberState| v1::ReasonGroup { state: state.into(), instances, ..Default::default() };
    match reason {
        MemberReason::Waiting(reason) => {
            v1::ReasonGroup { waiting: Some(reason.into()), ..of(v1::MemberState::Waiting) }
        }
        MemberReason::HeldUp(reason) => {
            v1::ReasonGroup { waiting: Some(reason.into()), ..of(v1::MemberState::UnderWay) }
        }
        MemberReason::UnderWay(doing) => {
            let Doing { step, progress } = doing.unwrap_or_default();
            let (doing, progress) = (step.map(Into::into), progress.map(Into::into));
            v1::ReasonGroup { doing, progress, ..of(v1::MemberState::UnderWay) }
        }
        MemberReason::Skipped => of(v1::MemberState::Skipped),
        MemberReason::Offline => of(v1::MemberState::Offline),
        MemberReason::Elsewhere(found) => {
            v1::ReasonGroup { release: found.to_string(), ..of(v1::MemberState::Elsewhere) }
        }
        MemberReason::Superseded(by) => v1::ReasonGroup { rollout: by.to_string(), ..of(v1::MemberState::Elsewhere) },
        MemberReason::Removed => of(v1::MemberState::Removed),
    }
}

fn next(NextStep { instance, hint }: NextStep) -> v1::NextStep {
    v1::NextStep { instance: instance.map(Into::into).unwrap_or_default(), hint: Some(hint.into()) }
}
