//! The first seconds of a coordinator, when no host is known to be offline yet.

use super::check;

const FACTS: &str = "since 990\na 1.2\nb 1.1 offline 990\nrollout 1.2\nended a upgrade done 900";

#[test]
fn hosts_have_time_to_return_before_a_rollout_is_done_without_them() {
    check(FACTS, "b: waits, HostReturning { until: Time(1005000) }\nr1: Running\nwake 1005");
    check(&format!("now 1005\n{FACTS}"), "b: waits, CatchesUp\nr1: DoneButOffline { missing: 1 }");
}

#[test]
fn whoever_is_lost_afterwards_is_offline_at_once() {
    check(&FACTS.replace("offline 990", "offline 995"), "b: waits, CatchesUp\nr1: DoneButOffline { missing: 1 }");
}

#[test]
fn whoever_has_returned_is_asked_at_once() {
    check(&FACTS.replace(" offline 990", ""), "b: upgrade 1.1 -> 1.2\nr1: Running");
}

#[test]
fn outside_of_rollouts_it_is_said_too() {
    check("since 990\na absent offline 990", "a: waits, HostReturning { until: Time(1005000) }\nwake 1005");
    check("since 900\na absent offline 900", "a: waits, HostOffline { since: Time(900000) }");
}

#[test]
fn a_clock_that_was_set_back_lets_nobody_wait() {
    check("since 2000\na absent offline 900", "a: waits, HostOffline { since: Time(900000) }");
}
