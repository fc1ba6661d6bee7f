//! Backups: what one holds, where it is kept, what was proven of it.

mod access;
mod made;
mod manifest;
mod repository;
mod seen;
mod wish;

pub use access::{Access, PlaceAccess, Secret};
pub use made::{CopyMade, DrillMade, Made, RestoreMade};
pub use manifest::{Cause, Counted, EngineKind, Hold, HoldKind, Kept, Manifest, Part, Root};
pub use repository::{Place, RepositoryDesired};
pub use seen::{BackupKey, BackupSeen, Coverage, Proof, StoreSeen, StoreState};
pub use wish::{DataAction, DataWish, Source};
