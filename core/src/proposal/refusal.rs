//! Reasons to refuse the request for a rollout.

use crate::hint::Hint;
use crate::names::{AppName, ReleaseName, RolloutId};
use crate::rollout::LeftOut;
use std::time::Duration;

/// A request that cannot work, with the reason. [`RolloutRefusal::hint`] has the alternative, [`RolloutRefusal::left_out`] the
/// instances that are left out.
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
    /// All instances have the release already.
    #[error("{} at {release} already", all_of(*count))]
    AllThere {
        /// Release of the request.
        release: ReleaseName,
        /// Number of instances.
        count: usize,
    },
    /// All instances have newer releases.
    #[error("{release} is older than what {} now", runs(*count))]
    Older {
        /// Release of the request.
        release: ReleaseName,
        /// Number of instances.
        count: usize,
        /// Last rollout that brought a newer release.
        rollout: Option<RolloutId>,
    },
    /// Each instance is left out.
    #[error("no instance can be moved to {release}")]
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
    /// Each instance of an undo is left out.
    #[error("no instance of rollout {rollout} can go back")]
    NothingGoesBack {
        /// The rollout.
        rollout: RolloutId,
        /// Instances with their reasons.
        left_out: Vec<LeftOut>,
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
    pub fn hint(&self) -> Hint {
        match self {
            Self::NoInstances { app } => Hint::InstallFirst(Some(app.clone())),
            Self::NoneSelected { .. } => Hint::SeeHostLabels,
            Self::AllThere { .. } => Hint::SeeInstances,
            Self::Older { rollout: Some(rollout), .. } => Hint::UndoToGoBack(rollout.clone()),
            Self::Older { rollout: None, .. } => Hint::SeeInstances,
            Self::NothingToMove { release, left_out } => {
                match left_out.iter().any(|one| one.reason.is_about_upgrades()) {
                    true => Hint::SeeUpgrades(release.clone()),
                    false => Hint::SeeStatus,
                }
            }
            Self::CanaryNotSmaller { group, .. } => match group {
                0 | 1 => Hint::LeaveOutCanary,
                more => Hint::ShrinkCanary(u32::try_from(*more).unwrap_or(u32::MAX)),
            },
            Self::WindowTooShort { .. } => Hint::WidenWindow,
            Self::AnotherActive { rollout, .. } => Hint::ExplainOrAbort(rollout.clone()),
            Self::NoSuchLabel { .. } | Self::NonePer { .. } => Hint::LimitPerLabel,
            Self::NoFailureAllowed => Hint::LimitFailures,
            Self::NoTime => Hint::GiveDeadline,
            Self::UnderWay { rollout } => Hint::PauseRollout(rollout.clone()),
            Self::NothingGoesBack { rollout, .. } | Self::NothingToUndo { rollout } => {
                Hint::ShowRollout(rollout.clone())
            }
        }
    }

    /// Returns the instances that are left out, with their reasons, where these are why nothing can be done.
    pub fn left_out(&self) -> &[LeftOut] {
        match self {
            Self::NothingToMove { left_out, .. } | Self::NothingGoesBack { left_out, .. } => left_out,
            Self::NoInstances { .. }
            | Self::NoneSelected { .. }
            | Self::AllThere { .. }
            | Self::Older { .. }
            | Self::CanaryNotSmaller { .. }
            | Self::WindowTooShort { .. }
            | Self::AnotherActive { .. }
            | Self::NoSuchLabel { .. }
            | Self::NonePer { .. }
            | Self::NoFailureAllowed
            | Self::NoTime
            | Self::UnderWay { .. }
            | Self::NothingToUndo { .. } => &[],
        }
    }
}

fn runs(instances: usize) -> String {
    if instances == 1 { "the one instance runs".to_owned() } else { format!("all {instances} instances run") }
}

fn minutes(duration: &Duration) -> u64 {
    duration.as_secs().div_ceil(60)
}

fn all_of(instances: usize) -> String {
    if instances == 1 { "the one instance is".to_owned() } else { format!("all {instances} instances are") }
}
