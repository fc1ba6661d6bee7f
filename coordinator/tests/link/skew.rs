//! Agents that are newer or older than the coordinator: what it cannot read is refused by itself, and the rest goes on.

use crate::harness::{FakeAgent, done, goal, hello, install, now, settled};
use crate::port::until_link;
use crate::stories::{fleet, installed, instance, until};
use fleet_proto::v1::{self, from_agent::Kind};

/// A report of an instance that says something newer than this coordinator knows.
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
    let event = v1::Event { at_ms: 1, instance: "No name!".to_owned(), text: "something new".to_owned() };
    agent.say(Kind::Event(event)).await;
    agent.say(Kind::Complete(v1::Complete {})).await;
    until_link(&mut admin, "lab-1", v1::HostLink::Online).await;
    // An open set that is put together now would take what was not mentioned for absent.
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
    let told = status.attention.iter().filter(|it| it.subject == "host lab-1" && it.text.contains("cannot read"));
    assert_eq!(told.count(), 1, "{:?}", status.attention);
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
