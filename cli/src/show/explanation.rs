//! Why a rollout is where it is, and what to do, in sentences.

use crate::format::moment;
use crate::words::reasons::{self, shown_member_failure, shown_wait};
use crate::words::{hints, steps};
use fleet_core::time::Time;
use fleet_proto::v1::{MemberState, NextStep, ReasonGroup, RolloutExplanation, RolloutPhase, RolloutView};
use fleet_proto::words::word;

/// No line names more instances.
const NAMED: usize = 5;

/// The lines of `fleet rollout explain`.
pub fn lines(rollout: &RolloutView, now: Time) -> Vec<String> {
    let explanation = rollout.explanation.clone().unwrap_or_default();
    let mut lines = vec![sentence(rollout, &explanation, now)];
    lines.extend(rollout.explanation.as_ref().map(tallies));
    lines.extend(explanation.failures.iter().map(shown_member_failure));
    lines.extend(explanation.groups.iter().map(group));
    lines.extend(explanation.next.iter().filter_map(next));
    lines
}

fn sentence(rollout: &RolloutView, explanation: &RolloutExplanation, now: Time) -> String {
    let (id, until) = (&rollout.id, moment(rollout.until_ms));
    match rollout.phase() {
        RolloutPhase::Running if explanation.in_canary => format!("{id} is running: the canary goes first"),
        RolloutPhase::Soaking => {
            let left = Time(rollout.until_ms).since(now).as_secs();
            format!("{id} watches what it has done for {left} s more, until {until}")
        }
        RolloutPhase::OutsideItsWindow => format!("{id} begins nothing outside its window, which opens at {until}"),
        RolloutPhase::Halted => format!("{id} is halted: {}", reasons::phase(rollout)),
        RolloutPhase::Aborted => format!("{id} was aborted"),
        RolloutPhase::DoneButOffline => format!("{id} is done but for {} offline", rollout.offline),
        RolloutPhase::Running | RolloutPhase::Paused | RolloutPhase::Done | RolloutPhase::Unspecified => {
            format!("{id} is {}", word::<RolloutPhase>(rollout.phase))
        }
    }
}

fn tallies(explanation: &RolloutExplanation) -> String {
    let RolloutExplanation { done, failed, under_way, waiting, offline, skipped, all, .. } = explanation;
    let skipped = if *skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    format!(
        "{done} done, {failed} failed, {under_way} under way, {waiting} waiting, {offline} offline{skipped}, of {all}"
    )
}

fn group(group: &ReasonGroup) -> String {
    let ReasonGroup { doing, progress, release, rollout, .. } = group;
    let waiting = shown_wait(group.waiting.as_ref());
    let reason = match group.state() {
        MemberState::Waiting => format!("wait: {waiting}"),
        MemberState::UnderWay if group.waiting.is_some() => format!("under way: {waiting}"),
        MemberState::UnderWay if doing.is_none() => "under way: no word yet".to_owned(),
        MemberState::UnderWay => format!("under way: {}", steps::with_progress(doing.as_ref(), progress.as_ref())),
        MemberState::Skipped => "skipped by an operator".to_owned(),
        MemberState::Offline => "offline: they catch up when they are back".to_owned(),
        MemberState::Elsewhere if rollout.is_empty() => format!("left alone: found at {release}"),
        MemberState::Elsewhere => format!("left to {rollout}"),
        MemberState::Removed
        | MemberState::Overdue
        | MemberState::Done
        | MemberState::Unhealthy
        | MemberState::Failed
        | MemberState::Unspecified => word::<MemberState>(group.state),
    };
    format!("{}: {reason}", some_of(&group.instances))
}

fn some_of(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn next(step: &NextStep) -> Option<String> {
    let words = Some(hints::shown(step.hint.as_ref())).filter(|words| !words.is_empty())?;
    let instance = if step.instance.is_empty() { String::new() } else { format!("{}: ", step.instance) };
    Some(format!("next: {instance}{words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::halt_reason::{HaltReason, MemberFailure, MemberFailureKind};
    use fleet_core::hint::Hint;
    use fleet_core::order_failure::OrderFailure;
    use fleet_core::reason::WaitReason;

    fn group_of(state: MemberState, names: &[&str]) -> ReasonGroup {
        let instances = names.iter().map(ToString::to_string).collect();
        ReasonGroup { state: state.into(), instances, ..Default::default() }
    }

    #[test]
    fn a_halted_rollout_says_who_failed_who_waits_and_what_to_do() {
        let failure = |name: &str, kind: fn(OrderFailure) -> MemberFailureKind| MemberFailure {
            instance: name.parse().expect("a name"),
            from: "1.1".parse().expect("a version"),
            kind: kind(OrderFailure::other("no answer")),
        };
        let stuck = failure("a", MemberFailureKind::Stuck);
        let next = |instance: &str, hint: Hint| NextStep { instance: instance.to_owned(), hint: Some(hint.into()) };
        let explanation = RolloutExplanation {
            failed: 2,
            waiting: 6,
            all: 10,
            failures: vec![stuck.clone().into(), failure("b", MemberFailureKind::RolledBack).into()],
            groups: vec![
                ReasonGroup {
                    waiting: Some(WaitReason::RolloutHalted { rollout: "r1".parse().expect("an id") }.into()),
                    ..group_of(MemberState::Waiting, &["c", "d", "e", "f", "g", "h"])
                },
                group_of(MemberState::UnderWay, &["i"]),
                ReasonGroup { rollout: "r2".to_owned(), ..group_of(MemberState::Elsewhere, &["j"]) },
            ],
            next: vec![
                next("a", Hint::ReadAgentLog),
                next("", Hint::ResumeUndoOrAbort("r1".parse().expect("an id"))),
                NextStep { instance: "b".to_owned(), hint: None },
            ],
            ..Default::default()
        };
        let rollout = RolloutView {
            id: "r1".to_owned(),
            phase: RolloutPhase::Halted.into(),
            halt_reason: Some(HaltReason::new(false, vec![stuck]).into()),
            explanation: Some(explanation),
            ..Default::default()
        };
        insta::assert_snapshot!(lines(&rollout, Time(0)).join("\n"), @r"
        r1 is halted: a is stuck: no answer
        0 done, 2 failed, 0 under way, 6 waiting, 0 offline, of 10
        a is stuck: no answer
        b was rolled back to 1.1: no answer
        c, d, e, f, g and 1 more: wait: rollout r1 is halted
        i: under way: no word yet
        j: left to r2
        next: a: on the host, see what its agent does: `journalctl -u fleet-agent`
        next: `fleet rollout resume r1` tries the failed ones again, and `fleet rollout retry INSTANCE` one of them; `fleet rollout skip INSTANCE` leaves one out; `fleet rollout undo r1` takes all back; `fleet rollout abort r1` leaves things as they are
        ");
    }

    #[test]
    fn the_phase_is_a_sentence() {
        let explanation = RolloutExplanation { in_canary: true, ..Default::default() };
        for (phase, expect) in [
            (RolloutPhase::Running, "r1 is running: the canary goes first"),
            (RolloutPhase::Soaking, "r1 watches what it has done for 30 s more, until 1970-01-01T00:01:00Z"),
            (
                RolloutPhase::OutsideItsWindow,
                "r1 begins nothing outside its window, which opens at 1970-01-01T00:01:00Z",
            ),
            (RolloutPhase::Paused, "r1 is paused"),
            (RolloutPhase::Aborted, "r1 was aborted"),
            (RolloutPhase::DoneButOffline, "r1 is done but for 2 offline"),
            (RolloutPhase::Done, "r1 is done"),
        ] {
            let rollout = RolloutView {
                id: "r1".to_owned(),
                phase: phase.into(),
                until_ms: 60_000,
                offline: 2,
                explanation: Some(explanation.clone()),
                ..Default::default()
            };
            assert_eq!(lines(&rollout, Time(30_000))[0], expect);
        }
    }
}
