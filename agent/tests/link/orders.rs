//! Orders and reports over the link.

use super::coordinator::Heard;
use super::lab::{DAY, Lab, completes, count, ends, now};
use fleet_agent::ledger::LedgerWriter;
use fleet_proto::v1;
use fleet_proto::v1::from_agent::Kind;
use std::time::Duration;

#[tokio::test]
async fn an_agent_connects_and_carries_out_an_order() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    let heard = lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    let Kind::Hello(hello) = &heard.reports[0] else { panic!("it greets first: {:?}", heard.reports) };
    assert_eq!((hello.engine_version.as_str(), hello.disk_free), ("fake", 1 << 40));
    assert!(now().0.abs_diff(hello.now_ms) < 60_000);
    let last = heard.reports.iter().rev().find_map(|kind| match kind {
        Kind::Instance(report) => report.running.clone(),
        _ => None,
    });
    assert!(matches!(last, Some(v1::instance_report::Running::Settled(_))), "{last:?}");
    assert_eq!(lab.runtime.world().running("oasis-1").len(), 1);
}

#[tokio::test]
async fn each_start_of_an_agent_has_an_id_that_its_connections_share() {
    let lab = Lab::new(DAY).await;
    lab.runtime.meddle(|world| world.engine_id = "ABCD:EFGH".to_owned());
    lab.say(Vec::new());
    let hello = |heard: &Heard| match &heard.reports[0] {
        Kind::Hello(hello) => (hello.start.clone(), hello.engine_id.clone()),
        other => panic!("it greets first: {other:?}"),
    };
    let mut starts = Vec::new();
    for _ in 0..2 {
        let mut agent = lab.run();
        for _ in 0..2 {
            let (start, engine) = hello(&lab.coordinator.wait_for(|heard| completes(heard) > 0).await);
            assert_eq!((start.len(), engine.as_str()), (16, "ABCD:EFGH"));
            starts.push(start);
            lab.coordinator.restart();
        }
        agent.shutdown().await;
        lab.coordinator.restart();
    }
    assert!(starts[0] == starts[1] && starts[2] == starts[3] && starts[0] != starts[2], "{starts:?}");
}

#[tokio::test]
async fn an_end_is_said_until_it_is_heard_and_all_is_said_again_after_a_restart_of_the_coordinator() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    lab.ask();
    lab.coordinator.wait_for(|heard| ends(heard) > 1).await;
    lab.coordinator.restart();
    let heard = lab.coordinator.wait_for(|heard| completes(heard) > 0 && ends(heard) > 0).await;
    assert!(matches!(heard.reports[0], Kind::Hello(_)));
    assert_eq!(count(&heard, |kind| matches!(kind, Kind::Instance(_))), 1);
    lab.say(Vec::new());
    while !lab.has_noted_that_it_was_heard() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lab.coordinator.restart();
    let heard = lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
    assert_eq!(ends(&heard), 0, "what was heard is not said again");
}

#[tokio::test]
async fn a_changed_policy_is_said_by_a_new_greeting() {
    let lab = Lab::new(DAY).await;
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
    std::fs::write(lab.folder.path().join("policy.yaml"), "exec: maybe").expect("written");
    lab.ask();
    let refused = |kind: &Kind| {
        matches!(kind, Kind::Order(v1::OrderReport { outcome: Some(v1::order_report::Outcome::Refused(_)), .. }))
    };
    let denies =
        |kind: &Kind| matches!(kind, Kind::Hello(hello) if hello.policy.clone().unwrap_or_default().denies_exec);
    let all = |heard: &Heard| count(heard, refused) > 0 && count(heard, denies) > 0 && completes(heard) > 1;
    let heard = lab.coordinator.wait_for(all).await;
    assert_eq!((heard.watches, heard.silences), (1, 0), "on the same connection");
    assert!(lab.runtime.world().containers.is_empty());
}

#[tokio::test]
async fn an_agent_waits_for_the_ledger_of_one_that_is_just_ending() {
    let lab = Lab::new(DAY).await;
    lab.say(Vec::new());
    let ending = LedgerWriter::open(lab.folder.path()).expect("nobody else has it");
    let _agent = lab.run();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(lab.coordinator.heard.borrow().watches, 0, "it waits");
    drop(ending);
    lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
}
