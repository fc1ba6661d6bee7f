//! Pace and limits of rollouts, for operators.

use crate::v1;
use fleet_core::rollout::{Concurrency, Strategy};
use std::time::Duration;

impl v1::RolloutStrategy {
    /// Returns the strategy as it is for a group of this size.
    pub fn of(strategy: &Strategy, group: usize) -> Self {
        let at_once_percent = match strategy.at_once {
            Concurrency::Percent(percent) => Some(percent),
            Concurrency::Count(_) => None,
        };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            canary: strategy.canary,
            at_once: u32::try_from(strategy.at_once.of(group)).unwrap_or(u32::MAX),
            at_once_percent,
            soak_ms: millis(strategy.soak),
            max_failures: strategy.max_failures,
            per: strategy.per.clone(),
            window: strategy.window.as_ref().map(ToString::to_string).unwrap_or_default(),
            deadline_ms: millis(strategy.deadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::rollout::StrategyRequest;

    #[test]
    fn a_strategy_says_what_it_comes_to_in_its_group() {
        let request = StrategyRequest {
            per: [("site".to_owned(), 1)].into(),
            window: Some("22:00-04:00+01:00".parse().expect("it is a window")),
            ..StrategyRequest::default()
        };
        let of = |at_once, group| {
            v1::RolloutStrategy::of(&StrategyRequest { at_once, ..request.clone() }.settle(group), group)
        };
        let expect = v1::RolloutStrategy {
            canary: 1,
            at_once: 2,
            at_once_percent: Some(25),
            soak_ms: 30_000,
            max_failures: 1,
            per: [("site".to_owned(), 1)].into(),
            window: "22:00-04:00+01:00".to_owned(),
            deadline_ms: 600_000,
        };
        assert_eq!(of(None, 7), expect);
        let count = v1::RolloutStrategy { at_once: 3, at_once_percent: None, ..expect };
        assert_eq!(of(Some(Concurrency::Count(3)), 7), count);
    }
}
