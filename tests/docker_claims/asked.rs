//! A change and its dry run ask the host first: the Engine's refusal is reported in advance, and nothing happens.

use super::harness::{Harness, compose};
use super::images::{ONE, docker};

#[test]
fn a_dry_run_says_what_the_hosts_engine_stands_against() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    let [stack, guest, one] = ["stack", "guest", "one"].map(|name| harness.name(name));
    // A Compose project that runs.
    let label = format!("com.docker.compose.project={stack}");
    let running = format!("{stack}-web-1");
    let words = ["run", "-d", "--name", &running, "--label", &label, "--label", "com.docker.compose.service=web", ONE];
    harness.make(&words, &["rm", "-f", &running]);
    harness.push("plain", "1", "", &compose("", "{}"));
    let reason = format!("the host has a Compose project `{stack}` that fleet did not make ({running})");
    harness.refused(&format!("install plain@1 --host a --name {stack}"), &reason);
    // A port that another container has open, at an address where no other test listens.
    let free = std::net::TcpListener::bind("127.0.0.9:0").and_then(|it| it.local_addr()).expect("one is free").port();
    harness.make(&["run", "-d", "--name", &guest, "-p", "127.0.0.9::80", ONE], &["rm", "-f", &guest]);
    let port = docker(&["port", &guest, "80"]).trim().rsplit(':').next().map(str::to_owned).expect("it has a port");
    let values = "values: { port: { type: port, required: true } }";
    let file = |rest: &str| format!("services:\n  web: {{ image: IMAGE, init: true, {rest} }}\n");
    harness.push("ported", "1", values, &file("ports: ['127.0.0.9:${PORT}:80']"));
    let taken = format!("port {port} of the host is already taken by container {guest}");
    harness.refused(&format!("install ported@1 --host a --name {one} --set port={port}"), &taken);
    // The external part does not exist.
    let missing = harness.name("missing");
    let nets = format!("{}networks: {{ default: {{ external: true, name: {missing} }} }}\n", file("restart: always"));
    harness.push("external", "1", "", &nets);
    harness.refused(&format!("install external@1 --host a --name {one}"), &format!("`networks: [{missing}]`"));
    harness.write_policy("a", &format!("networks: [{missing}]\n"), &missing);
    let reason = format!("the network `{missing}` does not exist");
    harness.refused(&format!("install external@1 --host a --name {one}"), &reason);
    assert!(harness.fleet.instance(&one).is_none() && harness.fleet.instance(&stack).is_none());
    assert!(harness.labelled("container", &format!("fleet.instance={one}")).is_empty());
    // Without any of this it is installed, and other values are asked for as well.
    harness.fleet.done(&format!("install ported@1 --host a --name {one} --set port={free} --detach"));
    harness.wait(&one, "healthy");
    let before = harness.id(&format!("{one}-web-1"));
    harness.refused(&format!("instance set {one} --set port={port}"), &taken);
    assert_eq!(harness.id(&format!("{one}-web-1")), before);
}

#[test]
fn a_restore_elsewhere_is_refused_before_anything_is_asked_of_the_host() {
    let Some(mut harness) = Harness::new(&["a"]) else { return };
    let stores = "stores: { files: { engine: volume, kind: truth, volume: data } }";
    harness.push("kept", "1", stores, &compose("", "{}"));
    harness.install("kept@1", "a", "one");
    let (one, two) = (harness.name("one"), harness.name("two"));
    harness.fleet.done(&format!("backup now {one} --detach"));
    harness.until("a backup", || harness.fleet.admin.run(&format!("backup ls {one}")).stdout.contains(" central "));
    let unsigned = format!("{two}_data");
    harness.make(&["volume", "create", &unsigned], &["volume", "rm", &unsigned]);
    let reason = format!("the volume `{unsigned}` is of somebody unknown");
    harness.refused(&format!("restore {one} --to a --name {two} --yes"), &reason);
    assert!(harness.fleet.instance(&two).is_none());
}
