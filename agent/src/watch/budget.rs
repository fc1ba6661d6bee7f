//! Limits how often an instance is healed: above the limit, the repeated healing itself is reported as the problem.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

const HEALS: usize = 3;
const WITHIN: Duration = Duration::from_secs(600);

/// Times of an instance's recent healing.
#[derive(Debug, Default)]
pub struct Budget(VecDeque<Instant>);

impl Budget {
    /// Spends one heal, if there is one left.
    pub fn spend(&mut self, now: Instant) -> bool {
        self.0.retain(|at| now.duration_since(*at) < WITHIN);
        let is_left = self.0.len() < HEALS;
        if is_left {
            self.0.push_back(now);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_healing_again_and_again_is_left_as_it_is_for_a_while() {
        let (mut budget, now) = (Budget::default(), Instant::now());
        let spent: Vec<bool> = (0..4).map(|second| budget.spend(now + Duration::from_secs(second))).collect();
        assert_eq!(spent, [true, true, true, false]);
        assert!(budget.spend(now + WITHIN));
    }
}
