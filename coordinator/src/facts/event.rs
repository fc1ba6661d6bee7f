//! What happened, for people: the newest ten thousand, and no more.

use crate::keys;
use crate::store::{Batch, Store, StoreError};
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The most events that are kept.
const LIMIT: usize = 10_000;
/// The longest text of an event; a host may say more than anyone wants to keep.
const TEXT_LIMIT: usize = 500;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub at: Time,
    /// What it is about: `host lab-1`, `instance notes-2`, `rollout labnotes-3`, `operator ada`, `release labnotes@1.2`.
    pub subject: Box<str>,
    pub text: Box<str>,
}

#[derive(Debug, Default)]
pub struct Events {
    /// The number of the oldest one.
    first: u64,
    kept: VecDeque<Event>,
}

impl Events {
    pub fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let entries = store.scan(keys::EVENTS)?;
        let number = |key: &str| key.strip_prefix(keys::EVENTS).and_then(|number| number.parse().ok());
        let first = entries.first().and_then(|entry| number(&entry.key)).unwrap_or(0);
        let kept = entries.iter().map(crate::store::Entry::read).collect::<Result<_, _>>()?;
        Ok(Self { first, kept })
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.kept.iter()
    }

    /// Adds an event to memory and to the batch; the oldest gives way.
    pub fn tell(&mut self, batch: &mut Batch, at: Time, subject: &str, text: &str) {
        let text: String = text.chars().take(TEXT_LIMIT).collect();
        let event = Event { at, subject: subject.into(), text: text.into() };
        batch.put(keys::event(self.first + self.kept.len() as u64), &event);
        self.kept.push_back(event);
        if self.kept.len() > LIMIT {
            self.kept.pop_front();
            batch.delete(keys::event(self.first));
            self.first += 1;
        }
    }
}
