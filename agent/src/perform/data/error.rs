//! Reason why work on data did not do what was asked.

use crate::ledger::LedgerError;
use crate::perform::allow::Forbidden;
use crate::perform::prepare::PrepareError;
use crate::perform::work::WorkError;
use crate::runtime::RuntimeError;
use fleet_repository::client::RepositoryError;
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The order does not fit what is here.
    #[error("{0}")]
    Unfit(String),
    #[error("{0}")]
    Failed(String),
    /// The backed-up data is damaged or unusable: the backup is the cause, not the access to it.
    #[error("{0}")]
    BadBackup(String),
    #[error("the store `{store}`: {reason}")]
    Store { store: String, reason: String },
    #[error("could not {doing} `{path}`")]
    Disk { doing: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("the store `{store}`: {source}")]
    StoreForbidden { store: String, source: Forbidden },
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    #[error(transparent)]
    Work(#[from] WorkError),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl DataError {
    /// Names the store that it is about.
    pub fn of_store(store: &fleet_core::names::StoreName, reason: impl Into<String>) -> Self {
        Self::Store { store: store.to_string(), reason: reason.into() }
    }

    /// Returns whether the backup itself is the cause: then a drill has a result.
    pub fn is_of_backup(&self) -> bool {
        match self {
            Self::BadBackup(_) => true,
            Self::Repository(error) => error.is_damage(),
            Self::Unfit(_)
            | Self::Failed(_)
            | Self::Store { .. }
            | Self::Disk { .. }
            | Self::Forbidden(_)
            | Self::StoreForbidden { .. }
            | Self::Prepare(_)
            | Self::Work(_)
            | Self::Runtime(_)
            | Self::Ledger(_) => false,
        }
    }
}
