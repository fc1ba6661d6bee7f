//! Joining, renewing, and the end of a host's membership.

use super::coordinator::Coordinator;
use super::lab::{DAY, Lab, completes, count, ends, now};
use fleet_agent::identity_path;
use fleet_core::refused_call::{AdmissionRefusal, Attempt, CallRefusal};
use fleet_link::{Identity, admit};
use fleet_proto::refusal::refuse;
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::{self, to_agent};
use std::time::Duration;

#[tokio::test]
async fn the_program_joins_as_a_host_and_as_nothing_else() {
    let coordinator = Coordinator::new(DAY).await;
    let _serving = coordinator.serve().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_fleet-agent"));
    program.arg("join").arg(coordinator.token().to_string()).arg("--data-dir").arg(folder.path());
    let recorded = program.output().await.expect("it can be started");
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));
    assert_eq!(coordinator.heard.borrow().joiners, [v1::Joiner::Host]);
}

#[tokio::test]
async fn who_joins_asks_again_with_the_same_key_when_the_answer_was_lost() {
    let coordinator = Coordinator::new(DAY).await;
    let _serving = coordinator.serve().await;
    *coordinator.lost.lock().expect("no fault") = Some(tonic::Status::unavailable("the connection broke"));
    admit(&coordinator.token(), now()).await.expect("the second answer comes");
    let asked = coordinator.heard.borrow().signing_requests.clone();
    assert!(asked.len() == 2 && asked[0] == asked[1], "{} calls", asked.len());
    *coordinator.lost.lock().expect("no fault") = Some(refuse(Attempt::Join, AdmissionRefusal::TokenUnknown, None));
    admit(&coordinator.token(), now()).await.expect_err("a refusal is an answer");
    assert_eq!(coordinator.heard.borrow().signing_requests.len(), 3);
}

#[tokio::test]
async fn a_short_certificate_is_renewed_and_the_new_one_is_used_and_kept() {
    let lab = Lab::new(Duration::from_secs(6)).await;
    let before = Identity::load(&identity_path(lab.folder.path())).expect("an identity");
    lab.say(Vec::new());
    let _agent = lab.run();
    let heard = lab.coordinator.wait_for(|heard| completes(heard) > 2 && heard.reporting == 1).await;
    assert!(heard.watches > 2, "{} connections", heard.watches);
    assert_eq!(heard.silences, 0, "a connection ends when its successor is heard, not before");
    let after = Identity::load(&identity_path(lab.folder.path())).expect("an identity");
    assert!(after.expires > before.expires, "{before:?} {after:?}");
}

#[tokio::test]
async fn while_the_new_certificate_is_not_taken_the_old_connection_does_all_there_is_to_do() {
    let lab = Lab::new(Duration::from_secs(6)).await;
    lab.say(Vec::new());
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
    let full = tonic::Status::unavailable("too many hosts come at once");
    *lab.coordinator.refusal.lock().expect("no fault") = Some(full);
    let heard = lab.coordinator.wait_for(|heard| heard.watches > 2).await;
    assert_eq!((heard.silences, count(&heard, |kind| matches!(kind, Kind::Order(_)))), (0, 0));
    lab.ask();
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    let logs = v1::LogsQuery { instance: "oasis-9".to_owned(), ..Default::default() };
    let query = v1::HostQuery { id: 1, kind: Some(v1::host_query::Kind::Logs(logs)) };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    lab.coordinator.wait_for(|heard| !heard.answers.is_empty()).await;
    lab.say(Vec::new());
    *lab.coordinator.refusal.lock().expect("no fault") = None;
    let heard = lab.coordinator.wait_for(|heard| completes(heard) > 3 && heard.reporting == 1).await;
    assert_eq!(heard.silences, 0, "the host was there all the time");
}

#[tokio::test]
async fn a_host_that_was_removed_keeps_what_runs_and_does_not_insist() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    let revoked = CallRefusal::CertificateRevoked { subject: "host:lab-1".parse().expect("a subject") };
    let refusal = refuse(Attempt::Call, revoked, None);
    *lab.coordinator.refusal.lock().expect("no fault") = Some(refusal);
    lab.coordinator.restart();
    lab.coordinator.wait_for(|heard| heard.watches > 2).await;
    // Time is the subject here: an agent that retried at once would connect many times meanwhile.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let watches = lab.coordinator.heard.borrow().watches;
    assert!(watches < 6, "it asked {watches} times");
    assert_eq!(lab.runtime.world().running("oasis-1").len(), 1);
}
