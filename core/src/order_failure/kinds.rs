//! The kinds of failures, each with its code, its arguments and its text for logs.
//!
//! An argument `step` is a phrase after "could not", `tool` a noun phrase, `output` is the last output of a program or empty; `problem`, `cause` and
//! `answer` are the words of a library, of a validator or of the Engine.

use super::{DataNote, after, at, differing, joined, listed, noted};
use crate::activity::Activity;
use crate::backup_damage::BackupDamage;
use crate::dump_error::DumpError;
use crate::health_problem::{HealthProblem, LostVolume, read_volumes};
use crate::ledger_problem::LedgerProblem;
use crate::name_fault::NameFault;
use crate::policy_refusal::{self, PolicyRefusal, read_refusals};
use crate::sandbox_part::{SandboxPart, read_parts};
use crate::store_difference::{StoreDifference, read_differences};
use crate::store_gap::StoreGap;
use crate::time::Time;
use crate::uncovered_data::{UncoveredData, read_uncovered};
use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::time::Duration;

order_failures! {
    /// Words of an earlier version or of another program that no code stands for.
    #[error("{text}")]
    Other = "other" { text: String },
    /// Its host reported an outcome that the coordinator does not know.
    #[error("unknown outcome")]
    UnknownOutcome = "unknown_outcome",
    /// A failure that only the version of its host knows, by the number of its code. 0: none was given.
    #[error("unknown failure {number}: {arguments}")]
    Unknown = "unknown" { number: i32, arguments: String },
    /// The order failed, and then its rollback.
    #[error("{because}; the rollback failed too: {failure}")]
    RollbackFailed = "rollback_failed" { because: Box<OrderFailure>, failure: Box<OrderFailure> },
    /// Several things failed.
    #[error("{}", joined(failures))]
    Several = "several" { failures: Vec<OrderFailure> },
    /// Work on a store failed.
    #[error("the store `{store}`: {failure}")]
    InStore = "in_store" { store: String, failure: Box<OrderFailure> },
    /// The backup of a store could not be loaded.
    #[error("the store `{store}` could not be loaded: {failure}")]
    NotLoaded = "not_loaded" { store: String, failure: Box<OrderFailure> },
    /// The order failed, and left something that a person has to look at.
    #[error("{}; {failure}", noted(left))]
    SomethingLeft = "something_left" { left: Vec<DataNote>, failure: Box<OrderFailure> },
    /// An upgrade failed after its new release may have changed data of stores, whose state of before is in the backup alone.
    #[error("the new release may have changed {}: {because}", stores.join(", "))]
    DataTouched = "data_touched" { stores: Vec<String>, because: Box<OrderFailure> },
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
    /// The Docker Engine does not answer.
    #[error("the Docker Engine does not answer at `{socket}`")]
    EngineUnreachable = "engine_unreachable" { socket: String },
    /// The connection to the Engine broke in the middle of a step.
    #[error("could not {step}: connection to the Engine lost: {cause}")]
    EngineConnectionLost = "engine_connection_lost" { step: String, cause: String },
    /// The Engine refused a step.
    #[error("could not {step}: the Engine says: {answer}")]
    EngineRefused = "engine_refused" { step: String, answer: String },
    /// A step took longer than it may.
    #[error("could not {step} within {} s{}", limit.as_secs(), after(output))]
    StepTooLong = "step_too_long" { step: String, #[serde(with = "crate::time::serde_millis")] limit: Duration, output: String },
    /// No space is left on the disk of the host.
    #[error("no space left on the host's disk: could not {step}")]
    DiskFull = "disk_full" { step: String },
    /// There is not enough space on the disk of the host for a step that has not begun.
    #[error("not enough space {at}: {needed} bytes needed, {free} bytes free")]
    NotEnoughSpace = "not_enough_space" { at: String, needed: u64, free: u64 },
    /// A file or folder of the host could not be read or written.
    #[error("could not {step} `{path}`: {cause}")]
    FileFailed = "file_failed" { step: String, path: String, cause: String },
    /// A published port is in use.
    #[error("port {port} is already taken by {holder}")]
    PortTaken = "port_taken" { port: u32, holder: String },
    /// The agent stopped before a step ended.
    #[error("could not {step}: interrupted")]
    Interrupted = "interrupted" { step: String },
    /// The registry does not have an image.
    #[error("the image `{image}` does not exist")]
    ImageNotFound = "image_not_found" { image: String },
    /// The registry does not let the host pull an image.
    #[error("the registry does not let this host pull `{image}`")]
    ImageDenied = "image_denied" { image: String },
    /// The registry of an image does not answer.
    #[error("the registry of `{image}` does not answer: {answer}")]
    RegistryUnreachable = "registry_unreachable" { image: String, answer: String },
    /// A container became unhealthy.
    #[error("`{container}` is unhealthy{}", after(output))]
    ContainerUnhealthy = "container_unhealthy" { container: String, output: String },
    /// A container ended.
    #[error("`{container}` exited with code {code}{}", after(output))]
    ContainerExited = "container_exited" { container: String, code: i64, output: String },
    /// The instance did not become healthy.
    #[error("not healthy: {problem}")]
    NotHealthy = "not_healthy" { problem: HealthProblem },
    /// A service does not answer.
    #[error("`{service}` does not answer: {missing}")]
    ServiceNotReady = "service_not_ready" { service: String, missing: String },
    /// A container must run and does not.
    #[error("`{container}` does not run")]
    ContainerNotRunning = "container_not_running" { container: String },
    /// A container that is not part of the instance is in its way.
    #[error("the container `{name}` is {owner}")]
    ForeignContainer = "foreign_container" { name: String, owner: String },
    /// A volume that is not the instance's is in its way.
    #[error("the volume `{name}` is {owner}")]
    ForeignVolume = "foreign_volume" { name: String, owner: String },
    /// A network that is not the instance's is in its way.
    #[error("the network `{name}` is {owner}")]
    ForeignNetwork = "foreign_network" { name: String, owner: String },
    /// A Compose project of the instance's name that fleet did not make is on the host.
    #[error("a Compose project `{project}` that fleet did not make is on this host ({containers})")]
    ForeignProject = "foreign_project" { project: String, containers: String },
    /// Another instance of the host has names or ports that the instance needs.
    #[error("{conflicts}")]
    NamesTaken = "names_taken" { conflicts: String },
    /// Two instances have the same data, so that its owner is not known.
    #[error("{conflicts}, too")]
    DataShared = "data_shared" { conflicts: String },
    /// A volume that was to be removed has another holder.
    #[error("the volume `{volume}` stays: {holders} has it, too")]
    VolumeHeld = "volume_held" { volume: String, holders: String },
    /// The name of the Compose project would change.
    #[error("its Compose project would be `{to}` and is `{from}`")]
    ProjectChanged = "project_changed" { from: String, to: String },
    /// A volume that others make does not exist.
    #[error("the volume `{name}` does not exist")]
    VolumeMissing = "volume_missing" { name: String },
    /// A network that others make does not exist.
    #[error("the network `{name}` does not exist")]
    NetworkMissing = "network_missing" { name: String },
    /// A part of the instance is in use and cannot be removed.
    #[error("the {kind} `{name}` is in use by something that is not part of this instance")]
    PartInUse = "part_in_use" { kind: String, name: String },
    /// A name is not valid for the Engine.
    #[error("`{name}` cannot be the name of a network or a volume: {problem}")]
    InvalidName = "invalid_name" { name: String, problem: NameFault },
    /// Volumes with the instance's data were removed by somebody.
    #[error("its data is gone: somebody removed {}", listed(volumes))]
    VolumesGone = "volumes_gone" { #[serde(deserialize_with = "read_volumes")] volumes: Vec<LostVolume> },
    /// The host's policy forbids it.
    #[error("the host's own policy forbids it: {}", policy_refusal::joined(refusals))]
    PolicyForbids = "policy_forbids" { #[serde(alias = "refusal", deserialize_with = "read_refusals")] refusals: Vec<PolicyRefusal> },
    /// The host's policy cannot be read, so that nothing is allowed.
    #[error("the host's policy cannot be read, so nothing is allowed: {problem}")]
    PolicyUnreadable = "policy_unreadable" { problem: String },
    /// The host's policy allows changes at other hours only.
    #[error("the host's policy allows changes only {hours}; next at {opens}")]
    OutsideHours = "outside_hours" { hours: String, opens: Time },
    /// The release could not be fetched.
    #[error("{problem}")]
    ReleaseUnavailable = "release_unavailable" { problem: String },
    /// The release cannot be rendered on the host.
    #[error("{problem}")]
    ReleaseInvalid = "release_invalid" { problem: String },
    /// The values do not fit the release.
    #[error("{problem}")]
    ValuesInvalid = "values_invalid" { problem: String },
    /// The release is of another app.
    #[error("the release is not for this app: it is {app}")]
    OtherApp = "other_app" { app: String },
    /// The host found another state than the order expects.
    #[error("expected {expected}, found {found}")]
    UnexpectedState = "unexpected_state" { expected: String, found: String },
    /// The host has no such instance.
    #[error("there is no such instance")]
    InstanceMissing = "instance_missing",
    /// The host has such an instance already.
    #[error("there is such an instance already")]
    InstanceExists = "instance_exists",
    /// The agent does not understand the order.
    #[error("this fleet-agent does not understand the order: {problem}")]
    OrderUnknown = "order_unknown" { problem: String },
    /// The order's deadline passed in the middle of a step.
    #[error("its deadline of {} is over{}", Period::from(*deadline), at(doing.as_ref()))]
    DeadlineOver = "deadline_over" { #[serde(with = "crate::time::serde_millis")] deadline: Duration, doing: Option<Activity> },
    /// The rollback took longer than it may.
    #[error("it took longer than {}{}", Period::from(*limit), at(doing.as_ref()))]
    RollbackTooLong = "rollback_too_long" { #[serde(with = "crate::time::serde_millis")] limit: Duration, doing: Option<Activity> },
    /// The order's deadline passed before its first step.
    #[error("its deadline of {} was over before it could begin", Period::from(*deadline))]
    DeadlineOverBeforeStart = "deadline_over_before_start" { #[serde(with = "crate::time::serde_millis")] deadline: Duration },
    /// The agent was ended in the middle of the order.
    #[error("this host's agent was ended in the middle of it")]
    AgentRestarted = "agent_restarted",
    /// The work was interrupted again and again.
    #[error("it was interrupted {attempts} times")]
    InterruptedTooOften = "interrupted_too_often" { attempts: u32 },
    /// A fault of the agent ended the work.
    #[error("a fault of this agent ended the work; its log says more")]
    AgentFault = "agent_fault",
    /// A file of the agent's ledger cannot be read.
    #[error("{problem}")]
    LedgerUnreadable = "ledger_unreadable" { problem: LedgerProblem },
    /// The container of a service lacks a tool.
    #[error("`{service}` has no `{tool}`: {answer}")]
    ToolMissing = "tool_missing" { service: String, tool: String, answer: String },
    /// A tool took longer than it may and was ended.
    #[error("{tool} took longer than {} s and was ended{}", limit.as_secs(), after(output))]
    ToolTooSlow = "tool_too_slow" { tool: String, #[serde(with = "crate::time::serde_millis")] limit: Duration, output: String },
    /// A tool ended with an error.
    #[error("{tool} exited with code {code}{}", after(output))]
    ToolFailed = "tool_failed" { tool: String, code: i64, output: String },
    /// A tool made no progress and was ended.
    #[error("{tool} did nothing for {} s and was ended{}", limit.as_secs(), after(output))]
    ToolStalled = "tool_stalled" { tool: String, #[serde(with = "crate::time::serde_millis")] limit: Duration, output: String },
    /// The stream to or from a tool broke off.
    #[error("{tool} was ended: its input broke off: {cause}")]
    ToolStreamBroken = "tool_stream_broken" { tool: String, cause: String },
    /// A database and the tool that dumps or loads it have versions that do not work together.
    #[error("{tool} {tool_version} does not work with {database} {database_version}")]
    VersionMismatch = "version_mismatch" { database: String, database_version: String, tool: String, tool_version: String },
    /// The app declares no store that can be backed up.
    #[error("its app declares no store that can be backed up")]
    NoStores = "no_stores",
    /// The backup or the release lacks a store.
    #[error("there is no store `{store}`")]
    StoreMissing = "store_missing" { store: String },
    /// The release has a store of the name, and of another kind.
    #[error("the release has no store `{store}` of that kind")]
    OtherKindOfStore = "other_kind_of_store" { store: String },
    /// A dump is not complete or not valid.
    #[error("the dump is not valid: {problem}")]
    DumpInvalid = "dump_invalid" { problem: DumpError },
    /// A restore would replace data that others may have put there.
    #[error("{problem}; nothing is restored over it")]
    RestoreTargetInUse = "restore_target_in_use" { problem: String },
    /// A container that is not part of the instance runs on a folder that is to be replaced.
    #[error("{containers} runs and has `{folder}`")]
    FolderHeld = "folder_held" { folder: String, containers: String },
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
    /// Several snapshots may be the backup, or the one that was noted is gone.
    #[error("{problem}")]
    BackupDoubtful = "backup_doubtful" { problem: String },
    /// The manifest of a backup cannot be read.
    #[error("the backup {backup}: {problem}")]
    BackupUnreadable = "backup_unreadable" { backup: String, problem: String },
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
    RepositoryUnreachable = "repository_unreachable" { repository: String, step: String, cause: String },
    /// There is no repository at its place.
    #[error("there is no repository `{repository}` at its place: could not {step}")]
    RepositoryMissing = "repository_missing" { repository: String, step: String },
    /// Another repository is at its place.
    #[error("another repository is at the place of `{repository}`: could not {step}")]
    RepositoryOccupied = "repository_occupied" { repository: String, step: String },
    /// The key does not open the repository.
    #[error("the key does not open the repository `{repository}`: could not {step}")]
    RepositoryWrongKey = "repository_wrong_key" { repository: String, step: String },
    /// Data in the repository is damaged or missing.
    #[error("the repository `{repository}` is damaged: could not {step}: {cause}")]
    RepositoryDamaged = "repository_damaged" { repository: String, step: String, cause: String },
    /// A request to a repository failed for another reason.
    #[error("the repository `{repository}`: could not {step}: {cause}")]
    RepositoryFailed = "repository_failed" { repository: String, step: String, cause: String },
    /// The worker of a repository ended without an answer.
    #[error("the repository `{repository}`: could not {step}: {cause}")]
    WorkerEnded = "worker_ended" { repository: String, step: String, cause: String },
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
    #[error("parts of the sandbox of an earlier drill are left: {}: {cause}", listed(parts))]
    SandboxLeft = "sandbox_left" {
        #[serde(default)] project: String, cause: String, #[serde(alias = "left", deserialize_with = "read_parts")] parts: Vec<SandboxPart>,
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
}
