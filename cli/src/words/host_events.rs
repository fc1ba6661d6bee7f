//! Words of events that hosts report.

use super::{coverage, drift, failures, ledgers, not_known, steps};
use fleet_core::backup_health::rough;
use fleet_core::data_leftover::DataLeftover;
use fleet_core::event::HostEvent;
use fleet_core::ledger_problem::LedgerProblem;
use fleet_core::sandbox_part::SandboxPart;
use fleet_core::spec::COMPOSE_PROJECT;
use fleet_proto::convert::{incoming_host_event, incoming_sandbox_part};
use fleet_proto::v1;

/// Returns the words of an event as it came over the wire.
pub fn shown(event: &v1::HostEvent) -> String {
    let known = incoming_host_event(event.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::HostEventCode>("an event", event.code, &event.arguments))
}

/// Returns the words of a part of a sandbox as it came over the wire.
pub fn shown_part(part: &v1::SandboxPart) -> String {
    let known = incoming_sandbox_part(part.clone()).as_ref().map(part_words);
    known.unwrap_or_else(|| super::unknown::<v1::SandboxPartCode>("a part", part.code, &part.arguments))
}

/// Returns the words of an event, after its subject.
pub fn words(event: &HostEvent) -> String {
    match event {
        HostEvent::Other { text } => text.clone(),
        HostEvent::Unknown { number: 0, .. } => "its host did not say what happened".to_owned(),
        HostEvent::Unknown { number, arguments } => not_known("an event", "the coordinator", *number, arguments),
        HostEvent::Healed { steps } => {
            format!("healed: {}", steps.iter().map(steps::words).collect::<Vec<_>>().join(", "))
        }
        HostEvent::HealingFailed { failure } => format!("could not be healed: {}", failures::words(failure)),
        HostEvent::HealingTooSlow { limit } => format!("could not be healed within {limit}"),
        HostEvent::Flapping { times, within, changes } => {
            let changes: Vec<_> = changes.iter().map(drift::words).collect();
            format!("flapping: it was healed {times} times within {within}, and is left now: {}", changes.join("; "))
        }
        HostEvent::HealthUnknown { failure } => format!("health is unknown: {}", failures::words(failure)),
        HostEvent::PolicyUnreadable { problem } => {
            format!("its policy cannot be read, so all orders are refused: {problem}")
        }
        HostEvent::LedgerUnreadable { path, problem: LedgerProblem::Other { text } } => {
            format!("stuck: `{path}` of the host's ledger cannot be read: {text}")
        }
        HostEvent::LedgerUnreadable { problem, .. } => format!("stuck: {}", ledgers::words(problem)),
        HostEvent::ImageNotPulled { image, failure } => {
            format!("{image} could not be pulled, so the one on the host is used: {}", failures::words(failure))
        }
        HostEvent::OldDataLeft(DataLeftover::Other { text }) => format!("left by its restore or upgrade: {text}"),
        HostEvent::OldDataLeft(left) => coverage::leftover(left),
        HostEvent::OldDataRemoved { path } => {
            format!("the data of before its restore or upgrade is removed now: `{path}`")
        }
        HostEvent::ServiceResumed { service, after } => {
            format!("`{service}` runs again after a backup: for {} it could not be resumed", rough(after.as_duration()))
        }
        HostEvent::SandboxLeft { project, parts } => format!(
            "{}. That is tried again every minute; on the host, see `docker ps -a --filter label={COMPOSE_PROJECT}={project}`, \
             and `docker volume ls` and `docker network ls` with the same filter",
            sandbox_left(project, parts)
        ),
        HostEvent::SandboxRemoved { project } => {
            format!("all that a drill made is removed now: nothing of `{project}` is left")
        }
    }
}

/// Returns the words for parts of a sandbox that could not be removed.
pub fn sandbox_left(project: &str, parts: &[SandboxPart]) -> String {
    let parts = match parts {
        [] => format!("something of `{project}`"),
        parts => parts.iter().map(part_words).collect::<Vec<_>>().join(", "),
    };
    format!("what its drill made could not all be removed: {parts}")
}

fn part_words(part: &SandboxPart) -> String {
    match part {
        SandboxPart::Other { text } => text.clone(),
        SandboxPart::Container(name) => format!("container `{name}`"),
        SandboxPart::Network(name) => format!("network `{name}`"),
        SandboxPart::Volume(name) => format!("volume `{name}`"),
        SandboxPart::Folder(path) => format!("folder `{path}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::activity::Activity;
    use fleet_core::drift::Drift;
    use fleet_core::order_failure::OrderFailure;

    #[test]
    fn an_event_stands_after_its_subject() {
        let period = "10m".parse().expect("a period");
        let steps = vec![Activity::Create("web".to_owned()), Activity::Start("web".to_owned())];
        assert_eq!(words(&HostEvent::Healed { steps }), "healed: create web, start web");
        let failure = Box::new(OrderFailure::EngineUnreachable { socket: "/run/docker.sock".to_owned() });
        let unknown = "health is unknown: the Docker Engine does not answer at `/run/docker.sock`";
        assert_eq!(words(&HostEvent::HealthUnknown { failure }), unknown);
        let changes = vec![Drift::ContainerRemoved("web".to_owned()), Drift::VolumeRemoved("data".to_owned())];
        assert_eq!(
            words(&HostEvent::Flapping { times: 3, within: period, changes }),
            "flapping: it was healed 3 times within 10m, and is left now: container web was removed; volume data was removed"
        );
        let parts = vec![SandboxPart::Volume("a_data".to_owned()), SandboxPart::Folder("/a".to_owned())];
        assert_eq!(
            sandbox_left("a", &parts),
            "what its drill made could not all be removed: volume `a_data`, folder `/a`"
        );
        assert_eq!(sandbox_left("a", &[]), "what its drill made could not all be removed: something of `a`");
    }

    #[test]
    fn an_event_that_is_not_known_shows_its_number_and_its_arguments() {
        let unknown = |arguments: &str| HostEvent::Unknown { number: 99, arguments: arguments.to_owned() };
        assert_eq!(words(&unknown("web, 3")), "an event that the coordinator does not know (99): web, 3");
        assert_eq!(words(&unknown("")), "an event that the coordinator does not know (99)");
        let newer = v1::HostEvent { code: 99, arguments: vec!["web".to_owned()] };
        assert_eq!(shown(&newer), "an event that this version does not know (99): web");
    }
}
