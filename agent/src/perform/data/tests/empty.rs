//! Drills and restores in which images and apps initialise empty data themselves, and in which a host fails a good
//! backup.

use super::actions::{backup, drill, restore};
use super::harness::{Agent, Harness, files};
use super::keeping::BackendFault;
use super::lab::Fault;
use fleet_core::backup::{DataResult, DrillCheck, Proof};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End, Outcome};
use std::collections::BTreeSet;

async fn backed_up(holds: &str) -> (Harness, Agent, BackupId) {
    let (harness, agent) = Harness::new(holds).await;
    let id = backed_up_in(&harness, &agent).await;
    (harness, agent, id)
}

async fn backed_up_in(harness: &Harness, agent: &Agent) -> BackupId {
    let order = harness.order(backup(&["near"]), "");
    assert_eq!(harness.carry_out_order(agent, &order).await.outcome, Outcome::Done);
    order.order.id.as_str().parse().expect("an id")
}

#[track_caller]
fn proof(end: &End) -> Proof {
    match end.made.as_deref() {
        Some(DataResult::Drill(drill)) => drill.proof.clone(),
        other => panic!("expected what a drill found, found {other:?} of {:?}", end.outcome),
    }
}

#[tokio::test]
async fn an_app_that_does_not_start_on_an_empty_database_is_started_on_a_loaded_one() {
    let (harness, agent, id) = backed_up("checks: [ { command: [ask], service: web } ]").await;
    harness.lab.plan().fault = Some(Fault::AppWantsRows);
    let found = proof(&harness.carry_out(&agent, drill("near", &id)).await);
    assert_eq!(found.failure, None);
    let is_asked =
        |check: &DrillCheck| matches!(check, DrillCheck::Answered { question, .. } if question == "ask in web");
    assert!(found.checks.iter().any(is_asked), "{:?}", found.checks);
    harness.check_calm("after a drill of an app that wants its rows");
}

#[tokio::test]
async fn a_service_that_is_still_starting_is_asked_again() {
    let (harness, agent, id) = backed_up("checks: [ { command: [ask], service: web } ]").await;
    harness.lab.plan().in_vain = 2;
    assert_eq!(proof(&harness.carry_out(&agent, drill("near", &id)).await).failure, None);
    assert_eq!(harness.lab.plan().in_vain, 0);
}

#[tokio::test]
async fn what_an_image_puts_into_an_empty_volume_is_not_in_the_way() {
    let (harness, agent, id) = backed_up("checks: [ { command: [ask], service: web } ]").await;
    assert_eq!(proof(&harness.carry_out(&agent, drill("near", &id)).await).failure, None);
    harness.check_calm("after a drill");
    // The same for a new instance.
    let was = harness.state();
    let Action::Data(fleet_core::backup::DataAction::Restore { from, only, .. }) = restore("near", &id, &[]) else {
        panic!("it is a restore")
    };
    let (safety, goal) = (Default::default(), Some(harness.goal(1)));
    let anew = Action::Data(fleet_core::backup::DataAction::Restore {
        from,
        only,
        safety,
        goal,
        replaces: None,
        others: fleet_core::backup::Others::Kept,
        privileges: Default::default(),
    });
    let end = harness.carry_out_order(&agent, &harness.order_of(&"oasis-2".parse().expect("a name"), anew, "")).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(harness.state_of("oasis-2"), was);
}

#[tokio::test]
async fn a_server_that_only_begins_the_database_is_not_given_the_data() {
    let (harness, agent, id) = backed_up("").await;
    harness.lab.plan().beginning = 2;
    assert_eq!(proof(&harness.carry_out(&agent, drill("near", &id)).await).failure, None);
    assert_eq!(harness.lab.plan().beginning, 0);
}

#[tokio::test]
async fn a_file_with_several_names_is_counted_by_each() {
    let (harness, agent) = Harness::new("").await;
    let uploads = harness.lab.volume("oasis-1_uploads");
    std::fs::write(uploads.join("one"), vec![5; 5000]).expect("written");
    std::fs::hard_link(uploads.join("one"), uploads.join("deep/two")).expect("linked");
    std::os::unix::fs::symlink("one", uploads.join("leads")).expect("linked");
    let id = backed_up_in(&harness, &agent).await;
    let found = proof(&harness.carry_out(&agent, drill("near", &id)).await);
    assert_eq!(found.failure, None);
    let (store, bytes) = ("uploads".parse().expect("a name"), 5 + 9000 + 2 * 5000);
    assert!(found.checks.contains(&DrillCheck::Files { store, files: 5, bytes }), "{:?}", found.checks);
}

/// Asserts that a drill ended without a verdict about the backup, with the reason.
#[track_caller]
fn check_silent(end: &End, why: &str) {
    assert!(end.made.is_none(), "{end:?}");
    assert!(end.outcome.failure().is_some_and(|reason| reason.to_string().contains(why)), "{end:?}");
}

#[tokio::test]
async fn a_host_that_fails_says_nothing_of_the_backup() {
    let (mut harness, agent, id) = backed_up("").await;
    for (fault, why) in [(Fault::LoadKilled, "exited with code 137"), (Fault::LoadFillsDisk, "No space left on device")]
    {
        harness.lab.plan().fault = Some(fault);
        let order = harness.order(drill("near", &id), why);
        check_silent(&harness.carry_out_order(&agent, &order).await, why);
        harness.check_calm(why);
    }
    harness.lab.plan().fault = Some(Fault::DatabaseDown);
    harness.deadline = std::time::Duration::from_secs(4);
    let order = harness.order(drill("near", &id), "down");
    check_silent(&harness.carry_out_order(&agent, &order).await, "`db` does not answer");
    harness.check_calm("after a drill whose server does not answer");
}

#[tokio::test]
async fn a_link_that_is_lost_says_nothing_of_the_backup() {
    let (harness, agent, id) = backed_up("").await;
    // While the backup is looked for, its files are restored, and its dump is looked for or read by a tool.
    let mut missed = BTreeSet::from(["could not read backup:", "could not restore files ", "could not read stream "]);
    let kept = files(&harness.keeping.folder);
    // A backend with a short fault may be asked again; one that is gone stays away.
    for (fault, call) in (1..200).flat_map(|call| [(BackendFault::Blinks, call), (BackendFault::Dies, call)]) {
        // Without the previous results: otherwise each run would read more, and the calls would never end.
        harness.keeping.put_back(&kept);
        harness.keeping.plan("near", Some((fault, call)));
        let end =
            harness.carry_out_order(&agent, &harness.order(drill("near", &id), &format!("{fault:?} {call}"))).await;
        if harness.keeping.calls("near") < call {
            break;
        }
        if end.outcome == Outcome::Done {
            // The reply to this query is not needed.
            assert_eq!(proof(&end).failure, None, "at call {call}");
            continue;
        }
        check_silent(&end, "killed");
        let reason = end.outcome.failure().map(ToString::to_string).unwrap_or_default();
        missed.retain(|doing| !reason.contains(doing));
    }
    assert!(missed.is_empty(), "no drill came to say {missed:?}");
    harness.check_calm("after drills whose place could not be reached");
}
