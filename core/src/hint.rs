//! Next actions for a person, as values. `fleet` turns them into words.

mod link;

pub use link::LinkHint;

use crate::names::{AppName, BackupId, HostName, InstanceName, PolicyName, ReleaseName, RolloutId, Version};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

/// Something to do next. Kept ledgers and facts have it as `{"code": "show_host", "with": "lab-1"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum Hint {
    /// Text of another author: of an app, or of a program from before hints were codes.
    Text(String),
    /// Something about connecting and joining.
    Link(LinkHint),
    /// Read the log of the coordinator.
    ReadCoordinatorLog,
    /// Ask an administrator.
    AskAdministrator,
    /// Call as an operator does.
    UseFleetCommand,
    /// Call with an operator's certificate.
    UseOperatorCertificate,
    /// End some of the calls that follow something.
    EndFollowing,
    /// Read the answer as it comes.
    ReadFaster,
    /// Try again.
    TryAgain,
    /// Try again when earlier requests are answered.
    TryWhenAnswered,
    /// Try again when one of the transfers has ended.
    TryWhenEnded,
    /// Send the file again.
    SendAgain,
    /// List the operators.
    SeeOperators,
    /// Add another administrator first.
    AddAdministrator,
    /// List the tokens.
    SeeTokens,
    /// Revoke unused tokens.
    RevokeTokens,
    /// Give a token fewer uses.
    LimitUses(u32),
    /// Remove the operator and add it again, or name the machines apart.
    AddOperatorAgain,
    /// Ask for the plan first, and send its digest.
    AskForPlan,
    /// Make a new id for each request.
    MakeRequestId,
    /// Look at the plan as it is now, and agree to that.
    SeePlanAgain,
    /// Nothing was changed: the host would refuse the order.
    NothingChanged,
    /// List the hosts.
    SeeHosts,
    /// List the labels of hosts.
    SeeHostLabels,
    /// List the hosts, or add one.
    AddHost,
    /// Show a host.
    ShowHost(HostName),
    /// Show the host that has the name, or remove it first.
    HostIsThere(HostName),
    /// Remove the instances of a host first, or forget them.
    ForgetInstances,
    /// Ask the people of a host for another policy.
    AskHostOwners(HostName),
    /// Connect a host that can ask a registry.
    ConnectHost,
    /// Switch off one of two machines with the same identity, or join it as another host.
    SwitchCloneOff,
    /// Upgrade the agent of a host.
    UpgradeAgent(HostName),
    /// Set the clock of a host.
    SetHostClock,
    /// Read the log of the agent, on its host.
    ReadAgentLog,
    /// Install an instance that only its host knows, or remove it there.
    InstallSameName,
    /// Report a bug of the coordinator.
    ReportBug,
    /// Free space at the coordinator, or keep fewer backups.
    KeepLess,
    /// Free space at the coordinator.
    MakeRoom,
    /// Find out why the coordinator has no backup of its own, or take one.
    BackUpCoordinator,
    /// Import facts of a coordinator that has the values.
    ImportFacts,
    /// List the apps.
    SeeApps,
    /// Show the values of an app.
    SeeValues(AppName),
    /// Use the name of a known app.
    MeantApp(AppName),
    /// Push the app.
    PushApp,
    /// Use a version that the app has, or push another.
    PushOtherVersion(AppName, Vec<Version>),
    /// Push it under another version.
    PushUnderOtherVersion,
    /// Push the release again.
    PushAgain,
    /// Push the app in its version at the time of the backup.
    PushAsItWas,
    /// List all problems of an app.
    LintApp,
    /// Keep the project's name of the Compose file.
    KeepProjectName,
    /// List the instances.
    SeeInstances,
    /// Show an instance.
    ShowInstance(InstanceName),
    /// Read the logs of an instance.
    SeeLogs(InstanceName),
    /// Install an instance.
    InstallFirst(Option<AppName>),
    /// Choose another name for the instance.
    ChooseInstanceName,
    /// Choose names that no other instance of the host has.
    ChooseOtherNames,
    /// Wait for the end of an order.
    AwaitOrder(InstanceName),
    /// Wait until the instance is gone.
    AwaitRemoval,
    /// Find out why an installation did not end, try again, or free the name.
    FinishInstall(InstanceName),
    /// Leave a secret out to keep it.
    LeaveSecretOut,
    /// Give the instance a value that it lacks.
    SetValueFirst(InstanceName),
    /// Give the instance the wanted values.
    GiveWantedValues(InstanceName),
    /// Make the release that runs the wanted one.
    WantRunningRelease(ReleaseName),
    /// Remove the instance, then restore or install it.
    RemoveOrRestore(InstanceName),
    /// Choose one of those that are there.
    ChooseAmong(Vec<String>),
    /// Keep a volume of which others have a part.
    KeepVolume,
    /// Stop the instance.
    StopInstance(InstanceName),
    /// Follow a stored request.
    RequestKept(InstanceName),
    /// Wait until the host allows a kept request.
    RequestKeptUntilAllowed(HostName),
    /// Wait for the hours of the host.
    RequestKeptUntilOpen(InstanceName),
    /// Read the logs again.
    ReadLogsAgain(InstanceName),
    /// Follow the logs again.
    FollowLogsAgain(InstanceName),
    /// Find out why the host with the logs is away.
    LogsAreOnHost(HostName),
    /// Read the logs later, or on the host.
    ReadLogsLater,
    /// End one of your own calls first.
    EndOneFirst,
    /// List the rollouts.
    SeeRollouts,
    /// Show the upgrades that lead to a release.
    SeeUpgrades(ReleaseName),
    /// Undo a rollout to go back to the version before it.
    UndoToGoBack(RolloutId),
    /// Show a rollout.
    ShowRollout(RolloutId),
    /// Explain a rollout.
    ExplainRollout(RolloutId),
    /// Explain a rollout that is not over, or abort it.
    ExplainOrAbort(RolloutId),
    /// Wait for an undo, or abort it.
    AwaitUndo(RolloutId),
    /// Pause the rollout, and wait for its orders.
    PauseRollout(RolloutId),
    /// Resume the rollout.
    ResumeRollout(RolloutId),
    /// Resume, undo or abort a halted rollout.
    ResumeUndoOrAbort(RolloutId),
    /// Read the obstacles in `fleet status`.
    SeeStatus,
    /// Name the app.
    ChooseApp(Vec<AppName>),
    /// Leave out the canary.
    LeaveOutCanary,
    /// Choose a smaller canary.
    ShrinkCanary(u32),
    /// Widen the window, or shorten the deadline.
    WidenWindow,
    /// Write a limit for a label that hosts have.
    LimitPerLabel,
    /// Allow at least one failure.
    LimitFailures,
    /// Give a deadline.
    GiveDeadline,
    /// List the backups of an instance.
    SeeBackups,
    /// List the backups of this instance.
    SeeBackupsOf(InstanceName),
    /// List the instances with backups.
    SeeBackupStatus,
    /// List the backups that would remain.
    SeeRemainingBackups,
    /// Give more digits of an id.
    GiveMoreDigits,
    /// Accept a backup that no order asked for.
    AcceptBackup(BackupId),
    /// Find out why a later backup is much smaller, and hold this one.
    HoldBackup(BackupId),
    /// Restore the data of an instance.
    RestoreInstance(InstanceName),
    /// Choose the snapshot that is the backup.
    ChooseSnapshot(BackupId),
    /// Take a backup first.
    TakeBackup,
    /// Take a backup that may add more.
    TakeLargerBackup,
    /// Check the health of an instance's backups, or take one.
    MendBackups(InstanceName),
    /// Verify the backups.
    VerifyBackups,
    /// Verify all data of an instance's backups.
    VerifyAllData(InstanceName),
    /// Read the backup on its host.
    ReadOnItsHost,
    /// Name a file of the backup.
    NamePath,
    /// Name instances, or select hosts.
    NameInstances,
    /// Make a key of age.
    MakeAgeKey,
    /// List the policies.
    SeePolicies,
    /// Remove the policy.
    RemovePolicy,
    /// Remove another policy first.
    RemovePolicyFirst,
    /// Add a policy for all instances.
    AddPolicy,
    /// List the repositories.
    SeeRepositories,
    /// Choose another name, or remove the repository first.
    ChooseRepositoryName,
    /// Name other repositories in the policy first.
    NameOtherRepositories(PolicyName),
    /// Wait for the order that uses the repository.
    AwaitRepository,
    /// Agree to forget the backups of a repository.
    ConsentToForget,
    /// Write an absolute path.
    WriteAbsolutePath,
    /// Write a URL.
    WriteUrl,
    /// Say where the repository is.
    GiveLocation,
    /// Give both host and name of a new instance.
    GiveHostAndName,
    /// Change the values after the restore.
    ChangeValuesAfterwards(InstanceName),
    /// Choose a copy in another repository.
    ChooseOtherCopy,
    /// Restore as a new instance, or choose another backup.
    RestoreAsNew,
    /// Agree to drop side files, or choose a newer backup.
    DropOthers,
    /// Look at the containers and at the agent's log on the host.
    LookOnHost(InstanceName),
    /// Move away a part of the ledger that cannot be read.
    MoveUnreadableFile,
    /// Upgrade the coordinator, and look at the instance on its host.
    UpgradeAndLook,
    /// Inspect the remains of a drill's project.
    LookAtSandbox(String),
    /// Start a stopped instance, run commands, and stop it.
    RebuildStopped(InstanceName, Vec<String>),
    /// Run commands, then stop and start a running instance.
    RebuildRunning(InstanceName, Vec<String>),
}

impl Hint {
    /// Returns the hint about the link, if it is one.
    pub fn link(&self) -> Option<&LinkHint> {
        if let Self::Link(hint) = self { Some(hint) } else { None }
    }

    /// Returns the hint with other free texts. Names and numbers stay as they are: nothing secret is in them.
    #[must_use]
    pub fn map_texts(self, change: impl Fn(String) -> String) -> Self {
        let all = |texts: Vec<String>| texts.into_iter().map(&change).collect();
        match self {
            Self::Text(text) => Self::Text(change(text)),
            Self::ChooseAmong(names) => Self::ChooseAmong(all(names)),
            Self::LookAtSandbox(project) => Self::LookAtSandbox(change(project)),
            Self::RebuildStopped(instance, commands) => Self::RebuildStopped(instance, all(commands)),
            Self::RebuildRunning(instance, commands) => Self::RebuildRunning(instance, all(commands)),
            other => other,
        }
    }
}

/// Reads a hint that was kept: as text by earlier versions, where an empty one is none. One that a newer version kept is none.
pub(crate) fn read_kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Hint>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum KeptHint {
        Text(String),
        Hint(Hint),
        Unknown(IgnoredAny),
    }
    Ok(match Option::<KeptHint>::deserialize(deserializer)? {
        Some(KeptHint::Text(text)) => Some(text).filter(|text| !text.is_empty()).map(Hint::Text),
        Some(KeptHint::Hint(hint)) => Some(hint),
        Some(KeptHint::Unknown(_)) | None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Outcome;
    use crate::order_failure::OrderFailure;

    fn kept(hint: &str) -> Option<Hint> {
        let text = format!(r#"{{"stuck":{{"reason":"no answer"{hint}}}}}"#);
        match serde_json::from_str(&text).expect("it can be read") {
            Outcome::Stuck { hint, .. } => hint,
            other => panic!("expected it to be stuck, found {other:?}"),
        }
    }

    #[test]
    fn what_an_earlier_version_kept_is_a_text_and_what_a_newer_one_kept_is_nothing() {
        assert_eq!(kept(r#","hint":"look there""#), Some(Hint::Text("look there".to_owned())));
        for nothing in [r#","hint":"""#, r#","hint":null"#, "", r#","hint":{"code":"fly","with":["to","there"]}"#] {
            assert_eq!(kept(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        let instance: InstanceName = "notes-1".parse().expect("a name");
        for hint in [
            Hint::ReadAgentLog,
            Hint::LookOnHost(instance.clone()),
            Hint::RebuildStopped(instance, vec!["docker exec x y".to_owned()]),
            LinkHint::Wait.into(),
        ] {
            let stuck = Outcome::Stuck { failure: OrderFailure::other("no answer"), hint: Some(hint) };
            let text = serde_json::to_string(&stuck).expect("it can be written");
            assert_eq!(serde_json::from_str::<Outcome>(&text).expect("it can be read"), stuck, "{text}");
        }
    }
}
