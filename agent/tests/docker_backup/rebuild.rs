//! Derived data is rebuilt after a restore, and output of an app leaves the host without secrets.

use super::images;
use super::lab::Lab;
use fleet_core::app::Bundle;
use fleet_core::backup::{DataAction, DataNote, DataResult, Others};
use fleet_core::hint::Hint;
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::Goal;
use fleet_proto::v1::query_reply::Kind as Piece;
use fleet_proto::v1::{self, to_agent};
use std::time::Duration;

const APP: &str = "app: notes
values:
  password: { type: string, secret: true, required: true }
health: { minimum_healthy: 0s, deadline: 60s }
stores:
  uploads: { engine: volume, kind: truth, volume: uploads }
  index:
    engine: volume
    kind: derivable
    volume: index
    rebuild: { service: web, command: [sh, -c, 'test ! -e /uploads/broken && ls /uploads >/index/list'], limit: 1m }
";

fn app() -> Bundle {
    let compose = "services:
  web:
    image: IMAGE
    init: true
    command: [sh, -c, 'echo SECRET_KEY=$$PASSWORD; exec sleep 1000000']
    environment: { PASSWORD: '${PASSWORD}' }
    volumes: ['uploads:/uploads', 'index:/index']
volumes: { uploads: , index: }
";
    let compose = compose.replace("IMAGE", images::ONE);
    let files = [("app.yaml".to_owned(), APP.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

fn sh(instance: &str, line: &str) -> String {
    images::docker(&["exec", &format!("{instance}-web-1"), "sh", "-c", line])
}

#[tokio::test]
async fn what_is_derived_is_rebuilt_or_the_restore_says_that_it_was_not() {
    let Some(lab) = Lab::with("k4b-rebuild", images::ONE, app(), "").await else { return };
    let _agent = lab.agent();
    let (instance, name) = (lab.instance(), lab.name.clone());
    let end = lab.carry_out(&lab.order(&instance, Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    sh(&name, "echo x >/uploads/measured");
    let mut backups = Vec::new();
    for line in ["true", "touch /uploads/broken"] {
        sh(&name, line);
        let order = lab.backup();
        assert_eq!(lab.carry_out(&order).await.outcome, Outcome::Done);
        backups.push(order.order.id.as_str().parse::<BackupId>().expect("an id"));
    }
    sh(&name, "rm -f /index/list");
    let restore = |id: &BackupId, goal: Option<Goal>| {
        let (only, safety) = ([].into(), [].into());
        let (from, privileges) = (lab.source(id), Default::default());
        Action::Data(DataAction::Restore { from, only, safety, goal, replaces: None, others: Others::Kept, privileges })
    };
    let end = lab.carry_out(&lab.order(&instance, restore(&backups[0], None))).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(sh(&name, "cat /index/list"), "measured");
    let Some(DataResult::Restore(made)) = end.made.as_deref() else { panic!("expected a restore, found {end:?}") };
    let is_rebuilt = |note: &DataNote| matches!(note, DataNote::Rebuilt { store, .. } if store.as_str() == "index");
    assert!(made.notes.iter().any(is_rebuilt), "{:?}", made.notes);

    // One that cannot be rebuilt is no restore that is done; its data are there all the same.
    let end = lab.carry_out(&lab.order(&instance, restore(&backups[1], None))).await;
    let Outcome::Stuck { failure, hint } = &end.outcome else { panic!("expected it to be stuck, found {end:?}") };
    let OrderFailure::RebuildFailed { failures } = failure else {
        panic!("expected another failure, found {failure:?}")
    };
    let is_it = matches!(failures.as_slice(), [OrderFailure::NotRebuilt { store, .. }] if store == "index");
    assert!(is_it, "{failures:?}");
    let Some(Hint::RebuildRunning(_, commands)) = hint else { panic!("expected commands, found {hint:?}") };
    assert!(commands[0].starts_with(&format!("docker exec {name}-web-1 sh -c")), "{commands:?}");
    assert!(sh(&name, "ls /uploads").contains("broken"));
    let other = format!("{name}-new");
    let end = lab.carry_out(&lab.order(&other.parse().expect("a name"), restore(&backups[0], Some(lab.goal())))).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(sh(&other, "cat /index/list"), "measured");
}

#[tokio::test]
async fn what_an_app_prints_leaves_the_host_without_secrets() {
    let Some(lab) = Lab::with("k4b-masked", images::ONE, app(), "").await else { return };
    let _agent = lab.agent();
    let (instance, name) = (lab.instance(), lab.name.clone());
    let end = lab.carry_out(&lab.order(&instance, Action::Install { goal: lab.goal() })).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(images::docker(&["logs", &format!("{name}-web-1")]), "SECRET_KEY=s3cret");
    let logs = v1::LogsQuery { instance: name, ..Default::default() };
    let question = v1::HostQuery { id: 1, kind: Some(v1::host_query::Kind::Logs(logs)) };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(question)));
    let mut heard = lab.coordinator.heard.subscribe();
    let text = |piece: &v1::QueryReply| match &piece.kind {
        Some(Piece::Line(line)) => Some(line.text.clone()),
        _ => None,
    };
    let waiting = heard.wait_for(|heard| heard.answers.iter().any(|piece| text(piece).is_some()));
    let heard = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("in time").expect("held").clone();
    let lines: Vec<String> = heard.answers.iter().filter_map(text).collect();
    assert_eq!(lines, ["SECRET_KEY=***"]);
}
