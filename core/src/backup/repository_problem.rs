//! Problems of one instance's repository, as values. `fleet` turns them into words.

use super::{BackupDamage, Shrunk};
use crate::names::{BackupId, OrderId};
use crate::plain_text::ShortText;
use serde::{Deserialize, Deserializer, Serialize};

/// A problem of one instance's repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum RepositoryProblem {
    /// Text of a program from before problems were codes.
    Text(ShortText),
    /// Backups are damaged.
    Damaged {
        /// Number of damaged backups.
        count: usize,
        /// First one.
        first: BackupId,
        /// Damage of the first one.
        reason: BackupDamage,
    },
    /// The host adds more than its order may add, and is refused.
    OverQuota {
        /// Order that adds.
        order: OrderId,
        /// Limit in bytes.
        limit: u64,
    },
    /// The maintenance failed.
    NotMaintained(ShortText),
    /// The content could not be read for the catalog.
    NotListed(ShortText),
    /// A key or the config cannot be read; the text names the file and the cause.
    KeyUnreadable(ShortText),
    /// The newest backup is much smaller than an earlier one, so nothing is forgotten.
    ForgettingHalted {
        /// Size of the newest backup in bytes.
        bytes: u64,
        /// Larger backup from before.
        before: BackupId,
        /// Size of the larger backup in bytes.
        before_bytes: u64,
    },
    /// The repository has backups that no order requested.
    Unrequested {
        /// Number of these backups.
        count: usize,
        /// First one.
        first: BackupId,
    },
    /// The repository has unused snapshots with the ids of backups.
    ForeignSnapshots {
        /// Number of these backups.
        count: usize,
        /// First one.
        first: BackupId,
    },
    /// The repository claims proofs of which no drill reported.
    FalseProofs {
        /// Number of these backups.
        count: usize,
        /// First one.
        first: BackupId,
    },
}

impl From<&Shrunk> for RepositoryProblem {
    fn from(shrunk: &Shrunk) -> Self {
        let Shrunk { bytes, before, before_bytes, .. } = shrunk;
        Self::ForgettingHalted { bytes: *bytes, before: before.clone(), before_bytes: *before_bytes }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum KeptProblem {
    Text(ShortText),
    Problem(RepositoryProblem),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum KeptProblems {
    Several(Vec<KeptProblem>),
    One(KeptProblem),
}

impl From<KeptProblem> for RepositoryProblem {
    fn from(kept: KeptProblem) -> Self {
        match kept {
            KeptProblem::Text(text) => Self::Text(text),
            KeptProblem::Problem(problem) => problem,
        }
    }
}

impl RepositoryProblem {
    /// Reads a kept problem; earlier versions kept it as text.
    ///
    /// # Errors
    /// Fails if the value is neither.
    pub fn read_kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(Option::<KeptProblem>::deserialize(deserializer)?.map(Self::from))
    }

    /// Reads kept problems; earlier versions kept them as one text, or nothing.
    ///
    /// # Errors
    /// Fails if the value is none of these.
    pub fn read_all_kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Self>, D::Error> {
        Ok(match Option::<KeptProblems>::deserialize(deserializer)? {
            Some(KeptProblems::Several(all)) => all.into_iter().map(Self::from).collect(),
            Some(KeptProblems::One(one)) => vec![one.into()],
            None => Vec::new(),
        })
    }
}
