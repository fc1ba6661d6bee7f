//! The same for work on data.

use super::{file, output, tool_failed};
use crate::perform::data::points::NoPoint;
use crate::perform::data::{
    AsideError, AskError, BackupFault, DataError, HostFault, NoReply, NotReady, StoreFault, UnfitError,
};
use fleet_core::app::CountRule;
use fleet_core::backup::{BackupPlanError, CheckError, Clash, DumpError, OccupiedTarget};
use fleet_core::failed_step::{FileStep, ToolTask};
use fleet_core::names::StoreName;
use fleet_core::order_failure::{MissingReply, OrderFailure, StoreProblem};
use fleet_core::part_owner::PartOwner;
use fleet_core::upgrade_counts::CountChange;
use fleet_repository::client::RepositoryError;
use fleet_repository::worker::{FailureKind, WorkerError};
use std::path::Path;

impl From<&DataError> for OrderFailure {
    fn from(error: &DataError) -> Self {
        match error {
            DataError::Unfit(error) => (&**error).into(),
            DataError::Host(fault) => (&**fault).into(),
            DataError::BadBackup(fault) => (&**fault).into(),
            DataError::Store { store, fault } => in_store(store, (&**fault).into()),
            DataError::Disk { step, path, source } => file(step.clone(), path, source),
            DataError::Forbidden(error) => error.into(),
            DataError::StoreForbidden { store, source } => {
                Self::InStore { store: store.clone(), failure: Box::new(source.into()) }
            }
            DataError::OnTheWay { version, error } => {
                Self::OnTheWay { version: version.clone(), failure: Box::new((&**error).into()) }
            }
            DataError::Repository(error) => of_repository(error),
            DataError::Prepare(error) => error.into(),
            DataError::Work(error) => error.into(),
            DataError::Runtime(error) => error.into(),
            DataError::Ledger(error) => error.into(),
        }
    }
}

fn in_store(store: &StoreName, failure: OrderFailure) -> OrderFailure {
    OrderFailure::InStore { store: store.to_string(), failure: Box::new(failure) }
}

impl From<&UnfitError> for OrderFailure {
    fn from(error: &UnfitError) -> Self {
        match error {
            UnfitError::NoInstance => Self::InstanceMissing,
            UnfitError::InstanceExists => Self::InstanceExists,
            UnfitError::DataChanged { failure } => OrderFailure::clone(failure),
            UnfitError::NoStore => Self::NoStores,
            UnfitError::Plan(error) => clash(error),
            UnfitError::OtherRelease { was, is } => {
                Self::OtherRelease { backup: was.to_string(), present: is.to_string() }
            }
            UnfitError::OtherReleaseWanted { was, wanted } => {
                Self::OtherReleaseWanted { backup: was.to_string(), wanted: wanted.to_string() }
            }
            UnfitError::StoreMissing { store } => Self::StoreMissing { store: store.to_string() },
            UnfitError::OtherKindOfStore { store } => Self::OtherKindOfStore { store: store.to_string() },
            UnfitError::VolumesExist { volumes } => {
                Self::RestoreTargetInUse { problem: OccupiedTarget::Volumes { names: volumes.clone() } }
            }
            UnfitError::FolderInUse { path } => {
                Self::RestoreTargetInUse { problem: OccupiedTarget::Folder { path: path.display().to_string() } }
            }
            UnfitError::ForeignContainer { containers, folder } => {
                Self::FolderHeld { folder: folder.display().to_string(), containers: containers.clone() }
            }
            UnfitError::Claim(error) => error.into(),
            UnfitError::SideFilesLost { lost } => Self::FilesWouldBeLost { lost: lost.clone() },
            UnfitError::OthersLost { lost } => Self::DataWouldBeLost { lost: lost.clone() },
            UnfitError::NoAccess { repository, instance } => {
                Self::NoRepositoryAccess { repository: repository.to_string(), instance: instance.to_string() }
            }
            UnfitError::Doubtful(doubt) => Self::BackupDoubtful { problem: doubt.clone() },
            UnfitError::Manifest { backup, error } => {
                Self::BackupUnreadable { backup: backup.to_string(), problem: error.clone() }
            }
            UnfitError::NotRendered { .. } => Self::ReleaseInvalid { problem: error.to_string() },
            UnfitError::WithoutSideFiles { stores } => Self::SideFilesNotKept { stores: stores.clone() },
            UnfitError::SharedFolder { store, path } => {
                in_store(store, unusable(StoreProblem::SharedFolder { path: shown(path) }))
            }
            UnfitError::NotOfThisHost { repository } => {
                Self::ForgottenByCoordinator { repository: repository.to_string() }
            }
        }
    }
}

fn clash(error: &BackupPlanError) -> OrderFailure {
    let parts = |clash: &Clash| (clash.store.to_string(), clash.service.clone(), clash.other.to_string());
    match error {
        BackupPlanError::ReadFromIt(clash) => {
            let (store, service, other) = parts(clash);
            OrderFailure::ReadFromQuiesced { store, service, other }
        }
        BackupPlanError::DumpedByIt(clash) => {
            let (store, service, other) = parts(clash);
            OrderFailure::DumpedByQuiesced { store, service, other }
        }
    }
}

impl From<&HostFault> for OrderFailure {
    fn from(fault: &HostFault) -> Self {
        match fault {
            HostFault::Store { store, fault } => in_store(store, fault.into()),
            HostFault::SafetyBackupFailed { failures } => Self::SafetyBackupFailed { failures: failures.clone() },
            HostFault::SafetyBackupLacksBucket => Self::SafetyBackupLacksBucket,
            HostFault::NoSafetyBackup { failures } => Self::SafetyBackupMissing { failures: failures.clone() },
            HostFault::NoRoom { at, needed, free } => {
                Self::NotEnoughSpace { at: at.clone(), needed: *needed, free: *free }
            }
            HostFault::NoRestorePoint { store, reason } => match reason {
                NoPoint::NoFolder => Self::NoRestorePoint { store: store.to_string() },
                NoPoint::Mounted(path) => {
                    Self::RestorePointMounted { store: store.to_string(), path: path.display().to_string() }
                }
                NoPoint::NoRoom { needed, free } => {
                    Self::RestorePointNoRoom { store: store.to_string(), needed: *needed, free: *free }
                }
            },
            HostFault::RestorePointNotMade { path, output } => {
                Self::RestorePointNotMade { path: path.display().to_string(), output: output.clone() }
            }
            HostFault::RestorePointDiffers { path, name } => {
                Self::RestorePointDiffers { path: path.display().to_string(), name: name.clone() }
            }
            HostFault::NotQuiet { containers } => Self::NotQuiet { containers: containers.clone() },
            HostFault::CountsChanged(changes) => {
                let mut failures: Vec<_> = changes.iter().map(changed).collect();
                if failures.len() == 1 { failures.remove(0) } else { Self::Several { failures } }
            }
            HostFault::ActionFailed { service, command, code, output } => Self::ActionFailed {
                service: service.clone(),
                command: command.clone(),
                code: *code,
                output: output.clone(),
            },
            HostFault::ActionTooSlow { service, command, limit, output } => Self::ActionTooSlow {
                service: service.clone(),
                command: command.clone(),
                limit: *limit,
                output: output.clone(),
            },
            HostFault::ActionGone { service, command } => {
                Self::ActionGone { service: service.clone(), command: command.clone() }
            }
            HostFault::StoodStill { limit } => Self::QuiesceTooLong { limit: limit.as_duration() },
            HostFault::NotResumed { service } => Self::ServiceNotResumed { service: service.clone() },
            HostFault::AllCopiesLost(errors) => match errors.as_slice() {
                [error] => of_repository(error),
                errors => Self::Several { failures: errors.iter().map(of_repository).collect() },
            },
            HostFault::Release(error) => error.into(),
            HostFault::Render(error) => Self::ReleaseInvalid { problem: crate::chain(error) },
            HostFault::SandboxLeft { project, parts, failures } => {
                let failure = Box::new(Self::Several { failures: failures.clone() });
                Self::SandboxLeft { project: project.clone(), failure, parts: parts.clone() }
            }
            HostFault::Panicked(_) => Self::AgentFault,
        }
    }
}

fn changed(change: &CountChange) -> OrderFailure {
    let CountChange { store, item, before, after, rule } = change.clone();
    let store = store.to_string();
    match rule {
        CountRule::Equal => OrderFailure::CountNotEqual { store, item, before, after },
        CountRule::AtLeast => OrderFailure::CountTooLow { store, item, before, after },
    }
}

impl From<&BackupFault> for OrderFailure {
    fn from(fault: &BackupFault) -> Self {
        match fault {
            BackupFault::Store { store, fault } => in_store(store, fault.into()),
            BackupFault::NotLoaded { store, fault } => {
                Self::NotLoaded { store: store.to_string(), failure: Box::new(fault.into()) }
            }
            BackupFault::Missing { backup, repository } => {
                Self::BackupMissing { backup: backup.to_string(), repository: repository.to_string() }
            }
            BackupFault::Doubtful(doubt) => Self::BackupDoubtful { problem: doubt.clone() },
            BackupFault::Differ(stores) => {
                let mut failures: Vec<_> =
                    stores.iter().map(|(store, found)| in_store(store, (&StoreFault::from(found)).into())).collect();
                if failures.len() == 1 { failures.remove(0) } else { Self::Several { failures } }
            }
            BackupFault::Damaged(damage) => Self::BackupDamaged { problem: damage.clone() },
        }
    }
}

impl From<&StoreFault> for OrderFailure {
    fn from(fault: &StoreFault) -> Self {
        match fault {
            StoreFault::Runtime(error) | StoreFault::NotChecked { error, .. } => error.into(),
            StoreFault::Dump(DumpError::ToolFailed { code, output: said }) => {
                tool_failed(ToolTask::DumpOfStore, *code, &output(said))
            }
            StoreFault::Dump(error) => Self::DumpInvalid { problem: error.clone() },
            StoreFault::NotReady(missing) | StoreFault::NotReadyWithFiles(missing) => missing.into(),
            StoreFault::Differs { more, first } => {
                Self::RestoredDataDiffers { more: *more, differences: first.clone() }
            }
            StoreFault::Damaged(damage) => Self::BackupDamaged { problem: damage.clone() },
            StoreFault::BucketInUse { address, objects } => Self::RestoreTargetInUse {
                problem: OccupiedTarget::Bucket { address: address.clone(), objects: *objects },
            },
            StoreFault::VolumeExists { volume } => {
                Self::RestoreTargetInUse { problem: OccupiedTarget::Volumes { names: vec![volume.clone()] } }
            }
            StoreFault::ForeignVolume { volume, owner } => {
                let owner = PartOwner::Instance { instance: owner.to_string(), host: None };
                Self::ForeignVolume { name: volume.clone(), owner }
            }
            StoreFault::VolumeNotFound { volume } => Self::VolumeMissing { name: volume.clone() },
            StoreFault::NotListening { address, reason } => {
                let missing = MissingReply::NoConnection { cause: output(reason) };
                Self::ServiceNotReady { service: address.clone(), missing }
            }
            StoreFault::Folder(error) => (&**error).into(),
            StoreFault::Aside(error) => error.into(),
            StoreFault::NotCounted(error) => unusable(StoreProblem::NotCounted { failure: Box::new(error.into()) }),
            StoreFault::NotAsked(error) => unusable(StoreProblem::NotAsked { failure: Box::new(error.into()) }),
            StoreFault::Counts(error) => unusable(StoreProblem::CountUnreadable { answer: error.line.clone() }),
            StoreFault::Check(error) => unusable(answer_of(error)),
            StoreFault::NoDumpTool => unusable(StoreProblem::NoDumpTool),
            StoreFault::NoLoadTool => unusable(StoreProblem::NoLoadTool),
            StoreFault::NotCountable => unusable(StoreProblem::NotCountable),
            StoreFault::NotAmongCounted { item } => unusable(StoreProblem::NotAmongCounted { item: item.clone() }),
            StoreFault::NoValidator => unusable(StoreProblem::NoValidator),
            StoreFault::NoBucket => unusable(StoreProblem::NotABucket),
            StoreFault::LeadsElsewhere { path } => unusable(StoreProblem::LeadsElsewhere { path: path.clone() }),
            StoreFault::SameFolder { one, other, path } => {
                unusable(StoreProblem::SameFolder { one: one.clone(), other: other.clone(), path: shown(path) })
            }
            StoreFault::NoTarget { name } => unusable(StoreProblem::NoTarget { name: name.clone() }),
            StoreFault::TakesNoVolume { name } => unusable(StoreProblem::VolumeNotTaken { name: name.clone() }),
            StoreFault::NoModel { volume } => unusable(StoreProblem::NoVolumeModel { name: volume.clone() }),
            StoreFault::DataWithoutName => unusable(StoreProblem::DataWithoutName),
            StoreFault::FolderWithoutName => unusable(StoreProblem::FolderWithoutName),
        }
    }
}

fn unusable(problem: StoreProblem) -> OrderFailure {
    OrderFailure::StoreUnusable { problem }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn answer_of(error: &CheckError) -> StoreProblem {
    match error.clone() {
        CheckError::OtherAnswer { question, answer, expected } => {
            StoreProblem::OtherAnswer { question, answer, expected }
        }
        CheckError::TooSmallAnswer { question, answer, least } => {
            StoreProblem::TooSmallAnswer { question, answer, least }
        }
    }
}

impl From<&AskError> for OrderFailure {
    fn from(error: &AskError) -> Self {
        match error {
            AskError::Tool(error) => error.into(),
            AskError::Counts(error) => unusable(StoreProblem::CountUnreadable { answer: error.line.clone() }),
            AskError::Note(error) => unusable(StoreProblem::AnswerUnreadable { answer: error.line.clone() }),
            AskError::NotReady(missing) => missing.into(),
        }
    }
}

impl From<&NotReady> for OrderFailure {
    fn from(error: &NotReady) -> Self {
        let missing = match &error.missing {
            NoReply::OnlyTemporary => MissingReply::OnlyTemporary,
            NoReply::NoContainer => MissingReply::NoContainer,
            NoReply::NotHealthy { state, health } => {
                MissingReply::NotHealthy { state: (*state).to_owned(), health: (*health).to_owned() }
            }
            NoReply::Runtime(error) => MissingReply::Failed { failure: Box::new(error.into()) },
        };
        Self::ServiceNotReady { service: error.service.clone(), missing }
    }
}

impl From<&AsideError> for OrderFailure {
    fn from(error: &AsideError) -> Self {
        match error {
            AsideError::NoPlace { path } => unusable(StoreProblem::NotRenamable { path: shown(path) }),
            AsideError::NotAFolder { path } => unusable(StoreProblem::NotAFolder { path: shown(path) }),
            AsideError::Unreadable { path, source } => file(FileStep::LookAt, path, source),
            AsideError::Mounted { path, mounted } => {
                unusable(StoreProblem::Mounted { path: shown(path), mounted: mounted.clone() })
            }
        }
    }
}

/// Returns the failure of a request to a repository.
pub fn of_repository(error: &RepositoryError) -> OrderFailure {
    let (repository, step) = (error.repository.to_string(), error.step.clone());
    let cause = crate::chain(&error.source);
    let Some(kind) = error.kind() else {
        return match &error.source {
            WorkerError::Died { .. } | WorkerError::Idle(_) | WorkerError::Talk(_) | WorkerError::Answer => {
                OrderFailure::WorkerEnded { repository, step, cause }
            }
            WorkerError::Start(_) | WorkerError::Failed(_) => {
                OrderFailure::RepositoryFailed { repository, step, cause }
            }
        };
    };
    match kind {
        FailureKind::Backend => OrderFailure::RepositoryUnreachable { repository, step, cause },
        FailureKind::NoRepository => OrderFailure::RepositoryMissing { repository, step },
        FailureKind::Occupied => OrderFailure::RepositoryOccupied { repository, step },
        FailureKind::WrongKey => OrderFailure::RepositoryWrongKey { repository, step },
        FailureKind::Damaged | FailureKind::Missing => OrderFailure::RepositoryDamaged { repository, step, cause },
        FailureKind::Panic => OrderFailure::WorkerEnded { repository, step, cause },
        FailureKind::Source
        | FailureKind::Refused
        | FailureKind::Disk
        | FailureKind::Rustic
        | FailureKind::Protocol => OrderFailure::RepositoryFailed { repository, step, cause },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::backup::{Differences, StoreDifference};

    fn store(name: &str) -> StoreName {
        name.parse().expect("a name")
    }

    #[test]
    fn a_dump_that_differs_from_its_server_is_not_valid_and_no_restored_data() {
        let item = || "public.notes".to_owned();
        for problem in
            [DumpError::CountDiffers { item: item(), dumped: 1, counted: 4 }, DumpError::Lacks { item: item() }]
        {
            let failure = OrderFailure::from(&StoreFault::Dump(problem.clone()).of_store(&store("db")));
            assert_eq!(failure, in_store(&store("db"), OrderFailure::DumpInvalid { problem }));
        }
    }

    #[test]
    fn each_store_that_differs_has_its_differences() {
        let found = |object: &str| Differences {
            rows: vec![StoreDifference::Missing { object: object.to_owned() }],
            more_rows: 2,
            ..Differences::default()
        };
        let failure = |name: &str| {
            let differences = vec![StoreDifference::Missing { object: name.to_owned() }];
            in_store(&store(name), OrderFailure::RestoredDataDiffers { more: 2, differences })
        };
        let differ = |names: &[&str]| {
            let stores = names.iter().map(|name| (store(name), found(name))).collect();
            OrderFailure::from(&BackupFault::Differ(stores))
        };
        assert_eq!(differ(&["db"]), failure("db"));
        assert_eq!(differ(&["db", "graph"]), OrderFailure::Several { failures: vec![failure("db"), failure("graph")] });
    }
}
