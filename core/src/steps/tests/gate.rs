//! The gate, look by look.

use super::language::{found, spec};
use crate::app::HealthRules;
use crate::health_problem::{HealthProblem, ProbeFailure, ProbeTarget};
use crate::spec::Restart;
use crate::steps::gate::{Gate, GateVerdict, Observation, ObservedContainer, ProbeResult, version_said};
use crate::time::Time;
use crate::units::Period;
use std::time::Duration;

/// Each observation: the second, the found state, the number of restarts of `web`, and a probe's failure (`-` for
/// none). The gate wants 5 s of health within 30 s; one verdict per line.
fn check(looks: &[(u64, &str, u64, &str)], expect: &str) {
    let mut goal = spec("web:1\njob:1\nweb2:1 after job completed");
    goal.containers.retain(|container| container.service != "web2" || looks.iter().any(|it| it.1.contains("web2")));
    goal.containers[0].restart = Restart::UnlessStopped;
    let health = HealthRules {
        minimum_healthy: Period::from_secs(5),
        deadline: Period::from_secs(30),
        ..HealthRules::default()
    };
    if !looks.iter().any(|it| it.1.contains("job")) {
        goal.containers.retain(|container| container.service != "job");
    }
    let mut gate = Gate::new(&health, Time(0));
    let verdicts = looks.iter().map(|(second, given, restarts, probe)| {
        let seen = observation(given, *restarts, probe);
        match gate.judge(&goal, &seen, Time(second * 1000)) {
            GateVerdict::Waiting { problem } => format!("waiting: {problem}"),
            GateVerdict::WellFor { so_far, of } => format!("well for {so_far} of {of}"),
            GateVerdict::Healthy => "healthy".to_owned(),
            GateVerdict::Failed { problem } => format!("failed: {problem}"),
        }
    });
    assert_eq!(verdicts.collect::<Vec<_>>().join("\n"), expect);
}

fn observation(given: &str, restarts: u64, probe: &str) -> Observation {
    let containers = found(given).containers.into_iter().map(|it| ObservedContainer {
        service: it.service,
        name: it.name,
        id: it.id,
        state: it.state,
        health: it.health,
        restarts,
    });
    let failure = (probe != "-").then(|| ProbeFailure::NoAnswer { limit: Duration::from_secs(1) });
    let probe = ProbeTarget::Http { service: "web".to_owned(), port: 80, path: "/".to_owned() };
    Observation { containers: containers.collect(), probes: vec![ProbeResult { probe, failure }] }
}

#[test]
fn health_must_last() {
    check(
        &[(0, "web:1", 0, "-"), (4, "web:1", 0, "-"), (5, "web:1", 0, "-")],
        "well for 0s of 5s\nwell for 4s of 5s\nhealthy",
    );
}

#[test]
fn a_failed_probe_begins_the_time_anew() {
    check(
        &[(0, "web:1", 0, "-"), (4, "web:1", 0, "no answer"), (5, "web:1", 0, "-"), (10, "web:1", 0, "-")],
        "well for 0s of 5s\nwaiting: GET web:80/: no answer in 1 s\nwell for 0s of 5s\nhealthy",
    );
}

#[test]
fn a_restart_between_two_looks_begins_the_time_anew() {
    check(
        &[(0, "web:1", 0, "-"), (5, "web:1", 1, "-"), (6, "web:1", 1, "-"), (11, "web:1", 1, "-")],
        "well for 0s of 5s\nwaiting: p-web-1 ended and was started again\n\
         well for 0s of 5s\nhealthy",
    );
}

#[test]
fn the_deadline_says_what_was_missing() {
    check(
        &[(29, "web:1", 0, "no answer"), (30, "web:1", 0, "no answer")],
        "waiting: GET web:80/: no answer in 1 s\n\
         failed: not healthy within 30s: GET web:80/: no answer in 1 s",
    );
}

#[test]
fn health_that_comes_too_late_is_none() {
    check(
        &[(28, "web:1", 0, "-"), (31, "web:1", 0, "-")],
        "well for 0s of 5s\nfailed: it was healthy for 3s only when its 30s were over",
    );
}

#[test]
fn a_container_that_ended_and_may_come_back_is_waited_for() {
    check(&[(1, "web:1 exited 1", 0, "-")], "waiting: p-web-1 ended with 1");
}

#[test]
fn a_job_that_has_completed_is_well() {
    check(
        &[(0, "web:1\njob:1 exited 0\nweb2:1", 0, "-"), (5, "web:1\njob:1 exited 0\nweb2:1", 0, "-")],
        "well for 0s of 5s\nhealthy",
    );
}

#[test]
fn a_missing_container_is_not_well() {
    check(&[(1, "", 0, "-")], "waiting: p-web-1 does not exist");
}

#[test]
fn a_container_that_nothing_starts_again_fails_at_once() {
    let mut goal = spec("web:1");
    goal.containers[0].restart = Restart::No;
    let verdict =
        Gate::new(&HealthRules::default(), Time(0)).judge(&goal, &observation("web:1 exited 3", 0, "-"), Time(1));
    let problem = HealthProblem::ContainerExitedForGood("p-web-1".to_owned(), 3);
    assert_eq!(verdict, GateVerdict::Failed { problem });
}

#[test]
fn a_version_is_plain_text_or_json() {
    for body in ["1.2\n", r#"{"version": "1.2", "name": "x"}"#, r#""1.2""#] {
        assert_eq!(version_said(body), "1.2", "for {body}");
    }
    assert_eq!(version_said(r#"{"name": "x"}"#), r#"{"name": "x"}"#);
    assert_eq!(version_said("1.20"), "1.20");
}
