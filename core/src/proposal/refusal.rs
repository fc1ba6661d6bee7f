//! Reasons to refuse the request for a rollout.

use crate::hint::Hint;
use crate::names::{AppName, ReleaseName, RolloutId};
use crate::rollout::LeftOut;
use std::time::Duration;

/// A request that cannot work, with the reason. [`RolloutRefusal::hint`] has the alternative, [`RolloutRefusal::left_out`] the
/// instances that are left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named after what they are")]
pub enum RolloutRefusal {
    /// The app has no instance.
    #[error("there is no instance of {app}")]
    NoInstances { app: AppName },
    /// No host with an instance of the app matches.
    #[error("no host with an instance of {app} matches `{selector}`")]
    NoneSelected { app: AppName, selector: String },
    /// All instances have the release already.
    #[error("all {count} instances are at {release} already")]
    AllThere { release: ReleaseName, count: usize },
    /// The release is older than what instances run.
    #[error("{release} is older than what {count} instances run, and {there} have it already")]
    Older { release: ReleaseName, count: usize, there: usize, rollout: Option<RolloutId> },
    /// Each instance is left out.
    #[error("no instance can be moved to {release}")]
    NothingToMove { release: ReleaseName, more: usize, left_out: Vec<LeftOut> },
    /// The canary is all of its group.
    #[error("a canary of {canary} is not smaller than its group of {group}")]
    CanaryNotSmaller { canary: u32, group: usize },
    /// The window is shorter than an instance may take.
    #[error("the window is open for {} min, and one instance may take {} min", minutes(*length), minutes(*longest))]
    WindowTooShort { length: Duration, longest: Duration },
    /// Another rollout of the app is not over.
    #[error("rollout {rollout} of {app} is not over")]
    AnotherActive { app: AppName, rollout: RolloutId },
    /// No host has the label.
    #[error("no host has a label `{label}`")]
    NoSuchLabel { label: String },
    /// The limit for a label is 0.
    #[error("none at a time per `{label}` would never begin")]
    NonePer { label: String },
    /// The limit of failures is 0.
    #[error("a limit of 0 failures would halt before it begins")]
    NoFailureAllowed,
    /// The deadline is 0.
    #[error("a deadline of nothing would fail every instance")]
    NoTime,
    /// Orders of the rollout are open.
    #[error("rollout {rollout} has orders under way")]
    UnderWay { rollout: RolloutId },
    /// Each instance of an undo is left out.
    #[error("no instance of rollout {rollout} can go back")]
    NothingGoesBack { rollout: RolloutId, more: usize, left_out: Vec<LeftOut> },
    /// No member of the rollout has moved.
    #[error("rollout {rollout} moved nothing that could go back")]
    NothingToUndo { rollout: RolloutId },
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
            Self::NothingToMove { release, left_out, .. } => {
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

    /// Returns it with the first of the instances that are left out; the others are counted.
    #[must_use]
    pub fn in_short(mut self) -> Self {
        /// Maximum number of instances that a refusal lists.
        const LISTED: usize = 3;
        if let Self::NothingToMove { more, left_out, .. } | Self::NothingGoesBack { more, left_out, .. } = &mut self {
            *more += left_out.len().saturating_sub(LISTED);
            left_out.truncate(LISTED);
        }
        self
    }
}

fn minutes(duration: Duration) -> u64 {
    duration.as_secs().div_ceil(60)
}
