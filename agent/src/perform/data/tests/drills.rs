//! Results of drills, and the complete removal of their sandboxes.

use super::actions::{backup, drill, source};
use super::harness::{Agent, Harness};
use super::lab::Fault;
use fleet_core::backup::{DataAction, DataResult, DrillCheck, Privileges, Proof, StoreDifference};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End, Outcome};
use fleet_core::order_failure::OrderFailure;

async fn backed_up(holds: &str) -> (Harness, Agent, BackupId) {
    let (harness, agent) = Harness::new(holds).await;
    let order = harness.order(backup(&["near"]), "");
    assert_eq!(harness.carry_out_order(&agent, &order).await.outcome, Outcome::Done);
    let id = order.order.id.as_str().parse().expect("an id");
    (harness, agent, id)
}

fn proof(end: &End) -> Proof {
    match end.made.as_deref() {
        Some(DataResult::Drill(drill)) => drill.proof.clone(),
        other => panic!("expected what a drill found, found {other:?} of {:?}", end.outcome),
    }
}

#[tokio::test]
async fn a_good_backup_is_proven_and_nothing_of_the_drill_is_left() {
    let (harness, agent, id) = backed_up("").await;
    let before = harness.state();
    let end = harness.carry_out(&agent, drill("near", &id)).await;
    assert_eq!(end.outcome, Outcome::Done);
    let proof = proof(&end);
    assert_eq!(proof.failure, None);
    let store = |name: &str| name.parse().expect("a name");
    let counted = DrillCheck::Counted { store: store("rows"), item: "public.notes".to_owned(), count: 3 };
    let same = DrillCheck::SameFiles { store: store("uploads"), files: 2 };
    assert!([&counted, &same].iter().all(|check| proof.checks.contains(check)), "{:?}", proof.checks);
    let is_whole = |check: &DrillCheck| matches!(check, DrillCheck::Files { files: 2, .. });
    assert!(proof.checks.iter().any(is_whole), "{:?}", proof.checks);
    assert_eq!(harness.state(), before);
    harness.check_calm("after a drill");
    let proofs = harness.keeping.proofs("near");
    assert_eq!(proofs, [(id.to_string(), proof)]);
}

#[tokio::test]
async fn a_drill_keeps_privileged_bits_only_where_its_order_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let (harness, agent) = Harness::new("").await;
    let file = harness.lab.volume("oasis-1_uploads").join("a.txt");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4755)).expect("it is ours");
    let order = harness.order(backup(&["near"]), "");
    assert_eq!(harness.carry_out_order(&agent, &order).await.outcome, Outcome::Done);
    let id: BackupId = order.order.id.as_str().parse().expect("an id");
    // It was made on this host, as its manifest says.
    for privileges in [Privileges::Cleared, Privileges::Kept] {
        harness.lab.plan().privileges.clear();
        let action = Action::Data(DataAction::Drill { from: source("near", &id), privileges });
        let end = harness.carry_out_order(&agent, &harness.order(action, &format!("{privileges:?}"))).await;
        assert_eq!(proof(&end).failure, None);
        assert_eq!(harness.lab.plan().privileges, [privileges]);
    }
}

/// Returns the codes of a failure and of the one in it, if it is about a store.
fn codes(failure: &OrderFailure) -> Vec<&'static str> {
    let inner = match failure {
        OrderFailure::InStore { failure, .. } | OrderFailure::NotLoaded { failure, .. } => codes(failure),
        _ => Vec::new(),
    };
    std::iter::once(failure.code()).chain(inner).collect()
}

#[tokio::test]
async fn a_backup_that_its_database_does_not_take_is_not_proven() {
    let lost = StoreDifference::Count { item: "public.notes".to_owned(), low: 3, high: 3, found: 2 }.to_string();
    for (fault, expect, why) in [
        (Fault::LoadFails, ["not_loaded", "tool_failed"], "ERROR: syntax error"),
        (Fault::LoadLosesRow, ["in_store", "restored_data_differs"], lost.as_str()),
    ] {
        let (harness, agent, id) = backed_up("").await;
        harness.lab.plan().fault = Some(fault);
        let end = harness.carry_out(&agent, drill("near", &id)).await;
        let found = proof(&end).failure.expect("it is not good");
        assert_eq!(codes(&found), expect);
        assert!(found.to_string().contains(why), "{found}");
        assert_eq!(end.outcome, Outcome::Failed { failure: *found });
        harness.check_calm(why);
    }
}

#[tokio::test]
async fn a_backup_that_is_damaged_is_not_proven() {
    let (harness, agent, id) = backed_up("").await;
    harness.keeping.damage_packs("near");
    let end = harness.carry_out(&agent, drill("near", &id)).await;
    assert!(proof(&end).failure.is_some(), "{end:?}");
    harness.check_calm("after a drill of a damaged backup");
}

#[tokio::test]
async fn a_host_without_room_says_nothing_of_the_backup() {
    let (harness, agent, id) = backed_up("").await;
    *harness.lab.free.lock().expect("not poisoned") = 1000;
    let end = harness.carry_out(&agent, drill("near", &id)).await;
    assert!(end.made.is_none(), "{end:?}");
    assert!(matches!(end.outcome.failure(), Some(OrderFailure::NotEnoughSpace { free: 1000, .. })), "{end:?}");
    harness.check_calm("after a drill without room");
}

#[tokio::test]
async fn a_backup_that_is_not_there_is_not_proven() {
    let (harness, agent, _) = backed_up("").await;
    let other: BackupId = "0123456789abcdef01234567".parse().expect("an id");
    let end = harness.carry_out(&agent, drill("near", &other)).await;
    let missing = OrderFailure::BackupMissing { backup: other.to_string(), repository: "near".to_owned() };
    assert_eq!(proof(&end).failure, Some(Box::new(missing)));
}
