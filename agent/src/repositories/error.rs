//! Why a repository did not do what was asked, told apart by whose fault it is.

use fleet_core::names::RepositoryName;

/// What failed at a repository, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the repository `{repository}`: could not {doing}: {reason}")]
pub struct RepositoryError {
    pub repository: RepositoryName,
    pub doing: String,
    pub reason: String,
    pub trouble: Trouble,
}

/// Whether the backup itself is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// What was kept is damaged or gone.
    Damaged,
    /// Anything else: the way there, the place, this host.
    Other,
}
