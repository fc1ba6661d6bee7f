//! Log lines about events that others can cause at will: one every few seconds, with the number of those left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Sparing(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    left_out: u64,
}

impl Sparing {
    /// The number of events since the last line, if it is time for a line.
    pub fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            said.left_out += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_makes_a_line_each_few_seconds_that_counts_the_rest() {
        let (sparing, now) = (Sparing::default(), Instant::now());
        assert_eq!(sparing.due_at(now), Some(0));
        assert!((0..999).all(|_| sparing.due_at(now).is_none()));
        assert_eq!(sparing.due_at(now + PAUSE), Some(999));
        assert_eq!(sparing.due_at(now + PAUSE * 2), Some(0));
    }
}
