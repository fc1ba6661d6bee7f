//! Failures of the host: its Engine, its disk, images, containers, names and tools.

/// Adds them to those of the other modules.
macro_rules! failures_of_hosts {
    ($next:ident $(, $later:ident)* => $($before:tt)*) => { $next! { $($later),* => $($before)*
    /// The Docker Engine does not answer.
    #[error("the Docker Engine does not answer at `{socket}`")]
    EngineUnreachable = "engine_unreachable" { socket: String },
    /// The connection to the Engine broke in the middle of a step.
    #[error("could not {step}: connection to the Engine lost: {cause}")]
    EngineConnectionLost = "engine_connection_lost" { step: FailedStep, cause: String },
    /// The Engine refused a step.
    #[error("could not {step}: the Engine says: {answer}")]
    EngineRefused = "engine_refused" { step: FailedStep, answer: String },
    /// A step took longer than it may.
    #[error("could not {step} within {} s{}", limit.as_secs(), after(output))]
    StepTooLong = "step_too_long" { step: FailedStep, #[serde(with = "crate::time::serde_millis")] limit: Duration, output: String },
    /// No space is left on the disk of the host.
    #[error("no space left on the host's disk: could not {step}")]
    DiskFull = "disk_full" { step: FailedStep },
    /// There is not enough space on the disk of the host for a step that has not begun.
    #[error("not enough space {at}: {needed} bytes needed, {free} bytes free")]
    NotEnoughSpace = "not_enough_space" { at: String, needed: u64, free: u64 },
    /// A file or folder of the host could not be read or written.
    #[error("could not {step} `{path}`: {cause}")]
    FileFailed = "file_failed" { step: FileStep, path: String, cause: String },
    /// A published port is in use.
    #[error("port {port} is already taken by {holder}")]
    PortTaken = "port_taken" { port: u32, holder: PortHolder },
    /// The agent stopped before a step ended.
    #[error("could not {step}: interrupted")]
    Interrupted = "interrupted" { step: FailedStep },
    /// The registry does not have an image.
    #[error("the image `{image}` does not exist")]
    ImageNotFound = "image_not_found" { image: String },
    /// The registry does not let the host pull an image.
    #[error("the registry does not let this host pull `{image}`")]
    ImageDenied = "image_denied" { image: String },
    /// The registry of an image does not answer.
    #[error("the registry of `{image}` does not answer: {answer}")]
    RegistryUnreachable = "registry_unreachable" { image: String, answer: String },
    /// A container became unhealthy.
    #[error("`{container}` is unhealthy{}", after(output))]
    ContainerUnhealthy = "container_unhealthy" { container: String, output: String },
    /// A container ended.
    #[error("`{container}` exited with code {code}{}", after(output))]
    ContainerExited = "container_exited" { container: String, code: i64, output: String },
    /// The instance did not become healthy.
    #[error("not healthy: {problem}")]
    NotHealthy = "not_healthy" { problem: HealthProblem },
    /// A service does not answer.
    #[error("`{service}` does not answer: {missing}")]
    ServiceNotReady = "service_not_ready" { service: String, missing: MissingReply },
    /// The port of a service has no address that the host reaches.
    #[error("`{service}` cannot be reached: {problem}")]
    ServiceUnreachable = "service_unreachable" { service: String, problem: ProbeFailure },
    /// A container must run and does not.
    #[error("`{container}` does not run")]
    ContainerNotRunning = "container_not_running" { container: String },
    /// A container must be stopped and runs.
    #[error("`{container}` still runs")]
    ContainerRuns = "container_runs" { container: String },
    /// A container, a network or the like does not exist, which the agent did not expect.
    #[error("the {kind} `{name}` does not exist")]
    PartMissing = "part_missing" { kind: String, name: String },
    /// The release has no such part, which the agent did not expect.
    #[error("the release has no {kind} `{name}`")]
    NotInRelease = "not_in_release" { kind: String, name: String },
    /// A path of a file leads out of the folder of its instance.
    #[error("`{path}` leads out of the folder of the instance")]
    PathOutside = "path_outside" { path: String },
    /// No container of the service mounts a volume.
    #[error("the volume `{volume}` is not mounted")]
    VolumeNotMounted = "volume_not_mounted" { volume: String },
    /// A container that is not part of the instance is in its way.
    #[error("the container `{name}` is {owner}")]
    ForeignContainer = "foreign_container" { name: String, owner: PartOwner },
    /// A volume that is not the instance's is in its way.
    #[error("the volume `{name}` is {owner}")]
    ForeignVolume = "foreign_volume" { name: String, owner: PartOwner },
    /// A network that is not the instance's is in its way.
    #[error("the network `{name}` is {owner}")]
    ForeignNetwork = "foreign_network" { name: String, owner: PartOwner },
    /// A Compose project of the instance's name that fleet did not make is on the host.
    #[error("a Compose project `{project}` that fleet did not make is on this host ({})", containers.join(", "))]
    ForeignProject = "foreign_project" { project: String, #[serde(deserialize_with = "read_names")] containers: Vec<String> },
    /// Another instance of the host has names or ports that the instance needs.
    #[error("{}", listed(conflicts))]
    NamesTaken = "names_taken" { #[serde(deserialize_with = "read_conflicts")] conflicts: Vec<NameConflict> },
    /// Two instances have the same data, so that its owner is not known.
    #[error("{}, too", listed(conflicts))]
    DataShared = "data_shared" { #[serde(deserialize_with = "read_conflicts")] conflicts: Vec<NameConflict> },
    /// A volume that was to be removed has another holder.
    #[error("the volume `{volume}` stays: {} has it, too", listed(holders))]
    VolumeHeld = "volume_held" { volume: String, #[serde(deserialize_with = "read_holders")] holders: Vec<VolumeHolder> },
    /// The name of the Compose project would change.
    #[error("its Compose project would be `{to}` and is `{from}`")]
    ProjectChanged = "project_changed" { from: String, to: String },
    /// A volume that others make does not exist.
    #[error("the volume `{name}` does not exist")]
    VolumeMissing = "volume_missing" { name: String },
    /// A network that others make does not exist.
    #[error("the network `{name}` does not exist")]
    NetworkMissing = "network_missing" { name: String },
    /// A part of the instance is in use and cannot be removed.
    #[error("the {kind} `{name}` is in use by something that is not part of this instance")]
    PartInUse = "part_in_use" { kind: String, name: String },
    /// A name is not valid for the Engine.
    #[error("`{name}` cannot be the name of a network or a volume: {problem}")]
    InvalidName = "invalid_name" { name: String, problem: NameFault },
    /// Volumes with the instance's data were removed by somebody.
    #[error("its data is gone: somebody removed {}", listed(volumes))]
    VolumesGone = "volumes_gone" { #[serde(deserialize_with = "read_volumes")] volumes: Vec<LostVolume> },
    /// The container of a service lacks a tool.
    #[error("`{service}` has no `{tool}`: {answer}")]
    ToolMissing = "tool_missing" { service: String, tool: String, answer: String },
    /// A tool took longer than it may and was ended.
    #[error("{tool} took longer than {} s and was ended{}", limit.as_secs(), after(output))]
    ToolTooSlow = "tool_too_slow" { tool: ToolTask, #[serde(with = "crate::time::serde_millis")] limit: Duration, output: String },
    /// A tool ended with an error.
    #[error("{tool} exited with code {code}{}", after(output))]
    ToolFailed = "tool_failed" { tool: ToolTask, code: i64, output: String },
    /// A tool made no progress and was ended.
    #[error("{tool} did nothing for {} s and was ended{}", limit.as_secs(), after(output))]
    ToolStalled = "tool_stalled" { tool: ToolTask, #[serde(with = "crate::time::serde_millis")] limit: Duration, output: String },
    /// A tool printed too much.
    #[error("{tool} printed more than {limit} bytes")]
    ToolOutputTooLarge = "tool_output_too_large" { tool: ToolTask, limit: usize },
    /// The stream to or from a tool broke off.
    #[error("{tool} was ended: its input broke off: {cause}")]
    ToolStreamBroken = "tool_stream_broken" { tool: ToolTask, cause: String },
    /// A database and the tool that dumps or loads it have versions that do not work together.
    #[error("{tool} {tool_version} does not work with {database} {database_version}")]
    VersionMismatch = "version_mismatch" { database: String, database_version: String, tool: String, tool_version: String },
    } };
}
pub(super) use failures_of_hosts;
