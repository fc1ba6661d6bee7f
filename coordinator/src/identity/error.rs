//! What can go wrong with the coordinator's own keys.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("could not read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("could not write `{path}`")]
    Write { path: PathBuf, source: io::Error },
    #[error("`{path}` does not hold what it should")]
    Damaged { path: PathBuf },
    #[error("could not make a certificate")]
    Sign(#[from] rcgen::Error),
    #[error("could not prepare TLS")]
    Tls(#[from] rustls::Error),
    #[error("the system gave no random bytes: {0}")]
    Random(String),
    #[error("what was sealed cannot be opened with this key")]
    Unseal,
}
