//! Forgets backups in a folder of this host: nobody else can reach it.

use super::{Came, DataError, DataWork};
use fleet_core::backup::{Made, PlaceAccess};
use fleet_core::names::{BackupId, RepositoryName};
use fleet_core::words::count;
use std::collections::BTreeSet;

pub async fn forget(
    data: &DataWork<'_>,
    from: &RepositoryName,
    backups: &BTreeSet<BackupId>,
) -> Result<Came, DataError> {
    let access = data.access(from, &data.order.instance)?;
    match access.place {
        PlaceAccess::Folder { .. } => {}
        PlaceAccess::Coordinator | PlaceAccess::S3 { .. } => {
            return Err(DataError::Unfit(format!(
                "backups in `{from}` are forgotten by the coordinator, not by this host"
            )));
        }
    }
    data.work.say(format!("forgetting {} in {from}", count(backups.len(), "backup")));
    let repository = data.site().repositories.open(access, data.open.limit_rate);
    let backups: Vec<BackupId> = backups.iter().cloned().collect();
    repository.forget(&backups).await?;
    Ok(Came::done(Made::Forgotten(backups)))
}
