//! Repositories of the fleet's instances: those on the coordinator's disk, their keys, and their maintenance.
//!
//! **Invariant:** a host can add to its own repositories and read them; none of its requests removes or overwrites a
//! file.

mod allowed;
mod catalog;
mod choice;
mod claims;
mod disk;
mod extract;
mod housekeeping;
mod inspect;
mod kit;
mod launcher;
mod lines;
mod lost;
mod making;
mod quota;
mod reads;
mod reason;
mod repository_service;
mod retired;
mod room;
mod route;
mod secrets;
mod service;
mod unasked;
mod upload;
mod writer;

pub use catalog::{Rebuilt, unreadable_file};
pub use choice::Candidate;
pub use disk::{Disk, DiskError, Space};
pub use extract::Opened;
pub use housekeeping::{keep_house, said};
pub use kit::{Kit, Kits, SealError, sealed_to};
pub use launcher::WorkerLauncher;
pub use making::make_repositories;
pub use repository_service::{RepositoryService, RepositoryServiceError, Which};
pub use retired::{RetainedValuesFound, RetiredRepository, retire};
pub use secrets::{BucketKeys, RepositoryKeys, RepositorySecrets, SecretsError};
pub use service::RepositoriesService;
