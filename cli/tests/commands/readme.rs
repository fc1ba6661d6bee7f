//! The README shows the real output of the command.

use crate::environment::NOW;
use crate::fake::logged_in;
use crate::scene::{Scene, coded, host, instance, megabytes, rollout, step};
use fleet_core::backup_health::BackupProblem;
use fleet_proto::v1::{
    BackupHealthView, BackupLevel, BackupTally, CopyView, InstanceView, MemberState, MemberView, NextBackup, Status,
    VersionCount,
};
use std::time::Duration;

const HOUR: u64 = 3_600_000;

/// Asserts that the README has the command line, followed by its output.
fn check(scene: Scene, line: &str) {
    let readme = include_str!("../../../README.md");
    let (_fake, environment) = logged_in(scene);
    let output = environment.run(line);
    let shown = format!("$ {line}\n{}{}", output.stdout, output.stderr);
    assert!(readme.contains(&shown), "the README should have\n{shown}");
}

#[test]
fn how_backups_stand() {
    let standing = |number: u32, word: &str, newest: u64, proven: u64, size: u64| {
        let (newest_ms, late) = (NOW - newest * HOUR, word == "late");
        BackupHealthView {
            instance: format!("notes-{number}"),
            word: coded::<BackupLevel>(word),
            newest_ms,
            proven_ms: NOW - proven * HOUR,
            bytes: size,
            added: 70 << 20,
            copies: vec![CopyView { repository: "central".to_owned(), newest_ms, late, ..Default::default() }],
            next: if late { NextBackup::Due } else { NextBackup::At }.into(),
            next_ms: NOW + 15 * HOUR,
            covered: 2,
            declared: 2,
            ..Default::default()
        }
    };
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let repository = "central".parse().expect("a name");
    let why = BackupProblem::Old { repository, age: hours(49), limit: hours(26) };
    let late = BackupHealthView { reasons: vec![why.into()], ..standing(2, "late", 49, 150, (5 << 30) / 4) };
    let scene = Scene { standing: vec![late, standing(1, "ok", 9, 33, 3 << 30)], ..Default::default() };
    check(scene, "fleet backup status");
}

#[test]
fn how_the_fleet_is() {
    let running = rollout("running", &[("done", ""), ("under way", "pull registry.example.org/labnotes-web:1.2")]);
    let far = |member: MemberView| match member.state() {
        MemberState::UnderWay => MemberView { progress: megabytes(12, 40), ..member },
        _ => member,
    };
    let members = running.members.iter().cloned().map(far).collect();
    let version =
        |version: &str| VersionCount { app: "labnotes".to_owned(), version: version.to_owned(), instances: 1 };
    let moving = InstanceView {
        wanted_version: "1.2".to_owned(),
        doing: Some(step("pull registry.example.org/labnotes-web:1.2")),
        progress: megabytes(12, 40),
        ..instance(2)
    };
    let status = Status {
        hosts: 2,
        hosts_online: 2,
        instances: 2,
        instances_healthy: 2,
        versions: vec![version("1.1"), version("1.2")],
        backups: Some(BackupTally { has_policy: true, ok: 2, ..Default::default() }),
        rollouts: vec![fleet_proto::v1::RolloutView { members, ..running }],
        host_lines: vec![host(1), host(2)],
        instance_lines: vec![InstanceView { version: "1.2".to_owned(), ..instance(1) }, moving],
        ..Default::default()
    };
    check(Scene { status, ..Default::default() }, "fleet status");
}
