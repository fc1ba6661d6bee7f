//! Secrets of the fleet's repositories, stored beside the facts and sealed.
//!
//! **Invariant:** a key is kept before anything is encrypted with it.

use crate::identity::{IdentityError, Seal};
use crate::keys;
use crate::store::{Batch, Store, StoreError};
use fleet_core::backup::Secret;
use fleet_core::names::{InstanceName, RepositoryName};
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};

/// Secrets of one instance's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryKeys {
    /// Password for stock restic.
    pub password: Secret,
    /// Master key for the other users of the repository.
    pub master_key: Secret,
    /// Time at which the repository was created with them; none before.
    pub made: Option<Time>,
}

/// Credentials of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketKeys {
    /// Id of the access key.
    pub key_id: String,
    /// Secret part of the access key.
    pub key: Secret,
}

/// Seals and opens them.
#[derive(Debug, Clone)]
pub struct RepositorySecrets(Seal);

/// Failure of the secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// A record could not be sealed or opened; the text names it.
    #[error("could not open the keys of the repository `{0}`")]
    Seal(String, #[source] IdentityError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stored form, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeysKept {
    pub repository: RepositoryName,
    pub instance: InstanceName,
    password: String,
    master_key: String,
    pub made: Option<Time>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct BucketKept {
    key_id: String,
    key: String,
}

impl RepositorySecrets {
    /// Makes the access with the key that seals the secrets.
    pub fn new(seal: Seal) -> Self {
        Self(seal)
    }

    /// Adds the keys of one instance's repository to a batch.
    pub fn put(
        &self,
        batch: &mut Batch,
        repository: &RepositoryName,
        instance: &InstanceName,
        keys: &RepositoryKeys,
    ) -> Result<(), SecretsError> {
        let name = format!("{repository}/{instance}");
        let seal = |what: &str, secret: &Secret| self.seal(&name, what, &secret.0);
        let kept = KeysKept {
            repository: repository.clone(),
            instance: instance.clone(),
            password: seal("password", &keys.password)?,
            master_key: seal("master_key", &keys.master_key)?,
            made: keys.made,
        };
        batch.put(keys::repository_key(repository, instance), &kept);
        Ok(())
    }

    /// Returns the keys of one instance's repository; none if it has no repository there.
    pub fn get(
        &self,
        store: &dyn Store,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<Option<RepositoryKeys>, SecretsError> {
        let Some(entry) = store.get(&keys::repository_key(repository, instance))? else { return Ok(None) };
        let kept: KeysKept = entry.read()?;
        // A record that was stored under another name cannot be opened.
        let kept = KeysKept { repository: repository.clone(), instance: instance.clone(), ..kept };
        self.open_keys(&kept).map(Some)
    }

    pub(super) fn open_keys(&self, kept: &KeysKept) -> Result<RepositoryKeys, SecretsError> {
        let name = format!("{}/{}", kept.repository, kept.instance);
        let open = |what: &str, sealed: &str| self.open(&name, what, sealed).map(Secret);
        let (password, master_key) = (open("password", &kept.password)?, open("master_key", &kept.master_key)?);
        Ok(RepositoryKeys { password, master_key, made: kept.made })
    }

    /// Returns the instances that have keys, in all repositories or in one.
    pub fn all(store: &dyn Store) -> Result<Vec<(RepositoryName, InstanceName)>, SecretsError> {
        let entries = store.scan(keys::REPOSITORY_KEYS)?;
        let read = |entry: &crate::store::Entry| entry.read::<KeysKept>().map(|kept| (kept.repository, kept.instance));
        Ok(entries.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Adds a bucket's credentials to a batch.
    pub fn put_bucket(
        &self,
        batch: &mut Batch,
        repository: &RepositoryName,
        keys: &BucketKeys,
    ) -> Result<(), SecretsError> {
        let key = self.seal(repository.as_str(), "bucket", &keys.key.0)?;
        batch.put(keys::bucket_keys(repository), &BucketKept { key_id: keys.key_id.clone(), key });
        Ok(())
    }

    /// Returns the credentials of a bucket, if they are set.
    pub fn bucket(&self, store: &dyn Store, repository: &RepositoryName) -> Result<Option<BucketKeys>, SecretsError> {
        let Some(entry) = store.get(&keys::bucket_keys(repository))? else { return Ok(None) };
        self.open_bucket(repository, &entry.read()?).map(Some)
    }

    pub(super) fn open_bucket(
        &self,
        repository: &RepositoryName,
        kept: &BucketKept,
    ) -> Result<BucketKeys, SecretsError> {
        let key = Secret(self.open(repository.as_str(), "bucket", &kept.key)?);
        Ok(BucketKeys { key_id: kept.key_id.clone(), key })
    }

    fn seal(&self, name: &str, what: &str, text: &str) -> Result<String, SecretsError> {
        let sealed = self.0.seal(&place(name, what), text);
        sealed.map_err(|source| SecretsError::Seal(name.to_owned(), source))
    }

    fn open(&self, name: &str, what: &str, sealed: &str) -> Result<String, SecretsError> {
        let text = self.0.open(&place(name, what), sealed);
        text.map_err(|source| SecretsError::Seal(name.to_owned(), source))
    }
}

/// A sealed key opens for its own repository only.
fn place(name: &str, what: &str) -> String {
    format!("repository/{name}/{what}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::read;
    use crate::store::MemoryStore;

    #[tokio::test]
    async fn keys_are_kept_sealed_and_open_for_their_own_repository_only() {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let secrets = RepositorySecrets::new(Seal::create(directory.path()).expect("the key is new"));
        let store = MemoryStore::new().expect("a thread can be started");
        let (repository, one, other) = (read("central"), read("notes-1"), read("notes-2"));
        let secret = |text: &str| Secret(text.to_owned());
        let keys = RepositoryKeys { password: secret("hunter2"), master_key: secret("{mac}"), made: Some(Time(7)) };
        let bucket = BucketKeys { key_id: "id".to_owned(), key: secret("hunter2") };
        let mut batch = Batch::new();
        secrets.put(&mut batch, &repository, &one, &keys).expect("it can be sealed");
        secrets.put_bucket(&mut batch, &repository, &bucket).expect("it can be sealed");
        store.commit(batch).await.expect("the store is whole");
        let kept = store.scan("").expect("it can be read");
        assert!(kept.iter().all(|entry| !entry.body.contains("hunter2") && !entry.body.contains("mac")));
        assert_eq!(secrets.get(&store, &repository, &one).expect("it opens"), Some(keys));
        assert_eq!(secrets.bucket(&store, &repository).expect("it opens"), Some(bucket));
        assert_eq!(secrets.get(&store, &repository, &other).expect("there is none"), None);
        assert_eq!(RepositorySecrets::all(&store).expect("it can be read"), [(repository.clone(), one.clone())]);
        let mut batch = Batch::new();
        let stolen = store.get(&keys::repository_key(&repository, &one)).expect("it can be read").expect("it is there");
        batch.put_json(keys::repository_key(&repository, &other), stolen.body);
        store.commit(batch).await.expect("the store is whole");
        assert!(secrets.get(&store, &repository, &other).is_err());
    }
}
