//! Limits the message rate of one host. A host that exceeds it is read more slowly and is slowed down by flow control.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

const WINDOW: Duration = Duration::from_secs(1);
/// Far more than a host with hundreds of instances sends when it connects.
const MESSAGES: u32 = 500;

#[derive(Debug)]
pub struct Pace {
    since: Instant,
    count: u32,
}

impl Pace {
    pub fn new() -> Self {
        Self { since: Instant::now(), count: 0 }
    }

    /// Returns at once for a host that stays within its rate.
    pub async fn keep(&mut self) {
        self.count += 1;
        if self.count < MESSAGES {
            return;
        }
        sleep_until(self.since + WINDOW).await;
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how long one host needs to send these messages.
    async fn takes(messages: u32, pause: Duration) -> Duration {
        let (mut pace, began) = (Pace::new(), Instant::now());
        for _ in 0..messages {
            tokio::time::sleep(pause).await;
            pace.keep().await;
        }
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_keeps_the_pace_is_read_at_once() {
        assert_eq!(takes(MESSAGES - 1, Duration::ZERO).await, Duration::ZERO);
        let minute = takes(60, Duration::from_secs(1)).await;
        assert_eq!(minute.as_secs(), 60, "nothing is added");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_read_at_the_pace() {
        let flood = takes(10 * MESSAGES, Duration::ZERO).await;
        assert_eq!(flood.as_secs(), 10);
    }
}
