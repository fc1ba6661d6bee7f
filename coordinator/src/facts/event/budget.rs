//! Limits the events that one host may cause: each one is a write that all others wait for.

use fleet_core::time::Time;
use std::time::Duration;

/// Far more than the events of a host whose instances all change at once.
pub const AT_A_TIME: u32 = 60;
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Budget {
    since: Time,
    spent: u32,
    dropped: u32,
}

/// Decision about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventVerdict {
    /// The event is kept. This number of earlier events were dropped unreported.
    Kept {
        dropped: u32,
    },
    /// The first event that is dropped. This is recorded at once, because the host may fall silent before the rest can
    /// be counted.
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
