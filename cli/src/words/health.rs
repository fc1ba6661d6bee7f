//! Words of reasons why an instance is not healthy.

use super::{after, failures, policies, unknown_reason};
use fleet_core::health_problem::{HealthProblem, LostVolume, ProbeFailure, ProbeTarget};
use fleet_proto::convert::{incoming_health_problem, incoming_probe_failure, incoming_probe_target};
use fleet_proto::v1::{self, InstanceHealth, InstanceView};
use fleet_proto::words::word;

/// Returns the words of a problem as it came over the wire; empty where there is none.
pub fn shown(problem: Option<&v1::HealthProblem>) -> String {
    let Some(problem) = problem else { return String::new() };
    let known = incoming_health_problem(problem.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::HealthProblemCode>("a reason", problem.code, &problem.arguments))
}

/// Returns the words of a probe as it came over the wire.
pub fn shown_target(target: &v1::ProbeTarget) -> String {
    let known = incoming_probe_target(target.clone()).as_ref().map(target_words);
    known.unwrap_or_else(|| super::unknown::<v1::ProbeTargetCode>("a probe", target.code, &target.arguments))
}

/// Returns the words of a probe's failure as it came over the wire.
pub fn shown_probe_failure(failure: &v1::ProbeFailure) -> String {
    let known = incoming_probe_failure(failure.clone()).as_ref().map(probe_failure);
    known.unwrap_or_else(|| super::unknown::<v1::ProbeFailureCode>("a reason", failure.code, &failure.arguments))
}

/// Returns the reason for the health of an instance; empty where there is none.
pub fn reason(instance: &InstanceView) -> String {
    let InstanceView { health_problem, stuck, last_health, .. } = instance;
    match (health_problem, stuck) {
        (Some(problem), _) => shown(Some(problem)),
        (None, Some(failure)) => format!("stuck: {}", failures::shown(Some(failure))),
        (None, None) if *last_health == 0 => String::new(),
        (None, None) => format!("{} when its host was heard last", word::<InstanceHealth>(*last_health)),
    }
}

/// Returns the words of a problem, as the end of a sentence.
pub fn words(problem: &HealthProblem) -> String {
    match problem {
        HealthProblem::Other { text } => text.clone(),
        HealthProblem::Unknown { number, arguments } => unknown_reason(*number, arguments),
        HealthProblem::ContainerMissing(name) => format!("{name} does not exist"),
        HealthProblem::ContainerNotStarted(name) => format!("{name} has not started yet"),
        HealthProblem::ContainerNotCompleted(name) => format!("{name} has not completed yet"),
        HealthProblem::ContainerStarting(name) => format!("{name} is starting"),
        HealthProblem::ContainerUnhealthy(name) => format!("{name} is unhealthy"),
        HealthProblem::ContainerExited(name, code) => format!("{name} ended with {code}"),
        HealthProblem::ContainerExitedForGood(name, code) => {
            format!("{name} ended with {code}, and nothing starts it again")
        }
        HealthProblem::ContainerRestarting(name) => format!("{name} keeps ending and being started again"),
        HealthProblem::ContainerRestarted(name) => format!("{name} ended and was started again"),
        HealthProblem::ContainerPaused(name) => format!("{name} is paused"),
        HealthProblem::ContainerDead(name) => format!("{name} is dead"),
        HealthProblem::ProbeFailed { probe, failure } => {
            format!("{}: {}", target_words(probe), probe_failure(failure))
        }
        HealthProblem::NotObserved { cause } => cause.clone(),
        HealthProblem::VolumesGone(lost) => {
            let lost: Vec<_> = lost.iter().map(lost_volume).collect();
            format!("its data is gone: somebody removed volume {}; it is not healed", lost.join(" and volume "))
        }
        HealthProblem::HealthyTooLate { healthy_for, deadline } => {
            format!("it was healthy for {healthy_for} only when its {deadline} were over")
        }
        HealthProblem::NotHealthyInTime { deadline, problem } => {
            format!("not healthy within {deadline}: {}", words(problem))
        }
        HealthProblem::HostDuplicate => {
            "two machines connect as its host: whose reports these are, nobody knows".to_owned()
        }
    }
}

/// Returns the words of a volume that somebody removed.
pub fn lost_volume(lost: &LostVolume) -> String {
    let LostVolume { name, is_replaced } = lost;
    let replaced = if *is_replaced { " (another volume, without the label of the instance, has its name)" } else { "" };
    format!("{name}{replaced}")
}

fn target_words(target: &ProbeTarget) -> String {
    match target {
        ProbeTarget::Http { service, port, path } => format!("GET {service}:{port}{path}"),
        ProbeTarget::Version { service, port, path } => format!("version by {service}:{port}{path}"),
        ProbeTarget::Exec { service, command } => format!("`{command}` in {service}"),
    }
}

/// Returns the words of the failure of a probe.
pub fn probe_failure(failure: &ProbeFailure) -> String {
    match failure {
        ProbeFailure::ServiceMissing(service) => format!("the release has no service {service}"),
        ProbeFailure::ContainerMissing(name) => format!("{name} does not exist"),
        ProbeFailure::ContainerNotRunning(name) => format!("{name} does not run"),
        ProbeFailure::NoAddress(name) => format!("{name} has no address"),
        ProbeFailure::ConnectionRefused { address } => format!("nothing listens at {address}"),
        ProbeFailure::NoConnection { address, cause } => format!("no connection to {address}: {cause}"),
        ProbeFailure::ConnectionBroken { cause } => format!("the connection broke: {cause}"),
        ProbeFailure::InvalidPath { path, problem } => format!("`{path}` is not a path: {problem}"),
        ProbeFailure::NoAnswer { limit } => format!("no answer in {} s", limit.as_secs_f32()),
        ProbeFailure::AnswerIncomplete { limit } => {
            format!("its answer broke off, or is longer than {} KiB", limit / 1024)
        }
        ProbeFailure::OtherStatus { found, expected } => format!("it answered {found} instead of {expected}"),
        ProbeFailure::LacksText { text } => format!("its answer does not contain `{text}`"),
        ProbeFailure::OtherVersion { answer, expected } => format!("it says it is `{answer}`, not {expected}"),
        ProbeFailure::CommandFailed { code, output } => format!("it ended with {code}{}", after(output)),
        ProbeFailure::CommandTooSlow { limit } => format!("it did not end in {} s", limit.as_secs_f32()),
        ProbeFailure::CommandNotRun { cause } => cause.clone(),
        ProbeFailure::Forbidden { refusals } => {
            format!("the host's own policy forbids it: {}", policies::all(refusals))
        }
        ProbeFailure::PolicyUnreadable { problem } => {
            format!("the host's policy cannot be read, so nothing is allowed: {problem}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::order_failure::OrderFailure;

    #[test]
    fn a_problem_is_the_end_of_a_sentence() {
        let probe = ProbeTarget::Version { service: "web".to_owned(), port: 8080, path: "/version".to_owned() };
        let failure = ProbeFailure::OtherVersion { answer: "2".to_owned(), expected: "1".parse().expect("a version") };
        let problem = HealthProblem::ProbeFailed { probe: Box::new(probe), failure };
        let deadline = "3s".parse().expect("a period");
        let late = HealthProblem::NotHealthyInTime { deadline, problem: Box::new(problem) };
        let said = "not healthy within 3s: version by web:8080/version: it says it is `2`, not 1";
        assert_eq!(words(&late), said);
        let lost = |name: &str, is_replaced| LostVolume { name: name.to_owned(), is_replaced };
        assert_eq!(
            words(&HealthProblem::VolumesGone(vec![lost("a", false), lost("b", true)])),
            "its data is gone: somebody removed volume a and volume b (another volume, without the label of the instance, has \
             its name); it is not healed"
        );
    }

    #[test]
    fn the_reason_of_a_health_is_its_problem_the_failure_in_which_it_is_stuck_or_the_last_report() {
        let none = InstanceView::default();
        assert_eq!(reason(&none), "");
        let dead = HealthProblem::ContainerDead("web".to_owned());
        assert_eq!(reason(&InstanceView { health_problem: Some(dead.into()), ..none.clone() }), "web is dead");
        let stuck = Some(OrderFailure::other("no answer").into());
        assert_eq!(reason(&InstanceView { stuck, ..none.clone() }), "stuck: no answer");
        let newer = HealthProblem::Unknown { number: 99, arguments: "web".to_owned() };
        let newer = InstanceView { health_problem: Some(newer.into()), ..none.clone() };
        assert_eq!(reason(&newer), "a reason that the coordinator does not know (99): web");
        let last_health = InstanceHealth::Healthy.into();
        assert_eq!(reason(&InstanceView { last_health, ..none }), "healthy when its host was heard last");
    }
}
