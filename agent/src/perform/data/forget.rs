//! Removes backups in a folder of this host, which only its agent can reach.

use super::error::UnfitError;
use super::{DataError, DataWork, OrderEnd};
use fleet_core::activity::Activity;
use fleet_core::backup::DataResult;
use fleet_core::names::{BackupId, RepositoryName};
use std::collections::BTreeSet;

pub async fn forget(
    data: &DataWork<'_>,
    from: &RepositoryName,
    backups: &BTreeSet<BackupId>,
) -> Result<OrderEnd, DataError> {
    if !data.is_in_folder(from)? {
        return Err(UnfitError::NotOfThisHost { repository: from.clone() }.into());
    }
    data.work.say(Activity::Forgetting(backups.len(), from.clone()));
    let repository = data.repository(from, &data.order.instance).await?;
    repository.forget(backups.clone()).await?;
    repository.prune().await?;
    Ok(OrderEnd::done(DataResult::Forgotten(backups.iter().cloned().collect())))
}
