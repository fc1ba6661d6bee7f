//! Agents that are newer or older than the coordinator: an unreadable part is refused alone, and the rest is accepted.

use crate::duplicates::status;
use crate::harness::{
    FakeAgent, LIMIT, Operators, bundle, done, goal, hello, install, now, push, settled, start_rollout,
};
use crate::import::{code, named};
use crate::port::until_link;
use crate::stories::{fleet, installed, instance, until};
use fleet_coordinator::store::{Batch, Store};
use fleet_core::app::Bundle;
use fleet_core::problem::Problem;
use fleet_core::undeliverable_reason::UndeliverableReason;
use fleet_link::{CoordinatorProtocol, LinkError};
use fleet_proto::convert::incoming_problem;
use fleet_proto::protocol::{ProtocolRange, TooOld};
use fleet_proto::refusal::{RefusalReason, word_of};
use fleet_proto::v1::{self, agents_client::AgentsClient, from_agent::Kind, to_agent};
use fleet_proto::{PROTOCOL, PROTOCOL_MIN};
use std::time::Duration;
use tokio::time::timeout;
use tokio_stream::StreamExt;

/// Makes a report about an instance with a newer part that this coordinator does not know.
fn newer(instance: &str) -> Kind {
    Kind::Instance(v1::InstanceReport { instance: instance.to_owned(), running: None })
}

fn health(view: &Option<v1::InstanceView>) -> v1::InstanceHealth {
    view.as_ref().map(v1::InstanceView::health).unwrap_or_default()
}

#[tokio::test]
async fn reports_that_cannot_be_read_end_no_stream_and_make_nothing_absent() {
    let (mut harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    harness.meddle(|_, batch| batch.delete("observed/instance/notes-1".to_owned())).await;
    let mut agent = FakeAgent::connect_quietly(&identity, fleet_proto::PROTOCOL).await.expect("it is welcome");
    agent.say(hello(now())).await;
    agent.report.send(v1::FromAgent { kind: None }).await.expect("the stream goes on");
    agent.say(newer("notes-1")).await;
    agent.say(newer("No name!")).await;
    agent.say(Kind::Order(v1::OrderReport::default())).await;
    let newer_event = Some(v1::HostEvent { code: 10_000, arguments: vec!["moon".to_owned()] });
    let event = v1::Event { at_ms: 1, instance: "No name!".to_owned(), event: newer_event };
    agent.say(Kind::Event(event)).await;
    agent.say(Kind::Complete(v1::Complete {})).await;
    until_link(&mut admin, "lab-1", v1::HostLink::Online).await;
    // An open set that is made now would count unmentioned instances as absent.
    install(&mut admin, "1.1", "lab-1", "notes-2").await.expect("nothing stands against it");
    let order = agent.orders(1).await.remove(0);
    assert_eq!(health(&instance(&mut admin, "notes-1").await), v1::InstanceHealth::Unknown);
    agent.obey(&order, done(), goal(&order)).await;
    agent.orders(0).await;
    let released = goal(&order).expect("an installation has a goal").clone();
    agent.say(settled("notes-1", &released, 0)).await;
    until(&mut admin, "notes-1", |view| health(view) == v1::InstanceHealth::Healthy).await;
    assert!(!agent.report.is_closed());
    let status = admin.get_status(v1::GetStatusRequest {}).await.expect("it may be seen").into_inner();
    let recorded = status
        .attention
        .iter()
        .filter(|it| named(&it.subject) == "host lab-1" && code(it) == v1::ProblemCode::ReportUnreadable);
    assert_eq!(recorded.count(), 1, "{:?}", status.attention);
}

#[tokio::test]
async fn an_end_in_a_way_that_is_newer_halts_and_does_not_wait_for_ever() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    install(&mut admin, "1.1", "lab-1", "notes-1").await.expect("nothing stands against it");
    let order = agent.orders(1).await.remove(0);
    let (id, instance) = (order.id.clone(), order.instance.clone());
    agent.say(Kind::Order(v1::OrderReport { id, instance, outcome: None, result: None })).await;
    agent.orders(0).await;
    let is_stuck = |view: &Option<v1::InstanceView>| {
        view.as_ref().is_some_and(|view| view.last_outcome() == v1::OrderOutcome::Stuck)
    };
    until(&mut admin, "notes-1", is_stuck).await;
}

#[tokio::test]
async fn an_agent_of_the_next_protocol_is_served_and_hears_which_ones_the_coordinator_speaks() {
    let (_harness, mut admin, identity, previous) = fleet().await;
    drop(previous);
    let channel = fleet_link::dial(&identity).await.expect("it is reached");
    let mut client = AgentsClient::new(channel);
    let request =
        |protocol, protocol_min| v1::WatchRequest { protocol, protocol_min, agent_version: "0.9.0".to_owned() };
    let watch = client.watch(request(PROTOCOL + 1, PROTOCOL)).await.expect("both speak ours").into_inner();
    let first = StreamExt::next(&mut { watch }).await.expect("it goes on").expect("it goes on");
    let Some(to_agent::Kind::Hello(hello)) = first.kind else { panic!("it greets first: {first:?}") };
    assert_eq!((hello.protocol, hello.protocol_min), (PROTOCOL, PROTOCOL_MIN));
    for (newest, oldest, too_old) in [(PROTOCOL + 2, PROTOCOL + 1, TooOld::Other), (1, 0, TooOld::Own)] {
        let status = client.watch(request(newest, oldest)).await.expect_err("there is no common protocol");
        let coordinator = CoordinatorProtocol(Some(ProtocolRange::OWN));
        match LinkError::from_status("", status) {
            LinkError::OtherProtocol { coordinator: theirs, too_old: side } => {
                assert_eq!((theirs, side), (coordinator, too_old));
            }
            other => panic!("expected another protocol, found {other:?}"),
        }
        until_link(&mut admin, "lab-1", v1::HostLink::OtherProtocol).await;
    }
}

#[tokio::test]
async fn a_command_says_its_protocols_and_is_served_one_apart() {
    let (_harness, mut admin, _, _agent) = fleet().await;
    let cases = [
        (format!("fleet/0.9.0 fleet-protocol/{PROTOCOL}-{}", PROTOCOL + 1), None),
        (format!("fleet/0.9.0 fleet-protocol/{}-{}", PROTOCOL + 1, PROTOCOL + 2), Some(RefusalReason::ProtocolNew)),
        ("fleet/0.1.0 fleet-protocol/1-1".to_owned(), Some(RefusalReason::ProtocolOld)),
    ];
    for (said, expect) in cases {
        let mut request = tonic::Request::new(v1::GetStatusRequest {});
        request.metadata_mut().insert("user-agent", said.parse().expect("it is ASCII"));
        let refused = admin.get_status(request).await.err();
        assert_eq!(refused.as_ref().and_then(word_of), expect, "{said}: {refused:?}");
    }
}

#[tokio::test]
async fn each_start_of_the_coordinator_says_later_sets() {
    let (mut harness, _admin, identity, mut agent) = fleet().await;
    let version = |set: &v1::OpenOrders| (set.epoch, set.revision);
    let first = agent.open_set().await.expect("the stream goes on");
    assert!(first.epoch > 0, "{first:?}");
    harness.stop().await;
    harness.start().await;
    let mut agent = FakeAgent::connect(&identity).await.expect("it is welcome");
    let second = agent.open_set().await.expect("the stream goes on");
    let third = agent.open_set().await.expect("the stream goes on");
    assert!(first.epoch < second.epoch && version(&second) < version(&third), "{first:?} {second:?} {third:?}");
}

/// Sends messages of the next protocol that this coordinator does not know.
async fn say_more(agent: &FakeAgent, instance: &str, goal: &v1::Goal) {
    agent.report.send(v1::FromAgent { kind: None }).await.expect("the stream goes on");
    let Kind::Instance(mut report) = settled(instance, goal, 0) else { unreachable!("it is a report") };
    if let Some(v1::instance_report::Running::Settled(said)) = &mut report.running {
        said.health = 99;
    }
    agent.say(Kind::Instance(report)).await;
}

#[tokio::test]
async fn a_rollout_goes_through_with_an_agent_of_the_next_protocol() {
    let (mut harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    push(&mut admin, "1.2", &bundle("notes:1.2")).await.expect("it is a good bundle");
    // The release uses something that only newer agents know.
    let with_needs = |store: &dyn Store, batch: &mut Batch| {
        for entry in store.scan("release/").expect("it can be read") {
            let mut release: serde_json::Value = entry.read().expect("it can be read");
            if release["release"]["name"].to_string().contains("1.2") {
                release["needs"] = serde_json::json!(["action:pretended"]);
                batch.put(entry.key, &release);
            }
        }
    };
    harness.meddle(with_needs).await;
    let Kind::Hello(hello) = hello(now()) else { unreachable!("it is a hello") };
    let seen = settled(
        "notes-1",
        &v1::Goal { release: released(&mut admin, "1.1").await, revision: 1, ..v1::Goal::default() },
        0,
    );
    let agent = FakeAgent::connect_quietly(&identity, PROTOCOL).await.expect("it is welcome");
    for said in [Kind::Hello(hello.clone()), seen.clone(), Kind::Complete(v1::Complete {})] {
        agent.say(said).await;
    }
    until_link(&mut admin, "lab-1", v1::HostLink::Online).await;
    let request = v1::ProposeRolloutRequest {
        version: "1.2".to_owned(),
        at_once: "1".to_owned(),
        canary: Some(0),
        soak_ms: Some(0),
        ..Default::default()
    };
    start_rollout(&mut admin, request).await.expect("it can work");
    let is_too_old = |view: &Option<v1::InstanceView>| {
        let reason = view.as_ref().and_then(|view| view.waiting.as_ref());
        reason.is_some_and(|it| {
            it.code() == v1::WaitReasonCode::AgentTooOld && it.arguments.concat() == "action:pretended"
        })
    };
    until(&mut admin, "notes-1", is_too_old).await;
    drop(agent);
    let mut agent = FakeAgent::connect_quietly(&identity, PROTOCOL).await.expect("it is welcome");
    let capabilities = vec!["action:pretended".to_owned(), "key:something else".to_owned()];
    let newer = v1::Hello { protocol: PROTOCOL + 1, protocol_min: PROTOCOL, capabilities, ..hello };
    for said in [Kind::Hello(newer), seen, Kind::Complete(v1::Complete {})] {
        agent.say(said).await;
    }
    let order = agent.orders(1).await.remove(0);
    let goal = goal(&order).expect("an upgrade has a goal").clone();
    say_more(&agent, "notes-1", &goal).await;
    agent.obey(&order, done(), Some(&goal)).await;
    agent.orders(0).await;
    until(&mut admin, "notes-1", |view| view.as_ref().is_some_and(|view| view.version == "1.2")).await;
    until(&mut admin, "notes-1", |view| health(view) == v1::InstanceHealth::Healthy).await;
}

async fn released(admin: &mut Operators, version: &str) -> Option<v1::Release> {
    let request = v1::ShowReleaseRequest { app: "notes".to_owned(), version: version.to_owned(), upgrades: false };
    let view = admin.show_release(request).await.ok()?.into_inner();
    Some(v1::Release { app: "notes".to_owned(), version: view.version, digest: view.digest })
}

/// A release with a required stop before it.
fn bundle_after_a_stop(image: &str) -> Bundle {
    let with_stop = |(path, content): (&String, &Vec<u8>)| {
        let upgrades = if path == "app.yaml" { "upgrades: { stops: [{ version: '1.3', why: tags }] }\n" } else { "" };
        (path.clone(), [content.as_slice(), upgrades.as_bytes()].concat())
    };
    Bundle::new(bundle(image).files().iter().map(with_stop).collect()).expect("it is within its bounds")
}

#[tokio::test]
async fn an_agent_that_was_downgraded_gets_no_order_that_it_would_misread() {
    let (_harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    push(&mut admin, "1.3", &bundle("notes:1.3")).await.expect("it is a good bundle");
    push(&mut admin, "1.4", &bundle_after_a_stop("notes:1.4")).await.expect("it is a good bundle");
    let Kind::Hello(hello) = hello(now()) else { unreachable!("it is a hello") };
    let goal = v1::Goal { release: released(&mut admin, "1.1").await, revision: 1, ..v1::Goal::default() };
    let seen = settled("notes-1", &goal, 0);
    let connected = async |capabilities: &[&str]| {
        let agent = FakeAgent::connect_quietly(&identity, PROTOCOL).await.expect("it is welcome");
        let capabilities = capabilities.iter().map(|name| (*name).to_owned()).collect();
        for said in [Kind::Hello(v1::Hello { capabilities, ..hello.clone() }), seen.clone()] {
            agent.say(said).await;
        }
        agent.say(Kind::Complete(v1::Complete {})).await;
        agent
    };
    let mut agent = connected(&["key:upgrades", "action:upgrade-through"]).await;
    until_link(&mut admin, "lab-1", v1::HostLink::Online).await;
    let request = v1::ProposeRolloutRequest {
        version: "1.4".to_owned(),
        canary: Some(0),
        soak_ms: Some(0),
        ..Default::default()
    };
    start_rollout(&mut admin, request).await.expect("it can work");
    let order = agent.orders(1).await.remove(0);
    let Some(v1::order::Action::Upgrade(upgrade)) = &order.action else { panic!("{order:?}") };
    assert_eq!(upgrade.through.iter().map(|release| release.version.as_str()).collect::<Vec<_>>(), ["1.3"]);
    drop(agent);

    let mut older = connected(&["key:upgrades"]).await;
    let too_old = |status: v1::Status| {
        status.attention.iter().any(|it| {
            matches!(it.problem.clone().and_then(incoming_problem), Some(Problem::Undeliverable { reason, .. })
                if matches!(*reason, UndeliverableReason::AgentTooOld { .. }))
        })
    };
    // One set comes before its greeting is heard, and one after; then it is said.
    let told = async {
        loop {
            if let Ok(set) = timeout(Duration::from_millis(200), older.open_set()).await {
                let set = set.expect("the stream goes on");
                assert_eq!((set.orders.len(), set.held), (0, vec![order.id.clone()]));
            }
            if too_old(status(&mut admin).await) {
                break;
            }
        }
    };
    timeout(LIMIT, told).await.expect("it is said in time");
    drop(older);
    let mut newer = connected(&["key:upgrades", "action:upgrade-through"]).await;
    assert_eq!(newer.orders(1).await[0].id, order.id);
}
