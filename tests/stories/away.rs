//! Offline hosts: they block nothing, are counted separately, and catch up.

use fleet_agent::fake::Behaviour;
use fleet_tests::fleet::{App, Fleet};

#[test]
fn a_host_that_is_away_blocks_nobody_and_catches_up() {
    let mut fleet = Fleet::running(&["lab-1", "lab-2", "lab-3"]);
    fleet.host_mut("lab-1").crash();
    fleet.wait_link("lab-1", "offline");
    let output = fleet.admin.run("rollout --version 1.2 --yes --soak 0s");
    assert_eq!(output.code, 0, "{}", output.text());
    output.says("offline: catches up when it is back").says("(2 done, 1 offline)").says("catch up");
    assert_eq!(fleet.member("notes-1"), "offline");
    let explained = fleet.done("rollout explain");
    assert!(explained.contains("notes-1: offline: they catch up"), "{explained}");
    let status = fleet.done("status");
    assert!(status.contains("host lab-1: offline") && status.contains("catches up when it is back"), "{status}");
    assert!(status.contains("notes@1.2  done but offline"), "it is still under way: {status}");
    fleet.host_mut("lab-1").start();
    fleet.wait_version("notes-1", "1.2");
    fleet.wait_phase("done");
    assert!(!fleet.done("status").contains("notes@1.2  done"));
    assert_eq!(fleet.host("lab-1").starts("notes-1"), ["notes-web:1.1", "notes-web:1.2"]);
}

#[test]
fn whoever_catches_up_passes_the_same_gates() {
    let mut fleet = Fleet::running(&["lab-1", "lab-2"]);
    fleet.push(&App::hasty("1.3"));
    fleet.host_mut("lab-2").crash();
    fleet.wait_link("lab-2", "offline");
    fleet.done("rollout --version 1.3 --yes --soak 0s");
    fleet.host("lab-2").runtime.meddle(|world| world.behaviours.insert(App::image("1.3"), Behaviour::Sick));
    fleet.host_mut("lab-2").start();
    fleet.wait_phase("halted");
    assert_eq!(fleet.member("notes-2"), "failed");
    fleet.wait_version("notes-2", "1.1");
}

#[test]
fn a_wish_for_a_host_that_is_away_is_kept() {
    let mut fleet = Fleet::running(&["lab-1"]);
    fleet.host_mut("lab-1").crash();
    fleet.wait_link("lab-1", "offline");
    fleet.refused("instance stop notes-1").says("offline").hints("the request is kept");
    fleet.host_mut("lab-1").start();
    fleet.until("it to be stopped", || fleet.state("notes-1") == "1.1 stopped");
    assert!(fleet.host("lab-1").images("notes-1").is_empty());
}

#[test]
fn a_canary_that_is_away_is_replaced_by_one_that_is_there() {
    let mut fleet = Fleet::running(&["lab-1", "lab-2", "lab-3"]);
    fleet.push(&App::hasty("1.3"));
    fleet.behave("1.3", Behaviour::Sick);
    fleet.host_mut("lab-1").crash();
    fleet.wait_link("lab-1", "offline");
    fleet.refused("rollout --version 1.3 --yes --soak 0s --max-failures 3").says("notes-2");
    assert_eq!(fleet.host("lab-3").starts("notes-3"), ["notes-web:1.1"], "the canary was really tried, and failed");
}
