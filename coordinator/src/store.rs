//! Storage of facts: a map from keys to JSON, changed in atomic batches.
//!
//! **Invariant:** a commit that was answered has been flushed. **Invariant:** a value carries the version of its format;
//! one that is newer than this program is an error, never a guess.

mod batch;
#[cfg(test)]
mod failing;
mod memory;
mod queue;
mod sled;
#[cfg(test)]
mod suite;
mod watch;

pub use batch::{Batch, Expect};
#[cfg(test)]
pub use failing::FailingStore;
pub use memory::MemoryStore;
pub use sled::SledStore;
pub use watch::{Change, Changes};

use crate::metrics::StoreMetrics;

use ::sled as engine;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// The version of the format of every value written by this program; it reads all earlier ones. Version 2 has typed hints,
/// reasons, failures and events in place of the texts of version 1. A new code of a kept value raises it, except where the value
/// reads unknown codes.
pub const FORMAT: u32 = 2;

/// Store as the coordinator needs it, so that another implementation can take its place.
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    /// Returns the entry of a key, if there is one.
    fn get(&self, key: &str) -> Result<Option<Entry>, StoreError>;

    /// Every entry whose key begins with `prefix`, in the order of the keys.
    fn scan(&self, prefix: &str) -> Result<Vec<Entry>, StoreError>;

    /// Begins a commit. Commits happen in the order in which they were begun, even if their results are not awaited.
    fn commit(&self, batch: Batch) -> Committed;

    /// Tells every change below `prefix` from now on, after it was flushed.
    fn watch(&self, prefix: &str) -> Changes;

    /// Returns the figures of its writing thread.
    fn metrics(&self) -> &StoreMetrics;
}

/// A key with its value and the revision at which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Key of the entry.
    pub key: String,
    /// Revision at which it was written.
    pub revision: u64,
    /// JSON.
    pub body: String,
}

impl Entry {
    /// Reads the body as a word.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_str(&self.body).map_err(|source| StoreError::Read { key: self.key.clone(), source })
    }
}

/// Failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The entry is not as the commit expected it.
    #[error("`{key}` was changed by someone else")]
    Conflict {
        /// Key of the entry.
        key: String,
    },
    /// The entry was written by a newer version.
    #[error(
        "`{key}` is kept in format {found}, and this program knows formats up to {FORMAT}: upgrade fleet-coordinator"
    )]
    NewerFormat {
        /// Key of the entry.
        key: String,
        /// Format that was found.
        found: u32,
    },
    /// The value cannot be parsed.
    #[error("could not read what is kept at `{key}`")]
    Read {
        /// Key of the entry.
        key: String,
        /// Cause of the failure.
        source: serde_json::Error,
    },
    /// The key does not contain a valid name.
    #[error("`{key}` is not a key of this version")]
    Name {
        /// Key of the entry.
        key: String,
    },
    /// Another process uses the store.
    #[error("the directory `{path}` is in use: another coordinator runs on it")]
    InUse {
        /// Directory of the store.
        path: PathBuf,
    },
    /// The store could not be opened.
    #[error("could not open the store at `{path}`")]
    Open {
        /// Directory of the store.
        path: PathBuf,
        /// Cause of the failure.
        source: engine::Error,
    },
    /// The store's directory could not be created or read.
    #[error("could not prepare the directory `{path}`")]
    Directory {
        /// Directory of the store.
        path: PathBuf,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// Entries could not be read.
    #[error("could not read the store")]
    Scan(#[source] engine::Error),
    /// Everything after this fails as well; a restart loads the stored facts.
    #[error("could not write the store: {0}")]
    Broken(String),
    /// A change of the facts in memory panicked and was not written; a restart loads the stored facts.
    #[error("a change of the facts panicked and was not kept: the coordinator stops")]
    HalfChanged,
}

/// Result of a commit: the revision of the written entries.
#[derive(Debug)]
#[must_use = "what is not awaited may not be flushed yet"]
pub struct Committed(oneshot::Receiver<Result<u64, StoreError>>);

impl Committed {
    fn new() -> (oneshot::Sender<Result<u64, StoreError>>, Self) {
        let (answer, committed) = oneshot::channel();
        (answer, Self(committed))
    }

    /// Waits on a thread that may block.
    pub fn wait(self) -> Result<u64, StoreError> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(StoreError::Broken("its writer has stopped".to_owned())))
    }

    /// Ignores the result. The order of commits holds anyway, and a store that fails reports it itself.
    pub fn unheard(self) {}
}

impl Future for Committed {
    type Output = Result<u64, StoreError>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let gone = |_| Err(StoreError::Broken("its writer has stopped".to_owned()));
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or_else(gone))
    }
}
