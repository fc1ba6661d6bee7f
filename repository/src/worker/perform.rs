//! Requests without streams, done on a repository that is open.

use super::request::{Answer, Work};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::repository::Repository;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

impl Work {
    /// Does the work in this process.
    ///
    /// # Errors
    /// Fails as the repository does; refuses what has streams, and what begins without a repository.
    pub fn perform(self, repository: &Repository) -> Result<Answer> {
        Ok(match self {
            Self::Create | Self::ArchiveStreams { .. } | Self::ReadStream { .. } => {
                return Err(Error::refused("it is not done on an open repository alone"));
            }
            Self::ArchiveTrees { part, trees } => {
                repository.resume()?;
                Answer::Trees(repository.archive_trees(&part, &trees, &Arc::new(Gate::default()))?)
            }
            Self::WriteSet { part, manifest } => Answer::Set { snapshot: repository.write_set(&part, manifest)? },
            Self::WriteProof { part, proof } => Answer::Proof { snapshot: repository.write_proof(&part, proof)? },
            Self::Sets => Answer::Sets(repository.sets()?),
            Self::Set { backup, most } => Answer::Sets(repository.set(&backup, most)?),
            Self::Proofs => Answer::Proofs(repository.proofs()?),
            Self::Unfinished => Answer::Unfinished(repository.unfinished()?),
            Self::Latest { kind } => Answer::Latest(repository.latest(kind)?),
            Self::List { snapshot, path } => Answer::Entries(repository.list(&snapshot, OsStr::from_bytes(&path))?),
            Self::RestoreTree { snapshot, path, to, options } => {
                Answer::Restored(repository.restore_tree(&snapshot, &path, &to, &options)?)
            }
            Self::FillBucket { snapshot, path, to, extra } => {
                Answer::Filled(repository.fill_bucket(&snapshot, &path, &to, extra)?)
            }
            Self::LookAtBucket { bucket, sample } => {
                Answer::Looked(crate::bucket::inspect(&bucket, &sample, repository.activity())?)
            }
            Self::Check { read } => Answer::Checked(repository.check(read)?),
            Self::Forget { backups } => Answer::Forgotten(repository.forget(&backups)?),
            Self::Prune { how } => Answer::Pruned { bytes: repository.prune(how)? },
            Self::Resume => Answer::Resumed(repository.resume()?),
            Self::Stats => Answer::Stats(repository.stats()?),
        })
    }
}
