//! Reasons why orders fail, and their codes.

use super::arguments::{Argument, coded_message};
use super::bounded;
use crate::v1;
use fleet_core::instance_version::InstanceVersion;
use fleet_core::name_conflict::NameConflict;
use fleet_core::order_failure::{MissingReply, OrderFailure};
use fleet_core::part_owner::{PartOwner, PortHolder};

/// The most levels of failures in failures that are taken in.
pub(super) const DEPTH_LIMIT: usize = 8;

coded_message! {
    [OrderFailure::other]
    OrderFailure, OrderFailure, OrderFailureCode, incoming_order_failure:
    Other { text },
    UnknownOutcome,
    Unknown { number, arguments },
    RollbackFailed { because, failure },
    Several { failures },
    InStore { store, failure },
    NotLoaded { store, failure },
    SomethingLeft { failure, left },
    EngineUnreachable { socket },
    EngineConnectionLost { step, cause },
    EngineRefused { step, answer },
    StepTooLong { step, limit, output },
    DiskFull { step },
    NotEnoughSpace { at, needed, free },
    FileFailed { step, path, cause },
    PortTaken { port, holder },
    Interrupted { step },
    ImageNotFound { image },
    ImageDenied { image },
    RegistryUnreachable { image, answer },
    ContainerUnhealthy { container, output },
    ContainerExited { container, code, output },
    NotHealthy { problem },
    ServiceNotReady { service, missing },
    ContainerNotRunning { container },
    ForeignContainer { name, owner },
    ForeignVolume { name, owner },
    ForeignNetwork { name, owner },
    ForeignProject { project, containers },
    NamesTaken { conflicts },
    DataShared { conflicts },
    VolumeHeld { volume, holders },
    ProjectChanged { from, to },
    VolumeMissing { name },
    NetworkMissing { name },
    PartInUse { kind, name },
    InvalidName { name, problem },
    VolumesGone { volumes },
    PolicyForbids { refusals },
    PolicyUnreadable { problem },
    OutsideHours { hours, opens },
    ReleaseUnavailable { problem },
    ReleaseInvalid { problem },
    ValuesInvalid { problem },
    OtherApp { app },
    UnexpectedState { expected, found },
    InstanceMissing,
    InstanceExists,
    OrderUnknown { problem },
    DeadlineOver { deadline, doing },
    RollbackTooLong { limit, doing },
    DeadlineOverBeforeStart { deadline },
    AgentRestarted,
    InterruptedTooOften { attempts },
    AgentFault,
    LedgerUnreadable { problem },
    ToolMissing { service, tool, answer },
    ToolFailed { tool, code, output },
    ToolTooSlow { tool, limit, output },
    ToolStalled { tool, limit, output },
    ToolStreamBroken { tool, cause },
    VersionMismatch { database, database_version, tool, tool_version },
    NoStores,
    StoreMissing { store },
    OtherKindOfStore { store },
    StoreUnusable { problem },
    ReadFromQuiesced { store, service, other },
    DumpedByQuiesced { store, service, other },
    ForgottenByCoordinator { repository },
    DumpInvalid { problem },
    RestoreTargetInUse { problem },
    FolderHeld { folder, containers },
    FilesWouldBeLost { lost },
    SideFilesNotKept { stores },
    DataWouldBeLost { lost },
    OtherRelease { backup, present },
    OtherReleaseWanted { backup, wanted },
    BackupMissing { backup, repository },
    BackupDamaged { problem },
    BackupDoubtful { problem },
    BackupUnreadable { backup, problem },
    RestoredDataDiffers { more, differences },
    CopyFailed { repository, failure },
    StoreNotBackedUp { store, problem },
    CopyDiffers { store },
    CopyUnconfirmed { repository, part },
    SafetyBackupFailed { failures },
    SafetyBackupMissing { failures },
    SafetyBackupLacksBucket,
    RepositoryUnreachable { repository, step, cause },
    RepositoryMissing { repository, step },
    RepositoryWrongKey { repository, step },
    RepositoryOccupied { repository, step },
    RepositoryDamaged { repository, step, cause },
    RepositoryFailed { repository, step, cause },
    WorkerEnded { repository, step, cause },
    NoRepositoryAccess { repository, instance },
    QuiesceTooLong { limit },
    ServiceNotResumed { service },
    SandboxLeft { project, failure, parts },
    SandboxNotRemoved { project, parts },
    RebuildFailed { failures },
    NotRebuilt { store, service, command, failure },
    NeedsNotStarted { failure },
    NotStopped { failure },
    DataTouched { because, stores },
    NoRestorePoint { store },
    RestorePointMounted { store, path },
    RestorePointNoRoom { store, needed, free },
    RestorePointNotMade { path, output },
    RestorePointDiffers { path, name },
    NotQuiet { containers },
    ServiceUnreachable { service, problem },
    ContainerRuns { container },
    PartMissing { kind, name },
    NotInRelease { kind, name },
    PathOutside { path },
    VolumeNotMounted { volume },
    ToolOutputTooLarge { tool, limit },
    OnTheWay { version, failure },
    StoppedOnTheWay { through },
    CountNotEqual { store, item, before, after },
    CountTooLow { store, item, before, after },
    ActionFailed { service, command, code, output },
    ActionTooSlow { service, command, limit, output },
    ActionGone { service, command },
}

coded_message! {
    NameConflict, NameConflict, NameConflictCode, incoming_name_conflict:
    Other { text },
    Held(name),
}

coded_message! {
    InstanceVersion, InstanceVersion, InstanceVersionCode, incoming_instance_version:
    Other { text },
    Missing,
    Any,
    Release { release },
    Revision { release, revision },
}

coded_message! {
    PartOwner, PartOwner, PartOwnerCode, incoming_part_owner:
    Other { text },
    SameInstance,
    SameProject,
    Instance { instance, host },
    Project { project },
    Unknown,
    Container { id },
}

coded_message! {
    PortHolder, PortHolder, PortHolderCode, incoming_port_holder:
    Other { text },
    Container { name },
    Program,
}

coded_message! {
    MissingReply, MissingReply, MissingReplyCode, incoming_missing_reply:
    Other { text },
    OnlyTemporary,
    NoContainer,
    NotHealthy { state, health },
    NoConnection { cause },
    Failed { failure },
}

/// Reads the failure of an outcome. One that this version does not know keeps its number and its arguments; 0: none was given.
pub fn incoming_failure(message: Option<v1::OrderFailure>) -> OrderFailure {
    let message = message.unwrap_or_default();
    let unknown = OrderFailure::Unknown { number: message.code, arguments: bounded(message.arguments.join(", ")) };
    incoming_order_failure(message).filter(|failure| failure.depth() <= DEPTH_LIMIT).unwrap_or(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::activity::Activity;
    use fleet_core::claims::{ClaimKind, HeldName};
    use std::time::Duration;

    /// The failure of an order whose deadline was over at a step within this many others.
    fn over(levels: usize) -> OrderFailure {
        let step = |inner, _| Activity::GoingBack(Box::new(inner));
        let doing = (1..levels).fold(Activity::PuttingRight, step);
        OrderFailure::DeadlineOver { deadline: Duration::from_secs(60), doing: Some(doing) }
    }

    #[test]
    fn a_missing_reply_of_each_code_comes_back_as_it_was() {
        let text = || "a".to_owned();
        let several = OrderFailure::Several { failures: vec![OrderFailure::NoStores, OrderFailure::other("no")] };
        let all = [
            MissingReply::other("words"),
            MissingReply::OnlyTemporary,
            MissingReply::NoContainer,
            MissingReply::NotHealthy { state: text(), health: text() },
            MissingReply::NoConnection { cause: String::new() },
            MissingReply::Failed { failure: Box::new(several) },
        ];
        let codes = (1..1000).filter_map(|number| v1::MissingReplyCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for missing in all {
            assert_eq!(incoming_missing_reply(missing.clone().into()), Some(missing.clone()));
            let failure = OrderFailure::ServiceNotReady { service: text(), missing };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
    }

    #[test]
    fn conflicts_of_names_and_versions_of_each_code_come_back_as_they_were() {
        let owner = "notes-2".parse().expect("a name");
        let held = HeldName { kind: ClaimKind::Port, name: "80".to_owned(), owner };
        let conflicts = vec![NameConflict::other("words"), NameConflict::Held(held)];
        let codes = (1..1000).filter_map(|number| v1::NameConflictCode::try_from(number).ok());
        assert_eq!(codes.count(), conflicts.len());
        for conflict in &conflicts {
            assert_eq!(incoming_name_conflict(conflict.clone().into()).as_ref(), Some(conflict));
        }
        let failure = OrderFailure::NamesTaken { conflicts };
        assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        let release = || "notes@2".to_owned();
        let all = [
            InstanceVersion::other("words"),
            InstanceVersion::Missing,
            InstanceVersion::Any,
            InstanceVersion::Release { release: release() },
            InstanceVersion::Revision { release: release(), revision: 3 },
        ];
        let codes = (1..1000).filter_map(|number| v1::InstanceVersionCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for found in all {
            assert_eq!(incoming_instance_version(found.clone().into()), Some(found.clone()));
            let expected = Box::new(InstanceVersion::Release { release: release() });
            let failure = OrderFailure::UnexpectedState { expected, found: Box::new(found) };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
    }

    #[test]
    fn owners_of_each_code_come_back_as_they_were() {
        let text = || "a".to_owned();
        let all = [
            PartOwner::other("words"),
            PartOwner::SameInstance,
            PartOwner::SameProject,
            PartOwner::Instance { instance: text(), host: None },
            PartOwner::Instance { instance: text(), host: Some(text()) },
            PartOwner::Project { project: text() },
            PartOwner::Unknown,
            PartOwner::Container { id: text() },
        ];
        let codes = (1..1000).filter_map(|number| v1::PartOwnerCode::try_from(number).ok());
        assert_eq!(codes.count() + 1, all.len());
        for owner in all {
            assert_eq!(incoming_part_owner(owner.clone().into()), Some(owner.clone()));
            let failure = OrderFailure::ForeignNetwork { name: text(), owner };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
        let all = [PortHolder::other("words"), PortHolder::Container { name: text() }, PortHolder::Program];
        let codes = (1..1000).filter_map(|number| v1::PortHolderCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for holder in all {
            assert_eq!(incoming_port_holder(holder.clone().into()), Some(holder.clone()));
            let failure = OrderFailure::PortTaken { port: 80, holder };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
    }

    #[test]
    fn steps_within_steps_count_as_levels_so_that_what_is_kept_can_be_read() {
        let read = |failure: OrderFailure| incoming_failure(Some(failure.into()));
        assert_eq!(read(over(DEPTH_LIMIT - 1)), over(DEPTH_LIMIT - 1));
        for levels in [DEPTH_LIMIT, 200] {
            let kept = read(over(levels));
            assert!(matches!(kept, OrderFailure::Unknown { .. }), "{levels} levels: {kept:?}");
            let text = serde_json::to_string(&kept).expect("it can be written");
            assert_eq!(serde_json::from_str::<OrderFailure>(&text).expect("it can be read"), kept);
        }
    }
}
