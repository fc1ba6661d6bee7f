//! Hints and their codes. A code that this version does not know, or whose arguments it cannot read, is no hint.

use super::arguments::Argument;
use crate::v1::{self, HintCode};
use fleet_core::hint::{Hint, LinkHint};

/// Pairs the variants of hints with the codes of the same names, both ways, in full.
macro_rules! hint_codes {
    (
        link: $($link:ident $(($($of_link:ident),+))?,)+;
        others: $($other:ident $(($($of_other:ident),+))?,)+
    ) => {
        impl From<Hint> for v1::Hint {
            fn from(hint: Hint) -> Self {
                let mut arguments = Vec::new();
                let code = match hint {
                    $(Hint::Link(LinkHint::$link $(($($of_link),+))?) => {
                        $($($of_link.put(&mut arguments);)+)?
                        HintCode::$link
                    })+
                    $(Hint::$other $(($($of_other),+))? => {
                        $($($of_other.put(&mut arguments);)+)?
                        HintCode::$other
                    })+
                };
                Self { code: code.into(), arguments }
            }
        }

        /// Reads a hint.
        pub fn incoming_hint(message: v1::Hint) -> Option<Hint> {
            let mut _from = message.arguments.into_iter();
            Some(match HintCode::try_from(message.code).ok()? {
                HintCode::Unspecified => return None,
                $(HintCode::$link => LinkHint::$link $(($({
                    let $of_link = Argument::take(&mut _from)?;
                    $of_link
                }),+))?.into(),)+
                $(HintCode::$other => Hint::$other $(($({
                    let $of_other = Argument::take(&mut _from)?;
                    $of_other
                }),+))?,)+
            })
        }
    };
}

hint_codes! {
    link:
        UpgradeProgram,
        UpgradeCoordinator,
        CopyToken,
        AskForToken,
        CheckAdmitted,
        JoinOnHost(a),
        LogIn,
        JoinAgain,
        JoinFirst,
        LetCertificatesEnd,
        Wait,
        SetClock,
        EndConnections,
        CheckCoordinator,
        CheckAddress,
        JoinThisCoordinator,
    ;
    others:
        Text(a),
        ReadCoordinatorLog,
        AskAdministrator,
        UseFleetCommand,
        UseOperatorCertificate,
        EndFollowing,
        ReadFaster,
        TryAgain,
        TryWhenAnswered,
        TryWhenEnded,
        SendAgain,
        SeeOperators,
        AddAdministrator,
        SeeTokens,
        RevokeTokens,
        LimitUses(a),
        AddOperatorAgain,
        AskForPlan,
        MakeRequestId,
        SeePlanAgain,
        NothingChanged,
        SeeHosts,
        SeeHostLabels,
        AddHost,
        ShowHost(a),
        HostIsThere(a),
        ForgetInstances,
        AskHostOwners(a),
        ConnectHost,
        SwitchCloneOff,
        UpgradeAgent(a),
        SetHostClock,
        ReadAgentLog,
        InstallSameName,
        ReportBug,
        KeepLess,
        MakeRoom,
        BackUpCoordinator,
        ImportFacts,
        SeeApps,
        SeeValues(a),
        MeantApp(a),
        PushApp,
        PushOtherVersion(a, b),
        PushUnderOtherVersion,
        PushAgain,
        PushAsItWas,
        LintApp,
        KeepProjectName,
        SeeInstances,
        ShowInstance(a),
        SeeLogs(a),
        InstallFirst(a),
        ChooseInstanceName,
        ChooseOtherNames,
        AwaitOrder(a),
        AwaitRemoval,
        FinishInstall(a),
        LeaveSecretOut,
        SetValueFirst(a),
        GiveWantedValues(a),
        WantRunningRelease(a),
        RemoveOrRestore(a),
        ChooseAmong(a),
        KeepVolume,
        StopInstance(a),
        RequestKept(a),
        RequestKeptUntilAllowed(a),
        RequestKeptUntilOpen(a),
        ReadLogsAgain(a),
        FollowLogsAgain(a),
        LogsAreOnHost(a),
        ReadLogsLater,
        EndOneFirst,
        SeeRollouts,
        SeeUpgrades(a),
        UndoToGoBack(a),
        ShowRollout(a),
        ExplainRollout(a),
        ExplainOrAbort(a),
        AwaitUndo(a),
        PauseRollout(a),
        ResumeRollout(a),
        ResumeUndoOrAbort(a),
        SeeStatus,
        ChooseApp(a),
        LeaveOutCanary,
        ShrinkCanary(a),
        WidenWindow,
        LimitPerLabel,
        LimitFailures,
        GiveDeadline,
        SeeBackups,
        SeeBackupsOf(a),
        SeeBackupStatus,
        SeeRemainingBackups,
        GiveMoreDigits,
        AcceptBackup(a),
        HoldBackup(a),
        RestoreInstance(a),
        ChooseSnapshot(a),
        TakeBackup,
        TakeLargerBackup,
        MendBackups(a),
        VerifyBackups,
        VerifyAllData(a),
        ReadOnItsHost,
        NamePath,
        NameInstances,
        MakeAgeKey,
        SeePolicies,
        RemovePolicy,
        RemovePolicyFirst,
        AddPolicy,
        SeeRepositories,
        ChooseRepositoryName,
        NameOtherRepositories(a),
        AwaitRepository,
        ConsentToForget,
        WriteAbsolutePath,
        WriteUrl,
        GiveLocation,
        GiveHostAndName,
        ChangeValuesAfterwards(a),
        ChooseOtherCopy,
        RestoreAsNew,
        DropOthers,
        LookOnHost(a),
        MoveUnreadableFile,
        UpgradeAndLook,
        LookAtSandbox(a),
        RebuildStopped(a, b),
        RebuildRunning(a, b),
}
