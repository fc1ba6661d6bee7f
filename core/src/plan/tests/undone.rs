//! Undos: the revision that they bring, and when it becomes the wanted one.

use super::check;
use super::given::{given, read};
use crate::plan::PlanContext;

#[test]
fn an_undo_brings_former_values_with_the_former_release() {
    check("a 1.2 revision 2 says 2\nrollout 1.1 from 1.2 brings 3", "a: upgrade 1.2 -> 1.1 revision 3\nr1: Running");
}

#[test]
fn values_that_wait_for_an_undo_are_given_to_nobody_before() {
    check(
        "a 1.2 revision 2 says 2\nb 1.2 revision 2 says 2\nrollout 1.1 from 1.2 brings 3",
        "a: upgrade 1.2 -> 1.1 revision 3\nb: waits, LaterWave\nr1: Running",
    );
}

#[test]
fn what_an_undo_has_brought_is_wanted_from_then_on() {
    check(
        "a 1.1 revision 2 says 3\nrollout 1.1 from 1.2 brings 3\nended a upgrade done 950",
        "a: has revision 3 again\nr1: Done",
    );
    check("a 1.1 revision 3 says 3\nrollout 1.1 from 1.2 brings 3\nended a upgrade done 950", "r1: Done");
}

#[test]
fn what_an_undo_has_brought_is_wanted_though_a_newer_rollout_has_the_instance() {
    check(
        "a 1.1 revision 2 says 3\nrollout 1.1 from 1.2 brings 3\nrollout 1.3 created 2\nended a upgrade/1/r1 done 950",
        "a: has revision 3 again\na: upgrade 1.1 -> 1.3 revision 2\nr1: Done\nr2: Running",
    );
}

#[test]
fn an_undo_that_failed_changes_no_values() {
    check(
        "a 1.2 revision 2 says 2\nrollout 1.1 from 1.2 brings 3\nended a upgrade rolled-back 950",
        "r1: Halted: a from 1.2 RolledBack(Other { text: \"the probe got no answer\" })",
    );
}

#[test]
fn an_undo_takes_no_newer_revision_back() {
    check("a 1.2 revision 4 says 2\nrollout 1.1 from 1.2 brings 3", "a: upgrade 1.2 -> 1.1 revision 4\nr1: Running");
    check(
        "a 1.1 revision 4 says 3\nrollout 1.1 from 1.2 brings 3\nended a upgrade done 950",
        "a: configure 3 -> 4\nr1: Done",
    );
}

#[test]
fn values_that_an_undo_is_about_to_put_back_are_its_own_until_then() {
    for (facts, expect) in [
        ("a 1.2 revision 2 says 2\nrollout 1.1 from 1.2 brings 3", true),
        ("a 1.2 revision 2 says 2 offline 950\nrollout 1.1 from 1.2 brings 3", true),
        ("a 1.2 revision 2 says 2\nrollout 1.1 from 1.2 brings 3 paused", true),
        ("a 1.2 revision 2 says 2\nrollout 1.1 from 1.2 brings 3\nended a upgrade rolled-back 950", true),
        ("a 1.2 revision 2 says 2\nrollout 1.1 from 1.2 brings 3 aborted", false),
        ("a 1.2 revision 2 says 2\nrollout 1.1 from 1.2 brings 3 aborted\nasked a upgrade 950", true),
        ("a 1.1 revision 2 says 3\nrollout 1.1 from 1.2 brings 3\nended a upgrade done 950", true),
        ("a 1.1 revision 3 says 3\nrollout 1.1 from 1.2 brings 3\nended a upgrade done 950", false),
        ("a 1.1 revision 2 says 2\nrollout 1.2", false),
    ] {
        let given = given(facts);
        let plan_context = PlanContext::new(&given.desired, &given.asked, &given.observed, given.now);
        assert_eq!(plan_context.is_put_back_by(&read("a")).is_some(), expect, "{facts:?}");
    }
}
