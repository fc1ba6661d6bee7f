//! Failure of work on data.

use super::fault::StoreFault;
use super::points::NoPoint;
use crate::bundles::FetchError;
use crate::ledger::LedgerError;
use crate::perform::allow::Forbidden;
use crate::perform::claims::ClaimError;
use crate::perform::prepare::PrepareError;
use crate::perform::work::WorkError;
use crate::runtime::RuntimeError;
use fleet_core::backup::{BackupDamage, BackupDoubt, BackupPlanError, Differences, ManifestError, UncoveredData};
use fleet_core::failed_step::FileStep;
use fleet_core::names::{BackupId, InstanceName, RepositoryName, StoreName, Version};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::Release;
use fleet_core::sandbox_part::SandboxPart;
use fleet_core::units::Period;
use fleet_core::upgrade_counts::CountChange;
use fleet_render::RenderError;
use fleet_repository::client::RepositoryError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The order does not fit the present state.
    #[error(transparent)]
    Unfit(Box<UnfitError>),
    /// This host could not do it.
    #[error(transparent)]
    Host(Box<HostFault>),
    /// The backed-up data is damaged or unusable: the backup is the cause, not the access to it.
    #[error(transparent)]
    BadBackup(Box<BackupFault>),
    #[error("the store `{store}`: {fault}")]
    Store { store: StoreName, fault: Box<StoreFault> },
    #[error("could not {step} `{path}`")]
    Disk { step: FileStep, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("the store `{store}`: {source}")]
    StoreForbidden { store: String, source: Forbidden },
    /// A release on the way of an upgrade failed.
    #[error("{version}, on its way: {error}")]
    OnTheWay { version: Version, error: Box<DataError> },
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Work(#[from] WorkError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<UnfitError> for DataError {
    fn from(error: UnfitError) -> Self {
        Self::Unfit(Box::new(error))
    }
}

impl From<HostFault> for DataError {
    fn from(fault: HostFault) -> Self {
        Self::Host(Box::new(fault))
    }
}

impl From<BackupFault> for DataError {
    fn from(fault: BackupFault) -> Self {
        Self::BadBackup(Box::new(fault))
    }
}

impl DataError {
    /// Returns whether it is temporary: the Engine does not answer.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Runtime(error) => error.is_passing(),
            Self::Prepare(error) => error.is_passing(),
            Self::Work(error) => error.is_passing(),
            Self::OnTheWay { error, .. } => error.is_passing(),
            Self::Store { fault, .. } => matches!(&**fault, StoreFault::Runtime(error) if error.is_passing()),
            Self::Forbidden(error) | Self::StoreForbidden { source: error, .. } => {
                matches!(error, Forbidden::Look(error) if error.is_passing())
            }
            Self::Unfit(_) | Self::Host(_) | Self::BadBackup(_) | Self::Disk { .. } => false,
            Self::Repository(_) | Self::Ledger(_) => false,
        }
    }

    /// Returns whether the backup itself is the cause: then a drill has a result.
    pub fn is_of_backup(&self) -> bool {
        match self {
            Self::BadBackup(_) => true,
            Self::Repository(error) => error.is_damage(),
            Self::Unfit(_)
            | Self::Host(_)
            | Self::Store { .. }
            | Self::Disk { .. }
            | Self::Forbidden(_)
            | Self::StoreForbidden { .. }
            | Self::Prepare(_)
            | Self::Work(_)
            | Self::Runtime(_)
            | Self::OnTheWay { .. }
            | Self::Ledger(_) => false,
        }
    }
}

/// Reason why an order does not fit the present state. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum UnfitError {
    #[error("there is no such instance")]
    NoInstance,
    #[error("there is such an instance already")]
    InstanceExists,
    #[error("all stores have to be restored: {failure}")]
    DataChanged { failure: Box<OrderFailure> },
    #[error("its app declares no store that can be backed up")]
    NoStore,
    #[error(transparent)]
    Plan(#[from] BackupPlanError),
    #[error("it is a backup of {was}, and {is} is here: put the instance to {was} first")]
    OtherRelease { was: Release, is: Release },
    #[error("it is a backup of {was}, and {wanted} is wanted")]
    OtherReleaseWanted { was: Release, wanted: Release },
    #[error("the backup has no store `{store}`")]
    StoreMissing { store: StoreName },
    #[error("the release has no store `{store}` of that kind")]
    OtherKindOfStore { store: StoreName },
    #[error("{} is on this host already; nothing is restored over it", volumes.join(", "))]
    VolumesExist { volumes: Vec<String> },
    #[error("`{path}` is not empty; nothing is restored over what others may have there")]
    FolderInUse { path: PathBuf },
    #[error(
        "the store `{store}` keeps its data in `{path}`, too, and would be lost: restore both, or into another instance"
    )]
    SharedFolder { store: StoreName, path: PathBuf },
    #[error(
        "{} runs and has `{folder}`, which is to be replaced, and is no part of this instance: stop it first",
        quoted(containers)
    )]
    ForeignContainer { containers: Vec<String>, folder: PathBuf },
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error("the backup has no files beside the dump of {}", stores.join(", "))]
    WithoutSideFiles { stores: Vec<String> },
    #[error(
        "it would be lost, for it cannot be kept: {}; move it out of the data folder, or agree with --drop-others",
        listed(lost)
    )]
    SideFilesLost { lost: Vec<UncoveredData> },
    #[error(
        "it would be lost, and is not in this backup: {}; declare it as a store, or agree with --drop-others",
        listed(lost)
    )]
    OthersLost { lost: Vec<UncoveredData> },
    #[error("the order came without the way into the repository `{repository}` of {instance}")]
    NoAccess { repository: RepositoryName, instance: InstanceName },
    #[error("backups in `{repository}` are forgotten by the coordinator, not by this host")]
    NotOfThisHost { repository: RepositoryName },
    #[error(transparent)]
    Doubtful(BackupDoubt),
    #[error("the backup {backup}: {error}")]
    Manifest { backup: BackupId, error: ManifestError },
    #[error("{release}: {}", problems.join("; "))]
    NotRendered { release: Release, problems: Vec<String> },
}

/// Reason that lies in this host, its Engine or its repositories, and proves nothing against a backup.
#[derive(Debug, thiserror::Error)]
pub enum HostFault {
    #[error("the store `{store}`: {fault}")]
    Store { store: StoreName, fault: StoreFault },
    #[error("the safety backup failed, so nothing was replaced: {}", listed(failures))]
    SafetyBackupFailed { failures: Vec<OrderFailure> },
    #[error("the safety backup does not have every bucket that was being replaced")]
    SafetyBackupLacksBucket,
    #[error("a bucket was being replaced, and there is no safety backup to put back: {}", listed(failures))]
    NoSafetyBackup { failures: Vec<OrderFailure> },
    #[error(
        "there is not enough room on this host's disk {at}: {} MB are needed, {} MB are free",
        needed / 1_000_000, free / 1_000_000
    )]
    NoRoom { at: String, needed: u64, free: u64 },
    #[error("there is no restore point for the store `{store}`: {reason:?}")]
    NoRestorePoint { store: StoreName, reason: NoPoint },
    #[error("could not copy `{path}`: {output}")]
    RestorePointNotMade { path: PathBuf, output: String },
    #[error("the copy of `{path}` differs at `{name}`")]
    RestorePointDiffers { path: PathBuf, name: String },
    #[error("started again while the data was being copied: {}", containers.join(", "))]
    NotQuiet { containers: Vec<String> },
    /// Numbers of items after a hop of an upgrade that are not as its rules say.
    #[error("the numbers of {} items are not as the upgrade has to keep them", .0.len())]
    CountsChanged(Vec<CountChange>),
    #[error("`{command}` of {service} ended with {code}: {output}")]
    ActionFailed { service: String, command: String, code: i64, output: String },
    #[error("`{command}` of {service} took longer than {} s, and was ended", limit.as_secs())]
    ActionTooSlow { service: String, command: String, limit: Duration, output: String },
    #[error("the container of `{command}` of {service} is gone")]
    ActionGone { service: String, command: String },
    #[error("services were quiesced for {limit}, the longest time allowed")]
    StoodStill { limit: Period },
    #[error("`{service}` could not be resumed")]
    NotResumed { service: String },
    #[error("{}", crate::perform::data::tee::all(.0))]
    AllCopiesLost(Vec<RepositoryError>),
    #[error("the release that was backed up: {}", crate::chain(.0))]
    Release(FetchError),
    #[error("{}", crate::chain(.0))]
    Render(RenderError),
    #[error("parts of the sandbox `{project}` are left: {}", OrderFailure::Several { failures: failures.clone() })]
    SandboxLeft { project: String, parts: Vec<SandboxPart>, failures: Vec<OrderFailure> },
    #[error(transparent)]
    Panicked(tokio::task::JoinError),
}

/// Reason why a backup is damaged or unusable.
#[derive(Debug, thiserror::Error)]
pub enum BackupFault {
    #[error("the store `{store}`: {fault}")]
    Store { store: StoreName, fault: StoreFault },
    #[error("the store `{store}` could not be loaded: {fault}")]
    NotLoaded { store: StoreName, fault: StoreFault },
    #[error("the backup {backup} is not in {repository}")]
    Missing { backup: BackupId, repository: RepositoryName },
    #[error(transparent)]
    Doubtful(BackupDoubt),
    /// Stores that differ from what their servers said when they were dumped.
    #[error("{} stores differ from their backup", .0.len())]
    Differ(Vec<(StoreName, Differences)>),
    #[error("it is damaged: {0}")]
    Damaged(BackupDamage),
}

fn listed(all: &[impl ToString]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
