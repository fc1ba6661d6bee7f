//! Failures of a worker.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;

/// Failure of a worker.
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

/// Kind of failure, distinguished by the action that helps against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The storage failed or cannot be reached.
    Backend,
    /// No repository exists at the storage.
    NoRepository,
    /// A repository with other keys exists at the storage.
    Occupied,
    /// The key does not open the repository.
    WrongKey,
    /// A source of the data to back up failed.
    Source,
    /// Stored data is damaged.
    Damaged,
    /// The requested backup or path does not exist.
    Missing,
    /// The request would put data at risk or breaks a limit.
    Refused,
    /// This host's disk failed or is full.
    Disk,
    /// rustic_core failed for another reason.
    Rustic,
    /// A bug of this program or of a library: it was caught.
    Panic,
    /// The caller said something that cannot be understood.
    Protocol,
}

impl FailureKind {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::NoRepository => "no_repository",
            Self::Occupied => "occupied",
            Self::WrongKey => "wrong_key",
            Self::Source => "source",
            Self::Damaged => "damaged",
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Disk => "disk",
            Self::Rustic => "rustic",
            Self::Panic => "panic",
            Self::Protocol => "protocol",
        }
    }

    /// Returns whether stored data is the cause, and not a temporary failure.
    pub fn is_damage(self) -> bool {
        match self {
            Self::Damaged | Self::Missing => true,
            Self::Backend
            | Self::NoRepository
            | Self::Occupied
            | Self::WrongKey
            | Self::Source
            | Self::Refused
            | Self::Disk
            | Self::Rustic
            | Self::Panic
            | Self::Protocol => false,
        }
    }
}

/// Reason why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Kind of the failure.
    pub kind: FailureKind,
    /// Error with its causes, in one line for people.
    pub text: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Backend { .. } | Error::Bucket { .. } => FailureKind::Backend,
            Error::NoRepository { .. } => FailureKind::NoRepository,
            Error::Occupied { .. } => FailureKind::Occupied,
            Error::WrongKey { .. } => FailureKind::WrongKey,
            Error::Source { .. } => FailureKind::Source,
            Error::Damaged { .. } | Error::Unreadable { .. } => FailureKind::Damaged,
            Error::Missing { .. } => FailureKind::Missing,
            Error::Refused { .. } => FailureKind::Refused,
            Error::Disk { .. } => FailureKind::Disk,
            Error::Rustic { .. } => FailureKind::Rustic,
        };
        Self { kind, text: error.line() }
    }
}
