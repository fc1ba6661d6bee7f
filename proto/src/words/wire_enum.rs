//! The enums of the protocol that have words in JSON and YAML.

use crate::v1;

/// An enum of the operators' protocol.
pub trait WireEnum: TryFrom<i32> + Default {
    /// Returns the value's name in the `.proto` file.
    fn proto_name(&self) -> &'static str;
}

macro_rules! wire_enums {
    ($($name:ident),* $(,)?) => {
        $(impl WireEnum for v1::$name {
            fn proto_name(&self) -> &'static str {
                self.as_str_name()
            }
        })*
    };
}

wire_enums!(
    ActionPhase,
    ActivityCode,
    AdmissionRefusalCode,
    ArchiveNoteCode,
    AttemptCode,
    BackupCause,
    BackupDamageCode,
    BackupDoubtCode,
    BackupLevel,
    BackupProblemCode,
    BackupRefusalCode,
    CallRefusalCode,
    ChangeResultCode,
    ChangeState,
    ContainerHealth,
    ContainerState,
    CountRule,
    DataEffect,
    DataLeftoverCode,
    DataNoteCode,
    DriftCode,
    DriftRule,
    DrillCheckCode,
    DumpErrorCode,
    EventCode,
    FailedStepCode,
    FileRefusalCode,
    HealthProblemCode,
    HintCode,
    HostEventCode,
    HostLink,
    InstanceHealth,
    InstancePart,
    InstanceVersionCode,
    LedgerProblemCode,
    LeftOutReasonCode,
    LinkProblemCode,
    ManifestErrorCode,
    LogStream,
    ManifestChangeCode,
    MemberNotAskedCode,
    MemberAction,
    MemberState,
    NextBackup,
    MissingReplyCode,
    ToolTaskCode,
    VolumeHolderCode,
    NameConflictCode,
    NotAskedReasonCode,
    OperatorRole,
    OccupiedTargetCode,
    OrderFailureCode,
    OrderOutcome,
    OrderSummaryCode,
    PermissionState,
    PlannedChangeCode,
    PartOwnerCode,
    PortHolderCode,
    PolicyRefusalCode,
    PowerAction,
    ProbeFailureCode,
    ProbeTargetCode,
    ProblemCode,
    ProgressUnit,
    QueryFailureCode,
    RecreateReasonCode,
    RenderingFailureCode,
    RepositoryKind,
    RepositoryProblemCode,
    RestoreNoteCode,
    RetentionReasonCode,
    RolloutPhase,
    RolloutRefusalCode,
    SandboxPartCode,
    SideFileGapCode,
    ServiceHoldKind,
    SteerAction,
    StoreDifferenceCode,
    StoreEngine,
    StoreGapCode,
    StoreProblemCode,
    SubjectKind,
    TokenState,
    UncoveredDataCode,
    UndeclaredDataCode,
    UndeliverableReasonCode,
    VerifyFindingCode,
    VerifyState,
    VersionScheme,
    WaitReasonCode,
    WaveKind,
);
