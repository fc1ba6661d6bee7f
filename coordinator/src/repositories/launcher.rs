//! Clients of repositories, whose workers are this very program.

use super::secrets::RepositoryKeys;
use crate::metrics::WorkerMetrics;
use fleet_core::names::RepositoryName;
use fleet_repository::Secrets;
use fleet_repository::client::{ObservedWorkers, RepositoryClient, RepositoryWorkers, WorkerObserver, WorkerProcesses};
use fleet_repository::worker::{BackendSpec, Limits};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Limits of a worker that reads one manifest for an operator.
const READING: Limits = Limits { memory: 256 << 20, idle: Duration::from_secs(60) };

/// Starts workers.
#[derive(Debug, Clone)]
pub struct WorkerLauncher {
    workers: Arc<dyn RepositoryWorkers>,
    /// Counters of workers, for `/metrics`.
    pub metrics: Arc<WorkerMetrics>,
}

impl WorkerLauncher {
    /// Workers of this program; of another one in tests.
    pub fn new(program: Option<PathBuf>) -> Self {
        let own = || WorkerProcesses::found_by(fleet_render::own_program);
        let (workers, metrics) =
            (Arc::new(program.map_or_else(own, WorkerProcesses::of)), Arc::new(WorkerMetrics::default()));
        let observer: Arc<dyn WorkerObserver> = Arc::clone(&metrics) as _;
        Self { workers: Arc::new(ObservedWorkers::new(workers, observer)), metrics }
    }

    /// Returns the client of an instance's repository.
    pub fn client(&self, name: &RepositoryName, place: BackendSpec, keys: &RepositoryKeys) -> RepositoryClient {
        let secrets = Secrets { password: keys.password.0.clone(), master_key: keys.master_key.0.clone() };
        self.with(name.clone(), place, secrets)
    }

    /// Makes a client for one repository.
    pub fn with(&self, name: RepositoryName, place: BackendSpec, secrets: Secrets) -> RepositoryClient {
        RepositoryClient::new(Arc::clone(&self.workers), name, place, secrets).with_reading_limits(READING)
    }
}
