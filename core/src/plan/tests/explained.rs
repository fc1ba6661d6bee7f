//! Output of `explain()`.

use super::given::given;
use super::shown;
use crate::names::InstanceName;
use crate::plan::{ExplainedCounts, Explanation, MemberReason, NextStep, ReasonGroup, explain};

#[track_caller]
fn check(facts: &str, expect: &str) {
    let given = given(facts);
    let rollout = given.desired.rollouts.values().next().expect("a rollout");
    let found = lines(&explain(rollout, &given.desired, &given.asked, &given.observed, given.now));
    let expect: Vec<&str> = expect.lines().map(str::trim).collect();
    assert_eq!(found, expect, "\ngiven:\n{facts}");
}

fn lines(found: &Explanation) -> Vec<String> {
    let ExplainedCounts { done, failed, under_way, waiting, offline, skipped, all } = found.counts;
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    let canary = if found.is_in_canary { ", the canary first" } else { "" };
    let mut lines = vec![
        format!("{}{canary}", shown::phase(&found.phase)),
        format!(
            "{done} done, {failed} failed, {under_way} under way, {waiting} waiting, {offline} offline{skipped}, of {all}"
        ),
    ];
    lines.extend(found.failures.iter().map(shown::failure));
    for ReasonGroup { reason, instances } in &found.groups {
        let names: Vec<&str> = instances.iter().map(InstanceName::as_str).collect();
        let reason = match reason {
            MemberReason::Waiting(reason) => format!("wait: {reason:?}"),
            MemberReason::HeldUp(reason) => format!("held up: {reason:?}"),
            MemberReason::UnderWay(Some(doing)) => {
                let far = doing.progress.map(|progress| format!(" ({})", progress.done)).unwrap_or_default();
                let step = doing.step.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("under way: {step}{far}")
            }
            MemberReason::Elsewhere(found) => format!("left alone: found at {found}"),
            other => format!("{other:?}"),
        };
        lines.push(format!("{}: {reason}", names.join(", ")));
    }
    let next = |step: &NextStep| {
        let instance = step.instance.as_ref().map(|instance| format!("{instance}: ")).unwrap_or_default();
        format!("next: {instance}{:?}", step.hint)
    };
    lines.extend(found.next.iter().map(next));
    lines
}

#[test]
fn whoever_waits_is_named_with_the_reason() {
    check(
        "a 1.1\nb 1.1 offline 900\nc 1.1\nd 1.0\nrollout 1.2 canary 1\nasked a upgrade 900",
        "Running, the canary first
         0 done, 0 failed, 1 under way, 1 waiting, 1 offline, of 4
         a: UnderWay(None)
         b: Offline
         c: wait: LaterWave
         d: left alone: found at app@1.0",
    );
}

#[test]
fn whoever_is_under_way_says_how_far_its_step_is() {
    check(
        "a 1.1 busy upgrade\nb 1.1 busy other\nrollout 1.2\nasked a upgrade 900",
        "Running
         0 done, 0 failed, 1 under way, 1 waiting, 0 offline, of 2
         a: under way: pull (1000000)
         b: wait: Busy { step: Some(Text(\"pull\")) }",
    );
}

#[test]
fn a_halted_rollout_says_who_failed_and_what_to_do_next() {
    check(
        "a 1.1\nb 1.1\nrollout 1.2\nended a upgrade stuck 900",
        "Halted: a from 1.1 Stuck(Other { text: \"the probe got no answer\" })
         0 done, 1 failed, 0 under way, 1 waiting, 0 offline, of 2
         a from 1.1 Stuck(Other { text: \"the probe got no answer\" })
         b: wait: RolloutHalted { rollout: RolloutId(\"r1\") }
         next: a: ReadAgentLog
         next: ResumeUndoOrAbort(RolloutId(\"r1\"))",
    );
}

#[test]
fn whoever_waits_for_a_backup_or_a_drill_is_told_so_and_since_when() {
    let given = "a 1.1\nb 1.1\nrollout 1.2 at-once 2\nasked a backup/900/1 900\nasked b drill/900/0/1 950";
    check(
        given,
        "Running
         0 done, 0 failed, 0 under way, 2 waiting, 0 offline, of 2
         a: wait: DataOrder { order: Backup, since: Time(900000) }
         b: wait: DataOrder { order: Drill, since: Time(950000) }",
    );
}

#[test]
fn a_host_that_is_two_machines_is_told_nothing_and_says_why() {
    let because = "HostDuplicate { since: Time(1000000) }";
    check(
        "a 1.1 twice\nb 1.1\nrollout 1.2",
        &format!(
            "Running
             0 done, 0 failed, 0 under way, 2 waiting, 0 offline, of 2
             a: wait: {because}
             b: wait: Asked"
        ),
    );
    check(
        "a 1.1 twice\nb 1.1\nrollout 1.2\nasked a upgrade 900",
        &format!(
            "Running
             0 done, 0 failed, 1 under way, 1 waiting, 0 offline, of 2
             a: held up: {because}
             b: wait: LaterWave"
        ),
    );
}

#[test]
fn a_skipped_member_is_counted_and_named() {
    check(
        "a 1.1 stuck\nb 1.1\nc 1.1\nrollout 1.2 canary 1 skipped a skipped c\nended a upgrade stuck 950\nasked b upgrade 900",
        "Running, the canary first
         0 done, 0 failed, 1 under way, 0 waiting, 0 offline, 2 skipped, of 3
         a, c: Skipped
         b: UnderWay(None)
         next: a: ReadAgentLog",
    );
}
