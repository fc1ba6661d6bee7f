//! Versions: their order, their spellings, and the stops on the path from one to another.

use fleet_agent::fake::Behaviour;
use fleet_tests::fleet::{App, Fleet, Operator};
use std::fs;

const ROLLOUT: &str = "rollout --yes --canary 0 --soak 0s --version";

/// Pushes a version whose `app.yaml` has these lines too.
fn push(fleet: &Fleet, version: &str, upgrades: &str) {
    push_app(fleet, &App::new(version), version, upgrades);
}

/// The same for another app.
pub fn push_app(fleet: &Fleet, app: &App, version: &str, upgrades: &str) {
    let folder = app.write(fleet.folder());
    let text = fs::read_to_string(folder.join("app.yaml")).expect("it is there");
    fs::write(folder.join("app.yaml"), format!("{text}{upgrades}")).expect("it can be written");
    fleet.done(&format!("app push {} --version {version} --no-pin", folder.display()));
}

#[test]
fn a_rollout_goes_forward_and_an_undo_goes_back() {
    let fleet = Fleet::running(&["lab-1"]);
    fleet.done(&format!("{ROLLOUT} 1.2"));
    fleet.wait_version("notes-1", "1.2");
    fleet
        .refused(&format!("{ROLLOUT} 1.1"))
        .says("notes@1.1 is older than what the one instance runs")
        .hints("fleet rollout undo notes-1");
    fleet.done("rollout undo notes-1 --yes");
    fleet.wait_version("notes-1", "1.1");
}

#[test]
fn one_version_is_pushed_under_one_spelling() {
    let fleet = Fleet::running(&["lab-1"]);
    let folder = App::new("1.2.0").write(fleet.folder());
    let push = format!("app push {} --version v1.2.0 --no-pin", folder.display());
    fleet
        .refused(&push)
        .says("notes@v1.2.0 is the version 1.2, which was pushed already")
        .hints("under another version");
}

#[test]
fn a_required_stop_is_not_passed_by() {
    let fleet = Fleet::running(&["lab-1"]);
    push(&fleet, "1.4", "upgrades: { stops: [{ version: 1.3.1, why: moves tags }] }\n");
    fleet
        .refused(&format!("{ROLLOUT} 1.4"))
        .says("1.3.1 is a required stop on the way (moves tags), and was not pushed")
        .hints("fleet app graph notes@1.4");
    push(&fleet, "1.3.1", "");
    let graph = fleet.done("app graph notes@1.4");
    assert!(graph.contains("1.3.1  -> 1.4") && graph.contains("1.1    -> 1.3.1 (stop) -> 1.4"), "{graph}");
    let path = fleet.done("upgrade-path notes-1 --to 1.4");
    assert!(path.contains("1.1    -> 1.3.1") && path.contains("required stop: moves tags"), "{path}");
    assert!(path.contains("fleet rollout --app notes --version 1.4"), "{path}");
    let plan = fleet.done("rollout --version 1.4 --canary 0 --dry-run");
    assert!(plan.contains("1.1 -> 1.3.1 -> 1.4"), "{plan}");
    fleet.done(&format!("{ROLLOUT} 1.4"));
    fleet.wait_version("notes-1", "1.4");
    let shown = fleet.done("rollout show");
    assert!(shown.contains("1.1 -> 1.3.1 -> 1.4"), "{shown}");
    assert!(fleet.done("upgrade-path notes-1 --to 1.4").contains("none needed"));
    fleet.refused("upgrade-path notes-1 --to 1.3.1").says("1.4 is newer");
    let path = fleet.done("upgrade-path notes-1 --to 1.4 --output json");
    assert!(path.contains("\"from\": \"1.4\""), "{path}");
}

#[test]
fn a_stop_that_is_not_healthy_leads_back_to_where_it_began() {
    let fleet = Fleet::running(&["lab-1"]);
    push(&fleet, "1.4", "upgrades: { stops: [{ version: 1.3.1, why: moves tags }] }\n");
    fleet.push(&App::hasty("1.3.1"));
    fleet.behave("1.3.1", Behaviour::Sick);
    fleet.refused(&format!("{ROLLOUT} 1.4")).says("notes-1 was rolled back to 1.1: 1.3.1, on its way: ");
    fleet.wait_version("notes-1", "1.1");
    assert_eq!(fleet.host("lab-1").starts("notes-1"), ["notes-web:1.1", "notes-web:1.3.1", "notes-web:1.1"]);
    fleet.done("rollout abort");

    fleet.done("instance stop notes-1");
    fleet.refused(&format!("{ROLLOUT} 1.4")).says("it is stopped, and has to run as 1.3.1 on its way: start it first");
}

#[test]
fn a_graph_that_cannot_work_is_refused_with_its_line() {
    let fleet = tempfile::tempdir().expect("a folder can be made");
    let folder = App::new("1.1").write(fleet.path());
    let text = fs::read_to_string(folder.join("app.yaml")).expect("it is there");
    let line = text.lines().count() + 3;
    let upgrades = "upgrades:\n  edges:\n    - { from: '>=2', to: '<2' }\n";
    fs::write(folder.join("app.yaml"), format!("{text}{upgrades}")).expect("it can be written");
    let person = Operator::new(&fleet.path().join("person"));
    let output = person.refused(&format!("app lint {}", folder.display()));
    output.says(&format!("app.yaml:{line}")).says("no version in >=2 is older than one in <2");
}
