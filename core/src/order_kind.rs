//! Kinds of orders.

use std::fmt;
use std::str::FromStr;

/// Kind of an order, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderKind {
    /// Install an instance.
    Install,
    /// Move it to another release.
    Upgrade,
    /// Apply other values.
    Configure,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it, then start it.
    Restart,
    /// Remove it.
    Remove,
    /// Back it up.
    Backup,
    /// Prove a backup of it.
    Drill,
    /// Restore its data.
    Restore,
    /// Remove backups of it.
    Forget,
}

impl OrderKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Install,
        Self::Upgrade,
        Self::Configure,
        Self::Start,
        Self::Stop,
        Self::Restart,
        Self::Remove,
        Self::Backup,
        Self::Drill,
        Self::Restore,
        Self::Forget,
    ];

    /// Returns its name, as metrics and messages have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Configure => "configure",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Remove => "remove",
            Self::Backup => "backup",
            Self::Drill => "drill",
            Self::Restore => "restore",
            Self::Forget => "forget",
        }
    }
}

impl fmt::Display for OrderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Name of a kind of orders that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of an order")]
pub struct OrderKindError(String);

impl FromStr for OrderKind {
    type Err = OrderKindError;
    fn from_str(name: &str) -> Result<Self, OrderKindError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| OrderKindError(name.to_owned()))
    }
}
