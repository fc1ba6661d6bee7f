//! The coordinator's directory: its CA, the key for its secrets, its store, and the settings from `init`.
//!
//! **Invariant:** the settings are written last, so a directory with settings is complete.

use crate::clock;
use crate::identity::{Authority, IdentityError, Seal, TokenKept, hash_of_secret, host_of, new_secret};
use crate::keys;
use crate::store::{Batch, Expect, SledStore, Store, StoreError};
use fleet_core::access::{JoinToken, Role, Subject};
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Lifetime of the first administrator's token.
const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
const STORE: &str = "store";
/// Folder of the repositories on the coordinator's own disk.
pub const REPOSITORIES: &str = "repositories";
/// Folder of the coordinator's own backups, the default; also the name of their repository.
pub const OWN_BACKUPS: &str = "own-backups";
/// Marker file during a restore of the coordinator: the directory is not a coordinator yet.
const UNFINISHED: &str = "restore-unfinished";

/// Settings from `init` that `serve` uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `HOST:PORT` under which agents and operators reach the port; the first one is in join tokens.
    pub addresses: Vec<String>,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Lifetime of new certificates in seconds.
    pub certificate_seconds: u64,
    /// Time at which the directory was created.
    pub created: Time,
}

impl Settings {
    /// Returns the lifetime of new certificates.
    pub fn certificate_life(&self) -> Duration {
        Duration::from_secs(self.certificate_seconds)
    }

    /// The address that join tokens carry.
    pub fn address(&self) -> &str {
        self.addresses.first().map_or("", String::as_str)
    }
}

/// An opened directory.
#[derive(Debug)]
pub struct Home {
    /// The directory.
    pub path: PathBuf,
    /// Settings from `init`.
    pub settings: Settings,
    /// The fleet's CA.
    pub authority: Authority,
    /// Key that seals secrets in the store.
    pub seal: Seal,
    /// Store that holds the facts.
    pub store: Arc<dyn Store>,
}

/// Failure of the coordinator's directory.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The directory is not empty, so nothing is created in it.
    #[error("could not make a coordinator in `{path}`: the directory is not empty")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds no coordinator.
    #[error("there is no coordinator in `{path}`")]
    NotInitialised {
        /// The directory.
        path: PathBuf,
    },
    /// A restore into the directory has not finished.
    #[error("the coordinator in `{path}` was not brought back to its end")]
    Unfinished {
        /// The directory.
        path: PathBuf,
    },
    /// The address is not valid.
    #[error("`{0}` is not an address: write HOST:PORT, such as `fleet.example.org:7443`")]
    Address(String),
    /// A file operation failed.
    #[error("could not prepare the directory `{path}`")]
    Directory {
        /// File or folder.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// The coordinator's keys could not be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl HomeError {
    /// Returns the next action for the person, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotEmpty { .. } => {
                Some("choose another directory, or serve the coordinator that is there".to_owned())
            }
            Self::NotInitialised { path } => {
                let path = path.display();
                Some(format!("make one: `fleet-coordinator init --data-dir {path} --address HOST:PORT`"))
            }
            Self::Unfinished { .. } => Some("begin again: `fleet-coordinator restore`, as before".to_owned()),
            Self::Store(StoreError::InUse { .. }) => Some("stop the coordinator that runs on it first".to_owned()),
            Self::Address(_) | Self::Directory { .. } | Self::Identity(_) | Self::Store(_) => None,
        }
    }
}

impl Home {
    /// Makes a new coordinator, and the join token of its first administrator.
    pub async fn init(path: &Path, settings: Settings) -> Result<(Self, JoinToken), HomeError> {
        settings.addresses.iter().try_for_each(|address| check_address(address))?;
        make_empty(path, &[])?;
        let store = SledStore::open(&path.join(STORE))?;
        let home = Self::create(path, settings, Arc::new(store)).await?;
        let token = home.admit_operator("admin", Role::Administrator, clock::now()).await?;
        Ok((home, token))
    }

    /// Makes a new coordinator over a store; its keys go to a directory.
    pub async fn create(path: &Path, settings: Settings, store: Arc<dyn Store>) -> Result<Self, HomeError> {
        let authority = Authority::create(path, clock::now())?;
        let seal = Seal::create(path)?;
        let mut batch = Batch::new();
        batch.expect(keys::SETTINGS, Expect::Absent);
        batch.put(keys::SETTINGS, &settings);
        store.commit(batch).await?;
        Ok(Self { path: path.to_owned(), settings, authority, seal, store })
    }

    /// Opens an existing directory, its keys and its store. Fails if a restore into it has not finished.
    pub fn open(path: &Path) -> Result<Self, HomeError> {
        if path.join(UNFINISHED).exists() {
            return Err(HomeError::Unfinished { path: path.to_owned() });
        }
        if !path.join(STORE).is_dir() {
            return Err(HomeError::NotInitialised { path: path.to_owned() });
        }
        let store = SledStore::open(&path.join(STORE))?;
        Self::with_store(path, Arc::new(store))
    }

    /// Opens the keys of a directory over a store that is open already.
    pub fn with_store(path: &Path, store: Arc<dyn Store>) -> Result<Self, HomeError> {
        let settings = store.get(keys::SETTINGS)?.ok_or_else(|| HomeError::NotInitialised { path: path.to_owned() })?;
        let settings = settings.read()?;
        let (authority, seal) = (Authority::load(path)?, Seal::load(path)?);
        Ok(Self { path: path.to_owned(), settings, authority, seal, store })
    }

    /// Makes a token for an operator without a caller: for the first administrator, and after the loss of all.
    pub async fn admit_operator(&self, name: &str, role: Role, now: Time) -> Result<JoinToken, HomeError> {
        let subject = format!("operator:{name}").parse::<Subject>();
        let subject = subject.map_err(|_| HomeError::Address(name.to_owned()))?;
        let secret = new_secret()?;
        let expires = now.after(TOKEN_LIFE);
        let role = Some(role);
        let token = TokenKept::new(subject, role, 1, now, expires);
        let mut batch = Batch::new();
        batch.put(keys::token(&hash_of_secret(&secret)), &token);
        self.store.commit(batch).await?;
        Ok(self.token(secret))
    }

    fn token(&self, secret: [u8; 32]) -> JoinToken {
        let (address, ca_fingerprint) = (self.settings.address().to_owned(), self.authority.fingerprint());
        JoinToken { address, ca_fingerprint, secret }
    }
}

fn check_address(address: &str) -> Result<(), HomeError> {
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let host = host_of(address).filter(|host| !host.contains(char::is_whitespace));
    match (host, port) {
        (Some(_), Some(_)) => Ok(()),
        (None, _) | (_, None) => Err(HomeError::Address(address.to_owned())),
    }
}

impl Home {
    /// Prepares a directory for a restore: an empty one except for surviving repositories, or one with an interrupted
    /// restore. It is no coordinator until the restore is finished.
    pub fn begin_restore(path: &Path) -> Result<(), HomeError> {
        let wrong = |source| HomeError::Directory { path: path.to_owned(), source };
        let marker = path.join(UNFINISHED);
        if marker.exists() {
            clear(path, &[UNFINISHED, REPOSITORIES, OWN_BACKUPS]).map_err(wrong)?;
        } else {
            make_empty(path, &[REPOSITORIES, OWN_BACKUPS])?;
        }
        fs::File::create(&marker).and_then(|file| file.sync_all()).map_err(wrong)?;
        sync(path).map_err(wrong)
    }

    /// Marks a restored directory as complete, once all its files are on disk.
    pub fn finish_restore(path: &Path) -> Result<(), HomeError> {
        let finish = || {
            // All restored files are on disk before the directory is marked as complete.
            sync(path)?;
            fs::remove_file(path.join(UNFINISHED))?;
            sync(path)
        };
        finish().map_err(|source| HomeError::Directory { path: path.to_owned(), source })
    }

    /// Removes everything that `init` has created after a later part failed: nothing has been confirmed yet.
    pub fn undo_init(path: &Path) -> Result<(), HomeError> {
        clear(path, &[]).map_err(|source| HomeError::Directory { path: path.to_owned(), source })
    }

    /// Returns the path of the store.
    pub fn store_of(path: &Path) -> PathBuf {
        path.join(STORE)
    }
}

/// Makes an empty directory, or takes one; these may be in it.
fn make_empty(path: &Path, but: &[&str]) -> Result<(), HomeError> {
    let directory = |source| HomeError::Directory { path: path.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(directory)?;
    if !others(path, but).map_err(directory)?.is_empty() {
        return Err(HomeError::NotEmpty { path: path.to_owned() });
    }
    // Only now is it sure that the directory is ours to change.
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(directory)
}

/// Returns the content of a directory without these entries.
fn others(path: &Path, but: &[&str]) -> io::Result<Vec<fs::DirEntry>> {
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries.into_iter().filter(|entry| but.iter().all(|name| entry.file_name() != *name)).collect())
}

fn clear(path: &Path, but: &[&str]) -> io::Result<()> {
    for entry in others(path, but)? {
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}

fn sync(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}
