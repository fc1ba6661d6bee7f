//! Restarts and crashes of either side, in the middle of things.

use crate::pace::{hold, let_go};
use fleet_agent::fake::{Behaviour, Crash};
use fleet_tests::fleet::{App, Fleet};

#[test]
fn a_coordinator_that_crashes_in_a_rollout_goes_on_exactly() {
    let mut fleet = Fleet::running(&["lab-1", "lab-2", "lab-3"]);
    hold(&fleet);
    let_go(&fleet, "lab-1");
    let rollout = fleet.admin.start("rollout --version 1.2 --yes --soak 0s --at-once 1");
    fleet.wait_member("notes-2", "under way");
    let before = fleet.done("rollout show -o json");
    fleet.server.crash();
    fleet.server.start();
    for host in ["lab-1", "lab-2", "lab-3"] {
        fleet.wait_online(host);
    }
    let after = fleet.admin.json("rollout show");
    assert_eq!(after["strategy"], serde_json::from_str::<serde_json::Value>(&before).expect("JSON")["strategy"]);
    assert_eq!((fleet.member("notes-1"), fleet.member("notes-3")), ("done".to_owned(), "waiting".to_owned()));
    let_go(&fleet, "lab-2");
    let_go(&fleet, "lab-3");
    let output = rollout.finish();
    assert_eq!(output.code, 0, "whoever watches goes on watching: {}", output.text());
    for number in 1..=3 {
        let starts = fleet.host(&format!("lab-{number}")).starts(&format!("notes-{number}"));
        assert_eq!(starts, ["notes-web:1.1", "notes-web:1.2"], "no order is carried out twice");
    }
}

#[test]
fn an_agent_goes_on_without_the_coordinator() {
    let mut fleet = Fleet::running(&["lab-1"]);
    hold(&fleet);
    fleet.done("rollout --version 1.2 --yes --soak 0s --detach");
    fleet.wait_member("notes-1", "under way");
    fleet.until("the new one to run", || fleet.host("lab-1").starts("notes-1").len() == 2);
    fleet.server.stop();
    let_go(&fleet, "lab-1");
    let host = fleet.host("lab-1");
    fleet.until("the upgrade to settle", || host.settled("notes-1").as_deref() == Some("1.2"));
    // Drift is healed too, without any request.
    host.runtime.meddle(|world| world.containers.retain(|it| it.service != "web"));
    fleet.until("the drift to be healed", || host.starts("notes-1").len() == 3);
    fleet.server.start();
    fleet.wait_phase("done");
    fleet.wait_version("notes-1", "1.2");
}

/// Crashes the agent at the first steps of a rollout to a version, and starts it again.
fn crash_at(fleet: &mut Fleet, step: u64, crash: Crash, version: &str) {
    let runtime = fleet.host("lab-1").runtime.clone();
    runtime.meddle(|world| world.crash = Some((world.steps_so_far + step, crash)));
    fleet.done(&format!("rollout --version {version} --yes --soak 0s --detach"));
    fleet.wait_for(runtime.crashed());
    fleet.host_mut("lab-1").crash();
    fleet.wait_link("lab-1", "offline");
    runtime.forget_crash();
    fleet.host_mut("lab-1").start();
}

#[test]
fn an_agent_that_crashes_in_an_upgrade_ends_at_the_new() {
    let mut fleet = Fleet::running(&["lab-1"]);
    crash_at(&mut fleet, 3, Crash::After, "1.2");
    fleet.wait_phase("done");
    fleet.wait_version("notes-1", "1.2");
    assert_eq!(fleet.host("lab-1").images("notes-1"), ["notes-db:1", "notes-web:1.2"]);
    let volumes = fleet.host("lab-1").runtime.world().volumes.len();
    assert_eq!(volumes, 2, "its data is there");
}

#[test]
fn an_agent_that_crashes_in_a_bad_upgrade_ends_at_the_old() {
    let mut fleet = Fleet::running(&["lab-1"]);
    fleet.push(&App::hasty("1.3"));
    fleet.behave("1.3", Behaviour::Sick);
    crash_at(&mut fleet, 4, Crash::Before, "1.3");
    fleet.wait_phase("halted");
    fleet.wait_version("notes-1", "1.1");
    assert_eq!(fleet.host("lab-1").images("notes-1"), ["notes-db:1", "notes-web:1.1"]);
}

#[test]
fn what_was_acknowledged_survives() {
    let mut fleet = Fleet::running(&["lab-1 site=fr"]);
    fleet.done("instance set notes-1 --set title=Kept");
    let tell = |fleet: &Fleet| {
        let lines = ["app ls -o json", "host ls -o name", "operator ls -o name", "token ls -o name"];
        lines.map(|line| fleet.done(line))
    };
    let before = tell(&fleet);
    fleet.server.crash();
    fleet.server.start();
    fleet.wait_version("notes-1", "1.1");
    assert_eq!(tell(&fleet), before);
    assert!(fleet.done("instance show notes-1").contains("title=Kept"));
    assert!(fleet.done("host show lab-1").contains("site=fr"));
    assert_eq!(fleet.host("lab-1").starts("notes-1").len(), 2, "installed once, configured once");
}

#[test]
fn a_removal_goes_on_after_the_coordinator_crashed() {
    let mut fleet = Fleet::running(&["lab-1", "lab-2"]);
    // One order cannot be sent before the crash, and the other's end may not arrive before it.
    fleet.host_mut("lab-1").crash();
    fleet.wait_link("lab-1", "offline");
    fleet.done("instance rm notes-2 --yes --detach");
    fleet.done("instance rm notes-1 --yes --detach");
    fleet.server.crash();
    fleet.host_mut("lab-1").start();
    fleet.server.start();
    fleet.until("both to be gone", || fleet.done("instance ls -o name").trim().is_empty());
    for (host, instance) in [("lab-1", "notes-1"), ("lab-2", "notes-2")] {
        assert!(fleet.host(host).containers(instance).is_empty());
        assert_eq!(fleet.host(host).starts(instance), ["notes-web:1.1"], "its volumes stay");
    }
    let output = fleet.done("events --tail 100");
    assert_eq!(output.matches("removed").count(), 2, "each is buried once: {output}");
    fleet.done("install notes@1.1 --host lab-1 --name notes-1 --set password=q");
    fleet.wait_version("notes-1", "1.1");
}
