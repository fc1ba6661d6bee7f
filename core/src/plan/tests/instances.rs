//! Outside of rollouts.

use super::check;

#[test]
fn a_newer_revision_than_is_wanted_needs_a_person_and_stands_in_nobodys_way() {
    check("a 1.1 revision 3 says 7", "a: waits, NewerValues { said: 7, wanted: 3 }");
    check("a 1.1 revision 8 says 7", "a: configure 7 -> 8");
    check("a 1.1 revision 3 says 7 power stop", "a: stop");
    check("a 1.1 revision 3 says 7\nrollout 1.2", "a: upgrade 1.1 -> 1.2 revision 3\nr1: Running");
}

#[test]
fn an_instance_as_desired_gets_nothing() {
    check("a 1.1", "");
}

#[test]
fn an_absent_instance_is_installed() {
    check("a absent", "a: install 1.1");
}

#[test]
fn an_instance_that_was_moved_on_is_installed_as_what_it_became() {
    check("a absent enrolment e2\nrollout 1.2\nended a upgrade done 900", "a: install 1.2\nr1: Done");
}

#[test]
fn a_silent_host_is_left_alone() {
    check("a silent", "a: waits, NotReported");
    check("a never", "a: waits, HostNeverSeen");
    check("a absent offline 900", "a: waits, HostOffline { since: Time(900000) }");
}

#[test]
fn a_host_that_is_two_machines_is_asked_nothing() {
    let because = "HostDuplicate { since: Time(1000000) }";
    check("a absent twice\nb absent", &format!("b: install 1.1\na: waits, {because}"));
    check("a 1.1 twice power stop", &format!("a: waits, {because}"));
    check("a 1.1 twice", "");
    check("a absent twice\nasked a install 900", &format!("a: waits, {because}"));
}

#[test]
fn a_host_that_was_removed_gets_nothing() {
    check("a absent gone", "a: waits, HostRemoved");
}

#[test]
fn an_offline_instance_that_is_as_desired_does_not_wait() {
    check("a 1.1 offline 900", "");
}

#[test]
fn an_installation_that_ended_badly_is_not_asked_again() {
    check(
        "a absent\nended a install rolled-back 900",
        "a: waits, OrderRolledBack { order: Install, failure: Other { text: \"the probe got no answer\" } }",
    );
}

#[test]
fn an_installation_that_failed_is_tried_again_with_other_values() {
    check("a absent revision 2\nended a install/1 refused 900", "a: install 1.1");
    check("a absent revision 2\nasked a install/1 900\nended a install/1 refused 950", "a: closed\na: install 1.1");
    check("a absent revision 2\nasked a install/1 900", "a: waits, Blocked { order: Install, by: OtherOrder }");
}

#[test]
fn a_removal_that_ended_well_is_the_end() {
    check("a 1.1 removing\nasked a remove 900\nended a remove done 950", "a: closed\na: gone");
    check("a 1.1 removing\nasked a remove 900\nended a remove already 950", "a: closed\na: gone");
    check("a 1.1 offline 940 removing\nended a remove done 950", "a: gone");
    check(
        "a 1.1 removing\nended a remove stuck 950",
        "a: waits, OrderStuck { order: Remove, failure: Other { text: \"the probe got no answer\" } }",
    );
    check("a 1.1\nended a remove done 950", "");
}

#[test]
fn a_machine_that_enrols_anew_is_installed_anew() {
    check("a absent enrolment e2\nended a install done 900", "a: install 1.1");
}

#[test]
fn a_new_revision_is_configured() {
    check("a 1.1 revision 2", "a: configure 1 -> 2");
}

#[test]
fn a_revision_that_failed_waits_for_another() {
    check(
        "a 1.1 revision 2\nended a configure refused 900",
        "a: waits, OrderRefused { order: Configure, failure: Other { text: \"the probe got no answer\" } }",
    );
    check(
        "a 1.1 revision 3\nb 1.1 revision 2\nended b configure refused 900",
        "a: configure 1 -> 3\nb: waits, OrderRefused { order: Configure, failure: Other { text: \"the probe got no answer\" } }",
    );
}

#[test]
fn a_request_about_power_is_asked_once() {
    check("a 1.1 power stop", "a: stop");
    check(
        "a 1.1 power restart\nended a power stuck 900",
        "a: waits, OrderStuck { order: Restart, failure: Other { text: \"the probe got no answer\" } }",
    );
}

#[test]
fn a_removal_comes_before_all_else() {
    check("a 1.1 removing revision 2 power stop\nrollout 1.2", "a: remove\nr1: Done");
    check("a absent removing", "a: remove");
    check("a absent removing\nended a remove done 900", "a: gone");
}

#[test]
fn an_installation_comes_before_configuration() {
    check("a absent revision 4", "a: install 1.1");
}

#[test]
fn configuration_comes_before_power() {
    check("a 1.1 revision 2 power stop", "a: configure 1 -> 2");
}

#[test]
fn an_instance_has_one_open_order_at_a_time() {
    check("a 1.1 revision 2\nasked a power 900", "a: waits, Blocked { order: Configure, by: OtherOrder }");
    check("a 1.1 removing\nasked a configure 900", "a: waits, Blocked { order: Remove, by: OtherOrder }");
}

#[test]
fn an_open_order_is_not_asked_again() {
    check("a absent\nasked a install 900", "wake 2160");
}

#[test]
fn an_order_whose_end_is_heard_is_closed() {
    check("a 1.1\nasked a install 900\nended a install done 950", "a: closed");
}

#[test]
fn nothing_is_asked_before_a_host_says_what_the_last_order_left() {
    check("a 1.1 revision 2 seen 940\nended a install done 950", "a: waits, NotReportedSinceOrder");
}

#[test]
fn an_instance_in_the_middle_of_something_is_left_alone() {
    check("a busy other", "a: waits, Busy { step: Some(Text(\"pull\")) }");
}

#[test]
fn a_lost_order_holds_its_place_until_its_deadline_has_passed_since_the_host_was_lost() {
    check("a 1.1 revision 2 offline 900\nasked a configure 800", "wake 2160");
    check(
        "now 2200\na 1.1 revision 2 offline 900\nasked a configure 800",
        "a: withdrawn\na: waits, HostOffline { since: Time(900000) }",
    );
}

#[test]
fn a_withdrawn_order_is_asked_again_when_the_host_is_back() {
    check("now 2200\na 1.1 revision 2", "a: configure 1 -> 2");
}

#[test]
fn an_order_that_an_online_host_does_not_end_is_said() {
    check("now 2100\na absent\nasked a install 800", "a: waits, OrderOverdue { since: Time(800000) }");
}

#[test]
fn an_order_to_a_removed_host_is_withdrawn() {
    check("a 1.1 gone\nasked a install 900", "a: withdrawn");
}

#[test]
fn an_order_begins_only_within_the_hosts_own_hours() {
    check("a absent hours 22:00-23:00", "a: waits, HostHours { opens: Time(79200000) }\nwake 79200");
    check("a absent hours 00:00-01:00", "a: install 1.1");
}

#[test]
fn an_app_that_the_host_forbids_is_not_asked_for_but_may_leave() {
    check("a absent forbids", "a: waits, AppForbidden { app: AppName(\"app\") }");
    check("a 1.1 forbids removing", "a: remove");
    check("a 1.1 forbids power stop", "a: stop");
    check("a 1.1 forbids power start", "a: waits, AppForbidden { app: AppName(\"app\") }");
}

#[test]
fn an_agent_that_is_too_old_for_a_release_waits_for_its_upgrade_and_may_still_stop_and_leave() {
    let waits = "a: waits, AgentTooOld { lacks: Capability(\"key:pretended\") }";
    check("needs 1.1 key:pretended\na absent", waits);
    check("needs 1.1 key:pretended\na absent able key:pretended", "a: install 1.1");
    check("needs 1.2 key:pretended\na absent", "a: install 1.1");
    check("needs 1.1 key:pretended\na 1.1 power stop", "a: stop");
    check("needs 1.1 key:pretended\na 1.1 removing", "a: remove");
}
