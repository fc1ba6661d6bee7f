//! Access of the agent to containers, tools, actions, data and images: five traits, and one that combines them.
//!
//! **Invariant:** nothing is decided here. `core` decides about the next step and about an instance's health.
//! **Invariant:** every call ends: each request to the Engine has a deadline, and dropping the future cancels the call.

mod docker;
mod error;
mod files;
mod http;
mod request;

pub use docker::{DEFAULT_SOCKET, DockerRuntime, EngineErrorKind, Limits, PullErrorKind};
pub use error::RuntimeError;
pub use request::{
    ActionEnd, Changed, Disk, DumpStream, EngineVersion, ForeignContainer, Incoming, InputError, LogLine, LogRequest,
    LogStream, Note, Notes, Resolved, RootFound,
};

use fleet_core::app::HealthRules;
use fleet_core::backup::{HoldKind, Mounted, Store, Tool};
use fleet_core::spec::{InstanceSpec, Switch, VolumeTarget};
use fleet_core::steps::gate::Observation;
use fleet_core::steps::{FoundProject, Step};
use fleet_core::upgrade_actions::ActionContainer;
use futures_util::stream::BoxStream;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Access to the containers, networks and volumes of an instance.
#[tonic::async_trait]
pub trait Containers: Send + Sync + 'static {
    /// Returns the parts of the spec's project on this host, and which of the spec's images, files and external parts
    /// exist.
    async fn look(&self, spec: &InstanceSpec) -> Result<FoundProject, RuntimeError>;

    /// Performs one step for a spec; a step whose effect exists already succeeds. Long steps report progress through
    /// `notes`.
    ///
    /// Performs a step. `Step::Gate` is not performed here: the caller uses [`Containers::observe`] until the gate
    /// decides. Dropping the future cancels the step; repeating it later is safe.
    async fn perform(&self, step: &Step, spec: &InstanceSpec, notes: &Notes) -> Result<(), RuntimeError>;

    /// Returns the present health of the instance: the states of its containers, and the answers to the app's probes.
    ///
    /// A probe that fails is an observation, not an error; an error means that nothing could be observed.
    async fn observe(&self, spec: &InstanceSpec, health: &HealthRules) -> Result<Observation, RuntimeError>;

    /// Returns the log lines of an instance's containers, each at most 16 KiB. The stream ends with the containers, or
    /// immediately without `follow`. It is read only as fast as it is polled.
    fn logs(&self, request: LogRequest) -> BoxStream<'static, Result<LogLine, RuntimeError>>;

    /// Stops or pauses a service's container. One that does not run stays as it is.
    async fn hold(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError>;

    /// Resumes it; a running one is left as it is.
    async fn release(&self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError>;

    /// Returns the address of a service's port on this host's networks.
    async fn address(&self, spec: &InstanceSpec, service: &str, port: u16) -> Result<SocketAddr, RuntimeError>;

    /// Reports that something changed, without details: the caller must inspect it. The stream ends only when dropped;
    /// after an interruption it yields [`Changed::Anything`], because changes may have been missed.
    fn changes(&self) -> BoxStream<'static, Changed>;

    /// The version of the Engine and of its API.
    async fn engine_version(&self) -> Result<EngineVersion, RuntimeError>;
}

/// Runs the tools of stores: dumps, loads and short queries.
#[tonic::async_trait]
pub trait ToolRunner: Send + Sync + 'static {
    /// Runs a tool with a dump as its output. The stream ends with an error unless the tool exited with 0, and contains
    /// only the tool's own output. It is read only as fast as it is polled; dropping it ends the tool.
    async fn dump(&self, tool: &Tool, spec: &InstanceSpec) -> Result<DumpStream, RuntimeError>;

    /// Runs a tool that reads a dump. Where the bytes end with an error the tool is ended, and never sees their end.
    async fn load(&self, tool: &Tool, spec: &InstanceSpec, bytes: Incoming) -> Result<(), RuntimeError>;

    /// Runs a tool for its short answer.
    async fn run_tool(&self, tool: &Tool, spec: &InstanceSpec) -> Result<String, RuntimeError>;

    /// Ends and removes leftover tools, such as those of a killed agent.
    async fn sweep_tools(&self, spec: &InstanceSpec) -> Result<(), RuntimeError>;
}

/// Runs the actions of upgrades, in containers that outlive the agent.
#[tonic::async_trait]
pub trait ActionRunner: Send + Sync + 'static {
    /// Creates the container of an action without starting it; one of that name that belongs to the order stays as it is.
    async fn create_action(&self, action: &ActionContainer, spec: &InstanceSpec) -> Result<(), RuntimeError>;

    /// Returns the number of this run of the host, which changes when its power goes; empty where it has none.
    fn boot(&self) -> String;

    /// Starts the container if it has never run and `starts` is on, and returns how it ended. Dropping the future leaves it running.
    async fn finish_action(&self, action: &ActionContainer, starts: Switch) -> Result<ActionEnd, RuntimeError>;

    /// Ends and removes the containers of all actions of an instance, by the name of its Compose project.
    async fn remove_actions(&self, project: &str) -> Result<(), RuntimeError>;
}

/// Locations of data on this host, their other users, and free space.
#[tonic::async_trait]
pub trait HostStorage: Send + Sync + 'static {
    /// Returns the volumes and folders of this host that belong to the instance, or to nobody.
    async fn mounted(&self, spec: &InstanceSpec) -> Result<Mounted, RuntimeError>;

    /// Returns the targets of the spec's existing volumes, from their drivers and options.
    async fn volume_devices(&self, spec: &InstanceSpec) -> Result<BTreeMap<String, Vec<VolumeTarget>>, RuntimeError>;

    /// Returns the folders of a store's files on this host; none for stores of other kinds.
    async fn roots(&self, spec: &InstanceSpec, store: &Store) -> Result<Vec<RootFound>, RuntimeError>;

    /// Returns running foreign containers that mount one of these folders or a part of it. They would keep the old
    /// folder, and not see the new one.
    async fn foreign_containers(
        &self,
        spec: &InstanceSpec,
        folders: &[PathBuf],
    ) -> Result<Vec<ForeignContainer>, RuntimeError>;

    /// The disk on which a path is or would be; where none is named, that of the Engine's own volumes.
    async fn disk_of(&self, path: Option<&Path>) -> Result<Disk, RuntimeError>;

    /// The bytes free where a path is, for the working directories; where the Engine keeps its data, if that is less.
    async fn disk_free(&self, path: &Path) -> Result<u64, RuntimeError>;
}

/// Requests to image registries through the Engine.
#[tonic::async_trait]
pub trait ImageRegistry: Send + Sync + 'static {
    /// Returns the registry's digest of an image reference, without pulling.
    async fn resolve(&self, image: &str) -> Result<Resolved, RuntimeError>;
}

/// Everything that an agent can do to the instances of its host.
pub trait ContainerRuntime: Containers + ToolRunner + ActionRunner + HostStorage + ImageRegistry {}

impl<T: Containers + ToolRunner + ActionRunner + HostStorage + ImageRegistry> ContainerRuntime for T {}
