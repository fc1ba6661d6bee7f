//! Repositories that were on the coordinator's old disk and did not come back with its facts.
//!
//! **Invariant:** a missing repository is created again only once after an import of facts, and never because a disk is
//! not mounted.

use super::repository_service::{RepositoryService, RepositoryServiceError, Which};
use super::secrets::{RepositoryKeys, RepositorySecrets};
use crate::facts::DesiredChange;
use crate::keys;
use fleet_core::backup::RepositoryLocation;
use fleet_core::event::EventKind;
use fleet_core::time::Time;

impl RepositoryService {
    /// Finds the repositories of this disk that are missing after an import of facts. Their backups are lost, and each
    /// is created again with its next backup. Existing repositories stay unchanged.
    pub async fn miss_lost(&self, now: Time) -> Result<Vec<Which>, RepositoryServiceError> {
        if self.facts.store().get(keys::CAME_BACK)?.is_none() {
            return Ok(Vec::new());
        }
        let mut lost = Vec::new();
        for (repository, instance) in RepositorySecrets::all(self.facts.store())? {
            let keys = self.secrets.get(self.facts.store(), &repository, &instance)?;
            let Some(keys) = keys.filter(|keys| keys.made.is_some()) else { continue };
            if self.is_here(&repository) && !self.disk.has(&repository, &instance)? {
                lost.push(((repository, instance), keys));
            }
        }
        let miss = |change: &mut DesiredChange<'_>| {
            for ((repository, instance), keys) in &lost {
                let backups = change.drop_backups(repository, instance);
                // A person who finds the disk after all can open its repositories with the same keys.
                let keys = RepositoryKeys { made: None, ..keys.clone() };
                self.secrets.put(change.batch(), repository, instance, &keys)?;
                change.batch().delete(keys::look(repository, instance));
                let repository = repository.clone();
                change.tell(instance, EventKind::BackupsLost { count: backups, repository });
            }
            change.batch().delete(keys::CAME_BACK);
            Ok::<_, RepositoryServiceError>(())
        };
        self.facts.change_desired(now, miss).await?;
        Ok(lost.into_iter().map(|(which, _)| which).collect())
    }

    fn is_here(&self, repository: &fleet_core::names::RepositoryName) -> bool {
        let snapshot = self.facts.read();
        snapshot
            .desired()
            .repositories
            .get(repository)
            .is_some_and(|desired| desired.place == RepositoryLocation::Coordinator)
    }
}
