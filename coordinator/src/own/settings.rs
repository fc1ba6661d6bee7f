//! Settings of the coordinator's own backups, with the key: two files, readable by their owner only.
//!
//! `own-backup.json` has the coordinator's settings. The operator keeps `own-backup.recovery` elsewhere: with it and
//! the repository, everything can be restored.

use crate::home::OWN_BACKUPS;
use crate::identity::{IdentityError, write_private};
use crate::repositories::{SealError, WorkerLauncher, sealed_to};
use fleet_core::names::RepositoryName;
use fleet_repository::Secrets;
use fleet_repository::client::RepositoryError;
use fleet_repository::worker::BackendSpec;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

pub const FILE: &str = "own-backup.json";
const RECOVERY: &str = "own-backup.recovery";
const SEALED: &str = "own-backup.recovery.age";

/// Settings that the coordinator uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnBackup {
    /// Location of the repository.
    pub place: BackendSpec,
    /// Master key of the repository.
    pub master_key: Hidden,
    /// Seconds between two backups.
    pub every_seconds: u64,
    /// Number of the newest backups that are kept.
    pub keep: usize,
}

/// Recovery file for the operator to keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// Explanation for a person who opens the file years later.
    pub about: String,
    /// Location of the repository.
    pub place: BackendSpec,
    /// Secrets that open the repository.
    pub secrets: Secrets,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Failure of the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Keys could not be generated; the text is the cause.
    #[error("could not make a key for the coordinator's own backups: {0}")]
    Keys(String),
    /// A secret could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] IdentityError),
    /// The repository could not be created.
    #[error("could not make the repository of the coordinator's own backups")]
    Make(#[from] RepositoryError),
    /// The settings could not be read.
    #[error("could not read where the coordinator's own backups go")]
    Read(#[source] io::Error),
    /// The settings are damaged.
    #[error("`{FILE}` cannot be understood")]
    Damaged(#[source] serde_json::Error),
}

/// Returns the name of the repository of the coordinator's own backups.
pub(super) fn own_name() -> RepositoryName {
    OWN_BACKUPS.parse().expect("its letters and its dash are a name")
}

const ABOUT: &str = "This opens the backups of a fleet coordinator. `fleet-coordinator restore --recovery THIS-FILE --data-dir \
                     DIR` brings the newest back. Without fleet: stock restic opens the place with the password; \
                     facts.jsonl, ca.key, ca.crt and secrets.key are in its snapshots with the tag kind=dumps.";

impl OwnBackup {
    const DAY: u64 = 86_400;
    const KEEP: usize = 14;

    /// Makes the repository and its key, and writes both files; the operator's is sealed where there is someone to seal it to.
    /// Gives back its name.
    pub async fn set_up(
        directory: &Path,
        place: BackendSpec,
        recipient: Option<&str>,
        launcher: &WorkerLauncher,
    ) -> Result<&'static str, SettingsError> {
        let secrets = Secrets::generate().map_err(|error| SettingsError::Keys(error.to_string()))?;
        let own = Self {
            place: place.clone(),
            master_key: Hidden(secrets.master_key.clone()),
            every_seconds: Self::DAY,
            keep: Self::KEEP,
        };
        let recovery = Recovery { about: ABOUT.to_owned(), place: place.clone(), secrets: secrets.clone() };
        let text = serde_json::to_string_pretty(&recovery).map_err(SettingsError::Damaged)?;
        let (name, text) = match recipient {
            None => (RECOVERY, text),
            Some(recipient) => (SEALED, sealed_to(recipient, &text)?),
        };
        // The repository's key is stored before anything is encrypted with it.
        write_private(&directory.join(name), text.as_bytes())?;
        launcher.with(own_name(), place, secrets).create().await?;
        let own = serde_json::to_string_pretty(&own).map_err(SettingsError::Damaged)?;
        write_private(&directory.join(FILE), own.as_bytes())?;
        Ok(name)
    }

    /// Loads the settings from `init`; nothing if the coordinator was created without them.
    pub fn load(directory: &Path) -> Result<Option<Self>, SettingsError> {
        match fs::read(directory.join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(SettingsError::Damaged),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SettingsError::Read(error)),
        }
    }
}
