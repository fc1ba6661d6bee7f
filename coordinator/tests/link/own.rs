//! A coordinator that is lost and comes back from its own backup, and hosts that have gone on meanwhile.

use crate::harness::{FakeAgent, Harness, Operators, bundle, done, goal, install, now, push, settled, start_rollout};
use crate::import::{again, code, needs_a_person};
use crate::stories::{fleet, installed, instance, until};
use fleet_coordinator::facts::Facts;
use fleet_coordinator::home::{Home, HomeError};
use fleet_coordinator::own::{OwnBackup, OwnError, RestoreError, restore, take_own_backup};
use fleet_coordinator::repositories::WorkerLauncher;
use fleet_core::hint::Hint;
use fleet_link::{dial, renew};
use fleet_proto::convert::incoming_hint;
use fleet_proto::v1::{self, ProblemCode};
use fleet_repository::backend::S3Address;
use fleet_repository::worker::BackendSpec;
use s3::S3;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

#[path = "../../../repository/tests/common/s3.rs"]
mod s3;

fn launcher() -> WorkerLauncher {
    WorkerLauncher::new(Some(env!("CARGO_BIN_EXE_fleet-coordinator").into()))
}

/// Location of backups, with the file that restores them.
struct Vault {
    folder: TempDir,
    recovery: PathBuf,
}

async fn set_up(home: &Path) -> Vault {
    let folder = tempfile::tempdir().expect("a directory can be made");
    let place = BackendSpec::Folder { path: folder.path().join("repository") };
    let name = OwnBackup::set_up(home, place, None, &launcher()).await.expect("it can be set up");
    let recovery = folder.path().join("recovery");
    std::fs::copy(home.join(name), &recovery).expect("it was written");
    Vault { folder, recovery }
}

/// Takes the coordinator's daily backup while it is stopped.
async fn back_up(harness: &mut Harness) {
    harness.stop().await;
    assert!(taken(harness).await.is_none());
    harness.start().await;
}

/// Returns the reason why old backups could not be removed.
async fn taken(harness: &Harness) -> Option<OwnError> {
    let home = Home::open(harness.path()).expect("the directory is free");
    let facts = Facts::load(home.store).expect("it can be read");
    let read = tokio::task::spawn_blocking(move || facts.at_one_moment());
    let entries = read.await.expect("it ends").expect("it can be read");
    take_own_backup(harness.path(), entries, &launcher(), now()).await.expect("it is taken")
}

/// Loses the directory, and serves the restored one under the same address.
async fn lose_and_restore(harness: &mut Harness, vault: &Vault) {
    harness.stop().await;
    let back = tempfile::tempdir().expect("a directory can be made");
    restore(&vault.recovery, None, back.path(), &launcher()).await.expect("it comes back");
    harness.directory = back;
    harness.start().await;
}

/// Moves the instance to a version; returns its new state.
async fn move_to(admin: &mut Operators, agent: &mut FakeAgent, version: &str) -> v1::Goal {
    push(admin, version, &bundle(&format!("notes:{version}"))).await.expect("it is a good bundle");
    let request = v1::ProposeRolloutRequest {
        version: version.to_owned(),
        canary: Some(0),
        soak_ms: Some(0),
        ..v1::ProposeRolloutRequest::default()
    };
    start_rollout(admin, request).await.expect("it can work");
    let order = agent.orders(1).await.remove(0);
    agent.obey(&order, done(), goal(&order)).await;
    agent.orders(0).await;
    until(admin, "notes-1", |view| view.as_ref().is_some_and(|view| view.version == version)).await;
    goal(&order).cloned().expect("an upgrade has a goal")
}

#[tokio::test]
async fn a_lost_coordinator_comes_back_with_its_facts_keys_and_certificates() {
    let (mut harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let vault = set_up(harness.path()).await;
    back_up(&mut harness).await;
    lose_and_restore(&mut harness, &vault).await;
    let mut agent = again(&identity).await;
    assert!(agent.open_set().await.expect("the stream goes on").orders.is_empty(), "nothing is installed in its place");
    let view = instance(&mut admin, "notes-1").await.expect("the administrator's certificate counts, and it is known");
    assert_eq!(view.values.get("password").map(String::as_str), Some("***"));
    needs_a_person(&mut admin, "instance notes-1", ProblemCode::DataMissing).await;
    let refused = restore(&vault.recovery, None, harness.path(), &launcher()).await;
    assert!(matches!(refused, Err(RestoreError::Home(_))), "nothing is overwritten: {refused:?}");
}

#[tokio::test]
async fn while_a_file_cannot_be_read_backups_are_taken_and_none_is_let_go() {
    let (mut harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let vault = set_up(harness.path()).await;
    let file = harness.path().join("own-backup.json");
    let mut own: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).expect("it is there")).expect("JSON");
    own["keep"] = 1.into();
    std::fs::write(&file, own.to_string()).expect("there is room");
    back_up(&mut harness).await;
    let snapshots = vault.folder.path().join("repository/snapshots");
    let kept = || std::fs::read_dir(&snapshots).expect("it is there").flatten().map(|it| it.path()).collect::<Vec<_>>();
    let before = kept();
    let good = std::fs::read(&before[0]).expect("it can be read");
    let bad: Vec<u8> = good.iter().enumerate().map(|(at, byte)| if at == 40 { byte ^ 1 } else { *byte }).collect();
    std::fs::write(&before[0], bad).expect("it can be written");
    harness.stop().await;
    for round in 1..3 {
        assert!(taken(&harness).await.is_some_and(|why| why.to_string().contains("cannot be read")));
        assert_eq!(kept().len(), before.len() * (1 + round), "nothing was let go");
    }
    std::fs::write(&before[0], good).expect("it can be written");
    assert!(taken(&harness).await.is_none());
    assert_eq!(kept().len(), before.len(), "the newest alone");
}

#[tokio::test]
async fn a_coordinator_that_is_not_backed_up_says_so() {
    let (harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    needs_a_person(&mut admin, "coordinator", ProblemCode::OwnBackupNotSet).await;
    let _vault = set_up(harness.path()).await;
    let gone = async {
        loop {
            let status = admin.get_status(v1::GetStatusRequest {}).await.expect("it answers").into_inner();
            if status.attention.iter().all(|it| code(it) != ProblemCode::OwnBackupNotSet) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
    };
    tokio::time::timeout(crate::harness::LIMIT, gone).await.expect("it is set up");
}

#[tokio::test]
async fn its_backups_go_to_a_bucket_and_come_back_from_there() {
    let server = tokio::task::spawn_blocking(S3::start).await.expect("it starts");
    let (mut harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let place = BackendSpec::S3(S3Address { prefix: "own".to_owned(), ..s3::address(server.port) });
    let name = OwnBackup::set_up(harness.path(), place, None, &launcher()).await.expect("it can be set up");
    let folder = tempfile::tempdir().expect("a directory can be made");
    let recovery = folder.path().join("recovery");
    std::fs::copy(harness.path().join(name), &recovery).expect("it was written");
    back_up(&mut harness).await;
    assert!(server.bucket().join("own/config").exists());
    lose_and_restore(&mut harness, &Vault { folder, recovery }).await;
    let _agent = again(&identity).await;
    instance(&mut admin, "notes-1").await.expect("it is known");
}

#[tokio::test]
async fn the_catalog_of_a_hosts_own_folder_is_among_the_facts_that_are_backed_up() {
    let (mut harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let vault = set_up(harness.path()).await;
    let id = "0123456789abcdef01234567";
    let digest = format!("sha256:{:064}", 1);
    let release = serde_json::json!({ "name": { "app": "notes", "version": "1.1" }, "digest": digest });
    let seen = serde_json::json!({
        "began": now(), "ended": now(), "cause": "wished", "host": "lab-1", "release": release, "bytes": 1,
        "added": 1, "covered": 1, "declared": 1, "proof": null,
    });
    let key = serde_json::json!({ "repository": "usb", "backup": id });
    let kept = serde_json::json!({ "instance": "notes-1", "key": key, "seen": seen });
    let usb = serde_json::json!({ "place": { "folder": { "path": "/mnt/usb" } }, "added": 1 });
    harness
        .meddle(|_, batch| {
            batch.put(format!("observed/backup/notes-1/usb/{id}"), &kept);
            batch.put("desired/repository/usb", &usb);
        })
        .await;
    back_up(&mut harness).await;
    lose_and_restore(&mut harness, &vault).await;
    harness.stop().await;
    let snapshot =
        Facts::load(Home::open(harness.path()).expect("the directory is free").store).expect("it can be read");
    assert!(snapshot.read().observed().backups.contains_key(&"notes-1".parse().expect("a name")));
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_no_coordinator_and_is_begun_again() {
    let (mut harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let vault = set_up(harness.path()).await;
    back_up(&mut harness).await;
    harness.stop().await;
    let back = tempfile::tempdir().expect("a directory can be made");
    let survived = back.path().join("repositories/central/notes-1/config");
    std::fs::create_dir_all(survived.parent().expect("it has one")).expect("there is room");
    std::fs::write(&survived, "what survived").expect("there is room");
    restore(&vault.recovery, None, back.path(), &launcher()).await.expect("it comes back beside what survived");
    drop(Home::open(back.path()).expect("it is whole"));
    // As if it had been killed before its end.
    std::fs::write(back.path().join("restore-unfinished"), "").expect("there is room");
    let refused = Home::open(back.path()).map(drop).expect_err("nobody serves it");
    assert!(matches!(refused, HomeError::Unfinished { .. }) && refused.hint().is_some(), "{refused}");
    restore(&vault.recovery, None, back.path(), &launcher()).await.expect("it is begun again");
    drop(Home::open(back.path()).expect("it is whole"));
    assert_eq!(std::fs::read_to_string(&survived).expect("it is there"), "what survived");
}

#[tokio::test]
async fn stock_restic_opens_it_with_the_password_of_the_recovery_file() {
    let (mut harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let vault = set_up(harness.path()).await;
    back_up(&mut harness).await;
    let recovery: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&vault.recovery).expect("it is there")).expect("it is JSON");
    let mut restic = Command::new("restic");
    restic.args(["dump", "--no-lock", "--tag", "kind=dumps", "latest", "/facts.jsonl"]);
    restic.env("RESTIC_REPOSITORY", vault.folder.path().join("repository"));
    restic.env("RESTIC_PASSWORD", recovery["secrets"]["password"].as_str().expect("it has one"));
    let output = restic.output().expect("restic is installed");
    let facts = String::from_utf8(output.stdout).expect("it is text");
    assert!(facts.lines().any(|line| line.contains("desired/instance/notes-1")), "{:?}", output.stderr);
    assert!(!facts.contains("hunter2"), "secrets are sealed in there, too");
    let text = std::fs::read_to_string(harness.path().join("own-backup.json")).expect("it is there");
    assert!(!text.contains(recovery["secrets"]["password"].as_str().expect("it has one")));
}

#[tokio::test]
async fn a_host_that_is_ahead_of_restored_facts_waits_for_a_person_and_is_not_put_back() {
    let (mut harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let vault = set_up(harness.path()).await;
    let previous = move_to(&mut admin, &mut agent, "1.2").await;
    back_up(&mut harness).await;
    let mut agent = again(&identity).await;
    agent.say(settled("notes-1", &previous, 0)).await;
    until(&mut admin, "notes-1", |view| view.as_ref().is_some_and(|view| view.version == "1.2")).await;
    let newest = move_to(&mut admin, &mut agent, "1.3").await;
    install(&mut admin, "1.3", "lab-1", "notes-2").await.expect("nothing stands against it");
    let order = agent.orders(1).await.remove(0);
    agent.obey(&order, done(), goal(&order)).await;
    agent.orders(0).await;
    drop(agent);
    lose_and_restore(&mut harness, &vault).await;
    let mut agent = FakeAgent::connect_quietly(&identity, fleet_proto::PROTOCOL).await.expect("it is welcome");
    agent.say(crate::harness::hello(now())).await;
    for name in ["notes-1", "notes-2"] {
        agent.say(settled(name, &newest, 0)).await;
    }
    agent.say(v1::from_agent::Kind::Complete(v1::Complete {})).await;
    let recorded = needs_a_person(&mut admin, "instance notes-1", ProblemCode::OtherRelease).await;
    let hint = recorded.hint.and_then(incoming_hint);
    assert!(matches!(hint, Some(Hint::WantRunningRelease(_))), "{hint:?}");
    needs_a_person(&mut admin, "host lab-1", ProblemCode::UnknownInstance).await;
    assert!(agent.open_set().await.expect("the stream goes on").orders.is_empty(), "it keeps what it has");
    push(&mut admin, "1.3", &bundle("notes:1.3")).await.expect("it is a good bundle");
    let request = v1::ProposeRolloutRequest { version: "1.3".to_owned(), canary: Some(0), ..Default::default() };
    let _ = start_rollout(&mut admin, request).await;
    let view = instance(&mut admin, "notes-1").await.expect("it is known");
    assert_eq!(view.version, "1.3", "whatever was said, it was not put back");
}

#[tokio::test]
async fn a_certificate_that_was_renewed_after_the_backup_is_believed() {
    let (mut harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let vault = set_up(harness.path()).await;
    back_up(&mut harness).await;
    // Certificates end at whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let channel = dial(&identity).await.expect("it is reached");
    let renewed = renew(&identity, channel, now()).await.expect("it can be renewed");
    let _agent = FakeAgent::connect(&renewed).await.expect("it is welcome");
    lose_and_restore(&mut harness, &vault).await;
    let _agent = again(&renewed).await;
    let channel = dial(&renewed).await.expect("it is reached");
    let twice = renew(&renewed, channel, now()).await.expect("it can be renewed again");
    let _agent = again(&twice).await;
}
