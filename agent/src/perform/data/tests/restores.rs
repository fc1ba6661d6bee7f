//! Restores that succeed, and restores after which everything is as before.

use super::actions::{backup, restore, source};
use super::harness::{Agent, Harness, State};
use super::lab::Fault;
use crate::fake::Behaviour;
use fleet_core::backup::{DataAction, DataNote, DataResult, OccupiedTarget, Others, Privileges, StoreDifference};
use fleet_core::hint::Hint;
use fleet_core::names::{BackupId, InstanceName};
use fleet_core::order::{Action, Outcome, PowerRequest};
use fleet_core::order_failure::{OrderFailure, StoreProblem};
use std::collections::BTreeSet;

pub async fn changed_since(holds: &str) -> (Harness, Agent, BackupId, State, State) {
    let (harness, agent) = Harness::new(holds).await;
    let order = harness.order(backup(&["near"]), "");
    assert_eq!(harness.carry_out_order(&agent, &order).await.outcome, Outcome::Done);
    let before = harness.state();
    let after = State::of("row 1\nrow 9\n", &[("a.txt", b"other"), ("new.txt", b"new")]);
    harness.set(&after);
    (harness, agent, order.order.id.as_str().parse().expect("an id"), before, after)
}

#[tokio::test]
async fn a_restore_gives_back_what_was_and_keeps_what_is_in_a_safety_backup() {
    let (harness, agent, id, before, after) = changed_since("").await;
    let order = harness.order(restore("near", &id, &["near"]), "");
    let end = harness.carry_out_order(&agent, &order).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(harness.state(), before);
    harness.check_calm("after a restore");
    let Some(DataResult::Restore(made)) = end.made.as_deref() else {
        panic!("expected a restore, found {:?}", end.made)
    };
    assert_eq!((made.backup.clone(), made.safety.len()), (id, 1));
    let sets = harness.sets("near").await;
    let safety = sets.iter().find(|set| set.backup.as_str() == order.order.id.as_str()).expect("it is there");
    assert_eq!(harness.restored("near", safety).await, Ok(after));
}

#[tokio::test]
async fn a_backup_is_made_drilled_and_restored_beside_manifests_that_are_too_much_to_read_at_once() {
    let (harness, agent, id, before, _) = changed_since("").await;
    harness.keeping.crowd("near");
    let sets = harness.sets("near").await;
    assert!(sets.iter().all(|set| set.backup != id), "those that are newer are all that is read");
    let end = harness.carry_out_order(&agent, &harness.order(backup(&["near"]), "again")).await;
    assert_eq!(end.outcome, Outcome::Done);
    let drill = Action::Data(DataAction::Drill { from: source("near", &id), privileges: Default::default() });
    assert_eq!(harness.carry_out(&agent, drill).await.outcome, Outcome::Done);
    assert_eq!(harness.carry_out(&agent, restore("near", &id, &["near"])).await.outcome, Outcome::Done);
    assert_eq!(harness.state(), before);
    harness.check_calm("after a restore from a crowded repository");
}

/// Ends the previous store, and adds a derived one that a command rebuilds.
const DERIVED: &str = "stop: [] }\n  counts: { engine: volume, kind: derivable, volume: \"*_counts\", rebuild: { service: db, \
                       command: [COMMAND], limit: 1m }";

#[tokio::test]
async fn what_is_derived_is_rebuilt_also_where_the_instance_stands_still() {
    for (command, is_done) in [("ask", true), ("fail", false)] {
        let (harness, agent, id, before, _) = changed_since(&DERIVED.replace("COMMAND", command)).await;
        let stop = Action::Power { request: PowerRequest::Stop, serial: 1 };
        assert_eq!(harness.carry_out(&agent, stop).await.outcome, Outcome::Done);
        let end = harness.carry_out(&agent, super::others::dropping(&id)).await;
        let Some(DataResult::Restore(made)) = end.made.as_deref() else { panic!("expected a restore, found {end:?}") };
        match &end.outcome {
            Outcome::Done if is_done => {
                let is_it =
                    |note: &DataNote| matches!(note, DataNote::Rebuilt { store, .. } if store.as_str() == "counts");
                assert!(made.notes.iter().any(is_it), "{:?}", made.notes);
            }
            Outcome::Stuck { hint, .. } if !is_done => {
                let why = made.notes.iter().find_map(DataNote::failure).map(ToString::to_string);
                assert!(why.is_some_and(|why| why.contains("what is that?")), "{:?}", made.notes);
                assert!(
                    matches!(end.outcome.failure(), Some(OrderFailure::RebuildFailed { failures }) if failures.len() == 1)
                );
                assert!(matches!(hint, Some(Hint::RebuildStopped(_, commands)) if commands.len() == 1), "{hint:?}");
            }
            other => panic!("{command}: {other:?}"),
        }
        assert_eq!((harness.state(), harness.running()), (before, Vec::new()), "{command}");
    }
}

#[tokio::test]
async fn only_the_stores_that_are_named_are_restored() {
    let (harness, agent, id, before, after) = changed_since("").await;
    let only: BTreeSet<_> = ["rows".parse().expect("a name")].into();
    let action = DataAction::Restore {
        from: source("near", &id),
        only,
        safety: BTreeSet::new(),
        goal: None,
        replaces: None,
        others: Others::Kept,
        privileges: Default::default(),
    };
    assert_eq!(harness.carry_out(&agent, Action::Data(action)).await.outcome, Outcome::Done);
    assert_eq!(harness.state(), State { rows: before.rows, uploads: after.uploads });
    harness.check_calm("after a restore of one store");
}

#[tokio::test]
async fn a_store_that_lives_in_the_same_folder_is_not_lost_with_it() {
    let (harness, agent, id, _, after) =
        changed_since("stop: [] }\n  cache: { engine: volume, kind: derivable, volume: data").await;
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    let Some(OrderFailure::InStore { store, failure }) = end.outcome.failure() else { panic!("{end:?}") };
    let is_shared = |problem: &StoreProblem| matches!(problem, StoreProblem::SharedFolder { .. });
    let is_it = matches!(&**failure, OrderFailure::StoreUnusable { problem } if is_shared(problem));
    assert!(store == "cache" && is_it, "{end:?}");
    assert_eq!(harness.state(), after);
    harness.check_calm("after a restore that would have lost a store");
}

#[tokio::test]
async fn a_restore_that_fails_leaves_the_instance_as_it_was() {
    let lost = StoreDifference::Count { item: "public.notes".to_owned(), low: 3, high: 3, found: 2 }.to_string();
    for (fault, why) in [(Fault::LoadFails, "syntax error"), (Fault::LoadLosesRow, lost.as_str())] {
        let (harness, agent, id, _, after) = changed_since("").await;
        harness.lab.plan().fault = Some(fault);
        let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
        match &end.outcome {
            Outcome::RolledBack { failure } => assert!(failure.to_string().contains(why), "{failure}"),
            other => panic!("expected it to go back, found {other:?}"),
        }
        assert_eq!(harness.state(), after);
        harness.check_calm(why);
    }
}

#[tokio::test]
async fn what_does_not_pass_its_gate_with_the_restored_goes_back() {
    let (harness, agent, id, _, after) = changed_since("").await;
    harness.lab.fake.world().behaviours.insert("notes-web:1".to_owned(), Behaviour::Ends(7));
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    // With the old data it does not run either: this is reported, and the data is the old.
    assert!(matches!(end.outcome, Outcome::Stuck { .. }), "{end:?}");
    assert_eq!(harness.state(), after);
}

#[tokio::test]
async fn a_damaged_backup_leaves_the_instance_as_it_was() {
    let (harness, agent, id, _, after) = changed_since("").await;
    harness.keeping.damage_packs("near");
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    assert!(matches!(end.outcome, Outcome::RolledBack { .. } | Outcome::Failed { .. }), "{end:?}");
    assert_eq!(harness.state(), after);
    harness.check_calm("after a restore of a damaged backup");
}

#[tokio::test]
async fn without_its_safety_backup_nothing_is_replaced() {
    let (harness, agent, id, _, after) = changed_since("").await;
    let order = harness.order(restore("near", &id, &["far"]), "");
    harness.keeping.plan("far", Some((super::keeping::BackendFault::Full, 5)));
    let end = harness.carry_out_order(&agent, &order).await;
    assert!(matches!(end.outcome.failure(), Some(OrderFailure::SafetyBackupFailed { .. })), "{end:?}");
    assert_eq!(harness.state(), after);
    harness.check_calm("without a safety backup");
}

#[tokio::test]
async fn without_room_nothing_is_touched() {
    let (harness, agent, id, _, after) = changed_since("").await;
    *harness.lab.free.lock().expect("not poisoned") = 1000;
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    assert!(matches!(end.outcome, Outcome::Failed { .. }), "{end:?}");
    assert_eq!(harness.state(), after);
    harness.check_calm("without room");
}

fn other() -> InstanceName {
    "oasis-2".parse().expect("a name")
}

pub fn anew(harness: &Harness, id: &BackupId) -> fleet_proto::convert::OutgoingOrder {
    let (only, safety) = (BTreeSet::new(), BTreeSet::new());
    let (goal, others) = (Some(harness.goal(1)), Others::Kept);
    let action = DataAction::Restore {
        from: source("near", id),
        only,
        safety,
        goal,
        replaces: None,
        others,
        privileges: Default::default(),
    };
    harness.order_of(&other(), Action::Data(action), "")
}

#[tokio::test]
async fn another_instance_is_made_from_nothing_but_the_repository() {
    let (harness, agent, id, before, after) = changed_since("").await;
    let order = anew(&harness, &id);
    assert_eq!(harness.carry_out_order(&agent, &order).await.outcome, Outcome::Done);
    assert_eq!((harness.state_of("oasis-2"), harness.state()), (before, after));
    let settled = agent.context.ledger().settled(&other()).cloned().expect("it is settled");
    assert_eq!(settled.release.name.to_string(), "notes@1");
    assert_eq!(harness.lab.fake.world().running("oasis-2").len(), 2);
}

#[tokio::test]
async fn what_could_not_be_made_anew_leaves_nothing() {
    let (harness, agent, id, _, after) = changed_since("").await;
    harness.lab.plan().fault = Some(Fault::LoadFails);
    let end = harness.carry_out_order(&agent, &anew(&harness, &id)).await;
    assert!(matches!(end.outcome, Outcome::RolledBack { .. }), "{end:?}");
    assert_eq!(harness.state(), after);
    assert!(agent.context.ledger().settled(&other()).is_none());
    harness.check_calm("after an instance could not be made");
}

#[tokio::test]
async fn nothing_is_restored_over_volumes_that_are_there() {
    let (harness, agent, id, ..) = changed_since("").await;
    harness.lab.fake.world().volumes.insert("oasis-2_data".to_owned(), Vec::new());
    let end = harness.carry_out_order(&agent, &anew(&harness, &id)).await;
    let problem = OccupiedTarget::Volumes { names: vec!["oasis-2_data".to_owned()] };
    assert_eq!(end.outcome.failure(), Some(&OrderFailure::RestoreTargetInUse { problem }), "{end:?}");
    assert!(harness.lab.fake.world().volumes.contains_key("oasis-2_data"));
}

#[tokio::test]
async fn a_backup_of_another_version_is_not_put_under_this_one() {
    let (harness, agent, _, _, after) = changed_since("").await;
    let sets = harness.sets("near").await;
    let mut manifest = sets[0].read_manifest().expect("it can be read");
    manifest.release.name = "notes@2".parse().expect("a release");
    let other: BackupId = "0123456789abcdef01234567".parse().expect("an id");
    manifest.backup = other.clone();
    harness.keeping.write_set("near", &other, &manifest).await;
    let end = harness.carry_out(&agent, restore("near", &other, &[])).await;
    assert!(
        matches!(end.outcome.failure(), Some(OrderFailure::OtherRelease { backup, present })
            if backup == "notes@2" && present == "notes@1"),
        "{end:?}"
    );
    manifest.format = 9;
    let newer: BackupId = "0123456789abcdef01234568".parse().expect("an id");
    harness.keeping.write_set("near", &newer, &manifest).await;
    let end = harness.carry_out(&agent, restore("near", &newer, &[])).await;
    assert!(matches!(end.outcome.failure(), Some(OrderFailure::BackupUnreadable { .. })), "{end:?}");
    assert_eq!(harness.state(), after);
    harness.check_calm("after restores that do not fit");
    // Those two exist, and do not affect a new backup.
    let again = harness.order(backup(&["near"]), "again");
    assert_eq!(harness.carry_out_order(&agent, &again).await.outcome, Outcome::Done);
}

#[tokio::test]
async fn the_host_in_a_manifest_keeps_no_setuid_bit_only_the_order_does() {
    use std::os::unix::fs::PermissionsExt;
    for (privileges, expect) in [(Privileges::Cleared, 0o755), (Privileges::Kept, 0o4755)] {
        let (harness, agent) = Harness::new("").await;
        let file = harness.lab.volume("oasis-1_uploads").join("a.txt");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4755)).expect("it is ours");
        let order = harness.order(backup(&["near"]), "");
        assert_eq!(harness.carry_out_order(&agent, &order).await.outcome, Outcome::Done);
        let id: BackupId = order.order.id.as_str().parse().expect("an id");
        let Action::Data(DataAction::Restore { from, only, safety, goal, others, .. }) = restore("near", &id, &[])
        else {
            panic!("it is a restore")
        };
        let action = Action::Data(DataAction::Restore { from, only, safety, goal, replaces: None, others, privileges });
        assert_eq!(harness.carry_out(&agent, action).await.outcome, Outcome::Done);
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o7777;
        assert_eq!(mode, expect, "{privileges:?}");
    }
}
