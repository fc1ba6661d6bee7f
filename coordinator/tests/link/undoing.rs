//! Undos: old values that are restored, requests in between, and members whose old values are lost.

use crate::harness::{
    FakeAgent, Harness, Operators, bundle, configure, done, goal, planned, push, refusal, settled, start_rollout,
};
use crate::import::{again, needs_a_person, values_key};
use crate::stories::{fleet, installed, until};
use fleet_core::planned_change::PlannedChange;
use fleet_core::reason::LeftOutReason;
use fleet_core::refused_call::CallRefusal;
use fleet_link::Identity;
use fleet_proto::v1::{self, ProblemCode};
use tonic::Code;

const BOTH: [&str; 2] = ["notes-1", "notes-2"];

async fn obey_all(agent: &mut FakeAgent, count: usize) -> Vec<v1::Order> {
    let orders = agent.orders(count).await;
    for order in &orders {
        agent.obey(order, done(), goal(order)).await;
    }
    agent.orders(0).await;
    orders
}

async fn set(admin: &mut Operators, name: &str, port: &str) -> Result<(), tonic::Status> {
    let values = [("port".to_owned(), port.to_owned())].into();
    let request = v1::ConfigureInstanceRequest { name: name.to_owned(), values, ..Default::default() };
    configure(admin, request).await.map(|_| ())
}

/// Two instances that were moved to 1.2 and then got another port; with the id of the rollout, and both present states.
async fn moved() -> (Harness, Operators, Identity, FakeAgent, String, Vec<v1::Order>) {
    let (harness, mut admin, identity, mut agent) = fleet().await;
    for name in BOTH {
        installed(&mut admin, &mut agent, name).await;
    }
    push(&mut admin, "1.2", &bundle("notes:1.2")).await.expect("it is a good bundle");
    let (version, at_once) = ("1.2".to_owned(), "2".to_owned());
    let request =
        v1::ProposeRolloutRequest { version, at_once, canary: Some(0), soak_ms: Some(0), ..Default::default() };
    let rollout = start_rollout(&mut admin, request).await.expect("it can work").into_inner();
    obey_all(&mut agent, 2).await;
    let mut present = Vec::new();
    for name in BOTH {
        set(&mut admin, name, "9090").await.expect("nothing stands against it");
        present.extend(obey_all(&mut agent, 1).await);
    }
    (harness, admin, identity, agent, rollout.id, present)
}

async fn steer(admin: &mut Operators, id: &str, action: v1::SteerAction) -> Result<v1::RolloutView, tonic::Status> {
    let request = v1::SteerRolloutRequest { id: id.to_owned(), action: action.into() };
    admin.steer_rollout(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn other_values_wait_for_an_undo_or_its_end() {
    let (_harness, mut admin, _, mut agent, rollout, _) = moved().await;
    let undo = steer(&mut admin, &rollout, v1::SteerAction::Undo).await.expect("it can be undone");
    let refused = set(&mut admin, "notes-1", "7070").await.expect_err("one of both requests would be lost");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refusal(&refused), CallRefusal::UndoPutsBack { undo: undo.id.parse().expect("a name") });
    let orders = obey_all(&mut agent, 2).await;
    assert!(orders.iter().all(|order| goal(order).is_some_and(|goal| !goal.values.contains_key("port"))));
    until(&mut admin, "notes-1", |view| view.as_ref().is_some_and(|view| !view.values.contains_key("port"))).await;
    set(&mut admin, "notes-1", "7070").await.expect("the undo is over");
}

async fn shown(admin: &mut Operators, id: &str, way_back: bool) -> Vec<Vec<PlannedChange>> {
    let request = v1::ShowRolloutRequest { id: id.to_owned(), way_back };
    let view = admin.show_rollout(request).await.expect("it can be shown").into_inner();
    view.members.into_iter().map(|member| planned(&member.puts_back)).collect()
}

#[tokio::test]
async fn whose_former_values_are_lost_is_left_out_of_an_undo_and_holds_nobody_back() {
    let (mut harness, mut admin, identity, _, rollout, present) = moved().await;
    harness.meddle(|_, batch| batch.delete(values_key("notes-1", 1))).await;
    let agent = again(&identity).await;
    for order in &present {
        // It starts from nothing: only then is its present report the one that is shown.
        until(&mut admin, &order.instance, |view| view.as_ref().is_none_or(|view| view.version != "1.2")).await;
        agent.say(settled(&order.instance, goal(order).expect("it has one"), 0)).await;
        until(&mut admin, &order.instance, |view| view.as_ref().is_some_and(|view| view.version == "1.2")).await;
    }
    let puts_back = [
        PlannedChange::LeftOut(Box::new(LeftOutReason::ValuesLost { revision: 1 })),
        PlannedChange::ValueUnset { value: "port".to_owned(), present: "9090".to_owned() },
    ]
    .map(|change| vec![change]);
    assert_eq!(shown(&mut admin, &rollout, true).await, puts_back);
    assert_eq!(shown(&mut admin, &rollout, false).await, [Vec::<PlannedChange>::new(), Vec::new()], "nobody asked");

    let undo = steer(&mut admin, &rollout, v1::SteerAction::Undo).await.expect("the other can go back");
    assert_eq!(undo.members.iter().map(|member| member.instance.as_str()).collect::<Vec<_>>(), ["notes-2"]);
    let reason = LeftOutReason::ValuesLost { revision: 1 };
    assert_eq!(undo.left_out, [v1::LeftOutView { instance: "notes-1".to_owned(), reason: Some(reason.into()) }]);
}

#[tokio::test]
async fn a_rollout_notes_no_values_that_are_not_kept() {
    let (_harness, mut admin, _, agent, _, present) = moved().await;
    let ahead = v1::Goal { revision: 7, ..goal(&present[0]).cloned().expect("it has one") };
    agent.say(settled("notes-1", &ahead, 0)).await;
    needs_a_person(&mut admin, "instance notes-1", ProblemCode::NewerRevision).await;
    push(&mut admin, "1.3", &bundle("notes:1.3")).await.expect("it is a good bundle");
    let request = v1::ProposeRolloutRequest { version: "1.3".to_owned(), ..Default::default() };
    let rollout = start_rollout(&mut admin, request).await.expect("it can work").into_inner();
    assert_eq!(shown(&mut admin, &rollout.id, true).await, [Vec::<PlannedChange>::new(), Vec::new()]);
}
