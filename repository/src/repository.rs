//! One repository: creating it, opening it, and its size.

mod files;

use crate::activity::ActivityCounter;
use crate::backend::{Backend, BackendError, FileId, FileKind};
use crate::crypt::Key;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::register::EVERY;
use crate::run::{Chunks, Indexes, Removal, Run};
use crate::rustic_backend::RusticBackend;
use crate::secrets::Secrets;
use bytes::Bytes;
use rustic_core::repofile::{ConfigFile, MasterKey};
use rustic_core::{
    ConfigOptions, Credentials, KeyOptions, OpenStatus, RepositoryBackends, RepositoryOptions, RusticError,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Pack size of restic. All packs have it, because three of them are in memory during a run.
const DATA_PACK: u32 = 16 << 20;
const TREE_PACK: u32 = 4 << 20;
/// zstd's level for small chunks: of rows in 16 KiB it stores 6 % less than its default (3), of prose 3 % more, and it takes a
/// quarter less time for either (`zstd -b1 -e3 -B16K`).
const PACKING_OF_SMALL: i32 = 1;
/// Number of files of a kind that are tried to find out whether the config or the key is wrong.
const TRIED: usize = 8;

/// An open repository. Cheap to make from its master key; holds no index and no connection of its own.
pub struct Repository {
    place: Arc<dyn Backend>,
    key: Key,
    master_key: MasterKey,
    /// Config; none if it is damaged, because reading needs none.
    config: Option<ConfigFile>,
    /// Maximum time that a new pack may stay in storage during a run before an index names it.
    naming: Duration,
    activity: ActivityCounter,
}

/// Size of a repository, as stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Bytes of all packs.
    pub bytes: u64,
    /// Number of packs.
    pub packs: u64,
    /// Number of snapshots.
    pub snapshots: u64,
    /// Number of index files.
    pub index_files: u64,
}

/// Repository of rustic_core with its backend.
pub(crate) struct RusticRepository {
    pub(crate) repository: rustic_core::Repository<OpenStatus>,
    pub(crate) backend: Arc<RusticBackend>,
}

impl Repository {
    /// Makes a repository with these secrets. One that was made with them already, or half made, is completed and opened.
    pub fn create(place: &Arc<dyn Backend>, secrets: &Secrets) -> Result<Self> {
        let at = |doing: &str| failed_at(&**place, doing);
        if place.list(FileKind::Config).map_err(at("look for a repository"))?.is_empty() {
            let master_key = parse_master_key(&**place, secrets)?;
            let backend = Arc::new(RusticBackend::plain(place.clone()));
            let made = plain_engine(&backend).and_then(|new| {
                new.init(&Credentials::Masterkey(master_key), &KeyOptions::default(), &config_options())
            });
            made.map_err(|error| engine_error("create a repository", place, &backend, None, &error))?;
        }
        let repository = Self::open(place.clone(), secrets).map_err(|error| match error {
            Error::WrongKey { place } => Error::Occupied { place },
            other => other,
        })?;
        if place.list(FileKind::Key).map_err(at("look for keys"))?.is_empty() {
            repository.add_password(&secrets.password)?;
        }
        Ok(repository)
    }

    /// Opens an existing repository. Only the master key is used; the password is for stock restic.
    pub fn open(place: Arc<dyn Backend>, secrets: &Secrets) -> Result<Self> {
        let master_key = parse_master_key(&*place, secrets)?;
        let key = Key::from_json(&secrets.master_key).map_err(|_| wrong_key(&*place))?;
        let sealed = match place.read(FileKind::Config, &FileId::default()) {
            Ok(sealed) => sealed,
            Err(BackendError::Missing) => return Err(Error::NoRepository { place: place.name() }),
            Err(error) => return Err(failed_at(&*place, "read the config")(error)),
        };
        let config = key.open_file(&sealed).ok().and_then(|opened| serde_json::from_slice(&opened).ok());
        let repository = Self { place, key, master_key, config, naming: EVERY, activity: ActivityCounter::default() };
        if repository.config.is_none() && !repository.is_ours()? {
            return Err(wrong_key(&*repository.place));
        }
        Ok(repository)
    }

    /// Returns whether the key opens any file other than the config.
    fn is_ours(&self) -> Result<bool> {
        for kind in [FileKind::Snapshot, FileKind::Index] {
            for (id, _) in self.list_files(kind)?.into_iter().take(TRIED) {
                match self.open_file(kind, &id) {
                    Ok(Some(_)) => return Ok(true),
                    Ok(None) | Err(Error::Damaged { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(false)
    }

    /// Adds a key file, so that stock restic opens the repository with this password.
    fn add_password(&self, password: &str) -> Result<()> {
        if password.is_empty() {
            return Err(Error::refused("a repository without a password cannot be opened by stock restic"));
        }
        let RusticRepository { repository, backend } = self.engine(&Run::upkeep(Removal::IndexFirst))?;
        let added = repository.add_key(password, &KeyOptions::default());
        added.map_err(|error| engine_error("add a key", &self.place, &backend, None, &error)).map(drop)
    }

    /// Returns the size of the repository.
    pub fn stats(&self) -> Result<Stats> {
        let mut stats = Stats::default();
        for kind in FileKind::ALL {
            let files = self.list_files(kind)?;
            stats.bytes += files.iter().map(|(_, size)| size).sum::<u64>();
            let count = files.len() as u64;
            match kind {
                FileKind::Pack => stats.packs = count,
                FileKind::Snapshot => stats.snapshots = count,
                FileKind::Index => stats.index_files = count,
                FileKind::Config | FileKind::Key => {}
            }
        }
        Ok(stats)
    }

    /// Sets the counter that grows while folders are walked.
    pub fn with_activity(self, activity: ActivityCounter) -> Self {
        Self { activity, ..self }
    }

    pub(crate) fn activity(&self) -> &ActivityCounter {
        &self.activity
    }

    pub(crate) fn place(&self) -> &dyn Backend {
        &*self.place
    }

    pub(crate) fn naming(&self) -> Duration {
        self.naming
    }

    #[cfg(test)]
    pub(crate) fn name_packs_every(&mut self, naming: Duration) {
        self.naming = naming;
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn at_place(&self, doing: &str) -> impl FnOnce(BackendError) -> Error + use<> {
        failed_at(&*self.place, doing)
    }

    /// Opens the repository once more, for rustic_core.
    pub(crate) fn engine(&self, run: &Run) -> Result<RusticRepository> {
        let doing = "open the repository for a run";
        let damaged = || Error::Damaged {
            kind: FileKind::Config,
            id: FileId::default(),
            reason: "nothing is added before it is put back from another copy".to_owned(),
        };
        let mut config = self.config.clone().ok_or_else(damaged)?;
        config.append_only = None;
        config.datapack_size = Some(DATA_PACK);
        config.treepack_size = Some(TREE_PACK);
        (config.datapack_growfactor, config.treepack_growfactor) = (Some(0), Some(0));
        if let Chunks::Small(size) = run.chunks {
            config.chunk_size = Some(size);
            config.chunk_min_size = Some(size / 2);
            config.chunk_max_size = Some(size * 4);
            config.compression = Some(PACKING_OF_SMALL);
        }
        let json = serde_json::to_vec(&config).map_err(|e| Error::Rustic { doing, reason: e.to_string() })?;
        let sealed = self.key.seal_file(&json).map_err(|e| Error::Rustic { doing, reason: e.to_string() })?;
        let mut backend =
            RusticBackend::plain(self.place.clone()).with_config(Bytes::from(sealed)).with_snapshots(run.snapshots);
        if run.indexes == Indexes::ThatCanBeRead {
            backend = backend.without_damaged_indexes(self.key.clone());
        }
        if let Some(gate) = &run.gate {
            backend = backend.with_gate(gate.clone());
        }
        if let Some(register) = &run.register {
            backend = backend.with_register(register.clone());
        }
        if run.removal == Removal::PacksFirst {
            backend = backend.with_late_removal();
        }
        let backend = Arc::new(backend);
        let credentials = Credentials::Masterkey(self.master_key.clone());
        let opened = plain_engine(&backend).and_then(|repository| repository.open(&credentials));
        let repository = opened.map_err(|error| engine_error(doing, &self.place, &backend, None, &error))?;
        Ok(RusticRepository { repository, backend })
    }

    /// Converts an error of rustic_core. Returns the error of a source or of the storage if one of them was the cause.
    pub(crate) fn engine_error(
        &self,
        doing: &'static str,
        backend: &RusticBackend,
        gate: Option<&Gate>,
        error: &RusticError,
    ) -> Error {
        engine_error(doing, &self.place, backend, gate, error)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("place", &self.place.name()).finish_non_exhaustive()
    }
}

fn failed_at(place: &dyn Backend, doing: &str) -> impl FnOnce(BackendError) -> Error + use<> {
    let (place, doing) = (place.name(), doing.to_owned());
    move |source| Error::Backend { doing, place, source }
}

fn engine_error(
    doing: &'static str,
    place: &Arc<dyn Backend>,
    backend: &RusticBackend,
    gate: Option<&Gate>,
    error: &RusticError,
) -> Error {
    if let Some((name, reason)) = gate.and_then(Gate::reason) {
        return Error::Source { name, reason };
    }
    match backend.take_failure() {
        Some((doing, source)) => Error::Backend { doing, place: place.name(), source },
        None => Error::Rustic { doing, reason: error.display_log() },
    }
}

fn plain_engine(backend: &Arc<RusticBackend>) -> rustic_core::RusticResult<rustic_core::Repository<()>> {
    let options = RepositoryOptions::default().no_cache(true);
    rustic_core::Repository::new(&options, &RepositoryBackends::new(backend.clone(), None))
}

fn config_options() -> ConfigOptions {
    ConfigOptions::default()
}

fn wrong_key(place: &dyn Backend) -> Error {
    Error::WrongKey { place: place.name() }
}

fn parse_master_key(place: &dyn Backend, secrets: &Secrets) -> Result<MasterKey> {
    Key::from_json(&secrets.master_key).map_err(|_| wrong_key(place))?;
    serde_json::from_str(&secrets.master_key).map_err(|_| wrong_key(place))
}
