//! Access to repositories, as it travels beside an order.

use super::{ConvertError, needed, optional_name};
use crate::v1;
use fleet_core::backup::{BackupSource, FilesParent, LocationAccess, RepositoryAccess, Secret, Snapshots};
use std::fmt;
use v1::repository_access::{Location, Parent};

impl From<RepositoryAccess> for v1::RepositoryAccess {
    fn from(access: RepositoryAccess) -> Self {
        let parent = match access.parent {
            FilesParent::Newest => Parent::NewestParent(v1::Empty {}),
            FilesParent::Nothing => Parent::NoParent(v1::Empty {}),
            FilesParent::Snapshot(id) => Parent::ParentSnapshot(id.into()),
        };
        Self {
            repository: access.repository.into(),
            instance: access.instance.into(),
            master_key: access.master_key.0,
            password: access.password.map(|password| password.0).unwrap_or_default(),
            parent: Some(parent),
            location: Some(access.place.into()),
        }
    }
}

impl TryFrom<v1::RepositoryAccess> for RepositoryAccess {
    type Error = ConvertError;
    fn try_from(message: v1::RepositoryAccess) -> Result<Self, ConvertError> {
        let parent = match needed("access.parent", message.parent)? {
            Parent::NewestParent(_) => FilesParent::Newest,
            Parent::NoParent(_) => FilesParent::Nothing,
            Parent::ParentSnapshot(id) => FilesParent::Snapshot(id.parse()?),
        };
        Ok(Self {
            repository: message.repository.parse()?,
            instance: message.instance.parse()?,
            place: needed("access.location", message.location)?.into(),
            master_key: Secret(message.master_key),
            password: Some(message.password).filter(|password| !password.is_empty()).map(Secret),
            parent,
        })
    }
}

impl From<LocationAccess> for Location {
    fn from(access: LocationAccess) -> Self {
        match access {
            LocationAccess::Coordinator => Self::Coordinator(v1::Empty {}),
            LocationAccess::S3 { endpoint, region, bucket, prefix, key_id, key } => {
                Self::Bucket(v1::BucketAccess { endpoint, region, bucket, prefix, key_id, key: key.0 })
            }
            LocationAccess::Folder { path } => Self::Folder(path),
        }
    }
}

impl From<Location> for LocationAccess {
    fn from(message: Location) -> Self {
        match message {
            Location::Coordinator(_) => Self::Coordinator,
            Location::Bucket(bucket) => {
                let v1::BucketAccess { endpoint, region, bucket, prefix, key_id, key } = bucket;
                Self::S3 { endpoint, region, bucket, prefix, key_id, key: Secret(key) }
            }
            Location::Folder(path) => Self::Folder { path },
        }
    }
}

impl From<BackupSource> for v1::BackupSource {
    fn from(source: BackupSource) -> Self {
        Self {
            repository: source.repository.into(),
            instance: source.instance.into(),
            backup: source.backup.into(),
            snapshots: source.snapshots.map(Into::into),
        }
    }
}

impl TryFrom<v1::BackupSource> for BackupSource {
    type Error = ConvertError;
    fn try_from(message: v1::BackupSource) -> Result<Self, ConvertError> {
        Ok(Self {
            repository: message.repository.parse()?,
            instance: message.instance.parse()?,
            backup: message.backup.parse()?,
            snapshots: message.snapshots.map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<Snapshots> for v1::BackupSnapshots {
    fn from(snapshots: Snapshots) -> Self {
        let id = |id: Option<_>| id.map(Into::into).unwrap_or_default();
        Self { set: snapshots.set.into(), dumps: id(snapshots.dumps), files: id(snapshots.files) }
    }
}

impl TryFrom<v1::BackupSnapshots> for Snapshots {
    type Error = ConvertError;
    fn try_from(message: v1::BackupSnapshots) -> Result<Self, ConvertError> {
        let (dumps, files) = (optional_name(&message.dumps)?, optional_name(&message.files)?);
        Ok(Self { set: message.set.parse()?, dumps, files })
    }
}

impl fmt::Debug for v1::RepositoryAccess {
    /// Leaves the keys out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repository, instance, .. } = self;
        f.debug_struct("RepositoryAccess")
            .field("repository", repository)
            .field("instance", instance)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::BucketAccess {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, bucket, prefix, .. } = self;
        f.debug_struct("BucketAccess")
            .field("endpoint", endpoint)
            .field("bucket", bucket)
            .field("prefix", prefix)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for v1::Goal {
    /// Leaves the values out: some of them are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { release, revision, .. } = self;
        f.debug_struct("Goal").field("release", release).field("revision", revision).finish_non_exhaustive()
    }
}
