//! Faults of one store: in its data on this host, in its tools, or in its backup. The error that carries it decides about the cause.

use super::DataError;
use super::error::{BackupFault, HostFault};
use crate::runtime::RuntimeError;
use fleet_core::backup::{BackupDamage, CheckError, CountError, Differences, DumpError, NoteError, StoreDifference};
use fleet_core::grammar::count;
use fleet_core::names::{InstanceName, StoreName};
use std::io;
use std::path::PathBuf;

/// Fault of one store.
#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    #[error("it has no tool that dumps it")]
    NoDumpTool,
    #[error("it has no tool that loads it")]
    NoLoadTool,
    #[error("it has no tool that counts it")]
    NotCountable,
    #[error("`{item}` is not among the items that its counter lists")]
    NotAmongCounted { item: String },
    #[error("nobody can tell whether it is whole")]
    NoValidator,
    #[error("it is no bucket")]
    NoBucket,
    #[error("{}", crate::chain(.0))]
    Runtime(RuntimeError),
    #[error(transparent)]
    Dump(DumpError),
    #[error(transparent)]
    NotReady(NotReady),
    #[error("with the files beside its dump: {0}")]
    NotReadyWithFiles(NotReady),
    #[error("it could not be counted: {0}")]
    NotCounted(AskError),
    #[error("its server could not be asked: {0}")]
    NotAsked(AskError),
    #[error(transparent)]
    Counts(CountError),
    /// Differences from the backup: the first ones, and the number of further ones.
    #[error("it differs from its backup: {}", listed(first))]
    Differs { more: usize, first: Vec<StoreDifference> },
    #[error(transparent)]
    Check(CheckError),
    #[error("{check}: {}", crate::chain(error))]
    NotChecked { check: String, error: RuntimeError },
    #[error("{address} does not answer{reason}")]
    NotListening { address: String, reason: String },
    #[error("{address} has {}; nothing is restored over what others may have there", count(*objects, "object"))]
    BucketInUse { address: String, objects: u64 },
    #[error("{}", crate::chain(.0))]
    Aside(AsideError),
    #[error("`{path}` leads elsewhere by now")]
    LeadsElsewhere { path: String },
    #[error("`{one}` and `{other}` would both go into `{path}`")]
    SameFolder { one: String, other: String, path: PathBuf },
    #[error("its backup is damaged: {0}")]
    Damaged(BackupDamage),
    #[error("there is no folder or volume `{name}` to restore into")]
    NoTarget { name: String },
    #[error("it takes no volume `{name}`, which is in the backup: nothing is restored beside it")]
    TakesNoVolume { name: String },
    #[error("the volume `{volume}` is {owner}'s: it is not replaced")]
    ForeignVolume { volume: String, owner: InstanceName },
    #[error("the volume `{volume}` has no model among the instance's own")]
    NoModel { volume: String },
    #[error("the volume `{volume}` is on this host already, and is not of this store: nothing is restored over it")]
    VolumeExists { volume: String },
    #[error("the volume `{volume}` was made and is not found")]
    VolumeNotFound { volume: String },
    #[error("its data is in no volume or folder with a name, so that it could not be put back")]
    DataWithoutName,
    #[error("its folder is in no volume or folder with a name")]
    FolderWithoutName,
    #[error("{}", crate::chain(.0))]
    Folder(Box<DataError>),
}

impl From<StoreDifference> for StoreFault {
    fn from(difference: StoreDifference) -> Self {
        Self::Differs { more: 0, first: vec![difference] }
    }
}

impl From<&Differences> for StoreFault {
    fn from(found: &Differences) -> Self {
        let (more, first) = found.all();
        Self::Differs { more, first }
    }
}

impl StoreFault {
    /// Converts a fault of a store that cannot be blamed on its backup.
    pub fn of_host(self, store: &StoreName) -> DataError {
        HostFault::Store { store: store.clone(), fault: self }.into()
    }

    /// Converts a fault in the backup of a store.
    pub fn of_backup(self, store: &StoreName) -> DataError {
        BackupFault::Store { store: store.clone(), fault: self }.into()
    }

    /// Converts a fault for which a drill blames the backup, and a restore blames nothing.
    pub fn of_store(self, store: &StoreName) -> DataError {
        DataError::Store { store: store.clone(), fault: Box::new(self) }
    }
}

fn listed(differences: &[StoreDifference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Reason why a server could not be queried about a store.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("{}", crate::chain(.0))]
    Tool(#[from] RuntimeError),
    #[error(transparent)]
    Counts(#[from] CountError),
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error(transparent)]
    NotReady(#[from] NotReady),
}

/// A service that does not answer.
#[derive(Debug, thiserror::Error)]
#[error("`{service}` does not answer: {missing}")]
pub struct NotReady {
    pub service: String,
    pub missing: NoReply,
}

/// Reason why a service does not answer.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    #[error("only the server that begins its data did")]
    OnlyTemporary,
    #[error("it has no container")]
    NoContainer,
    #[error("its container is {state}, and by its health check {health}")]
    NotHealthy { state: &'static str, health: &'static str },
    #[error("{}", crate::chain(.0))]
    Runtime(#[from] RuntimeError),
}

/// Reason why a folder cannot be moved aside.
#[derive(Debug, thiserror::Error)]
pub enum AsideError {
    #[error("`{path}` is no folder that can be put in another's place")]
    NoPlace { path: PathBuf },
    #[error("`{path}` is not a folder")]
    NotAFolder { path: PathBuf },
    #[error("could not look at `{path}`")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "`{path}` cannot be moved aside, because `{mounted}` is mounted there; unmount it, or restore to another instance"
    )]
    Mounted { path: PathBuf, mounted: String },
}
