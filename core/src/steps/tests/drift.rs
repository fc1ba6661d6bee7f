//! Changes made by hand.

use super::language::{found, spec};
use crate::steps::drift;

fn check(given: &str, goal: &str, expect: &[&str]) {
    assert_eq!(drift(&found(given), &spec(goal)), expect, "given {given}");
}

const GOAL: &str = "web:1\nnetwork net\nvolume data\nfile a.conf x";

#[test]
fn what_is_as_applied_has_not_drifted() {
    check("web:1\nnetwork net\nvolume data\nfile a.conf x", GOAL, &[]);
    check("job:1 exited 0\nweb:1", "job:1\nweb:1 after job completed", &[]);
}

#[test]
fn each_kind_of_drift_has_its_sentence() {
    let rest = "network net\nvolume data\nfile a.conf x";
    check(rest, GOAL, &["container p-web-1 was removed"]);
    check(&format!("web:1 exited 137\n{rest}"), GOAL, &["container p-web-1 was stopped or ended (with 137)"]);
    check(&format!("web:1 paused\n{rest}"), GOAL, &["container p-web-1 was paused"]);
    check(&format!("web:1 as mine\n{rest}"), GOAL, &["container p-web-1 is now called mine"]);
    check(
        &format!("web:2\n{rest}"),
        GOAL,
        &[
            "container p-web-1 was made anew with another configuration",
            "container p-web-1 runs image web:2 instead of web:1",
        ],
    );
    check(&format!("web:1\nextra:1\n{rest}"), GOAL, &["container p-extra-1 is not part of the release"]);
    check("web:1\nnetwork net\nfile a.conf y", GOAL, &["volume data was removed", "file a.conf was changed"]);
    check("web:1\nnetwork net\nvolume data", GOAL, &["file a.conf was removed"]);
    check(
        "web:1\nvolume data\nfile a.conf x",
        GOAL,
        &["container p-web-1 was taken out of network net", "network net was removed"],
    );
    check(
        "web:1\nnetwork net 9\nvolume data\nfile a.conf x",
        GOAL,
        &["network net was made anew with another configuration"],
    );
}
