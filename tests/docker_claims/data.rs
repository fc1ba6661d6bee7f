//! Backups, drills and restores beside another instance.

use super::harness::{Harness, compose};

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
