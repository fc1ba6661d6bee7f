//! `steps()` as a table, and against the model of an Engine.

mod around;
mod borrowed;
mod drift;
mod gate;
mod interrupted;
mod language;
mod order;
mod removal;
mod walks;

use super::steps;
use language::{found, shown, spec};

/// Stages that replace the web service once its image is here.
const WEB_ANEW: &str = "create p-web-1.next
stop p-web-1
remove p-web-1
rename p-web-1.next to p-web-1
start p-web-1
wait until the instance is healthy";

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
    check("db:1\nweb:1", "db:1\nweb:2 after db", &format!("pull web:2\n{WEB_ANEW}"));
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
fn a_dry_run_says_what_a_new_release_does() {
    let (before, after) = (spec("db:1\nweb:1 after db\nvolume data"), spec("db:1\nweb:2 after db\nvolume data"));
    assert_eq!(shown(&steps(&super::FoundProject::of_spec(&before), &after)), format!("pull web:2\n{WEB_ANEW}"));
}
