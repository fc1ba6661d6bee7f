//! Backups by policy and by request.

use super::check;
use super::given::given;
use crate::plan::PlanContext;

/// Ten seconds after 03:00 on the first day: the slot of an hourly schedule is 10800.
const NOW: &str = "now 10810\na 1.1\npolicy p @hourly for all";

#[test]
fn a_backup_is_due_when_its_slot_has_none() {
    check(NOW, "a: back up to central");
    check(&format!("{NOW}\nbackup a central 7300"), "a: back up to central");
    check(&format!("{NOW}\nbackup a central 10805"), "wake 14400");
    check(&format!("{NOW}\nbackup a central 10805 damaged"), "a: back up to central");
}

#[test]
fn it_begins_at_the_instances_own_moment() {
    let given = "now 10801\na 1.1\npolicy p @hourly for all spread 20m\nbackup a central 7300";
    check(given, "wake 11898");
    check(&given.replace("10801", "11897"), "wake 11898");
    check(&given.replace("10801", "11898"), "a: back up to central");
}

#[test]
fn what_was_missed_while_its_host_was_off_is_taken_once() {
    let off = "now 50000\na 1.1 offline 900\npolicy p @hourly for all\nbackup a central 7300";
    check(off, "a: waits, Blocked { order: Backup, by: HostOffline { since: Time(900000) } }");
    check(&off.replace("offline 900", ""), "a: back up to central");
}

#[test]
fn each_repository_has_its_own() {
    let both = "now 10810\na 1.1\npolicy p @hourly for all to central,offsite";
    check(both, "a: back up to central,offsite");
    check(&format!("{both}\nbackup a central 10805"), "a: back up to offsite");
    check(&format!("{both}\nbackup a central 10805\nbackup a offsite 10805"), "");
}

#[test]
fn one_that_failed_is_tried_again_after_a_while_and_then_waits_for_the_next_slot() {
    let daily = |now: u64, ends: &str| format!("now {now}\na 1.1\npolicy p @daily for all age 26h\n{ends}");
    let first = "ended a backup/0/1 failed 100";
    let again = "a: waits, NextAttempt { order: Backup, attempts: 1, limit: 4, again: Time(1000000), failure: Some(Other { text: \"the probe got no answer\" }) }";
    check(&daily(999, first), &format!("{again}\nwake 1000"));
    check(&daily(1000, first), "a: back up to central");
    let third = format!("{first}\nended a backup/0/2 refused 1100\nended a backup/0/3 failed 5000");
    check(&daily(5000 + 4 * 3600, &third), "a: back up to central");
    let all = format!("{third}\nended a backup/0/4 failed 20000");
    check(
        &daily(30_000, &all),
        "a: waits, NoMoreAttempts { order: Backup, attempts: 4, limit: 4, failure: Some(Other { text: \"the probe got no answer\" }) }\nwake 86400",
    );
    check(&daily(86_400, &all), "a: back up to central");
}

#[test]
fn nothing_begins_outside_the_window_or_the_hosts_own_hours() {
    check(
        "now 10810\na 1.1\npolicy p @hourly for all window 04:00-05:00",
        "a: waits, PolicyWindow { opens: Time(14400000) }\nwake 14400",
    );
    check(
        "now 10810\na 1.1 hours 05:00-06:00\npolicy p @hourly for all",
        "a: waits, Blocked { order: Backup, by: HostHours { opens: Time(18000000) } }\nwake 18000",
    );
}

#[test]
fn an_instance_that_was_stopped_is_not_backed_up_by_itself() {
    check("now 10810\na 1.1 stopped\npolicy p @hourly for all", "a: waits, Blocked { order: Backup, by: Stopped }");
}

#[test]
fn a_few_run_at_a_time_and_the_longest_due_goes_first() {
    let three = "now 10810\na 1.1\nb 1.1\nc 1.1\npolicy p @hourly for all\nat-once 2";
    let wait = "waits, Blocked { order: Backup, by: DataLimit { limit: 2 } }";
    check(three, &format!("a: back up to central\nb: back up to central\nc: {wait}"));
    check(&format!("{three}\nasked b backup/10800/1 10805"), &format!("a: back up to central\nc: {wait}"));
    check(
        &format!("{three}\nrequest c backup 10806"),
        &format!("a: back up to central\nc: back up to central\nb: {wait}"),
    );
    let one = three.replace("at-once 2", "at-once 1");
    let wait = "waits, Blocked { order: Backup, by: DataLimit { limit: 1 } }";
    check(&one, &format!("a: back up to central\nb: {wait}\nc: {wait}"));
    let lost = three.replace("b 1.1", "b 1.1 offline 10806");
    check(&format!("{lost}\nasked b backup/10800/1 10805"), "a: back up to central\nc: back up to central\nwake 12366");
}

#[test]
fn what_keeps_an_instance_from_what_it_shall_be_does_not_keep_anybody_from_its_data() {
    check(
        "now 10810\na 1.1 revision 2\nended a configure refused 900\npolicy p @hourly for all",
        "a: back up to central",
    );
    check("now 10810\na 1.1 revision 3 says 7\npolicy p @hourly for all", "a: back up to central");
    check("now 10810\na 1.1 revision 2\npolicy p @hourly for all", "a: configure 1 -> 2");
    check("now 10810\na absent\npolicy p @hourly for all", "a: install 1.1");
}

#[test]
fn a_policy_that_names_an_instance_outranks_one_that_picks_its_host() {
    let both = "now 10810\na 1.1\npolicy a-all @hourly for all\npolicy named @hourly for a to offsite";
    check(both, "a: back up to offsite");
}

#[test]
fn a_drill_is_due_when_the_newest_proof_is_too_old() {
    let with = |backups: &str| format!("now 10810\na 1.1\npolicy p @hourly for all drill 2h\n{backups}");
    check(&with("backup a central 10801"), "a: drill central");
    check(&with("backup a central 10801 proven 10805"), "wake 14400");
    check(&with("backup a central 10801 proven 3000"), "a: drill central");
    check(&with("backup a central 3500 proven 3600\nbackup a central 10801"), "a: drill central");
    check(&with("backup a central 3500 proven 4000\nbackup a central 10801"), "wake 11200");
    check(&with("backup a central 3500 proven 3600\nbackup a central 10801 failed"), "wake 14400");
    let tried = "backup a central 3500 proven 3600\nbackup a central 10801\nended a drill/10801/0/1 failed 10805";
    let because = "NextAttempt { order: Drill, attempts: 1, limit: 4, again: Time(11705000), failure: Some(Other { text: \"the probe got no answer\" }) }";
    check(&with(tried), &format!("a: waits, {because}\nwake 11705"));
}

#[test]
fn never_two_drills_on_one_host() {
    let mut given = given(
        "now 10810\na 1.1\nb 1.1\npolicy p @hourly for all drill 1h\n\
         backup a central 10801 proven 100\nbackup b central 10801 proven 200",
    );
    let host =
        given.desired.instances["a".parse::<crate::names::InstanceName>().as_ref().expect("a name")].host.clone();
    for (name, instance) in &mut given.desired.instances {
        instance.host = host.clone();
        if let Some(seen) = given.observed.instances.get_mut(name) {
            seen.host = host.clone();
        }
    }
    let plan = PlanContext::new(&given.desired, &given.asked, &given.observed, given.now).plan();
    let mut shown = super::shown::show(&given, &plan);
    shown.retain(|line| !line.starts_with("wake"));
    assert_eq!(shown, ["a: drill central", "b: waits, Blocked { order: Drill, by: OtherDrill }"]);
}

#[test]
fn a_request_goes_first_and_is_over_when_its_order_has_ended() {
    check("now 10810\na 1.1\nrequest a backup 10800", "a: back up to central");
    check("now 10810\na 1.1\nrequest a restore 10800", "a: restore");
    check("now 10810\na 1.1\nrequest a restore 10800\nended a request failed 10805", "a: its request is over");
    check("now 10810\na 1.1\nrequest a restore 10800\nasked a request 10801", "");
    check(
        "now 10810\na 1.1 offline 900\nrequest a drill 10800",
        "a: waits, Blocked { order: Drill, by: HostOffline { since: Time(900000) } }",
    );
}

#[test]
fn a_request_that_nobody_could_begin_with_for_a_day_has_lapsed() {
    check("now 97200\na 1.1\nrequest a restore 10800", "a: its request has lapsed");
    check("now 97199\na 1.1\nrequest a restore 10800", "a: restore");
}

#[test]
fn a_return_to_an_earlier_release_needs_an_agent_that_makes_it_and_brings_its_own_revision() {
    let request = "request a return 10800";
    let lacks =
        "a: waits, Blocked { order: Restore, by: AgentTooOld { lacks: Capability(\"action:restore-release\") } }";
    check(&format!("now 10810\na 1.2\n{request}"), lacks);
    let able = "able action:restore-release";
    check(&format!("now 10810\na 1.2 {able}\n{request}"), "a: restore");
    check(&format!("now 97200\na 1.2 {able}\n{request}"), "a: its request has lapsed");
    // Its host may have done it while it was lost.
    check(&format!("now 97200\na 1.1 says 2 {able}\n{request}"), "a: its request is over");
    check(&format!("now 97200\na 1.2 {able} offline 900\n{request}"), "");
    // Its host reports the state a moment before the end of the order.
    check(&format!("now 10810\na 1.1 says 2 {able}\n{request}\nasked a request 10801"), "");
    check(&format!("now 10810\na 1.1 says 2 {able}\n{request}\nended a request done 10805"), "a: its request is over");
    check(&format!("now 10810\na 1.2 {able}\n{request}\nended a request failed 10805"), "a: its request is over");
}

#[test]
fn what_is_to_be_made_from_a_backup_is_never_installed_with_nothing_in_it() {
    check("now 10810\na absent\nrequest a anew 10800", "a: restore");
    check("now 97200\na absent\nrequest a anew 10800", "a: restore");
    check(
        "now 10810\na absent\nrequest a anew 10800\nended a request failed 10805",
        "a: waits, OrderFailed { order: Restore, failure: Other { text: \"the probe got no answer\" } }",
    );
    check("now 10810\na 1.1\nrequest a anew 10800\nended a request done 10805", "a: its request is over");
    check("now 10810\na 1.1\nrequest a anew 10800", "");
}

#[test]
fn what_was_made_from_a_backup_or_came_back_with_old_facts_is_never_installed_with_nothing_in_it() {
    let mut made = given("now 10810\na absent\nrequest a anew 10800");
    for instance in made.desired.instances.values_mut() {
        // The request has ended, and its end was pruned.
        instance.data = None;
    }
    let plan = PlanContext::new(&made.desired, &made.asked, &made.observed, made.now).plan();
    let shown = super::shown::show(&made, &plan);
    assert!(plan.orders.is_empty() && shown[0].starts_with("a: waits, NeverEmpty { "), "{shown:?}");
    check("now 10810\na absent came-back 9000", "a: waits, NeverEmptyAsOf { of: Time(9000000) }");
    check("now 10810\na 1.1 came-back 9000", "");
    check("now 10810\na 1.1 revision 2 came-back 9000", "a: configure 1 -> 2");
    check("now 10810\na absent removing came-back 9000", "a: remove");
}

#[test]
fn a_folder_on_the_host_is_told_what_to_forget_once_a_day() {
    let mut facts =
        "now 900000\na 1.1\nfolder usb\npolicy p @daily for all to usb keep 1\nbackup a usb 899000".to_owned();
    check(&facts, "");
    facts.push_str("\nbackup a usb 700000");
    check(&facts, "a: forget");
    check(&format!("{facts}\nended a forget/10 done 899990"), "wake 950400");
}

#[test]
fn a_folder_forgets_nothing_while_the_newest_is_much_smaller_than_what_there_was() {
    let with = |size: u64| {
        format!(
            "now 900000\na 1.1\nfolder usb\npolicy p @daily for all to usb keep 1\n\
             backup a usb 700000 size 100\nbackup a usb 899000 size {size}"
        )
    };
    check(&with(60), "a: forget");
    check(&with(1), "");
}

#[test]
fn a_backup_of_an_earlier_instance_of_its_name_makes_none_needless() {
    let given = "now 10810\na 1.1 created 10806\npolicy p @hourly for all drill 1h\nbackup a central 10805";
    check(given, "a: back up to central");
    check(&given.replace("10806", "10805"), "a: drill central");
    check(
        "now 900000\na 1.1 created 898000\nfolder usb\npolicy p @daily for all to usb keep 1\n\
         backup a usb 700000\nbackup a usb 899000",
        "",
    );
}

#[test]
fn what_somebody_holds_or_is_going_to_use_is_held() {
    let mut given = given("now 10810\na 1.1\nb 1.1\nbackup a central 900\nbackup a central 800\nrequest a drill 10800");
    let name: crate::names::InstanceName = super::given::read("a");
    let used = given.desired.instances[&name].data.clone().expect("it is requested").action;
    let used = used.source().expect("a drill has one").clone();
    assert_eq!(given.desired.held_of(&name), [used.backup.clone()].into());
    // Whoever restores it elsewhere needs it as well.
    let request = given.desired.instances.get_mut(&name).expect("it is wanted").data.take();
    assert!(given.desired.held_of(&name).is_empty());
    let other: crate::names::InstanceName = super::given::read("b");
    given.desired.instances.get_mut(&other).expect("it is wanted").data = request;
    assert_eq!(given.desired.held_of(&name), [used.backup.clone()].into());
    let other = given.observed.backups[&name].keys().find(|key| key.backup != used.backup).expect("there is another");
    let held = crate::backup::Held { instance: name.clone(), by: super::given::read("ada"), at: crate::time::Time(1) };
    given.desired.held.insert(other.backup.clone(), held);
    assert_eq!(given.desired.held_of(&name), [used.backup, other.backup.clone()].into());
}
