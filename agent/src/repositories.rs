//! The repositories in which backups are kept, as those who work on data open them.
//!
//! **Invariant:** archived data counts for nothing before its `set` is written, and the set is written last.

use crate::repository_place::RepositoryRoute;
use fleet_core::backup::{Bucket, LocationAccess, RepositoryAccess};
use fleet_core::names::BackupId;
use fleet_repository::backend::{S3Address, Transport};
use fleet_repository::client::{RepositoryClient, RepositoryError, RepositoryWorkers};
use fleet_repository::worker::BackendSpec;
use fleet_repository::{Secrets, SetRecord, Sets};
use std::path::PathBuf;
use std::sync::Arc;

/// Opens repositories for this host.
#[derive(Debug, Clone)]
pub struct Repositories {
    workers: Arc<dyn RepositoryWorkers>,
    /// File of this host's identity, used to reach the coordinator's repositories.
    identity: PathBuf,
}

impl Repositories {
    /// Makes the service; `identity` is the file of this host's identity.
    pub fn new(workers: Arc<dyn RepositoryWorkers>, identity: PathBuf) -> Self {
        Self { workers, identity }
    }

    /// Returns the client of the repository behind an access; nothing is asked of it yet.
    pub fn open(&self, access: &RepositoryAccess, limit_rate: Option<u64>) -> RepositoryClient {
        let password = access.password.clone().unwrap_or_default().0;
        let secrets = Secrets { password, master_key: access.master_key.0.clone() };
        let (workers, name) = (Arc::clone(&self.workers), access.repository.clone());
        let client = RepositoryClient::new(workers, name, self.place(access), secrets);
        client.with_parent(access.parent.clone()).with_rate(limit_rate)
    }

    fn place(&self, access: &RepositoryAccess) -> BackendSpec {
        let route = || RepositoryRoute {
            identity: self.identity.clone(),
            repository: access.repository.to_string(),
            instance: access.instance.to_string(),
        };
        match &access.place {
            LocationAccess::Folder { path } => BackendSpec::Folder { path: path.into() },
            LocationAccess::Coordinator => BackendSpec::Coordinator(route().into()),
            LocationAccess::S3 { endpoint, region, bucket, prefix, key_id, key } => BackendSpec::S3(S3Address {
                endpoint: endpoint.clone(),
                region: region.clone(),
                bucket: bucket.clone(),
                prefix: prefix.clone(),
                access_key: key_id.clone(),
                secret_key: key.0.clone(),
                transport: transport(endpoint),
            }),
        }
    }
}

/// Returns the address of an instance's own bucket.
pub fn s3_address(bucket: &Bucket) -> S3Address {
    S3Address {
        endpoint: bucket.endpoint.clone(),
        region: bucket.region.clone(),
        bucket: bucket.bucket.clone(),
        prefix: bucket.prefix.clone(),
        access_key: bucket.key_id.expose().to_owned(),
        secret_key: bucket.key.expose().to_owned(),
        // The URL in app.yaml decides which.
        transport: transport(&bucket.endpoint),
    }
}

fn transport(endpoint: &str) -> Transport {
    if endpoint.starts_with("http://") { Transport::PlainHttp } else { Transport::Https }
}

/// Lists the backups that exist, oldest first. Where all their manifests are too much, the oldest are not among them.
pub async fn sets(client: &RepositoryClient) -> Result<Vec<SetRecord>, RepositoryError> {
    client.sets().await.map(|sets| readable(client, sets))
}

/// Lists the sets that carry one backup's id, whatever else is there.
pub async fn sets_of(client: &RepositoryClient, backup: &BackupId) -> Result<Vec<SetRecord>, RepositoryError> {
    client.all_of(backup).await.map(|sets| readable(client, sets))
}

fn readable(client: &RepositoryClient, sets: Sets) -> Vec<SetRecord> {
    for unreadable in &sets.unreadable {
        tracing::warn!(repository = %client.name, %unreadable, "a backup that it belongs to cannot be seen");
    }
    sets.sets
}
