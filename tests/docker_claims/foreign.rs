//! Foreign containers in an instance's project are never stopped, removed, healed or taken over.

use super::harness::{Harness, compose};
use super::images::{ONE, docker};

#[test]
fn no_verb_touches_containers_of_another_instance_in_the_project() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    harness.push("plain", "1", "", &compose("", "{}"));
    harness.push("plain", "2", "", &compose("", "{}").replace("init: true", "init: true, environment: { A: b }"));
    harness.install("plain@1", "a", "one");
    let (one, other) = (harness.name("one"), harness.name("other"));
    let labels = [
        format!("com.docker.compose.project={one}"),
        "com.docker.compose.service=web".to_owned(),
        "fleet.instance=somebody".to_owned(),
        "fleet.config-hash=x".to_owned(),
    ];
    let mut words = vec!["run", "-d", "--name", &other];
    labels.iter().for_each(|label| words.extend(["--label", label]));
    words.push(ONE);
    harness.make(&words, &["rm", "-f", &other]);
    let before = harness.id(&other);
    harness.until("its drift to be told", || {
        let shown = harness.fleet.admin.run(&format!("instance show {one}"));
        shown.text().contains(&format!("the container `{other}` is of the instance somebody"))
    });
    let refused = |line: &str| {
        harness.fleet.done(line);
        harness.wait_said(&format!("the container `{other}` is of the instance somebody"));
        assert_eq!(harness.id(&other), before, "after `{line}`");
    };
    refused(&format!("instance restart {one} --detach"));
    let output = harness.fleet.refused("rollout --app plain --version 2 --yes --detach");
    assert!(
        output.text().contains(&format!("the container `{other}` is of the instance somebody")),
        "{}",
        output.text()
    );
    assert_eq!(harness.id(&other), before, "after a rollout that was refused");
    harness.fleet.done(&format!("instance stop {one} --detach"));
    harness.wait(&one, "stopped");
    assert_eq!(harness.id(&other), before, "after a stop");
    harness.fleet.done(&format!("instance rm {one} --yes --detach"));
    harness.wait_gone(&one);
    assert_eq!(harness.id(&other), before, "after a removal");
}

#[test]
fn nothing_is_healed_or_started_where_somebody_else_has_the_containers_name() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    harness.push("plain", "1", "", &compose("", "{}"));
    harness.install("plain@1", "a", "one");
    let one = harness.name("one");
    let container = format!("{one}-web-1");
    let words = format!("the container `{container}` is of somebody unknown");
    // While the agent is away, so that it does not heal before the name is taken.
    harness.stop("a");
    docker(&["rm", "-f", &container]);
    harness.make(&["run", "-d", "--name", &container, ONE], &["rm", "-f", &container]);
    let before = harness.id(&container);
    harness.start("a");
    harness.until("its drift to be told, and not healed", || {
        harness.fleet.admin.run(&format!("instance show {one}")).text().contains(&words)
    });
    assert_eq!(harness.id(&container), before);
    harness.fleet.done(&format!("instance stop {one} --detach"));
    harness.wait(&one, "stopped");
    harness.fleet.done(&format!("instance start {one} --detach"));
    harness.until("the start to be refused", || harness.fleet.admin.run("events --tail 20").text().contains(&words));
    assert_eq!(harness.id(&container), before);
}
