//! Installing, changing and removing instances.

use fleet_agent::fake::Behaviour;
use fleet_tests::fleet::{App, Fleet};

#[test]
fn what_cannot_be_installed_is_refused_when_it_is_said() {
    let fleet = Fleet::running(&["lab-1"]);
    let install = "install notes@1.1 --host lab-1 --name notes-2";
    let table = [
        (install.to_owned(), "password"),
        (format!("{install} --set password=p --set port=lots"), "a port from 1 to 65535"),
        (format!("{install} --set password=p --set pord=80"), "`pord`"),
        ("install notes@1.1 --host lab-1 --name notes-1 --set password=p".to_owned(), "notes-1"),
        ("install notes@1.1 --host lab-9 --name notes-2 --set password=p".to_owned(), "lab-9"),
        ("install notes@9.9 --host lab-1 --name notes-2 --set password=p".to_owned(), "9.9"),
        ("install other@1.1 --host lab-1 --name notes-2 --set password=p".to_owned(), "other"),
    ];
    for (line, says) in &table {
        fleet.refused(line).says(says);
    }
    let output = fleet.admin.run("install notes --host lab-1 --name notes-2");
    assert_eq!(output.code, 2, "{}", output.text());
    assert_eq!(fleet.done("instance ls -o name").trim(), "notes-1", "nothing half-done");
}

#[test]
fn a_hosts_own_policy_outranks_the_coordinator() {
    let mut fleet = Fleet::of(&["lab-1"]);
    fleet.push(&App::new("1.1"));
    let table = [
        ("apps: [other]", "does not allow the app notes"),
        ("registries: [lab.example]", "does not allow images such as notes-"),
    ];
    for (number, (policy, says)) in (2..).zip(table) {
        let mut host = fleet.announce(&format!("lab-{number}"));
        host.write_policy(policy);
        host.start();
        fleet.put_host(host);
        fleet.wait_online(&format!("lab-{number}"));
        let line = format!("install notes@1.1 --host lab-{number} --name notes-{number} --set password=p");
        fleet.refused(&line).says(says).hints(&format!("ask the people of `lab-{number}`"));
    }
    // A later policy applies to existing instances.
    fleet.done("install notes@1.1 --host lab-1 --name notes-1 --set password=p");
    fleet.host("lab-1").write_policy("apps: []");
    let output = fleet.refused("instance set notes-1 --set title=Other");
    output.says("does not allow").says("notes");
    fleet.until("the policy to be heard", || fleet.done("host show lab-1").contains("(none)"));
    let output = fleet.refused("instance set notes-1 --set title=Another");
    output.says("does not allow the app notes").hints("ask the people of `lab-1`");
    assert_eq!(fleet.state("notes-1"), "1.1 healthy");
    assert_eq!(fleet.host("lab-1").starts("notes-1").len(), 1, "nothing was touched");
}

#[test]
fn a_mount_of_the_hosts_own_folders_needs_the_hosts_permission() {
    let fleet = Fleet::of(&["lab-1"]);
    let app = App::new("1.1");
    let folder = app.write(fleet.folder());
    let compose = app.compose().replace("\"data:/data\"", "\"/srv/lab:/data\"");
    std::fs::write(folder.join("compose.yaml"), compose).expect("it can be written");
    fleet.done(&format!("app push {} --version 1.1 --no-pin", folder.display()));
    let output = fleet.refused("install notes@1.1 --host lab-1 --name notes-1 --set password=p");
    output.says("does not allow mounting /srv/lab");
}

#[test]
fn a_dry_run_changes_nothing() {
    let fleet = Fleet::running(&["lab-1"]);
    let before = (fleet.host("lab-1").containers("notes-1"), fleet.done("instance ls -o json"));
    let lines = [
        "install notes@1.1 --host lab-1 --name notes-2 --set password=p --set port=8081 --dry-run",
        "instance set notes-1 --set title=Other --dry-run",
        "instance rm notes-1 --dry-run",
        "rollout --version 1.2 --canary 0 --dry-run",
    ];
    for line in lines {
        let output = fleet.admin.run(line);
        assert_eq!(output.code, 0, "{}", output.text());
        output.says("nothing was changed");
        assert!(!output.stdout.is_empty(), "it says what would be done: {}", output.text());
    }
    let versions = |text: &str| text.matches("\"version\":").count();
    assert_eq!(fleet.host("lab-1").containers("notes-1"), before.0);
    assert_eq!(versions(&fleet.done("instance ls -o json")), versions(&before.1), "no instance came or went");
    assert_eq!(fleet.done("rollout ls -o name").trim(), "", "no rollout began");
}

#[test]
fn a_change_makes_anew_only_what_it_concerns() {
    let fleet = Fleet::running(&["lab-1"]);
    let host = fleet.host("lab-1");
    let id = |name: &str| host.containers("notes-1").into_iter().find(|(it, _)| it.contains(name)).map(|it| it.1);
    let (web, db) = (id("web"), id("db"));
    let output = fleet.admin.run("instance set notes-1 --set port=9000");
    assert_eq!(output.code, 0, "{}", output.text());
    assert_ne!(id("web"), web, "its port is another");
    assert_eq!(id("db"), db, "nothing of it changed");
    let output = fleet.admin.run("instance set notes-1 --set port=9000");
    output.says("nothing to do");
    let web = id("web");
    fleet.done("instance set notes-1 --set password=q");
    assert_ne!(id("db"), db, "it has the password");
    let shown = fleet.done("instance show notes-1");
    assert!(shown.contains("password=***") && shown.contains("port=9000"), "{shown}");
    assert!(web.is_some() && fleet.state("notes-1") == "1.1 healthy");
}

#[test]
fn an_instance_stops_starts_and_restarts() {
    let fleet = Fleet::running(&["lab-1"]);
    let host = fleet.host("lab-1");
    assert_eq!(host.starts("notes-1").len(), 1);
    fleet.done("instance stop notes-1");
    assert!(host.images("notes-1").is_empty());
    fleet.until("it to be stopped", || fleet.state("notes-1") == "1.1 stopped");
    fleet.done("instance start notes-1");
    assert_eq!(host.images("notes-1"), ["notes-db:1", "notes-web:1.1"]);
    fleet.done("instance restart notes-1");
    assert_eq!(host.starts("notes-1").len(), 3, "a restart stops and starts");
    fleet.wait_version("notes-1", "1.1");
}

#[test]
fn a_removed_instance_leaves_its_volumes_unless_they_are_named() {
    let fleet = Fleet::running(&["lab-1"]);
    let host = fleet.host("lab-1");
    fleet.refused("instance rm notes-1 --yes --volume notes-1_none").says("notes-1_none");
    let output = fleet.admin.piping("no\n", "instance rm notes-1");
    assert_ne!(output.code, 0, "nobody agreed: {}", output.text());
    assert_eq!(host.containers("notes-1").len(), 2);
    fleet.done("instance rm notes-1 --yes --volume notes-1_uploads");
    assert!(host.containers("notes-1").is_empty());
    let volumes: Vec<String> = host.runtime.world().volumes.keys().cloned().collect();
    assert_eq!(volumes, ["notes-1_data"]);
    fleet.refused("instance show notes-1").says("notes-1");
    // The name is free again, and the volumes that stayed are found.
    fleet.done("install notes@1.1 --host lab-1 --name notes-1 --set password=p");
    assert_eq!(host.runtime.world().volumes["notes-1_data"].len(), 2);
}

#[test]
fn an_installation_that_fails_leaves_nothing_but_its_reason() {
    let fleet = Fleet::of(&["lab-1"]);
    fleet.push(&App::hasty("1.1"));
    fleet.behave("1.1", Behaviour::Missing);
    let output = fleet.refused("install notes@1.1 --host lab-1 --name notes-1 --set password=p");
    output.says("error: could not install notes@1.1 on lab-1").says("notes-web:1.1");
    assert!(fleet.host("lab-1").containers("notes-1").is_empty());
    assert!(fleet.instance("notes-1").is_some_and(|it| format!("{:?}", it.last_failure).contains("notes-web:1.1")));
}
