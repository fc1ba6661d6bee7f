//! Record of caught panics: a pass that panics is a bug, and the rest of the coordinator continues.

use crate::clock;
use fleet_core::time::Time;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Panics since the start, by the loop or the call in which they were caught.
#[derive(Debug, Default)]
pub struct Panics(Mutex<BTreeMap<&'static str, CaughtPanics>>);

/// Panics of one loop, or of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtPanics {
    pub count: u64,
    /// Time of the last one.
    pub last: Time,
    /// Message of the last.
    pub message: String,
}

impl Panics {
    /// Logs and counts a panic that was caught in the loop or call `place`.
    pub fn note(&self, place: &'static str, panic: &(dyn Any + Send)) {
        let message = panic_text(panic).to_owned();
        tracing::error!(place, message, "a panic was caught");
        let last = clock::now();
        let mut caught = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = caught.get(place).map_or(0, |before| before.count) + 1;
        caught.insert(place, CaughtPanics { count, last, message });
    }

    /// Returns all caught panics, by loop or `call`.
    pub fn all(&self) -> BTreeMap<&'static str, CaughtPanics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Returns the message of a panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}
