//! The keeper of the fleet's repositories: who gets into which, with which keys.
//!
//! **Invariant:** what opens a repository is kept before the repository is made, so that nothing is ever encrypted with a key
//! that is lost.

use super::disk::{Disk, DiskError};
use super::secrets::{RepositoryKeys, RepositorySecrets, SecretsError};
use super::work::{WorkError, Workshop};
use crate::clock;
use crate::facts::Facts;
use crate::identity::Seal;
use crate::store::{Batch, StoreError};
use fleet_core::backup::{Access, DataAction, Place, PlaceAccess, RepositoryDesired, Secret};
use fleet_core::names::{InstanceName, RepositoryName};
use fleet_core::order::{Action, Order};
use fleet_repository::Secrets;
use fleet_repository::place::{S3Address, Transport};
use fleet_repository::worker::PlaceSpec;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    #[error("there is no repository `{0}`")]
    Unknown(RepositoryName),
    #[error("the repository `{repository}` has nothing of `{instance}`")]
    Empty { repository: RepositoryName, instance: InstanceName },
    #[error("the keys of the bucket of `{0}` are not kept")]
    NoBucketKeys(RepositoryName),
    #[error("the repository `{0}` is a folder on the instance's own host: only that host reaches it")]
    OnItsHost(RepositoryName),
    #[error("its repository `{0}` is being made")]
    BeingMade(RepositoryName),
    #[error("its repository `{repository}` could not be made: {reason}")]
    NotMade { repository: RepositoryName, reason: String },
    #[error("there is no backup {backup} of `{instance}` in `{repository}`")]
    NoBackup { repository: RepositoryName, instance: InstanceName, backup: String },
    #[error("the backup {backup} cannot be read: {reason}")]
    Unreadable { backup: String, reason: String },
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Work(#[from] WorkError),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl KeeperError {
    /// Whether it is the store that failed, so that nobody's order is to blame.
    pub fn is_of_store(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Secrets(SecretsError::Store(_)))
    }
}

/// One instance's repository in one place.
pub type Which = (RepositoryName, InstanceName);

/// Keeps the fleet's repositories.
#[derive(Debug)]
pub struct Keeper {
    pub(super) facts: Arc<Facts>,
    pub disk: Arc<Disk>,
    pub(super) secrets: RepositorySecrets,
    pub(super) workshop: Workshop,
    /// Why a repository could not be made; not kept.
    not_made: Mutex<HashMap<Which, String>>,
    wanted: Notify,
    /// Large works are done one after the other.
    pub(super) one_at_a_time: tokio::sync::Mutex<()>,
}

impl Keeper {
    /// `program` is re-executed for each work: this very one, but in tests.
    pub fn new(facts: Arc<Facts>, disk: Arc<Disk>, seal: Seal, program: Option<PathBuf>) -> Self {
        Self {
            facts,
            disk,
            secrets: RepositorySecrets::new(seal),
            workshop: Workshop::new(program),
            not_made: Mutex::default(),
            wanted: Notify::new(),
            one_at_a_time: tokio::sync::Mutex::default(),
        }
    }

    pub fn workshop(&self) -> &Workshop {
        &self.workshop
    }

    pub fn secrets(&self) -> &RepositorySecrets {
        &self.secrets
    }

    fn not_made(&self) -> MutexGuard<'_, HashMap<Which, String>> {
        self.not_made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desired(&self, repository: &RepositoryName) -> Result<RepositoryDesired, KeeperError> {
        let known = self.facts.read();
        let desired = known.desired().repositories.get(repository).cloned();
        desired.ok_or_else(|| KeeperError::Unknown(repository.clone()))
    }

    /// The way into one instance's repository, which is made if it is not there yet.
    pub async fn access(&self, repository: &RepositoryName, instance: &InstanceName) -> Result<Access, KeeperError> {
        let place = self.place_access(repository, instance)?;
        let keys = self.keys_or_new(repository, instance).await?;
        let keys = if keys.made.is_some() { keys } else { self.make(repository, instance, keys).await? };
        Ok(self.access_with(repository, instance, place, keys))
    }

    /// The same from what is kept: none while the repository is not made.
    pub fn kept_access(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<Option<Access>, KeeperError> {
        let place = self.place_access(repository, instance)?;
        let keys = self.secrets.get(self.facts.store(), repository, instance)?;
        Ok(keys.filter(|keys| keys.made.is_some()).map(|keys| self.access_with(repository, instance, place, keys)))
    }

    /// What travels beside an order. A repository that is still to be made is asked for, and the order waits until it is there.
    pub fn accesses(&self, order: &Order) -> Result<Vec<Access>, KeeperError> {
        let Action::Data(action) = &order.action else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (repository, instance) in action.repositories(&order.instance) {
            let which = (repository.clone(), instance.clone());
            match self.kept_access(repository, instance)? {
                Some(access) => found.push(access),
                None if !makes(action, repository, instance, &order.instance) => {
                    let (repository, instance) = which;
                    return Err(KeeperError::Empty { repository, instance });
                }
                None => {
                    let reason = self.not_made().get(&which).cloned();
                    let repository = which.0;
                    return Err(match reason {
                        Some(reason) => KeeperError::NotMade { repository, reason },
                        None => {
                            self.wanted.notify_one();
                            KeeperError::BeingMade(repository)
                        }
                    });
                }
            }
        }
        Ok(found)
    }

    /// Waits until an order asked for a repository that is not there.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The repositories that open orders wait for.
    pub(super) fn to_be_made(&self) -> Result<Vec<Which>, KeeperError> {
        let orders: Vec<Order> = {
            let known = self.facts.read();
            let open = known.asked().orders.values().map(|open| &open.order);
            open.filter(|order| matches!(order.action, Action::Data(_))).cloned().collect()
        };
        let mut found = Vec::new();
        for order in &orders {
            let Action::Data(action) = &order.action else { continue };
            for (repository, instance) in action.repositories(&order.instance) {
                let is_kept = || self.kept_access(repository, instance).map(|access| access.is_some());
                // One that is unknown by now is nobody's to make.
                if makes(action, repository, instance, &order.instance) && matches!(is_kept(), Ok(false)) {
                    found.push((repository.clone(), instance.clone()));
                }
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Makes one that orders wait for, and notes why where that fails.
    pub(super) async fn make_wanted(&self, which: &Which) -> Result<(), KeeperError> {
        let made = self.access(&which.0, &which.1).await;
        match &made {
            Ok(_) => drop(self.not_made().remove(which)),
            Err(error) => drop(self.not_made().insert(which.clone(), error.to_string())),
        }
        made.map(drop)
    }

    async fn keys_or_new(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<RepositoryKeys, KeeperError> {
        if let Some(keys) = self.secrets.get(self.facts.store(), repository, instance)? {
            return Ok(keys);
        }
        let made = Secrets::generate().map_err(|error| WorkError::Keys(error.to_string()))?;
        let keys = RepositoryKeys { password: Secret(made.password), master_key: Secret(made.master_key), made: None };
        self.keep(repository, instance, &keys).await?;
        // Another call may have kept others at the same moment: those that are kept count.
        let kept = self.secrets.get(self.facts.store(), repository, instance)?;
        Ok(kept.unwrap_or(keys))
    }

    /// Keeps keys; new ones only where there are none.
    async fn keep(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        keys: &RepositoryKeys,
    ) -> Result<(), KeeperError> {
        let mut batch = Batch::new();
        if keys.made.is_none() {
            batch.expect(crate::keys::repository_key(repository, instance), crate::store::Expect::Absent);
        }
        self.secrets.put(&mut batch, repository, instance, keys)?;
        match self.facts.settled(self.facts.store().commit(batch)).await {
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the repository with keys that are kept. A folder on a host is made by that host.
    async fn make(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        keys: RepositoryKeys,
    ) -> Result<RepositoryKeys, KeeperError> {
        match self.place_spec(repository, instance) {
            Ok(place) => self.workshop.shelf(place, &keys).create().await?,
            Err(KeeperError::OnItsHost(_)) => {}
            Err(error) => return Err(error),
        }
        let keys = RepositoryKeys { made: Some(clock::now()), ..keys };
        self.keep(repository, instance, &keys).await?;
        Ok(keys)
    }

    /// The keys of a repository that has been made.
    pub(super) fn keys_of(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<RepositoryKeys, KeeperError> {
        let keys = self.secrets.get(self.facts.store(), repository, instance)?;
        let empty = || KeeperError::Empty { repository: repository.clone(), instance: instance.clone() };
        keys.filter(|keys| keys.made.is_some()).ok_or_else(empty)
    }

    fn place_access(&self, repository: &RepositoryName, instance: &InstanceName) -> Result<PlaceAccess, KeeperError> {
        Ok(match self.desired(repository)?.place {
            Place::Coordinator => PlaceAccess::Coordinator,
            Place::Folder { path } => PlaceAccess::Folder { path: below(&path, instance) },
            Place::S3 { endpoint, region, bucket, prefix } => {
                let keys = self.secrets.bucket(self.facts.store(), repository)?;
                let keys = keys.ok_or_else(|| KeeperError::NoBucketKeys(repository.clone()))?;
                let (prefix, key_id, key) = (below(&prefix, instance), keys.key_id, keys.key);
                PlaceAccess::S3 { endpoint, region, bucket, prefix, key_id, key }
            }
        })
    }

    /// A host makes a folder's repository only while nobody knows of a backup in it: one that is gone, or a mount that is
    /// missing, must not begin anew and look fine.
    fn access_with(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        place: PlaceAccess,
        keys: RepositoryKeys,
    ) -> Access {
        let known = self.facts.read();
        let has_backups =
            known.observed().backups.get(instance).is_some_and(|backups| backups.newest(repository).is_some());
        let password = match &place {
            PlaceAccess::Folder { .. } => Some(keys.password).filter(|_| !has_backups),
            PlaceAccess::Coordinator | PlaceAccess::S3 { .. } => None,
        };
        let (repository, instance, master_key) = (repository.clone(), instance.clone(), keys.master_key);
        Access { repository, instance, place, master_key, password }
    }

    /// The same for the coordinator's own works.
    pub(super) fn place_spec(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<PlaceSpec, KeeperError> {
        match self.place_access(repository, instance)? {
            PlaceAccess::Coordinator => Ok(PlaceSpec::Folder { path: self.disk.folder(repository, instance) }),
            PlaceAccess::Folder { .. } => Err(KeeperError::OnItsHost(repository.clone())),
            PlaceAccess::S3 { endpoint, region, bucket, prefix, key_id, key } => {
                let is_plain = endpoint.starts_with("http://");
                let transport = if is_plain { Transport::PlainHttp } else { Transport::Https };
                let address =
                    S3Address { endpoint, region, bucket, prefix, access_key: key_id, secret_key: key.0, transport };
                Ok(PlaceSpec::S3(address))
            }
        }
    }

    /// Where a repository is, for people and for stock restic.
    pub fn place_words(&self, repository: &RepositoryName, instance: &InstanceName) -> Result<String, KeeperError> {
        Ok(match self.place_access(repository, instance)? {
            PlaceAccess::Coordinator => self.disk.folder(repository, instance).display().to_string(),
            PlaceAccess::Folder { path } => path,
            PlaceAccess::S3 { endpoint, bucket, prefix, .. } => {
                format!("s3:{}/{bucket}/{prefix}", endpoint.trim_end_matches('/'))
            }
        })
    }
}

/// Whether an order may find no repository yet: the first backup is what it is made for.
fn makes(action: &DataAction, repository: &RepositoryName, of: &InstanceName, own: &InstanceName) -> bool {
    let is_target = match action {
        DataAction::Backup { to, .. } => to.contains(repository),
        DataAction::Restore { safety, .. } => safety.contains(repository),
        DataAction::Drill { .. } | DataAction::Forget { .. } => false,
    };
    is_target && of == own
}

fn below(path: &str, instance: &InstanceName) -> String {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => format!("/{instance}"),
        "" => instance.to_string(),
        path => format!("{path}/{instance}"),
    }
}
