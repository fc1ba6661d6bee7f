//! Repositories that operators have removed: nothing of them counts for a new one of the same name, and their keys are
//! kept.
//!
//! **Invariant:** a key with which something was encrypted is never deleted.

use super::secrets::{BucketKept, BucketKeys, KeysKept, RepositoryKeys, RepositorySecrets, SecretsError};
use crate::facts::DesiredChange;
use crate::keys;
use crate::store::Store;
use fleet_core::backup::RepositoryDesired;
use fleet_core::names::{InstanceName, RepositoryName};
use serde::{Deserialize, Serialize};

/// Stored record of one instance's repository at a removed location.
#[derive(Serialize, Deserialize)]
struct RetiredKept {
    desired: RepositoryDesired,
    keys: KeysKept,
    bucket: Option<BucketKept>,
}

/// The same, opened.
#[derive(Debug)]
pub struct RetiredRepository {
    /// Name of the repository.
    pub repository: RepositoryName,
    /// Instance whose backups it holds.
    pub instance: InstanceName,
    /// Location and settings when it was removed.
    pub desired: RepositoryDesired,
    /// Keys that open it.
    pub keys: RepositoryKeys,
    /// Credentials of its bucket, if it is one.
    pub bucket: Option<BucketKeys>,
}

/// A retired repository with its keys.
#[derive(Debug)]
pub struct RetainedValuesFound {
    /// Name of the repository.
    pub repository: RepositoryName,
    /// Instance whose backups it holds.
    pub instance: InstanceName,
    /// Record with its keys, or the reason why they cannot be opened.
    pub opened: Result<RetiredRepository, SecretsError>,
}

/// Removes all records of a repository, and stores its keys as those of a retired one. Returns the number of its
/// backups in the catalog.
pub fn retire(
    change: &mut DesiredChange<'_>,
    store: &dyn Store,
    name: &RepositoryName,
    desired: &RepositoryDesired,
) -> Result<usize, SecretsError> {
    let bucket = store.get(&keys::bucket_keys(name))?.map(|entry| entry.read::<BucketKept>()).transpose()?;
    for entry in store.scan(keys::REPOSITORY_KEYS)? {
        let kept: KeysKept = entry.read()?;
        if kept.repository != *name {
            continue;
        }
        let key = keys::retired_repository(name, desired.added.0, &kept.instance);
        change.batch().delete(entry.key);
        change.batch().delete(keys::look(name, &kept.instance));
        // If it was never created, nothing was encrypted with its keys.
        if kept.made.is_some() {
            let retired = RetiredKept { desired: desired.clone(), keys: kept, bucket: bucket.clone() };
            change.batch().put(key, &retired);
        }
    }
    change.batch().delete(keys::bucket_keys(name));
    Ok(change.forget_repository(name))
}

impl RepositorySecrets {
    /// Returns all retired repositories, each with its own result: one whose keys cannot be opened does not block the
    /// others.
    pub fn retired(&self, store: &dyn Store) -> Result<Vec<RetainedValuesFound>, SecretsError> {
        let find = |entry: &crate::store::Entry| {
            let kept: RetiredKept = entry.read()?;
            let (repository, instance) = (kept.keys.repository.clone(), kept.keys.instance.clone());
            Ok(RetainedValuesFound { repository, instance, opened: self.open_former(kept) })
        };
        store.scan(keys::FORMER_REPOSITORIES)?.iter().map(find).collect()
    }

    fn open_former(
        &self,
        RetiredKept { desired, keys, bucket }: RetiredKept,
    ) -> Result<RetiredRepository, SecretsError> {
        let (repository, instance) = (keys.repository.clone(), keys.instance.clone());
        let bucket = bucket.map(|kept| self.open_bucket(&repository, &kept)).transpose()?;
        Ok(RetiredRepository { keys: self.open_keys(&keys)?, repository, instance, desired, bucket })
    }
}
