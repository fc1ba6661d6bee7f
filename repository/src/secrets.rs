//! Secrets that open a repository: a password for stock restic, and the master key for fleet.
//!
//! Deriving the key from the password takes 128 MiB of memory and a third of a second, by design. With the master key,
//! neither is needed.

use crate::error::{Error, Result};
use data_encoding::HEXLOWER;
use rustic_core::repofile::MasterKey;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Both ways into one repository. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// Password for stock restic. Empty if the caller only has the key.
    pub password: String,
    /// The key itself, as restic writes it down: JSON.
    pub master_key: String,
}

impl Secrets {
    /// New ones, from the system's randomness. Keep them, then create the repository with them: a creation that was cut off
    /// is then simply repeated.
    pub fn generate() -> Result<Self> {
        let refused = |reason: String| Error::Rustic { doing: "make a key", reason };
        let mut password = [0_u8; 32];
        getrandom::fill(&mut password).map_err(|error| refused(error.to_string()))?;
        let password = HEXLOWER.encode(&password);
        let master_key = serde_json::to_string(&MasterKey::new()).map_err(|error| refused(error.to_string()))?;
        Ok(Self { password, master_key })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}
