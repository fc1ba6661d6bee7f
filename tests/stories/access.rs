//! Permissions of operators, and the end of access.

use fleet_core::access::Subject;
use fleet_link::{Identity, LinkError, dial};
use fleet_proto::v1::agents_client::AgentsClient;
use fleet_proto::{PROTOCOL, v1};
use fleet_tests::fleet::Fleet;
use std::time::{Duration, Instant};
use tonic::{Response, Status, Streaming};

/// Silence would end a host's stream after 15 s: one that ends before was cut off.
const CUT: Duration = Duration::from_secs(12);

/// Watches as a host does.
fn watch(fleet: &Fleet, identity: &Identity) -> Result<Streaming<v1::ToAgent>, Box<Status>> {
    fleet.wait_for(async {
        let channel = dial(identity).await.expect("TLS knows its certificate");
        let request = v1::WatchRequest { protocol: PROTOCOL, agent_version: "story".to_owned(), protocol_min: 0 };
        AgentsClient::new(channel).watch(request).await.map(Response::into_inner).map_err(Box::new)
    })
}

#[track_caller]
fn check_revoked(fleet: &Fleet, identity: &Identity) {
    let is_revoked = |status: &Status| matches!(LinkError::from_status("", status.clone()), LinkError::Revoked);
    // The coordinator may cut the connection before its answer is read; no attempt is welcome, and one is answered.
    let refused: Vec<_> = (0..5).map(|_| watch(fleet, identity).expect_err("it is not welcome")).collect();
    assert!(refused.iter().any(|status| is_revoked(status)), "{refused:?}");
}

#[test]
fn a_removed_host_is_cut_off_at_once_and_stays_away() {
    let fleet = Fleet::of(&["lab-1", "lab-2"]);
    // Beside the agent's own stream we hold one as the same host, to see how it ends.
    let identity = fleet.host("lab-2").identity();
    let mut stream = watch(&fleet, &identity).expect("it is welcome");
    fleet.done("host rm lab-2 --yes");
    let began = Instant::now();
    fleet.wait_for(async { while let Ok(Some(_)) = stream.message().await {} });
    assert!(began.elapsed() < CUT, "the stream lived for {:?}", began.elapsed());
    check_revoked(&fleet, &identity);
    fleet.refused("host show lab-2").says("no host `lab-2`");
    assert!(fleet.host_view("lab-1").is_some_and(|view| view.link() == fleet_proto::v1::HostLink::Online));
    fleet.refused("host rm lab-2 --yes").says("lab-2");
    fleet.refused("host add lab-1").says("is in the fleet and connected").hints("fleet host rm lab-1");
}

#[test]
fn a_machine_that_joins_anew_replaces_whoever_had_its_name() {
    let mut fleet = Fleet::of(&["lab-1 site=fr"]);
    let old = fleet.host("lab-1").identity();
    fleet.host_mut("lab-1").crash();
    fleet.wait_link("lab-1", "offline");
    let token = fleet.done("host add lab-1 --token-only");
    fleet.host_mut("lab-1").start();
    fleet.wait_online("lab-1");
    let new = fleet.join(token.trim());
    fleet.wait_link("lab-1", "offline");
    check_revoked(&fleet, &old);
    assert!(watch(&fleet, &new).is_ok());
    assert!(fleet.done("host show lab-1").contains("site=fr"), "it is still the same host");
}

#[test]
fn a_host_with_instances_is_forgotten_only_when_that_is_said() {
    let fleet = Fleet::running(&["lab-1"]);
    fleet.refused("host rm lab-1 --yes").says("notes-1").hints("--with-instances");
    let containers = fleet.host("lab-1").containers("notes-1");
    let output = fleet.admin.run("host rm lab-1 --yes --with-instances");
    output.says("forgot the instance notes-1");
    assert_eq!(fleet.host("lab-1").containers("notes-1"), containers, "what runs goes on running");
    // The host may come back under its name, with a new token.
    assert!(matches!(fleet.announce("lab-1").identity().subject, Subject::Host(_)));
}

#[test]
fn a_removed_operator_is_cut_off_at_once_and_told_so() {
    let fleet = Fleet::new();
    let ada = fleet.operator("ada", "viewer");
    let events = ada.start("events --follow");
    events.wait_for("operator ada");
    fleet.done("operator rm ada --yes");
    // Nothing else would ever end it.
    let output = events.finish();
    assert_ne!(output.code, 0, "{}", output.text());
    ada.refused("status").says("revoked").hints("ask an administrator");
    fleet.refused("operator rm admin --yes").says("last administrator");
}

#[test]
fn each_role_may_do_what_it_may() {
    let fleet = Fleet::running(&["lab-1"]);
    let (ada, bob) = (fleet.operator("ada", "viewer"), fleet.operator("bob", "operator"));
    for line in ["status", "host ls", "instance show notes-1", "logs notes-1 --tail 1", "app ls", "events --tail 1"] {
        ada.done(line);
    }
    let changes = [
        "instance restart notes-1",
        "instance set notes-1 --set port=9000",
        "instance rm notes-1 --yes",
        "install notes@1.1 --host lab-1 --name notes-9 --set password=p",
        "rollout --version 1.2 --yes --canary 0",
    ];
    for line in changes {
        ada.refused(line).says("needs the role operator").hints("administrator");
    }
    let admissions =
        ["host add lab-2", "host rm lab-1 --yes --with-instances", "operator add eve --role viewer", "token ls"];
    for line in admissions {
        bob.refused(line).says("needs the role administrator").hints("administrator");
    }
    bob.done("instance restart notes-1");
    assert_eq!(fleet.state("notes-1"), "1.1 healthy", "nobody else changed it");
}

#[test]
fn a_certificate_is_renewed_in_time_and_the_host_stays() {
    let mut fleet = Fleet::running(&["lab-1"]);
    // A third of it is left when it is renewed: enough for a machine that is busy.
    let life = Duration::from_secs(8);
    fleet.server.stop();
    fleet.server.start_with_life(life);
    fleet.add_host("lab-2");
    fleet.wait_online("lab-2");
    let first = fleet.host("lab-2").identity();
    let path = fleet_agent::identity_path(fleet.host("lab-2").folder());
    let key = |path: &std::path::Path| std::fs::read_to_string(path).expect("it is there");
    let born = key(&path);
    fleet.until("the certificate to be renewed twice", || {
        // Many checks, so that an offline state of a moment is found too.
        let is_away = || fleet.host_view("lab-2").is_some_and(|view| view.link() != fleet_proto::v1::HostLink::Online);
        assert!(!(0..40).any(|_| is_away()), "the host is never away");
        fleet.host("lab-2").identity().issued.since(first.issued) > life
    });
    let renewed = fleet.host("lab-2").identity();
    assert!(renewed.issued.since(first.issued) < life * 2, "each was renewed before it ended");
    assert_ne!(key(&path), born, "with a new key");
    fleet.wait_online("lab-2");
    fleet.done("install notes@1.1 --host lab-2 --name notes-2 --set password=p");
}
