//! Clock of the coordinator: the only place that reads the time.

use fleet_core::time::Time;
use std::time::{Duration, SystemTime};

pub fn now() -> Time {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// Returns the time left until a moment.
pub fn until(moment: Time) -> Duration {
    moment.since(now())
}

/// Their clock minus ours, in milliseconds.
pub fn skew(theirs: Time, ours: Time) -> i64 {
    let apart = i64::try_from(theirs.0.abs_diff(ours.0)).unwrap_or(i64::MAX);
    if theirs < ours { -apart } else { apart }
}
