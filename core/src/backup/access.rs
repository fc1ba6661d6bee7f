//! What a host needs to use a repository. It travels beside an order, and only to the host whose instance it is.

use super::Place;
use crate::names::{InstanceName, RepositoryName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The way into one instance's repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub repository: RepositoryName,
    /// Whose repository: in a restore to elsewhere, another instance than the order's.
    pub instance: InstanceName,
    pub place: PlaceAccess,
    /// What opens it without a password.
    pub master_key: Secret,
    /// The password for stock restic, where the host makes the repository itself if it is not there yet: in a folder of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceAccess {
    Coordinator,
    S3 {
        endpoint: String,
        region: String,
        bucket: String,
        /// With the instance's own folder at its end.
        prefix: String,
        key_id: String,
        key: Secret,
    },
    Folder {
        /// With the instance's own folder at its end.
        path: String,
    },
}

impl PlaceAccess {
    /// Of which kind of place it is the access.
    pub fn is_of(&self, place: &Place) -> bool {
        match (self, place) {
            (Self::Coordinator, Place::Coordinator)
            | (Self::S3 { .. }, Place::S3 { .. })
            | (Self::Folder { .. }, Place::Folder { .. }) => true,
            (Self::Coordinator | Self::S3 { .. } | Self::Folder { .. }, _) => false,
        }
    }
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
