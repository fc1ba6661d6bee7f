//! Failures of work on data: stores, backups, repositories, drills and restores.

/// Adds them to those of the other modules.
macro_rules! failures_of_data {
    ($next:ident $(, $later:ident)* => $($before:tt)*) => { $next! { $($later),* => $($before)*
    /// An upgrade failed after its new release may have changed data of stores, whose state of before is in the backup alone.
    #[error("the new release may have changed {}: {because}", stores.join(", "))]
    DataTouched = "data_touched" { stores: Vec<String>, because: Box<OrderFailure> },
    /// A release on the way of an upgrade failed.
    #[error("{version}, on its way: {failure}")]
    OnTheWay = "on_the_way" { version: Version, failure: Box<OrderFailure> },
    /// A stopped instance cannot run a release on its way.
    #[error("it is stopped, and has to run as {through} on its way")]
    StoppedOnTheWay = "stopped_on_the_way" { through: Version },
    /// A store keeps nothing in a folder of its host, so that an upgrade could not bring it back without a backup.
    #[error("the store `{store}` has no folder that could be copied, and there is no repository for a backup")]
    NoRestorePoint = "no_restore_point" { store: String },
    /// The same for a folder at which something is mounted.
    #[error("the store `{store}` is mounted at {path}, which cannot be replaced, and there is no repository for a backup")]
    RestorePointMounted = "restore_point_mounted" { store: String, path: String },
    /// The same for a folder that is larger than the free space of its disk.
    #[error("no room to copy the store `{store}`: {needed} bytes needed, {free} free, and there is no repository for a backup")]
    RestorePointNoRoom = "restore_point_no_room" { store: String, needed: u64, free: u64 },
    /// A folder could not be copied before an upgrade.
    #[error("could not copy {path}{}", after(output))]
    RestorePointNotMade = "restore_point_not_made" { path: String, output: String },
    /// The copy of a folder differs from it.
    #[error("the copy of {path} differs at {name}")]
    RestorePointDiffers = "restore_point_differs" { path: String, name: String },
    /// Containers ran while the data of their instance was copied.
    #[error("running while the data was copied: {}", containers.join(", "))]
    NotQuiet = "not_quiet" { containers: Vec<String> },
    /// The number of an item is not the one of before the upgrade.
    #[error("the store `{store}` had {before} of {item}, and {after} after the upgrade")]
    CountNotEqual = "count_not_equal" { store: String, item: String, before: u64, after: u64 },
    /// The number of an item is smaller than before the upgrade.
    #[error("the store `{store}` had {before} of {item}, and only {after} after the upgrade")]
    CountTooLow = "count_too_low" { store: String, item: String, before: u64, after: u64 },
    /// A command of an upgrade ended with an error.
    #[error("`{command}` of {service} exited with code {code}{}", after(output))]
    ActionFailed = "action_failed" { service: String, command: String, code: i64, output: String },
    /// A command of an upgrade took longer than it may and was ended.
    #[error("`{command}` of {service} took longer than {} s and was ended{}", limit.as_secs(), after(output))]
    ActionTooSlow = "action_too_slow" {
        service: String, command: String, #[serde(with = "crate::time::serde_millis")] limit: Duration, output: String,
    },
    /// The container of a command of an upgrade was removed by somebody, so that its end is not known.
    #[error("the container of `{command}` of {service} is gone")]
    ActionGone = "action_gone" { service: String, command: String },
    /// The app declares no store that can be backed up.
    #[error("its app declares no store that can be backed up")]
    NoStores = "no_stores",
    /// The backup or the release lacks a store.
    #[error("there is no store `{store}`")]
    StoreMissing = "store_missing" { store: String },
    /// The release has a store of the name, and of another kind.
    #[error("the release has no store `{store}` of that kind")]
    OtherKindOfStore = "other_kind_of_store" { store: String },
    /// A store cannot be backed up, restored or checked.
    #[error("{problem}")]
    StoreUnusable = "store_unusable" { problem: StoreProblem },
    /// A service must be quiesced for one store, and another store is read from it.
    #[error("the store `{store}` wants `{service}` to be quiesced, and `{other}` is read from it")]
    ReadFromQuiesced = "read_from_quiesced" { store: String, service: String, other: String },
    /// A service must be quiesced for one store, and it dumps another store.
    #[error("the store `{store}` wants `{service}` to be quiesced, and it dumps `{other}`")]
    DumpedByQuiesced = "dumped_by_quiesced" { store: String, service: String, other: String },
    /// The coordinator forgets the backups of a repository, and not the host.
    #[error("backups in `{repository}` are forgotten by the coordinator")]
    ForgottenByCoordinator = "forgotten_by_coordinator" { repository: String },
    /// A dump is not complete or not valid.
    #[error("the dump is not valid: {problem}")]
    DumpInvalid = "dump_invalid" { problem: DumpError },
    /// A restore would replace data that others may have put there.
    #[error("{problem}; nothing is restored over it")]
    RestoreTargetInUse = "restore_target_in_use" { problem: OccupiedTarget },
    /// A container that is not part of the instance runs on a folder that is to be replaced.
    #[error("{} runs and has `{folder}`", containers.join(", "))]
    FolderHeld = "folder_held" { folder: String, #[serde(deserialize_with = "read_names")] containers: Vec<String> },
    /// Files that a backup cannot keep would be lost.
    #[error("files that a backup cannot keep would be lost: {}", listed(lost))]
    FilesWouldBeLost = "files_would_be_lost" { #[serde(deserialize_with = "read_uncovered")] lost: Vec<UncoveredData> },
    /// The backup is older than files beside the dumps of these stores are kept.
    #[error("the backup has no files beside the dump of {}", listed(stores))]
    SideFilesNotKept = "side_files_not_kept" { stores: Vec<String> },
    /// Data that is not in the backup would be lost.
    #[error("data that is not in the backup would be lost: {}", listed(lost))]
    DataWouldBeLost = "data_would_be_lost" { #[serde(deserialize_with = "read_uncovered")] lost: Vec<UncoveredData> },
    /// The backup is of another release than the instance has.
    #[error("it is a backup of {backup}, and {present} is here")]
    OtherRelease = "other_release" { backup: String, present: String },
    /// The backup is of another release than the order wants.
    #[error("it is a backup of {backup}, and {wanted} is wanted")]
    OtherReleaseWanted = "other_release_wanted" { backup: String, wanted: String },
    /// A backup is not in its repository.
    #[error("the backup {backup} is not in {repository}")]
    BackupMissing = "backup_missing" { backup: String, repository: String },
    /// A backup is damaged or does not have what it says.
    #[error("{problem}")]
    BackupDamaged = "backup_damaged" { problem: BackupDamage },
    /// Data in a repository may not be the backup that is meant.
    #[error("{problem}")]
    BackupDoubtful = "backup_doubtful" { problem: BackupDoubt },
    /// The manifest of a backup cannot be read.
    #[error("the backup {backup}: {problem}")]
    BackupUnreadable = "backup_unreadable" { backup: String, problem: ManifestError },
    /// The restored data is not what was backed up.
    #[error("{}", differing(*more, differences))]
    RestoredDataDiffers = "restored_data_differs" { #[serde(default)] more: usize, #[serde(deserialize_with = "read_differences")] differences: Vec<StoreDifference> },
    /// The copy of a backup in one repository could not be made.
    #[error("{repository}: {failure}")]
    CopyFailed = "copy_failed" { repository: String, failure: Box<OrderFailure> },
    /// A backup does not have a store: the host's policy forbids to read it, or it has no data.
    #[error("it does not have the store `{store}`: {problem}")]
    StoreNotBackedUp = "store_not_backed_up" { store: String, problem: StoreGap },
    /// A repository received other bytes of a store than were sent.
    #[error("what arrived of the store `{store}` is not what was sent")]
    CopyDiffers = "copy_differs" { store: String },
    /// A repository does not confirm a part of a backup: the dumps, the files or the manifest.
    #[error("the repository `{repository}` does not confirm the {part}")]
    CopyUnconfirmed = "copy_unconfirmed" { repository: String, part: String },
    /// The safety backup failed, so that nothing was replaced.
    #[error("the safety backup failed, so nothing was replaced: {}", joined(failures))]
    SafetyBackupFailed = "safety_backup_failed" { failures: Vec<OrderFailure> },
    /// A bucket was being replaced, and no safety backup can put it back.
    #[error("there is no safety backup to put back: {}", joined(failures))]
    SafetyBackupMissing = "safety_backup_missing" { failures: Vec<OrderFailure> },
    /// A bucket was being replaced, and the safety backup does not have it.
    #[error("the safety backup does not have every bucket that was being replaced")]
    SafetyBackupLacksBucket = "safety_backup_lacks_bucket",
    /// The storage of a repository failed or cannot be reached.
    #[error("the repository `{repository}`: could not {step}: {cause}")]
    RepositoryUnreachable = "repository_unreachable" { repository: String, step: FailedStep, cause: String },
    /// There is no repository at its place.
    #[error("there is no repository `{repository}` at its place: could not {step}")]
    RepositoryMissing = "repository_missing" { repository: String, step: FailedStep },
    /// Another repository is at its place.
    #[error("another repository is at the place of `{repository}`: could not {step}")]
    RepositoryOccupied = "repository_occupied" { repository: String, step: FailedStep },
    /// The key does not open the repository.
    #[error("the key does not open the repository `{repository}`: could not {step}")]
    RepositoryWrongKey = "repository_wrong_key" { repository: String, step: FailedStep },
    /// Data in the repository is damaged or missing.
    #[error("the repository `{repository}` is damaged: could not {step}: {cause}")]
    RepositoryDamaged = "repository_damaged" { repository: String, step: FailedStep, cause: String },
    /// A request to a repository failed for another reason.
    #[error("the repository `{repository}`: could not {step}: {cause}")]
    RepositoryFailed = "repository_failed" { repository: String, step: FailedStep, cause: String },
    /// The worker of a repository ended without an answer.
    #[error("the repository `{repository}`: could not {step}: {cause}")]
    WorkerEnded = "worker_ended" { repository: String, step: FailedStep, cause: String },
    /// The order came without the access to a repository.
    #[error("no access to the repository `{repository}` of {instance}")]
    NoRepositoryAccess = "no_repository_access" { repository: String, instance: String },
    /// Services were quiesced for longer than they may be.
    #[error("services were quiesced for {}, the longest time allowed", Period::from(*limit))]
    QuiesceTooLong = "quiesce_too_long" { #[serde(with = "crate::time::serde_millis")] limit: Duration },
    /// A service that was quiesced could not be resumed.
    #[error("`{service}` could not be resumed")]
    ServiceNotResumed = "service_not_resumed" { service: String },
    /// The sandbox of an earlier drill could not be removed.
    #[error("parts of the sandbox of an earlier drill are left: {}: {failure}", listed(parts))]
    SandboxLeft = "sandbox_left" {
        #[serde(default)] project: String, #[serde(alias = "cause")] failure: Box<OrderFailure>, #[serde(alias = "left", deserialize_with = "read_parts")] parts: Vec<SandboxPart>,
    },
    /// A drill proved its backup, and parts of its sandbox could not be removed.
    #[error("the backup is good; parts of its sandbox could not be removed: {}", listed(parts))]
    SandboxNotRemoved = "sandbox_not_removed" { #[serde(default)] project: String, #[serde(deserialize_with = "read_parts")] parts: Vec<SandboxPart> },
    /// The data is restored, and derived data could not be rebuilt.
    #[error("the data is restored, but what is derived from it could not be rebuilt: {}", joined(failures))]
    RebuildFailed = "rebuild_failed" { failures: Vec<OrderFailure> },
    /// A derivable store could not be rebuilt.
    #[error("{store}: `{command}` in {service}: {failure}")]
    NotRebuilt = "not_rebuilt" { store: String, service: String, command: String, failure: Box<OrderFailure> },
    /// The services that a rebuild needs could not be started.
    #[error("needed services could not be started: {failure}")]
    NeedsNotStarted = "needs_not_started" { failure: Box<OrderFailure> },
    /// The services that were started for a rebuild could not be stopped.
    #[error("the services that were started for a rebuild could not be stopped: {failure}")]
    NotStopped = "not_stopped" { failure: Box<OrderFailure> },
    } };
}
pub(super) use failures_of_data;
