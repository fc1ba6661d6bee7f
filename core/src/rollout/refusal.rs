//! Reasons to refuse the request for a rollout.

use super::LeftOut;
use crate::names::{AppName, ReleaseName, RolloutId};
use std::time::Duration;

/// A request that cannot work, with the reason. [`RolloutRefusal::hint`] has the alternative.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloutRefusal {
    /// No instance of the app.
    #[error("there is no instance of {app}")]
    NoInstances {
        /// App of the rollout.
        app: AppName,
    },
    /// No instance on the selected hosts.
    #[error("no host with an instance of {app} matches `{selector}`")]
    NoneSelected {
        /// App of the rollout.
        app: AppName,
        /// Selector, as written.
        selector: String,
    },
    /// All instances are there already.
    #[error("{} at {release} already", all_of(*count))]
    AllThere {
        /// Release of the request.
        release: ReleaseName,
        /// Number of instances.
        count: usize,
    },
    /// Each instance is left out.
    #[error("no instance can be moved to {release}: {}", reasons(left_out))]
    NothingToMove {
        /// Release of the request.
        release: ReleaseName,
        /// Instances with their reasons.
        left_out: Vec<LeftOut>,
    },
    /// Canary that is all of its group.
    #[error("a canary of {canary} is not smaller than its group of {group}")]
    CanaryNotSmaller {
        /// Size of the canary.
        canary: u32,
        /// Size of the group.
        group: usize,
    },
    /// Window shorter than an instance may take.
    #[error("the window is open for {} min, and one instance may take {} min", minutes(length), minutes(deadline))]
    WindowTooShort {
        /// Length of the window.
        length: Duration,
        /// Deadline of an instance.
        deadline: Duration,
    },
    /// Another rollout of the app is not over.
    #[error("rollout {rollout} of {app} is not over")]
    AnotherActive {
        /// App of the rollout.
        app: AppName,
        /// The rollout.
        rollout: RolloutId,
    },
    /// Label for `--per` that no host has.
    #[error("no host has a label `{label}`")]
    NoSuchLabel {
        /// The label.
        label: String,
    },
    /// Limit of 0 for a label.
    #[error("none at a time per `{label}` would never begin")]
    NonePer {
        /// The label.
        label: String,
    },
    /// Limit of 0 failures.
    #[error("a limit of 0 failures would halt before it begins")]
    NoFailureAllowed,
    /// Deadline of 0.
    #[error("a deadline of nothing would fail every instance")]
    NoTime,
    /// Orders of the rollout are open.
    #[error("rollout {rollout} has orders under way")]
    UnderWay {
        /// The rollout.
        rollout: RolloutId,
    },
    /// No member has moved.
    #[error("rollout {rollout} moved nothing that could go back")]
    NothingToUndo {
        /// The rollout.
        rollout: RolloutId,
    },
}

impl RolloutRefusal {
    /// Returns the next action.
    pub fn hint(&self) -> String {
        match self {
            Self::NoInstances { app } => format!("install one: `fleet install {app}@VERSION --host HOST --name NAME`"),
            Self::NoneSelected { .. } => "see the labels with `fleet host ls`".to_owned(),
            Self::AllThere { .. } => "see what runs where with `fleet instance ls`".to_owned(),
            Self::NothingToMove { .. } => "see what stands in the way with `fleet status`".to_owned(),
            Self::CanaryNotSmaller { group, .. } => match group {
                0 | 1 => "leave out `--canary`".to_owned(),
                more => format!("give `--canary` a number below {more}, or leave it out"),
            },
            Self::WindowTooShort { .. } => "widen `--window`, or shorten `--deadline`".to_owned(),
            Self::AnotherActive { rollout, .. } => {
                format!("see `fleet rollout explain {rollout}`; end it with `fleet rollout abort {rollout}`")
            }
            Self::NoSuchLabel { .. } | Self::NonePer { .. } => {
                "write `--per LABEL=N` with a label that `fleet host ls` shows, and N from 1".to_owned()
            }
            Self::NoFailureAllowed => "give `--max-failures` a number from 1: it halts when so many failed".to_owned(),
            Self::NoTime => "give `--deadline` a duration such as `10m`".to_owned(),
            Self::UnderWay { rollout } => {
                format!("begin nothing new with `fleet rollout pause {rollout}`, and wait for what is under way")
            }
            Self::NothingToUndo { rollout } => format!("see `fleet rollout show {rollout}`"),
        }
    }
}

fn minutes(duration: &Duration) -> u64 {
    duration.as_secs().div_ceil(60)
}

/// The first few, so that the sentence stays one.
fn reasons(left_out: &[LeftOut]) -> String {
    let shown: Vec<String> = left_out.iter().take(3).map(|one| format!("{}: {}", one.instance, one.reason)).collect();
    let more = left_out.len().saturating_sub(3);
    let tail = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{}{tail}", shown.join(", "))
}

fn all_of(instances: usize) -> String {
    if instances == 1 { "the one instance is".to_owned() } else { format!("all {instances} instances are") }
}
