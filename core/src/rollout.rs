//! A rollout: the operator's request to change many instances to a version. Its progress is derived (`plan`).

mod skip;
mod strategy;

pub use skip::{Skip, SkipReason, SkipReasonError};
pub use strategy::StrategyRequest;

use crate::app::DataEffect;
use crate::names::{AppName, InstanceName, OperatorName, RolloutId, Version};
use crate::order::rollback_budget;
use crate::reason::LeftOutReason;
use crate::release::Release;
use crate::time::{Time, serde_millis};
use crate::window::Window;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

/// Change of release for many instances, as an operator started it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Id, such as `labnotes-3`.
    pub id: RolloutId,
    /// App whose instances move.
    pub app: AppName,
    /// Version that they move to.
    pub version: Version,
    /// Pace and limits.
    pub strategy: Strategy,
    /// Members in the order in which they are taken.
    pub members: Vec<Member>,
    /// Instances that were left out at the start.
    pub left_out: Vec<LeftOut>,
    /// Run, pause or abort.
    #[serde(rename = "wish")]
    pub intent: RolloutIntent,
    /// Counts `resume`: an instance that failed is tried again in the next attempt.
    pub attempt: u32,
    /// Further attempts of single members since the last `resume`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retries: BTreeMap<InstanceName, u32>,
    /// Members that an operator has left out after the start.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skips: BTreeMap<InstanceName, Skip>,
    /// Time of the start.
    pub created: Time,
    /// Operator who started it.
    pub by: OperatorName,
}

impl Rollout {
    /// Returns the number of a member's latest attempt, from 1.
    pub fn attempt_of(&self, instance: &InstanceName) -> u32 {
        self.attempt + self.retries.get(instance).copied().unwrap_or(0)
    }

    /// Returns whether an operator wants a member to be tried again although others hold the rollout halted.
    pub fn is_retried(&self, instance: &InstanceName) -> bool {
        self.retries.contains_key(instance)
    }

    /// Returns the rollout with a new attempt for all members that failed. Its number is above that of every earlier attempt.
    pub fn with_next_attempt(mut self) -> Self {
        self.attempt += self.retries.values().max().copied().unwrap_or(0) + 1;
        self.retries.clear();
        self
    }
}

/// One instance of a rollout. The members of an undo go back to different releases: each has its own `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Name of the instance.
    pub instance: InstanceName,
    /// Release at the start.
    pub from: Release,
    /// Release that it moves to.
    pub to: Release,
    /// Releases that it runs on its way, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<Release>,
    /// Effect on its data of all releases together.
    #[serde(default, skip_serializing_if = "DataEffect::is_default")]
    pub data: DataEffect,
    /// The revision that it had before, so that an undo can put its values back. Rollouts from before this was noted have
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_revision: Option<u64>,
    /// In an undo: the revision that its order brings. It becomes the desired one when the order has ended well, so
    /// that old values are never combined with the present release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_revision: Option<u64>,
}

impl Member {
    /// Returns the releases that it starts, in this order.
    pub fn started_releases(&self) -> impl Iterator<Item = &Release> {
        self.through.iter().chain([&self.to])
    }
}

/// Instance that a rollout does not move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Name of the instance.
    pub instance: InstanceName,
    /// Reason. Earlier versions kept it as a text.
    pub reason: LeftOutReason,
}

/// Last request of an operator about a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutIntent {
    /// Begin members.
    Run,
    /// Begin no further member.
    Pause,
    /// Running orders end by themselves; nothing new begins.
    Abort,
}

/// Pace and limits of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// Number of instances that go first, alone; all of them must succeed.
    pub canary: u32,
    /// Members under way at a time, after the canary.
    pub at_once: Concurrency,
    /// Time for which a wave is watched before the next begins.
    #[serde(with = "serde_millis")]
    pub soak: Duration,
    /// Number of failed instances that halts the rollout.
    pub max_failures: u32,
    /// Maximum number of parallel changes among hosts that share the label's value.
    pub per: BTreeMap<String, u32>,
    /// Hours in which members may begin.
    pub window: Option<Window>,
    /// Time limit for one instance.
    #[serde(with = "serde_millis")]
    pub deadline: Duration,
}

impl Strategy {
    /// Returns the longest time that one instance may take, the way back included.
    pub fn longest(&self) -> Duration {
        self.deadline + rollback_budget(self.deadline)
    }
}

/// Maximum number of parallel changes: a number, or a share of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Concurrency {
    /// Number of members.
    Count(u32),
    /// Share of the group in percent.
    Percent(u32),
}

impl Concurrency {
    /// The number for a group; a share is rounded up, and it is never nothing.
    pub fn of(self, group: usize) -> usize {
        match self {
            Self::Count(count) => (count as usize).max(1),
            Self::Percent(percent) => (group * percent as usize).div_ceil(100).max(1),
        }
    }
}

/// Text that is not a number of instances.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number of instances: write a number from 1 or a share from 1% to 100%")]
pub struct AtOnceError(String);

impl FromStr for Concurrency {
    type Err = AtOnceError;
    fn from_str(text: &str) -> Result<Self, AtOnceError> {
        let wrong = |_: ParseIntError| AtOnceError(text.to_owned());
        let at_once = match text.strip_suffix('%') {
            Some(share) => Self::Percent(share.parse().map_err(wrong)?),
            None => Self::Count(text.parse().map_err(wrong)?),
        };
        match at_once {
            Self::Count(0) | Self::Percent(0 | 101..) => Err(AtOnceError(text.to_owned())),
            Self::Count(_) | Self::Percent(_) => Ok(at_once),
        }
    }
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl TryFrom<String> for Concurrency {
    type Error = AtOnceError;
    fn try_from(text: String) -> Result<Self, AtOnceError> {
        text.parse()
    }
}

impl From<Concurrency> for String {
    fn from(at_once: Concurrency) -> String {
        at_once.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_is_never_nothing() {
        for (text, group, expect) in [("25%", 3, 1), ("25%", 5, 2), ("1%", 1, 1), ("100%", 7, 7), ("3", 1, 3)] {
            let at_once: Concurrency = text.parse().expect("it is well formed");
            assert_eq!(at_once.of(group), expect, "{text} of {group}");
        }
    }

    #[test]
    fn none_at_once_is_refused() {
        for text in ["0", "0%", "101%", "", "%", "x", "-1"] {
            assert!(text.parse::<Concurrency>().is_err(), "`{text}` should be refused");
        }
    }
}
