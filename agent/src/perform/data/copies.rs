//! The copies of one backup: one for each repository, each with an end of its own.

use super::error::UnfitError;
use super::source::{PickError, pick};
use super::{DataError, DataWork};
use crate::perform::failure::of_repository;
use crate::repositories;
use fleet_core::backup::{BackupDoubt, CopyMade, Manifest, Snapshots};
use fleet_core::names::{BackupId, RepositoryName, StoreName};
use fleet_core::order_failure::OrderFailure;
use fleet_repository::SetRecord;
use fleet_repository::client::{RepositoryClient, RepositoryError};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// Running and finished copies.
pub struct Copies {
    pub open: Vec<Copy>,
    pub ended: Vec<CopyMade>,
}

pub struct Copy {
    pub name: RepositoryName,
    pub repository: RepositoryClient,
    /// The bytes of each store in the newest backup that is there.
    pub previous: BTreeMap<StoreName, u64>,
}

impl Copies {
    /// Opens the repositories. Where the backup is already, it is not made again.
    pub async fn open(data: &DataWork<'_>, to: &BTreeSet<RepositoryName>, id: &BackupId) -> Self {
        let opening = to.iter().map(async |name| (name.clone(), looked(data, name, id).await));
        let mut copies = Self { open: Vec::new(), ended: Vec::new() };
        for (name, looked) in join_all(opening).await {
            match looked {
                Ok(Looked::There(made)) => copies.done(&name, *made),
                Ok(Looked::Open(copy)) => copies.open.push(*copy),
                Err(error) => copies.lose(&name, (&error).into()),
            }
        }
        copies
    }

    fn end(&mut self, copy: CopyMade) {
        self.open.retain(|open| open.name != copy.repository);
        self.ended.push(copy);
    }

    /// The copy is there, for good.
    pub fn done(&mut self, name: &RepositoryName, there: There) {
        let There { manifest, snapshots } = there;
        self.end(CopyMade { repository: name.clone(), result: Ok(manifest.without_values()), snapshots });
    }

    /// The copy will not be.
    pub fn lose(&mut self, name: &RepositoryName, failure: OrderFailure) {
        tracing::warn!(repository = %name, %failure, "a copy of the backup failed");
        self.end(CopyMade { repository: name.clone(), result: Err(failure), snapshots: None });
    }

    pub fn lose_all(&mut self, lost: &[RepositoryError]) {
        lost.iter().for_each(|error| self.lose(&error.repository, of_repository(error)));
    }

    /// No copy that is still open will be, for the same reason.
    pub fn abandon(&mut self, failure: &OrderFailure) {
        let names: Vec<_> = self.open.iter().map(|copy| copy.name.clone()).collect();
        names.iter().for_each(|name| self.lose(name, failure.clone()));
    }

    /// Returns the size of a store in the last backup of any repository.
    pub fn previous(&self, store: &StoreName) -> Option<u64> {
        self.open.iter().filter_map(|copy| copy.previous.get(store)).max().copied()
    }
}

/// A copy that is in its repository, and the snapshots that it is made of.
pub struct There {
    pub manifest: Manifest,
    pub snapshots: Option<Snapshots>,
}

enum Looked {
    There(Box<There>),
    Open(Box<Copy>),
}

async fn looked(data: &DataWork<'_>, name: &RepositoryName, id: &BackupId) -> Result<Looked, DataError> {
    let repository = data.repository(name, &data.order.instance).await?;
    repository.create().await?;
    let sets = repositories::sets(&repository).await?;
    match pick(sets.clone(), id, None) {
        Ok(set) => return there(data, &set).map(|there| Looked::There(Box::new(there))),
        Err(PickError::Missing { .. }) => {}
        // One more would make it worse.
        Err(PickError::Ambiguous { backup, found }) => {
            return Err(UnfitError::Doubtful(BackupDoubt::Ambiguous { repository: name.clone(), backup, found }).into());
        }
        Err(PickError::Replaced { backup }) => {
            return Err(UnfitError::Doubtful(BackupDoubt::Replaced { repository: name.clone(), backup }).into());
        }
    }
    repository.resume().await?;
    let previous = sets.iter().rev().find_map(|set| sizes(set, data));
    let previous = previous.unwrap_or_default();
    Ok(Looked::Open(Box::new(Copy { name: name.clone(), repository, previous })))
}

/// Recognises a backup that this order has made before, as opposed to another one under the same id.
fn there(data: &DataWork<'_>, set: &SetRecord) -> Result<There, DataError> {
    let backup = set.backup.clone();
    let unreadable = |problem| BackupDoubt::UnreadableExists { backup: backup.clone(), problem };
    let manifest = set.read_manifest().map_err(|problem| UnfitError::Doubtful(unreadable(problem)))?;
    let is_its_own = manifest.backup == set.backup
        && manifest.instance == data.order.instance
        && manifest.host == data.context().host;
    if !is_its_own {
        let (instance, host) = (manifest.instance, manifest.host);
        return Err(UnfitError::Doubtful(BackupDoubt::OtherExists { backup, instance, host }).into());
    }
    Ok(There { snapshots: Some(set.snapshots()), manifest })
}

/// The sizes in a backup of this instance; others may have been put there, too.
fn sizes(set: &SetRecord, data: &DataWork<'_>) -> Option<BTreeMap<StoreName, u64>> {
    let manifest = set.read_manifest().ok().filter(|manifest| manifest.instance == data.order.instance)?;
    Some(manifest.parts.into_iter().map(|part| (part.store, part.bytes)).collect())
}
