//! Words of damage of backups and of repositories, and of doubts about backups.

use fleet_core::backup::{BackupDamage, BackupDoubt, FileKind, ManifestError, VerifyFinding};
use fleet_core::grammar::{count, verb};
use fleet_proto::convert::{
    incoming_backup_damage, incoming_backup_doubt, incoming_manifest_error, incoming_verify_finding,
};
use fleet_proto::v1;

const ARCHIVE: &str = "the archive of the files beside its dump";

/// Returns the words of damage as it came over the wire.
pub fn shown(message: &v1::BackupDamage) -> String {
    let known = incoming_backup_damage(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::BackupDamageCode>("damage", message.code, &message.arguments))
}

/// Returns the words of a doubt as it came over the wire.
pub fn shown_doubt(message: &v1::BackupDoubt) -> String {
    let known = incoming_backup_doubt(message.clone()).as_ref().map(doubt);
    known.unwrap_or_else(|| super::unknown::<v1::BackupDoubtCode>("a doubt", message.code, &message.arguments))
}

/// Returns the words of a fault of a manifest as it came over the wire.
pub fn shown_manifest_error(message: &v1::ManifestError) -> String {
    let known = incoming_manifest_error(message.clone()).as_ref().map(manifest_error);
    known.unwrap_or_else(|| super::unknown::<v1::ManifestErrorCode>("a fault", message.code, &message.arguments))
}

/// Returns the words of a finding as it came over the wire.
pub fn shown_finding(message: &v1::VerifyFinding) -> String {
    let known = incoming_verify_finding(message.clone()).as_ref().map(finding);
    known.unwrap_or_else(|| super::unknown::<v1::VerifyFindingCode>("a finding", message.code, &message.arguments))
}

/// Returns the words of what was found in one repository.
pub fn shown_line(line: &v1::VerifyLine) -> String {
    let finding = line.finding.as_ref().map(shown_finding).unwrap_or_default();
    match &line.first {
        Some(first) => format!("{finding} ({})", shown(first)),
        None => finding,
    }
}

/// Returns the words of damage.
pub fn words(damage: &BackupDamage) -> String {
    match damage {
        BackupDamage::Other { text } => text.clone(),
        BackupDamage::Incomplete => "it cannot be read whole".to_owned(),
        BackupDamage::PathsUnreadable { path, more: 0 } => format!("{path} cannot be read"),
        BackupDamage::PathsUnreadable { path, more } => format!("{path} and {more} more cannot be read"),
        BackupDamage::FileUnreadable { kind: FileKind::Pack, file, cause } if !cause.is_empty() => {
            format!("pack {file}: {cause}")
        }
        BackupDamage::FileUnreadable { kind, file, cause } => {
            let file = if *kind == FileKind::Config { "the config".to_owned() } else { format!("{kind} {file}") };
            let cause = if cause.is_empty() { String::new() } else { format!(": {cause}") };
            format!("{file} cannot be read{cause}")
        }
        BackupDamage::SnapshotUnreadable => {
            "a snapshot of this repository cannot be read, and it may be its own".to_owned()
        }
        BackupDamage::IndexUnreadable => "an index of this repository cannot be read, and it may need it".to_owned(),
        BackupDamage::Replaced => {
            "its snapshot is gone; others that carry its id are not used: accept one of them".to_owned()
        }
        BackupDamage::Ambiguous { snapshots } => {
            format!("{snapshots} snapshots carry its id, and nobody noted which one it is: accept one of them")
        }
        BackupDamage::ManifestUnusable { problem } => manifest_error(problem),
        BackupDamage::TooManySnapshots => "too many snapshots carry its id".to_owned(),
        BackupDamage::PathMissing { path } => format!("there is no `{path}` in it"),
        BackupDamage::StoreEmpty => "the backup lists it, and has nothing of it".to_owned(),
        BackupDamage::NotKeptAsBucket => "it was not kept as a bucket".to_owned(),
        BackupDamage::NothingToCompare => "there is nothing in it that could be compared".to_owned(),
        BackupDamage::SideFilesUnreadable => "the files beside its dump cannot be read".to_owned(),
        BackupDamage::SideFilesDiffer => format!("{ARCHIVE} is not the one that was kept"),
        BackupDamage::SideFilesCutOff => format!("{ARCHIVE} is cut off"),
        BackupDamage::SideFilesInvalid => format!("{ARCHIVE} has a name or a size that cannot be read"),
        BackupDamage::SideFileTooLarge { path } => beside(path, "is larger than any that is kept"),
        BackupDamage::SideFileOutside { path } => beside(path, "leads elsewhere"),
        BackupDamage::SideFileOfServer { path } => beside(path, "is the server's own"),
        BackupDamage::SideFileDiffers { path } => beside(path, "is not what it was"),
    }
}

fn beside(path: &str, problem: &str) -> String {
    format!("the file `{path}` beside its dump {problem}")
}

/// Returns the words of a doubt about a backup.
pub fn doubt(doubt: &BackupDoubt) -> String {
    match doubt {
        BackupDoubt::Other { text } => text.clone(),
        BackupDoubt::Replaced { repository, backup } => {
            format!(
                "the snapshot of the backup {backup} in {repository} is gone; other snapshots with its id are not used"
            )
        }
        BackupDoubt::Ambiguous { repository, backup, found } => {
            format!(
                "{found} snapshots in {repository} have the id of the backup {backup}, and none of them is recorded as the right one"
            )
        }
        BackupDoubt::UnreadableExists { backup, problem } => {
            format!("a backup {backup} exists already: {}", manifest_error(problem))
        }
        BackupDoubt::OtherExists { backup, instance, host } => {
            format!("a backup {backup} exists already: its manifest is of {instance} on {host}")
        }
        BackupDoubt::OtherManifest { backup, instance } => {
            format!("its manifest is of the backup {backup} of {instance}")
        }
    }
}

/// Returns the words of a fault of a manifest.
pub fn manifest_error(error: &ManifestError) -> String {
    match error {
        ManifestError::Other { text } => text.clone(),
        ManifestError::Newer { format, known } => {
            format!(
                "it was made by a newer fleet: its manifest has format {format}, and only formats up to {known} can be read"
            )
        }
        ManifestError::Damaged { cause } => format!("its manifest cannot be read: {cause}"),
    }
}

/// Returns the words of what came of reading a repository.
pub fn finding(finding: &VerifyFinding) -> String {
    match finding {
        VerifyFinding::Whole { read, packs } => format!("{read} of {} read", count(*packs, "pack")),
        VerifyFinding::Damaged { files, backups } => {
            let number = format!("{} {} damaged", count(*files, "file"), verb(*files, "is", "are"));
            let backups: Vec<_> = backups.iter().map(ToString::to_string).collect();
            if backups.is_empty() {
                format!("{number}, which no backup needs")
            } else {
                format!("{number}; backups: {}", backups.join(", "))
            }
        }
        VerifyFinding::OnItsHost(repository) => {
            format!("the repository `{repository}` is a folder on the instance's own host: only that host reaches it")
        }
        VerifyFinding::NotRead { cause } => cause.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_names_the_file_and_the_backups() {
        let (file, cause) = ("a1b2".to_owned(), "its checksum is wrong".to_owned());
        let backups = vec!["3f9a12bc0011223344556677".parse().expect("an id")];
        let line = |finding: VerifyFinding, kind| v1::VerifyLine {
            finding: Some(finding.into()),
            first: Some(BackupDamage::FileUnreadable { kind, file: file.clone(), cause: cause.clone() }.into()),
            ..Default::default()
        };
        let lines = [
            shown_line(&line(VerifyFinding::Damaged { files: 2, backups }, FileKind::Pack)),
            shown_line(&line(VerifyFinding::Damaged { files: 1, backups: Vec::new() }, FileKind::Snapshot)),
            finding(&VerifyFinding::Whole { read: 1, packs: 12 }),
            words(&BackupDamage::PathsUnreadable { path: "/db/notes.sql".to_owned(), more: 1 }),
            words(&BackupDamage::SideFilesCutOff),
            words(&BackupDamage::SideFileOfServer { path: "postmaster.pid".to_owned() }),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        2 files are damaged; backups: 3f9a12bc0011223344556677 (pack a1b2: its checksum is wrong)
        1 file is damaged, which no backup needs (snapshot a1b2 cannot be read: its checksum is wrong)
        1 of 12 packs read
        /db/notes.sql and 1 more cannot be read
        the archive of the files beside its dump is cut off
        the file `postmaster.pid` beside its dump is the server's own
        ");
    }

    #[test]
    fn a_doubt_names_the_backup_and_what_was_found() {
        let backup = || "3f9a12bc0011223344556677".parse().expect("an id");
        let (repository, instance) = (|| "near".parse().expect("a name"), || "oasis-1".parse().expect("a name"));
        let newer = ManifestError::Newer { format: 9, known: 1 };
        let all = [
            BackupDoubt::Replaced { repository: repository(), backup: backup() },
            BackupDoubt::Ambiguous { repository: repository(), backup: backup(), found: 2 },
            BackupDoubt::UnreadableExists { backup: backup(), problem: newer },
            BackupDoubt::OtherExists { backup: backup(), instance: instance(), host: "lab-1".parse().expect("a name") },
            BackupDoubt::OtherManifest { backup: backup(), instance: instance() },
        ];
        insta::assert_snapshot!(all.iter().map(doubt).collect::<Vec<_>>().join("\n"), @r"
        the snapshot of the backup 3f9a12bc0011223344556677 in near is gone; other snapshots with its id are not used
        2 snapshots in near have the id of the backup 3f9a12bc0011223344556677, and none of them is recorded as the right one
        a backup 3f9a12bc0011223344556677 exists already: it was made by a newer fleet: its manifest has format 9, and only formats up to 1 can be read
        a backup 3f9a12bc0011223344556677 exists already: its manifest is of oasis-1 on lab-1
        its manifest is of the backup 3f9a12bc0011223344556677 of oasis-1
        ");
    }
}
