//! Making the repositories that orders wait for, so that no order waits for another's.

use super::repository_service::RepositoryService;
use fleet_core::names::HostName;
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// Time after which a failed creation is tried again.
const AGAIN: Duration = Duration::from_secs(30);
/// Number of repositories created at once: each needs memory to derive its key.
const AT_ONCE: usize = 2;

/// Runs until dropped. Calls `mark` after each attempt with the hosts whose orders wait for a repository.
pub async fn make_repositories(repository_service: &RepositoryService, mark: impl Fn(&[HostName])) {
    let mark = &mark;
    loop {
        let wanted = repository_service.to_be_made().unwrap_or_else(|error| {
            tracing::error!(%error, "could not find out which repositories are to be made");
            Vec::new()
        });
        let made = futures_util::stream::iter(wanted).map(|which| async move {
            let result = repository_service.make_wanted(&which).await;
            if let Err(error) = &result {
                let (repository, instance) = &which;
                tracing::warn!(%repository, %instance, error = error as &dyn std::error::Error, "a repository could not be made");
            }
            // Waiting orders go on, or get a reason why not, whatever happens to other repositories.
            mark(&hosts_that_wait(repository_service));
        });
        made.buffer_unordered(AT_ONCE).collect::<()>().await;
        let _ = timeout(AGAIN, repository_service.wanted()).await;
    }
}

/// Returns the hosts with withheld orders.
fn hosts_that_wait(repository_service: &RepositoryService) -> Vec<HostName> {
    let snapshot = repository_service.facts.read();
    let undeliverable = snapshot.asked().orders.iter().filter(|(id, _)| snapshot.undeliverable(id).is_some());
    undeliverable.map(|(_, open)| open.host.clone()).collect()
}
