//! Reasons why instances are not healthy, and their codes.

use super::arguments::{Argument, coded_message};
use super::bounded;
use crate::v1;
use fleet_core::health_problem::{HealthProblem, LostVolume, ProbeFailure, ProbeTarget};

coded_message! {
    HealthProblem, HealthProblem, HealthProblemCode, incoming_health_problem:
    Other { text },
    Unknown { number, arguments },
    ContainerMissing(a),
    ContainerNotStarted(a),
    ContainerNotCompleted(a),
    ContainerStarting(a),
    ContainerUnhealthy(a),
    ContainerExited(a, b),
    ContainerExitedForGood(a, b),
    ContainerRestarting(a),
    ContainerRestarted(a),
    ContainerPaused(a),
    ContainerDead(a),
    ProbeFailed { probe, failure },
    NotObserved { cause },
    VolumesGone(a),
    HealthyTooLate { healthy_for, deadline },
    NotHealthyInTime { deadline, problem },
    HostDuplicate,
}

coded_message! {
    ProbeTarget, ProbeTarget, ProbeTargetCode, incoming_probe_target:
    Http { service, port, path },
    Version { service, port, path },
    Exec { service, command },
}

coded_message! {
    ProbeFailure, ProbeFailure, ProbeFailureCode, incoming_probe_failure:
    ServiceMissing(a),
    ContainerMissing(a),
    ContainerNotRunning(a),
    NoAddress(a),
    ConnectionRefused { address },
    NoConnection { address, cause },
    ConnectionBroken { cause },
    InvalidPath { path, problem },
    NoAnswer { limit },
    AnswerIncomplete { limit },
    OtherStatus { found, expected },
    LacksText { text },
    OtherVersion { answer, expected },
    CommandFailed { code, output },
    CommandTooSlow { limit },
    CommandNotRun { cause },
    Forbidden { refusals },
    PolicyUnreadable { problem },
}

/// One of several: its name, and whether it is replaced.
impl Argument for LostVolume {
    fn put(self, to: &mut Vec<String>) {
        self.name.put(to);
        self.is_replaced.put(to);
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        let name = String::take(from)?;
        Some(Self { name, is_replaced: bool::take(from)? })
    }

    fn take_item(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        Self::take(from)
    }
}

/// The most levels of problems in problems that are taken in.
const DEPTH_LIMIT: usize = 8;

/// Reads the problem of a report. One that this version does not know keeps its number and its arguments; 0: none was given.
pub(super) fn reported_problem(message: Option<v1::HealthProblem>) -> HealthProblem {
    let message = message.unwrap_or_default();
    let unknown = HealthProblem::Unknown { number: message.code, arguments: bounded(message.arguments.join(", ")) };
    incoming_health_problem(message).filter(|problem| problem.depth() <= DEPTH_LIMIT).unwrap_or(unknown)
}

#[cfg(test)]
mod tests {
    use super::super::incoming_order_failure;
    use super::*;
    use fleet_core::order_failure::OrderFailure;
    use fleet_core::policy_refusal::PolicyRefusal;
    use std::time::Duration;

    fn targets() -> Vec<ProbeTarget> {
        let (service, path) = ("web".to_owned(), "/health".to_owned());
        vec![
            ProbeTarget::Http { service: service.clone(), port: 80, path: path.clone() },
            ProbeTarget::Version { service: service.clone(), port: 80, path },
            ProbeTarget::Exec { service, command: "true".to_owned() },
        ]
    }

    fn failures() -> Vec<ProbeFailure> {
        let text = || "a, b".to_owned();
        let limit = Duration::from_millis(1500);
        vec![
            ProbeFailure::ServiceMissing(text()),
            ProbeFailure::ContainerMissing(text()),
            ProbeFailure::ContainerNotRunning(text()),
            ProbeFailure::NoAddress(text()),
            ProbeFailure::ConnectionRefused { address: text() },
            ProbeFailure::NoConnection { address: text(), cause: text() },
            ProbeFailure::ConnectionBroken { cause: text() },
            ProbeFailure::InvalidPath { path: text(), problem: text() },
            ProbeFailure::NoAnswer { limit },
            ProbeFailure::AnswerIncomplete { limit: 65536 },
            ProbeFailure::OtherStatus { found: 503, expected: 200 },
            ProbeFailure::LacksText { text: text() },
            ProbeFailure::OtherVersion { answer: text(), expected: "1.2".parse().expect("a version") },
            ProbeFailure::CommandFailed { code: -1, output: String::new() },
            ProbeFailure::CommandTooSlow { limit },
            ProbeFailure::CommandNotRun { cause: text() },
            ProbeFailure::Forbidden { refusals: vec![PolicyRefusal::Mount { path: text() }, PolicyRefusal::NoWayBack] },
            ProbeFailure::PolicyUnreadable { problem: text() },
        ]
    }

    fn problems() -> Vec<HealthProblem> {
        let name = || "a-web-1".to_owned();
        let deadline = "1m".parse().expect("a period");
        let lost = |name: &str, is_replaced| LostVolume { name: name.to_owned(), is_replaced };
        let probes = targets().into_iter().flat_map(|target| {
            let problem = move |failure| HealthProblem::ProbeFailed { probe: Box::new(target.clone()), failure };
            failures().into_iter().map(problem)
        });
        let mut problems: Vec<HealthProblem> = probes.collect();
        problems.extend([
            HealthProblem::other("words"),
            HealthProblem::Unknown { number: 99, arguments: name() },
            HealthProblem::ContainerMissing(name()),
            HealthProblem::ContainerNotStarted(name()),
            HealthProblem::ContainerNotCompleted(name()),
            HealthProblem::ContainerStarting(name()),
            HealthProblem::ContainerUnhealthy(name()),
            HealthProblem::ContainerExited(name(), 137),
            HealthProblem::ContainerExitedForGood(name(), 1),
            HealthProblem::ContainerRestarting(name()),
            HealthProblem::ContainerRestarted(name()),
            HealthProblem::ContainerPaused(name()),
            HealthProblem::ContainerDead(name()),
            HealthProblem::NotObserved { cause: "no answer".to_owned() },
            HealthProblem::VolumesGone(vec![lost("data", false), lost("logs", true)]),
            HealthProblem::HealthyTooLate { healthy_for: deadline, deadline },
            HealthProblem::HostDuplicate,
        ]);
        let late = problems
            .iter()
            .map(|problem| HealthProblem::NotHealthyInTime { deadline, problem: Box::new(problem.clone()) });
        let late: Vec<_> = late.collect();
        problems.into_iter().chain(late).collect()
    }

    #[test]
    fn a_problem_of_each_code_comes_back_as_it_was_alone_and_in_a_failure() {
        let mut codes = std::collections::BTreeSet::new();
        for problem in problems() {
            let message = v1::HealthProblem::from(problem.clone());
            codes.insert(message.code);
            assert_eq!(incoming_health_problem(message), Some(problem.clone()));
            let failure = OrderFailure::NotHealthy { problem };
            let failure = OrderFailure::Several { failures: vec![failure.clone(), failure, OrderFailure::NoStores] };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
        let all = (1..10_000).filter_map(|number| v1::HealthProblemCode::try_from(number).ok());
        assert_eq!(codes, all.map(Into::into).collect());
    }

    #[test]
    fn a_problem_that_is_not_known_keeps_its_number_and_its_arguments() {
        let message = v1::HealthProblem { code: 10_000, arguments: vec!["a".to_owned(), "b".to_owned()] };
        let unknown = HealthProblem::Unknown { number: 10_000, arguments: "a, b".to_owned() };
        assert_eq!(reported_problem(Some(message)), unknown);
        assert_eq!(reported_problem(None), HealthProblem::Unknown { number: 0, arguments: String::new() });
        let deadline = "1m".parse().expect("a period");
        let nested = (0..DEPTH_LIMIT).fold(HealthProblem::HostDuplicate, |problem, _| {
            HealthProblem::NotHealthyInTime { deadline, problem: Box::new(problem) }
        });
        assert!(matches!(reported_problem(Some(nested.into())), HealthProblem::Unknown { number: 18, .. }));
    }
}
