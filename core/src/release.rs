//! Releases of apps, and the release and values that an instance should have.

use crate::names::{Digest, ReleaseName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A release by name and by the digest of its bundle.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Release {
    /// App and version.
    pub name: ReleaseName,
    /// Digest of the bundle.
    pub digest: Digest,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// Target state of an instance: a release with the values of a revision.
///
/// The values themselves are not part of an order's intention: they travel beside it, and only to the host that needs them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// Release to apply.
    pub release: Release,
    /// Revision of the values to apply.
    pub revision: u64,
}
