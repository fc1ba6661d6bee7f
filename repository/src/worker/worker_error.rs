//! Failures of a worker.

use super::request::{Failure, FailureKind};
use std::io;
use std::time::Duration;

/// Reason why a worker did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The process could not be started.
    #[error("could not start a worker")]
    Start(#[source] io::Error),
    /// The worker reported the failure itself.
    #[error("{}", .0.text)]
    Failed(Failure),
    /// The worker ended without an answer.
    #[error("the worker ended without an answer ({how})")]
    Died {
        /// Exit status or signal, with the last lines of its standard error.
        how: String,
    },
    /// The worker was stopped because nothing moved for this long.
    #[error("nothing moved for {} s", .0.as_secs())]
    Idle(Duration),
    /// Reading from or writing to the worker failed.
    #[error("could not talk to the worker")]
    Talk(#[source] io::Error),
    /// The answer does not belong to the request.
    #[error("the worker answered something else than it was asked")]
    Answer,
}

impl WorkerError {
    /// Returns the name of this kind of error, for metrics; for a reported failure, the name of the failure's kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.kind.name(),
            Self::Start(_) => "start",
            Self::Died { .. } => "died",
            Self::Idle(_) => "idle",
            Self::Talk(_) => "talk",
            Self::Answer => "wrong_answer",
        }
    }

    /// Returns the kind of failure that the worker reported, if it did.
    pub fn kind(&self) -> Option<FailureKind> {
        match self {
            Self::Failed(failure) => Some(failure.kind),
            Self::Start(_) | Self::Died { .. } | Self::Idle(_) | Self::Talk(_) | Self::Answer => None,
        }
    }
}
