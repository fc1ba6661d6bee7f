//! Failure of a request, told apart by whose fault it is.

use crate::worker::{FailureKind, WorkerError};
use fleet_core::names::RepositoryName;

/// Request that a repository did not do.
#[derive(Debug, thiserror::Error)]
#[error("the repository `{repository}`: could not {doing}")]
pub struct RepositoryError {
    pub repository: RepositoryName,
    pub doing: String,
    pub source: WorkerError,
}

impl RepositoryError {
    /// Returns the kind of failure that the worker told; none where it could not be asked, or ended without an answer.
    pub fn kind(&self) -> Option<FailureKind> {
        self.source.kind()
    }

    /// Tells whether what was kept is to blame: it is damaged or gone. Anything else may pass.
    pub fn is_damage(&self) -> bool {
        self.kind().is_some_and(FailureKind::is_damage)
    }
}
