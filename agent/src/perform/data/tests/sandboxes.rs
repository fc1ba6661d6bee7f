//! A sandbox that a drill could not remove is reported, blocks nothing, and is removed later.

use super::actions::{backup, drill, restore};
use super::harness::{Agent, Harness, instance};
use super::lab::Fault;
use crate::ledger::Ledger;
use crate::status_board::StatusBoard;
use fleet_core::activity::Activity;
use fleet_core::backup::DataResult;
use fleet_core::event::HostEvent;
use fleet_core::facts::Running;
use fleet_core::hint::Hint;
use fleet_core::names::BackupId;
use fleet_core::order::{End, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::sandbox_part::SandboxPart;
use std::time::Duration;

const FOR_EVER: u32 = u32::MAX;

/// Tells whether a volume is being removed, perhaps beside others.
fn is_removal(step: &Activity) -> bool {
    match step {
        Activity::RemoveVolume(_) => true,
        Activity::Together(all) => all.0.iter().any(is_removal),
        _ => false,
    }
}

async fn backed_up() -> (Harness, Agent, BackupId) {
    let (harness, agent) = Harness::new("").await;
    let order = harness.order(backup(&["near"]), "");
    assert_eq!(harness.carry_out_order(&agent, &order).await.outcome, Outcome::Done);
    (harness, agent, order.order.id.as_str().parse().expect("an id"))
}

/// Runs a drill that leaves remains; returns its end and the project of its sandbox.
async fn drilled(harness: &Harness, agent: &Agent, id: &BackupId) -> (End, String) {
    harness.lab.plan().stays = FOR_EVER;
    let order = harness.order(drill("near", id), "");
    let end = harness.carry_out_order(agent, &order).await;
    (end, format!("fleet-throwaway-{}", order.order.id))
}

fn left(harness: &Harness) -> usize {
    Ledger::look(&harness.data_dir()).expect("it can be read").sandboxes().len()
}

/// Waits for an event; pauses between tries are skipped.
async fn recorded(agent: &Agent, is_it: impl Fn(&HostEvent) -> bool) -> HostEvent {
    let mut status_board = agent.context.status_writer.reader();
    let find = |status_board: &StatusBoard| status_board.events.iter().map(|(_, it)| it.kind.clone()).find(&is_it);
    tokio::time::pause();
    let waiting = status_board.wait_for(|status_board| find(status_board).is_some());
    let waited = tokio::time::timeout(Duration::from_secs(2 * 24 * 3600), waiting).await;
    let event = find(&waited.expect("it is told in time").expect("the board is there"));
    tokio::time::resume();
    event.expect("it is there")
}

fn is_left(event: &HostEvent) -> bool {
    matches!(event, HostEvent::SandboxLeft { .. })
}

fn is_removed(event: &HostEvent) -> bool {
    matches!(event, HostEvent::SandboxRemoved { .. })
}

#[tokio::test]
async fn what_a_drill_could_not_remove_is_named_and_its_finding_counts() {
    let (harness, agent, id) = backed_up().await;
    let (end, sandbox) = drilled(&harness, &agent, &id).await;
    let Outcome::Stuck { failure, hint } = &end.outcome else { panic!("expected it to be stuck, found {end:?}") };
    let OrderFailure::SandboxNotRemoved { parts, .. } = failure else {
        panic!("expected its parts, found {failure:?}")
    };
    for part in [
        SandboxPart::Container(format!("{sandbox}-db-1")),
        SandboxPart::Network(format!("{sandbox}_inside")),
        SandboxPart::Volume(format!("{sandbox}_data")),
        SandboxPart::Volume(format!("{sandbox}_uploads")),
    ] {
        assert!(parts.contains(&part), "{part} is not in: {parts:?}");
    }
    assert_eq!(*hint, Some(Hint::LookAtSandbox(sandbox.to_string())));
    match end.made.as_deref() {
        Some(DataResult::Drill(drill)) => assert_eq!(drill.proof.failure, None),
        other => panic!("expected what the drill found, found {other:?}"),
    }
    assert_eq!(harness.keeping.proofs("near").len(), 1, "it is noted with the backup");
    let event = recorded(&agent, is_left).await;
    let data = SandboxPart::Volume(format!("{sandbox}_data"));
    assert!(matches!(&event, HostEvent::SandboxLeft { parts, .. } if parts.contains(&data)), "{event:?}");
}

#[tokio::test]
async fn an_instance_of_which_a_double_is_left_goes_on_as_ever() {
    let (harness, agent, id) = backed_up().await;
    drilled(&harness, &agent, &id).await;
    assert_eq!(agent.context.ledger().instances()[&instance()].stuck, None);
    let was = harness.state();
    let again = harness.order(backup(&["near"]), "again");
    assert_eq!(harness.carry_out_order(&agent, &again).await.outcome, Outcome::Done);
    assert_eq!(harness.carry_out(&agent, restore("near", &id, &[])).await.outcome, Outcome::Done);
    let (release, goal) = (harness.goal(1).release.name, harness.goal(2));
    let configure = fleet_core::order::Action::Configure { from: 1, goal };
    assert_eq!(harness.carry_out(&agent, configure).await.outcome, Outcome::Done, "{release}");
    assert_eq!((harness.state(), harness.running()), (was, vec!["db".to_owned(), "web".to_owned()]));
    // Another drill removes it first, or fails with the reason.
    let end = harness.carry_out_order(&agent, &harness.order(drill("near", &id), "in vain")).await;
    let reason = end.outcome.failure().map(ToString::to_string).unwrap_or_default();
    assert!(matches!(end.outcome, Outcome::Failed { .. }) && reason.contains("it is in use"), "{end:?}");
    assert_eq!(left(&harness), 1);
    harness.lab.plan().stays = 0;
    let end = harness.carry_out_order(&agent, &harness.order(drill("near", &id), "then")).await;
    assert_eq!((end.outcome, left(&harness)), (Outcome::Done, 0));
    harness.check_calm("after another drill");
}

#[tokio::test]
async fn what_is_left_is_removed_when_it_can_be() {
    let (harness, agent, id) = backed_up().await;
    drilled(&harness, &agent, &id).await;
    let before = harness.lab.plan().refused;
    // Five more are refused; each try is one after a minute.
    harness.lab.plan().stays = 5;
    recorded(&agent, is_removed).await;
    assert_eq!((harness.lab.plan().refused - before, left(&harness)), (5, 0));
    harness.check_calm("after it was removed");
}

#[tokio::test]
async fn a_drill_that_failed_and_left_something_says_both_and_its_instance_is_not_stuck() {
    let (harness, agent, id) = backed_up().await;
    harness.lab.plan().fault = Some(Fault::LoadKilled);
    let (end, sandbox) = drilled(&harness, &agent, &id).await;
    let Outcome::Stuck { failure, hint } = &end.outcome else { panic!("expected it to be stuck, found {end:?}") };
    let reason = failure.to_string();
    assert!(reason.contains("137") && reason.contains(&format!("volume {sandbox}_data")), "{reason}");
    assert_eq!((hint, &end.made), (&Some(Hint::LookAtSandbox(sandbox.to_string())), &None));
    assert_eq!((left(&harness), agent.context.ledger().instances()[&instance()].stuck.clone()), (1, None));
}

#[tokio::test]
async fn a_removal_that_hangs_ends_the_drill_with_its_finding_and_is_tried_again() {
    let (mut harness, agent, id) = backed_up().await;
    harness.deadline = Duration::from_secs(3600);
    harness.lab.fake.world().hanging.insert("remove volume".to_owned());
    let order = harness.order(drill("near", &id), "");
    harness.ask(std::slice::from_ref(&order));
    let mut status_board = agent.context.status_writer.reader();
    // Time runs normally until it hangs: otherwise the deadline of the order would pass before.
    let hangs = |running: &Running| matches!(running, Running::Busy { doing, .. } if doing.step.as_ref().is_some_and(is_removal));
    let hanging =
        status_board.wait_for(|status_board| status_board.instances.get(&instance()).is_some_and(hangs)).await;
    drop(hanging.expect("the board is there"));
    tokio::time::pause();
    let ended = status_board.wait_for(|status_board| status_board.ends.contains_key(&order.order.id)).await;
    let end = ended.expect("the board is there").ends[&order.order.id].1.clone();
    tokio::time::resume();
    assert!(matches!(end.outcome, Outcome::Stuck { .. }) && end.made.is_some(), "{end:?}");
    assert_eq!(agent.context.ledger().instances()[&instance()].stuck, None);
    // The next try may have begun already.
    harness.ask(&[]);
    harness.lab.fake.meddle(|world| world.hanging.clear());
    recorded(&agent, is_removed).await;
    harness.check_calm("after it went on");
}

#[tokio::test]
async fn what_is_left_outlives_the_agent_and_its_instance() {
    let (harness, agent, id) = backed_up().await;
    let (_, sandbox) = drilled(&harness, &agent, &id).await;
    let volumes = ["oasis-1_data".to_owned(), "oasis-1_uploads".to_owned()].into();
    let remove = fleet_core::order::Action::Remove { volumes };
    assert_eq!(harness.carry_out(&agent, remove).await.outcome, Outcome::Done);
    agent.kill().await;
    let agent = harness.agent();
    let event = recorded(&agent, is_left).await;
    assert!(matches!(&event, HostEvent::SandboxLeft { project, .. } if *project == sandbox), "{event:?}");
    agent.kill().await;
    harness.lab.plan().stays = 0;
    let agent = harness.agent();
    recorded(&agent, is_removed).await;
    assert_eq!(left(&harness), 0);
    let world = harness.lab.fake.world();
    assert!(world.containers.is_empty() && world.networks.is_empty() && world.volumes.is_empty(), "{world:?}");
}
