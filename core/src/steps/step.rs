//! A single action of an agent on its container runtime.
//!
//! **Invariant:** a step names its objects and can be repeated: doing it twice has the effect of once.

use super::KeptVolume;
use crate::activity::{Activities, Activity};
use crate::spec::Restart;
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
    /// Sets the restart policy of a container.
    SetRestart {
        /// Name of the container.
        name: String,
        /// Id of the container.
        id: String,
        /// Policy that it gets.
        restart: Restart,
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
            Self::SetRestart { name, restart, .. } => write!(f, "set the restart policy of {name} to {restart}"),
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

impl Activity {
    /// Makes the activity of steps side by side.
    #[must_use]
    pub fn of_steps(steps: &[Step]) -> Self {
        let mut all: Vec<Self> = steps.iter().flat_map(of_step).collect();
        match all.pop() {
            Some(only) if all.is_empty() => only,
            last => Self::Together(Activities(all.into_iter().chain(last).collect())),
        }
    }
}

fn of_step(step: &Step) -> Vec<Activity> {
    vec![match step {
        Step::Pull { image } => Activity::Pull(image.clone()),
        Step::ExpectNetwork { network } => Activity::FindNetwork(network.clone()),
        Step::ExpectVolume { volume } => Activity::FindVolume(volume.clone()),
        Step::WriteFiles { write, remove } => {
            let written = Some(Activity::WriteFiles(write.clone())).filter(|_| !write.is_empty());
            let removed = Some(Activity::RemoveFiles(remove.clone())).filter(|_| !remove.is_empty());
            return written.into_iter().chain(removed).collect();
        }
        Step::CreateNetwork { network } => Activity::CreateNetwork(network.clone()),
        Step::CreateVolume { volume } => Activity::CreateVolume(volume.clone()),
        Step::Create { name, .. } => Activity::Create(name.clone()),
        Step::Stop { name, .. } => Activity::Stop(name.clone()),
        Step::RemoveContainer { name, .. } => Activity::Remove(name.clone()),
        Step::Rename { from, name } => Activity::Rename(from.clone(), name.clone()),
        Step::SetRestart { name, .. } => Activity::SetRestart(name.clone()),
        Step::Start { name } => Activity::Start(name.clone()),
        Step::AwaitHealthy { name, limit } => Activity::WaitUntilHealthy(name.clone(), *limit),
        Step::AwaitExit { name, limit } => Activity::WaitUntilCompleted(name.clone(), *limit),
        Step::Gate => Activity::WaitForInstance,
        Step::RemoveNetwork { network } => Activity::RemoveNetwork(network.clone()),
        Step::RemoveVolume { volume } => Activity::RemoveVolume(volume.clone()),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_side_by_side_are_one_activity() {
        let pull = |image: &str| Step::Pull { image: image.to_owned() };
        assert_eq!(Activity::of_steps(&[pull("web:1")]), Activity::Pull("web:1".to_owned()));
        let both = Activity::of_steps(&[pull("web:1"), pull("db:1")]);
        let each = ["web:1", "db:1"].map(|image| Activity::Pull(image.to_owned()));
        assert_eq!(both, Activity::Together(Activities(each.to_vec())));
        assert_eq!(both.to_string(), "pull web:1, pull db:1");
        let files = Step::WriteFiles { write: vec!["a".to_owned()], remove: vec!["b".to_owned(), "c".to_owned()] };
        assert_eq!(Activity::of_steps(&[files]).to_string(), "write files a, remove files b, c");
    }
}
