//! The repositories of the fleet's instances: those on the coordinator's disk, their keys, and what is looked after in them.
//!
//! **Invariant:** a host can add to its own repositories and read them; nothing that it says removes or overwrites a file.

mod allowed;
mod catalog;
mod choice;
mod claims;
mod disk;
mod extract;
mod former;
mod housekeeping;
mod keeper;
mod kit;
mod lines;
mod look;
mod lost;
mod making;
mod quota;
mod reads;
mod room;
mod secrets;
mod service;
mod unasked;
mod upload;
mod way;
mod work;
mod writer;

pub use catalog::Rebuilt;
pub use choice::Candidate;
pub use disk::{Disk, DiskError, FOLDER, Space};
pub use extract::Opened;
pub use former::{Former, FormerFound, retire};
pub use housekeeping::{keep_house, said};
pub use keeper::{Keeper, KeeperError, Which};
pub use kit::{Kit, Kits, SealError, sealed_to};
pub use making::make_repositories;
pub use secrets::{BucketKeys, RepositoryKeys, RepositorySecrets, SecretsError};
pub use service::RepositoriesService;
pub use work::{SUBCOMMAND, Shelf, WorkError, Workshop};
