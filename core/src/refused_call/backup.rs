//! Refusals of calls about backups and repositories.

use super::{LocationPart, SnapshotCandidate, joined};
use crate::backup::BackupDamage;
use crate::names::{BackupId, HostName, InstanceName, PolicyName, ReleaseName, RepositoryName, StoreName};
use crate::undeliverable_reason::UndeliverableReason;
use std::time::Duration;

/// Reason why a call about backups or repositories is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named after what they are")]
pub enum BackupRefusal {
    /// The text is not the id of a backup.
    #[error("`{text}` is not a backup's id")]
    NotABackupId { text: String },
    /// Several backups begin with the text.
    #[error("{count} backups begin with `{text}`")]
    SeveralBackups { count: usize, text: String },
    /// The backup is of another instance.
    #[error("the backup {backup} is of `{owner}`, not of `{instance}`")]
    BackupOfOther { backup: BackupId, owner: InstanceName, instance: InstanceName },
    /// The instance has no such backup.
    #[error("there is no such backup of `{instance}`")]
    NoSuchBackup { instance: InstanceName },
    /// There is no backup yet.
    #[error("there is no backup yet")]
    NoBackupYet,
    /// The instance has no repository.
    #[error("there is no repository of `{instance}`")]
    NoRepositoryOf { instance: InstanceName },
    /// No order asked for the backup.
    #[error("no order asked for the backup {backup}: its host added it")]
    NotAsked { backup: BackupId },
    /// The backup is damaged.
    #[error("the backup {backup} is damaged{}", damage.as_ref().map(|damage| format!(": {damage}")).unwrap_or_default())]
    Damaged { backup: BackupId, damage: Option<BackupDamage> },
    /// Several snapshots carry the id of the backup.
    #[error("the backup {backup} is damaged: several snapshots carry its id")]
    Ambiguous { backup: BackupId },
    /// The backup counts already.
    #[error("the backup {backup} counts already")]
    CountsAlready { backup: BackupId },
    /// Several snapshots begin with the text.
    #[error("several snapshots begin so")]
    SeveralSnapshots,
    /// No snapshot carries the id whose repository is unclear about it.
    #[error("no snapshot carries the id {backup} whose repository is unclear about it")]
    NoUnclearSnapshot { backup: BackupId },
    /// Nobody noted which snapshot is the backup.
    #[error("nobody noted which snapshot is the backup {backup}: {}", joined(candidates, *more))]
    SnapshotNotChosen { backup: BackupId, more: usize, candidates: Vec<SnapshotCandidate> },
    /// Something else was asked for the data of the instance.
    #[error("something else was asked for the data of `{instance}` and is not over")]
    RequestPending { instance: InstanceName },
    /// A restore names a host or a name, and not both.
    #[error("it is not clear where")]
    NoPlace,
    /// A restore in place has values.
    #[error("values are given only to a new instance")]
    ValuesInPlace,
    /// The backup is in a folder of another host.
    #[error("that backup is in a folder of {of}, which {host} does not reach")]
    FolderOutOfReach { of: HostName, host: HostName },
    /// The backup is of another release than the instance has.
    #[error("the backup was made by {release}, and `{instance}` is {present}")]
    OtherRelease { release: ReleaseName, instance: InstanceName, present: ReleaseName },
    /// Some stores alone cannot go back to another release.
    #[error("the backup was made by {release}: its stores go back together, with that release")]
    StoresOfOtherRelease { release: ReleaseName },
    /// The release of the backup has another content here.
    #[error("the backup was made by another {release} than the one that is known here")]
    OtherContent { release: ReleaseName },
    /// The backup has no files beside the dumps of these stores.
    #[error("{}: the backup has no files beside the dump", joined(stores, 0))]
    FilesBesideMissing { stores: Vec<StoreName> },
    /// The backup has no such store.
    #[error("there is no store `{store}` in it")]
    NoSuchStore { store: String },
    /// The instance has no such store.
    #[error("`{store}` is not a store of `{instance}`")]
    NotAStore { store: StoreName, instance: InstanceName },
    /// The store is many files, and none is named.
    #[error("`{store}` is many files")]
    ManyFiles { store: String },
    /// More than all is to be read.
    #[error("{percent}% is more than all")]
    TooManyPercent { percent: u32 },
    /// The text is not an age recipient.
    #[error("`{recipient}` is not an age recipient: {problem}")]
    RecipientInvalid { recipient: String, problem: String },
    /// Fewer backups would be kept, which needs an administrator.
    #[error("fewer backups of {} would be kept, which needs the role administrator", joined(instances, *more))]
    FewerBackups { more: usize, instances: Vec<InstanceName> },
    /// Every fleet has this repository.
    #[error("`{repository}` is the one that every fleet has")]
    CentralRepository { repository: RepositoryName },
    /// A policy keeps backups in the repository.
    #[error("the policy `{policy}` keeps backups there")]
    RepositoryOfPolicy { policy: PolicyName },
    /// An order that is under way uses the repository.
    #[error("an order that is under way uses it")]
    RepositoryInUse,
    /// The repository holds backups.
    #[error("backups in it: {count}")]
    RepositoryHolds { count: usize },
    /// The path is not a folder on a host.
    #[error("`{path}` is not a folder on a host")]
    NotAFolder { path: String },
    /// The text is not an endpoint of buckets.
    #[error("`{endpoint}` is not an endpoint")]
    NotAnEndpoint { endpoint: String },
    /// A bucket lacks its name, its key id or its key.
    #[error("a bucket needs its name, a key id and a key")]
    BucketIncomplete,
    /// A part of a location is too long or cannot be shown.
    #[error("the {part} is too long, or holds what cannot be shown")]
    LocationInvalid { part: LocationPart },
    /// The repository did not answer in time.
    #[error("{repository} did not answer in {} s", waited.as_secs())]
    RepositorySilent { repository: RepositoryName, waited: Duration },
    /// Only the instance's own host reaches the repository.
    #[error("the repository `{repository}` is a folder on the instance's own host: only that host reaches it")]
    RepositoryOnHost { repository: RepositoryName },
    /// The repository failed.
    #[error("{reason}")]
    RepositoryFailed { reason: Box<UndeliverableReason> },
}
