//! Identity of this machine or person at the coordinator: one file, written by one rename.

use fleet_core::access::Subject;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;

/// Format of an identity, whatever else is in it.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

/// A key with the certificate that the coordinator gave for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    format: u32,
    /// The coordinator's `HOST:PORT`.
    pub address: String,
    /// Host or operator that the certificate names.
    pub subject: Subject,
    /// Begin of the certificate's validity.
    pub issued: Time,
    /// End of the certificate's validity.
    pub expires: Time,
    /// The certificate and the CA's, DER.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) key_pem: String,
}

/// Failure to read or write an identity file.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// No such file: this machine has not joined.
    #[error("there is no identity at `{path}`")]
    Absent {
        /// Path of the identity.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("could not read the identity at `{path}`")]
    Read {
        /// Path of the identity.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The content is of a newer version.
    #[error("the identity at `{path}` is of format {found}, and this program knows {FORMAT}: upgrade this program")]
    Newer {
        /// Path of the identity.
        path: PathBuf,
        /// Format of the file.
        found: u32,
    },
    /// The content is not an identity.
    #[error("the identity at `{path}` is damaged")]
    Damaged {
        /// Path of the identity.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("could not write the identity at `{path}`")]
    Write {
        /// Path of the identity.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

impl Identity {
    pub(super) fn new(
        address: String,
        subject: Subject,
        validity: (Time, Time),
        chain: Vec<Vec<u8>>,
        key_pem: String,
    ) -> Self {
        Self { format: FORMAT, address, subject, issued: validity.0, expires: validity.1, chain, key_pem }
    }

    /// Reads an identity.
    ///
    /// # Errors
    /// Fails where the file is absent, unreadable, damaged, or of a newer format.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(IdentityError::Absent { path: path.to_owned() });
            }
            Err(source) => return Err(IdentityError::Read { path: path.to_owned(), source }),
        };
        Self::parse(&text, path)
    }

    fn parse(text: &[u8], path: &Path) -> Result<Self, IdentityError> {
        let damaged = || IdentityError::Damaged { path: path.to_owned() };
        match serde_json::from_slice(text) {
            Ok(Versioned { format: found }) if found > FORMAT => {
                return Err(IdentityError::Newer { path: path.to_owned(), found });
            }
            Ok(Versioned { format: FORMAT }) => {}
            Ok(_) | Err(_) => return Err(damaged()),
        }
        let identity: Self = serde_json::from_slice(text).map_err(|_| damaged())?;
        if identity.chain.len() < 2 {
            return Err(damaged());
        }
        Ok(identity)
    }

    /// Writes it whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), IdentityError> {
        write_private(path, self).map_err(|source| IdentityError::Write { path: path.to_owned(), source })
    }

    /// SHA-256 of nothing secret: the CA certificate, DER.
    pub fn ca_der(&self) -> &[u8] {
        self.chain.last().map_or(&[], Vec::as_slice)
    }
}

fn write_private(path: &Path, identity: &Identity) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let temporary = path.with_extension("new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(&serde_json::to_vec(identity).map_err(io::Error::other)?)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

impl std::fmt::Debug for Identity {
    /// Leaves the key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Identity");
        shown.field("subject", &self.subject).field("address", &self.address).field("expires", &self.expires);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_of_a_newer_format_is_told_from_a_damaged_one() {
        let load =
            |text: &str| Identity::parse(text.as_bytes(), Path::new("identity.json")).expect_err("it cannot be used");
        assert!(matches!(load(r#"{"format":2,"keys":[]}"#), IdentityError::Newer { found: 2, .. }));
        for damaged in [r#"{"format":1}"#, r#"{"format":0}"#, "{}", "no JSON"] {
            assert!(matches!(load(damaged), IdentityError::Damaged { .. }), "{damaged}");
        }
    }
}
