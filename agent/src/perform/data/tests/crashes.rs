//! Kills the agent at every call of the container runtime and of a repository, and at every write of the ledger.
//! Afterwards, services run, listed backups are whole, and data is either the old or the restored one.

use super::actions::{backup, drill, restore};
use super::harness::{Agent, Harness, State};
use super::lab::Fault;
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End, Outcome};
use fleet_proto::convert::OutgoingOrder;

/// Point at which the agent is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Call(u64),
    /// Before the ledger is written for that time.
    Write(u64),
}

/// Stops the agent at a point of an order, kills it, and lets the next agent finish the order; none if there is no such
/// point.
pub async fn crash(harness: &Harness, agent: Agent, order: &OutgoingOrder, at: At) -> Option<(Agent, End)> {
    crash_with(harness, agent, order, at, || ()).await
}

/// The same; between the two agents, something happens on the host.
pub async fn crash_with(
    harness: &Harness,
    agent: Agent,
    order: &OutgoingOrder,
    at: At,
    meanwhile: impl FnOnce(),
) -> Option<(Agent, End)> {
    match at {
        At::Call(call) => {
            let mut plan = harness.lab.plan();
            (plan.calls, plan.crash) = (0, Some(call));
        }
        At::Write(write) => agent.context.ledger.freeze().at(write),
    }
    let mut frozen = agent.context.ledger.freeze().frozen();
    harness.ask(std::slice::from_ref(order));
    let has_ended = tokio::select! {
        () = harness.lab.crashed() => false,
        _ = frozen.wait_for(|frozen| *frozen) => false,
        _ = agent.end_of(order) => true,
    };
    agent.kill().await;
    harness.lab.forget_crash();
    if has_ended {
        return None;
    }
    meanwhile();
    let agent = harness.agent();
    let end = agent.end_of(order).await;
    harness.ask(&[]);
    Some((agent, end))
}

/// Runs through all points of an order; the check gets the end of each run.
async fn walk(
    holds: &str,
    point: fn(u64) -> At,
    least: u64,
    action: impl Fn(&BackupId) -> Action,
    check: impl AsyncFn(&Harness, &OutgoingOrder, &End, &State, &State, &str),
) {
    for number in 1.. {
        let (harness, agent) = Harness::new(holds).await;
        let first = harness.order(backup(&["near"]), "first");
        assert_eq!(harness.carry_out_order(&agent, &first).await.outcome, Outcome::Done);
        let before = harness.state();
        let after = State::of("row 1\nrow 8\nrow 9\nrow 10\n", &[("a.txt", b"other"), ("new.txt", b"new")]);
        harness.set(&after);
        let order = harness.order(action(&first.order.id.as_str().parse().expect("an id")), "crash");
        let about = format!("killed at {:?}", point(number));
        let Some((_agent, end)) = crash(&harness, agent, &order, point(number)).await else {
            assert!(number > least, "there are more points than {number}");
            return;
        };
        harness.check_calm(&about);
        check(&harness, &order, &end, &before, &after, &about).await;
    }
}

async fn listed_are_whole(
    harness: &Harness,
    order: &OutgoingOrder,
    before: &State,
    after: &State,
    about: &str,
) -> bool {
    let sets = harness.sets("near").await;
    let mut is_there = false;
    for set in &sets {
        let is_of_order = set.backup.as_str() == order.order.id.as_str();
        is_there |= is_of_order;
        let expected = if is_of_order { after } else { before };
        assert_eq!(harness.restored("near", set).await.as_ref(), Ok(expected), "{about}");
    }
    is_there
}

async fn after_backup(harness: &Harness, order: &OutgoingOrder, end: &End, before: &State, after: &State, about: &str) {
    assert_eq!(end.outcome, Outcome::Done, "{about}");
    assert!(listed_are_whole(harness, order, before, after, about).await, "{about}");
    assert_eq!(harness.state(), *after, "{about}");
}

async fn after_drill(harness: &Harness, _: &OutgoingOrder, end: &End, _: &State, after: &State, about: &str) {
    assert_eq!(end.outcome, Outcome::Done, "{about}");
    assert_eq!(harness.state(), *after, "{about}");
}

async fn after_restore(
    harness: &Harness,
    order: &OutgoingOrder,
    end: &End,
    before: &State,
    after: &State,
    about: &str,
) {
    match &end.outcome {
        Outcome::Done => assert_eq!(harness.state(), *before, "{about}"),
        Outcome::RolledBack { .. } => assert_eq!(harness.state(), *after, "{about}"),
        other => panic!("{about}: {other:?}"),
    }
    listed_are_whole(harness, order, before, after, about).await;
}

#[tokio::test]
async fn killed_at_any_call_of_a_backup_it_is_whole_and_services_run() {
    walk("stop: [web], pause: [db]", At::Call, 15, |_| backup(&["near"]), after_backup).await;
}

#[tokio::test]
async fn killed_at_any_write_of_a_backup_it_is_whole_and_services_run() {
    walk("stop: [web], pause: [db]", At::Write, 6, |_| backup(&["near"]), after_backup).await;
}

#[tokio::test]
async fn killed_at_any_call_of_a_drill_it_is_carried_out_and_leaves_nothing() {
    walk("", At::Call, 20, |id| drill("near", id), after_drill).await;
}

#[tokio::test]
async fn killed_at_any_write_of_a_drill_it_is_carried_out_and_leaves_nothing() {
    walk("", At::Write, 5, |id| drill("near", id), after_drill).await;
}

#[tokio::test]
async fn killed_at_any_call_of_a_restore_the_data_is_the_old_or_the_restored() {
    walk("", At::Call, 30, |id| restore("near", id, &["near"]), after_restore).await;
}

#[tokio::test]
async fn killed_at_any_write_of_a_restore_the_data_is_the_old_or_the_restored() {
    walk("", At::Write, 10, |id| restore("near", id, &["near"]), after_restore).await;
}

#[tokio::test]
async fn services_go_on_even_where_a_tool_that_was_left_does_not_end() {
    let (harness, agent) = Harness::new("pause: [web]").await;
    let order = harness.order(backup(&["near"]), "");
    harness.lab.plan().fault = Some(Fault::Hangs(30));
    harness.ask(std::slice::from_ref(&order));
    harness.lab.until_paused().await;
    agent.kill().await;
    harness.lab.plan().fault = Some(Fault::ToolStays);
    let agent = harness.agent();
    let end = agent.end_of(&order).await;
    assert!(!end.outcome.is_success(), "{end:?}");
    assert!(!harness.lab.is_paused(), "what stood still goes on");
}
