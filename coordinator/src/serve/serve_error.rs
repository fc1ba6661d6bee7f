//! Failures that end a coordinator.

use crate::identity::IdentityError;
use crate::repositories::{DiskError, RepositoryServiceError};
use crate::store::StoreError;
use std::io;
use std::net::SocketAddr;

/// Failure that ends a coordinator.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port cannot be opened.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Cause of the failure.
        source: io::Error,
    },
    /// The facts could not be loaded.
    #[error("could not read the facts")]
    Load(#[source] StoreError),
    /// The disk of the repositories failed.
    #[error("could not look into the repositories")]
    Repositories(#[from] DiskError),
    /// The search for lost repositories failed.
    #[error("could not find out which repositories came back")]
    Lost(#[from] RepositoryServiceError),
    /// The mark of a finished start could not be written.
    #[error("could not note in the directory that it serves")]
    Mark(#[source] io::Error),
    /// The coordinator's keys failed.
    #[error("could not prepare the port")]
    Identity(#[from] IdentityError),
    /// The gRPC server failed.
    #[error("could not serve the port")]
    Transport(#[from] tonic::transport::Error),
    /// The store could not be written, so the coordinator stops.
    #[error("the facts could not be changed: memory may not be what the disk has, so the coordinator stopped")]
    StoreFailed,
    /// A thread could not be started.
    #[error("could not start a thread")]
    Thread(#[source] io::Error),
    /// A task was cancelled or panicked.
    #[error("the coordinator's main task ended unexpectedly")]
    Task(#[from] tokio::task::JoinError),
}
