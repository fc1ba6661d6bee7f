//! Failures of the container runtime, each with a sentence for people.

use super::docker::EngineErrorKind;
use fleet_core::failed_step::{FailedStep, ToolTask};
use fleet_core::health_problem::ProbeFailure;
use fleet_core::part_owner::PortHolder;
use fleet_core::spec::{EngineNameError, EngineOwner};
use fleet_core::steps::ForeignKind;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Reason why the container runtime could not do a request.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The Engine cannot be reached.
    #[error("the Docker Engine does not answer at `{socket}`")]
    NoEngine {
        /// Address of the Engine.
        socket: String,
        /// Cause of the failure.
        source: Box<bollard::errors::Error>,
    },
    /// The Engine did not answer in time.
    #[error("could not {step} within {} s", limit.as_secs())]
    TooSlow {
        /// Action that took too long.
        step: FailedStep,
        /// Time limit.
        limit: Duration,
    },
    /// The Engine refused the request.
    #[error("could not {step}: the Engine says: {reason}")]
    Refused {
        /// Action that was refused.
        step: FailedStep,
        /// Meaning of the answer.
        kind: EngineErrorKind,
        /// Text of the answer.
        reason: String,
    },
    /// The connection to the Engine broke.
    #[error("could not {step}")]
    Lost {
        /// Action that was interrupted.
        step: FailedStep,
        /// Cause of the failure.
        source: Box<bollard::errors::Error>,
    },
    /// The agent stopped before the action ended.
    #[error("could not {step}: it was interrupted")]
    Interrupted {
        /// Action that was interrupted.
        step: FailedStep,
    },
    /// The registry does not have the image.
    #[error("the image `{image}` does not exist")]
    NoImage {
        /// Reference of the image.
        image: String,
    },
    /// The registry does not allow access to the image.
    #[error("the registry does not let this host pull `{image}`")]
    ImageNotAllowed {
        /// Reference of the image.
        image: String,
    },
    /// The registry cannot be reached.
    #[error("the registry of `{image}` does not answer: {reason}")]
    NoRegistry {
        /// Reference of the image.
        image: String,
        /// Cause, as the Engine states it.
        reason: String,
    },
    /// No space is left on the disk.
    #[error("no space left on this host's disk: could not {step}; see `df` and `docker system df` there")]
    DiskFull {
        /// Action that needed space.
        step: FailedStep,
    },
    /// A published port is in use.
    #[error("port {port} on this host is already taken by {holder}: could not start `{container}`")]
    PortTaken {
        /// The port.
        port: u16,
        /// Holder of the port, as far as it is known.
        holder: PortHolder,
        /// Container that should publish it.
        container: String,
    },
    /// A foreign container has the name.
    #[error("the name `{name}` is taken by a container that is not part of this instance ({id})")]
    NameTaken {
        /// Name of the container.
        name: String,
        /// Id of that container.
        id: String,
    },
    /// An object does not exist.
    #[error("the {kind} `{name}` does not exist, and this instance expects that someone else made it")]
    NotThere {
        /// Kind of the object.
        kind: &'static str,
        /// Name of the object.
        name: String,
    },
    /// An object belongs to another owner.
    #[error("the {} `{name}` is not this instance's: it is {owner}", kind.word())]
    OfOthers {
        /// Kind of the object.
        kind: ForeignKind,
        /// Name of the object.
        name: String,
        /// Its owner.
        owner: EngineOwner,
    },
    /// The name is not valid for the Engine.
    #[error("`{name}` cannot be the name of a network or a volume: {reason}")]
    BadName {
        /// The name.
        name: String,
        /// Reason why it is not valid.
        reason: EngineNameError,
    },
    /// An object is in use and cannot be removed.
    #[error("the {kind} `{name}` is in use by something that is not part of this instance")]
    InUse {
        /// Kind of the object.
        kind: &'static str,
        /// Name of the object.
        name: String,
    },
    /// The container became unhealthy.
    #[error("`{container}` is unhealthy{detail}")]
    Unhealthy {
        /// Name of the container.
        container: String,
        /// Output of its last health check.
        detail: String,
    },
    /// The container ended.
    #[error("`{container}` ended with {code}{detail}")]
    Ended {
        /// Name of the container.
        container: String,
        /// Exit code.
        code: i64,
        /// Last output of the container.
        detail: String,
    },
    /// A path leaves the instance's directory.
    #[error("`{path}` leads outside of the instance's directory")]
    OutsideOfDirectory {
        /// The path.
        path: String,
    },
    /// The service's port cannot be reached.
    #[error("`{service}` cannot be reached: {problem}")]
    NoAddress {
        /// Name of the service.
        service: String,
        /// Cause.
        problem: ProbeFailure,
    },
    /// A file could not be written.
    #[error("could not write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// The container of the service does not have the tool.
    #[error("`{service}` has no `{tool}`: {detail}")]
    NoTool {
        /// Name of the service.
        service: String,
        /// Name of the tool.
        tool: String,
        /// Text of the Engine.
        detail: String,
    },
    /// The tool ended with an error.
    #[error("{task} ended with {code}{words}")]
    ToolFailed {
        /// Task of the tool.
        task: ToolTask,
        /// Exit code.
        code: i64,
        /// Last error output of the tool.
        words: String,
    },
    /// The tool made no progress.
    #[error("{task} did nothing for {} s and was ended{words}", limit.as_secs())]
    ToolSilent {
        /// Task of the tool.
        task: ToolTask,
        /// Time without progress.
        limit: Duration,
        /// Last error output of the tool.
        words: String,
    },
    /// The tool did not end in time.
    #[error("{task} took longer than {} s and was ended{words}", limit.as_secs())]
    ToolSlow {
        /// Task of the tool.
        task: ToolTask,
        /// Time limit.
        limit: Duration,
        /// Last error output of the tool.
        words: String,
    },
    /// The stream to or from the tool broke.
    #[error("{task} was ended: what it was to read broke off: {reason}")]
    BrokenOff {
        /// Task of the tool.
        task: ToolTask,
        /// Cause, as text for people.
        reason: String,
    },
    /// The tool printed too much.
    #[error("{task} printed more than {} KiB", limit >> 10)]
    TooMuch {
        /// Task of the tool.
        task: ToolTask,
        /// Maximum number of bytes.
        limit: usize,
    },
    /// The container must run and does not.
    #[error("`{container}` does not run")]
    NotRunning {
        /// Name of the container.
        container: String,
    },
    /// The container must be stopped and runs.
    #[error("`{container}` still runs; its tool works on a service that stands still")]
    StillRuns {
        /// Name of the container.
        container: String,
    },
    /// No container of the service mounts the volume.
    #[error("volume `{volume}` is not mounted on this host: its files cannot be read")]
    NotMounted {
        /// Name of the volume.
        volume: String,
    },
    /// The spec has no such part.
    #[error("the spec has no {kind} `{name}` that the step asks for")]
    NotInSpec {
        /// Kind of the part.
        kind: &'static str,
        /// Name of the part.
        name: String,
    },
}

impl RuntimeError {
    /// Returns whether a later attempt may succeed by itself.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::NoEngine { .. }
            | Self::TooSlow { .. }
            | Self::Lost { .. }
            | Self::Interrupted { .. }
            | Self::NoRegistry { .. }
            | Self::ToolSilent { .. }
            | Self::ToolSlow { .. }
            | Self::BrokenOff { .. } => true,
            Self::Refused { .. }
            | Self::NoImage { .. }
            | Self::ImageNotAllowed { .. }
            | Self::DiskFull { .. }
            | Self::PortTaken { .. }
            | Self::NameTaken { .. }
            | Self::NotThere { .. }
            | Self::InUse { .. }
            | Self::OfOthers { .. }
            | Self::BadName { .. }
            | Self::Unhealthy { .. }
            | Self::Ended { .. }
            | Self::OutsideOfDirectory { .. }
            | Self::Write { .. }
            | Self::Read { .. }
            | Self::NotInSpec { .. }
            | Self::NoTool { .. }
            | Self::NoAddress { .. }
            | Self::ToolFailed { .. }
            | Self::TooMuch { .. }
            | Self::NotRunning { .. }
            | Self::StillRuns { .. }
            | Self::NotMounted { .. } => false,
        }
    }
}
