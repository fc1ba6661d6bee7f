//! What operators ask and wish of backups.

mod chosen;
mod difference;
mod kits;
mod listing;
mod places;
mod policies;
mod reading;
mod restoring;
mod service;
mod standing;
mod wishes;

pub use service::BackupsService;
pub use standing::tally;
