//! `steps()` as a table, and against the model of an Engine.

mod borrowed;
mod drift;
mod gate;
mod language;
mod removal;
mod walks;

use super::steps;
use language::{found, shown, spec};

/// `found` and `goal` in the little language of these tests; one line per stage, its steps parted by ` | `.
fn check(given: &str, goal: &str, expect: &str) {
    let goal = spec(goal);
    assert_eq!(shown(&steps(&found(given), &goal)), expect, "\ngiven {given}\ngoal {goal:#?}");
}

#[test]
fn a_reached_goal_needs_no_steps() {
    check("web:1\nnetwork net", "web:1\nnetwork net", "");
}

#[test]
fn everything_is_made_from_nothing() {
    check(
        "",
        "db:1\nweb:1 after db\nnetwork net\nvolume data\nfile a.conf x",
        "pull db:1 | pull web:1\n\
         write a.conf | create network net | create volume data\n\
         create p-db-1 | create p-web-1\n\
         start p-db-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn an_image_that_is_here_is_not_pulled() {
    check("image web:1", "web:1", "create p-web-1\nstart p-web-1\nwait until the instance is healthy");
}

#[test]
fn only_what_changed_is_recreated() {
    check(
        "db:1\nweb:1",
        "db:1\nweb:2 after db",
        "pull web:2\n\
         create p-web-1.next\n\
         stop p-web-1\n\
         remove p-web-1\n\
         rename p-web-1.next to p-web-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn dependants_stop_first_and_dependencies_start_first() {
    check(
        "db:1\nweb:1\nimage db:2\nimage web:2",
        "db:2\nweb:2 after db",
        "create p-db-1.next | create p-web-1.next\n\
         stop p-web-1\n\
         stop p-db-1\n\
         remove p-db-1 | remove p-web-1\n\
         rename p-db-1.next to p-db-1 | rename p-web-1.next to p-web-1\n\
         start p-db-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_dependant_that_did_not_change_is_not_touched() {
    check(
        "db:1\nweb:1\nimage db:2",
        "db:2\nweb:1 after db",
        "create p-db-1.next\nstop p-db-1\nremove p-db-1\nrename p-db-1.next to p-db-1\nstart p-db-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn independent_services_go_side_by_side() {
    check(
        "image a:1\nimage b:1\nimage c:1",
        "a:1\nb:1\nc:1",
        "create p-a-1 | create p-b-1 | create p-c-1\nstart p-a-1 | start p-b-1 | start p-c-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_dependency_must_be_healthy_first_where_the_file_says_so() {
    check(
        "image db:1\nimage web:1",
        "db:1\nweb:1 after db healthy",
        "create p-db-1 | create p-web-1\nstart p-db-1\nwait until p-db-1 is healthy (at most 5m)\nstart p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_dependency_that_is_healthy_is_not_waited_for() {
    check(
        "db:1 healthy\nimage web:1",
        "db:1\nweb:1 after db healthy",
        "create p-web-1\nstart p-web-1\nwait until the instance is healthy",
    );
}

#[test]
fn a_job_must_have_completed_first_where_the_file_says_so() {
    check(
        "image job:1\nimage web:1",
        "job:1\nweb:1 after job completed",
        "create p-job-1 | create p-web-1\nstart p-job-1\nwait until p-job-1 has completed (at most 1d)\n\
         start p-web-1\nwait until the instance is healthy",
    );
}

#[test]
fn a_job_that_has_completed_is_not_run_again() {
    check("job:1 exited 0\nweb:1", "job:1\nweb:1 after job completed", "");
}

#[test]
fn a_job_that_failed_is_run_again() {
    check(
        "job:1 exited 1\nweb:1",
        "job:1\nweb:1 after job completed",
        "start p-job-1\nwait until the instance is healthy",
    );
}

#[test]
fn what_was_stopped_by_hand_is_started() {
    check("web:1 exited 0", "web:1", "start p-web-1\nwait until the instance is healthy");
    check("web:1 paused", "web:1", "start p-web-1\nwait until the instance is healthy");
}

#[test]
fn what_was_removed_by_hand_is_made_again() {
    check("db:1\nimage web:1", "db:1\nweb:1", "create p-web-1\nstart p-web-1\nwait until the instance is healthy");
}

#[test]
fn what_was_renamed_by_hand_gets_its_name_back() {
    check("web:1 as mine", "web:1", "rename mine to p-web-1\nwait until the instance is healthy");
}

#[test]
fn a_service_that_is_gone_is_stopped_with_the_change() {
    check(
        "web:1\nold:1\nimage web:2",
        "web:2",
        "create p-web-1.next\n\
         stop p-old-1\n\
         stop p-web-1\n\
         remove p-old-1 | remove p-web-1\n\
         rename p-web-1.next to p-web-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_volume_that_is_no_longer_wanted_stays() {
    check("web:1\nvolume data", "web:1", "");
}

#[test]
fn an_interrupted_change_goes_on_where_it_was() {
    let goal = "web:2";
    check(
        "web:1\nweb:2 as p-web-1.next created",
        goal,
        "stop p-web-1\nremove p-web-1\nrename p-web-1.next to p-web-1\nstart p-web-1\n\
         wait until the instance is healthy",
    );
    check(
        "web:2 as p-web-1.next created",
        goal,
        "rename p-web-1.next to p-web-1\nstart p-web-1\nwait until the instance is healthy",
    );
    check("web:2 created", goal, "start p-web-1\nwait until the instance is healthy");
}

#[test]
fn an_interrupted_change_goes_back_without_touching_what_runs() {
    check("web:1\nweb:2 as p-web-1.next created", "web:1", "remove p-web-1.next\nwait until the instance is healthy");
}

#[test]
fn a_third_goal_clears_away_what_the_second_left() {
    check(
        "web:1\nweb:2 as p-web-1.next created\nimage web:3",
        "web:3",
        "create p-web-1.next.next\n\
         stop p-web-1\n\
         remove p-web-1 | remove p-web-1.next\n\
         rename p-web-1.next.next to p-web-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_file_that_changed_is_written_and_one_that_is_gone_is_removed() {
    check("web:1\nfile a x\nfile b x", "web:1\nfile a y", "write a, remove b\nwait until the instance is healthy");
}

#[test]
fn a_network_that_changed_is_made_anew_and_all_in_it_with_it() {
    check(
        "web:1\nnetwork net 1",
        "web:1\nnetwork net 2",
        "pull web:1\n\
         stop p-web-1\n\
         remove p-web-1\n\
         remove network net\n\
         create network net\n\
         create p-web-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_network_that_is_there_twice_is_made_anew() {
    check(
        "web:1\nimage web:1\nnetwork net\nnetwork net",
        "web:1\nnetwork net",
        "stop p-web-1\nremove p-web-1\nremove network net\ncreate network net\ncreate p-web-1\nstart p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_network_that_nobody_wants_goes_after_the_gate() {
    check(
        "web:1\nnetwork net\nnetwork old",
        "web:1\nnetwork net",
        "wait until the instance is healthy\nremove network old",
    );
}

#[test]
fn what_others_should_have_made_is_expected_before_anything_is_touched() {
    check(
        "web:1\nimage web:2",
        "web:2\nexternal network lab\nexternal volume scans",
        "find network lab | find volume scans\n\
         create p-web-1.next\n\
         stop p-web-1\n\
         remove p-web-1\n\
         rename p-web-1.next to p-web-1\n\
         start p-web-1\n\
         wait until the instance is healthy",
    );
}

#[test]
fn a_dry_run_says_what_a_new_release_does() {
    let (before, after) = (spec("db:1\nweb:1 after db\nvolume data"), spec("db:1\nweb:2 after db\nvolume data"));
    let expect = "pull web:2\ncreate p-web-1.next\nstop p-web-1\nremove p-web-1\nrename p-web-1.next to p-web-1\n\
                  start p-web-1\nwait until the instance is healthy";
    assert_eq!(shown(&steps(&super::Found::of_spec(&before), &after)), expect);
}

#[test]
fn a_successor_inherits_volumes_that_nobody_named() {
    let mut found = found("web:1\nimage web:2");
    let volume = super::KeptVolume { volume: "f00d".to_owned(), target: "/data".to_owned() };
    found.containers[0].anonymous = vec![volume.clone()];
    let stages = steps(&found, &spec("web:2"));
    let create = stages.iter().flat_map(|stage| &stage.steps).find_map(|step| match step {
        super::Step::Create { keeps, .. } => Some(keeps.clone()),
        _ => None,
    });
    assert_eq!(create, Some(vec![volume]));
}
