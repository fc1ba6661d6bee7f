//! An installation that would take foreign resources is refused before anything happens.

use super::harness::{Harness, compose};
use super::images::docker;

#[test]
fn two_instances_of_a_file_with_a_name_have_a_project_each() {
    let Some(harness) = Harness::new(&["a"]) else { return };
    harness.push("fixed", "1", "", &compose("name: PREFIX-proj", "{}"));
    harness.install("fixed@1", "a", "fx1");
    harness.install("fixed@1", "a", "fx2");
    let (one, two) = (format!("{}-web-1", harness.name("fx1")), format!("{}-web-1", harness.name("fx2")));
    harness.write(&one, "data-of-fx1");
    let before = harness.id(&one);
    assert_ne!(before, harness.id(&two));
    let name = harness.name("fx2");
    harness.fleet.done(&format!("instance rm {name} --volume {name}_data --yes --detach"));
    harness.wait_gone(&name);
    assert_eq!((harness.id(&one), harness.read(&one).trim()), (before, "data-of-fx1"));
}

#[test]
fn a_project_that_its_file_names_is_one_instances() {
    let Some(mut harness) = Harness::new(&["a", "b"]) else { return };
    harness.push("fixed", "1", "project: from-compose", &compose("name: PREFIX-proj", "{}"));
    harness.install("fixed@1", "a", "fx1");
    let container = format!("{}-proj-web-1", harness.prefix);
    let (fx1, fx2, project) = (harness.name("fx1"), harness.name("fx2"), harness.name("proj"));
    harness.write(&container, "data-of-fx1");
    let before = harness.id(&container);
    harness.refused(
        &format!("install fixed@1 --host a --name {fx2}"),
        &format!("the project `{project}` on a is {fx1}'s"),
    );
    // Over another agent at the same Engine only the agent can know it: it is asked, and refuses the order, too.
    let reason = format!("of the instance {fx1} of the host a");
    harness.refused(
        &format!("install fixed@1 --host b --name {fx2}"),
        &format!("`b` says: the container `{container}` is {reason}"),
    );
    assert!(harness.fleet.instance(&fx2).is_none());
    harness.unasked("b", &format!("install fixed@1 --host b --name {fx2}"));
    harness.wait_said(&reason);
    harness.fleet.done(&format!("instance rm {fx2} --yes --detach"));
    harness.wait_gone(&fx2);
    assert_eq!((harness.id(&container), harness.read(&container).trim()), (before, "data-of-fx1"));
}

#[test]
fn a_hostile_name_takes_nothing_from_its_victim() {
    let Some(mut harness) = Harness::new(&["a", "b"]) else { return };
    harness.push("honest", "1", "", &compose("", "{}"));
    harness.install("honest@1", "a", "victim");
    let (victim, thief) = (harness.name("victim"), harness.name("thief"));
    let before = harness.id(&format!("{victim}-web-1"));
    harness.push("thief", "1", "project: from-compose", &compose("name: PREFIX-victim", "{}"));
    harness.refused(
        &format!("install thief@1 --host a --name {thief}"),
        &format!("the project `{victim}` on a is {victim}'s"),
    );
    let reason = format!("of the instance {victim} of the host a");
    harness.refused(&format!("install thief@1 --host b --name {thief}"), &reason);
    harness.unasked("b", &format!("install thief@1 --host b --name {thief}"));
    harness.wait_said(&reason);
    assert_eq!(harness.id(&format!("{victim}-web-1")), before);
}

#[test]
fn a_volume_or_a_network_with_a_fixed_name_is_one_instances() {
    let Some(mut harness) = Harness::new(&["a", "b"]) else { return };
    harness.push("vol", "1", "", &compose("", "{ name: PREFIX-shared }"));
    harness.push("net", "1", "", &compose("networks: { default: { name: PREFIX-shared-net } }", "{}"));
    let shared = harness.name("shared");
    for (app, kind, name) in [("vol", "volume", shared.clone()), ("net", "network", format!("{shared}-net"))] {
        let (one, two) = (harness.name(&format!("{app}1")), harness.name(&format!("{app}2")));
        harness.install(&format!("{app}@1"), "a", &format!("{app}1"));
        let reason = format!("the {kind} `{name}` on a is {one}'s");
        harness.refused(&format!("install {app}@1 --host a --name {two}"), &reason);
        let reason = format!("the {kind} `{name}` is of the instance {one} of the host a");
        harness.refused(&format!("install {app}@1 --host b --name {two}"), &reason);
        harness.unasked("b", &format!("install {app}@1 --host b --name {two}"));
        harness.wait_said(&reason);
        assert!(harness.labelled("container", &format!("fleet.instance={two}")).is_empty());
    }
}

#[test]
fn a_volume_that_nobody_signed_is_not_mounted_and_that_of_the_own_project_is() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    harness.push("plain", "1", "", &compose("", "{}"));
    let (one, two) = (harness.name("one"), harness.name("two"));
    let unsigned = format!("{one}_data");
    harness.make(&["volume", "create", &unsigned], &["volume", "rm", &unsigned]);
    let reason = format!("the volume `{unsigned}` is of somebody unknown");
    harness.refused(&format!("install plain@1 --host a --name {one}"), &reason);
    harness.unasked("a", &format!("install plain@1 --host a --name {one}"));
    harness.wait_said(&reason);
    assert!(harness.labelled("container", &format!("fleet.instance={one}")).is_empty());
    // A stack that ran under Compose and is down has left its volumes, with its project's label.
    let label = format!("com.docker.compose.project={two}");
    docker(&["volume", "create", "--label", &label, &format!("{two}_data")]);
    harness.install("plain@1", "a", "two");
}

#[test]
fn names_are_checked_first_and_a_failed_install_leaves_nothing() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    let worker = harness.name("worker");
    harness.make(&["run", "-d", "--name", &worker, super::images::ONE], &["rm", "-f", &worker]);
    let services = "services:
  x: { image: IMAGE, init: true }
  z: { image: IMAGE, init: true, container_name: PREFIX-worker }
";
    harness.push("left", "1", "", services);
    let (name, before) = (harness.name("lf"), harness.id(&worker));
    let reason = format!("the container `{worker}` is of somebody unknown");
    harness.refused(&format!("install left@1 --host a --name {name}"), &reason);
    harness.unasked("a", &format!("install left@1 --host a --name {name}"));
    harness.wait_said(&reason);
    assert!(harness.labelled("container", &format!("fleet.instance={name}")).is_empty());
    let again = harness.fleet.refused(&format!("install left@1 --host a --name {name}"));
    assert!(again.text().contains(&format!("fleet instance rm {name}")), "{}", again.text());
    let started = harness.fleet.refused(&format!("instance start {name} --detach"));
    assert!(started.text().contains("its installation failed"), "{}", started.text());
    harness.fleet.done(&format!("instance rm {name} --yes --detach"));
    harness.wait_gone(&name);
    assert_eq!(harness.id(&worker), before);
}
