//! Part of the board that is still to be reported on one connection.
//!
//! **Invariant:** a new connection has reported nothing, so everything is reported again after each connect.

use crate::status_board::{Event, StatusBoard};
use fleet_core::facts::Running;
use fleet_core::names::{InstanceName, OrderId};
use fleet_proto::v1::{self, FromAgent, from_agent::Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Minimum interval between two reports of an instance; faster changes are merged.
const PACE: Duration = Duration::from_millis(250);

/// Reports sent on this connection.
#[derive(Debug)]
pub struct Outbox {
    said: BTreeMap<InstanceName, (Running, Instant)>,
    ended: BTreeMap<OrderId, Said>,
    disk_free: Option<u64>,
    events_so_far: u64,
    has_completed: Completion,
}

/// Time of an end's last report, and whether it must be sent again.
#[derive(Debug)]
struct Said {
    at: Instant,
    again: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Completion {
    Owed,
    Said,
}

/// Interval at which an unacknowledged end is sent again.
const AGAIN: Duration = Duration::from_secs(1);

/// Messages that are due, and when there will be more although the board stays as it is.
#[derive(Debug, Default)]
pub struct Due {
    pub messages: Vec<FromAgent>,
    /// Events with their numbers: another connection may send them first.
    pub events: Vec<(u64, FromAgent)>,
    pub next: Option<Instant>,
}

impl Outbox {
    /// Begins a connection; events up to this number were said on earlier ones.
    pub fn new(events_so_far: u64) -> Self {
        let (said, ended) = (BTreeMap::new(), BTreeMap::new());
        Self { said, ended, disk_free: None, events_so_far, has_completed: Completion::Owed }
    }

    /// The coordinator still holds these orders open: their ends are said again.
    pub fn say_again<'a>(&mut self, open: impl IntoIterator<Item = &'a OrderId>) {
        for id in open {
            if let Some(said) = self.ended.get_mut(id) {
                said.again = true;
            }
        }
    }

    pub fn due(&mut self, status_board: &StatusBoard, now: Instant) -> Due {
        let mut due = Due::default();
        let ended = self.add_ends(status_board, now, &mut due);
        self.add_instances(status_board, &ended, now, &mut due);
        self.add_absent(status_board, &ended, &mut due);
        if self.has_completed == Completion::Owed {
            self.has_completed = Completion::Said;
            due.push(Kind::Complete(v1::Complete {}));
        }
        if status_board.disk_free != self.disk_free {
            self.disk_free = status_board.disk_free;
            due.messages.extend(status_board.disk_free.map(|free| message(Kind::DiskFree(free))));
        }
        self.add_events(status_board, &mut due);
        due
    }

    /// Adds ends before states: a state of an instance counts only if it is reported after the end of its last order.
    /// Returns the instances of those ends.
    fn add_ends(&mut self, status_board: &StatusBoard, now: Instant, due: &mut Due) -> BTreeSet<InstanceName> {
        let mut ended = BTreeSet::new();
        self.ended.retain(|id, _| status_board.ends.contains_key(id));
        for (id, (instance, end)) in &status_board.ends {
            match self.ended.get(id) {
                Some(said) if !said.again => continue,
                Some(said) if said.at + AGAIN > now => due.wake(said.at + AGAIN),
                Some(_) | None => {
                    self.ended.insert(id.clone(), Said { at: now, again: false });
                    due.push(Kind::Order((id.clone(), instance.clone(), end.clone()).into()));
                    ended.insert(instance.clone());
                }
            }
        }
        ended
    }

    fn add_instances(
        &mut self,
        status_board: &StatusBoard,
        ended: &BTreeSet<InstanceName>,
        now: Instant,
        due: &mut Due,
    ) {
        for (name, running) in &status_board.instances {
            let ready = match self.said.get(name) {
                _ if ended.contains(name) => now,
                Some((said, _)) if said == running => continue,
                Some((_, at)) => *at + PACE,
                None => now,
            };
            if ready > now {
                due.wake(ready);
                continue;
            }
            self.said.insert(name.clone(), (running.clone(), now));
            due.push(Kind::Instance((name.clone(), running.clone()).into()));
        }
    }

    fn add_absent(&mut self, status_board: &StatusBoard, ended: &BTreeSet<InstanceName>, due: &mut Due) {
        let gone = self.said.keys().chain(ended).filter(|name| !status_board.instances.contains_key(*name));
        for name in gone.cloned().collect::<BTreeSet<_>>() {
            self.said.remove(&name);
            due.push(Kind::Instance((name, Running::Absent).into()));
        }
    }

    fn add_events(&mut self, status_board: &StatusBoard, due: &mut Due) {
        for (number, event) in &status_board.events {
            if *number > self.events_so_far {
                self.events_so_far = *number;
                due.events.push((*number, message(Kind::Event(wire_event(event)))));
            }
        }
    }
}

impl Due {
    fn wake(&mut self, at: Instant) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    fn push(&mut self, kind: Kind) {
        self.messages.push(message(kind));
    }
}

pub fn message(kind: Kind) -> FromAgent {
    FromAgent { kind: Some(kind) }
}

fn wire_event(event: &Event) -> v1::Event {
    let instance = event.instance.as_ref().map(ToString::to_string).unwrap_or_default();
    v1::Event { at_ms: event.at.0, instance, event: Some(event.kind.clone().into()) }
}

#[cfg(test)]
mod tests;
