//! The way out, and power.

use super::language::{found, shown, spec};
use crate::order::PowerRequest;
use crate::steps::{steps_for_power, steps_to_remove};
use std::collections::BTreeSet;

const THERE: &str = "db:1\nweb:1\nold:1 exited 0\nnetwork net\nvolume data\nvolume cache\nfile a.conf x";
const GOAL: &str = "db:1\nweb:1 after db\nnetwork net\nvolume data\nvolume cache\nfile a.conf x";

fn check_removal(goal: &str, volumes: &[&str], expect: &str) {
    let volumes: BTreeSet<_> = volumes.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(shown(&steps_to_remove(&found(THERE), &spec(goal), &volumes)), expect);
}

fn check_power(given: &str, request: PowerRequest, expect: &str) {
    assert_eq!(shown(&steps_for_power(&found(given), &spec("db:1\nweb:1 after db"), request)), expect);
}

#[test]
fn removing_an_instance_leaves_its_volumes() {
    check_removal(
        GOAL,
        &[],
        "stop p-web-1\nstop p-db-1\nremove p-db-1 | remove p-web-1 | remove p-old-1\nremove network net | remove a.conf",
    );
}

#[test]
fn a_volume_goes_only_by_its_name() {
    let stages = "stop p-web-1\nstop p-db-1\nremove p-db-1 | remove p-web-1 | remove p-old-1\n\
                  remove network net | remove a.conf\nremove volume cache and its data";
    check_removal(GOAL, &["cache", "unheard_of"], stages);
}

#[test]
fn a_volume_that_others_made_stays_even_when_it_is_named() {
    let goal = GOAL.replace("volume data", "external volume data");
    check_removal(
        &goal,
        &["data"],
        "stop p-web-1\nstop p-db-1\nremove p-db-1 | remove p-web-1 | remove p-old-1\nremove network net | remove a.conf",
    );
}

#[test]
fn dependants_stop_before_what_they_depend_on() {
    check_power("db:1\nweb:1", PowerRequest::Stop, "stop p-web-1\nstop p-db-1");
    check_power("db:1\nweb:1 exited 0", PowerRequest::Stop, "stop p-db-1");
}

#[test]
fn a_restart_stops_and_starts_in_order_and_passes_the_gate() {
    check_power(
        "db:1\nweb:1",
        PowerRequest::Restart,
        "stop p-web-1\nstop p-db-1\nstart p-db-1\nstart p-web-1\nwait until the instance is healthy",
    );
}

#[test]
fn a_start_heals_what_is_missing() {
    check_power(
        "db:1 exited 0\nimage web:1",
        PowerRequest::Start,
        "create p-web-1\nstart p-db-1\nstart p-web-1\nwait until the instance is healthy",
    );
}
