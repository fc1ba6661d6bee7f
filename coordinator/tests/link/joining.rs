//! Machines that join, those that do not, and the errors that they get.

use crate::harness::{FakeAgent, Harness, is_revoked, now, operators, refusal, token};
use fleet_core::access::JoinToken;
use fleet_core::refused_call::{AdmissionRefusal, Attempt, CallRefusal, CountedThing};
use fleet_core::time::Time;
use fleet_link::{LinkError, admit, dial, renew};
use fleet_proto::refusal::{RefusalReason, word_of};
use fleet_proto::v1;
use std::time::Duration;
use tonic::{Code, Status};

fn word(result: Result<impl Sized, LinkError>) -> Option<RefusalReason> {
    match result.err()? {
        LinkError::Refused { word, .. } => Some(word),
        other => panic!("it should have been refused, and was: {other}"),
    }
}

async fn invited(admin: &mut crate::harness::Operators, name: &str, seconds: u64) -> JoinToken {
    let request = v1::AddHostRequest { name: name.to_owned(), token_seconds: seconds, ..Default::default() };
    token(&admin.add_host(request).await.expect("it can be added").into_inner())
}

#[tokio::test]
async fn a_token_admits_once_and_says_why_not_again() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let first = invited(&mut admin, "lab-1", 0).await;
    admit(&first, now()).await.expect("the token is new");
    assert_eq!(word(admit(&first, now()).await), Some(RefusalReason::TokenUsedUp));
    let unknown = JoinToken { secret: [7; 32], ..first.clone() };
    assert_eq!(word(admit(&unknown, now()).await), Some(RefusalReason::TokenUnknown));
    let short = invited(&mut admin, "lab-2", 1).await;
    // The token lives for one second of the coordinator's clock; to try it earlier would use it up.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(word(admit(&short, now()).await), Some(RefusalReason::TokenExpired));
    let replaced = invited(&mut admin, "lab-3", 0).await;
    let newer = invited(&mut admin, "lab-3", 0).await;
    assert_eq!(word(admit(&replaced, now()).await), Some(RefusalReason::TokenRevoked));
    admit(&newer, now()).await.expect("the newer token is good");
    let elsewhere = JoinToken { ca_fingerprint: [9; 32], ..first };
    assert!(matches!(admit(&elsewhere, now()).await, Err(LinkError::WrongCa { .. })));
}

#[tokio::test]
async fn a_token_for_three_admits_three() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let (name, role) = ("robot".to_owned(), v1::OperatorRole::Operator.into());
    let request = v1::AddOperatorRequest { name, role, uses: 3, token_seconds: 0 };
    let token = token(&admin.add_operator(request).await.expect("it is new").into_inner());
    let mut identities = Vec::new();
    for _ in 0..3 {
        identities.push(admit(&token, now()).await.expect("a use is left"));
    }
    assert_eq!(word(admit(&token, now()).await), Some(RefusalReason::TokenUsedUp));
    for identity in &identities {
        crate::harness::operators_as(identity)
            .await
            .who_am_i(v1::WhoAmIRequest {})
            .await
            .expect("each of the three counts");
    }
}

#[tokio::test]
async fn of_many_who_use_one_token_at_once_one_is_admitted() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let token = invited(&mut admin, "lab-1", 0).await;
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn({
                let token = token.clone();
                async move { admit(&token, now()).await.is_ok() }
            })
        })
        .collect();
    let mut admitted = 0;
    for attempt in attempts {
        admitted += usize::from(attempt.await.expect("it ends"));
    }
    assert_eq!(admitted, 1);
}

#[tokio::test]
async fn a_clock_five_minutes_off_joins_and_one_an_hour_behind_is_told_so() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let early = Time(now().0 - 5 * 60_000);
    admit(&invited(&mut admin, "lab-1", 0).await, early).await.expect("five minutes are forgiven");
    match admit(&invited(&mut admin, "lab-2", 0).await, Time(now().0 - 3_600_000)).await {
        Err(LinkError::Refused { call: Some(call), .. }) => {
            let CallRefusal::Admission { refusal } = call.refusal else { panic!("{call}") };
            let is_an_hour = |by: Duration| (3590..=3600).contains(&by.as_secs());
            assert!(matches!(*refusal, AdmissionRefusal::ClockBehind { by } if is_an_hour(by)), "{refusal}");
        }
        other => panic!("it should have been refused: {other:?}"),
    }
}

#[tokio::test]
async fn revoking_ends_an_open_stream_and_the_way_back() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let mut agent = FakeAgent::connect(&identity).await.expect("it is welcome");
    agent.open_set().await.expect("it is told its orders");
    // It continues to send, so that silence does not end its stream.
    let report = agent.report.clone();
    let beating = tokio::spawn(async move {
        let beat = || v1::FromAgent { kind: Some(v1::from_agent::Kind::Heartbeat(v1::Heartbeat {})) };
        while report.send(beat()).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    admin
        .remove_host(v1::RemoveHostRequest { name: "lab-1".to_owned(), with_instances: false })
        .await
        .expect("it goes");
    while agent.open_set().await.is_ok() {}
    beating.abort();
    let again = FakeAgent::connect(&identity).await.err().expect("it is not welcome any more");
    assert!(is_revoked(&again), "{again:?}");
    let fresh = harness.host(&mut admin, "lab-1").await;
    FakeAgent::connect(&fresh).await.expect("a fresh enrolment is welcome");
    let older = FakeAgent::connect(&identity).await.err().expect("the older certificate stays refused");
    assert!(is_revoked(&older), "{older:?}");
}

#[tokio::test]
async fn a_certificate_is_renewed_and_an_expired_connection_ends() {
    let harness = Harness::with_life(Duration::from_secs(3600)).await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let renewed = renew(&identity, dial(&identity).await.expect("it is reached"), now()).await.expect("it counts");
    assert!(renewed.expires >= identity.expires);
    FakeAgent::connect(&renewed).await.expect("the new one counts");
    FakeAgent::connect(&identity).await.expect("the old one counts until it expires");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let harness = Harness::with_life(Duration::from_secs(1)).await;
    let token = harness.admin_token.clone();
    let identity = admit(&token, now()).await.expect("the token is good");
    // Time is the subject here: the certificate lives for one second, by a clock that the test does not control.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let result = match dial(&identity).await {
        Err(error) => Err(error),
        Ok(channel) => renew(&identity, channel, now()).await,
    };
    assert!(matches!(result, Err(LinkError::Expired)), "{result:?}");
}

#[tokio::test]
async fn each_role_may_do_what_it_may() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let mut of_role = Vec::new();
    for (name, role) in [("viewer", v1::OperatorRole::Viewer), ("operator", v1::OperatorRole::Operator)] {
        let request = v1::AddOperatorRequest { name: name.to_owned(), role: role.into(), ..Default::default() };
        of_role.push(operators(&token(&admin.add_operator(request).await.expect("it is new").into_inner())).await);
    }
    of_role.push(admin);
    let table: [(&str, [bool; 3]); 4] = [
        ("status", [true, true, true]),
        ("power", [false, true, true]),
        ("add host", [false, false, true]),
        ("tokens", [false, false, true]),
    ];
    for (call, allowed) in table {
        for (operators, may) in of_role.iter_mut().zip(allowed) {
            let refusal = attempt(operators, call).await.err();
            let is_refused_by_role = refusal.as_ref().and_then(word_of) == Some(RefusalReason::Role);
            assert_eq!(!is_refused_by_role, may, "{call}: {refusal:?}");
        }
    }
}

async fn attempt(operators: &mut crate::harness::Operators, call: &str) -> Result<(), Status> {
    match call {
        "status" => operators.get_status(v1::GetStatusRequest {}).await.map(|_| ()),
        "power" => operators.power_instance(v1::PowerInstanceRequest::default()).await.map(|_| ()),
        "add host" => operators.add_host(v1::AddHostRequest::default()).await.map(|_| ()),
        "tokens" => operators.list_tokens(v1::ListTokensRequest {}).await.map(|_| ()),
        other => panic!("no such call: {other}"),
    }
}

#[tokio::test]
async fn a_host_is_no_operator_and_an_operator_is_no_host() {
    let harness = Harness::new().await;
    let identity = admit(&harness.admin_token, now()).await.expect("the token is good");
    let mut admin = crate::harness::operators_as(&identity).await;
    let host = harness.host(&mut admin, "lab-1").await;
    let status =
        crate::harness::operators_as(&host).await.get_status(v1::GetStatusRequest {}).await.expect_err("a host");
    assert_eq!(word_of(&status), Some(RefusalReason::Role));
    let status = FakeAgent::connect(&identity).await.err().expect("an operator");
    assert_eq!(word_of(&status), Some(RefusalReason::Role));
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let request = v1::RemoveOperatorRequest { name: "admin".to_owned() };
    let status = admin.remove_operator(request).await.expect_err("it is the last one");
    assert_eq!(status.code(), Code::FailedPrecondition);
}

async fn with_uses(admin: &mut crate::harness::Operators, uses: u32) -> Result<v1::JoinInvitation, Status> {
    let (name, role) = ("robot".to_owned(), v1::OperatorRole::Operator.into());
    let request = v1::AddOperatorRequest { name, role, uses, token_seconds: 0 };
    admin.add_operator(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn no_token_is_for_more_machines_than_there_is_room_for() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let refused = with_uses(&mut admin, 101).await.expect_err("there is room for 100");
    assert_eq!(refusal(&refused), CallRefusal::TooManyUses { limit: 100, present: 0, uses: 101 });
    let first = admit(&token(&with_uses(&mut admin, 100).await.expect("there is room")), now()).await;
    let refused = with_uses(&mut admin, 100).await.expect_err("one is there");
    assert_eq!(refusal(&refused), CallRefusal::TooManyUses { limit: 100, present: 1, uses: 100 });
    with_uses(&mut admin, 99).await.expect("there is room for so many");

    // However often one machine renews, the others stay.
    let mut identity = first.expect("the token is good");
    for _ in 0..16 {
        let channel = dial(&identity).await.expect("it is reached");
        identity = renew(&identity, channel, now()).await.expect("it counts");
    }
    let channel = dial(&identity).await.expect("it is reached");
    match renew(&identity, channel, now()).await {
        Err(LinkError::Refused { call: Some(call), .. }) => {
            assert_eq!(call.attempt, Attempt::Renew);
            let CallRefusal::Admission { refusal } = &call.refusal else { panic!("{call}") };
            assert!(matches!(**refusal, AdmissionRefusal::RenewedTooOften { .. }), "{call}");
        }
        other => panic!("it should have been refused: {other:?}"),
    }
    with_uses(&mut admin, 99).await.expect("it is one machine still");
    admin.who_am_i(v1::WhoAmIRequest {}).await.expect("the others are not disturbed");
}

#[tokio::test]
async fn invitations_that_nobody_uses_are_bounded() {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let request = |number: u32| v1::AddOperatorRequest {
        name: format!("op-{number}"),
        role: v1::OperatorRole::Viewer.into(),
        ..Default::default()
    };
    for number in 0..200 {
        admin.add_operator(request(number)).await.expect("there is room");
    }
    let refused = admin.add_operator(request(200)).await.expect_err("there are many");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refusal(&refused), CallRefusal::TooMany { what: CountedThing::Invitations, limit: 200 });
    // A token for the same name replaces the one before, and a used one frees its slot.
    let again = admin.add_operator(request(7)).await.expect("it is no further one").into_inner();
    operators(&token(&again)).await;
    admin.add_operator(request(200)).await.expect("there is room again");
    invited(&mut admin, "lab-1", 0).await;
}
