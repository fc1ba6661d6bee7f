//! Events and their codes.

use super::arguments::{Argument, coded_message};
use super::observed::IncomingReport;
use super::{ConvertError, bounded};
use crate::v1::{self, SubjectKind};
use fleet_core::event::{EventKind, EventSubject, HostEvent};
use fleet_core::sandbox_part::SandboxPart;

coded_message! {
    EventKind, EventKind, EventCode, incoming_event_kind:
    Text(a),
    Reported(a),
    Found(a),
    Added { by },
    Removed { by },
    Joined,
    TokenRevoked { by },
    OperatorAdded { role, by },
    RecoveryKitsTaken { count },
    Pushed { by },
    JoinedAgain { since },
    OneMachineLeft(a),
    ProtocolAccepted,
    TooManyEvents { limit },
    EventsDropped { count },
    CoordinatorRestored { of },
    Crashed { since },
    RepositoryDiskFine,
    InstallRequested { release, host, by },
    CreationRequested { host, backup, of, by },
    ConfigurationChanged { by },
    WorkRequested { by, work },
    RequestsLost,
    RequestLapsed,
    InstanceRemoved,
    ValuesPutBack,
    OrderWithdrawn { host, order },
    OrderNeedless(a),
    OrderDone(a),
    OrderRolledBack { failure, order },
    OrderStuck { failure, order },
    OrderRefused { failure, order },
    OrderFailed { failure, order },
    LateBackup { order, counts },
    BackupsForgotten { count, repository },
    BackupAccepted { backup, repository, by },
    SnapshotChosen { backup, repository, snapshot, by },
    BackupDamaged { backup, repository, reason },
    BackupReadable { backup, repository },
    BackupHeld { backup, by },
    BackupReleased { backup, by },
    BackupsLost { count, repository },
    RolloutStarted { release, members, by },
    HostsNotAsked { more, named },
    RolloutPaused { by },
    RolloutResumed { by },
    RolloutAborted { by },
    MemberRetried { instance, by },
    MemberSkipped { instance, by, reason },
    UndoRequested { by },
    PolicyChanged { by, fewer },
    PolicyRemoved { by },
    RepositoryRemoved { by, backups },
}

coded_message! {
    HostEvent, HostEvent, HostEventCode, incoming_host_event:
    Other { text },
    Unknown { number, arguments },
    Healed { steps },
    HealingFailed { failure },
    HealingTooSlow { limit },
    Flapping { times, within, changes },
    HealthUnknown { failure },
    PolicyUnreadable { problem },
    LedgerUnreadable { path, problem },
    ImageNotPulled { image, failure },
    OldDataLeft(a),
    OldDataRemoved { path },
    ServiceResumed { service, after },
    SandboxLeft { project, parts },
    SandboxRemoved { project },
}

coded_message! {
    SandboxPart, SandboxPart, SandboxPartCode, incoming_sandbox_part:
    Other { text },
    Container(a),
    Network(a),
    Volume(a),
    Folder(a),
}

/// The most levels of values in an event that are taken in.
const DEPTH_LIMIT: usize = 8;

/// Reads the event of a report. One that this version does not know keeps its number and its arguments.
pub fn incoming_event(message: Option<v1::HostEvent>) -> IncomingReport<HostEvent> {
    let message = message.unwrap_or_default();
    let unknown = HostEvent::Unknown { number: message.code, arguments: bounded(message.arguments.join(", ")) };
    let known = incoming_host_event(message).filter(|event| event.depth() <= DEPTH_LIMIT);
    let left_out = known.is_none().then_some(ConvertError::Unknown { field: "event.event" });
    IncomingReport { report: known.unwrap_or(unknown), left_out: left_out.into_iter().collect() }
}

impl From<&EventSubject> for v1::EventSubject {
    fn from(subject: &EventSubject) -> Self {
        let kind = match subject {
            EventSubject::Backups => SubjectKind::Backups,
            EventSubject::Coordinator => SubjectKind::Coordinator,
            EventSubject::Host(_) => SubjectKind::Host,
            EventSubject::Instance(_) => SubjectKind::Instance,
            EventSubject::Operator(_) => SubjectKind::Operator,
            EventSubject::Policy(_) => SubjectKind::Policy,
            EventSubject::Release(_) => SubjectKind::Release,
            EventSubject::Repository(_) => SubjectKind::Repository,
            EventSubject::Rollout(_) => SubjectKind::Rollout,
            EventSubject::Text(text) => return Self { kind: SubjectKind::Text.into(), name: text.to_string() },
        };
        Self { kind: kind.into(), name: subject.name() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::activity::Activity;
    use fleet_core::data_leftover::DataLeftover;
    use fleet_core::drift::Drift;
    use fleet_core::ledger_problem::LedgerProblem;
    use fleet_core::order_failure::OrderFailure;
    use fleet_core::time::Time;

    fn name() -> String {
        "a".to_owned()
    }

    fn events() -> Vec<HostEvent> {
        let failure = Box::new(OrderFailure::EngineUnreachable { socket: name() });
        let period = "10m".parse().expect("a period");
        let start = Activity::Start(name());
        let changes = vec![Drift::ContainerRemoved(name()), Drift::ContainerExited(name(), 1)];
        let parts = [SandboxPart::Container, SandboxPart::Network, SandboxPart::Volume, SandboxPart::Folder];
        let parts = parts.map(|part| part(name())).into_iter().chain([SandboxPart::other("words")]).collect();
        vec![
            HostEvent::other("words"),
            HostEvent::Unknown { number: 99, arguments: name() },
            HostEvent::Healed { steps: vec![start.clone(), Activity::GoingBack(Box::new(start))] },
            HostEvent::HealingFailed { failure: failure.clone() },
            HostEvent::HealingTooSlow { limit: period },
            HostEvent::Flapping { times: 3, within: period, changes },
            HostEvent::HealthUnknown { failure: failure.clone() },
            HostEvent::PolicyUnreadable { problem: name() },
            HostEvent::LedgerUnreadable { path: name(), problem: LedgerProblem::NoGoal },
            HostEvent::ImageNotPulled { image: name(), failure },
            HostEvent::OldDataLeft(DataLeftover::RemovalTooSlow { path: name(), since: Time(7) }),
            HostEvent::OldDataRemoved { path: name() },
            HostEvent::ServiceResumed { service: name(), after: period },
            HostEvent::SandboxLeft { project: name(), parts },
            HostEvent::SandboxRemoved { project: name() },
        ]
    }

    #[test]
    fn an_event_of_each_code_comes_back_as_it_was_alone_and_in_an_event_of_the_fleet() {
        let all = events();
        let codes = (1..10_000).filter_map(|number| v1::HostEventCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for event in all {
            let read = incoming_event(Some(event.clone().into()));
            assert_eq!(read, IncomingReport { report: event.clone(), left_out: Vec::new() });
            let kind = EventKind::Reported(Box::new(event));
            assert_eq!(incoming_event_kind(kind.clone().into()), Some(kind));
        }
    }

    #[test]
    fn an_event_that_is_not_known_keeps_its_number_and_its_arguments_and_is_counted() {
        let read = incoming_event(Some(v1::HostEvent { code: 10_000, arguments: vec![name(), name()] }));
        assert_eq!(read.report, HostEvent::Unknown { number: 10_000, arguments: "a, a".to_owned() });
        assert_eq!(read.left_out.len(), 1);
        let none = incoming_event(None);
        assert_eq!((none.report, none.left_out.len()), (HostEvent::Unknown { number: 0, arguments: String::new() }, 1));
        let back = |of| Activity::GoingBack(Box::new(of));
        let nested = (0..DEPTH_LIMIT).fold(Activity::PuttingRight, |of, _| back(of));
        let nested = incoming_event(Some(HostEvent::Healed { steps: vec![nested] }.into()));
        assert!(matches!(nested.report, HostEvent::Unknown { number: 3, .. }), "{nested:?}");
    }
}
