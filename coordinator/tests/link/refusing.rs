//! Rollouts and undos that a host would refuse are refused before anything of them begins.

use crate::duplicates::events;
use crate::harness::{
    FakeAgent, LIMIT, Operators, bundle, done, goal, hello, install, now, planned, push, refusal, settled,
    start_rollout,
};
use crate::stories::{fleet, until};
use fleet_core::event::EventKind;
use fleet_core::not_asked::{MemberNotAsked, NotAskedReason};
use fleet_core::order_failure::OrderFailure;
use fleet_core::part_owner::PortHolder;
use fleet_core::planned_change::PlannedChange;
use fleet_core::policy_refusal::PolicyRefusal;
use fleet_core::proposal::RolloutRefusal;
use fleet_core::reason::LeftOutReason;
use fleet_core::refused_call::CallRefusal;
use fleet_proto::v1::{self, from_agent, host_query, query_reply};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

async fn obeyed(agent: &mut FakeAgent) -> v1::Order {
    let order = agent.orders(1).await.remove(0);
    agent.obey(&order, done(), goal(&order)).await;
    agent.orders(0).await;
    order
}

/// One instance as 1.1, and a release 1.2.
async fn installed(admin: &mut Operators, agent: &mut FakeAgent) -> v1::Order {
    install(admin, "1.1", "lab-1", "notes-1").await.expect("nothing stands against it");
    let order = obeyed(agent).await;
    until(admin, "notes-1", |view| view.as_ref().is_some_and(|view| view.health() == v1::InstanceHealth::Healthy))
        .await;
    push(admin, "1.2", &bundle("notes:1.2")).await.expect("it is a good bundle");
    order
}

/// Reports everything again, with the changes.
async fn greet(agent: &FakeAgent, last: &v1::Order, change: impl FnOnce(&mut v1::Hello)) {
    let from_agent::Kind::Hello(mut greeting) = hello(now()) else { unreachable!("it is a hello") };
    change(&mut greeting);
    agent.say(from_agent::Kind::Hello(greeting)).await;
    agent.say(settled("notes-1", goal(last).expect("it has a goal"), 0)).await;
    agent.say(from_agent::Kind::Complete(v1::Complete {})).await;
}

/// Images of no registry but this one.
fn only_ghcr(greeting: &mut v1::Hello) {
    let registries = vec!["ghcr.io".to_owned()];
    greeting.policy =
        Some(v1::HostPolicy { gates_reaches: true, limits_registries: true, registries, ..Default::default() });
}

fn to_1_2() -> v1::ProposeRolloutRequest {
    let (version, at_once) = ("1.2".to_owned(), "1".to_owned());
    v1::ProposeRolloutRequest { version, at_once, canary: Some(0), soak_ms: Some(0), ..Default::default() }
}

fn no_image(image: &str) -> LeftOutReason {
    let (host, image) = ("lab-1".parse().expect("a name"), image.to_owned());
    LeftOutReason::PolicyForbids { host, more: 0, refusals: vec![PolicyRefusal::Image { image }] }
}

#[track_caller]
fn check_refused(refused: &Status, reason: &LeftOutReason) {
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    let CallRefusal::Rollout { refusal } = refusal(refused) else { panic!("{refused}") };
    let RolloutRefusal::NothingToMove { left_out, .. } = *refusal else { panic!("{refused}") };
    let reasons: Vec<_> = left_out.into_iter().map(|one| one.reason).collect();
    assert!(!reasons.is_empty(), "{refused}");
    assert!(reasons.iter().all(|one| one == reason), "{reason:?} is not in {reasons:?}");
}

/// Proposes until the host's new policy has arrived.
async fn refused_proposal(admin: &mut Operators) -> Status {
    let refused = async {
        loop {
            match admin.propose_rollout(to_1_2()).await {
                Ok(_) => sleep(Duration::from_millis(30)).await,
                Err(refused) => return refused,
            }
        }
    };
    timeout(LIMIT, refused).await.expect("the policy is heard of in time")
}

#[tokio::test]
async fn a_rollout_names_what_the_policy_of_a_host_refuses_and_does_not_begin() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    let order = installed(&mut admin, &mut agent).await;
    greet(&agent, &order, only_ghcr).await;
    let reason = no_image("notes:1.2");
    check_refused(&refused_proposal(&mut admin).await, &reason);
    check_refused(&start_rollout(&mut admin, to_1_2()).await.expect_err("its only member is refused"), &reason);
}

#[tokio::test]
async fn an_undo_names_what_the_policy_of_a_host_refuses_and_does_not_begin() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent).await;
    let rollout = start_rollout(&mut admin, to_1_2()).await.expect("nothing stands against it").into_inner();
    let order = obeyed(&mut agent).await;
    until(&mut admin, "notes-1", |view| view.as_ref().is_some_and(|view| view.version == "1.2")).await;
    push(&mut admin, "1.3", &bundle("notes:1.3")).await.expect("it is a good bundle");
    greet(&agent, &order, only_ghcr).await;
    let heard = async {
        while admin.propose_rollout(v1::ProposeRolloutRequest { version: "1.3".to_owned(), ..to_1_2() }).await.is_ok() {
            sleep(Duration::from_millis(30)).await;
        }
    };
    timeout(LIMIT, heard).await.expect("the policy is heard of in time");
    let request = v1::SteerRolloutRequest { id: rollout.id, action: v1::SteerAction::Undo.into() };
    let refused = admin.steer_rollout(request).await.expect_err("its only member is refused");
    check_refused(&refused, &no_image("notes:1.1"));
}

#[tokio::test]
async fn a_rollout_asks_the_engines_of_its_members() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    let order = installed(&mut admin, &mut agent).await;
    greet(&agent, &order, |greeting| greeting.replies_to_claims = true).await;
    for is_dry in [true, false] {
        let (refused, query) = loop {
            let mut asker = admin.clone();
            let mut asking = tokio::spawn(async move {
                match is_dry {
                    true => asker.propose_rollout(to_1_2()).await.map(|_| ()),
                    false => start_rollout(&mut asker, to_1_2()).await.map(|_| ()),
                }
            });
            tokio::select! {
                query = agent.query() => break (asking, query),
                recorded = &mut asking => assert!(is_dry && recorded.is_ok_and(|recorded| recorded.is_ok()), "it was asked before"),
            }
        };
        let Some(host_query::Kind::Claims(claims)) = &query.kind else { panic!("{query:?}") };
        assert_eq!(claims.instance, "notes-1");
        let failure = OrderFailure::PortTaken { port: 80, holder: PortHolder::Program };
        let kind = Some(query_reply::Kind::Claims(v1::ClaimsReply { failure: Some(failure.clone().into()) }));
        let piece = v1::QueryReply { query: query.id, kind };
        agent.client.reply(tokio_stream::iter([piece])).await.expect("somebody waits for it");
        let refused = refused.await.expect("no fault").expect_err("its only member is refused");
        let (host, failure) = ("lab-1".parse().expect("a name"), Box::new(failure));
        check_refused(&refused, &LeftOutReason::HostRefuses { host, failure });
    }
}

#[tokio::test]
async fn a_rollout_that_begins_without_the_word_of_a_host_says_so() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent).await;
    start_rollout(&mut admin, to_1_2()).await.expect("nothing stands against it");
    let events = events(&mut admin).await;
    let member = MemberNotAsked::Member {
        instance: "notes-1".parse().expect("a name"),
        host: "lab-1".parse().expect("a name"),
        reason: Box::new(NotAskedReason::AgentTooOld),
    };
    let expect = EventKind::HostsNotAsked { more: 0, named: vec![member] };
    assert!(events.iter().any(|(_, kind)| *kind == expect), "{events:?}");
}

/// Answers every question about claims after a while.
fn answer_slowly(mut agent: FakeAgent, after: Duration) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let (query, mut client) = (agent.query().await, agent.client.clone());
            tokio::spawn(async move {
                sleep(after).await;
                let kind = Some(query_reply::Kind::Claims(v1::ClaimsReply::default()));
                let piece = v1::QueryReply { query: query.id, kind };
                let _ = client.reply(tokio_stream::iter([piece])).await;
            });
        }
    })
}

#[tokio::test]
async fn a_host_that_answers_slowly_is_asked_about_a_few_at_a_time_and_not_for_longer_than_anybody_waits() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    let names: Vec<String> = (1..=13).map(|number| format!("notes-{number}")).collect();
    let mut orders = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let port = [("password", "hunter2".to_owned()), ("port", (9000 + number).to_string())];
        let values = port.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let (app, version, host) = ("notes".to_owned(), "1.1".to_owned(), "lab-1".to_owned());
        let request =
            v1::InstallInstanceRequest { app, version, host, name: name.clone(), values, ..Default::default() };
        admin.install_instance(request).await.expect("nothing stands against it");
        orders.push(obeyed(&mut agent).await);
    }
    push(&mut admin, "1.2", &bundle("notes:1.2")).await.expect("it is a good bundle");
    let from_agent::Kind::Hello(mut greeting) = hello(now()) else { unreachable!("it is a hello") };
    greeting.replies_to_claims = true;
    agent.say(from_agent::Kind::Hello(greeting)).await;
    for (name, order) in names.iter().zip(&orders) {
        agent.say(settled(name, goal(order).expect("it has a goal"), 0)).await;
    }
    agent.say(from_agent::Kind::Complete(v1::Complete {})).await;
    let answering = answer_slowly(agent, Duration::from_secs(3));
    let changes = async {
        loop {
            let asked = Instant::now();
            let proposal = admin.propose_rollout(to_1_2()).await.expect("nothing stands against it").into_inner();
            let changes: Vec<_> = proposal.waves.into_iter().flat_map(|wave| wave.changes).collect();
            if asked.elapsed() > Duration::from_secs(2) {
                assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
                return changes;
            }
        }
    };
    let changes = timeout(LIMIT, changes).await.expect("its greeting is heard");
    let is_late = |it: &PlannedChange| matches!(it, PlannedChange::HostNotAsked { reason, .. } if **reason == NotAskedReason::NoTimeLeft);
    let late = |change: &&v1::ProposedChange| planned(&change.changes).iter().any(is_late);
    let late = changes.iter().filter(late).count();
    assert!(changes.len() == names.len() && (1..names.len() - 4).contains(&late), "{late} of {changes:?}");
    answering.abort();
}
