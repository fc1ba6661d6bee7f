//! A coordinator that is newer or older than the agent.

use super::coordinator::Heard;
use super::lab::{DAY, Lab, completes, count, ends};
use fleet_core::app::Bundle;
use fleet_core::query_failure::QueryFailure;
use fleet_core::release::Release;
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::query_reply::Kind as Piece;
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
        Some(Outcome::Refused(refused)) => {
            assert!(format!("{refused:?}").contains("OrderUnknown"), "{refused:?}");
        }
        other => panic!("expected a refusal, found {other:?}"),
    }
    let query = v1::HostQuery { id: 7, kind: None };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    let heard = lab.coordinator.wait_for(|heard| !heard.answers.is_empty()).await;
    let kind = Piece::QueryFailure(QueryFailure::NotUnderstood.into());
    assert_eq!(heard.answers[0].kind, Some(kind), "{:?}", heard.answers);
    assert_eq!((heard.watches, heard.silences), (1, 0), "on the same connection");
    assert_eq!(count(&heard, |kind| matches!(kind, Kind::Hello(_))), 1);
}

/// An app whose app.yaml has a key that came after this agent.
fn later_app() -> Bundle {
    let app = "app: notes\nlater: { than: this agent }\n";
    let compose = "services:\n  web:\n    image: notes:1\n";
    let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

#[tokio::test]
async fn a_release_with_a_key_that_is_newer_is_refused_and_the_other_instances_go_on() {
    let lab = Lab::new(DAY).await;
    let bundle = later_app();
    let release = Release { name: "notes@2".parse().expect("a release"), digest: bundle.digest() };
    lab.coordinator.bundles.lock().expect("no fault").insert(bundle.digest().to_string(), bundle);
    let mut later = lab.installation();
    (later.id, later.instance) = ("0123456789abcdef01234567".to_owned(), "oasis-2".to_owned());
    if let Some(v1::order::Action::Install(v1::Install { goal: Some(goal) })) = &mut later.action {
        goal.release = Some(release.into());
    }
    let _agent = lab.run();
    lab.say(vec![later, lab.installation()]);
    let heard = lab.coordinator.wait_for(|heard| ends(heard) > 1).await;
    let outcome = |instance: &str| {
        let is_it = |kind: &&Kind| matches!(kind, Kind::Order(report) if report.instance == instance);
        match heard.reports.iter().find(is_it) {
            Some(Kind::Order(report)) => report.outcome.clone(),
            _ => None,
        }
    };
    match outcome("oasis-2") {
        Some(Outcome::Refused(refused)) => assert!(format!("{refused:?}").contains("later"), "{refused:?}"),
        other => panic!("expected a refusal, found {other:?}"),
    }
    assert!(matches!(outcome("oasis-1"), Some(Outcome::Done(_))), "{:?}", outcome("oasis-1"));
    assert!(lab.runtime.world().running("oasis-2").is_empty());
}

#[tokio::test]
async fn a_set_of_open_orders_that_is_older_than_the_known_one_is_ignored() {
    let lab = Lab::new(DAY).await;
    let set = |epoch, revision, orders| {
        to_agent::Kind::Orders(v1::OpenOrders { orders, epoch, revision, ..Default::default() })
    };
    lab.coordinator.says.send_replace(Some(set(5, 2, Vec::new())));
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| completes(heard) > 0 && heard.said > 0).await;
    has_read_all(&lab).await;
    for older in [set(5, 1, vec![lab.installation()]), set(4, 9, vec![lab.installation()])] {
        lab.coordinator.says.send_replace(Some(older));
        lab.coordinator.restart();
        lab.coordinator.wait_for(|heard| completes(heard) > 0 && heard.said > 0).await;
        let hello = v1::CoordinatorHello { protocol: 3, protocol_min: 2, version: "0.9.0".to_owned() };
        lab.coordinator.says.send_replace(Some(to_agent::Kind::Hello(hello)));
        let heard = has_read_all(&lab).await;
        assert_eq!((ends(&heard), lab.runtime.world().containers.len()), (0, 0));
    }
    lab.coordinator.says.send_replace(Some(set(6, 1, vec![lab.installation()])));
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
}

/// Sends the agent a query: its reply shows that it has read all earlier messages.
async fn has_read_all(lab: &Lab) -> Heard {
    let query = v1::HostQuery { id: 7, kind: None };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    lab.coordinator.wait_for(|heard| !heard.answers.is_empty()).await
}
