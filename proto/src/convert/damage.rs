//! Damage of backups and of repositories, doubts about backups, and their codes.

use super::arguments::{Argument, coded_message};
use super::repository::file_kind;
use crate::v1;
use fleet_core::backup::{BackupDamage, BackupDoubt, FileKind, ManifestError, VerifyFinding};

coded_message! {
    BackupDamage, BackupDamage, BackupDamageCode, incoming_backup_damage:
    Other { text },
    Incomplete,
    PathsUnreadable { path, more },
    FileUnreadable { kind, file, cause },
    SnapshotUnreadable,
    IndexUnreadable,
    Replaced,
    Ambiguous { snapshots },
    ManifestUnusable { problem },
    TooManySnapshots,
    PathMissing { path },
    StoreEmpty,
    NotKeptAsBucket,
    NothingToCompare,
    SideFilesUnreadable,
    SideFilesDiffer,
    SideFilesCutOff,
    SideFilesInvalid,
    SideFileTooLarge { path },
    SideFileOutside { path },
    SideFileOfServer { path },
    SideFileDiffers { path },
}

coded_message! {
    ManifestError, ManifestError, ManifestErrorCode, incoming_manifest_error:
    Other { text },
    Newer { format, known },
    Damaged { cause },
}

coded_message! {
    BackupDoubt, BackupDoubt, BackupDoubtCode, incoming_backup_doubt:
    Other { text },
    Replaced { repository, backup },
    Ambiguous { repository, backup, found },
    UnreadableExists { backup, problem },
    OtherExists { backup, instance, host },
    OtherManifest { backup, instance },
}

coded_message! {
    VerifyFinding, VerifyFinding, VerifyFindingCode, incoming_verify_finding:
    Whole { read, packs },
    Damaged { files, backups },
    OnItsHost(a),
    NotRead { cause },
}

/// The name of its value on the wire.
impl Argument for FileKind {
    fn put(self, to: &mut Vec<String>) {
        to.push(v1::FileKind::from(self).as_str_name().to_owned());
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        file_kind(v1::FileKind::from_str_name(&from.next()?)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::incoming_order_failure;
    use fleet_core::order_failure::OrderFailure;

    #[test]
    fn damage_and_a_finding_of_each_code_come_back_as_they_were() {
        let text = || "a".to_owned();
        let all = [
            BackupDamage::other("words"),
            BackupDamage::Incomplete,
            BackupDamage::PathsUnreadable { path: text(), more: 2 },
            BackupDamage::FileUnreadable { kind: FileKind::Config, file: String::new(), cause: text() },
            BackupDamage::SnapshotUnreadable,
            BackupDamage::IndexUnreadable,
            BackupDamage::Replaced,
            BackupDamage::Ambiguous { snapshots: 2 },
            BackupDamage::ManifestUnusable { problem: ManifestError::Newer { format: 9, known: 1 } },
            BackupDamage::TooManySnapshots,
            BackupDamage::PathMissing { path: text() },
            BackupDamage::StoreEmpty,
            BackupDamage::NotKeptAsBucket,
            BackupDamage::NothingToCompare,
            BackupDamage::SideFilesUnreadable,
            BackupDamage::SideFilesDiffer,
            BackupDamage::SideFilesCutOff,
            BackupDamage::SideFilesInvalid,
            BackupDamage::SideFileTooLarge { path: text() },
            BackupDamage::SideFileOutside { path: text() },
            BackupDamage::SideFileOfServer { path: text() },
            BackupDamage::SideFileDiffers { path: text() },
        ];
        let codes = (1..1000).filter_map(|number| v1::BackupDamageCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for damage in all {
            assert_eq!(incoming_backup_damage(damage.clone().into()), Some(damage.clone()));
            let failure = OrderFailure::BackupDamaged { problem: damage };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
        let backups = vec!["ab".repeat(12).parse().expect("an id")];
        let all = [
            VerifyFinding::Whole { read: 1, packs: 2 },
            VerifyFinding::Damaged { files: 1, backups },
            VerifyFinding::OnItsHost("near".parse().expect("a name")),
            VerifyFinding::NotRead { cause: text() },
        ];
        let codes = (1..1000).filter_map(|number| v1::VerifyFindingCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for finding in all {
            assert_eq!(incoming_verify_finding(finding.clone().into()), Some(finding));
        }
    }

    #[test]
    fn a_doubt_and_a_fault_of_a_manifest_of_each_code_come_back_as_they_were() {
        let faults = [
            ManifestError::other("words"),
            ManifestError::Newer { format: 9, known: 1 },
            ManifestError::Damaged { cause: String::new() },
        ];
        let codes = (1..1000).filter_map(|number| v1::ManifestErrorCode::try_from(number).ok());
        assert_eq!(codes.count(), faults.len());
        for problem in faults {
            assert_eq!(incoming_manifest_error(problem.clone().into()), Some(problem.clone()));
            let failure = OrderFailure::BackupUnreadable { backup: "a".to_owned(), problem };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
        let backup = || "ab".repeat(12).parse().expect("an id");
        let (repository, instance) = (|| "near".parse().expect("a name"), || "oasis-1".parse().expect("a name"));
        let doubts = [
            BackupDoubt::other("words"),
            BackupDoubt::Replaced { repository: repository(), backup: backup() },
            BackupDoubt::Ambiguous { repository: repository(), backup: backup(), found: 2 },
            BackupDoubt::UnreadableExists { backup: backup(), problem: ManifestError::Newer { format: 9, known: 1 } },
            BackupDoubt::OtherExists { backup: backup(), instance: instance(), host: "lab-1".parse().expect("a name") },
            BackupDoubt::OtherManifest { backup: backup(), instance: instance() },
        ];
        let codes = (1..1000).filter_map(|number| v1::BackupDoubtCode::try_from(number).ok());
        assert_eq!(codes.count(), doubts.len());
        for problem in doubts {
            assert_eq!(incoming_backup_doubt(problem.clone().into()), Some(problem.clone()));
            let failure = OrderFailure::BackupDoubtful { problem };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
    }
}
