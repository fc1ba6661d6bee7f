//! What can go wrong in the hands, each with a sentence for people.

use super::docker::EngineErrorKind;
use fleet_core::spec::{EngineNameError, EngineOwner};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the hands could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("the Docker Engine does not answer at `{socket}`")]
    NoEngine { socket: String, source: Box<bollard::errors::Error> },
    #[error("could not {what} within {} s", limit.as_secs())]
    TooSlow { what: String, limit: Duration },
    #[error("could not {what}: the Engine says: {reason}")]
    Refused { what: String, kind: EngineErrorKind, reason: String },
    #[error("could not {what}")]
    Lost { what: String, source: Box<bollard::errors::Error> },
    #[error("could not {what}: it was interrupted")]
    Interrupted { what: String },
    #[error("the image `{image}` does not exist")]
    NoImage { image: String },
    #[error("the registry does not let this host pull `{image}`")]
    ImageNotAllowed { image: String },
    #[error("the registry of `{image}` does not answer: {reason}")]
    NoRegistry { image: String, reason: String },
    #[error("no space left on this host's disk: could not {what}; see `df` and `docker system df` there")]
    DiskFull { what: String },
    #[error("port {port} on this host is already taken by {holder}: could not start `{container}`")]
    PortTaken { port: u16, holder: String, container: String },
    #[error("the name `{name}` is taken by a container that is not part of this instance ({id})")]
    NameTaken { name: String, id: String },
    #[error("the {kind} `{name}` does not exist, and this instance expects that someone else made it")]
    NotThere { kind: &'static str, name: String },
    #[error("the {kind} `{name}` is not this instance's: it is {owner}")]
    OfOthers { kind: &'static str, name: String, owner: EngineOwner },
    #[error("`{name}` cannot be the name of a network or a volume: {reason}")]
    BadName { name: String, reason: EngineNameError },
    #[error("the {kind} `{name}` is in use by something that is not part of this instance")]
    InUse { kind: &'static str, name: String },
    #[error("`{container}` is unhealthy{detail}")]
    Unhealthy { container: String, detail: String },
    #[error("`{container}` ended with {code}{detail}")]
    Ended { container: String, code: i64, detail: String },
    #[error("`{path}` leads outside of the instance's directory")]
    OutsideOfDirectory { path: String },
    #[error("`{service}` cannot be reached: {reason}")]
    NoAddress { service: String, reason: String },
    #[error("could not write `{path}`")]
    Write { path: PathBuf, source: io::Error },
    #[error("could not read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("`{service}` has no `{tool}`: {detail}")]
    NoTool { service: String, tool: String, detail: String },
    #[error("{what} ended with {code}{words}")]
    ToolFailed { what: String, code: i64, words: String },
    #[error("{what} did nothing for {} s and was ended{words}", limit.as_secs())]
    ToolSilent { what: String, limit: Duration, words: String },
    #[error("{what} took longer than {} s and was ended{words}", limit.as_secs())]
    ToolSlow { what: String, limit: Duration, words: String },
    #[error("{what} was ended: what it was to read broke off: {reason}")]
    BrokenOff { what: String, reason: String },
    #[error("{what} printed more than {} KiB", limit >> 10)]
    TooMuch { what: String, limit: usize },
    #[error("`{container}` does not run")]
    NotRunning { container: String },
    #[error("`{container}` still runs; its tool works on a service that stands still")]
    StillRuns { container: String },
    #[error("volume `{volume}` is not mounted on this host: its files cannot be read")]
    NotMounted { volume: String },
    #[error("the spec has no {kind} `{name}` that the step asks for")]
    NotInSpec { kind: &'static str, name: String },
}

impl RuntimeError {
    /// Whether trying again later may help without anyone doing anything.
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
