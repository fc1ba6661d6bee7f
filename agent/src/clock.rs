//! The one place where this room asks what time it is.

use fleet_core::time::Time;
use std::time::{SystemTime, UNIX_EPOCH};

/// This host's own time, which may be wrong: the coordinator hears it and says so.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
