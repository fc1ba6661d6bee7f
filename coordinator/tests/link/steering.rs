//! Single members of a rollout: what was shown is what happens, and one request twice is one request.

use crate::harness::{FakeAgent, Harness, Operators, agreed, bundle, push, refusal, settled, start_rollout};
use crate::stories::{fleet, installed};
use fleet_core::order_failure::OrderFailure;
use fleet_core::refused_call::CallRefusal;
use fleet_proto::refusal::{RefusalReason, word_of};
use fleet_proto::v1::{self, EventCode, MemberAction};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt;
use tonic::Code;

/// A rollout to 1.2 whose only member has failed with this outcome.
async fn failed(outcome: v1::order_report::Outcome) -> (Harness, Operators, FakeAgent, v1::Order) {
    let (harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    push(&mut admin, "1.2", &bundle("notes:1.2")).await.expect("it is a good bundle");
    let request = v1::ProposeRolloutRequest { version: "1.2".to_owned(), soak_ms: Some(0), ..Default::default() };
    start_rollout(&mut admin, request).await.expect("it can work");
    let order = agent.orders(1).await.remove(0);
    agent.obey(&order, outcome, None).await;
    let halts = async {
        while rollout(&mut admin).await.phase() != v1::RolloutPhase::Halted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), halts).await.expect("it halts");
    (harness, admin, agent, order)
}

fn refused() -> v1::order_report::Outcome {
    let failure = Some(OrderFailure::NoStores.into());
    v1::order_report::Outcome::Refused(v1::Refused { failure })
}

async fn rollout(admin: &mut Operators) -> v1::RolloutView {
    admin.show_rollout(v1::ShowRolloutRequest::default()).await.expect("it is there").into_inner()
}

fn ask(action: MemberAction, plan_digest: Option<&str>) -> v1::SteerMemberRequest {
    v1::SteerMemberRequest {
        instance: "notes-1".to_owned(),
        action: action.into(),
        reason: if action == MemberAction::Skip { "its disk".to_owned() } else { String::new() },
        dry_run: plan_digest.is_none(),
        agreed: plan_digest.and_then(agreed),
        ..Default::default()
    }
}

async fn planned(admin: &mut Operators, action: MemberAction) -> v1::MemberChange {
    admin.steer_member(ask(action, None)).await.expect("it can work").into_inner()
}

#[tokio::test]
async fn a_member_is_tried_again_once_however_often_the_request_is_sent() {
    let (mut harness, mut admin, _agent, _) = failed(refused()).await;
    let plan = planned(&mut admin, MemberAction::Retry).await;
    assert_eq!(plan.member.as_ref().map(v1::MemberView::state), Some(v1::MemberState::Failed));
    assert_eq!(plan.rollout.as_ref().map(v1::RolloutView::phase), Some(v1::RolloutPhase::Running));
    assert_eq!(rollout(&mut admin).await.phase(), v1::RolloutPhase::Halted, "a plan changes nothing");

    let request = ask(MemberAction::Retry, Some(&plan.plan_digest));
    let mut another = admin.clone();
    let both = tokio::join!(admin.steer_member(request.clone()), another.steer_member(request.clone()));
    both.0.expect("it is answered");
    both.1.expect("it is answered");
    harness.stop().await;
    harness.start().await;
    admin.steer_member(request).await.expect("it is the same request after a restart too");
    let events = v1::ListEventsRequest { tail: 50, ..Default::default() };
    let events = admin.list_events(events).await.expect("they may be seen").into_inner();
    let events: Vec<_> = events.collect::<Vec<_>>().await;
    let retried = events.iter().flatten().filter_map(|event| event.kind.as_ref());
    assert_eq!(retried.filter(|kind| kind.code() == EventCode::MemberRetried).count(), 1);
}

#[tokio::test]
async fn what_nobody_has_seen_is_not_done() {
    let (_harness, mut admin, _agent, _) = failed(refused()).await;
    let retry = planned(&mut admin, MemberAction::Retry).await.plan_digest;
    let other = admin.steer_member(ask(MemberAction::Skip, Some(&retry))).await.expect_err("it is another plan");
    assert_eq!((word_of(&other), other.code()), (Some(RefusalReason::PlanChanged), Code::Aborted), "{other}");
    let unseen = v1::SteerMemberRequest { dry_run: false, ..ask(MemberAction::Skip, None) };
    let unseen = admin.steer_member(unseen).await.expect_err("nobody has agreed");
    assert_eq!(unseen.code(), Code::InvalidArgument, "{unseen}");
    for reason in ["", "two\nlines", &"x".repeat(201)] {
        let request = v1::SteerMemberRequest { reason: reason.to_owned(), ..ask(MemberAction::Skip, None) };
        let wrong = admin.steer_member(request).await.expect_err("it is no reason");
        assert_eq!(wrong.code(), Code::InvalidArgument, "{wrong}");
    }
    let skip = planned(&mut admin, MemberAction::Skip).await.plan_digest;
    admin.steer_member(ask(MemberAction::Skip, Some(&skip))).await.expect("it is what was shown");
    let old = admin.steer_member(ask(MemberAction::Retry, Some(&retry))).await.expect_err("its rollout is over");
    assert!(matches!(refusal(&old), CallRefusal::NoRolloutOf { .. }), "{old}");
    let view = rollout(&mut admin).await;
    assert_eq!((view.phase(), view.skipped), (v1::RolloutPhase::Done, 1));
    let skip = view.members[0].skip.clone().expect("it is recorded");
    assert_eq!((skip.reason.as_str(), skip.by.is_empty(), skip.at_ms > 0), ("its disk", false, true));
}

#[tokio::test]
async fn a_member_whose_data_is_in_doubt_is_not_tried_again() {
    let failure = || Some(OrderFailure::NoStores.into());
    let stuck = v1::order_report::Outcome::Stuck(v1::Stuck { failure: failure(), hint: None });
    let (_harness, mut admin, agent, order) = failed(stuck).await;
    let Some(v1::order::Action::Upgrade(upgrade)) = &order.action else { panic!("{order:?}") };
    for (data_changed, is_tried) in [(true, false), (false, true)] {
        let from = v1::Goal { release: upgrade.from.clone(), revision: 1, ..Default::default() };
        let v1::from_agent::Kind::Instance(mut report) = settled("notes-1", &from, 0) else { panic!("a report") };
        let Some(v1::instance_report::Running::Settled(said)) = &mut report.running else { panic!("it is settled") };
        (said.health, said.stuck, said.data_changed) = (v1::Health::Unhealthy.into(), failure(), data_changed);
        agent.say(v1::from_agent::Kind::Instance(report)).await;
        let heard = async {
            loop {
                match admin.steer_member(ask(MemberAction::Retry, None)).await {
                    Ok(_) if is_tried => break,
                    Err(it) if !is_tried && matches!(refusal(&it), CallRefusal::DataInDoubt { .. }) => break,
                    Ok(_) | Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        };
        timeout(Duration::from_secs(20), heard).await.expect("what its host says decides");
    }
}
