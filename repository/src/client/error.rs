//! Failure of a request to a repository, classified by cause.

use crate::worker::{FailureKind, WorkerError};
use fleet_core::failed_step::FailedStep;
use fleet_core::names::RepositoryName;

/// Request that a repository did not do.
#[derive(Debug, thiserror::Error)]
#[error("the repository `{repository}`: could not {step}")]
pub struct RepositoryError {
    /// Repository that was asked.
    pub repository: RepositoryName,
    /// Request that failed.
    pub step: FailedStep,
    /// Cause of the failure.
    pub source: WorkerError,
}

impl RepositoryError {
    /// Returns the kind of failure that the worker reported; none if the worker could not be asked or ended without an
    /// answer.
    pub fn kind(&self) -> Option<FailureKind> {
        self.source.kind()
    }

    /// Returns whether stored data is damaged or missing. Other failures may be temporary.
    pub fn is_damage(&self) -> bool {
        self.kind().is_some_and(FailureKind::is_damage)
    }
}
