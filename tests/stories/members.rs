//! Single instances of a rollout that has halted: left out, and tried again.

use fleet_agent::fake::Behaviour;
use fleet_tests::fleet::{App, Fleet};

const ROLLOUT: &str = "rollout --version 1.3 --yes --canary 0 --at-once 1 --soak 0s";

/// Two instances, and a rollout that has halted because the first one failed and went back.
fn halted() -> Fleet {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    fleet.push(&App::hasty("1.3"));
    let bad = |fleet: &Fleet| {
        let runtime = &fleet.host("lab-1").runtime;
        runtime.meddle(|world| world.behaviours.insert(App::image("1.3"), Behaviour::Sick));
    };
    bad(&fleet);
    fleet.refused(ROLLOUT).says("notes-1 was rolled back to 1.1");
    fleet.wait_version("notes-1", "1.1");
    fleet.wait_phase("halted");
    fleet
}

fn mend(fleet: &Fleet) {
    fleet.on_all(|world| world.behaviours.clear());
}

#[test]
fn a_skipped_instance_lets_the_others_go_on_and_is_named_at_the_end() {
    let fleet = halted();
    fleet.refused("rollout skip notes-2 --reason disk --yes --rollout notes-9").says("notes-9");
    let plan = fleet.done("rollout skip notes-1 --reason its~disk~is~being~replaced --dry-run");
    assert!(
        plan.contains("failed: rolled back: ") && plan.contains("notes-1 is then running (1 waiting, 1 skipped)"),
        "{plan}"
    );
    fleet.wait_phase("halted");

    let output = fleet.refused("rollout skip notes-1 --reason its~disk~is~being~replaced --yes --follow");
    output.says("could not roll out 1.3 everywhere").says("notes-1 was skipped: its disk is being replaced");
    assert!(output.stdout.contains("notes-1: done (1 done, 1 skipped)"), "{}", output.text());
    assert_eq!((fleet.state("notes-1"), fleet.state("notes-2")), ("1.1 healthy".to_owned(), "1.3 healthy".to_owned()));

    let shown = fleet.done("rollout show");
    assert!(shown.contains("skipped: its disk is being replaced (by ") && shown.contains("rolled back: "), "{shown}");
    let shown = fleet.admin.json("rollout show");
    let member = &shown["members"][0];
    assert_eq!((&member["state"], &shown["skipped"]), (&"skipped".into(), &1.into()), "{shown}");
    assert_eq!(member["skip"]["reason"], "its disk is being replaced", "{shown}");
    assert!(member["skip"]["at_ms"].as_u64().is_some_and(|at| at > 0), "{shown}");
    let events = fleet.done("events --tail 50");
    assert!(events.contains("notes-1 skipped by ") && events.contains(": its disk is being replaced"), "{events}");
    fleet.refused("rollout retry notes-1 --yes").says("no rollout that is not over has `notes-1`");

    // The next rollout has it again.
    mend(&fleet);
    fleet.done(ROLLOUT);
    fleet.wait_version("notes-1", "1.3");
}

#[test]
fn a_reason_is_one_line_of_plain_text() {
    let fleet = halted();
    let wrong = |reason: &str| fleet.admin.run(&format!("rollout skip notes-1 --yes --reason {reason}"));
    for reason in ["~", &"x".repeat(201), "red\u{1b}[31m"] {
        let output = wrong(reason);
        assert_eq!(output.code, 2, "{}", output.text());
    }
    assert_eq!(fleet.member("notes-1"), "failed");
}

#[test]
fn an_instance_whose_cause_is_gone_is_tried_again_by_itself() {
    let fleet = halted();
    mend(&fleet);
    fleet.refused("rollout retry notes-2 --yes").says("the upgrade of `notes-2` has not failed");
    fleet.done("rollout retry notes-1 --yes --follow");
    assert!((1..=2).all(|number| fleet.state(&format!("notes-{number}")) == "1.3 healthy"));
    let starts = fleet.host("lab-1").starts("notes-1");
    assert_eq!(starts, ["notes-web:1.1", "notes-web:1.3", "notes-web:1.1", "notes-web:1.3"]);
    let events = fleet.done("events --tail 50");
    assert_eq!(events.matches("notes-1 is tried again, asked for by ").count(), 1, "{events}");
}

#[test]
fn a_skipped_instance_is_taken_in_again_by_a_retry() {
    let fleet = halted();
    fleet.done("rollout pause");
    fleet.done("rollout skip notes-1 --reason wrong~one --yes");
    assert_eq!(fleet.member("notes-1"), "skipped");
    mend(&fleet);
    fleet.done("rollout retry notes-1 --yes");
    assert_eq!(fleet.member("notes-1"), "waiting");
    fleet.done("rollout resume --follow");
    assert!((1..=2).all(|number| fleet.state(&format!("notes-{number}")) == "1.3 healthy"));
}
