//! State shared by all work on this host.

use crate::bundles::Bundles;
use crate::ledger::{Ledger, LedgerError, LedgerHandle, LedgerWriter};
use crate::metrics::AgentMetrics;
use crate::path_resolver::PathResolver;
use crate::policy::LivePolicy;
use crate::repositories::Repositories;
use crate::runtime::ContainerRuntime;
use crate::status_board::StatusWriter;
use fleet_core::names::{HostName, InstanceName};
use fleet_render::Renderer;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard};
use tokio::sync::mpsc;

pub struct AgentContext {
    pub host: HostName,
    /// Absolute.
    pub data_dir: PathBuf,
    pub ledger: LedgerHandle,
    pub runtime: Arc<dyn ContainerRuntime>,
    pub repositories: Repositories,
    pub renderer: Renderer,
    pub bundles: Bundles,
    pub status_writer: StatusWriter,
    pub metrics: Arc<AgentMetrics>,
    pub policy: LivePolicy,
    pub path_resolver: PathResolver,
    /// Instances that the watch should inspect now.
    pub attention: mpsc::UnboundedSender<InstanceName>,
}

impl AgentContext {
    /// The ledger; never held across an await.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.read()
    }

    /// Returns the folder of an instance's files, the same for all its releases.
    pub fn working_dir(&self, instance: &InstanceName) -> PathBuf {
        self.data_dir.join("instances").join(instance.as_str())
    }

    /// Writes the ledger for work that cannot continue without it; logs each failure and retries until it succeeds.
    pub async fn retry_until_ok<R: Send + 'static>(
        &self,
        write: impl Fn(&mut LedgerWriter) -> Result<R, LedgerError> + Clone + Send + 'static,
    ) -> R {
        loop {
            let error = match self.ledger.write(write.clone()).await {
                Ok(result) => return result,
                Err(error) => error,
            };
            self.metrics.ledger_failed();
            tracing::error!(error = crate::chain(&error), "the ledger cannot be written; trying again");
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        }
    }
}

impl fmt::Debug for AgentContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentContext")
            .field("host", &self.host)
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}
