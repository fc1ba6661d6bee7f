//! Health, logs and events as the container runtime sees them.

use super::images::{ONE, TWO, docker};
use super::instance::{Instance, instance};
use fleet_agent::runtime::{Changed, Containers, HostStorage, LogRequest};
use fleet_core::health_problem::{HealthProblem, ProbeFailure, ProbeTarget};
use fleet_core::spec::Switch;
use fleet_core::units::Period;
use futures_util::StreamExt;
use std::path::Path;
use std::time::Duration;

/// A web service that serves `/version` of its image.
fn web(image: &str) -> String {
    format!("services:\n  web: {{ image: {image}, init: true, command: [httpd, -f, -p, '8080', -h, /] }}\n")
}

async fn gate(it: &Instance, compose: &str, probe: &str) -> Result<(), HealthProblem> {
    let health = format!("health: {{ minimum_healthy: 500ms, deadline: 3s, probes: [{probe}] }}");
    let rendered = it.render(compose, &[], &health);
    it.apply_well(&rendered.spec).await;
    it.pass_gate(&rendered).await
}

/// The end of a gate whose deadline of 3 s was over.
fn late(problem: HealthProblem) -> Result<(), HealthProblem> {
    Err(HealthProblem::NotHealthyInTime { deadline: Period::from_secs(3), problem: Box::new(problem) })
}

/// The reason why a probe failed until the deadline was over.
fn probe_failure(end: Result<(), HealthProblem>) -> ProbeFailure {
    match end {
        Err(HealthProblem::NotHealthyInTime { problem, .. }) => match *problem {
            HealthProblem::ProbeFailed { failure, .. } => failure,
            other => panic!("expected a failed probe, found {other:?}"),
        },
        other => panic!("expected a failed probe, found {other:?}"),
    }
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
    let probe = ProbeTarget::Version { service: "web".to_owned(), port: 8080, path: "/version".to_owned() };
    let failure = ProbeFailure::OtherVersion { answer: "2".to_owned(), expected: "1".parse().expect("a version") };
    assert_eq!(end, late(HealthProblem::ProbeFailed { probe: Box::new(probe), failure }));
}

#[tokio::test]
async fn an_instance_may_spell_its_version_otherwise() {
    let Some(it) = instance() else { return };
    let health = "health: { minimum_healthy: 500ms, deadline: 20s, probes: [{version: { service: web, port: 8080, path: /version }}] }";
    let mut rendered = it.render(&web(ONE), &[], health);
    it.apply_well(&rendered.spec).await;
    rendered.spec.version = "v1.0".parse().expect("a version");
    it.pass_gate(&rendered).await.expect("`1` and `v1.0` are one version");
}

#[tokio::test]
async fn a_wrong_answer_and_no_answer_are_told_apart() {
    let Some(it) = instance() else { return };
    let end = gate(&it, &web(ONE), "{http: { service: web, port: 8080, path: /nothing }}").await;
    let get = |port, path: &str| Box::new(ProbeTarget::Http { service: "web".to_owned(), port, path: path.to_owned() });
    let failure = ProbeFailure::OtherStatus { found: 404, expected: 200 };
    assert_eq!(end, late(HealthProblem::ProbeFailed { probe: get(8080, "/nothing"), failure }));
    let end = gate(&it, &web(ONE), "{http: { service: web, port: 81, path: / }}").await;
    let failure = probe_failure(end);
    assert!(matches!(failure, ProbeFailure::ConnectionRefused { .. }), "{failure:?}");
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_a_failure() {
    let Some(it) = instance() else { return };
    let end = gate(&it, &web(ONE), "{exec: { service: web, command: [no-such-program] }}").await;
    let failure = probe_failure(end);
    assert!(matches!(failure, ProbeFailure::CommandFailed { code: 126 | 127, .. }), "{failure:?}");
}

#[tokio::test]
async fn a_container_that_keeps_ending_does_not_pass() {
    let Some(it) = instance() else { return };
    let compose = format!("services:\n  web: {{ image: {ONE}, command: ['false'], restart: always }}\n");
    // On a busy machine it may be seen running a few times, and at the deadline too.
    let rendered = it.render(&compose, &[], "health: { minimum_healthy: 6s, deadline: 12s }");
    it.apply_well(&rendered.spec).await;
    let (end, mut seen) = it.watch_gate(&rendered).await;
    match end.expect_err("it never stays") {
        HealthProblem::NotHealthyInTime { problem, .. } => seen.push(*problem),
        HealthProblem::HealthyTooLate { .. } => {}
        other => panic!("expected it not healthy in time, found {other:?}"),
    }
    let web = it.name("web");
    let is_ending = |problem: &HealthProblem| match problem {
        HealthProblem::ContainerRestarting(name) | HealthProblem::ContainerRestarted(name) => *name == web,
        HealthProblem::ContainerExited(name, code) => *name == web && *code == 1,
        _ => false,
    };
    assert!(seen.iter().any(is_ending), "{seen:?}");
}

#[tokio::test]
async fn a_container_that_ended_for_good_fails_the_gate_at_once() {
    let Some(it) = instance() else { return };
    let compose = format!("services:\n  web: {{ image: {ONE}, command: [sh, -c, 'exit 3'] }}\n");
    let rendered = it.render(&compose, &[], "health: { minimum_healthy: 2s, deadline: 60s }");
    it.apply_well(&rendered.spec).await;
    let why = it.pass_gate(&rendered).await;
    assert_eq!(why, Err(HealthProblem::ContainerExitedForGood(it.name("web"), 3)));
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
