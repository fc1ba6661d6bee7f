//! Trouble on a host: its effects there, the reports to people, and that it stays there.

use fleet_agent::fake::Behaviour;
use fleet_tests::fleet::{App, Fleet};

#[test]
fn a_pull_that_hangs_ends_at_its_deadline_and_delays_nobody() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    fleet.host("lab-1").runtime.meddle(|world| world.hanging.insert("pull notes-web:1.2".to_owned()));
    let rollout = fleet.admin.start("rollout --version 1.2 --yes --canary 0 --at-once 2 --soak 0s --deadline 5s");
    // The other one is done, and the same host receives and reports, while the pull hangs.
    fleet.wait_version("notes-2", "1.2");
    fleet.until("the step to be shown", || fleet.done("rollout show").contains("pull notes-web:1.2"));
    assert!(fleet.host_view("lab-1").is_some_and(|view| view.link() == fleet_proto::v1::HostLink::Online));
    let output = rollout.finish();
    assert_eq!(output.code, 1, "{}", output.text());
    output.says("because").says("notes-1").says("was rolled back to 1.1");
    assert_eq!(fleet.host("lab-1").starts("notes-1"), ["notes-web:1.1"], "what ran was not touched");
}

#[test]
fn a_port_that_is_taken_is_told_with_its_holder() {
    let fleet = Fleet::running(&["lab-1"]);
    let output = fleet.refused("install notes@1.1 --host lab-1 --name notes-2 --set password=p");
    output.says("the port `8080/tcp` on lab-1 is notes-1's");
    assert!(fleet.host("lab-1").containers("notes-2").is_empty(), "nothing half-done");
    assert_eq!(fleet.host("lab-1").images("notes-1").len(), 2, "the other one is undisturbed");
    fleet.done("install notes@1.1 --host lab-1 --name notes-2 --set password=p --set port=8081");
}

#[test]
fn a_full_disk_is_told_and_leaves_what_runs_alone() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    fleet.on_all(|world| world.failing.insert("pull notes-web:1.2".to_owned()));
    let before = fleet.host("lab-1").containers("notes-1");
    let output = fleet.refused("rollout --version 1.2 --yes --soak 0s");
    output.says("pull notes-web:1.2").says("it was told to fail");
    assert_eq!(fleet.host("lab-1").containers("notes-1"), before);
}

#[test]
fn when_the_way_back_fails_too_a_person_is_called() {
    let fleet = Fleet::running(&["lab-1"]);
    fleet.push(&App::hasty("1.3"));
    fleet.behave("1.3", Behaviour::Sick);
    fleet.on_all(|world| world.behaviours.insert(App::image("1.1"), Behaviour::Missing));
    // From now on the web service starts once more, as 1.3, and never again.
    let runtime = fleet.host("lab-1").runtime.clone();
    let rollout = fleet.admin.start("rollout --version 1.3 --yes --soak 0s");
    fleet.until("the new one to start", || fleet.host("lab-1").starts("notes-1").len() == 2);
    runtime.meddle(|world| world.failing.insert("start notes-1-web-1".to_owned()));
    let output = rollout.finish();
    assert_eq!(output.code, 1, "{}", output.text());
    let status = fleet.done("status");
    assert!(status.contains("needs a person") && status.contains("stuck"), "{status}");
    let explained = fleet.done("rollout explain");
    assert!(explained.contains("stuck") && explained.contains("next: "), "{explained}");
    assert_eq!(runtime.world().volumes.len(), 2, "its data is there");
    // Mended, it is tried again.
    runtime.meddle(|world| (world.failing.clear(), world.behaviours.clear()));
    fleet.done("rollout resume --follow");
    fleet.wait_version("notes-1", "1.3");
    assert_eq!(fleet.attention(), [""; 0]);
}

#[test]
fn an_engine_that_is_away_is_told_and_waited_for() {
    let fleet = Fleet::running(&["lab-1"]);
    fleet.host("lab-1").runtime.meddle(|world| world.is_engine_away = true);
    fleet.until("its health to be unknown", || fleet.state("notes-1").ends_with("unknown"));
    fleet.host("lab-1").runtime.meddle(|world| world.is_engine_away = false);
    fleet.wait_version("notes-1", "1.1");
    assert_eq!(fleet.host("lab-1").starts("notes-1").len(), 1);
}

#[test]
fn outside_a_hosts_own_hours_nothing_changes_and_it_says_when() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    let hour = (fleet_tests::fleet::now().0 / 3_600_000 + 2) % 24;
    let hours = format!("hours: \"{hour:02}:00-{:02}:00\"", (hour + 11) % 24);
    fleet.host("lab-1").write_policy(&hours);
    // The policy is looked at with the next orders, if not before: refused there, or put off here.
    fleet.admin.start("instance set notes-1 --set title=Other").wait_for("error: could not change notes-1");
    fleet.until("the hours to be heard", || fleet.done("host show lab-1").contains(&format!("{hour:02}:00-")));
    let before = fleet.host("lab-1").containers("notes-1");
    for (line, what) in [
        ("instance set notes-1 --set title=Another", "change notes-1"),
        ("instance restart notes-1", "restart notes-1"),
        ("instance stop notes-1", "stop notes-1"),
        ("instance start notes-1", "start notes-1"),
        (
            "install notes@1.1 --host lab-1 --name notes-3 --set password=p --set port=8081",
            "install notes@1.1 on lab-1",
        ),
        ("instance rm notes-3 --yes", "remove notes-3"),
    ] {
        let output = fleet.refused(line);
        output.says(&format!("error: could not {what} yet"));
        output.says("  because the host's own hours open at ").says(&format!("T{hour:02}:00:00Z"));
        output.hints("the request is kept, and done then");
    }
    assert_eq!(fleet.done("instance set notes-1 --set title=Last --detach").trim(), "notes-1: begun");
    assert_eq!(fleet.host("lab-1").containers("notes-1"), before);
    fleet.until("it to wait", || fleet.done("instance show notes-1").contains("the host's own hours open at"));
    let output = fleet.admin.run("rollout --version 1.2 --yes --soak 0s --canary 0 --detach");
    assert_eq!(output.code, 0, "{}", output.text());
    fleet.wait_version("notes-2", "1.2");
    fleet.until("the other to wait", || fleet.done("rollout explain").contains("the host's own hours open at"));
    assert_eq!(fleet.host("lab-1").starts("notes-1").len(), 1);
}

#[test]
fn a_secret_is_never_shown_and_not_kept_in_the_clear() {
    let mut fleet = Fleet::running(&["lab-1"]);
    let secret = "correct-horse-battery";
    fleet.done(&format!("instance set notes-1 --set password={secret}"));
    let lines =
        ["instance show notes-1 -o json", "instance ls -o yaml", "events --tail 100", "status", "app show notes"];
    for line in lines {
        assert!(!fleet.done(line).contains(secret), "`fleet {line}` shows it");
    }
    let output = fleet.admin.run(&format!("instance set notes-1 --set password={secret} --set port={secret}"));
    assert_eq!(output.code, 1, "{}", output.text());
    let output = fleet.admin.run("instance set notes-1 --set password=");
    assert!(!output.text().contains(secret));
    fleet.server.stop();
    let mut folders = vec![fleet.server.folder().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("it can be read");
            let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_there, "{} has it", path.display());
            files += 1;
        }
    }
    assert!(files > 2, "the store was looked at");
}
