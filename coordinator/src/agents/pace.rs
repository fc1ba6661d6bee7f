//! How fast one host may talk. Whoever is faster is read more slowly, and notices it by itself.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

const WINDOW: Duration = Duration::from_secs(1);
/// Far more than a host with hundreds of instances says when it connects.
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

    /// Returns at once for whoever keeps the pace.
    pub async fn keep(&mut self) {
        self.count += 1;
        if self.count < MESSAGES {
            return;
        }
        sleep_until(self.since + WINDOW).await;
        *self = Self::new();
    }
}
