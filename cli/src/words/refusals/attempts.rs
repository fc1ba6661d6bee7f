//! Words of attempts, each a phrase after "could not".

use fleet_core::refused_call::Attempt;

/// Returns the words of an attempt.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn words(attempt: Attempt) -> &'static str {
    match attempt {
        Attempt::Call => "do that",
        Attempt::Join => "join",
        Attempt::Renew => "renew",
        Attempt::KeepCertificate => "keep the new certificate",
        Attempt::AddHost => "add the host",
        Attempt::RemoveHost => "remove the host",
        Attempt::ListHosts => "list the hosts",
        Attempt::ShowHost => "show the host",
        Attempt::AddOperator => "add the operator",
        Attempt::RemoveOperator => "remove the operator",
        Attempt::MakeToken => "make a token",
        Attempt::RevokeToken => "revoke the token",
        Attempt::PushRelease => "push the release",
        Attempt::ShowRelease => "show the release",
        Attempt::ReadBundle => "read the bundle",
        Attempt::GiveBundle => "give the bundle",
        Attempt::ResolveImages => "resolve the images",
        Attempt::Install => "install",
        Attempt::Configure => "change the instance",
        Attempt::ChangePower => "change its power",
        Attempt::RemoveInstance => "remove the instance",
        Attempt::ListInstances => "list the instances",
        Attempt::ShowInstance => "show the instance",
        Attempt::ReadLogs => "read the logs",
        Attempt::FollowChange => "follow the change",
        Attempt::CompareClaims => "work out what instances claim",
        Attempt::RollOut => "roll out",
        Attempt::FollowRollout => "follow the rollout",
        Attempt::ShowRollout => "show the rollout",
        Attempt::SteerRollout => "steer the rollout",
        Attempt::PauseRollout => "pause the rollout",
        Attempt::ResumeRollout => "resume the rollout",
        Attempt::AbortRollout => "abort the rollout",
        Attempt::UndoRollout => "undo the rollout",
        Attempt::RetryMember => "try the instance again",
        Attempt::SkipMember => "skip the instance",
        Attempt::BackUp => "back up",
        Attempt::Drill => "drill",
        Attempt::Restore => "restore",
        Attempt::Verify => "verify",
        Attempt::ShowBackupHealth => "show how backups stand",
        Attempt::ListBackups => "list the backups",
        Attempt::ShowBackup => "show the backup",
        Attempt::CompareBackups => "compare the backups",
        Attempt::ExtractBackup => "read out of the backup",
        Attempt::HoldBackup => "hold the backup",
        Attempt::ReleaseBackup => "release the backup",
        Attempt::AcceptBackup => "accept the backup",
        Attempt::SetPolicy => "set the policy",
        Attempt::ShowPolicy => "show the policy",
        Attempt::RemovePolicy => "remove the policy",
        Attempt::AddRepository => "add the repository",
        Attempt::RemoveRepository => "remove the repository",
        Attempt::MakeKit => "make the recovery kit",
        Attempt::SealKit => "seal the recovery kit",
        Attempt::KeepChange => "keep the change",
        Attempt::KeepEvent => "keep the event",
        Attempt::KeepReport => "keep the report",
        Attempt::KeepProtocol => "keep the host's protocol",
        Attempt::KeepBucketKeys => "keep the keys of the bucket",
        Attempt::KeepRetired => "keep what opens it",
        Attempt::UseValues => "work with the values",
        Attempt::OpenValues => "open its values",
        Attempt::CompareValues => "compare its values",
        Attempt::ReadValues => "read the values",
        Attempt::CollectOrders => "put the open orders together",
        Attempt::PassAnswer => "pass the answer on",
        Attempt::ListFiles => "list the repository",
        Attempt::ReadFile => "read the file",
        Attempt::KeepFile => "keep the file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_attempt_has_words_of_its_own() {
        let all: BTreeSet<&str> = Attempt::ALL.iter().map(|attempt| words(*attempt)).collect();
        assert_eq!(all.len(), Attempt::ALL.len());
    }
}
