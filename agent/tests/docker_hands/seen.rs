//! Health, logs and events as the container runtime sees them.

use super::images::{ONE, TWO, docker};
use super::instance::{Instance, instance};
use fleet_agent::runtime::{Changed, Containers, HostStorage, LogRequest};
use fleet_core::spec::Switch;
use futures_util::StreamExt;
use std::path::Path;
use std::time::Duration;

/// A web service that serves `/version` of its image.
fn web(image: &str) -> String {
    format!("services:\n  web: {{ image: {image}, init: true, command: [httpd, -f, -p, '8080', -h, /] }}\n")
}

async fn gate(it: &Instance, compose: &str, probe: &str) -> Result<(), String> {
    let health = format!("health: {{ minimum_healthy: 500ms, deadline: 3s, probes: [{probe}] }}");
    let rendered = it.render(compose, &[], &health);
    it.apply_well(&rendered.spec).await;
    it.pass_gate(&rendered).await
}

#[tokio::test]
async fn an_instance_whose_probes_succeed_passes_the_gate() {
    let Some(it) = instance() else { return };
    let probes = "http: { service: web, port: 8080, path: /version, contains: '1' }}, \
                  {version: { service: web, port: 8080, path: /version }}, {exec: { service: web, command: ['true'] }";
    assert_eq!(gate(&it, &web(ONE), &format!("{{{probes}}}")).await, Ok(()));
}

#[tokio::test]
async fn an_instance_that_says_another_version_does_not_pass() {
    let Some(it) = instance() else { return };
    let end = gate(&it, &web(TWO), "{version: { service: web, port: 8080, path: /version }}").await;
    let why = "not healthy within 3s: version by web:8080/version: it says it is `2`, not 1";
    assert_eq!(end, Err(why.to_owned()));
}

#[tokio::test]
async fn a_wrong_answer_and_no_answer_are_told_apart() {
    let Some(it) = instance() else { return };
    let end = gate(&it, &web(ONE), "{http: { service: web, port: 8080, path: /nothing }}").await;
    assert_eq!(end, Err("not healthy within 3s: GET web:8080/nothing: it answered 404 instead of 200".to_owned()));
    let end = gate(&it, &web(ONE), "{http: { service: web, port: 81, path: / }}").await.expect_err("nobody listens");
    assert!(end.contains("no connection to") && end.contains("refused"), "{end}");
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_a_failure() {
    let Some(it) = instance() else { return };
    let end = gate(&it, &web(ONE), "{exec: { service: web, command: [no-such-program] }}").await;
    let end = end.expect_err("there is no such program");
    assert!(end.contains("it ended with 126") || end.contains("it ended with 127"), "{end}");
}

#[tokio::test]
async fn a_container_that_keeps_ending_does_not_pass() {
    let Some(it) = instance() else { return };
    let compose = format!("services:\n  web: {{ image: {ONE}, command: ['false'], restart: always }}\n");
    let rendered = it.render(&compose, &[], "health: { minimum_healthy: 2s, deadline: 4s }");
    it.apply_well(&rendered.spec).await;
    let why = it.pass_gate(&rendered).await.expect_err("it never stays");
    assert!(why.contains("started again") || why.contains("ended with 1"), "{why}");
}

#[tokio::test]
async fn a_container_that_ended_for_good_fails_the_gate_at_once() {
    let Some(it) = instance() else { return };
    let compose = format!("services:\n  web: {{ image: {ONE}, command: [sh, -c, 'exit 3'] }}\n");
    let rendered = it.render(&compose, &[], "health: { minimum_healthy: 2s, deadline: 60s }");
    it.apply_well(&rendered.spec).await;
    let why = it.pass_gate(&rendered).await;
    assert_eq!(why, Err(format!("{} ended with 3, and nothing starts it again", it.name("web"))));
}

#[tokio::test]
async fn log_lines_come_with_service_stream_and_moment() {
    let Some(it) = instance() else { return };
    let script = "echo one; echo two >&2; head -c 100000 /dev/zero | tr '\\\\0' x; echo; echo last";
    let compose = format!(
        "services:\n  web: {{ image: {ONE}, command: [busybox, sh, -c, \"{}\"] }}\n",
        script.replace("tr", "busybox tr")
    );
    it.apply_well(&it.spec(&compose)).await;
    let request = LogRequest {
        project: it.project.clone(),
        instance: it.project.parse().expect("it is a name"),
        service: None,
        tail: None,
        follow: Switch::On,
    };
    let lines: Vec<_> = it.runtime.logs(request).map(|line| line.expect("it can be read")).collect().await;
    let mut texts: Vec<_> =
        lines.iter().map(|line| (line.text.len(), line.text.chars().take(4).collect::<String>())).collect();
    texts.sort();
    let expect = [(3, "one".to_owned()), (3, "two".to_owned()), (4, "last".to_owned()), (16384, "xxxx".to_owned())];
    assert_eq!(texts, expect);
    assert!(lines.iter().all(|line| line.service == "web" && line.at.is_some()));
    let request = LogRequest {
        project: it.project.clone(),
        instance: it.project.parse().expect("it is a name"),
        service: Some("web".to_owned()),
        tail: Some(1),
        follow: Switch::Off,
    };
    // The Engine takes in the two streams side by side, so either's last line may be the last of the log.
    let newest = lines.last().map(|line| line.text.clone());
    let tail: Vec<_> = it.runtime.logs(request).map(|line| line.expect("it can be read").text).collect().await;
    assert_eq!(tail, Vec::from_iter(newest));
}

#[tokio::test]
async fn a_change_by_hand_is_heard() {
    let Some(it) = instance() else { return };
    it.apply_well(&it.spec(&web(ONE))).await;
    let mut changes = it.runtime.changes();
    assert_eq!(changes.next().await, Some(Changed::Anything));
    let name = it.name("web");
    let by_hand = tokio::task::spawn_blocking(move || docker(&["rm", "-f", &name]));
    let heard = async {
        while let Some(changed) = changes.next().await {
            if changed == Changed::Project(it.project.clone()) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), heard).await.expect("the Engine says so");
    by_hand.await.expect("it can be removed");
}

#[tokio::test]
async fn the_engine_says_what_it_is_and_how_much_room_there_is() {
    let Some(it) = instance() else { return };
    let version = it.runtime.engine_version().await.expect("the Engine answers");
    assert!(version.version.starts_with(|c: char| c.is_ascii_digit() || c == 'P'), "{version:?}");
    assert!(it.runtime.disk_free(Path::new("/var/lib/fleet/nothing-yet")).await.expect("there is a disk") > 0);
}
