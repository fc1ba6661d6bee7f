//! Wishes become orders, orders end, and a restart in between changes nothing.

use crate::harness::{
    FakeAgent, Harness, LIMIT, Operators, bundle, configure, done, goal, install, planned, push, refusal, remove,
    settled, start_rollout, values,
};
use fleet_core::planned_change::PlannedChange;
use fleet_core::refused_call::{CallRefusal, NamedKind};
use fleet_core::spec::RecreateReason;
use fleet_proto::v1::{self, order::Action};
use std::path::Path;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt;
use tonic::Code;

pub async fn instance(operators: &mut Operators, name: &str) -> Option<v1::InstanceView> {
    let request = v1::ListInstancesRequest { name: name.to_owned(), ..Default::default() };
    operators.list_instances(request).await.ok()?.into_inner().instances.into_iter().next()
}

pub async fn until(operators: &mut Operators, name: &str, is_so: impl Fn(&Option<v1::InstanceView>) -> bool) {
    let reached = async {
        while !is_so(&instance(operators, name).await) {
            sleep(Duration::from_millis(30)).await;
        }
    };
    if timeout(LIMIT, reached).await.is_err() {
        panic!("it never came so: {:?}", instance(operators, name).await);
    }
}

/// A coordinator with one host, connected, and a release.
pub async fn fleet() -> (Harness, Operators, fleet_link::Identity, FakeAgent) {
    let harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    let agent = FakeAgent::connect(&identity).await.expect("it is welcome");
    push(&mut admin, "1.1", &bundle("notes:1.1")).await.expect("it is a good bundle");
    (harness, admin, identity, agent)
}

pub async fn installed(admin: &mut Operators, agent: &mut FakeAgent, name: &str) {
    install(admin, "1.1", "lab-1", name).await.expect("nothing stands against it");
    let order = agent.orders(1).await.remove(0);
    agent.obey(&order, done(), goal(&order)).await;
    agent.orders(0).await;
    until(admin, name, |view| view.as_ref().is_some_and(|view| view.health() == v1::InstanceHealth::Healthy)).await;
}

#[tokio::test]
async fn an_installation_is_ordered_carried_out_and_seen() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    let change = install(&mut admin, "1.1", "lab-1", "notes-1").await.expect("nothing stands against it");
    let plan = planned(&change.plan);
    assert!(plan.contains(&PlannedChange::ServiceCreated("web".to_owned())), "{plan:?}");
    let order = agent.orders(1).await.remove(0);
    assert_eq!(order.id, change.order);
    assert_eq!(values(&order).get("password").map(String::as_str), Some("hunter2"));
    let request = v1::FollowChangeRequest { instance: "notes-1".to_owned(), order: change.order };
    let mut progress = admin.follow_change(request).await.expect("it can be followed").into_inner();
    assert_eq!(progress.next().await.expect("it is told").expect("it goes on").state(), v1::ChangeState::UnderWay);
    agent.obey(&order, done(), goal(&order)).await;
    agent.orders(0).await;
    while let Some(recorded) = progress.next().await {
        let recorded = recorded.expect("it goes on");
        assert_eq!(recorded.over, recorded.state() == v1::ChangeState::Done, "{recorded:?}");
    }
    until(&mut admin, "notes-1", |view| view.as_ref().is_some_and(|view| view.version == "1.1")).await;
    let view = instance(&mut admin, "notes-1").await.expect("it is there");
    assert_eq!(view.values.get("password").map(String::as_str), Some("***"));
    assert_eq!(view.volumes, ["notes-1_data"]);
}

#[tokio::test]
async fn a_secret_is_not_in_the_store_in_the_clear() {
    let (mut harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    harness.stop().await;
    for file in files_below(harness.path()) {
        let bytes = std::fs::read(&file).expect("it can be read");
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "{}", file.display());
    }
}

fn files_below(path: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(path).expect("it is a directory").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_cannot_work_is_refused_when_it_is_said() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let refused = |status: tonic::Status, code: Code, expect: fn(&CallRefusal) -> bool| {
        assert_eq!(status.code(), code, "{status}");
        assert!(expect(&refusal(&status)), "{status}");
    };
    let taken = install(&mut admin, "1.1", "lab-1", "notes-1").await.expect_err("taken");
    refused(taken, Code::AlreadyExists, |it| matches!(it, CallRefusal::NameTaken { subject: NamedKind::Instance, .. }));
    let none = install(&mut admin, "9", "lab-1", "notes-2").await.expect_err("no release");
    refused(
        none,
        Code::NotFound,
        |it| matches!(it, CallRefusal::Missing { subject: NamedKind::Release, name } if name == "notes@9"),
    );
    let none = install(&mut admin, "1.1", "lab-9", "notes-2").await.expect_err("no host");
    refused(
        none,
        Code::NotFound,
        |it| matches!(it, CallRefusal::Missing { subject: NamedKind::Host, name } if name == "lab-9"),
    );
    let none = install(&mut admin, "1.1", "lab-1", "No!").await.expect_err("no name");
    refused(none, Code::InvalidArgument, |it| matches!(it, CallRefusal::Unreadable { .. }));
    let values = [("port".to_owned(), "many".to_owned())].into();
    let request = v1::ConfigureInstanceRequest { name: "notes-1".to_owned(), values, ..Default::default() };
    let wrong = configure(&mut admin, request).await.expect_err("wrong type");
    refused(wrong, Code::InvalidArgument, |it| matches!(it, CallRefusal::ValuesInvalid { .. }));
    let other = push(&mut admin, "1.1", &bundle("notes:other")).await.expect_err("another digest");
    refused(other, Code::AlreadyExists, |it| matches!(it, CallRefusal::ReleaseExists { .. }));
    let spelled = push(&mut admin, "v1.1.0", &bundle("notes:1.1")).await.expect_err("another spelling");
    refused(spelled, Code::AlreadyExists, |it| matches!(it, CallRefusal::VersionExists { .. }));
    assert!(push(&mut admin, "1.1", &bundle("notes:1.1")).await.expect("the same").already_there);
    let request = v1::RemoveHostRequest { name: "lab-1".to_owned(), with_instances: false };
    let held = admin.remove_host(request).await.expect_err("it has one");
    refused(held, Code::FailedPrecondition, |it| matches!(it, CallRefusal::HostHasInstances { .. }));
}

#[tokio::test]
async fn a_restart_continues_exactly() {
    let (mut harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    install(&mut admin, "1.1", "lab-1", "notes-2").await.expect("nothing stands against it");
    let before = agent.orders(1).await.remove(0);
    harness.stop().await;
    harness.start().await;
    let mut agent = FakeAgent::connect_quietly(&identity, fleet_proto::PROTOCOL).await.expect("it is welcome");
    let after = agent.orders(1).await.remove(0);
    assert_eq!(after, before, "the very same order is open");
    agent.say(crate::harness::hello(crate::harness::now())).await;
    agent.say(settled("notes-1", goal(&before).expect("an installation has a goal"), 0)).await;
    agent.obey(&after, done(), goal(&after)).await;
    agent.say(v1::from_agent::Kind::Complete(v1::Complete {})).await;
    agent.orders(0).await;
    until(&mut admin, "notes-2", |view| view.as_ref().is_some_and(|view| view.health() == v1::InstanceHealth::Healthy))
        .await;
    until(&mut admin, "notes-1", |view| view.as_ref().is_some_and(|view| view.health() == v1::InstanceHealth::Healthy))
        .await;
}

#[tokio::test]
async fn an_instance_is_configured_stopped_and_removed() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let values = [("port".to_owned(), "9090".to_owned())].into();
    let request = v1::ConfigureInstanceRequest { name: "notes-1".to_owned(), values, ..Default::default() };
    let change = configure(&mut admin, request).await.expect("it can be changed").into_inner();
    let plan = planned(&change.plan);
    let is_web = |it: &PlannedChange| matches!(it, PlannedChange::ServiceRecreated { service, .. } if service == "web");
    assert!(plan.iter().any(is_web), "{plan:?}");
    let order = agent.orders(1).await.remove(0);
    assert_eq!(values_of(&order), ("9090", "hunter2"));
    agent.obey(&order, done(), goal(&order)).await;
    agent.orders(0).await;
    let request = v1::PowerInstanceRequest { name: "notes-1".to_owned(), action: v1::PowerAction::Stop.into() };
    admin.power_instance(request).await.expect("it can be stopped");
    let stop = agent.orders(1).await.remove(0);
    agent.obey(&stop, done(), None).await;
    agent.say(settled("notes-1", goal(&order).expect("it has a goal"), 1)).await;
    agent.orders(0).await;
    let volumes = vec!["notes-1_data".to_owned()];
    let request = v1::RemoveInstanceRequest { name: "notes-1".to_owned(), volumes, ..Default::default() };
    remove(&mut admin, request).await.expect("it can be removed");
    let order = agent.orders(1).await.remove(0);
    assert!(matches!(&order.action, Some(Action::Remove(remove)) if remove.volumes == ["notes-1_data"]));
    agent.obey(&order, done(), None).await;
    until(&mut admin, "notes-1", Option::is_none).await;
}

fn values_of(order: &v1::Order) -> (&str, &str) {
    let values = &goal(order).expect("it has a goal").values;
    let value = |name: &str| values.get(name).map_or("", String::as_str);
    (value("port"), value("password"))
}

#[tokio::test]
async fn a_rollout_is_proposed_begun_and_followed_to_its_end() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    push(&mut admin, "1.2", &bundle("notes:1.2")).await.expect("it is a good bundle");
    let request = v1::ProposeRolloutRequest { version: "1.2".to_owned(), soak_ms: Some(100), ..Default::default() };
    let proposal = admin.propose_rollout(request.clone()).await.expect("it can work").into_inner();
    let change = &proposal.waves[0].changes[0];
    assert_eq!((change.from.as_str(), change.to.as_str()), ("1.1", "1.2"));
    let changes = planned(&change.changes);
    let image = RecreateReason::Image("notes:1.1".to_owned(), "notes:1.2".to_owned());
    let has_image =
        |it: &PlannedChange| matches!(it, PlannedChange::ServiceRecreated { because, .. } if because.contains(&image));
    assert!(changes.iter().any(has_image), "{changes:?}");
    let rollout = start_rollout(&mut admin, request.clone()).await.expect("it can work").into_inner();
    let again = start_rollout(&mut admin, request).await.expect_err("one at a time");
    assert_eq!(again.code(), Code::FailedPrecondition, "{again}");
    let order = agent.orders(1).await.remove(0);
    assert!(matches!(order.action, Some(Action::Upgrade(_))));
    agent.obey(&order, done(), goal(&order)).await;
    let request = v1::ShowRolloutRequest { id: rollout.id, way_back: false };
    let mut views = admin.follow_rollout(request).await.expect("it can be followed").into_inner();
    let followed = async {
        let mut last = None;
        while let Some(view) = views.next().await {
            last = Some(view.expect("it goes on"));
        }
        last.expect("it was told")
    };
    let last = timeout(LIMIT, followed).await.expect("it ends");
    assert_eq!((last.phase(), last.done), (v1::RolloutPhase::Done, 1), "{last:?}");
}

#[tokio::test]
async fn a_host_fetches_the_bundles_that_concern_it_and_no_other() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    push(&mut admin, "1.2", &bundle("notes:1.2")).await.expect("it is a good bundle");
    installed(&mut admin, &mut agent, "notes-1").await;
    let fetch = |image: &str| v1::FetchBundleRequest { digest: bundle(image).digest().to_string() };
    let mut pieces = agent.client.fetch_bundle(fetch("notes:1.1")).await.expect("it runs it").into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend(piece.expect("it goes on").bytes);
    }
    assert_eq!(bytes, bundle("notes:1.1").encode());
    let other = agent.client.fetch_bundle(fetch("notes:1.2")).await.expect_err("it does not concern it");
    assert_eq!(other.code(), Code::PermissionDenied);
    // What it reports as running gives it no access.
    let (app, version) = ("notes".to_owned(), "1.2".to_owned());
    let release = v1::Release { app, version, digest: fetch("notes:1.2").digest };
    let claimed = v1::Goal { release: Some(release), revision: 1, ..Default::default() };
    for name in ["stray", "notes-1"] {
        agent.say(settled(name, &claimed, 0)).await;
    }
    until(&mut admin, "notes-1", |view| view.as_ref().is_some_and(|view| view.version == "1.2")).await;
    let other = agent.client.fetch_bundle(fetch("notes:1.2")).await.expect_err("it is wanted nowhere on this host");
    assert_eq!(other.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn events_are_told_as_they_happen() {
    let (_harness, mut admin, _, mut agent) = fleet().await;
    let request = v1::ListEventsRequest { follow: true, subject: "notes-1".to_owned(), tail: 0 };
    let mut events = admin.list_events(request).await.expect("it can be followed").into_inner();
    installed(&mut admin, &mut agent, "notes-1").await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let event = timeout(LIMIT, events.next()).await.expect("it comes in time").expect("it goes on");
        heard.push(event.expect("it goes on").kind.expect("it has one").code());
    }
    assert_eq!(heard, [v1::EventCode::InstallRequested, v1::EventCode::OrderDone]);
}
