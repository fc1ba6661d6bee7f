//! Operators' queries and requests about backups.

mod chosen;
mod health;
mod kits;
mod listing;
mod locations;
mod policies;
mod reading;
mod requests;
mod restore_in_place;
mod restore_plan;
mod restore_release;
mod restoring;
mod service;

pub use health::tally;
pub use service::BackupsService;
