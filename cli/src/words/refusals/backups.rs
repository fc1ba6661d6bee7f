//! Words of refused calls about backups and repositories.

use crate::words::{and_more, damage, problems, unknown};
use fleet_core::grammar::{count, listed};
use fleet_core::names::InstanceName;
use fleet_core::refused_call::{BackupRefusal, LocationPart, SnapshotCandidate};
use fleet_proto::convert::incoming_backup_refusal;
use fleet_proto::v1;

/// Returns the words of a refusal as it came over the wire. An unknown code is shown with its arguments.
pub fn shown(message: &v1::BackupRefusal) -> String {
    let known = incoming_backup_refusal(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| unknown::<v1::BackupRefusalCode>("a reason", message.code, &message.arguments))
}

/// Returns the words of a refusal, as the end of a sentence.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn words(refusal: &BackupRefusal) -> String {
    match refusal {
        BackupRefusal::NotABackupId { text } => format!("`{text}` is not a backup's id"),
        BackupRefusal::SeveralBackups { count, text } => format!("{count} backups begin with `{text}`"),
        BackupRefusal::BackupOfOther { backup, owner, instance } => {
            format!("the backup {backup} is of `{owner}`, not of `{instance}`")
        }
        BackupRefusal::NoSuchBackup { instance } => format!("there is no such backup of `{instance}`"),
        BackupRefusal::NoBackupYet => "there is no backup yet".to_owned(),
        BackupRefusal::NoRepositoryOf { instance } => format!("there is no repository of `{instance}`"),
        BackupRefusal::NotAsked { backup } => format!("no order asked for the backup {backup}: its host added it"),
        BackupRefusal::Damaged { backup, damage: Some(damage) } => {
            format!("the backup {backup} is damaged: {}", damage::words(damage))
        }
        BackupRefusal::Damaged { backup, damage: None } => format!("the backup {backup} is damaged"),
        BackupRefusal::Ambiguous { backup } => {
            format!("the backup {backup} is damaged: several snapshots carry its id")
        }
        BackupRefusal::CountsAlready { backup } => format!("the backup {backup} counts already"),
        BackupRefusal::SeveralSnapshots => "several snapshots begin so".to_owned(),
        BackupRefusal::NoUnclearSnapshot { backup } => {
            format!("no snapshot carries the id {backup} whose repository is unclear about it")
        }
        BackupRefusal::SnapshotNotChosen { backup, more, candidates } => {
            format!("nobody noted which snapshot is the backup {backup}: {}", candidates_in_words(candidates, *more))
        }
        BackupRefusal::RequestPending { instance } => {
            format!("something else was asked for the data of `{instance}` and is not over")
        }
        BackupRefusal::NoPlace => "it is not clear where".to_owned(),
        BackupRefusal::ValuesInPlace => "values are given only to a new instance".to_owned(),
        BackupRefusal::FolderOutOfReach { of, host } => {
            format!("that backup is in a folder of {of}, which {host} does not reach")
        }
        BackupRefusal::OtherRelease { release, instance, present } => {
            format!("the backup was made by {release}, and `{instance}` is {present}")
        }
        BackupRefusal::StoresOfOtherRelease { release } => {
            format!("the backup was made by {release}: all stores go back to it together, without --only")
        }
        BackupRefusal::OtherContent { release } => {
            format!("the backup was made by another {release} than the one that is known here")
        }
        BackupRefusal::FilesBesideMissing { stores } => format!(
            "{}: the backup is older than files beside the dump are kept: settings, access rules, accounts \
             in files and certificates will be the image's own",
            super::listed(stores, ", ", 0, "")
        ),
        BackupRefusal::NoSuchStore { store } => format!("there is no store `{store}` in it"),
        BackupRefusal::NotAStore { store, instance } => format!("`{store}` is not a store of `{instance}`"),
        BackupRefusal::ManyFiles { store } => format!("`{store}` is many files"),
        BackupRefusal::TooManyPercent { percent } => format!("{percent}% is more than all"),
        BackupRefusal::RecipientInvalid { recipient, problem } => {
            format!("`{recipient}` is not an age recipient: {problem}")
        }
        BackupRefusal::FewerBackups { more, instances } => {
            format!("fewer backups of {} would be kept, which needs the role administrator", several(instances, *more))
        }
        BackupRefusal::CentralRepository { repository } => format!("`{repository}` is the one that every fleet has"),
        BackupRefusal::RepositoryOfPolicy { policy } => format!("the policy `{policy}` keeps backups there"),
        BackupRefusal::RepositoryInUse => "an order that is under way uses it".to_owned(),
        BackupRefusal::RepositoryHolds { count: held } => format!("it holds {}", count(*held, "backup")),
        BackupRefusal::NotAFolder { path } => format!("`{path}` is not a folder on a host"),
        BackupRefusal::NotAnEndpoint { endpoint } => format!("`{endpoint}` is not an endpoint"),
        BackupRefusal::BucketIncomplete => "a bucket needs its name, a key id and a key".to_owned(),
        BackupRefusal::LocationInvalid { part } => {
            format!("the {} is too long, or holds what cannot be shown", named(*part))
        }
        BackupRefusal::RepositorySilent { repository, waited } => {
            format!("{repository} did not answer in {} s", waited.as_secs())
        }
        BackupRefusal::RepositoryOnHost { repository } => {
            format!("the repository `{repository}` is a folder on the instance's own host: only that host reaches it")
        }
        BackupRefusal::RepositoryFailed { reason } => problems::undeliverable_words(reason),
    }
}

fn several(instances: &[InstanceName], more: usize) -> String {
    let mut names: Vec<String> = instances.iter().map(ToString::to_string).collect();
    names.extend((more > 0).then(|| format!("{more} more")));
    listed(&names)
}

fn candidates_in_words(candidates: &[SnapshotCandidate], more: usize) -> String {
    let say = |SnapshotCandidate { snapshot, repository, at, bytes }: &SnapshotCandidate| {
        format!("{snapshot} in {repository}, which says it is of {at} and has {bytes} bytes")
    };
    let all = candidates.iter().map(say).collect::<Vec<_>>().join("; ");
    format!("{all}{}", and_more(more, ""))
}

fn named(part: LocationPart) -> &'static str {
    match part {
        LocationPart::Path => "path",
        LocationPart::Endpoint => "endpoint",
        LocationPart::Bucket => "bucket",
        LocationPart::Region => "region",
        LocationPart::Prefix => "prefix",
    }
}
