//! The coordinator's own backups: its facts, its CA and its keys, in a repository of restic's format like everybody's.
//!
//! **Invariant:** the secrets needed to read them are written once, when the coordinator is created, for its operator
//! to keep elsewhere; the coordinator itself never shows them again.

mod location;
mod restore;
mod settings;
mod take;

pub use location::{BackendError, read_place};
pub use restore::{RestoreError, restore};
pub use settings::{OwnBackup, Recovery, SettingsError};
pub use take::{OwnBackupHealth, OwnError, keep_own_backups, own_backup_health, take_own_backup};

/// The files of the coordinator's directory that a backup holds, in the order of their names; `facts.jsonl` is its export.
const FILES: [&str; 4] = ["ca.crt", "ca.key", settings::FILE, "secrets.key"];
const FACTS: &str = "facts.jsonl";
