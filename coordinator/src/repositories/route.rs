//! The way into a repository: where it is, for hosts, for the coordinator's own works and for people.

use super::repository_service::{RepositoryService, RepositoryServiceError};
use super::secrets::RepositoryKeys;
use fleet_core::backup::{FilesParent, LocationAccess, RepositoryAccess, RepositoryLocation};
use fleet_core::names::{InstanceName, RepositoryName};
use fleet_repository::backend::{S3Address, Transport};
use fleet_repository::worker::BackendSpec;

impl RepositoryService {
    pub(super) fn place_access(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<LocationAccess, RepositoryServiceError> {
        Ok(match self.desired(repository)?.place {
            RepositoryLocation::Coordinator => LocationAccess::Coordinator,
            RepositoryLocation::Folder { path } => LocationAccess::Folder { path: below(&path, instance) },
            RepositoryLocation::S3 { endpoint, region, bucket, prefix } => {
                let keys = self.secrets.bucket(self.facts.store(), repository)?;
                let keys = keys.ok_or_else(|| RepositoryServiceError::NoBucketKeys(repository.clone()))?;
                let (prefix, key_id, key) = (below(&prefix, instance), keys.key_id, keys.key);
                LocationAccess::S3 { endpoint, region, bucket, prefix, key_id, key }
            }
        })
    }

    /// A host creates a repository in a folder only while no backup in it is recorded. A repository that has vanished,
    /// or whose mount is missing, must not be replaced by an empty one.
    pub(super) fn access_with(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        place: LocationAccess,
        keys: RepositoryKeys,
    ) -> RepositoryAccess {
        let snapshot = self.facts.read();
        // Backups of an earlier instance of its name may be on another host.
        let (backups, created) = (snapshot.observed().backups.get(instance), snapshot.created(instance));
        let all = backups.into_iter().flat_map(|backups| backups.iter());
        let here = all.filter(|(key, seen)| key.repository == *repository && seen.began >= created);
        let here: Vec<_> = here.map(|(_, seen)| seen).collect();
        let has_backups = !here.is_empty();
        let password = match &place {
            LocationAccess::Folder { .. } => Some(keys.password).filter(|_| !has_backups),
            LocationAccess::Coordinator | LocationAccess::S3 { .. } => None,
        };
        let (repository, instance, master_key) = (repository.clone(), instance.clone(), keys.master_key);
        RepositoryAccess { repository, instance, place, master_key, password, parent: FilesParent::of(&here) }
    }

    /// The same for the coordinator's own works.
    pub(super) fn place_spec(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<BackendSpec, RepositoryServiceError> {
        match self.place_access(repository, instance)? {
            LocationAccess::Coordinator => Ok(BackendSpec::Folder { path: self.disk.folder(repository, instance) }),
            LocationAccess::Folder { .. } => Err(RepositoryServiceError::OnItsHost(repository.clone())),
            LocationAccess::S3 { endpoint, region, bucket, prefix, key_id, key } => {
                let is_plain = endpoint.starts_with("http://");
                let transport = if is_plain { Transport::PlainHttp } else { Transport::Https };
                let address =
                    S3Address { endpoint, region, bucket, prefix, access_key: key_id, secret_key: key.0, transport };
                Ok(BackendSpec::S3(address))
            }
        }
    }

    /// Returns the location of a repository, for people and for stock restic.
    pub fn place_words(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<String, RepositoryServiceError> {
        Ok(match self.desired(repository)?.place {
            RepositoryLocation::Coordinator => self.disk.folder(repository, instance).display().to_string(),
            place @ (RepositoryLocation::Folder { .. } | RepositoryLocation::S3 { .. }) => {
                place_words(&place, instance)
            }
        })
    }
}

/// Returns the location of one instance's repository in restic's notation.
pub(super) fn place_words(place: &RepositoryLocation, instance: &InstanceName) -> String {
    match place {
        RepositoryLocation::Coordinator => "the coordinator's disk".to_owned(),
        RepositoryLocation::Folder { path } => below(path, instance),
        RepositoryLocation::S3 { endpoint, bucket, prefix, .. } => {
            format!("s3:{}/{bucket}/{}", endpoint.trim_end_matches('/'), below(prefix, instance))
        }
    }
}

fn below(path: &str, instance: &InstanceName) -> String {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => format!("/{instance}"),
        "" => instance.to_string(),
        path => format!("{path}/{instance}"),
    }
}
