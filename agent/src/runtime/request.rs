//! Requests to the container runtime and its replies, beside the planner's own types.

use super::RuntimeError;
use fleet_core::backup::MountFound;
use fleet_core::event::HostEvent;
use fleet_core::names::{Digest, InstanceName};
use fleet_core::spec::Switch;
use fleet_core::time::Time;
use futures_util::stream::BoxStream;
use hyper::body::Bytes;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Selection of an instance's log lines.
#[derive(Debug, Clone)]
pub struct LogRequest {
    /// Compose project of the instance.
    pub project: String,
    /// Name of the instance.
    pub instance: InstanceName,
    /// Service to read; all services if none is named.
    pub service: Option<String>,
    /// The last lines of each container; all of them where no number is given.
    pub tail: Option<u32>,
    /// On if new lines are sent as they come.
    pub follow: Switch,
}

/// One line of a container's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Service that printed it.
    pub service: String,
    /// Stream on which it was printed.
    pub stream: LogStream,
    /// Unknown if the Engine does not report it.
    pub at: Option<Time>,
    /// Text without the line's end; at most 16 KiB.
    pub text: String,
}

/// Output stream of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A dump on its way out of a container; its last item is an error unless all of it came.
pub type DumpStream = BoxStream<'static, Result<Bytes, RuntimeError>>;

/// A dump on its way into a container; an error item is the reason why the stream ends early.
pub type Incoming = BoxStream<'static, Result<Bytes, InputError>>;

/// Reason why no more of a dump comes, as text for people: its source is a repository, or another tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(pub String);

/// A volume or folder of a store, on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootFound {
    /// The volume's name as the Engine has it, or the folder's path.
    pub from: String,
    /// The same for an instance of another name: the volume's name in the Compose file.
    pub key: String,
    /// Folder on this host.
    pub path: PathBuf,
    /// Mount as found: its owner, and its target paths on the host.
    pub mount: MountFound,
}

/// End of an action's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionEnd {
    /// End by itself.
    Exited {
        /// Exit code.
        code: i64,
        /// Last part of its output.
        output: String,
    },
    /// Ended because it took longer than it may.
    TooSlow {
        /// Last part of its output.
        output: String,
    },
    /// Removed by somebody, or not begun and not to begin now.
    Gone,
}

/// A container that is not the instance's and has one of its folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignContainer {
    /// Name of the container.
    pub container: String,
    /// Folder that it has mounted.
    pub folder: PathBuf,
}

/// A file system with its free space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Equal for all paths on it.
    pub id: u64,
    /// Free bytes.
    pub free: u64,
}

/// The digest of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// Digest in the registry: pulling by it always gives the same bytes.
    InRegistry(Digest),
    /// The image exists only on this host; its id cannot be used to pull it elsewhere.
    OnlyHere(Digest),
}

/// Version of an Engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineVersion {
    /// Such as `20.10.24`; `Podman 4.9` for Podman.
    pub version: String,
    /// Version of its API.
    pub api: String,
    /// The Engine's id, as `docker info` shows it; empty where it has none.
    pub id: String,
}

impl fmt::Display for EngineVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.version)
    }
}

/// Object that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The Compose project of this name.
    Project(String),
    /// Anywhere: events may have been missed.
    Anything,
}

/// Message of a running step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Progress of a pull; the total grows while layers are still being discovered.
    Bytes {
        /// Bytes done.
        done: u64,
        /// Total bytes.
        total: u64,
    },
    /// Something a person should know, such as that a local image was used.
    Event(Box<HostEvent>),
}

/// Hears the notes of a step; it must not block.
#[derive(Clone)]
pub struct Notes(Arc<dyn Fn(Note) + Send + Sync>);

impl Notes {
    /// Makes a sink that calls `listener` for each message.
    pub fn to(listener: impl Fn(Note) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Makes a sink that discards messages.
    pub fn unheard() -> Self {
        Self::to(|_| ())
    }

    /// Reports a message.
    pub fn say(&self, note: Note) {
        (self.0)(note);
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notes")
    }
}
