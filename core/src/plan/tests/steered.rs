//! Single members: tried again, and left out.

use super::check;
use super::given::{given, read, skip};
use crate::plan::{MemberRefusal, PlanContext};

#[test]
fn a_skipped_member_is_not_asked_and_does_not_wait() {
    check("a 1.1\nb 1.1\nrollout 1.2 skipped a", "b: upgrade 1.1 -> 1.2\nr1: Running");
    check("a 1.1 offline 900\nb 1.2\nrollout 1.2 skipped a\nended b upgrade done 950", "r1: Done");
    check("a 1.1\nrollout 1.2 skipped a", "r1: Done");
}

#[test]
fn a_skipped_failure_halts_no_longer() {
    let facts = "a 1.1\nb 1.1\nended a upgrade rolled-back 950";
    let halted = "b: waits, RolloutHalted { rollout: RolloutId(\"r1\") }";
    check(
        &format!("a 1.1\nb 1.1\nrollout 1.2 canary 1\n{facts}"),
        &format!(
            "{halted}\nr1: Halted in the canary: a from 1.1 RolledBack(Other {{ text: \"the probe got no answer\" }})"
        ),
    );
    check(&format!("a 1.1\nb 1.1\nrollout 1.2 canary 1 skipped a\n{facts}"), "b: upgrade 1.1 -> 1.2\nr1: Running");
}

#[test]
fn a_member_that_is_sick_since_halts_no_longer_when_it_is_skipped() {
    let facts = "ended a upgrade done 950";
    check(
        &format!("a 1.2 sick\nb 1.1\nrollout 1.2 canary 1\n{facts}"),
        "b: waits, RolloutHalted { rollout: RolloutId(\"r1\") }
         r1: Halted in the canary: a from 1.1 Unhealthy(Other { text: \"no answer\" })",
    );
    check(&format!("a 1.2 sick\nb 1.1\nrollout 1.2 canary 1 skipped a\n{facts}"), "b: upgrade 1.1 -> 1.2\nr1: Running");
}

#[test]
fn a_skipped_member_that_is_under_way_takes_its_slot_until_it_is_overdue() {
    let facts = "a 1.1\nb 1.1\nrollout 1.2 skipped a";
    check(&format!("{facts}\nasked a upgrade 900"), "b: waits, LaterWave\nr1: Running");
    check(
        &format!("now 9000\n{facts}\nasked a upgrade 900"),
        "a: waits, OrderOverdue { since: Time(900000) }\nb: upgrade 1.1 -> 1.2\nr1: Running",
    );
}

#[test]
fn a_lost_host_does_not_find_the_order_of_a_skipped_member() {
    check(
        "a 1.1 offline 950\nb 1.1\nrollout 1.2 skipped a\nasked a upgrade 900",
        "a: withdrawn\nb: upgrade 1.1 -> 1.2\nr1: Running",
    );
}

#[test]
fn an_older_rollout_catches_up_with_a_member_that_the_newer_one_has_skipped() {
    let facts = "a 1.1\nrollout 1.2 created 1 of a\nrollout 1.3 created 2 of a";
    check(facts, "a: upgrade 1.1 -> 1.3\nr1: Done\nr2: Running");
    check(&format!("{facts} skipped a"), "a: upgrade 1.1 -> 1.2\nr1: Running\nr2: Done");
}

#[test]
fn a_retried_member_is_asked_again() {
    let facts = "a 1.1\nb 1.1\nrollout 1.2 canary 1";
    let ended = "ended a upgrade/1 rolled-back 950";
    check(&format!("{facts} retried a\n{ended}"), "a: upgrade 1.1 -> 1.2\nb: waits, LaterWave\nr1: Running");
    check(
        &format!("{facts} retried a\n{ended}\nended a upgrade/2 rolled-back 960"),
        "b: waits, RolloutHalted { rollout: RolloutId(\"r1\") }
         r1: Halted in the canary: a from 1.1 RolledBack(Other { text: \"the probe got no answer\" })",
    );
}

#[test]
fn a_retried_member_is_asked_again_though_others_hold_the_rollout_halted() {
    let facts = "a 1.1\nb 1.1\nc 1.1\nrollout 1.2 at-once 3 retried a";
    let ended = "ended a upgrade/1 rolled-back 950\nended b upgrade/1 rolled-back 950";
    let others = "c: waits, RolloutHalted { rollout: RolloutId(\"r1\") }
         r1: Halted: b from 1.1 RolledBack(Other { text: \"the probe got no answer\" })";
    check(&format!("{facts}\n{ended}"), &format!("a: upgrade 1.1 -> 1.2\n{others}"));
    let waits = "a: waits, RolloutHalted { rollout: RolloutId(\"r1\") }";
    check(&format!("{facts} paused\n{ended}"), &format!("{waits}\n{others}"));
}

/// Returns the attempt of `a` that is decided on in the newest rollout, or the refusal.
fn decided(facts: &str, is_skip: bool) -> String {
    let given = given(facts);
    let plan_context = PlanContext::new(&given.desired, &given.asked, &given.observed, given.now);
    let (_, rollout) = given.desired.rollouts.iter().next_back().expect("a rollout");
    let decided = match is_skip {
        true => plan_context.skip(rollout, &read("a"), skip()),
        false => plan_context.retry(rollout, &read("a")),
    };
    match decided {
        Ok(changed) => {
            assert_eq!(changed.skips.contains_key(&read("a")), is_skip);
            format!("attempt {}", changed.attempt_of(&read("a")))
        }
        Err(MemberRefusal::NotFailed(_)) => "not failed".to_owned(),
        Err(MemberRefusal::NothingLeft(_)) => "nothing left".to_owned(),
        Err(MemberRefusal::UnderWay(_)) => "under way".to_owned(),
        Err(MemberRefusal::Superseded { rollout, .. }) => format!("{rollout} has it"),
        Err(MemberRefusal::DataInDoubt(_)) => "in doubt".to_owned(),
        Err(MemberRefusal::NotAMember { .. }) => "no member".to_owned(),
        Err(MemberRefusal::RolloutOver) => "over".to_owned(),
    }
}

#[test]
fn only_what_would_change_something_is_accepted() {
    let ended = |how: &str| format!("ended a upgrade {how} 950");
    let rollout = "b 1.1\nrollout 1.2 canary 1";
    for (facts, retry, skip) in [
        (format!("a 1.1\n{rollout}\n{}", ended("rolled-back")), "attempt 2", "attempt 1"),
        (format!("a 1.1\n{rollout}\n{}", ended("refused")), "attempt 2", "attempt 1"),
        (format!("a 1.1\n{rollout}\n{}", ended("failed")), "attempt 2", "attempt 1"),
        (format!("a 1.1 stuck\n{rollout}\n{}", ended("stuck")), "attempt 2", "attempt 1"),
        (format!("a 1.1 doubtful\n{rollout}\n{}", ended("stuck")), "in doubt", "attempt 1"),
        // It was returned to an earlier release since.
        (format!("a 1.0\n{rollout}\n{}", ended("rolled-back")), "not failed", "attempt 1"),
        // Its data was restored since.
        (format!("a 1.1\n{rollout}\n{}", ended("stuck")), "attempt 2", "attempt 1"),
        (format!("a 1.1 doubtful\n{rollout} skipped a\n{}", ended("stuck")), "in doubt", "nothing left"),
        (format!("a 1.1\n{rollout} skipped a\n{}", ended("rolled-back")), "attempt 2", "nothing left"),
        (format!("a 1.1\n{rollout} skipped a"), "attempt 1", "nothing left"),
        (format!("a 1.1\n{rollout}"), "not failed", "attempt 1"),
        (format!("a 1.1 offline 900\n{rollout}"), "not failed", "attempt 1"),
        (format!("a 1.2\n{rollout}\n{}", ended("done")), "not failed", "nothing left"),
        (format!("a 1.2 sick\n{rollout}\n{}", ended("done")), "not failed", "attempt 1"),
        (format!("a 1.0\n{rollout}"), "not failed", "nothing left"),
        (format!("a 1.1\n{rollout}\nasked a upgrade 900"), "under way", "under way"),
        (format!("now 9000\na 1.1\n{rollout}\nasked a upgrade 900"), "under way", "attempt 1"),
        (format!("a 1.1\n{rollout} aborted\n{}", ended("failed")), "over", "over"),
        (format!("a 1.1\n{rollout} of b"), "no member", "no member"),
        ("a 1.1\nrollout 1.2 skipped a".to_owned(), "over", "over"),
    ] {
        assert_eq!((decided(&facts, false).as_str(), decided(&facts, true).as_str()), (retry, skip), "{facts}");
    }
}

#[test]
fn a_resumed_rollout_has_an_attempt_that_none_of_its_members_had() {
    let given = given("a 1.1\nb 1.1\nrollout 1.2 attempt 2 retried a retried a retried b");
    let rollout = given.desired.rollouts.values().next().cloned().expect("a rollout").with_next_attempt();
    assert_eq!((rollout.attempt, rollout.attempt_of(&read("a"))), (5, 5));
    assert!(!rollout.is_retried(&read("a")));
}

#[test]
fn rollouts_of_earlier_versions_have_no_retries_and_no_skips() {
    let given = given("a 1.1\nrollout 1.2");
    let rollout = given.desired.rollouts.values().next().expect("a rollout");
    let kept = serde_json::to_string(rollout).expect("it can be kept");
    assert!(!kept.contains("retries") && !kept.contains("skips"), "{kept}");
    assert_eq!(&serde_json::from_str::<crate::rollout::Rollout>(&kept).expect("it can be read"), rollout);
}
