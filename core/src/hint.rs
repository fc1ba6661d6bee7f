//! Next actions for a person, as values. `fleet` turns them into words.

use crate::names::{AppName, BackupId, HostName, InstanceName, PolicyName, ReleaseName, RolloutId, Version};
use serde::{Deserialize, Serialize};

/// Something to do next. Kept ledgers and facts have it by the variant's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// Action about the link to the coordinator; also sent to agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkHint {
    /// Upgrade the program that called.
    UpgradeProgram,
    /// Upgrade the coordinator.
    UpgradeCoordinator,
    /// Copy the whole token, or ask for a new one.
    CopyToken,
    /// Ask for a new token.
    AskForToken,
    /// Check whom a used token admitted.
    CheckAdmitted,
    /// Use the token on the host that it is for.
    JoinOnHost(HostName),
    /// Use the token of an operator to log in.
    LogIn,
    /// Join again with a new token.
    JoinAgain,
    /// Join first.
    JoinFirst,
    /// Wait for the end of certificates, or add the operator again.
    LetCertificatesEnd,
    /// Wait, then continue.
    Wait,
    /// Set the clock of the calling machine.
    SetClock,
    /// End some connections of the calling machine.
    EndConnections,
    /// Check that the coordinator runs and can be reached.
    CheckCoordinator,
    /// Check the address, or ask for a new token.
    CheckAddress,
    /// Join again with a token of the coordinator that was dialed.
    JoinThisCoordinator,
}

impl Hint {
    /// Returns the hint about the link, if it is one.
    pub fn link(&self) -> Option<&LinkHint> {
        if let Self::Link(hint) = self { Some(hint) } else { None }
    }
}

impl From<LinkHint> for Hint {
    fn from(hint: LinkHint) -> Self {
        Self::Link(hint)
    }
}

impl From<LinkHint> for Option<Hint> {
    fn from(hint: LinkHint) -> Self {
        Some(Hint::Link(hint))
    }
}
