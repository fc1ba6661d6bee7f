//! Removals: foreign resources stay, and a removal that got stuck is tried again.

use super::harness::{Harness, compose};
use super::images::{ONE, docker};

#[test]
fn a_removal_that_was_stuck_is_another_attempt_when_it_is_asked_again() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    harness.push("plain", "1", "", &compose("", "{}"));
    let (name, guest) = (harness.name("one"), harness.name("guest"));
    for restarts in [false, true] {
        harness.install("plain@1", "a", "one");
        let network = format!("{name}_default");
        harness.make(&["run", "-d", "--name", &guest, "--network", &network, ONE], &["rm", "-f", &guest]);
        harness.fleet.done(&format!("instance rm {name} --yes --detach"));
        harness.wait_said("is in use by something that is not part of this instance");
        docker(&["rm", "-f", &guest]);
        if restarts {
            harness.restart("a");
        }
        let volume = format!("{name}_data");
        harness.fleet.done(&format!("instance rm {name} --volume {volume} --yes --detach"));
        harness.wait_gone(&name);
        assert!(harness.labelled("network", &format!("fleet.instance={name}")).is_empty());
        assert!(harness.labelled("volume", &format!("fleet.instance={name}")).is_empty());
    }
}

#[test]
fn a_volume_that_somebody_else_has_is_not_deleted_and_nothing_is_touched() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    harness.push("plain", "1", "", &compose("", "{}"));
    harness.install("plain@1", "a", "one");
    let (name, guest) = (harness.name("one"), harness.name("guest"));
    let (container, volume) = (format!("{name}-web-1"), format!("{name}_data"));
    harness.write(&container, "years");
    harness.make(&["run", "-d", "--name", &guest, "-v", &format!("{volume}:/d"), ONE], &["rm", "-f", &guest]);
    let before = harness.id(&container);
    harness.fleet.done(&format!("instance rm {name} --volume {volume} --yes --detach"));
    harness.wait_said(&format!("the volume `{volume}` stays: the container {guest} has it, too"));
    assert_eq!((harness.id(&container), harness.read(&guest).trim()), (before, "years"));
    harness.fleet.done(&format!("instance rm {name} --yes --detach"));
    harness.wait_gone(&name);
    assert_eq!(harness.read(&guest).trim(), "years");
}
