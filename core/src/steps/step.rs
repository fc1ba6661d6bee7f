//! A single action of an agent on its container runtime.
//!
//! **Invariant:** a step names its objects and can be repeated: doing it twice has the effect of once.

use super::KeptVolume;
use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Steps that may run side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Steps of the stage, in their order.
    pub steps: Vec<Step>,
}

/// One action; further details are in the spec for which it is performed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Pulls an image.
    Pull {
        /// Reference of the image.
        image: String,
    },
    /// Someone else should have made it: without it nothing is touched.
    ExpectNetwork {
        /// Name of the network.
        network: String,
    },
    /// Someone else should have made it: without it nothing is touched.
    ExpectVolume {
        /// Name of the volume.
        volume: String,
    },
    /// Paths in the working directory; those to remove are files that we once wrote.
    WriteFiles {
        /// Paths that are written.
        write: Vec<String>,
        /// Paths that are removed.
        remove: Vec<String>,
    },
    /// Creates a network.
    CreateNetwork {
        /// Name of the network.
        network: String,
    },
    /// Creates a volume.
    CreateVolume {
        /// Name of the volume.
        volume: String,
    },
    /// Creates the container of a service without starting it.
    Create {
        /// Compose service.
        service: String,
        /// The name it gets; another than the spec's while its predecessor still has that one.
        name: String,
        /// Volumes without a name that its predecessor leaves to it.
        keeps: Vec<KeptVolume>,
    },
    /// `id` is the Engine's id, so that a successor of the same name is safe.
    Stop {
        /// Name of the container.
        name: String,
        /// Id of the image or container.
        id: String,
        /// Time between the stop signal and the end by force.
        grace: Period,
    },
    /// Removes a container that does not run, never its volumes.
    RemoveContainer {
        /// Name of the container.
        name: String,
        /// Id of the image or container.
        id: String,
    },
    /// Gives a container another name.
    Rename {
        /// Name before.
        from: String,
        /// Name of the container.
        name: String,
    },
    /// Starts a container.
    Start {
        /// Name of the container.
        name: String,
    },
    /// Waits until a container is healthy.
    AwaitHealthy {
        /// Name of the container.
        name: String,
        /// Longest time of the step.
        limit: Period,
    },
    /// Waits until it has ended with 0.
    AwaitExit {
        /// Name of the container.
        name: String,
        /// Longest time of the step.
        limit: Period,
    },
    /// Waits until the whole instance is healthy for as long as its app asks.
    Gate,
    /// Removes a network.
    RemoveNetwork {
        /// Name of the network.
        network: String,
    },
    /// Only ever because an order named the volume.
    RemoveVolume {
        /// Name of the volume.
        volume: String,
    },
}

impl fmt::Display for Step {
    /// A sentence for people, such as `pull labnotes-web:1.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull { image } => write!(f, "pull {image}"),
            Self::ExpectNetwork { network } => write!(f, "find network {network}"),
            Self::ExpectVolume { volume } => write!(f, "find volume {volume}"),
            Self::WriteFiles { write, remove } => write_files(f, write, remove),
            Self::CreateNetwork { network } => write!(f, "create network {network}"),
            Self::CreateVolume { volume } => write!(f, "create volume {volume}"),
            Self::Create { name, .. } => write!(f, "create {name}"),
            Self::Stop { name, .. } => write!(f, "stop {name}"),
            Self::RemoveContainer { name, .. } => write!(f, "remove {name}"),
            Self::Rename { from, name } => write!(f, "rename {from} to {name}"),
            Self::Start { name } => write!(f, "start {name}"),
            Self::AwaitHealthy { name, limit } => write!(f, "wait until {name} is healthy (at most {limit})"),
            Self::AwaitExit { name, limit } => write!(f, "wait until {name} has completed (at most {limit})"),
            Self::Gate => write!(f, "wait until the instance is healthy"),
            Self::RemoveNetwork { network } => write!(f, "remove network {network}"),
            Self::RemoveVolume { volume } => write!(f, "remove volume {volume} and its data"),
        }
    }
}

fn write_files(f: &mut fmt::Formatter<'_>, write: &[String], remove: &[String]) -> fmt::Result {
    match (write, remove) {
        (write, []) => write!(f, "write {}", write.join(", ")),
        ([], remove) => write!(f, "remove {}", remove.join(", ")),
        (write, remove) => write!(f, "write {}, remove {}", write.join(", "), remove.join(", ")),
    }
}
