//! Attempts of refused calls.

use super::arguments::named;

named! {
    /// Attempt of a call, or of a part of it.
    Attempt {
        /// A call of which nothing more is known.
        Call = "make the call",
        /// Trade a token for a certificate.
        Join = "join",
        /// Renew a certificate.
        Renew = "renew",
        /// Keep a new certificate.
        KeepCertificate = "keep the new certificate",
        /// Add a host.
        AddHost = "add the host",
        /// Remove a host.
        RemoveHost = "remove the host",
        /// List hosts.
        ListHosts = "list the hosts",
        /// Show a host.
        ShowHost = "show the host",
        /// Add an operator.
        AddOperator = "add the operator",
        /// Remove an operator.
        RemoveOperator = "remove the operator",
        /// Make a token.
        MakeToken = "make a token",
        /// Revoke a token.
        RevokeToken = "revoke the token",
        /// Push a release.
        PushRelease = "push the release",
        /// Show a release.
        ShowRelease = "show the release",
        /// Read the kept bundle of a release.
        ReadBundle = "read the bundle",
        /// Give a bundle to a host.
        GiveBundle = "give the bundle",
        /// Resolve images to digests.
        ResolveImages = "resolve the images",
        /// Install an instance.
        Install = "install",
        /// Change the values of an instance.
        Configure = "change the instance",
        /// Start, stop or restart an instance.
        ChangePower = "change its power",
        /// Remove an instance.
        RemoveInstance = "remove the instance",
        /// List instances.
        ListInstances = "list the instances",
        /// Show an instance.
        ShowInstance = "show the instance",
        /// Read logs.
        ReadLogs = "read the logs",
        /// Follow a change.
        FollowChange = "follow the change",
        /// Work out the names that instances claim.
        CompareClaims = "work out what instances claim",
        /// Roll out a release.
        RollOut = "roll out",
        /// Follow a rollout.
        FollowRollout = "follow the rollout",
        /// Show a rollout.
        ShowRollout = "show the rollout",
        /// Steer a rollout.
        SteerRollout = "steer the rollout",
        /// Pause a rollout.
        PauseRollout = "pause the rollout",
        /// Resume a rollout.
        ResumeRollout = "resume the rollout",
        /// Abort a rollout.
        AbortRollout = "abort the rollout",
        /// Undo a rollout.
        UndoRollout = "undo the rollout",
        /// Try a member of a rollout again.
        RetryMember = "try the instance again",
        /// Leave a member of a rollout out.
        SkipMember = "skip the instance",
        /// Take backups.
        BackUp = "back up",
        /// Drill a backup.
        Drill = "drill",
        /// Restore a backup.
        Restore = "restore",
        /// Verify repositories.
        Verify = "verify",
        /// Show the health of backups.
        ShowBackupHealth = "show how backups stand",
        /// List backups.
        ListBackups = "list the backups",
        /// Show a backup.
        ShowBackup = "show the backup",
        /// Compare two backups.
        CompareBackups = "compare the backups",
        /// Read a file of a backup.
        ExtractBackup = "read out of the backup",
        /// Hold a backup.
        HoldBackup = "hold the backup",
        /// Release a held backup.
        ReleaseBackup = "release the backup",
        /// Accept a backup.
        AcceptBackup = "accept the backup",
        /// Set a backup policy.
        SetPolicy = "set the policy",
        /// Show a backup policy.
        ShowPolicy = "show the policy",
        /// Remove a backup policy.
        RemovePolicy = "remove the policy",
        /// Add a repository.
        AddRepository = "add the repository",
        /// Remove a repository.
        RemoveRepository = "remove the repository",
        /// Make recovery kits.
        MakeKit = "make the recovery kit",
        /// Seal a recovery kit.
        SealKit = "seal the recovery kit",
        /// Keep a change in the store.
        KeepChange = "keep the change",
        /// Keep an event.
        KeepEvent = "keep the event",
        /// Keep a report of a host.
        KeepReport = "keep the report",
        /// Keep the protocols of a host.
        KeepProtocol = "keep the host's protocol",
        /// Keep the keys of a bucket.
        KeepBucketKeys = "keep the keys of the bucket",
        /// Keep the keys of a removed repository.
        KeepRetired = "keep what opens it",
        /// Use the kept values of an instance.
        UseValues = "work with the values",
        /// Open the kept values of an instance.
        OpenValues = "open its values",
        /// Compare revisions of values.
        CompareValues = "compare its values",
        /// Read which values are kept.
        ReadValues = "read the values",
        /// Put the open orders of a host together.
        CollectOrders = "put the open orders together",
        /// Pass a host's answer on.
        PassAnswer = "pass the answer on",
        /// List files of a repository.
        ListFiles = "list the repository",
        /// Read a file of a repository.
        ReadFile = "read the file",
        /// Keep a file of a repository.
        KeepFile = "keep the file",
    }
}
