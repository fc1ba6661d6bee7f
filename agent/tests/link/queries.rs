//! Queries that the coordinator passes on, and the host's replies.

use super::lab::{DAY, Lab, completes, count, ends};
use fleet_core::query_failure::QueryFailure;
use fleet_proto::convert::incoming_failure;
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::query_reply::Kind as Piece;
use fleet_proto::v1::{self, to_agent};

#[tokio::test]
async fn a_flood_in_a_log_delays_no_order() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    lab.say(Vec::new());
    let logs = v1::LogsQuery { instance: "oasis-1".to_owned(), follow: true, ..Default::default() };
    let query = v1::HostQuery { id: 5, kind: Some(v1::host_query::Kind::Logs(logs)) };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    lab.coordinator.wait_for(|heard| heard.answers.len() > 2000).await;
    lab.ask();
    // The flood never ends by itself: an order that waited for it would not end either.
    let so_far = lab.coordinator.wait_for(|heard| ends(heard) > 1).await.answers.len();
    lab.coordinator.wait_for(|heard| heard.answers.len() > so_far).await;
    lab.coordinator.says.send_replace(Some(to_agent::Kind::ForgetQuery(5)));
}

#[tokio::test]
async fn questions_are_answered_or_told_why_not() {
    let lab = Lab::new(DAY).await;
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
    let logs = v1::LogsQuery { instance: "oasis-9".to_owned(), ..Default::default() };
    let query = v1::HostQuery { id: 1, kind: Some(v1::host_query::Kind::Logs(logs)) };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    let heard = lab.coordinator.wait_for(|heard| !heard.answers.is_empty()).await;
    let missing = QueryFailure::NoInstance { instance: "oasis-9".parse().expect("a name") };
    assert_eq!(heard.answers[0].kind, Some(Piece::QueryFailure(missing.into())), "{heard:?}");
    let resolve = v1::ResolveQuery { images: vec!["a:1".to_owned(), "b:1".to_owned()] };
    let query = v1::HostQuery { id: 2, kind: Some(v1::host_query::Kind::Resolve(resolve)) };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    let heard = lab.coordinator.wait_for(|heard| heard.answers.len() > 2).await;
    assert!(heard.answers[1..].iter().all(|piece| piece.query == 2));
}

#[tokio::test]
async fn whether_something_could_be_claimed_is_answered_with_the_owners_name() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    let heard = lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    assert!(count(&heard, |kind| matches!(kind, Kind::Hello(hello) if hello.replies_to_claims)) > 0);
    let cases = [
        ("oasis-1", "oasis-2_data", "", Some(("names_taken", vec!["project", "oasis-1", "oasis-1"]))),
        ("oasis-2", "oasis-1_data", "", Some(("names_taken", vec!["volume", "oasis-1_data", "oasis-1"]))),
        ("oasis-2", "container:0123", "", Some(("invalid_name", vec!["container:0123"]))),
        ("oasis-2", "oasis-2_data", "nowhere", Some(("network_missing", vec!["nowhere"]))),
        ("oasis-2", "oasis-2_data", "", None),
    ];
    for (answered, (project, volume, network, expected)) in (1..).zip(cases) {
        let used_networks = Some(network.to_owned()).into_iter().filter(|name| !name.is_empty()).collect();
        let claims = v1::Claims {
            project: project.to_owned(),
            volumes: vec![volume.to_owned()],
            used_networks,
            ..Default::default()
        };
        let claims = v1::ClaimsQuery { instance: "oasis-2".to_owned(), claims: Some(claims) };
        let query = v1::HostQuery { id: answered, kind: Some(v1::host_query::Kind::Claims(claims)) };
        lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
        let is_it = |piece: &v1::QueryReply| piece.query == answered && piece.kind.is_some();
        let heard = lab.coordinator.wait_for(|heard| heard.answers.iter().any(is_it)).await;
        let piece = heard.answers.iter().find(|piece| is_it(piece)).expect("it is there");
        let Some(Piece::Claims(answer)) = &piece.kind else { panic!("{piece:?}") };
        let code = answer.failure.clone().map(|failure| incoming_failure(Some(failure)).code());
        assert_eq!(code, expected.as_ref().map(|(code, _)| *code), "{answered}: {answer:?}");
        let arguments = answer.failure.as_ref().map(|failure| failure.arguments.clone()).unwrap_or_default();
        for argument in expected.into_iter().flat_map(|(_, arguments)| arguments) {
            assert!(arguments.iter().any(|it| it == argument), "{answered}: {answer:?}");
        }
    }
}
