//! Pace of a rollout as requested, and its defaults.

use super::{Concurrency, Strategy};
use crate::window::Window;
use std::collections::BTreeMap;
use std::time::Duration;

/// Requested pace; `None` means the default of the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StrategyRequest {
    /// Size of the first wave.
    pub canary: Option<u32>,
    /// Members under way at a time.
    pub at_once: Option<Concurrency>,
    /// Time for which a wave is watched.
    pub soak: Option<Duration>,
    /// Number of failures that halts.
    pub max_failures: Option<u32>,
    /// Members under way at a time for each value of a label.
    pub per: BTreeMap<String, u32>,
    /// Hours in which members may begin.
    pub window: Option<Window>,
    /// Time that one instance may take.
    pub deadline: Option<Duration>,
}

impl StrategyRequest {
    /// Default size of the canary: one, unless the group has only one.
    pub const CANARY: u32 = 1;
    /// Default of `at_once`.
    pub const AT_ONCE: Concurrency = Concurrency::Percent(25);
    /// Default of `soak`.
    pub const SOAK: Duration = Duration::from_secs(30);
    /// Default of `max_failures`.
    pub const MAX_FAILURES: u32 = 1;
    /// Default of `deadline`.
    pub const DEADLINE: Duration = Duration::from_secs(10 * 60);

    /// Returns the strategy for a group of this size.
    pub fn settle(&self, group: usize) -> Strategy {
        let canary = if group > 1 { Self::CANARY } else { 0 };
        Strategy {
            canary: self.canary.unwrap_or(canary),
            at_once: self.at_once.unwrap_or(Self::AT_ONCE),
            soak: self.soak.unwrap_or(Self::SOAK),
            max_failures: self.max_failures.unwrap_or(Self::MAX_FAILURES),
            per: self.per.clone(),
            window: self.window.clone(),
            deadline: self.deadline.unwrap_or(Self::DEADLINE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_first_unless_it_is_alone() {
        assert_eq!(StrategyRequest::default().settle(1).canary, 0);
        assert_eq!(StrategyRequest::default().settle(2).canary, 1);
    }
}
