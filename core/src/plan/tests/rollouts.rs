//! Inside of rollouts.

use super::check;

#[test]
fn members_are_taken_in_their_order() {
    check(
        "a 1.1\nb 1.1\nc 1.1\nrollout 1.2 at-once 2",
        "a: upgrade 1.1 -> 1.2\nb: upgrade 1.1 -> 1.2\nc: waits, LaterWave\nr1: Running",
    );
}

#[test]
fn a_rollout_comes_before_configuration() {
    check("a 1.1 revision 2 power stop\nrollout 1.2", "a: upgrade 1.1 -> 1.2 revision 2\nr1: Running");
}

#[test]
fn an_instance_that_waits_for_its_wave_is_configured_meanwhile() {
    check(
        "a 1.1\nb 1.1 revision 2\nrollout 1.2",
        "a: upgrade 1.1 -> 1.2\nb: configure 1 -> 2\nb: waits, LaterWave\nr1: Running",
    );
}

#[test]
fn the_canary_goes_first_and_alone() {
    check(
        "a 1.1\nb 1.1\nc 1.1\nrollout 1.2 canary 1 at-once 2\nasked a upgrade 900",
        "b: waits, LaterWave\nc: waits, LaterWave\nr1: Running",
    );
}

#[test]
fn an_open_order_counts_until_its_end_is_heard() {
    check(
        "a 1.2\nb 1.1\nc 1.1\nrollout 1.2 at-once 2\nasked a upgrade 900",
        "b: upgrade 1.1 -> 1.2\nc: waits, LaterWave\nr1: Running",
    );
}

#[test]
fn a_wave_is_watched_before_the_next_begins() {
    let facts = "a 1.2\nb 1.1\nrollout 1.2 canary 1 soak 30\nasked a upgrade 900\nended a upgrade done 980";
    check(
        facts,
        "a: closed\nb: waits, Soaking { until: Time(1010000) }
         r1: Soaking { until: Time(1010000) }\nwake 1010",
    );
    check(&format!("now 1010\n{facts}"), "a: closed\nb: upgrade 1.1 -> 1.2\nr1: Running");
}

#[test]
fn within_a_wave_nothing_is_watched() {
    check(
        "a 1.2\nb 1.1\nc 1.1\nrollout 1.2 at-once 2 soak 30\nended a upgrade done 980",
        "b: upgrade 1.1 -> 1.2\nc: waits, LaterWave\nr1: Running",
    );
}

#[test]
fn a_failure_halts_everyone_else() {
    check(
        "a 1.1\nb 1.1\nrollout 1.2\nended a upgrade rolled-back 900",
        "b: waits, RolloutHalted { rollout: RolloutId(\"r1\") }
         r1: Halted: a from 1.1 RolledBack(Other { text: \"the probe got no answer\" })",
    );
}

#[test]
fn fewer_failures_than_the_limit_do_not_halt() {
    check(
        "a 1.1\nb 1.1\nrollout 1.2 max-failures 2\nended a upgrade rolled-back 900",
        "b: upgrade 1.1 -> 1.2\nr1: Running",
    );
    check(
        "a 1.1\nb 1.2\nrollout 1.2 max-failures 2\nended a upgrade refused 900\nended b upgrade done 900",
        "r1: Done",
    );
}

#[test]
fn a_failed_canary_halts_at_once_whatever_the_limit() {
    check(
        "a 1.1\nb 1.1\nc 1.1\nrollout 1.2 canary 2 max-failures 9\nended a upgrade rolled-back 900",
        "b: waits, RolloutHalted { rollout: RolloutId(\"r1\") }
         c: waits, RolloutHalted { rollout: RolloutId(\"r1\") }
         r1: Halted in the canary: a from 1.1 RolledBack(Other { text: \"the probe got no answer\" })",
    );
}

#[test]
fn a_member_that_sickens_counts_as_failed_while_it_is_sick() {
    check(
        "a 1.2 sick\nb 1.1\nrollout 1.2\nended a upgrade done 900",
        "b: waits, RolloutHalted { rollout: RolloutId(\"r1\") }
         r1: Halted: a from 1.1 Unhealthy(Other { text: \"no answer\" })",
    );
    check("a 1.2\nb 1.1\nrollout 1.2\nended a upgrade done 900", "b: upgrade 1.1 -> 1.2\nr1: Running");
}

#[test]
fn a_finished_rollout_is_not_halted_by_what_sickens_later() {
    check("a 1.2 sick\nrollout 1.2\nended a upgrade done 900", "r1: Done");
}

#[test]
fn a_last_failure_leaves_a_rollout_halted() {
    check(
        "a 1.1\nrollout 1.2\nended a upgrade stuck 900",
        "r1: Halted: a from 1.1 Stuck(Other { text: \"the probe got no answer\" })",
    );
}

#[test]
fn an_overdue_member_on_an_online_host_halts() {
    check(
        "now 2300\na 1.1\nb 1.1\nrollout 1.2\nasked a upgrade 1000",
        "a: waits, OrderOverdue { since: Time(1000000) }
         a: waits, OrderOverdue { since: Time(1000000) }
         b: waits, RolloutHalted { rollout: RolloutId(\"r1\") }
         r1: Halted: a from 1.1 Overdue",
    );
}

#[test]
fn an_order_that_was_begun_late_is_not_overdue() {
    check(
        "now 2000\na 1.1 busy upgrade seen 1900\nb 1.1\nrollout 1.2\nasked a upgrade 1000",
        "b: waits, LaterWave\nr1: Running",
    );
}

#[test]
fn an_offline_member_blocks_nobody_and_is_never_forgotten() {
    check(
        "a 1.1 offline 500\nb 1.1\nc 1.1\nrollout 1.2 canary 1",
        "a: waits, CatchesUp\nb: upgrade 1.1 -> 1.2
         c: waits, LaterWave\nr1: Running",
    );
    check(
        "a 1.1 offline 500\nb 1.2\nrollout 1.2\nended b upgrade done 900",
        "a: waits, CatchesUp\nr1: DoneButOffline { missing: 1 }",
    );
    check("a 1.1\nb 1.2\nrollout 1.2\nended b upgrade done 900", "a: upgrade 1.1 -> 1.2\nr1: Running");
}

#[test]
fn a_rollout_that_tried_nobody_is_not_done() {
    check("a 1.1 offline 500\nrollout 1.2", "a: waits, CatchesUp\nr1: Running");
}

#[test]
fn a_lost_member_holds_its_place_and_then_leaves_it() {
    check("a 1.1 offline 900\nb 1.1\nrollout 1.2\nasked a upgrade 800", "b: waits, LaterWave\nr1: Running\nwake 2160");
    check(
        "now 2160\na 1.1 offline 900\nb 1.1\nrollout 1.2\nasked a upgrade 800",
        "a: withdrawn\na: waits, CatchesUp
         b: upgrade 1.1 -> 1.2\nr1: Running",
    );
}

#[test]
fn a_host_that_is_back_in_the_middle_of_our_order_holds_a_place() {
    check(
        "a 1.1 busy upgrade\nb 1.1\nrollout 1.2",
        "a: waits, Busy { step: Some(Text(\"pull\")) }\nb: waits, LaterWave\nr1: Running",
    );
}

#[test]
fn a_label_limits_how_many_are_under_way_at_a_time() {
    check(
        "a 1.1 site=fr\nb 1.1 site=fr\nc 1.1 site=de\nd 1.1\ne 1.1\nrollout 1.2 at-once 4 per site=1",
        "a: upgrade 1.1 -> 1.2\nb: waits, LabelLimit { limit: 1, label: \"site\", value: \"fr\" }\nc: upgrade 1.1 -> 1.2
         d: upgrade 1.1 -> 1.2\ne: upgrade 1.1 -> 1.2\nr1: Running",
    );
}

#[test]
fn nothing_begins_outside_the_window() {
    check(
        "a 1.1\nrollout 1.2 window 22:00-23:00",
        "a: waits, WindowClosed { opens: Time(79200000) }
         r1: OutsideWindow { opens: Time(79200000) }\nwake 79200",
    );
    check("a 1.1\nrollout 1.2 window 00:00-01:00", "a: upgrade 1.1 -> 1.2\nr1: Running\nwake 2400");
}

#[test]
fn nothing_begins_that_might_not_end_before_the_window_closes() {
    check(
        "a 1.1\nrollout 1.2 window 00:00-00:20",
        "a: waits, WindowTooShort { closes: Time(1200000), opens: Time(86400000) }\nr1: OutsideWindow { opens: Time(86400000) }\nwake 86400",
    );
    check("now 86000\na 1.1\nrollout 1.2 window 00:00-24:00", "a: upgrade 1.1 -> 1.2\nr1: Running");
}

#[test]
fn a_paused_rollout_lets_what_is_under_way_end() {
    check("a 1.1\nb 1.1\nrollout 1.2 at-once 2 paused\nasked a upgrade 900", "b: waits, RolloutPaused\nr1: Paused");
}

#[test]
fn an_aborted_rollout_wants_nothing_any_more() {
    check("a 1.1\nb 1.1\nrollout 1.2 at-once 2 aborted\nasked a upgrade 900", "r1: Aborted");
}

#[test]
fn an_aborted_order_is_not_there_when_a_lost_host_is_back() {
    check("a 1.1 offline 900\nrollout 1.2 aborted\nasked a upgrade 890", "a: withdrawn\nr1: Aborted");
}

#[test]
fn resume_tries_the_failed_ones_again_and_leaves_the_done_ones() {
    check(
        "a 1.2\nb 1.1\nrollout 1.2 attempt 2\nended a upgrade/1 done 900\nended b upgrade/1 rolled-back 910",
        "b: upgrade 1.1 -> 1.2\nr1: Running",
    );
}

#[test]
fn an_end_is_never_asked_again() {
    check("a 1.1\nrollout 1.2\nended a upgrade done 900", "r1: Done");
}

#[test]
fn a_member_that_is_something_else_is_left_alone() {
    check("a 1.0\nb 1.1\nrollout 1.2", "b: upgrade 1.1 -> 1.2\nr1: Running");
    check("a 1.2\nb 1.1\nrollout 1.2 canary 1", "b: upgrade 1.1 -> 1.2\nr1: Running");
}

#[test]
fn a_later_instance_of_the_same_name_is_not_meant() {
    check("a 1.1 created 500\nrollout 1.2", "r1: Done");
}

#[test]
fn a_member_within_closed_hours_or_of_a_forbidden_app_blocks_nobody() {
    check(
        "a 1.1 hours 22:00-23:00\nb 1.1 forbids\nc 1.1\nrollout 1.2",
        "a: waits, HostHours { opens: Time(79200000) }
         b: waits, AppForbidden { app: AppName(\"app\") }\nc: upgrade 1.1 -> 1.2\nr1: Running\nwake 79200",
    );
}

#[test]
fn the_newest_rollout_that_names_an_instance_has_it() {
    check(
        "a 1.1\nb 1.2\nrollout 1.2\nrollout 1.3 of a created 5\nended b upgrade/1/r1 done 900",
        "a: upgrade 1.1 -> 1.3\nr1: Done\nr2: Running",
    );
}

#[test]
fn an_older_rollout_catches_up_where_no_newer_one_names_the_instance() {
    check(
        "a 1.1\nb 1.2\nrollout 1.2\nrollout 1.3 from 1.2 of b created 5\nended b upgrade/1/r1 done 900",
        "a: upgrade 1.1 -> 1.2\nb: upgrade 1.2 -> 1.3\nr1: Running\nr2: Running",
    );
}

#[test]
fn an_aborted_rollout_keeps_only_what_it_has_touched() {
    check(
        "a 1.1\nb 1.1\nrollout 1.2\nrollout 1.3 aborted created 5\nended b upgrade/1/r2 rolled-back 900",
        "a: upgrade 1.1 -> 1.2\nr1: Running\nr2: Aborted",
    );
}

#[test]
fn a_member_whose_agent_is_too_old_for_the_release_blocks_nobody() {
    check(
        "needs 1.2 key:pretended engine:pretended\na 1.1\nb 1.1 able key:pretended able engine:pretended\nrollout 1.2",
        "a: waits, AgentTooOld { lacks: Capability(\"engine:pretended\") }\nb: upgrade 1.1 -> 1.2\nr1: Running",
    );
}

#[test]
fn releases_on_the_way_need_an_agent_that_passes_them_and_an_instance_that_runs() {
    let rollout = "rollout 1.4 through 1.3";
    let lacks = "a: waits, AgentTooOld { lacks: Capability(\"action:upgrade-through\") }\nr1: Running";
    check(&format!("a 1.1\n{rollout}"), lacks);
    let able = "able action:upgrade-through";
    check(&format!("a 1.1 {able}\n{rollout}"), "a: upgrade 1.1 -> 1.3 -> 1.4\nr1: Running");
    check(&format!("a 1.1 {able} power stop stopped\n{rollout}"), "a: stop\na: waits, Stopped\nr1: Running");
    let needs = format!("needs 1.3 key:pretended\na 1.1 {able}\n{rollout}");
    check(&needs, "a: waits, AgentTooOld { lacks: Capability(\"key:pretended\") }\nr1: Running");
}
