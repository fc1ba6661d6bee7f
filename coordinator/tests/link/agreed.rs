//! The plan that was seen is the plan that runs, and a request that is sent twice is one request.

use crate::harness::{FakeAgent, Harness, Operators, agreed, bundle, configure, install, push, remove};
use crate::stories::{fleet, installed};
use fleet_proto::refusal::{RefusalReason, word_of};
use fleet_proto::v1;
use tonic::{Code, Status};

async fn scene() -> (Harness, Operators, FakeAgent) {
    let (harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    push(&mut admin, "1.2", &bundle("notes:1.2")).await.expect("it is a good bundle");
    (harness, admin, agent)
}

fn to_1_2(agreed: Option<v1::AgreedPlan>) -> v1::ProposeRolloutRequest {
    v1::ProposeRolloutRequest { version: "1.2".to_owned(), agreed, ..Default::default() }
}

fn removal(plan_digest: Option<&str>) -> v1::RemoveInstanceRequest {
    let (dry_run, agreed) = (plan_digest.is_none(), plan_digest.and_then(agreed));
    v1::RemoveInstanceRequest { name: "notes-1".to_owned(), dry_run, agreed, ..Default::default() }
}

fn port(port: &str, plan_digest: Option<&str>) -> v1::ConfigureInstanceRequest {
    let values = [("port".to_owned(), port.to_owned())].into();
    let (dry_run, agreed) = (plan_digest.is_none(), plan_digest.and_then(agreed));
    v1::ConfigureInstanceRequest { name: "notes-1".to_owned(), values, dry_run, agreed, ..Default::default() }
}

async fn rollouts(admin: &mut Operators) -> usize {
    let listed = admin.list_rollouts(v1::ListRolloutsRequest::default()).await.expect("it may be seen");
    listed.into_inner().rollouts.len()
}

#[track_caller]
fn check_changed<T: std::fmt::Debug>(answer: Result<T, Status>) {
    let refused = answer.expect_err("something else would be done than what was shown");
    assert_eq!((word_of(&refused), refused.code()), (Some(RefusalReason::PlanChanged), Code::Aborted), "{refused}");
}

#[tokio::test]
async fn what_has_changed_since_it_was_shown_is_not_started() {
    let (_harness, mut admin, _agent) = scene().await;
    let rollout = admin.propose_rollout(to_1_2(None)).await.expect("it can work").into_inner().plan_digest;
    let removed = admin.remove_instance(removal(None)).await.expect("it can be removed").into_inner().plan_digest;
    let set = admin.configure_instance(port("7070", None)).await.expect("it can be set").into_inner().plan_digest;

    // The plan of one request does not confirm another one.
    check_changed(admin.configure_instance(port("7071", Some(&set))).await);
    check_changed(admin.start_rollout(to_1_2(agreed(&removed))).await);
    check_changed(admin.remove_instance(removal(Some(&rollout))).await);

    let other = v1::ConfigureInstanceRequest { drift: Some(v1::DriftRule::Report.into()), ..port("9090", None) };
    configure(&mut admin, v1::ConfigureInstanceRequest { dry_run: false, ..other })
        .await
        .expect("somebody else does it");
    push(&mut admin, "1.2.1", &bundle("notes:1.2.1")).await.expect("it is a good bundle");
    check_changed(admin.configure_instance(port("7070", Some(&set))).await);
    check_changed(admin.remove_instance(removal(Some(&removed))).await);
    let view = crate::stories::instance(&mut admin, "notes-1").await.expect("it is there still");
    assert_eq!(view.values.get("port").map(String::as_str), Some("9090"));

    // Nothing that the rollout's plan shows has changed.
    admin.start_rollout(to_1_2(agreed(&rollout))).await.expect("it is what was shown");
}

#[tokio::test]
async fn a_rollout_that_would_take_more_than_was_shown_is_not_started() {
    let (_harness, mut admin, mut agent) = scene().await;
    let shown = admin.propose_rollout(to_1_2(None)).await.expect("it can work").into_inner().plan_digest;
    installed(&mut admin, &mut agent, "notes-2").await;
    check_changed(admin.start_rollout(to_1_2(agreed(&shown))).await);
    assert_eq!(rollouts(&mut admin).await, 0);
}

#[tokio::test]
async fn another_reason_to_leave_an_instance_out_is_another_plan() {
    let (_harness, mut admin, _agent) = scene().await;
    install(&mut admin, "1.1", "lab-1", "notes-2").await.expect("nothing stands against it");
    let first = admin.propose_rollout(to_1_2(None)).await.expect("it can work").into_inner();
    let removal = v1::RemoveInstanceRequest { name: "notes-2".to_owned(), ..Default::default() };
    remove(&mut admin, removal).await.expect("it can be removed");
    let second = admin.propose_rollout(to_1_2(None)).await.expect("it can work").into_inner();
    let left_out = |proposal: &v1::Proposal| proposal.left_out.iter().map(|it| it.instance.clone()).collect::<Vec<_>>();
    assert_eq!((left_out(&first), left_out(&second)), (vec!["notes-2".to_owned()], vec!["notes-2".to_owned()]));
    let changed =
        v1::Proposal { plan_digest: second.plan_digest.clone(), left_out: second.left_out.clone(), ..first.clone() };
    assert_eq!(changed, second, "only the reason differs");
    assert_ne!(first.plan_digest, second.plan_digest);
    check_changed(admin.start_rollout(to_1_2(agreed(&first.plan_digest))).await);
}

#[tokio::test]
async fn the_same_request_is_carried_out_once_and_after_a_restart_too() {
    let (mut harness, mut admin, _agent) = scene().await;
    let shown = admin.propose_rollout(to_1_2(None)).await.expect("it can work").into_inner().plan_digest;
    let request = to_1_2(agreed(&shown));
    let mut another = admin.clone();
    let (one, two) = tokio::join!(admin.start_rollout(request.clone()), another.start_rollout(request.clone()));
    let ids = [one, two].map(|answer| answer.expect("both are answered").into_inner().id);
    assert_eq!(ids[0], ids[1]);
    harness.stop().await;
    harness.start().await;
    let again = admin.start_rollout(request.clone()).await.expect("it is the same request").into_inner();
    assert_eq!((again.id.as_str(), rollouts(&mut admin).await), (ids[0].as_str(), 1));

    let removed = admin.remove_instance(removal(None)).await.expect("it can be removed").into_inner().plan_digest;
    let asked = removal(Some(&removed));
    let mut third = asked.clone();
    let first = admin.remove_instance(asked.clone()).await.expect("it is what was shown").into_inner();
    let second = admin.remove_instance(asked).await.expect("it is the same request").into_inner();
    assert_ne!(first.plan, second.plan, "it says that it was begun before");
    third.agreed.as_mut().expect("it was agreed to").plan_digest = shown;
    let refused = admin.remove_instance(third).await.expect_err("the id is of another request");
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
}

#[tokio::test]
async fn a_change_that_was_begun_before_is_answered_with_its_order() {
    let (_harness, mut admin, _agent) = scene().await;
    let set = admin.configure_instance(port("7070", None)).await.expect("it can be set").into_inner().plan_digest;
    let asked = port("7070", Some(&set));
    let first = admin.configure_instance(asked.clone()).await.expect("it is what was shown").into_inner();
    let second = admin.configure_instance(asked).await.expect("it is the same request").into_inner();
    assert!(!first.order.is_empty() && first.order == second.order, "it can be followed: {first:?}, {second:?}");
}

#[tokio::test]
async fn nothing_is_started_that_nobody_agreed_to() {
    let (_harness, mut admin, _agent) = scene().await;
    let is_wrong = |refused: Status| assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    is_wrong(admin.start_rollout(to_1_2(None)).await.expect_err("nobody has seen it"));
    let unagreed = v1::RemoveInstanceRequest { dry_run: false, ..removal(None) };
    is_wrong(admin.remove_instance(unagreed).await.expect_err("nobody has seen it"));
    let shown = admin.remove_instance(removal(None)).await.expect("it can be removed").into_inner().plan_digest;
    for request_id in ["", "short", "has spaces and more", &"0".repeat(65)] {
        let agreed = Some(v1::AgreedPlan { plan_digest: shown.clone(), request_id: request_id.to_owned() });
        let request = v1::RemoveInstanceRequest { dry_run: false, agreed, ..removal(None) };
        is_wrong(admin.remove_instance(request).await.expect_err("it is no request id"));
    }
}
