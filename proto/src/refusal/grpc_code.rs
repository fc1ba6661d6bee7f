//! gRPC codes of refusals. Agents act on those of files, and programs of others on all.

use fleet_core::refused_call::{AdmissionRefusal, BackupRefusal, CallRefusal, CountedThing, FileRefusal};
use tonic::Code;

/// Returns the gRPC code of a refusal.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn grpc_code(refusal: &CallRefusal) -> Code {
    match refusal {
        CallRefusal::Admission { refusal } => of_admission(refusal),
        CallRefusal::Backup { refusal } => of_backup(refusal),
        CallRefusal::File { refusal } => of_file(refusal),
        CallRefusal::Failed { .. } | CallRefusal::Stopping | CallRefusal::ConnectionEnded => Code::Unavailable,
        CallRefusal::Fault => Code::Internal,
        CallRefusal::NoSuchService => Code::Unimplemented,
        CallRefusal::NotTaken { .. } => Code::DeadlineExceeded,
        CallRefusal::ProtocolOld { .. }
        | CallRefusal::ProtocolNew { .. }
        | CallRefusal::HostHasInstances { .. }
        | CallRefusal::NothingRequested
        | CallRefusal::NoneSelected { .. }
        | CallRefusal::NoInstances
        | CallRefusal::TooManyUses { .. }
        | CallRefusal::LastAdministrator
        | CallRefusal::Rollout { .. }
        | CallRefusal::RolloutOver
        | CallRefusal::RolloutRuns
        | CallRefusal::NoRolloutOf { .. }
        | CallRefusal::MemberSuperseded { .. }
        | CallRefusal::MemberUnderWay { .. }
        | CallRefusal::MemberNotFailed { .. }
        | CallRefusal::MemberHasNothingLeft { .. }
        | CallRefusal::DataInDoubt { .. }
        | CallRefusal::HostNotConnected { .. }
        | CallRefusal::HostBusy { .. }
        | CallRefusal::TooManyQuestions { .. }
        | CallRefusal::HostLost { .. }
        | CallRefusal::LogsReplaced { .. }
        | CallRefusal::AnswerCutOff { .. }
        | CallRefusal::HostSilent { .. }
        | CallRefusal::NoHostOnline
        | CallRefusal::HostSays { .. }
        | CallRefusal::PolicyForbids { .. }
        | CallRefusal::HostRefuses { .. }
        | CallRefusal::BeingRemoved { .. }
        | CallRefusal::RemovalUnderWay { .. }
        | CallRefusal::NotInstalled { .. }
        | CallRefusal::ChangedMeanwhile { .. }
        | CallRefusal::UndoPutsBack { .. }
        | CallRefusal::ProjectChanges { .. }
        | CallRefusal::NamesHeld { .. }
        | CallRefusal::VolumeShared { .. } => Code::FailedPrecondition,
        CallRefusal::CertificateMissing => Code::Unauthenticated,
        CallRefusal::CertificateRevoked { .. }
        | CallRefusal::ForHosts { .. }
        | CallRefusal::ForOperators { .. }
        | CallRefusal::RoleNeeded { .. } => Code::PermissionDenied,
        // It would be too many at any time.
        CallRefusal::TooMany { what: CountedThing::Images, .. } => Code::InvalidArgument,
        CallRefusal::TooManyCalls { .. }
        | CallRefusal::TooManyWaiting { .. }
        | CallRefusal::OwnCallsSlow { .. }
        | CallRefusal::OthersSlow { .. }
        | CallRefusal::RenderersBusy
        | CallRefusal::TooMany { .. } => Code::ResourceExhausted,
        CallRefusal::Missing { .. } | CallRefusal::NotAMember { .. } => Code::NotFound,
        CallRefusal::NameTaken { .. }
        | CallRefusal::NameOfFailed { .. }
        | CallRefusal::HostConnected { .. }
        | CallRefusal::ReleaseExists { .. }
        | CallRefusal::VersionExists { .. } => Code::AlreadyExists,
        CallRefusal::Unreadable { .. }
        | CallRefusal::UnknownValue { .. }
        | CallRefusal::OutOfRange { .. }
        | CallRefusal::NoPlan
        | CallRefusal::RequestIdUsed
        | CallRefusal::NoInstanceNamed
        | CallRefusal::SeveralApps
        | CallRefusal::HiddenValue { .. }
        | CallRefusal::ValueTooLarge { .. }
        | CallRefusal::ValuesTooLarge { .. }
        | CallRefusal::ValuesInvalid { .. }
        | CallRefusal::MemberValuesInvalid { .. }
        | CallRefusal::ReleaseInvalid { .. }
        | CallRefusal::BundleTooLarge { .. }
        | CallRefusal::BundleDiffers { .. }
        | CallRefusal::PiecesOutOfOrder
        | CallRefusal::NotAVolume { .. } => Code::InvalidArgument,
        CallRefusal::PlanChanged => Code::Aborted,
    }
}

fn of_admission(refusal: &AdmissionRefusal) -> Code {
    match refusal {
        AdmissionRefusal::TokenUnknown => Code::NotFound,
        AdmissionRefusal::TokenExpired { .. }
        | AdmissionRefusal::TokenReused
        | AdmissionRefusal::TokenUsedUp { .. }
        | AdmissionRefusal::TokenRevoked
        | AdmissionRefusal::TokenForOther { .. }
        | AdmissionRefusal::ClockBehind { .. }
        | AdmissionRefusal::ClockAhead { .. } => Code::FailedPrecondition,
        AdmissionRefusal::TooManyMachines { .. } | AdmissionRefusal::RenewedTooOften { .. } => Code::ResourceExhausted,
        AdmissionRefusal::Removed { .. } | AdmissionRefusal::CertificateRevoked => Code::PermissionDenied,
        AdmissionRefusal::RequestDamaged => Code::InvalidArgument,
    }
}

fn of_backup(refusal: &BackupRefusal) -> Code {
    match refusal {
        BackupRefusal::NotABackupId { .. }
        | BackupRefusal::SeveralBackups { .. }
        | BackupRefusal::BackupOfOther { .. }
        | BackupRefusal::SeveralSnapshots
        | BackupRefusal::NoPlace
        | BackupRefusal::ValuesInPlace
        | BackupRefusal::NoSuchStore { .. }
        | BackupRefusal::NotAStore { .. }
        | BackupRefusal::ManyFiles { .. }
        | BackupRefusal::TooManyPercent { .. }
        | BackupRefusal::RecipientInvalid { .. }
        | BackupRefusal::NotAFolder { .. }
        | BackupRefusal::NotAnEndpoint { .. }
        | BackupRefusal::BucketIncomplete
        | BackupRefusal::LocationInvalid { .. } => Code::InvalidArgument,
        BackupRefusal::NoSuchBackup { .. } | BackupRefusal::NoRepositoryOf { .. } => Code::NotFound,
        BackupRefusal::NoBackupYet
        | BackupRefusal::NotAsked { .. }
        | BackupRefusal::Damaged { .. }
        | BackupRefusal::Ambiguous { .. }
        | BackupRefusal::CountsAlready { .. }
        | BackupRefusal::NoUnclearSnapshot { .. }
        | BackupRefusal::SnapshotNotChosen { .. }
        | BackupRefusal::RequestPending { .. }
        | BackupRefusal::FolderOutOfReach { .. }
        | BackupRefusal::OtherRelease { .. }
        | BackupRefusal::OtherContent { .. }
        | BackupRefusal::StoresOfOtherRelease { .. }
        | BackupRefusal::FilesBesideMissing { .. }
        | BackupRefusal::CentralRepository { .. }
        | BackupRefusal::RepositoryOfPolicy { .. }
        | BackupRefusal::RepositoryInUse
        | BackupRefusal::RepositoryHolds { .. }
        | BackupRefusal::RepositorySilent { .. }
        | BackupRefusal::RepositoryOnHost { .. }
        | BackupRefusal::RepositoryFailed { .. } => Code::FailedPrecondition,
        BackupRefusal::FewerBackups { .. } => Code::PermissionDenied,
    }
}

fn of_file(refusal: &FileRefusal) -> Code {
    match refusal {
        FileRefusal::NotItsInstance { .. }
        | FileRefusal::NoOrderAdds { .. }
        | FileRefusal::NotReadable { .. }
        | FileRefusal::ReleaseNotNamed { .. } => Code::PermissionDenied,
        FileRefusal::NotHere { .. } | FileRefusal::Missing { .. } | FileRefusal::NobodyWaits => Code::NotFound,
        FileRefusal::Occupied => Code::AlreadyExists,
        FileRefusal::DiskFull { .. } | FileRefusal::QuotaUsed { .. } | FileRefusal::TooManyOpen { .. } => {
            Code::ResourceExhausted
        }
        FileRefusal::Differs | FileRefusal::Damaged { .. } => Code::DataLoss,
        FileRefusal::OtherName | FileRefusal::OutOfOrder | FileRefusal::TooLarge { .. } => Code::InvalidArgument,
        FileRefusal::CutOff | FileRefusal::OrderOver => Code::Aborted,
        FileRefusal::NothingCame { .. } => Code::DeadlineExceeded,
        FileRefusal::OutOfFile { .. } => Code::OutOfRange,
    }
}
