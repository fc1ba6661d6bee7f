//! Recovery kits: for each repository the sheet that gets its data back when we are gone, and how it is sealed.

use super::housekeeping::backups_of;
use super::repository_service::{RepositoryService, RepositoryServiceError};
use super::retired::{RetainedValuesFound, RetiredRepository};
use super::route::place_words;
use super::secrets::RepositorySecrets;
use crate::clock;
use age::armor::{ArmoredWriter, Format};
use fleet_core::backup::{BackupKey, DataResult, Manifest, RecoverySheet, RepositoryLocation, Secret};
use fleet_core::names::{InstanceName, RepositoryName};
use fleet_core::time::Time;
use fleet_core::undeliverable_reason::UndeliverableReason;
use fleet_repository::MAX_MANIFEST;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Number of catalog backups that are tried for a recovery sheet: each may take as long as its storage allows.
const LOOKS: usize = 3;

/// Kits that could be made, and the reasons why others could not.
#[derive(Debug, Default)]
pub struct Kits {
    /// Kits that could be made.
    pub made: Vec<Kit>,
    /// Repositories for which none could be made, with the reason.
    pub failed: Vec<(RepositoryName, InstanceName, UndeliverableReason)>,
}

/// Kit of one repository.
#[derive(Debug, Clone)]
pub struct Kit {
    /// Repository of the kit.
    pub repository: RepositoryName,
    /// Instance whose backups it opens.
    pub instance: InstanceName,
    /// Time at which it was added, if it was removed since: another may have its name.
    pub retired: Option<Time>,
    /// Location of the repository in restic's notation.
    pub place: String,
    /// Password of the repository.
    pub password: Secret,
    /// The sheet, password and all.
    pub text: Secret,
}

/// Failure of sealing kits for a recipient.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The text is not a recipient of age.
    #[error("`{recipient}` is not an age recipient: {reason}")]
    Recipient {
        /// The text.
        recipient: String,
        /// Cause, as text for people.
        reason: String,
    },
    /// Encryption failed.
    #[error("could not seal")]
    Encrypt(#[from] age::EncryptError),
    /// The result could not be written.
    #[error("could not seal")]
    Write(#[from] io::Error),
}

/// Seals a text to one age key, in the form that can be sent as text.
pub fn sealed_to(recipient: &str, text: &str) -> Result<String, SealError> {
    let key: age::x25519::Recipient = recipient.trim().parse().map_err(|reason: &str| SealError::Recipient {
        recipient: recipient.chars().take(100).collect(),
        reason: reason.to_owned(),
    })?;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&key as &dyn age::Recipient))?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor)?)?;
    writer.write_all(text.as_bytes())?;
    writer.finish()?.finish()?;
    String::from_utf8(sealed).map_err(|error| SealError::Write(io::Error::other(error)))
}

impl RepositoryService {
    /// Returns the kits of these instances; of all, including removed ones, if none is named. A kit that cannot be made
    /// does not block the others.
    pub async fn recovery_kits(&self, instances: &BTreeSet<InstanceName>) -> Result<Kits, RepositoryServiceError> {
        let is_meant = |instance: &InstanceName| instances.is_empty() || instances.contains(instance);
        let mut kits = Kits::default();
        for (repository, instance) in RepositorySecrets::all(self.facts.store())? {
            if !is_meant(&instance) {
                continue;
            }
            match self.recovery_kit(repository.clone(), instance.clone()).await {
                Ok(kit) => kits.made.push(kit),
                Err(error) => kits.failed.push((repository, instance, (&error).into())),
            }
        }
        let retired =
            self.secrets.retired(self.facts.store())?.into_iter().filter(|retired| is_meant(&retired.instance));
        for RetainedValuesFound { repository, instance, opened } in retired {
            match opened {
                Ok(retired) => kits.made.push(retired_kit(&retired)),
                Err(error) => kits.failed.push((repository, instance, (&RepositoryServiceError::from(error)).into())),
            }
        }
        Ok(kits)
    }

    async fn recovery_kit(
        &self,
        repository: RepositoryName,
        instance: InstanceName,
    ) -> Result<Kit, RepositoryServiceError> {
        let store = self.facts.store();
        let empty = || RepositoryServiceError::Empty { repository: repository.clone(), instance: instance.clone() };
        let keys = self.secrets.get(store, &repository, &instance)?.ok_or_else(empty)?;
        let bucket = self.secrets.bucket(store, &repository)?;
        let place = self.place_words(&repository, &instance)?;
        let newest = match self.newest_manifest(&repository, &instance).await {
            Ok(manifest) => manifest,
            Err(error) => {
                tracing::warn!(%repository, %instance, error = &error as &dyn std::error::Error, "the sheet knows only what was told");
                self.newest_told(&repository, &instance)
            }
        };
        let sheet = RecoverySheet {
            repository: &repository,
            instance: &instance,
            place: &place,
            machine: &self.machine(&repository, &instance),
            password: &keys.password,
            bucket: bucket.as_ref().map(|bucket| (bucket.key_id.as_str(), &bucket.key)),
            newest: newest.as_ref(),
            written: clock::now(),
        };
        let text = Secret(sheet.text());
        Ok(Kit { repository, instance, retired: None, place, password: keys.password, text })
    }

    /// The newest good backup of the catalog that can be read; where none can, the newest that the repository itself has.
    async fn newest_manifest(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<Option<Manifest>, RepositoryServiceError> {
        let snapshot = backups_of(self.facts.read().observed().backups.get(instance), repository);
        let mut good: Vec<_> = snapshot.into_iter().filter(|(_, seen)| seen.is_good()).collect();
        good.sort_by_key(|(_, seen)| Reverse(seen.began));
        for (BackupKey { backup, .. }, _) in good.into_iter().take(LOOKS) {
            match self.manifest(repository, instance, &backup, MAX_MANIFEST).await {
                Ok(manifest) => return Ok(Some(manifest)),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(%repository, %instance, %backup, error, "the sheet names an older backup");
                }
            }
        }
        let sets = self.client(repository, instance)?.sets().await?.sets;
        sets.last().map(super::catalog::manifest_of).transpose()
    }

    /// Returns the newest backup as its host reported it, for storage that only the host reaches.
    fn newest_told(&self, repository: &RepositoryName, instance: &InstanceName) -> Option<Manifest> {
        let snapshot = self.facts.read();
        let ends = snapshot.observed().ended.values().filter(|end| end.instance == *instance);
        let copies = ends.filter_map(|end| match end.made.as_deref() {
            Some(DataResult::Backup(copies)) => Some(copies),
            Some(DataResult::Drill(_) | DataResult::Restore(_) | DataResult::Forgotten(_)) | None => None,
        });
        let here = copies.flatten().filter(|copy| copy.repository == *repository);
        here.filter_map(|copy| copy.result.as_ref().ok()).max_by_key(|manifest| manifest.began).cloned()
    }

    /// On which machine a repository is.
    fn machine(&self, repository: &RepositoryName, instance: &InstanceName) -> String {
        let snapshot = self.facts.read();
        match snapshot.desired().repositories.get(repository).map(|desired| &desired.place) {
            Some(RepositoryLocation::Coordinator) => "a folder on the coordinator's disk".to_owned(),
            Some(RepositoryLocation::S3 { .. }) => "a bucket".to_owned(),
            Some(RepositoryLocation::Folder { .. }) => match snapshot.instance(instance) {
                Some(desired) => format!("a folder on the host {}", desired.host),
                None => "a folder on the host that the instance was on".to_owned(),
            },
            None => "a place that is not a repository of the fleet any more".to_owned(),
        }
    }
}

/// Returns the kit of a retired repository at its last known location.
fn retired_kit(retired: &RetiredRepository) -> Kit {
    let RetiredRepository { repository, instance, desired, keys, bucket } = retired;
    let place = place_words(&desired.place, instance);
    let machine = match &desired.place {
        RepositoryLocation::Coordinator => "a folder on the coordinator's disk",
        RepositoryLocation::S3 { .. } => "a bucket, which was removed from the fleet's repositories",
        RepositoryLocation::Folder { .. } => "a folder on its host, which was removed from the fleet's repositories",
    };
    let sheet = RecoverySheet {
        repository,
        instance,
        place: &place,
        machine,
        password: &keys.password,
        bucket: bucket.as_ref().map(|bucket| (bucket.key_id.as_str(), &bucket.key)),
        newest: None,
        written: clock::now(),
    };
    let text = Secret(sheet.text());
    let (repository, instance, retired) = (repository.clone(), instance.clone(), Some(desired.added));
    Kit { repository, instance, retired, place, password: keys.password.clone(), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_sealed_opens_with_the_key_it_was_sealed_to() {
        let key = age::x25519::Identity::generate();
        let sealed = sealed_to(&key.to_public().to_string(), "hunter2\n").expect("it is a recipient");
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !sealed.contains("hunter2"));
        let open = |key: &age::x25519::Identity| {
            let decryptor =
                age::Decryptor::new(age::armor::ArmoredReader::new(sealed.as_bytes())).expect("it is sealed");
            let mut text = String::new();
            let mut reader = decryptor.decrypt(std::iter::once(key as &dyn age::Identity)).ok()?;
            reader.read_to_string(&mut text).expect("it is whole");
            Some(text)
        };
        assert_eq!(open(&key).as_deref(), Some("hunter2\n"));
        assert_eq!(open(&age::x25519::Identity::generate()), None);
        assert!(matches!(sealed_to("age1nobody", "x"), Err(SealError::Recipient { .. })));
    }
}
