//! A cloned machine: two agents with one identity are reported to people, and neither gets an order.

use fleet_tests::fleet::{Fleet, Host};

/// A copy of a host as a cloned disk is: the same identity, a machine of its own.
fn clone_of(fleet: &Fleet, name: &str) -> Host {
    let identity = fleet.host(name).identity();
    let clone = Host::new(name, &fleet.folder().join("clone"), &identity);
    clone.runtime.meddle(|world| world.engine_id = "CLONE:0002".to_owned());
    clone
}

#[test]
fn a_cloned_machine_needs_a_person_and_gets_no_orders() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    let mut clone = clone_of(&fleet, "lab-1");
    clone.start();
    fleet.until("the clone to be seen", || fleet.host_view("lab-1").is_some_and(|view| view.duplicate.is_some()));
    let status = fleet.done("status");
    for part in ["host lab-1: two machines connect as it since", "CLONE:0002", "orders are held", "join --again"] {
        assert!(status.contains(part), "`{part}` is not in {status}");
    }
    let shown = fleet.done("host show lab-1");
    for part in ["two machines", "CLONE:0002", "fleet-agent join --again"] {
        assert!(shown.contains(part), "`{part}` is not in {shown}");
    }
    assert!(fleet.done("host ls").contains("two machines"));
    let events = fleet.done("events --tail 100");
    assert!(events.contains("host lab-1") && events.contains("two machines connect as it since"), "{events}");
    let instance = fleet.done("instance show notes-1");
    assert!(instance.contains("unknown") && instance.contains("two machines connect as its host"), "{instance}");
    assert!(!instance.contains("healthy"), "{instance}");

    // A rollout continues elsewhere, and explains why not here. The clone's report that it lacks the instance does not
    // count.
    fleet.until("the first machine to be heard", || fleet.instance("notes-1").is_some_and(|it| it.version == "1.1"));
    fleet.done("rollout --version 1.2 --yes --soak 0s --canary 0 --at-once 2 --detach");
    fleet.wait_version("notes-2", "1.2");
    let explained = fleet.done("rollout explain");
    assert!(explained.contains("notes-1: wait: two machines connect as its host since"), "{explained}");
    assert_eq!(fleet.host("lab-1").starts("notes-1"), ["notes-web:1.1"], "it runs on, untouched");
    assert!(clone.images("notes-1").is_empty(), "nothing was begun on the clone");

    // The clone joins as a host of its own: its earlier certificate is given up, and it reports under its own name.
    clone.crash();
    let token = fleet.done("host add lab-3 --token-only");
    fleet.join(token.trim()).save(&fleet_agent::identity_path(clone.folder())).expect("it can be kept");
    clone.start();
    fleet.wait_online("lab-3");
    assert!(fleet.host_view("lab-3").is_some_and(|view| view.duplicate.is_none()));
}
