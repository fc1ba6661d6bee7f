//! Restrictions of a host's policy on orders about data.

use super::actions::{backup, copies, drill, restore, source};
use super::harness::{Agent, Harness, files};
use super::restores::changed_since;
use fleet_core::backup::{BackupSource, DataAction, Kept, Manifest, Others, Part, Privileges, Root, Snapshots};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End, Outcome};
use fleet_core::release::Goal;
use fleet_core::spec::VolumeTarget;
use fleet_repository::SetRecord;
use std::collections::BTreeSet;

/// A store of whatever volumes users have, which are of no instance.
const NOBODYS: &str = "stop: [] }\n  users: { engine: volume, kind: truth, volume: 'nobody_*'";

fn write_policy(harness: &Harness, text: &str) {
    let policy = format!("repositories: ['{}']\n{text}", harness.path.display());
    std::fs::write(harness.path.join("policy.yaml"), policy).expect("written");
}

#[track_caller]
fn check_refused(end: &End, parts: &[&str]) {
    let reason = end.outcome.failure().map(ToString::to_string).unwrap_or_default();
    assert!(parts.iter().all(|part| reason.contains(part)), "{parts:?} are not in {end:?}");
}

fn manifest(end: &End) -> Manifest {
    copies(end)["near"].clone().unwrap_or_else(|reason| panic!("{reason}"))
}

/// Returns the uncovered data as the texts of the manifest.
fn uncovered(manifest: &Manifest) -> Vec<String> {
    manifest.uncovered.iter().map(ToString::to_string).collect()
}

fn stores(manifest: &Manifest) -> Vec<&str> {
    manifest.parts.iter().map(|part| part.store.as_str()).collect()
}

#[tokio::test]
async fn where_exec_is_denied_files_are_kept_and_databases_are_said_to_be_uncovered() {
    let (harness, agent) = Harness::new("").await;
    write_policy(&harness, "exec: denied\n");
    let end = harness.carry_out(&agent, backup(&["near"])).await;
    check_refused(&end, &["it does not have the store `rows`: the host does not allow exec"]);
    let manifest = manifest(&end);
    assert_eq!(stores(&manifest), ["uploads"]);
    let said = "rows: the host does not allow exec, and the store rows needs programs inside a container";
    assert_eq!(uncovered(&manifest), [said]);
    harness.check_calm("after a backup without a database");
}

#[tokio::test]
async fn where_exec_is_denied_a_database_is_neither_drilled_nor_restored() {
    let (harness, agent, id, _, after) = changed_since("").await;
    write_policy(&harness, "exec: denied\n");
    for action in [drill("near", &id), restore("near", &id, &[])] {
        check_refused(&harness.carry_out(&agent, action).await, &["does not allow exec", "the store rows"]);
    }
    assert_eq!(harness.state(), after);
    harness.check_calm("after nothing was allowed");
}

#[tokio::test]
async fn backups_are_kept_and_read_only_where_the_host_allows_it() {
    let (harness, agent, id, _, after) = changed_since("").await;
    std::fs::write(harness.path.join("policy.yaml"), "").expect("written");
    let folder = harness.path.join("repositories/near/oasis-1").display().to_string();
    let line = format!("`repositories: [{folder}]`");
    let parts = ["the host does not allow backups in the folder", line.as_str()];
    let orders = [backup(&["near"]), drill("near", &id), restore("near", &id, &[])]
        .map(|action| harness.order(action, "refused"));
    for order in &orders {
        check_refused(&harness.carry_out_order(&agent, order).await, &parts);
    }
    assert_eq!(harness.state(), after);
    assert_eq!(harness.sets("near").await.len(), 1);
    // An allowed one gets its copy, whatever happens to the other.
    std::fs::write(
        harness.path.join("policy.yaml"),
        format!("repositories: ['{}']", harness.path.join("repositories/far").display()),
    )
    .expect("written");
    let end = harness.carry_out_order(&agent, &harness.order(backup(&["near", "far"]), "one")).await;
    let copies = copies(&end);
    assert!(copies["near"].is_err() && copies["far"].is_ok(), "{copies:?}");
}

async fn with_nobodys(policy: &str) -> (Harness, Agent) {
    let (harness, agent) = Harness::new(NOBODYS).await;
    write_policy(&harness, policy);
    harness.lab.fake.world().volumes.insert("nobody_bob".to_owned(), Vec::new());
    std::fs::create_dir_all(harness.lab.volume("nobody_bob")).expect("made");
    std::fs::write(harness.lab.volume("nobody_bob").join("his"), "secret").expect("written");
    (harness, agent)
}

#[tokio::test]
async fn what_is_of_no_instance_is_read_only_with_consent() {
    let (harness, agent) = with_nobodys("").await;
    let end = harness.carry_out(&agent, backup(&["near"])).await;
    let refused = manifest(&end);
    assert_eq!(stores(&refused), ["rows", "uploads"]);
    let said = "users: the host does not allow nobody_bob, which is of no instance, to the store users; \
                its policy.yaml would need `foreign: [nobody_bob]`";
    assert_eq!(uncovered(&refused), [said]);
    write_policy(&harness, "foreign: ['nobody_*']\n");
    let end = harness.carry_out_order(&agent, &harness.order(backup(&["near"]), "allowed")).await;
    assert_eq!(stores(&manifest(&end)), ["rows", "uploads", "users"]);
    // A volume that leads to a folder of the host is that folder.
    harness.lab.fake.world().devices.insert("nobody_bob".to_owned(), vec![VolumeTarget::Path("/etc".to_owned())]);
    let end = harness.carry_out_order(&agent, &harness.order(backup(&["near"]), "device")).await;
    let uncovered = uncovered(&manifest(&end)).join("; ");
    assert!(uncovered.contains("the folder /etc to the store users"), "{uncovered}");
}

/// Makes a backup as the host, with a forged manifest.
async fn forged(harness: &Harness, id: &BackupId, number: u32, change: impl FnOnce(&mut Part)) -> BackupSource {
    let sets = harness.sets("near").await;
    let set = sets.iter().find(|set| set.backup == *id).expect("it is there");
    let mut manifest = set.read_manifest().expect("it can be read");
    let backup: BackupId = format!("{number:024x}").parse().expect("an id");
    manifest.backup = backup.clone();
    change(manifest.parts.iter_mut().find(|part| part.store.as_str() == "uploads").expect("it has one"));
    harness.keeping.write_set("near", &backup, &manifest).await;
    let sets = harness.sets("near").await;
    let made = sets.iter().find(|set| set.backup == backup).map(SetRecord::snapshots).expect("it was written");
    let kept = set.snapshots();
    BackupSource { snapshots: Some(Snapshots { set: made.set, ..kept }), ..source("near", &backup) }
}

fn roots(part: &mut Part) -> &mut Vec<Root> {
    match &mut part.kept {
        Kept::Files { roots, .. } => roots,
        Kept::Stream { .. } => panic!("files are kept as files"),
    }
}

fn restore_of(from: BackupSource, goal: Option<Goal>) -> Action {
    let (only, safety, others) = (BTreeSet::new(), BTreeSet::new(), Others::Kept);
    let privileges = Privileges::default();
    Action::Data(DataAction::Restore { from, only, safety, goal, replaces: None, others, privileges })
}

#[tokio::test]
async fn a_hostile_manifest_writes_into_nothing_that_is_not_the_new_instances() {
    for (number, named) in (1..).zip(["nobody_bob", "nobody_other-1_data", "/etc"]) {
        let (harness, agent) = with_nobodys("foreign: ['nobody_*']\n").await;
        let order = harness.order(backup(&["near"]), "");
        assert_eq!(harness.carry_out_order(&agent, &order).await.outcome, Outcome::Done);
        harness.lab.fake.world().volumes.insert("nobody_other-1_data".to_owned(), Vec::new());
        std::fs::create_dir_all(harness.lab.volume("nobody_other-1_data")).expect("made");
        let id: BackupId = order.order.id.as_str().parse().expect("an id");
        let from = forged(&harness, &id, number, |part| {
            part.store = "users".parse().expect("a name");
            roots(part)[0].from = named.to_owned();
        });
        let action = restore_of(from.await, Some(harness.goal(1)));
        let end =
            harness.carry_out_order(&agent, &harness.order_of(&"oasis-2".parse().expect("a name"), action, "")).await;
        let why = if named == "/etc" { "no target /etc" } else { "volumes nobody_" };
        check_refused(&end, &[why]);
        let found = files(&harness.lab.volume("nobody_bob"));
        assert_eq!(found, [("his".to_owned(), b"secret".to_vec())].into(), "{named}");
        assert!(harness.lab.fake.world().volumes.contains_key("nobody_other-1_data"), "{named}: it was removed");
    }
}

type Change = fn(&mut Part);

#[tokio::test]
async fn a_part_with_no_folder_or_with_two_for_one_place_fails_the_restore() {
    let (harness, agent, id, _, after) = changed_since("").await;
    let twice = |part: &mut Part| {
        let first = roots(part)[0].clone();
        roots(part).push(first);
    };
    let elsewhere = |part: &mut Part| {
        let first = roots(part)[0].clone();
        roots(part).push(Root { from: "oasis-1_attic".to_owned(), ..first });
    };
    let cases: [(Change, &str); 3] = [
        (|part| roots(part).clear(), "store empty"),
        (twice, "same folder"),
        (elsewhere, "volume not taken oasis-1_attic"),
    ];
    for (number, (change, why)) in (1..).zip(cases) {
        let from = forged(&harness, &id, number, change).await;
        check_refused(&harness.carry_out(&agent, restore_of(from, None)).await, &[why]);
        assert_eq!(harness.state(), after, "{why}");
    }
    harness.check_calm("after manifests that fit nothing");
}
