//! A coordinator that is newer or older than the agent.

use super::{DAY, Lab, completes, count, ends};
use fleet_proto::v1::answer_piece::Kind as Piece;
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::{self, order_report::Outcome, to_agent};

#[tokio::test]
async fn what_a_newer_coordinator_says_is_refused_by_itself_and_the_rest_is_done() {
    let lab = Lab::new(DAY).await;
    // Nothing said yet is, on the wire, the same as a message of a kind that this agent does not know.
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
    let unknown =
        v1::Order { id: "0123456789abcdef01234567".to_owned(), instance: "oasis-2".to_owned(), ..Default::default() };
    lab.say(vec![unknown, v1::Order::default(), lab.installation()]);
    let heard = lab.coordinator.wait_for(|heard| ends(heard) > 1).await;
    let outcome = |instance: &str| {
        let is_it = |kind: &&Kind| matches!(kind, Kind::Order(report) if report.instance == instance);
        match heard.reports.iter().find(is_it) {
            Some(Kind::Order(report)) => report.outcome.clone(),
            _ => None,
        }
    };
    assert!(matches!(outcome("oasis-1"), Some(Outcome::Done(_))), "{:?}", outcome("oasis-1"));
    match outcome("oasis-2") {
        Some(Outcome::Refused(refused)) => assert!(refused.reason.contains("does not understand"), "{refused:?}"),
        other => panic!("expected a refusal, found {other:?}"),
    }
    let question = v1::Question { id: 7, kind: None };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Question(question)));
    let heard = lab.coordinator.wait_for(|heard| !heard.answers.is_empty()).await;
    assert!(matches!(heard.answers[0].kind, Some(Piece::Failure(_))), "{:?}", heard.answers);
    assert_eq!((heard.watches, heard.silences), (1, 0), "on the same connection");
    assert_eq!(count(&heard, |kind| matches!(kind, Kind::Hello(_))), 1);
}
