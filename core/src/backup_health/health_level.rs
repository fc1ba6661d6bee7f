//! Level of the health of backups.

use std::fmt;

/// The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthLevel {
    /// There is no good backup.
    Never,
    /// The last attempt at a backup or a drill failed, and none has succeeded since.
    Failing,
    /// The newest backup, or the newest proof, is older than the policy allows, in one of its repositories.
    Late,
    /// No policy asks for backups, or something that the instance has is in none.
    Uncovered,
    /// No problem.
    Ok,
}

impl HealthLevel {
    /// Returns the word for the level.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Failing => "failing",
            Self::Late => "late",
            Self::Uncovered => "uncovered",
            Self::Ok => "ok",
        }
    }
}

impl fmt::Display for HealthLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
