//! Failures of the coordinator's own keys.

use std::io;
use std::path::PathBuf;

/// Failure of the coordinator's own keys.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("could not write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// A file is damaged.
    #[error("`{path}` does not hold what it should")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A certificate could not be made.
    #[error("could not make a certificate")]
    Sign(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("could not prepare TLS")]
    Tls(#[from] rustls::Error),
    /// The system gave no random numbers; the text is the cause.
    #[error("the system gave no random bytes: {0}")]
    Random(String),
    /// A sealed text could not be opened: it is damaged, or belongs to another key or another record.
    #[error("what was sealed cannot be opened with this key")]
    Unseal,
}
