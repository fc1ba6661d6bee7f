//! State of this host for reports: the link reads it, and the other tasks write it.
//!
//! **Invariant:** it holds states, not messages. A late reader misses only outdated states; only events, which are for
//! people, can be overwritten.

use fleet_core::event::HostEvent;
use fleet_core::facts::Running;
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::End;
use fleet_core::time::Time;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::watch;

/// The events that are kept for a coordinator that is away.
const EVENT_LIMIT: usize = 200;

/// The latest state of this host.
#[derive(Debug, Clone, Default)]
pub struct StatusBoard {
    /// State of each instance.
    pub instances: BTreeMap<InstanceName, Running>,
    /// Ends of orders that the coordinator may not have received.
    pub ends: BTreeMap<OrderId, (InstanceName, End)>,
    /// Free bytes on the disk of the data; unknown at first.
    pub disk_free: Option<u64>,
    /// The newest events; the number counts all that ever were.
    pub events: VecDeque<(u64, Event)>,
    events_so_far: u64,
}

/// An event for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Time of the event.
    pub at: Time,
    /// Instance of the event, if it has one.
    pub instance: Option<InstanceName>,
    /// Kind of the event, with its arguments.
    pub kind: HostEvent,
}

impl StatusBoard {
    /// Adds an event and drops the oldest above the limit.
    pub fn add_event(&mut self, event: Event) {
        self.events_so_far += 1;
        self.events.push_back((self.events_so_far, event));
        if self.events.len() > EVENT_LIMIT {
            self.events.pop_front();
        }
    }
}

/// Write access to the board for the other tasks.
#[derive(Debug, Clone)]
pub struct StatusWriter(Arc<watch::Sender<StatusBoard>>);

impl Default for StatusWriter {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(StatusBoard::default())))
    }
}

impl StatusWriter {
    /// Returns a receiver of the state.
    pub fn reader(&self) -> watch::Receiver<StatusBoard> {
        self.0.subscribe()
    }

    /// Looks without waiting.
    pub fn see<T>(&self, look: impl FnOnce(&StatusBoard) -> T) -> T {
        look(&self.0.borrow())
    }

    /// Changes the state and wakes all receivers.
    pub fn write(&self, change: impl FnOnce(&mut StatusBoard)) {
        self.0.send_modify(change);
    }

    /// Sets the state of an instance; an unchanged state wakes no receiver.
    pub fn set_instance(&self, name: &InstanceName, running: Running) {
        self.0.send_if_modified(|status_board| {
            let is_new = status_board.instances.get(name) != Some(&running);
            if is_new {
                status_board.instances.insert(name.clone(), running);
            }
            is_new
        });
    }

    /// Adds an event.
    pub fn tell(&self, at: Time, instance: Option<&InstanceName>, kind: HostEvent) {
        let event = Event { at, instance: instance.cloned(), kind };
        self.write(|status_board| status_board.add_event(event));
    }
}
