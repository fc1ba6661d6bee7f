//! Services that an order could not resume are resumed later.

use super::actions::backup;
use super::harness::{Harness, instance};
use super::lab::Fault;
use crate::ledger::Ledger;
use fleet_core::backup::DataNote;
use fleet_core::event::HostEvent;
use fleet_core::order::Outcome;
use fleet_core::order_failure::OrderFailure;

fn left(harness: &Harness) -> usize {
    Ledger::look(&harness.data_dir()).expect("it can be read").instances()[&instance()].held.len()
}

/// Ends an order with a stopped service that cannot be resumed.
async fn stuck(harness: &Harness, agent: &super::harness::Agent) -> Outcome {
    let order = harness.order(backup(&["near"]), "");
    harness.lab.plan().fault = Some(Fault::StaysStill);
    harness.ask(std::slice::from_ref(&order));
    while harness.lab.plan().refused == 0 {
        tokio::task::yield_now().await;
    }
    let mut status_board = agent.context.status_writer.reader();
    // Pauses between its tries are skipped.
    tokio::time::pause();
    let ended = status_board.wait_for(|status_board| status_board.ends.contains_key(&order.order.id)).await;
    let outcome = ended.expect("the board is there").ends[&order.order.id].1.outcome.clone();
    harness.ask(&[]);
    outcome
}

#[tokio::test]
async fn what_could_not_go_on_goes_on_when_it_can() {
    let (harness, agent) = Harness::new("pause: [web]").await;
    let outcome = stuck(&harness, &agent).await;
    let Outcome::Stuck { failure, .. } = &outcome else { panic!("expected it to be stuck, found {outcome:?}") };
    let OrderFailure::SomethingLeft { left: notes, .. } = failure else {
        panic!("expected a remark, found {failure:?}")
    };
    assert_eq!(*notes, [DataNote::StillQuiesced { services: vec!["web".to_owned()] }]);
    assert_eq!(left(&harness), 1);
    tokio::time::sleep(std::time::Duration::from_secs(200)).await;
    assert!(harness.lab.is_paused(), "it was tried in vain");
    harness.lab.plan().fault = None;
    let mut status_board = agent.context.status_writer.reader();
    let said = |status_board: &crate::status_board::StatusBoard| {
        let is_it = |event: &HostEvent| matches!(event, HostEvent::ServiceResumed { service, .. } if service == "web");
        status_board.events.iter().any(|(_, event)| is_it(&event.kind))
    };
    status_board.wait_for(said).await.expect("the board is there");
    assert_eq!(left(&harness), 0);
    harness.check_calm("after it could go on");
    let entry = agent.context.ledger().instances()[&instance()].clone();
    assert_eq!(entry.stuck, None, "it is as it was");
}

#[tokio::test]
async fn what_could_not_go_on_goes_on_at_the_next_start_of_the_agent() {
    let (harness, agent) = Harness::new("pause: [web]").await;
    assert!(matches!(stuck(&harness, &agent).await, Outcome::Stuck { .. }));
    agent.kill().await;
    harness.lab.plan().fault = None;
    tokio::time::resume();
    let _agent = harness.agent();
    let goes_on = async {
        while harness.lab.is_paused() || left(&harness) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), goes_on).await.expect("it goes on");
    harness.check_calm("after the next start");
}
