//! Why a worker did not do what it was asked.

use super::request::{Failure, FailureKind};
use std::io;
use std::time::Duration;

/// Why a worker did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("could not start a worker")]
    Start(#[source] io::Error),
    /// It said so itself.
    #[error("{}", .0.text)]
    Failed(Failure),
    #[error("the worker ended without an answer ({how})")]
    Died { how: String },
    #[error("nothing moved for {} s", .0.as_secs())]
    Idle(Duration),
    #[error("could not talk to the worker")]
    Talk(#[source] io::Error),
    #[error("the worker answered something else than it was asked")]
    Answer,
}

impl WorkerError {
    /// Returns the name of its kind; that of the failure where the worker told one.
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

    /// What kind of failure the worker told, if it did.
    pub fn kind(&self) -> Option<FailureKind> {
        match self {
            Self::Failed(failure) => Some(failure.kind),
            Self::Start(_) | Self::Died { .. } | Self::Idle(_) | Self::Talk(_) | Self::Answer => None,
        }
    }
}
