//! Delay before dialing again.

use std::time::Duration;

/// The longest first wait.
const FIRST: Duration = Duration::from_millis(400);
/// The longest wait: a coordinator that was away for long has everybody back within ten seconds.
const LONGEST: Duration = Duration::from_secs(8);
/// The longest wait of a host that was sent away for good, in case its operators change their minds.
const REFUSED: Duration = Duration::from_secs(300);

/// Party that ended the last attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// No answer, or a broken connection.
    Broken,
    /// Refused by the coordinator, which would refuse it again.
    Refused,
}

/// The wait before the attempt that follows `failures` failures in a row; `chance` is a random number.
///
/// Returns a random delay in the upper half of a doubling interval, so that ten thousand hosts do not reconnect at
/// once.
pub fn wait(failures: u32, ending: AttemptEnd, chance: u32) -> Duration {
    let longest = match ending {
        AttemptEnd::Broken => LONGEST,
        AttemptEnd::Refused => REFUSED,
    };
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let span = doubled.min(longest);
    span / 2 + (span / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failures: u32, ending: AttemptEnd, least: u64, most: u64) {
        for chance in [0, 1, u32::MAX / 3, u32::MAX] {
            let wait = wait(failures, ending, chance);
            let span = Duration::from_millis(least)..=Duration::from_millis(most);
            assert!(span.contains(&wait), "{failures} failures, chance {chance}: {wait:?}");
        }
    }

    #[test]
    fn the_first_attempts_come_soon_and_the_later_ones_every_few_seconds() {
        check(0, AttemptEnd::Broken, 200, 400);
        check(1, AttemptEnd::Broken, 200, 400);
        check(2, AttemptEnd::Broken, 400, 800);
        check(4, AttemptEnd::Broken, 1600, 3200);
        check(6, AttemptEnd::Broken, 4000, 8000);
        check(u32::MAX, AttemptEnd::Broken, 4000, 8000);
    }

    #[test]
    fn who_was_refused_asks_more_and_more_rarely() {
        check(1, AttemptEnd::Refused, 200, 400);
        check(12, AttemptEnd::Refused, 150_000, 300_000);
    }

    #[test]
    fn hosts_that_lost_the_coordinator_together_come_back_apart() {
        assert_ne!(wait(3, AttemptEnd::Broken, 0), wait(3, AttemptEnd::Broken, u32::MAX / 2));
    }
}
