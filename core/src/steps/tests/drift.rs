//! Changes made by hand.

use super::language::{found, spec};
use crate::drift::Drift;
use crate::steps::drift;

fn check(given: &str, goal: &str, expect: &[Drift]) {
    assert_eq!(drift(&found(given), &spec(goal)), expect, "given {given}");
}

const GOAL: &str = "web:1\nnetwork net\nvolume data\nfile a.conf x";

#[test]
fn what_is_as_applied_has_not_drifted() {
    check("web:1\nnetwork net\nvolume data\nfile a.conf x", GOAL, &[]);
    check("job:1 exited 0\nweb:1", "job:1\nweb:1 after job completed", &[]);
}

#[test]
fn each_kind_of_drift_has_its_code() {
    let text = str::to_owned;
    let web = || text("p-web-1");
    let rest = "network net\nvolume data\nfile a.conf x";
    check(rest, GOAL, &[Drift::ContainerRemoved(web())]);
    check(&format!("web:1 exited 137\n{rest}"), GOAL, &[Drift::ContainerExited(web(), 137)]);
    check(&format!("web:1 paused\n{rest}"), GOAL, &[Drift::ContainerPaused(web())]);
    check(&format!("web:1 as mine\n{rest}"), GOAL, &[Drift::ContainerRenamed(web(), text("mine"))]);
    check(
        &format!("web:2\n{rest}"),
        GOAL,
        &[Drift::ContainerReconfigured(web()), Drift::ContainerImage(web(), text("web:2"), text("web:1"))],
    );
    check(&format!("web:1\nextra:1\n{rest}"), GOAL, &[Drift::ContainerUnexpected(text("p-extra-1"))]);
    check(
        "web:1\nnetwork net\nfile a.conf y",
        GOAL,
        &[Drift::VolumeRemoved(text("data")), Drift::FileChanged(text("a.conf"))],
    );
    check("web:1\nnetwork net\nvolume data", GOAL, &[Drift::FileRemoved(text("a.conf"))]);
    check(
        "web:1\nvolume data\nfile a.conf x",
        GOAL,
        &[Drift::ContainerDetached(web(), text("net")), Drift::NetworkRemoved(text("net"))],
    );
    check("web:1\nnetwork net 9\nvolume data\nfile a.conf x", GOAL, &[Drift::NetworkReconfigured(text("net"))]);
}
