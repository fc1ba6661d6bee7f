//! Two machines with one certificate, and cases that must not be taken for that.

use crate::harness::{FakeAgent, Harness, Operators, goal, hello_of, install, is_revoked, now, settled};
use crate::import::named;
use crate::metrics::{ask, get};
use crate::stories::{fleet, installed, until};
use fleet_core::access::JoinToken;
use fleet_core::event::EventKind;
use fleet_core::hint::Hint;
use fleet_core::problem::Problem;
use fleet_link::{Identity, admit};
use fleet_proto::convert::{incoming_event_kind, incoming_problem};
use fleet_proto::v1::{self, from_agent::Kind};

async fn host(admin: &mut Operators) -> v1::HostView {
    let request = v1::ListHostsRequest { name: "lab-1".to_owned(), ..Default::default() };
    admin.list_hosts(request).await.expect("it is there").into_inner().hosts.remove(0)
}

pub async fn status(admin: &mut Operators) -> v1::Status {
    admin.get_status(v1::GetStatusRequest {}).await.expect("it answers").into_inner()
}

pub async fn events(admin: &mut Operators) -> Vec<(String, EventKind)> {
    let request = v1::ListEventsRequest { tail: 100, ..Default::default() };
    let mut stream = admin.list_events(request).await.expect("it answers").into_inner();
    let mut events = Vec::new();
    while let Ok(Some(event)) = stream.message().await {
        let kind = event.kind.clone().and_then(incoming_event_kind).expect("it is known");
        events.push((named(&event.subject), kind));
    }
    events
}

fn is_of_two_machines(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Found(problem) if matches!(**problem, Problem::TwoMachines { .. }))
}

/// Connects as these starts, one after the other, each while the previous one is alive; waits until each is registered.
async fn take_turns(identity: &Identity, starts: &[&str]) -> FakeAgent {
    let mut before: Option<FakeAgent> = None;
    for start in starts {
        let mut agent = FakeAgent::connect_as(start, identity).await.expect("its certificate counts");
        // The first set comes at once, another when it has reported everything.
        agent.open_set().await.expect("the stream goes on");
        agent.open_set().await.expect("the stream goes on");
        before = Some(agent);
    }
    before.expect("there are some")
}

#[tokio::test]
async fn two_machines_with_one_certificate_are_told_and_get_no_orders() {
    let (_harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    install(&mut admin, "1.1", "lab-1", "notes-2").await.expect("nothing stands against it");
    let order = agent.orders(1).await.remove(0);
    // Eleven take-overs were seen within 25 seconds.
    let starts = ["1f", "2e", "1f", "2e", "1f", "2e", "1f", "2e", "1f", "2e", "1f", "2e"];
    let mut twin = take_turns(&identity, &starts).await;
    let view = host(&mut admin).await;
    assert_eq!(view.link(), v1::HostLink::TwoMachines);
    let duplicate = view.duplicate.expect("it is seen");
    assert!(duplicate.since_ms > 0 && duplicate.hint == Some(Hint::SwitchCloneOff.into()), "{duplicate:?}");
    let machines: Vec<_> = duplicate.machines.iter().map(|it| (it.start.as_str(), it.engine_id.as_str())).collect();
    assert_eq!(machines, [("2e", "ABCD:EFGH"), ("1f", "ABCD:EFGH")]);
    assert!(duplicate.machines.iter().all(|it| it.address == "127.0.0.1"));

    // An open order is kept and its end is still expected; new requests are not sent as orders.
    twin.say(hello_of("2e", now())).await;
    twin.say(settled("notes-1", goal(&order).expect("it has a goal"), 0)).await;
    twin.say(Kind::Complete(v1::Complete {})).await;
    let set = twin.open_set().await.expect("the stream goes on");
    assert_eq!((set.orders.len(), set.held), (0, vec![order.id.clone()]));
    let status = status(&mut admin).await;
    assert_eq!((status.hosts_online, status.instances_healthy), (0, 0));
    let [first, ..] = &status.attention[..] else { panic!("it needs a person") };
    assert_eq!(named(&first.subject), "host lab-1");
    let Some(Problem::TwoMachines { machines, .. }) = first.problem.clone().and_then(incoming_problem) else {
        panic!("two machines are seen: {first:?}")
    };
    assert_eq!(machines.iter().map(|it| it.start.as_str()).collect::<Vec<_>>(), ["2e", "1f"]);
    let is_told = status.attention.iter().any(|it| named(&it.subject) == "instance notes-2");
    assert!(!is_told, "it is told with its host");
    let power = v1::PowerInstanceRequest { name: "notes-1".to_owned(), action: v1::PowerAction::Stop.into() };
    admin.power_instance(power).await.expect("the request is kept");
    for name in ["notes-1", "notes-2"] {
        let is_told = |view: &v1::InstanceView| {
            let waiting = view.waiting.as_ref().map(v1::WaitReason::code);
            view.health() == v1::InstanceHealth::Unknown
                && view.health_problem.as_ref().map(v1::HealthProblem::code)
                    == Some(v1::HealthProblemCode::HostDuplicate)
                && waiting == Some(v1::WaitReasonCode::HostDuplicate)
        };
        until(&mut admin, name, |view| view.as_ref().is_some_and(is_told)).await;
    }
    let recorded = events(&mut admin).await;
    assert_eq!(recorded.iter().filter(|(_, kind)| is_of_two_machines(kind)).count(), 1, "{recorded:?}");
}

#[tokio::test]
async fn restarts_and_flaky_links_are_never_taken_for_two_machines() {
    let (_harness, mut admin, identity, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    for starts in [["1f"; 8], ["01", "02", "03", "04", "05", "06", "07", "08"]] {
        let _agent = take_turns(&identity, &starts).await;
        let view = host(&mut admin).await;
        assert_eq!((view.link(), view.duplicate), (v1::HostLink::Online, None), "{starts:?}");
    }
    assert!(!events(&mut admin).await.iter().any(|(_, kind)| is_of_two_machines(kind)));
}

#[tokio::test]
async fn a_host_that_joins_again_is_one_machine() {
    let mut harness = Harness::new().await;
    let mut admin = harness.admin().await;
    let identity = harness.host(&mut admin, "lab-1").await;
    drop(take_turns(&identity, &["1f", "2e", "1f", "2e"]).await);
    assert!(host(&mut admin).await.duplicate.is_some());
    harness.stop().await;
    harness.start_with_metrics().await;
    assert!(host(&mut admin).await.duplicate.is_some(), "it is kept");
    let metrics = harness.running.as_ref().and_then(|running| running.metrics).expect("they are told");
    let (_, page) = ask(metrics, &get("/metrics")).await;
    assert!(page.contains("\nfleet_hosts_duplicate 1\n"), "{page}");
    let request = v1::AddHostRequest { name: "lab-1".to_owned(), ..Default::default() };
    let invitation = admin.add_host(request).await.expect("it is not connected").into_inner();
    let token: JoinToken = invitation.token.parse().expect("it is whole");
    let fresh = admit(&token, now()).await.expect("the token is good");
    assert_eq!(host(&mut admin).await.duplicate, None);
    let _agent = take_turns(&fresh, &["3c"]).await;
    let refused = FakeAgent::connect_as("1f", &identity).await.err().expect("its certificate does not count any more");
    assert!(is_revoked(&refused), "{refused}");
    assert_eq!(host(&mut admin).await.link(), v1::HostLink::Online);
}
