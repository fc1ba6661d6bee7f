//! How much of what one host says is kept: each event is a write that all others wait for.

use fleet_core::time::Time;
use std::time::Duration;

/// Far more than a host has to tell when all its instances are changed at once.
pub const AT_A_TIME: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Budget {
    since: Time,
    spent: u32,
    dropped: u32,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventVerdict {
    /// So many before it were not kept, and nobody was told.
    Kept {
        dropped: u32,
    },
    /// The first that is not kept: that is told, for its host may fall quiet before the rest can be counted.
    Full,
    Dropped,
}

impl Budget {
    pub fn spend(&mut self, now: Time) -> EventVerdict {
        let is_over = self.since.after(WINDOW) <= now || now < self.since;
        if is_over {
            (self.since, self.spent) = (now, 0);
        }
        if self.spent >= AT_A_TIME {
            self.dropped = self.dropped.saturating_add(1);
            return if self.dropped == 1 { EventVerdict::Full } else { EventVerdict::Dropped };
        }
        self.spent += 1;
        EventVerdict::Kept { dropped: std::mem::take(&mut self.dropped) }
    }
}
