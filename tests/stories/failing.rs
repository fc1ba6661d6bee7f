//! Bad releases: instances that go back by themselves, rollouts that halt, and a person's actions then.

use crate::pace::{hold, let_go};
use fleet_agent::fake::Behaviour;
use fleet_tests::fleet::{App, Fleet};
use std::collections::BTreeSet;

fn with_bad(hosts: &[&str], behaviour: Behaviour) -> Fleet {
    let fleet = Fleet::running(hosts);
    fleet.push(&App::hasty("1.3"));
    fleet.behave("1.3", behaviour);
    fleet
}

#[test]
fn a_bad_release_comes_back_by_itself_and_halts_the_rollout() {
    let fleet = with_bad(&["lab-1", "lab-2", "lab-3"], Behaviour::Sick);
    let output = fleet.refused("rollout --version 1.3 --yes --soak 0s");
    let last: Vec<&str> = output.stderr.lines().rev().take(3).collect();
    assert_eq!(last[2], "error: could not roll out 1.3", "{}", output.text());
    assert!(last[1].starts_with("  because the canary failed: notes-1 was rolled back to 1.1: "), "{}", output.text());
    assert!(last[1].ends_with("no answer in 1 s"), "{}", output.text());
    assert!(last[0].starts_with("hint: ") && last[0].contains("fleet rollout explain notes-1"), "{}", output.text());
    assert!(output.stdout.starts_with("notes-1: halted"), "{}", output.text());
    fleet.wait_version("notes-1", "1.1");
    let host = fleet.host("lab-1");
    assert_eq!(host.images("notes-1"), ["notes-db:1", "notes-web:1.1"]);
    assert_eq!(host.starts("notes-1"), ["notes-web:1.1", "notes-web:1.3", "notes-web:1.1"]);
    for (host, instance) in [("lab-2", "notes-2"), ("lab-3", "notes-3")] {
        assert_eq!(fleet.host(host).starts(instance), ["notes-web:1.1"], "a failure halts everyone else");
    }
    let explained = fleet.done("rollout explain");
    assert!(explained.contains("is halted") && explained.contains("fleet rollout resume notes-1"), "{explained}");
    let status = fleet.done("status");
    assert!(status.contains("halted") && !status.contains("->"), "what runs is shown, and nothing promised: {status}");
    let now = |instance: &str| {
        let line = status.lines().find(|line| line.starts_with(instance)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{instance} is not shown: {status}"))
    };
    assert!(now("notes-1").contains("is halted") && now("notes-2").contains("is halted"), "{status}");

    // A person fixes the cause and resumes: failed members are tried again.
    fleet.on_all(|world| world.behaviours.clear());
    let output = fleet.admin.run("rollout resume --follow");
    assert_eq!(output.code, 0, "{}", output.text());
    assert!((1..=3).all(|number| fleet.state(&format!("notes-{number}")) == "1.3 healthy"));
}

#[test]
fn an_image_that_does_not_exist_touches_nothing() {
    let fleet = with_bad(&["lab-1", "lab-2"], Behaviour::Missing);
    let before = fleet.host("lab-1").containers("notes-1");
    fleet.refused("rollout --version 1.3 --yes --soak 0s").says("notes-web:1.3");
    assert_eq!(fleet.host("lab-1").containers("notes-1"), before, "pulls come first");
    fleet.done("rollout abort");
}

#[test]
fn failures_below_the_limit_do_not_halt() {
    let fleet = with_bad(&["lab-1", "lab-2", "lab-3"], Behaviour::Sick);
    ["lab-2", "lab-3"].iter().for_each(|host| let_go(&fleet, host));
    let output = fleet.refused("rollout --version 1.3 --yes --soak 0s --canary 0 --at-once 1 --max-failures 2");
    output.says("1 failed");
    let states = (1..=3).map(|number| fleet.state(&format!("notes-{number}"))).collect::<Vec<_>>();
    assert_eq!(states, ["1.1 healthy", "1.3 healthy", "1.3 healthy"]);
}

#[test]
fn a_paused_rollout_begins_nothing_and_goes_on_where_it_was() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    hold(&fleet);
    fleet.done("rollout --version 1.2 --yes --soak 0s --at-once 1 --detach");
    fleet.wait_member("notes-1", "under way");
    fleet.done("rollout pause");
    let_go(&fleet, "lab-1");
    let_go(&fleet, "lab-2");
    fleet.wait_member("notes-1", "done");
    fleet.wait_phase("paused");
    assert_eq!(fleet.state("notes-2"), "1.1 healthy");
    let explained = fleet.done("rollout explain");
    assert!(explained.contains("is paused") && explained.contains("fleet rollout resume notes-1"), "{explained}");
    assert_eq!(fleet.host("lab-2").starts("notes-2").len(), 1);
    fleet.done("rollout resume --follow");
    assert_eq!(fleet.state("notes-2"), "1.2 healthy");
    fleet.refused("rollout resume").says("it is over");
}

#[test]
fn an_aborted_rollout_leaves_what_is_done_and_an_undo_takes_it_back() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    hold(&fleet);
    fleet.done("rollout --version 1.2 --yes --soak 0s --at-once 1 --detach");
    fleet.wait_member("notes-1", "under way");
    fleet.done("rollout abort");
    let_go(&fleet, "lab-1");
    let_go(&fleet, "lab-2");
    fleet.wait_member("notes-1", "done");
    fleet.wait_version("notes-1", "1.2");
    assert_eq!(
        (fleet.state("notes-2"), fleet.rollout().map(|it| it.phase())),
        ("1.1 healthy".to_owned(), Some(fleet_proto::v1::RolloutPhase::Aborted))
    );
    let output = fleet.admin.run("rollout undo --yes");
    assert_eq!(output.code, 0, "{}", output.text());
    output.says("1.2 -> 1.1");
    fleet.wait_version("notes-1", "1.1");
    let starts = fleet.host("lab-1").starts("notes-1");
    assert_eq!(starts, ["notes-web:1.1", "notes-web:1.2", "notes-web:1.1"]);
    assert_eq!(fleet.done("rollout ls -o name").lines().count(), 2, "an undo is a rollout of its own");
}

#[test]
fn each_step_there_and_back_is_told_in_a_pipe_as_it_happens() {
    let fleet = Fleet::running(&["lab-1"]);
    fleet.push(&App { deadline: "3s".to_owned(), ..App::new("1.3") });
    fleet.behave("1.3", Behaviour::Sick);
    let runtime = &fleet.host("lab-1").runtime;
    let hold = |step: &str| runtime.meddle(|world| world.hanging = [step.to_owned()].into());
    hold("pull notes-web:1.3");
    let rollout = fleet.admin.start("rollout --version 1.3 --yes --soak 0s");
    for (step, next) in [
        ("pull notes-web:1.3", "stop notes-1-web-1"),
        ("stop notes-1-web-1", "start notes-1-web-1"),
        ("start notes-1-web-1", "stop notes-1-web-1"),
        ("waiting until it is healthy: GET web:80/: no answer in 1 s", "stop notes-1-web-1"),
        ("going back: stop notes-1-web-1", "nothing more"),
    ] {
        rollout.wait_for(&format!("  notes-1  lab-1  under way: {step}\n"));
        hold(next);
    }
    let output = rollout.finish();
    assert_eq!(output.code, 1, "{}", output.text());
    let steps = || output.stderr.lines().filter_map(|line| line.split_once("  under way: ")).map(|(_, step)| step);
    assert_eq!(steps().collect::<BTreeSet<_>>().len(), steps().count(), "each is told once:\n{}", output.text());
}

#[test]
fn an_undo_puts_back_the_values_that_went_with_the_release() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    let before = fleet.host("lab-1").configured("notes-1");
    fleet.done("rollout --version 1.2 --yes --soak 0s");
    fleet.done("instance set notes-1 --set title=New --set password=hunter2");
    assert_ne!(fleet.host("lab-1").configured("notes-1"), before);

    let shown = fleet.admin.run("rollout undo");
    shown.says("value title: New -> its default").says("value password: as it was (secret)");
    assert!(!shown.text().contains("hunter2"), "{}", shown.text());
    assert_eq!(shown.text().matches("value ").count(), 2, "the other has the values that it had: {}", shown.text());

    fleet.done("rollout undo --yes");
    fleet.wait_version("notes-1", "1.1");
    fleet.wait_version("notes-2", "1.1");
    assert_eq!(fleet.host("lab-1").configured("notes-1"), before);
    fleet.until("its former values to be wanted", || !fleet.done("instance show notes-1").contains("New"));

    // Later changes are added to those values, and give no order to other instances.
    fleet.done("instance set notes-1 --set port=9000");
    let shown = fleet.done("instance show notes-1");
    assert!(shown.contains("port=9000") && !shown.contains("New"), "{shown}");
    assert_eq!(fleet.host("lab-2").starts("notes-2").len(), 3);

    // An undo can be undone: to 1.2 with the values that it had then.
    let output = fleet.admin.run("rollout undo");
    output.says("value port: 9000 -> its default").says("value title: its default -> New");
    fleet.done("rollout undo --yes");
    fleet.wait_version("notes-1", "1.2");
    fleet.until("its later values to be wanted", || fleet.done("instance show notes-1").contains("New"));
}
