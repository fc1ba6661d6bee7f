//! Completions that the shell gets when a person presses Tab.

use crate::environment::TestEnvironment;
use crate::fake::logged_in;
use crate::scene::{Scene, host, instance, rollout};
use fleet_proto::v1::{AppView, ReleaseView};
use std::process::Command;

/// The candidates for the last of the words.
fn candidates(environment: &TestEnvironment, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    let output = Command::new(env!("CARGO_BIN_EXE_fleet"))
        .env_clear()
        .envs([("COMPLETE", "bash"), ("_CLAP_IFS", "\n"), ("_CLAP_COMPLETE_COMP_TYPE", "9")])
        .env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string())
        .env("FLEET_CONFIG", environment.path().join("config"))
        .arg("--")
        .args(&words)
        .output()
        .expect("the command runs");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing disturbs the line that is being typed");
    String::from_utf8(output.stdout).expect("names are text").replace('\n', " ")
}

fn scene() -> Scene {
    let release = ReleaseView { app: "labnotes".to_owned(), version: "1.2".to_owned(), ..Default::default() };
    let app = AppView { name: "labnotes".to_owned(), releases: vec![release], ..Default::default() };
    Scene {
        hosts: vec![host(1), host(2)],
        instances: vec![instance(1)],
        apps: vec![app],
        rollouts: vec![rollout("running", &[])],
        ..Default::default()
    }
}

#[test]
fn names_come_from_the_coordinator() {
    let (_fake, environment) = logged_in(scene());
    for (words, expect) in [
        ("fleet host show la", "lab-1 lab-2"),
        ("fleet instance restart ", "notes-1"),
        ("fleet logs no", "notes-1"),
        ("fleet rollout undo ", "labnotes-3"),
        ("fleet rollout --version ", "1.2"),
        ("fleet install lab", "labnotes@1.2"),
        ("fleet install x@1 --host lab-2", "lab-2"),
        ("fleet instance ls --app ", "labnotes"),
    ] {
        let found = candidates(&environment, words);
        assert!(found.starts_with(expect), "`{words}` gives `{found}`");
    }
}

#[test]
fn without_a_coordinator_nothing_is_said() {
    let (mut fake, environment) = logged_in(scene());
    fake.end();
    assert!(!candidates(&environment, "fleet host show la").contains("lab-1"));
    assert!(!candidates(&TestEnvironment::new(), "fleet host show la").contains("lab-1"));
    assert!(candidates(&environment, "fleet ro").contains("rollout"));
}
