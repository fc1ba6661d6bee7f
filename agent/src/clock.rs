//! Clock of this crate: the only place that reads the time.

use fleet_core::time::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// Clock of this host, which may be wrong: the coordinator compares it and reports a difference.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    #[cfg(test)]
    let now = now.saturating_add_signed(AHEAD.get());
    Time(now)
}

#[cfg(test)]
thread_local! {
    static AHEAD: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
}

/// Sets the clock of this thread ahead, or back.
#[cfg(test)]
pub fn set_ahead(milliseconds: i64) {
    AHEAD.set(milliseconds);
}
