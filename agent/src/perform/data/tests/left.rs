//! Services that an order could not let go on go on later.

use super::bed::{Bed, backup, instance};
use super::lab::Fault;
use crate::ledger::Ledger;
use fleet_core::order::Outcome;

fn left(bed: &Bed) -> usize {
    Ledger::look(&bed.data_dir()).expect("it can be read").instances()[&instance()].held.len()
}

/// Ends with a service that stands still and cannot be let go on.
async fn stuck(bed: &Bed, agent: &super::bed::Agent) -> Outcome {
    let order = bed.order(backup(&["near"]), "");
    bed.lab.plan().fault = Some(Fault::StaysStill);
    bed.ask(std::slice::from_ref(&order));
    while bed.lab.plan().refused == 0 {
        tokio::task::yield_now().await;
    }
    let mut board = agent.site.pen.reader();
    // All that it waits between its tries passes at once.
    tokio::time::pause();
    let ended = board.wait_for(|board| board.ends.contains_key(&order.order.id)).await;
    let outcome = ended.expect("the board is there").ends[&order.order.id].1.outcome.clone();
    bed.ask(&[]);
    outcome
}

#[tokio::test]
async fn what_could_not_go_on_goes_on_when_it_can() {
    let (bed, agent) = Bed::new("pause: [web]").await;
    let outcome = stuck(&bed, &agent).await;
    let Outcome::Stuck { reason, .. } = &outcome else { panic!("expected it to be stuck, found {outcome:?}") };
    assert!(reason.contains("`web` may still stand still"), "{reason}");
    assert_eq!(left(&bed), 1);
    tokio::time::sleep(std::time::Duration::from_secs(200)).await;
    assert!(bed.lab.is_paused(), "it was tried in vain");
    bed.lab.plan().fault = None;
    let mut board = agent.site.pen.reader();
    let said = |board: &crate::board::Board| format!("{board:?}").contains("no longer stands still");
    board.wait_for(said).await.expect("the board is there");
    assert_eq!(left(&bed), 0);
    bed.check_calm("after it could go on");
    let entry = agent.site.ledger().instances()[&instance()].clone();
    assert_eq!(entry.stuck, None, "it is as it was");
}

#[tokio::test]
async fn what_could_not_go_on_goes_on_at_the_next_start_of_the_agent() {
    let (bed, agent) = Bed::new("pause: [web]").await;
    assert!(matches!(stuck(&bed, &agent).await, Outcome::Stuck { .. }));
    agent.kill().await;
    bed.lab.plan().fault = None;
    tokio::time::resume();
    let _agent = bed.agent();
    let goes_on = async {
        while bed.lab.is_paused() || left(&bed) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), goes_on).await.expect("it goes on");
    bed.check_calm("after the next start");
}
