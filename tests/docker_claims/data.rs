//! Backups, drills and restores beside another instance.

use super::harness::{Harness, compose};
use super::images::docker;

const STORES: &str = "stores: { files: { engine: volume, kind: truth, volume: data } }";

#[test]
fn a_drill_and_a_restore_elsewhere_leave_the_instance_and_its_data() {
    let Some(harness) = Harness::new(&["a"]) else { return };
    harness.push("kept", "1", STORES, &compose("name: PREFIX-proj", "{}"));
    harness.push("fixed", "1", &format!("project: from-compose\n{STORES}"), &compose("name: PREFIX-fixed", "{}"));
    harness.install("kept@1", "a", "one");
    harness.install("fixed@1", "a", "fix");
    let (one, two, fix) = (harness.name("one"), harness.name("two"), harness.name("fix"));
    let container = format!("{one}-web-1");
    harness.write(&container, "of-one");
    let before = harness.id(&container);
    for name in [&one, &fix] {
        harness.fleet.done(&format!("backup now {name} --detach"));
        harness
            .until("a backup", || harness.fleet.admin.run(&format!("backup ls {name}")).stdout.contains(" central "));
    }
    harness.fleet.done(&format!("backup drill {one} --detach"));
    harness.until("a proof", || harness.fleet.admin.run(&format!("backup ls {one}")).stdout.contains("PROVEN"));
    assert_eq!((harness.id(&container), harness.read(&container).trim()), (before.clone(), "of-one"));
    let project = harness.name("fixed");
    harness.refused(
        &format!("restore {fix} --to a --name {two} --yes"),
        &format!("the project `{project}` on a is {fix}'s"),
    );
    harness.fleet.done(&format!("restore {one} --to a --name {two} --yes --detach"));
    harness.wait(&two, "healthy");
    assert_eq!(harness.read(&format!("{two}-web-1")).trim(), "of-one");
    assert_eq!((harness.id(&container), harness.read(&container).trim()), (before, "of-one"));
}

#[test]
fn a_volume_that_was_made_again_by_hand_is_told_as_lost_until_its_data_is_restored() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    harness.push("kept", "1", STORES, &compose("", "{}"));
    harness.install("kept@1", "a", "one");
    let one = harness.name("one");
    let (container, volume) = (format!("{one}-web-1"), format!("{one}_data"));
    harness.write(&container, "years");
    harness.fleet.done(&format!("backup now {one} --detach"));
    harness.until("a backup", || harness.fleet.admin.run(&format!("backup ls {one}")).stdout.contains(" central "));
    harness.until("the volume to be noted", || harness.ledger_of("a", &one).contains("\"signed\""));
    // While the agent is away, so that it heals nothing in between.
    harness.stop("a");
    docker(&["rm", "-f", &container]);
    docker(&["volume", "rm", &volume]);
    docker(&["volume", "create", &volume]);
    harness.start("a");
    let gone = format!("its data is gone: somebody removed volume {volume} (another volume");
    harness.until("the loss to be told", || {
        harness.fleet.admin.run(&format!("instance show {one}")).text().contains(&gone)
    });
    assert!(harness.labelled("container", &format!("fleet.instance={one}")).is_empty(), "it is not healed");
    harness.fleet.done(&format!("instance restart {one} --detach"));
    harness.wait_said("its data is gone");
    assert!(harness.labelled("container", &format!("fleet.instance={one}")).is_empty(), "it is not started");
    harness.fleet.done(&format!("restore {one} --no-safety --yes --detach"));
    harness.wait(&one, "healthy");
    assert_eq!(harness.read(&container).trim(), "years");
}
