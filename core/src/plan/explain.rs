//! Explains the phase of a rollout, the reasons why it waits, and the next action, as values.

use super::gate::is_in_canary;
use super::progress::{Progress, failure};
use super::{MemberState, RolloutPhase};
use crate::facts::Doing;
use crate::halt_reason::MemberFailure;
use crate::hint::Hint;
use crate::names::{InstanceName, RolloutId};
use crate::order::Outcome;
use crate::reason::WaitReason;
use crate::release::Release;
use std::collections::HashMap;

/// State of a rollout with its reasons and with what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Phase of the rollout.
    pub phase: RolloutPhase,
    /// True until the canary has succeeded.
    pub is_in_canary: bool,
    /// Number of members by what became of them.
    pub counts: ExplainedCounts,
    /// Members that failed, in the order of the rollout.
    pub failures: Vec<MemberFailure>,
    /// Reasons of the others, each once.
    pub groups: Vec<ReasonGroup>,
    /// Next action.
    pub next: Vec<NextStep>,
}

/// Numbers of members. One that is overdue counts as failed and as under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExplainedCounts {
    /// Members that were moved.
    pub done: usize,
    /// Members that failed, are unhealthy since, or are overdue.
    pub failed: usize,
    /// Members with an open order.
    pub under_way: usize,
    /// Members that wait.
    pub waiting: usize,
    /// Members on hosts that are offline.
    pub offline: usize,
    /// Members that an operator has left out after the start.
    pub skipped: usize,
    /// All members.
    pub all: usize,
}

/// Members for which the same reason holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonGroup {
    /// The reason.
    pub reason: MemberReason,
    /// The members, in the order in which they are taken.
    pub instances: Vec<InstanceName>,
}

/// Reason why a member is where it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MemberReason {
    /// Waiting, with the reason.
    Waiting(WaitReason),
    /// Its order is under way, with the step if one is known.
    UnderWay(Option<Doing>),
    /// Its order was given, and something holds it up.
    HeldUp(WaitReason),
    /// An operator has left it out.
    Skipped,
    /// Its host is offline.
    Offline,
    /// Found with another release.
    Elsewhere(Release),
    /// A newer rollout has it.
    Superseded(RolloutId),
    /// Removed.
    Removed,
}

/// Something to do about a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    /// Instance that needs it; none where it is about the rollout.
    pub instance: Option<InstanceName>,
    /// Next action.
    pub hint: Hint,
}

pub(super) fn explain(progress: &Progress) -> Explanation {
    let Progress { rollout, phase, counts, standings, .. } = progress;
    Explanation {
        phase: phase.clone(),
        is_in_canary: is_in_canary(&rollout.strategy, counts),
        counts: ExplainedCounts {
            done: counts.successes,
            failed: counts.failed + counts.troubled,
            under_way: counts.under_way,
            waiting: counts.ready + counts.held,
            offline: counts.offline,
            skipped: standings.iter().filter(|it| matches!(it.state, MemberState::Skipped { .. })).count(),
            all: standings.len(),
        },
        failures: standings.iter().filter_map(failure).collect(),
        groups: groups(progress),
        next: next_steps(progress),
    }
}

/// Reasons, each once, in the order in which members are taken.
fn groups(progress: &Progress) -> Vec<ReasonGroup> {
    let mut places: HashMap<MemberReason, usize> = HashMap::new();
    let mut groups: Vec<ReasonGroup> = Vec::new();
    for member_context in &progress.standings {
        let reason = match &member_context.state {
            MemberState::Waiting { reason } => MemberReason::Waiting(reason.clone()),
            MemberState::UnderWay { held_up: Some(reason), .. } => MemberReason::HeldUp(reason.clone()),
            MemberState::UnderWay { doing, .. } => MemberReason::UnderWay(doing.clone()),
            MemberState::Skipped { .. } => MemberReason::Skipped,
            MemberState::Offline => MemberReason::Offline,
            MemberState::Elsewhere { found } => MemberReason::Elsewhere(found.clone()),
            MemberState::Superseded { by } => MemberReason::Superseded(by.clone()),
            MemberState::Removed => MemberReason::Removed,
            MemberState::Overdue { .. }
            | MemberState::Done { .. }
            | MemberState::Sickened { .. }
            | MemberState::Failed { .. } => continue,
        };
        let place = *places.entry(reason.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push(ReasonGroup { reason, instances: Vec::new() });
        }
        groups[place].instances.push(member_context.member.instance.clone());
    }
    groups
}

fn next_steps(progress: &Progress) -> Vec<NextStep> {
    let id = &progress.rollout.id;
    let stuck = progress.standings.iter().filter_map(|member_context| match member_context.state.unskipped() {
        MemberState::Failed { outcome: Outcome::Stuck { hint: Some(hint), .. }, .. } => {
            Some(NextStep { instance: Some(member_context.member.instance.clone()), hint: hint.clone() })
        }
        _ => None,
    });
    let next = match &progress.phase {
        RolloutPhase::Halted { .. } => Some(Hint::ResumeUndoOrAbort(id.clone())),
        RolloutPhase::Paused => Some(Hint::ResumeRollout(id.clone())),
        RolloutPhase::Running
        | RolloutPhase::Soaking { .. }
        | RolloutPhase::OutsideWindow { .. }
        | RolloutPhase::Aborted
        | RolloutPhase::DoneButOffline { .. }
        | RolloutPhase::Done => None,
    };
    stuck.chain(next.map(|hint| NextStep { instance: None, hint })).collect()
}
