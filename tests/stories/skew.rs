//! A whole rollout with an agent or a coordinator of the next protocol, or of the one before.

mod peer;
mod proxy;

use fleet_agent::fake::Behaviour;
use fleet_agent::identity_path;
use fleet_proto::v1::{self, order_report::Outcome};
use fleet_tests::fleet::{App, Fleet};
use peer::{Peer, Side};
use proxy::Proxy;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// A fleet of one host, whose agent and coordinator are one protocol apart.
fn fleet_with(side: Side) -> (Fleet, Arc<Peer>, Proxy) {
    let mut fleet = Fleet::new();
    let mut host = fleet.announce("lab-1");
    let peer = Arc::new(Peer::new(side));
    let mut identity = host.identity();
    let proxy = Proxy::start(fleet.server.folder(), &identity, Arc::clone(&peer));
    identity.address = proxy.address.to_string();
    identity.save(&identity_path(host.folder())).expect("it can be written");
    host.start();
    fleet.put_host(host);
    fleet.wait_online("lab-1");
    (fleet, peer, proxy)
}

/// Installs, upgrades, and comes back from a version that is sick.
fn roll_out(fleet: &Fleet, peer: &Peer) {
    for app in [App::new("1.1"), App::new("1.2"), App::hasty("1.3")] {
        fleet.push(&app);
    }
    fleet.done("install notes@1.1 --host lab-1 --name notes-1 --set password=p");
    fleet.wait_version("notes-1", "1.1");
    fleet.done("rollout --version 1.2 --yes --soak 0s");
    fleet.wait_version("notes-1", "1.2");
    fleet.behave("1.3", Behaviour::Sick);
    fleet.refused("rollout --version 1.3 --yes --soak 0s").says("notes-1 was rolled back to 1.2");
    let rollout = fleet.rollout().expect("there is one");
    assert_eq!((rollout.version.as_str(), rollout.phase()), ("1.3", v1::RolloutPhase::Halted));
    assert_eq!(rollout.members[0].state(), v1::MemberState::Failed);
    fleet.wait_version("notes-1", "1.2");
    let starts = ["notes-web:1.1", "notes-web:1.2", "notes-web:1.3", "notes-web:1.2"];
    assert_eq!(fleet.host("lab-1").starts("notes-1"), starts, "nothing was done twice");
    fleet.done("rollout abort");
    assert!(peer.changed.load(Ordering::Relaxed) > 10, "it spoke another protocol");
}

#[test]
fn an_agent_of_the_next_protocol_goes_through_a_rollout() {
    let (fleet, peer, _proxy) = fleet_with(Side::NewerAgent);
    roll_out(&fleet, &peer);
    let status = fleet.done("status");
    assert!(status.contains("could not read one of its reports"), "what could not be read is told: {status}");
}

#[test]
fn a_coordinator_of_the_next_protocol_goes_through_a_rollout_and_hears_which_orders_were_refused() {
    let (fleet, peer, _proxy) = fleet_with(Side::NewerCoordinator);
    roll_out(&fleet, &peer);
    let ends = peer.ends.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(ends.len(), 3, "{ends:?}");
    for (id, outcome) in ends.iter() {
        match outcome {
            Outcome::Refused(refused) => {
                assert!(format!("{refused:?}").contains("OrderUnknown"), "{id}: {refused:?}");
            }
            other => panic!("{id}: {other:?}"),
        }
    }
}

#[test]
fn an_agent_of_the_protocol_before_goes_through_a_rollout() {
    let (fleet, peer, _proxy) = fleet_with(Side::OlderAgent);
    roll_out(&fleet, &peer);
}

#[test]
fn a_coordinator_of_the_protocol_before_goes_through_a_rollout() {
    let (fleet, peer, _proxy) = fleet_with(Side::OlderCoordinator);
    roll_out(&fleet, &peer);
}
