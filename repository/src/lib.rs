//! Keeps backups in restic's format, in folders and buckets.
//!
//! rustic_core writes and prunes. This crate reads, checks and restores, without a call that can panic on the data.
//! **Invariant:** no type of rustic_core is part of this crate's interface.

#![warn(missing_docs)]

// Shared test files use the crate under its external name.
#[cfg(test)]
extern crate self as fleet_repository;
#[cfg(test)]
#[path = "../tests/common/watched.rs"]
mod watched;

mod activity;
pub mod archive;
pub mod backend;
pub mod backup;
pub mod bucket;
mod check;
pub mod client;
mod crypt;
mod damage;
mod error;
mod forget;
mod format;
mod gate;
mod hexadecimal;
mod listing;
mod parallel;
mod reader;
mod register;
mod removal;
mod repository;
mod restore;
mod resume;
mod run;
mod rustic_backend;
mod secrets;
pub mod worker;

pub use activity::ActivityCounter;
pub use archive::{
    ArchivedStream, ArchivedStreams, ArchivedTrees, BucketTree, FileHash, Stream, Tree, TreeSize, Trees,
};
pub use backend::{Backend, BackendError, FileId, FileKind};
pub use backup::{Kind, MAX_MANIFEST, Part, PartRecord, ProofRecord, SetRecord, SnapshotOwner};
pub use check::{CheckReport, DamagedBackup, DamagedPack, ReadData};
pub use damage::Unreadable;
pub use damage::is_of_one_file;
pub use error::{Error, Result};
pub use forget::{Forgotten, Prune};
pub use gate::Gate;
pub use listing::{Entry, EntryKind, Proofs, Sets};
pub use reader::StreamReader;
pub use repository::{Repository, Stats};
pub use restore::{Existing, OnDamage, Owners, RestoreOptions, Restored};
pub use resume::Resumed;
pub use secrets::Secrets;
