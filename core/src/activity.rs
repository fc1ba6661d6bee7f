//! Activity of an agent on an instance, as a code with arguments. `fleet` turns it into words.
//!
//! **Invariant:** an activity stays the same from its beginning to its end, so that activities can be compared. How far it is, is
//! a [`StepProgress`](crate::facts::StepProgress).

use crate::coded_text::{plain, with_texts};
use crate::health_problem::HealthProblem;
use crate::ledger_problem::LedgerProblem;
use crate::names::{BackupId, ReleaseName, RepositoryName, StoreName, Version};
use crate::units::Period;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// One thing that is being done. Kept facts have it as `{"code": "pull", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs and for texts on the host: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum Activity {
    /// Words of an earlier version, or of something that has no code.
    Text(String),
    /// Steps side by side.
    Together(Activities),
    /// Part of the way back.
    GoingBack(Box<Activity>),
    /// Part of the work with a release on the way of an upgrade.
    OnTheWay(Version, Box<Activity>),
    /// Continues an order that was interrupted in this activity.
    GoingOn(Box<Activity>),
    /// Failed for a reason that may pass, and is tried again.
    TryingAgain(String),
    /// Pulls an image.
    Pull(String),
    /// Looks for a network that is not its own.
    FindNetwork(String),
    /// Looks for a volume that is not its own.
    FindVolume(String),
    /// Writes files.
    WriteFiles(Vec<String>),
    /// Removes files.
    RemoveFiles(Vec<String>),
    /// Creates a network.
    CreateNetwork(String),
    /// Creates a volume.
    CreateVolume(String),
    /// Creates a container.
    Create(String),
    /// Stops a container.
    Stop(String),
    /// Removes a container.
    Remove(String),
    /// Renames a container, with its name before and after.
    Rename(String, String),
    /// Sets the restart policy of a container.
    SetRestart(String),
    /// Starts a container.
    Start(String),
    /// Waits until a container is healthy, at most for a time.
    WaitUntilHealthy(String, Period),
    /// Waits until a container has completed, at most for a time.
    WaitUntilCompleted(String, Period),
    /// Waits until the instance is healthy.
    WaitForInstance,
    /// Removes a network.
    RemoveNetwork(String),
    /// Removes a volume and its data.
    RemoveVolume(String),
    /// Observes whether the instance is healthy, with the reason why it is not.
    WaitingUntilHealthy(Option<HealthProblem>),
    /// Prepares a release.
    Preparing(ReleaseName),
    /// Puts right what an interrupted attempt has left.
    PuttingRight,
    /// Reads the files of a store, to compare them.
    ReadingFiles,
    /// Rebuilds a derived store.
    Rebuilding(StoreName),
    /// Waits until a service answers.
    WaitingForAnswer(String),
    /// Removes the sandbox of a drill.
    RemovingSandbox,
    /// Removes the sandbox of an earlier drill.
    RemovingEarlierSandbox,
    /// Puts a folder back that was set aside.
    PuttingBack(String),
    /// Sets a folder aside.
    SettingAside(String),
    /// Removes a folder that was set aside.
    RemovingFolder(String),
    /// Loads a dump into a store.
    Loading(StoreName),
    /// Looks for a backup in a repository.
    LookingForBackup(BackupId, RepositoryName),
    /// Fills the bucket of a store.
    FillingBucket(StoreName),
    /// Puts back what was in the bucket of a store.
    PuttingBackBucket(StoreName),
    /// Writes the manifest of a backup.
    WritingManifest,
    /// Asks a service what it holds besides the stores.
    AskingForOthers(String),
    /// Starts what was restored.
    StartingRestored,
    /// Restores the files of a store.
    Restoring(StoreName),
    /// Writes the dumps down in the ledger.
    NotingDumps,
    /// Dumps a store.
    Dump(StoreName),
    /// Forgets some backups of a repository.
    Forgetting(usize, RepositoryName),
    /// Reads the files beside the dumps.
    ReadingSideFiles,
    /// Puts some files beside the dump of a store.
    PlacingSideFiles(usize, StoreName),
    /// Looks at the files beside a store.
    LookingAtSideFiles(StoreName),
    /// Pauses a service for a backup.
    Pause(String),
    /// Lets a service go on after a backup.
    LettingGoOn(String),
    /// Notes what a drill has found.
    NotingFindings,
    /// Asked to install a release; the host has not reported yet.
    AskedToInstall(ReleaseName),
    /// Asked to upgrade from one version to another.
    AskedToUpgrade(Version, Version),
    /// Asked to change the configuration.
    AskedToConfigure,
    /// Asked to start.
    AskedToStart,
    /// Asked to stop.
    AskedToStop,
    /// Asked to restart.
    AskedToRestart,
    /// Asked to remove the instance.
    AskedToRemove,
    /// Asked for a backup.
    AskedToBackUp,
    /// Asked to prove a backup.
    AskedToDrill,
    /// Asked to restore a backup.
    AskedToRestore(BackupId),
    /// Asked to forget backups.
    AskedToForget,
    /// Forgets a removed instance.
    ForgettingInstance,
    /// Stuck, because a part of the host's ledger cannot be read.
    LedgerUnreadable(LedgerProblem),
    /// Copies a folder before an upgrade, for the way back.
    CopyingData(String),
    /// Runs a command of an upgrade in a container of a service: the service, and the command.
    RunningAction(String, String),
}

/// Activities side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Activities(pub Vec<Activity>);

with_texts!(Activity, Activity::Text);

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::GoingBack(of) => write!(f, "going back: {of}"),
            Self::OnTheWay(version, of) => write!(f, "{version}, on its way: {of}"),
            Self::GoingOn(of) => write!(f, "going on: {of}"),
            Self::TryingAgain(reason) => write!(f, "{reason}; trying again"),
            Self::Together(all) => f.write_str(&all.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            other => f.write_str(&plain(&serde_json::to_value(other).map_err(|_| fmt::Error)?)),
        }
    }
}

/// Reads an activity that was kept: as text by earlier versions, where an empty one is none. One that a newer version kept is none.
pub fn read_kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Activity>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Activity(Activity),
        Unknown(IgnoredAny),
    }
    Ok(match Option::<Kept>::deserialize(deserializer)? {
        Some(Kept::Text(text)) => Some(text).filter(|text| !text.is_empty()).map(Activity::Text),
        Some(Kept::Activity(activity)) => Some(activity),
        Some(Kept::Unknown(_)) | None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coded_text::ArgumentKind;

    #[test]
    fn secrets_are_masked_in_arguments_and_not_in_codes() {
        let mask = |_: ArgumentKind, text: String| text.replace("pull", "***");
        let back = |image: &str| Activity::GoingBack(Box::new(Activity::Pull(image.to_owned())));
        assert_eq!(back("pull:1").map_texts(mask), back("***:1"));
        let store = "pull-db".parse().expect("it is a name");
        assert_eq!(Activity::Dump(store).map_texts(mask), Activity::Text("dump ***-db".to_owned()));
    }
}
