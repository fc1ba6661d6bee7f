//! Backups: taken by themselves, proven, kept and forgotten for reasons, and said when they fail.

use fleet_agent::fake::ToolFault;
use fleet_tests::fleet::Fleet;
use fleet_tests::lab::list;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Takes a backup once an instance has the policy, and no other this year.
const ONCE: &str = "--schedule @yearly --spread 0s --max-age 400d";

pub fn policy(fleet: &Fleet, more: &str) {
    fleet.done(&format!("backup policy set daily {ONCE} {more}"));
}

/// Returns the health of an instance's backups, at any level.
pub fn standing(fleet: &Fleet, instance: &str) -> Value {
    let output = fleet.admin.run(&format!("backup status {instance} -o json"));
    let answer: Value = serde_json::from_str(&output.stdout).expect("it is JSON");
    list(&answer, "instances").first().cloned().unwrap_or_default()
}

/// The copies of the backups of an instance, newest first.
pub fn listed(fleet: &Fleet, instance: &str) -> Vec<Value> {
    let answer = fleet.admin.json(&format!("backup ls {instance}"));
    list(&answer, "backups").to_vec()
}

fn wait_word(fleet: &Fleet, instance: &str, word: &str) {
    fleet.until(&format!("{instance} to be {word}"), || standing(fleet, instance)["word"] == word);
}

/// Takes a requested backup and returns its id.
pub fn back_up(fleet: &Fleet, instance: &str) -> String {
    fleet.done(&format!("backup now {instance}"));
    listed(fleet, instance)[0]["id"].as_str().expect("it has one").to_owned()
}

#[test]
fn a_policy_by_label_has_backups_taken_by_themselves() {
    let fleet = Fleet::with_rows(&["lab-1 site=fr", "lab-2 site=de"]);
    let output = fleet.admin.run("backup status");
    assert_eq!(output.code, 1, "nobody has a backup: {}", output.text());
    policy(&fleet, "-l site=fr");
    wait_word(&fleet, "notes-1", "ok");
    assert_eq!(listed(&fleet, "notes-1")[0]["backup"]["cause"], "scheduled");
    assert_eq!(fleet.admin.run("backup status -l site=fr").code, 0);
    assert_eq!(standing(&fleet, "notes-2")["word"], "never", "it has no policy");
    assert_eq!(fleet.admin.run("backup status").code, 1, "one that is not well is enough");
}

#[test]
fn a_backup_that_a_host_missed_is_taken_once_when_it_is_back() {
    let mut fleet = Fleet::with_rows(&["lab-1", "lab-2"]);
    fleet.host_mut("lab-1").crash();
    fleet.wait_link("lab-1", "offline");
    policy(&fleet, "--all");
    wait_word(&fleet, "notes-2", "ok");
    assert_eq!(standing(&fleet, "notes-1")["word"], "never");
    fleet.host_mut("lab-1").start();
    wait_word(&fleet, "notes-1", "ok");
    // One more that is asked for shows that none is waiting before it.
    back_up(&fleet, "notes-1");
    let causes: Vec<_> = listed(&fleet, "notes-1").iter().map(|it| it["backup"]["cause"].clone()).collect();
    assert_eq!(causes, ["requested", "scheduled"]);
}

#[test]
fn a_dump_that_fails_is_said_with_its_reason() {
    let fleet = Fleet::with_rows(&["lab-1"]);
    policy(&fleet, "--all");
    wait_word(&fleet, "notes-1", "ok");
    for (fault, why) in [(ToolFault::FailsHalfway, "exited with code 1"), (ToolFault::CutsOff, "rows")] {
        fleet.on_all(|world| world.tool_faults.insert("db".to_owned(), fault));
        fleet.refused("backup now notes-1").says("the store `rows`").says(why);
        let output = fleet.admin.run("backup status");
        assert_eq!(output.code, 1, "{}", output.text());
        output.says("failing").says("the store `rows`");
        assert_eq!(listed(&fleet, "notes-1").len(), 1, "what failed is no backup");
    }
    fleet.on_all(|world| world.tool_faults.clear());
    back_up(&fleet, "notes-1");
    wait_word(&fleet, "notes-1", "ok");
}

#[test]
fn only_a_drill_makes_a_backup_proven() {
    let fleet = Fleet::with_rows(&["lab-1"]);
    policy(&fleet, "--all --drill never");
    let id = back_up(&fleet, "notes-1");
    assert_eq!(standing(&fleet, "notes-1")["proven"], "");
    fleet.done("backup drill notes-1");
    assert_eq!(standing(&fleet, "notes-1")["proven"], id.as_str());
    let shown = fleet.done(&format!("backup show {id}"));
    assert!(shown.contains("rows: "), "it says what was compared: {shown}");
    let containers = fleet.host("lab-1").containers("notes-1").len();
    let all = fleet.host("lab-1").runtime.meddle(|world| world.containers.len());
    assert_eq!(all, containers, "a drill leaves nothing");

    // A backup that cannot be loaded is a failed drill, and an earlier proof stays.
    back_up(&fleet, "notes-1");
    fleet.on_all(|world| world.tool_faults.insert("db".to_owned(), ToolFault::FailsHalfway));
    fleet.refused("backup drill notes-1").says("rows");
    assert_eq!(standing(&fleet, "notes-1")["proven"], id.as_str());
    assert_eq!(standing(&fleet, "notes-1")["word"], "failing");
}

#[test]
fn whatever_stays_or_goes_has_a_reason_and_the_proven_one_stays() {
    let fleet = Fleet::with_rows(&["lab-1"]);
    let proven = back_up(&fleet, "notes-1");
    fleet.done("backup drill notes-1");
    let held = back_up(&fleet, "notes-1");
    fleet.done(&format!("backup hold {held}"));
    let (older, newest) = (back_up(&fleet, "notes-1"), back_up(&fleet, "notes-1"));
    policy(&fleet, "--all --keep-last 1 --keep-daily 0 --keep-weekly 0 --keep-monthly 0");
    let stays = |id: &str| {
        let found = listed(&fleet, "notes-1").into_iter().find(|it| it["id"] == id).expect("it is listed");
        (found["copy"]["kept"] == true, found["copy"]["why"].as_str().unwrap_or_default().to_owned())
    };
    let check = |id: &str, is_kept: bool, why: &str| {
        let found = stays(id);
        assert!(found.0 == is_kept && found.1.contains(why), "{found:?} instead of {is_kept}, {why}");
    };
    check(&proven, true, "the newest proven");
    check(&held, true, "held");
    check(&newest, true, "the newest");
    check(&older, true, "younger than a day");
    fleet.done(&format!("backup release {held}"));
    assert!(!stays(&held).1.contains("held"), "nobody holds it any more: {:?}", stays(&held));
    check(&proven, true, "the newest proven");
}

/// The packs of an instance's repository on the coordinator's disk.
fn packs(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut line) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = line.pop() {
        for entry in std::fs::read_dir(path).expect("a folder").flatten() {
            if entry.path().is_dir() { line.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}

#[test]
fn a_damaged_backup_is_named_and_counts_for_nothing() {
    let fleet = Fleet::with_rows(&["lab-1"]);
    policy(&fleet, "--all");
    let id = back_up(&fleet, "notes-1");
    fleet.done("backup verify notes-1 --read-data 100%");
    for pack in packs(&fleet.server.folder().join("repositories/central/notes-1/data")) {
        let mut bytes = std::fs::read(&pack).expect("a pack");
        bytes[20] ^= 1;
        let mut permissions = std::fs::metadata(&pack).expect("it is there").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
        std::fs::set_permissions(&pack, permissions).expect("ours");
        std::fs::write(&pack, bytes).expect("written");
    }
    let output = fleet.admin.run("backup verify notes-1 --read-data 100%");
    assert_eq!(output.code, 1, "{}", output.text());
    assert!(output.text().contains(&id[..8]), "it is named: {}", output.text());
    let word = standing(&fleet, "notes-1")["word"].clone();
    assert_ne!(word, "ok", "what is damaged is no backup");
}
