//! Parts that someone removed or changed by hand.

use fleet_tests::fleet::{App, Fleet};

fn remove_web(fleet: &Fleet) {
    fleet.host("lab-1").runtime.meddle(|world| world.containers.retain(|it| it.service != "web"));
}

#[test]
fn what_was_removed_by_hand_is_healed() {
    let fleet = Fleet::running(&["lab-1"]);
    let host = fleet.host("lab-1");
    let db = host.containers("notes-1").remove(0);
    remove_web(&fleet);
    fleet.until("the container to be back", || host.images("notes-1") == ["notes-db:1", "notes-web:1.1"]);
    assert!(host.containers("notes-1").contains(&db), "what was right stays as it is");
    fleet.wait_version("notes-1", "1.1");
    fleet.until("it to be told", || fleet.done("events --about notes-1").contains("heal"));
    fleet.until("nothing to be left", || !fleet.done("instance show notes-1").contains("drift\n"));
}

#[test]
fn what_is_only_to_be_reported_is_shown_until_somebody_decides() {
    let fleet = Fleet::of(&["lab-1"]);
    fleet.push(&App::new("1.1"));
    fleet.done("install notes@1.1 --host lab-1 --name notes-1 --set password=p --drift report");
    fleet.wait_version("notes-1", "1.1");
    remove_web(&fleet);
    fleet.until("it to be seen", || fleet.instance("notes-1").is_some_and(|it| !it.drift.is_empty()));
    let shown = fleet.done("instance show notes-1");
    assert!(shown.contains("\ndrift\n") && shown.contains("web"), "{shown}");
    let status = fleet.done("status");
    assert!(status.contains("needs a person") && status.contains("changed by hand"), "{status}");
    assert_eq!(fleet.host("lab-1").images("notes-1"), ["notes-db:1"], "nobody touched it");
    fleet.done("instance set notes-1 --drift heal");
    fleet.wait_version("notes-1", "1.1");
    fleet.until("it to be healed", || fleet.host("lab-1").images("notes-1").len() == 2);
}
