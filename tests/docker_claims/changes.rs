//! Other values, another version and a restore take nothing from another instance either.

use super::harness::{Harness, compose};

const VALUES: &str = "values: { vol: { type: string, default: own } }";

#[test]
fn set_and_rollout_take_no_volume_of_another_instance() {
    let Some(harness) = Harness::new(&["a"]) else { return };
    harness.push("notes", "1", VALUES, &compose("", "{ name: 'PREFIX-${FLEET_INSTANCE}-${VOL}' }"));
    harness.install("notes@1", "a", "one");
    harness.install("notes@1", "a", "two");
    let (one, two) = (harness.name("one"), harness.name("two"));
    let before = (harness.id(&format!("{one}-web-1")), harness.id(&format!("{two}-web-1")));
    // A version that gives all instances the volume that the first one has.
    let volume = format!("{}-{one}-own", harness.prefix);
    harness.push("notes", "2", VALUES, &compose("", &format!("{{ name: {volume} }}")));
    let reason = format!("the volume `{volume}` on a is {one}'s");
    let shown = harness.fleet.done("rollout --app notes --version 2 --dry-run");
    assert!(shown.contains(&reason), "{shown}");
    // With a value that leads there.
    harness.push("other", "1", VALUES, &compose("", "{ name: 'PREFIX-${VOL}' }"));
    harness.install("other@1", "a", "three");
    let three = harness.name("three");
    harness.refused(&format!("instance set {three} --set vol={one}-own"), &reason);
    assert_eq!((harness.id(&format!("{one}-web-1")), harness.id(&format!("{two}-web-1"))), before);
}

#[test]
fn an_upgrade_that_would_leave_the_volumes_behind_is_refused() {
    let Some(harness) = Harness::new(&["a"]) else { return };
    let file = compose("name: PREFIX-proj", "{}");
    harness.push("fixed", "1", "project: from-compose", &file);
    harness.push("fixed", "2", "", &file);
    harness.push("fixed", "3", "project: from-compose", &file);
    harness.install("fixed@1", "a", "fx1");
    let container = format!("{}-proj-web-1", harness.prefix);
    harness.write(&container, "years");
    for line in ["rollout --app fixed --version 2 --dry-run", "rollout --app fixed --version 2 --yes --detach"] {
        let output = harness.fleet.refused(line);
        assert!(output.text().contains("its volumes would be left behind"), "{}", output.text());
    }
    harness.fleet.done("rollout --app fixed --version 3 --yes --detach");
    harness.until("fx1 to be 3", || harness.fleet.state(&harness.name("fx1")) == "3 healthy");
    assert_eq!(harness.read(&container).trim(), "years");
}

#[test]
fn an_undo_takes_nothing_that_another_instance_has_by_now() {
    let Some(harness) = Harness::new(&["a"]) else { return };
    let file = |name: &str| compose(&format!("networks: {{ default: {{ name: PREFIX-{name} }} }}"), "{}");
    harness.push("net", "1", "", &file("x"));
    harness.push("net", "2", "", &file("y"));
    harness.push("other", "1", "", &file("x"));
    harness.install("net@1", "a", "one");
    let (one, two) = (harness.name("one"), harness.name("two"));
    harness.fleet.done("rollout --app net --version 2 --yes --detach");
    harness.until("one to be 2", || harness.fleet.state(&one) == "2 healthy");
    harness.install("other@1", "a", "two");
    let before = (harness.id(&format!("{one}-web-1")), harness.id(&format!("{two}-web-1")));
    let output = harness.fleet.refused("rollout undo --yes --detach");
    let reason = format!("the network `{}` on a is {two}'s", harness.name("x"));
    assert!(output.text().contains(&reason), "{}", output.text());
    assert_eq!((harness.id(&format!("{one}-web-1")), harness.id(&format!("{two}-web-1"))), before);
}

#[test]
fn a_rollout_and_a_restore_say_what_the_hosts_policy_refuses_before_anything_stops() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    let stores = "stores: { files: { engine: volume, kind: truth, volume: data } }";
    let theirs = harness.name("theirs");
    harness.make(&["network", "create", &theirs], &["network", "rm", &theirs]);
    harness.push("plain", "1", stores, &compose("", "{}"));
    let joining = format!("networks: {{ default: {{ external: true, name: {theirs} }} }}");
    harness.push("plain", "2", stores, &compose(&joining, "{}"));
    harness.install("plain@1", "a", "one");
    let one = harness.name("one");
    let before = harness.id(&format!("{one}-web-1"));
    for line in ["rollout --app plain --version 2 --dry-run", "rollout --app plain --version 2 --yes --detach"] {
        let output = harness.fleet.refused(line);
        assert!(output.text().contains(&format!("`networks: [{theirs}]`")), "{}", output.text());
    }
    harness.fleet.done(&format!("backup now {one} --detach"));
    harness.until("a backup", || harness.fleet.admin.run(&format!("backup ls {one}")).stdout.contains(" central "));
    harness.write_policy("a", "registries: [lab.example]\n", "lab.example");
    harness.refused(&format!("restore {one} --yes"), "the host does not allow images such as");
    assert_eq!(harness.id(&format!("{one}-web-1")), before);
}
