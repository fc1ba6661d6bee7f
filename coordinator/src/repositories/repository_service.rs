//! Manages the fleet's repositories: access of hosts, and keys.
//!
//! **Invariant:** the keys of a repository are stored before the repository is created, so that nothing is ever
//! encrypted with a lost key.

use super::disk::{Disk, DiskError};
use super::housekeeping::said;
use super::launcher::WorkerLauncher;
use super::secrets::{RepositoryKeys, RepositorySecrets, SecretsError};
use crate::clock;
use crate::facts::Facts;
use crate::identity::Seal;
use crate::store::{Batch, StoreError};
use fleet_core::backup::{BackupDamage, RepositoryAccess, RepositoryDesired, Secret};
use fleet_core::names::{InstanceName, RepositoryName};
use fleet_core::order::Order;
use fleet_core::time::Time;
use fleet_repository::Secrets;
use fleet_repository::client::RepositoryError;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Time that an order waits for its repository to be created before it is reported.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Time limit for creating one repository, which takes seconds: storage that hangs must not block the others.
const MAKING: Duration = Duration::from_secs(300);

/// Failure of the repository service.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryServiceError {
    /// No repository has that name.
    #[error("there is no repository `{0}`")]
    Unknown(RepositoryName),
    /// The instance has no backups in that repository.
    #[error("the repository `{repository}` has nothing of `{instance}`")]
    Empty {
        /// Name of the repository.
        repository: RepositoryName,
        /// Name of the instance.
        instance: InstanceName,
    },
    /// The credentials of the bucket are not set.
    #[error("the keys of the bucket of `{0}` are not kept")]
    NoBucketKeys(RepositoryName),
    /// The repository is a folder on the host, which the coordinator cannot read.
    #[error("the repository `{0}` is a folder on the instance's own host: only that host reaches it")]
    OnItsHost(RepositoryName),
    /// The repository is being created.
    #[error("its repository `{0}` is being made")]
    BeingMade(RepositoryName),
    /// The repository is being created for too long.
    #[error("its repository `{repository}` could not be made: it is being made since {since}")]
    BeingMadeSince {
        /// Name of the repository.
        repository: RepositoryName,
        /// Time at which an order first waited for it.
        since: Time,
    },
    /// The repository could not be created.
    #[error("its repository `{repository}` could not be made: {reason}")]
    NotMade {
        /// Name of the repository.
        repository: RepositoryName,
        /// Cause, as text for people.
        reason: String,
    },
    /// The repository does not hold the backup.
    #[error("there is no backup {backup} of `{instance}` in `{repository}`")]
    NoBackup {
        /// Name of the repository.
        repository: RepositoryName,
        /// Name of the instance.
        instance: InstanceName,
        /// Id of the backup.
        backup: String,
    },
    /// The backup cannot be read.
    #[error("the backup {backup} cannot be read: {damage}")]
    Unreadable {
        /// Id of the backup.
        backup: String,
        /// Its damage.
        damage: BackupDamage,
    },
    /// The secrets could not be opened.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys could not be generated.
    #[error(transparent)]
    Keys(fleet_repository::Error),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The disk of the repositories failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl RepositoryServiceError {
    /// Returns whether the store failed, so that no order is the cause.
    pub fn is_of_store(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Secrets(SecretsError::Store(_)))
    }
}

/// One instance's repository at one location.
pub type Which = (RepositoryName, InstanceName);

/// Keeps the fleet's repositories.
#[derive(Debug)]
pub struct RepositoryService {
    pub(super) facts: Arc<Facts>,
    /// Repositories on the coordinator's own disk.
    pub disk: Arc<Disk>,
    pub(super) secrets: RepositorySecrets,
    pub(super) launcher: WorkerLauncher,
    /// Reason why a repository could not be made; not kept.
    not_made: Mutex<HashMap<Which, String>>,
    /// Since when orders wait for one that is being made; not kept.
    awaited: Mutex<HashMap<Which, Time>>,
    wanted: Notify,
    /// Large works are done one after the other.
    pub(super) one_at_a_time: tokio::sync::Mutex<()>,
}

impl RepositoryService {
    /// `program` is re-executed for each work: this very one, but in tests.
    pub fn new(facts: Arc<Facts>, disk: Arc<Disk>, seal: Seal, program: Option<PathBuf>) -> Self {
        Self {
            facts,
            disk,
            secrets: RepositorySecrets::new(seal),
            launcher: WorkerLauncher::new(program),
            not_made: Mutex::default(),
            awaited: Mutex::default(),
            wanted: Notify::new(),
            one_at_a_time: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the launcher of workers.
    pub fn launcher(&self) -> &WorkerLauncher {
        &self.launcher
    }

    /// Returns the access to the repositories' secrets.
    pub fn secrets(&self) -> &RepositorySecrets {
        &self.secrets
    }

    fn not_made(&self) -> MutexGuard<'_, HashMap<Which, String>> {
        self.not_made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn awaited(&self) -> MutexGuard<'_, HashMap<Which, Time>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn desired(&self, repository: &RepositoryName) -> Result<RepositoryDesired, RepositoryServiceError> {
        let snapshot = self.facts.read();
        let desired = snapshot.desired().repositories.get(repository).cloned();
        desired.ok_or_else(|| RepositoryServiceError::Unknown(repository.clone()))
    }

    /// The way into one instance's repository, which is made if it is not there yet.
    pub async fn access(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<RepositoryAccess, RepositoryServiceError> {
        let place = self.place_access(repository, instance)?;
        let keys = self.keys_or_new(repository, instance).await?;
        let keys = if keys.made.is_some() { keys } else { self.make(repository, instance, keys).await? };
        Ok(self.access_with(repository, instance, place, keys))
    }

    /// Returns the access from stored records: none while the repository is not created.
    pub fn kept_access(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<Option<RepositoryAccess>, RepositoryServiceError> {
        let place = self.place_access(repository, instance)?;
        let keys = self.secrets.get(self.facts.store(), repository, instance)?;
        Ok(keys.filter(|keys| keys.made.is_some()).map(|keys| self.access_with(repository, instance, place, keys)))
    }

    /// Returns the repository access that accompanies an order. A missing repository is created first, and the order
    /// waits until it exists.
    pub fn accesses(&self, order: &Order) -> Result<Vec<RepositoryAccess>, RepositoryServiceError> {
        let mut found = Vec::new();
        for (repository, instance) in order.action.repositories(&order.instance) {
            let which = (repository.clone(), instance.clone());
            match self.kept_access(repository, instance)? {
                Some(access) => found.push(access),
                None if !makes(order, repository, instance) => {
                    let (repository, instance) = which;
                    return Err(RepositoryServiceError::Empty { repository, instance });
                }
                None => {
                    let reason = self.not_made().get(&which).cloned();
                    let repository = which.0;
                    return Err(match reason {
                        Some(reason) => RepositoryServiceError::NotMade { repository, reason },
                        None => self.being_made(&(repository, which.1), clock::now()),
                    });
                }
            }
        }
        Ok(found)
    }

    /// Returns the error for an order whose repository is being created; after a while, it asks for a person.
    fn being_made(&self, which: &Which, now: Time) -> RepositoryServiceError {
        self.wanted.notify_one();
        let since = *self.awaited().entry(which.clone()).or_insert(now);
        let repository = which.0.clone();
        if now.since(since) < PATIENCE {
            return RepositoryServiceError::BeingMade(repository);
        }
        RepositoryServiceError::BeingMadeSince { repository, since }
    }

    /// Waits until an order asked for a repository that is not there.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The repositories that open orders wait for.
    pub(super) fn to_be_made(&self) -> Result<Vec<Which>, RepositoryServiceError> {
        let orders: Vec<Order> = {
            let snapshot = self.facts.read();
            let open = snapshot.asked().orders.values().map(|open| &open.order);
            open.filter(|order| !order.action.repositories(&order.instance).is_empty()).cloned().collect()
        };
        let (mut found, mut named) = (Vec::new(), HashSet::new());
        for order in &orders {
            for (repository, instance) in order.action.repositories(&order.instance) {
                named.insert((repository.clone(), instance.clone()));
                let is_kept = || self.kept_access(repository, instance).map(|access| access.is_some());
                // A repository that is unknown by now is not created.
                if makes(order, repository, instance) && matches!(is_kept(), Ok(false)) {
                    found.push((repository.clone(), instance.clone()));
                }
            }
        }
        found.sort();
        found.dedup();
        self.forget_all_but(&named);
        Ok(found)
    }

    /// Drops the waiting times of orders that are withdrawn: the next one starts to wait from zero.
    fn forget_all_but(&self, named: &HashSet<Which>) {
        self.awaited().retain(|which, _| named.contains(which));
        self.not_made().retain(|which, _| named.contains(which));
    }

    /// Makes one that orders wait for, and notes why where that fails.
    pub(super) async fn make_wanted(&self, which: &Which) -> Result<(), RepositoryServiceError> {
        let late = |_| RepositoryServiceError::NotMade {
            repository: which.0.clone(),
            reason: "its place does not answer".to_owned(),
        };
        let made = timeout(MAKING, self.access(&which.0, &which.1)).await.map_err(late).flatten();
        match &made {
            Ok(_) => {
                self.not_made().remove(which);
                self.awaited().remove(which);
            }
            Err(error) => drop(self.not_made().insert(which.clone(), said(error))),
        }
        made.map(drop)
    }

    async fn keys_or_new(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<RepositoryKeys, RepositoryServiceError> {
        if let Some(keys) = self.secrets.get(self.facts.store(), repository, instance)? {
            return Ok(keys);
        }
        let made = Secrets::generate().map_err(RepositoryServiceError::Keys)?;
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
    ) -> Result<(), RepositoryServiceError> {
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
    ) -> Result<RepositoryKeys, RepositoryServiceError> {
        match self.place_spec(repository, instance) {
            Ok(place) => self.launcher.client(repository, place, &keys).create().await?,
            Err(RepositoryServiceError::OnItsHost(_)) => {}
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
    ) -> Result<RepositoryKeys, RepositoryServiceError> {
        let keys = self.secrets.get(self.facts.store(), repository, instance)?;
        let empty = || RepositoryServiceError::Empty { repository: repository.clone(), instance: instance.clone() };
        keys.filter(|keys| keys.made.is_some()).ok_or_else(empty)
    }
}

/// Returns whether an order may start without a repository: a first backup creates it.
fn makes(order: &Order, repository: &RepositoryName, of: &InstanceName) -> bool {
    order.action.backup_targets().is_some_and(|to| to.contains(repository)) && *of == order.instance
}

#[cfg(test)]
mod tests;
