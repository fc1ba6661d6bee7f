//! The files of fleet 0.1: this version opens them, changes them, and opens them again.

use crate::harness::{LIMIT, operators_as};
use fleet_coordinator::facts::{Facts, StateSnapshot};
use fleet_coordinator::home::{Home, HomeError};
use fleet_coordinator::serve::{Config, Options, serve};
use fleet_coordinator::store::{FORMAT, Store, StoreError};
use fleet_core::access::{JoinToken, Subject};
use fleet_core::backup::{DataAction, RepositoryLocation};
use fleet_core::facts::{DriftRule, Running};
use fleet_core::order::{Action, Outcome, PowerRequest};
use fleet_core::rollout::RolloutIntent;
use fleet_link::{Identity, IdentityError, admit};
use fleet_proto::v1::{self, backups_client::BackupsClient};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fleet-coordinator");

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1").join(name)
}

/// The folder of the coordinator of 0.1, its own backups within it.
fn unpacked() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let tar = Command::new("tar").arg("-xzf").arg(fixture("coordinator.tar.gz")).arg("-C").arg(folder.path()).status();
    assert!(tar.expect("tar can be started").success());
    let own = folder.path().join("own-backup.json");
    let mut settings: Value = read_json(&own);
    settings["place"]["folder"]["path"] = folder.path().join("own-backups").display().to_string().into();
    std::fs::write(own, settings.to_string()).expect("written");
    folder
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("it can be read")).expect("it is JSON")
}

/// Facts by their keys, from lines of an export.
fn facts_of(lines: &str) -> BTreeMap<String, Value> {
    let record = |line| {
        let mut record: Value = serde_json::from_str(line).expect("it is JSON");
        (record["key"].as_str().expect("it has a key").to_owned(), record["body"].take())
    };
    lines.lines().map(record).collect()
}

fn exported() -> BTreeMap<String, Value> {
    facts_of(&std::fs::read_to_string(fixture("facts.jsonl")).expect("it can be read"))
}

fn kept(store: &dyn Store) -> BTreeMap<String, Value> {
    let entries = store.scan("").expect("it can be read").into_iter();
    entries.map(|entry| (entry.key, serde_json::from_str(&entry.body).expect("it is JSON"))).collect()
}

fn run(command: &str, folder: &Path, input: Stdio) -> Output {
    let mut program = Command::new(PROGRAM);
    program.arg(command).arg("--data-dir").arg(folder).stdin(input).output().expect("the program can be started")
}

fn name<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is a name"))
}

fn check(snapshot: &StateSnapshot) {
    check_instances(snapshot);
    check_rollouts(snapshot);
    check_backups(snapshot);
    let hosts = &snapshot.observed().hosts;
    assert_eq!(hosts[&name("lab-1")].said.agent_version, "0.1.0");
    let labels: Vec<_> = snapshot.desired().hosts.values().map(|host| host.labels.to_string()).collect();
    assert_eq!(labels, ["site=fr", "site=de", ""]);
    assert_eq!(snapshot.releases()[&name("notes")].len(), 4);
    assert_eq!(snapshot.events().count(), 51);
}

fn check_instances(snapshot: &StateSnapshot) {
    let instances = &snapshot.desired().instances;
    let instance = |of: &str| &instances[&name(of)];
    let (first, second, third) = (instance("notes-1"), instance("notes-2"), instance("notes-3"));
    assert_eq!(instances.len(), 3);
    assert_eq!((first.host.as_str(), first.revision, first.drift), ("lab-1", 1, DriftRule::Heal));
    assert_eq!(first.release.name.to_string(), "notes@1.1");
    assert_eq!((second.power.request, second.power.serial), (PowerRequest::Start, 2));
    let data = second.data.as_ref().map(|data| &data.action);
    assert!(matches!(data, Some(DataAction::Drill { .. })), "{data:?}");
    assert_eq!(third.drift, DriftRule::Report);
    assert!(third.removal.as_ref().is_some_and(|removal| removal.volumes.is_empty()));
    let Running::Settled(said) = &snapshot.observed().instances[&name("notes-3")].running else {
        panic!("nothing is under way")
    };
    assert_eq!(said.release.name.to_string(), "notes@1.1");
    assert!(matches!(snapshot.observed().instances[&name("notes-1")].running, Running::Busy { .. }));
}

fn check_rollouts(snapshot: &StateSnapshot) {
    let rollout = |of: &str| &snapshot.desired().rollouts[&name(of)];
    let (done, aborted, under_way) = (rollout("notes-1"), rollout("notes-2"), rollout("notes-3"));
    let wanted = [done, aborted, under_way].map(|it| (it.version.to_string(), it.intent, it.members.len()));
    let of = |version: &str, request, members| (version.to_owned(), request, members);
    let expect =
        [of("1.2", RolloutIntent::Run, 2), of("1.3", RolloutIntent::Abort, 3), of("1.4", RolloutIntent::Run, 3)];
    assert_eq!(wanted, expect);
    assert_eq!(done.strategy.window.as_ref().map(ToString::to_string).as_deref(), Some("00:00-23:59+02:00"));
    assert_eq!(done.strategy.per.get("site"), Some(&1));
    assert_eq!(done.members[0].from_revision, Some(1));
    let orders = &snapshot.asked().orders;
    let upgrade = &orders[&name("06e52f484542926cf3e504a5")];
    assert!(
        matches!(&upgrade.order.action, Action::Upgrade { goal, .. } if goal.release.name.version == under_way.version)
    );
    assert_eq!(upgrade.rollout, Some(name("notes-3")));
    let drill = &orders[&name("2bf2bfccae510d86c2b75997")].order.action;
    assert!(matches!(drill, Action::Data(DataAction::Drill { .. })), "{drill:?}");
    let ended = &snapshot.observed().ended;
    assert!(matches!(ended[&name("58e065827e84fb24be04570e")].outcome, Outcome::RolledBack { .. }));
    assert!(matches!(ended[&name("f8011139684fcf4a26e9d819")].outcome, Outcome::Failed { .. }));
}

fn check_backups(snapshot: &StateSnapshot) {
    let desired = snapshot.desired();
    let (daily, night) = (&desired.policies[&name("daily")], &desired.policies[&name("night")]);
    assert_eq!((daily.schedule.to_string().as_str(), daily.keep.last, daily.keep.daily), ("@yearly", 3, 7));
    assert_eq!(night.window.as_ref().map(ToString::to_string).as_deref(), Some("22:00-05:00+01:00"));
    assert_eq!(night.schedule.to_string(), "TZ=+01:00 5 4 * * *");
    assert!(night.instances.contains(&name("notes-3")));
    let RepositoryLocation::S3 { bucket, prefix, .. } = &desired.repositories[&name("offsite")].place else {
        panic!("it is a bucket")
    };
    assert_eq!((bucket.as_str(), prefix.as_str()), ("lab-backups", "fleet"));
    assert!(!desired.repositories.contains_key(&name("attic")), "it was removed");
    assert_eq!(desired.held[&name("eb9b98bafc7e5fbe41991a26")].by, name("admin"));
    let backups = |of: &str| snapshot.observed().backups.get(&name(of)).map_or(0, |of| of.len());
    assert_eq!((backups("notes-1"), backups("notes-2"), backups("notes-3")), (2, 1, 0));
}

#[tokio::test]
async fn a_store_of_0_1_opens_with_all_that_was_in_it() {
    let folder = unpacked();
    let home = Home::open(folder.path()).expect("it opens");
    assert_eq!(kept(home.store.as_ref()), exported());
    let facts = Facts::load(Arc::clone(&home.store)).expect("all of it can be read");
    check(&facts.read());
    let identity = Identity::load(&fixture("operator.json")).expect("it opens");
    assert_eq!(identity.subject, Subject::Operator(name("admin")));
    let fingerprint: [u8; 32] = Sha256::digest(identity.ca_der()).into();
    assert_eq!(fingerprint, home.authority.fingerprint(), "it trusts this coordinator");
}

#[tokio::test]
async fn a_coordinator_of_0_1_goes_on_and_what_it_writes_opens_again() {
    let folder = unpacked();
    let (address, token) = new_address(folder.path());
    let home = Home::open(folder.path()).expect("it opens");
    let options = Options { worker: Some(PROGRAM.into()), ..Options::default() };
    let running = serve(Config { home, listen: address, options }).await.expect("it serves");
    let identity = admit(&token, crate::harness::now()).await.expect("the token is good");
    let mut admin = operators_as(&identity).await;
    let list = admin.list_instances(v1::ListInstancesRequest::default()).await.expect("it may be seen").into_inner();
    let versions: Vec<_> = list.instances.iter().map(|it| (it.name.as_str(), it.version.as_str())).collect();
    assert_eq!(versions, [("notes-1", "1.2"), ("notes-2", "1.2"), ("notes-3", "1.1")]);
    let action = v1::SteerAction::Abort.into();
    let steer = v1::SteerRolloutRequest { id: "notes-3".to_owned(), action };
    let aborted = admin.steer_rollout(steer).await.expect("it can be aborted").into_inner();
    assert_eq!((aborted.version.as_str(), aborted.members.len()), ("1.4", 3));
    let channel = fleet_link::dial(&identity).await.expect("it is reached");
    let mut backups = BackupsClient::new(channel);
    let release = v1::HoldBackupRequest { backup: "eb9b98bafc7e5fbe41991a26".to_owned(), release: true };
    let released = backups.hold_backup(release).await.expect("it is there").into_inner();
    assert_eq!((released.cause(), released.held_by.as_str()), (v1::BackupCause::Requested, ""));
    let kits = backups.get_recovery_kits(v1::RecoveryKitsRequest::default()).await.expect("they can be opened");
    let kits: Vec<_> = kits.into_inner().kits.into_iter().map(|kit| (kit.repository, kit.instance)).collect();
    for (repository, instance) in
        [("central", "notes-1"), ("central", "notes-2"), ("attic-removed-1795956989", "notes-2")]
    {
        assert!(kits.contains(&(repository.to_owned(), instance.to_owned())), "{repository} of {instance}: {kits:?}");
    }
    tokio::time::timeout(LIMIT, running.shutdown()).await.expect("it stops").expect("it stops in order");
    let home = Home::open(folder.path()).expect("it opens again");
    let facts = Facts::load(Arc::clone(&home.store)).expect("all of it can be read");
    let snapshot = facts.read();
    assert_eq!(snapshot.desired().rollouts[&name("notes-3")].intent, RolloutIntent::Abort);
    assert!(snapshot.desired().held.is_empty());
    check_instances(&snapshot);
    let (before, after) = (exported(), kept(home.store.as_ref()));
    // Reports of hosts and events are pruned as time passes.
    let stays =
        ["desired/instance/", "desired/policy/", "release/", "subject/", "repository-key/", "former-repository/"];
    for key in before.keys().filter(|key| stays.iter().any(|prefix| key.starts_with(prefix))) {
        assert!(after.contains_key(key), "`{key}` is gone");
    }
    let expect = |key: &str| assert_eq!(after[key], before[key], "{key}");
    [
        "desired/rollout/notes-1",
        "desired/policy/night",
        "desired/instance/notes-2",
        "values/notes-3/00000000000000000001",
    ]
    .into_iter()
    .for_each(expect);
}

/// Moves a stopped coordinator to an address that is free here, and makes a token for an administrator.
fn new_address(folder: &Path) -> (SocketAddr, JoinToken) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = free.local_addr().expect("it is bound");
    let made = run("token", folder, Stdio::null());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let token: JoinToken = String::from_utf8_lossy(&made.stdout).trim().parse().expect("stdout is the token");
    (address, JoinToken { address: address.to_string(), ..token })
}

#[test]
fn facts_that_0_1_exported_are_imported_and_exported_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (from, to) = (unpacked(), folder.path());
    let init = Command::new(PROGRAM).args(["init", "--address", "127.0.0.1:7443", "--data-dir"]).arg(to).output();
    assert!(init.expect("the program can be started").status.success());
    for key in ["ca.key", "ca.crt", "secrets.key"] {
        std::fs::copy(from.path().join(key), to.join(key)).expect("it can be copied");
    }
    let lines = std::fs::File::open(fixture("facts.jsonl")).expect("it can be read");
    let imported = run("import", to, lines.into());
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let again = run("export", to, Stdio::null());
    let mut facts = facts_of(&String::from_utf8_lossy(&again.stdout));
    let expect = exported();
    facts.retain(|key, _| expect.contains_key(key) || !key.starts_with("token/"));
    assert_eq!(facts, expect);
    let home = Home::open(to).expect("it opens");
    check(&Facts::load(Arc::clone(&home.store)).expect("all of it can be read").read());
}

#[tokio::test]
async fn each_kind_of_fact_that_is_newer_is_refused_by_its_key() {
    let folder = unpacked();
    let keys = [
        "desired/host/lab-1",
        "desired/instance/notes-1",
        "desired/policy/night",
        "desired/repository/offsite",
        "desired/rollout/notes-2",
        "observed/host/lab-1",
        "observed/ended/58e065827e84fb24be04570e",
        "asked/06e52f484542926cf3e504a5",
        "release/notes/1.4",
        "subject/operator:admin",
        "event/00000000000000000007",
    ];
    for key in keys {
        let before = put_newer(folder.path(), key);
        let home = Home::open(folder.path()).expect("its settings can be read");
        match Facts::load(Arc::clone(&home.store)).map(|_| ()) {
            Err(StoreError::NewerFormat { key: refused, found }) => {
                assert_eq!((refused.as_str(), found), (key, FORMAT + 1));
            }
            other => panic!("{key}: {other:?}"),
        }
        drop(home);
        put(folder.path(), key, &before);
    }
    put_newer(folder.path(), "settings");
    let refused = Home::open(folder.path()).map(|_| ());
    assert!(
        matches!(&refused, Err(HomeError::Store(StoreError::NewerFormat { key, .. })) if key == "settings"),
        "{refused:?}"
    );
    let served = run("serve", folder.path(), Stdio::null());
    let recorded = String::from_utf8_lossy(&served.stderr);
    assert_eq!(served.status.code(), Some(1), "{recorded}");
    assert!(
        recorded.contains("`settings` is kept in format 3") && recorded.contains("upgrade fleet-coordinator"),
        "{recorded}"
    );
}

/// Opens the store without a coordinator. sled's own threads release it a moment after its last user.
#[allow(clippy::disallowed_methods, reason = "the pause between two looks at a lock")]
fn open_alone(folder: &Path) -> sled::Db {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match sled::open(folder.join("store")) {
            Err(error) if error.to_string().contains("could not acquire lock") && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            opened => return opened.expect("nobody else has it"),
        }
    }
}

/// Writes a record as the next version would. Returns the earlier content.
fn put_newer(folder: &Path, key: &str) -> Vec<u8> {
    let db = open_alone(folder);
    let before = db.get(key).expect("it can be read").unwrap_or_else(|| panic!("`{key}` is there")).to_vec();
    let mut newer: Value = serde_json::from_slice(&before).expect("it is JSON");
    newer["format"] = (FORMAT + 1).into();
    let newer = newer.to_string();
    db.insert(key, newer.as_bytes()).expect("written");
    before
}

fn put(folder: &Path, key: &str, value: &[u8]) {
    let db = open_alone(folder);
    db.insert(key, value).expect("written");
}

#[test]
fn a_newer_export_is_refused_by_its_line_and_nothing_of_it_is_kept() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let to = folder.path().join("to");
    let init = Command::new(PROGRAM).args(["init", "--address", "127.0.0.1:7443", "--data-dir"]).arg(&to).output();
    assert!(init.expect("the program can be started").status.success());
    let before = kept(Home::open(&to).expect("it opens").store.as_ref());
    let lines = std::fs::read_to_string(fixture("facts.jsonl")).expect("it can be read");
    let (last, number) = (lines.trim_end().rfind('\n').expect("it has lines") + 1, lines.lines().count());
    let newer = format!("{}{}", &lines[..last], lines[last..].replacen(r#""format":1"#, r#""format":3"#, 1));
    let path = folder.path().join("facts.jsonl");
    std::fs::write(&path, newer).expect("written");
    let refused = run("import", &to, std::fs::File::open(&path).expect("it can be read").into());
    let recorded = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{recorded}");
    assert!(
        recorded.contains(&format!("line {number} is in format 3")) && recorded.contains("upgrade fleet-coordinator"),
        "{recorded}"
    );
    assert_eq!(kept(Home::open(&to).expect("it opens").store.as_ref()), before);
}

#[test]
fn an_operators_identity_of_0_1_is_kept_as_it_was_and_a_newer_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let identity = Identity::load(&fixture("operator.json")).expect("it opens");
    let path = folder.path().join("identity.json");
    identity.save(&path).expect("written");
    assert_eq!(read_json(&path), read_json(&fixture("operator.json")));
    assert_eq!(Identity::load(&path).expect("it opens again"), identity);
    let mut newer = read_json(&path);
    newer["format"] = 2.into();
    std::fs::write(&path, newer.to_string()).expect("written");
    let refused = Identity::load(&path).map(|_| ());
    assert!(matches!(&refused, Err(IdentityError::Newer { path: at, found: 2 }) if *at == path), "{refused:?}");
}
