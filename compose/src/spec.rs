//! Description of one instance on its host, independent of the Engine's API: the networks, volumes, files and
//! containers that the agent creates.
//!
//! **Invariant:** a spec is complete. Applying it needs no further lookup: no variable, no file, no default.

mod container;
mod diff;
mod engine_name;
pub(crate) mod hash;
mod instance;
mod labels;
mod mount;
mod owner;
mod parts;
mod port;
mod reasons;
mod sandbox;
mod text;
mod volume;

pub use container::ContainerSpec;
pub use diff::{FileChange, FileDiff, ServiceDiff, SpecChange, SpecDiff, diff};
pub use engine_name::{ENGINE_NAME_LIMIT, EngineNameError, check_engine_key, check_engine_name};
pub(crate) use hash::digest_of_bytes;
pub use instance::{Content, FileSpec, InstanceSpec, NetworkSpec, Subnet, VolumeSpec};
pub use labels::{
    COMPOSE_CONFIG_HASH, COMPOSE_NETWORK, COMPOSE_PROJECT, COMPOSE_SERVICE, COMPOSE_VOLUME, FLEET_CONFIG_HASH,
    FLEET_HOST, FLEET_INSTANCE, FLEET_RELEASE, FLEET_RELEASE_DIGEST,
};
pub use mount::{HostPath, MountAccess, MountSource, MountSpec, Relabel};
pub use owner::{EngineOwner, owner_by_labels};
pub use parts::{
    AttachSpec, Condition, Cpus, Healthcheck, Logging, NetworkMode, Probing, Resources, Restart, Switch, Ulimit,
};
pub use port::{PortSpec, Protocol};
pub use reasons::RecreateReason;
pub use sandbox::{FLEET_THROWAWAY, folder_key, is_throwaway_project, project_of as throwaway_project};
pub use text::Text;
pub use volume::VolumeTarget;
