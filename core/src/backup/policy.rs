//! Backup policy: times, number of backups, maximum age, and interval of drills.

use super::schedule::Schedule;
use crate::labels::Selector;
use crate::names::{InstanceName, OperatorName, RepositoryName};
use crate::time::Time;
use crate::units::Period;
use crate::window::Window;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// Time limit of one backup or drill, unless a policy sets another.
pub const DEADLINE: Duration = Duration::from_secs(12 * 3600);
const SHORTEST_DRILL: Period = Period::from_secs(3600);

/// Schedule, retention, proof and age limit, for the instances it is given to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupPolicy {
    /// Times of backups.
    pub schedule: Schedule,
    /// Rules for the backups to keep.
    pub keep: Keep,
    /// An instance whose newest backup is older is late.
    pub max_age: Period,
    /// Maximum age of the newest proof before the next drill; without it, drills run only on request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Period>,
    /// Only within it does anything begin by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_rate: Option<u64>,
    /// Time that one backup may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Period>,
    /// Maximum distance between the starts of one slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Period>,
    /// Repositories that get a copy.
    pub to: BTreeSet<RepositoryName>,
    /// By labels of hosts. The empty one picks all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// By name, whatever other policies pick.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub instances: BTreeSet<InstanceName>,
}

/// Number of the newest backups to keep: of all, and of the last of each hour, day …
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// Number of newest backups that stay.
    #[serde(default)]
    pub last: u32,
    /// Number of hours of which the newest stays.
    #[serde(default)]
    pub hourly: u32,
    /// Number of days of which the newest stays.
    #[serde(default)]
    pub daily: u32,
    /// Number of weeks of which the newest stays.
    #[serde(default)]
    pub weekly: u32,
    /// Number of months of which the newest stays.
    #[serde(default)]
    pub monthly: u32,
    /// Number of years of which the newest stays.
    #[serde(default)]
    pub yearly: u32,
}

/// A backup that an operator holds: it is never forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Instance of the backup.
    pub instance: InstanceName,
    /// Operator who holds it.
    pub by: OperatorName,
    /// Time of the request.
    pub at: Time,
}

/// Reason why a policy is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Rules that keep no backup.
    #[error("it keeps no backups: give at least one of --keep-last, --keep-daily and the like")]
    KeepsNothing,
    /// Policy without a repository.
    #[error("it names no repository")]
    NoRepository,
    /// Policy without instances.
    #[error("it is given to nobody: name instances, labels of hosts (-l), or all (--all)")]
    ForNobody,
    /// Age limit below the time between two backups.
    #[error("an age limit of {0} is shorter than the time between two backups: each instance would be late each time")]
    ShortAge(Period),
    /// Drills more often than allowed.
    #[error("a drill every {0} is too often: at most once an hour")]
    FrequentDrill(Period),
    /// Deadline that is too short.
    #[error("a deadline of {0} is too short: give at least a minute")]
    ShortDeadline(Period),
    /// Rate limit that is too low.
    #[error("a rate of {0} bytes per second is too low: give at least 16k")]
    LowRate(u64),
}

impl BackupPolicy {
    /// Returns the time that one backup may take.
    pub fn deadline(&self) -> Duration {
        self.deadline.map_or(DEADLINE, Period::as_duration)
    }

    /// By how much an instance's starts are moved.
    pub fn shift(&self, name: &InstanceName) -> Duration {
        self.schedule.shift(name, self.spread.map(Period::as_duration))
    }

    /// Refuses contradictory or pointless settings.
    pub fn check(&self) -> Result<(), PolicyError> {
        if self.keep == Keep::default() {
            return Err(PolicyError::KeepsNothing);
        }
        if self.to.is_empty() {
            return Err(PolicyError::NoRepository);
        }
        if self.selector.is_none() && self.instances.is_empty() {
            return Err(PolicyError::ForNobody);
        }
        if self.max_age.as_duration() < self.schedule.shortest() {
            return Err(PolicyError::ShortAge(self.max_age));
        }
        if let Some(drill) = self.drill.filter(|drill| *drill < SHORTEST_DRILL) {
            return Err(PolicyError::FrequentDrill(drill));
        }
        if let Some(deadline) = self.deadline.filter(|deadline| *deadline < Period::from_secs(60)) {
            return Err(PolicyError::ShortDeadline(deadline));
        }
        match self.limit_rate.filter(|rate| *rate < 16 * 1024) {
            Some(rate) => Err(PolicyError::LowRate(rate)),
            None => Ok(()),
        }
    }
}

impl Keep {
    /// Returns the maximum number of kept backups, besides those that stay in any case.
    pub fn most(&self) -> usize {
        let Self { last, hourly, daily, weekly, monthly, yearly } = *self;
        let counts = [last, hourly, daily, weekly, monthly, yearly];
        counts.into_iter().fold(0_usize, |sum, count| sum.saturating_add(usize::try_from(count).unwrap_or(usize::MAX)))
    }

    /// Returns whether any of its numbers is smaller than the other's. Without numbers, everything is kept.
    pub(crate) fn is_less_than(&self, other: &Self) -> bool {
        let numbers = |keep: &Self| [keep.last, keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly];
        let forgets_nothing = |keep: &Self| *keep == Self::default();
        if forgets_nothing(self) || forgets_nothing(other) {
            return forgets_nothing(other) && !forgets_nothing(self);
        }
        numbers(self).iter().zip(numbers(other)).any(|(own, other)| *own < other)
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { last, hourly, daily, weekly, monthly, yearly } = self;
        let named = [
            (last, "last"),
            (hourly, "hourly"),
            (daily, "daily"),
            (weekly, "weekly"),
            (monthly, "monthly"),
            (yearly, "yearly"),
        ];
        let said: Vec<String> =
            named.into_iter().filter(|(count, _)| **count > 0).map(|(count, name)| format!("{count} {name}")).collect();
        f.pad(&if said.is_empty() { "all".to_owned() } else { said.join(", ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(numbers: [u32; 6]) -> Keep {
        let [last, hourly, daily, weekly, monthly, yearly] = numbers;
        Keep { last, hourly, daily, weekly, monthly, yearly }
    }

    #[test]
    fn fewer_of_any_kind_is_less_and_nothing_said_keeps_all() {
        let before = keep([3, 0, 7, 5, 12, 0]);
        for (after, is_less) in [
            (before, false),
            (keep([4, 1, 8, 6, 13, 1]), false),
            (keep([2, 0, 7, 5, 12, 0]), true),
            (keep([30, 24, 365, 52, 11, 9]), true),
            (keep([0; 6]), false),
        ] {
            assert_eq!(after.is_less_than(&before), is_less, "{after:?}");
        }
        assert!(before.is_less_than(&keep([0; 6])), "all were kept");
    }
}
