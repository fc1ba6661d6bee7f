//! Explains in sentences the phase of a rollout, the reasons why it waits, and the next action.

use super::gate::is_in_canary;
use super::progress::{Progress, failure};
use super::{MemberState, PlanContext, RolloutPhase};
use crate::order::Outcome;
use std::collections::BTreeMap;

pub(super) fn explain(plan_context: &PlanContext, progress: &Progress) -> Vec<String> {
    let mut lines = vec![sentence(plan_context, progress), tallies(progress)];
    lines.extend(progress.standings.iter().filter_map(failure));
    lines.extend(reasons(progress));
    lines.extend(next_action(progress));
    lines
}

fn sentence(plan_context: &PlanContext, progress: &Progress) -> String {
    let id = &progress.rollout.id;
    match &progress.phase {
        RolloutPhase::Running if is_in_canary(&progress.rollout.strategy, &progress.counts) => {
            format!("{id} is running: the canary goes first")
        }
        RolloutPhase::Running => format!("{id} is running"),
        RolloutPhase::Soaking { until } => {
            let seconds = until.since(plan_context.now).as_secs();
            format!("{id} watches what it has done for {seconds} s more, until {until}")
        }
        RolloutPhase::OutsideWindow { opens } => {
            format!("{id} begins nothing outside its window, which opens at {opens}")
        }
        RolloutPhase::Paused => format!("{id} is paused"),
        RolloutPhase::Halted { reason } => format!("{id} is halted: {reason}"),
        RolloutPhase::Aborted => format!("{id} was aborted"),
        RolloutPhase::DoneButOffline { missing } => format!("{id} is done but for {missing} offline"),
        RolloutPhase::Done => format!("{id} is done"),
    }
}

fn tallies(progress: &Progress) -> String {
    let counts = &progress.counts;
    let waiting = counts.ready + counts.held;
    let done = counts.successes;
    let failed = counts.failed + counts.troubled;
    let (under_way, offline, all) = (counts.under_way, counts.offline, progress.standings.len());
    format!("{done} done, {failed} failed, {under_way} under way, {waiting} waiting, {offline} offline, of {all}")
}

/// Reasons, each once, with those it holds for, in the order in which members are taken.
fn reasons(progress: &Progress) -> Vec<String> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for member_context in &progress.standings {
        let reason = match &member_context.state {
            MemberState::Waiting { because } => format!("wait: {because}"),
            MemberState::UnderWay { doing: Some(doing), .. } => format!("under way: {doing}"),
            MemberState::UnderWay { doing: None, .. } => "under way: no word yet".to_owned(),
            MemberState::Offline => "offline: they catch up when they are back".to_owned(),
            MemberState::Elsewhere { found } => format!("left alone: found at {found}"),
            MemberState::Superseded { by } => format!("left to {by}"),
            MemberState::Removed => "removed".to_owned(),
            MemberState::Overdue { .. }
            | MemberState::Done { .. }
            | MemberState::Sickened { .. }
            | MemberState::Failed { .. } => continue,
        };
        let place = *places.entry(reason.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((reason, Vec::new()));
        }
        groups[place].1.push(member_context.member.instance.as_str());
    }
    groups.into_iter().map(|(reason, names)| format!("{}: {reason}", some_of(&names))).collect()
}

fn some_of(names: &[&str]) -> String {
    let more = names.len().saturating_sub(5);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn next_action(progress: &Progress) -> Vec<String> {
    let id = &progress.rollout.id;
    let stuck = progress.standings.iter().filter_map(|member_context| match &member_context.state {
        MemberState::Failed { outcome: Outcome::Stuck { hint, .. }, .. } => {
            Some(format!("next: {}: {hint}", member_context.member.instance))
        }
        _ => None,
    });
    let next = match &progress.phase {
        RolloutPhase::Halted { .. } => Some(format!(
            "next: `fleet rollout resume {id}` tries the failed ones again; `fleet rollout undo {id}` takes all back; \
             `fleet rollout abort {id}` leaves things as they are"
        )),
        RolloutPhase::Paused => Some(format!("next: `fleet rollout resume {id}` goes on")),
        RolloutPhase::Running
        | RolloutPhase::Soaking { .. }
        | RolloutPhase::OutsideWindow { .. }
        | RolloutPhase::Aborted
        | RolloutPhase::DoneButOffline { .. }
        | RolloutPhase::Done => None,
    };
    stuck.chain(next).collect()
}
