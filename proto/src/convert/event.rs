//! Events and their codes.

use super::arguments::{Argument, coded_message};
use crate::v1::{self, SubjectKind};
use fleet_core::event::{EventKind, EventSubject};

coded_message! {
    EventKind, EventKind, EventCode, incoming_event_kind:
    Text(a),
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
    UndoRequested { by },
    PolicyChanged { by, fewer },
    PolicyRemoved { by },
    RepositoryRemoved { by, backups },
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
