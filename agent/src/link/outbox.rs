//! What of the board is still to be said on one connection.
//!
//! **Invariant:** at its beginning a connection has said nothing, so that everything is said again at each connect.

use crate::board::{Board, Event};
use fleet_core::facts::Running;
use fleet_core::names::{InstanceName, OrderId};
use fleet_proto::v1::{self, FromAgent, from_agent::Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// An instance is reported at most so often; what changes faster is said together.
const PACE: Duration = Duration::from_millis(250);

/// What was said on this connection.
#[derive(Debug)]
pub struct Outbox {
    said: BTreeMap<InstanceName, (Running, Instant)>,
    ended: BTreeSet<OrderId>,
    disk_free: Option<u64>,
    events_so_far: u64,
    has_completed: Completion,
}

#[derive(Debug, PartialEq, Eq)]
enum Completion {
    Owed,
    Said,
}

/// Messages that are due, and when there will be more although the board stays as it is.
#[derive(Debug, Default)]
pub struct Due {
    pub messages: Vec<FromAgent>,
    pub next: Option<Instant>,
}

impl Outbox {
    /// Begins a connection; events up to this number were said on earlier ones.
    pub fn new(events_so_far: u64) -> Self {
        let (said, ended) = (BTreeMap::new(), BTreeSet::new());
        Self { said, ended, disk_free: None, events_so_far, has_completed: Completion::Owed }
    }

    pub fn events_so_far(&self) -> u64 {
        self.events_so_far
    }

    /// The coordinator still holds these orders open: their ends are said again.
    pub fn say_again<'a>(&mut self, open: impl IntoIterator<Item = &'a OrderId>) {
        for id in open {
            self.ended.remove(id);
        }
    }

    pub fn due(&mut self, board: &Board, now: Instant) -> Due {
        let mut due = Due::default();
        self.add_instances(board, now, &mut due);
        self.add_absent(board, &mut due);
        self.add_ends(board, &mut due);
        if self.has_completed == Completion::Owed {
            self.has_completed = Completion::Said;
            due.push(Kind::Complete(v1::Complete {}));
        }
        if board.disk_free != self.disk_free {
            self.disk_free = board.disk_free;
            due.messages.extend(board.disk_free.map(|free| message(Kind::DiskFree(free))));
        }
        self.add_events(board, &mut due);
        due
    }

    fn add_instances(&mut self, board: &Board, now: Instant, due: &mut Due) {
        let unsaid = |(id, (name, _)): (&OrderId, &(InstanceName, _))| (!self.ended.contains(id)).then(|| name.clone());
        let urgent: BTreeSet<_> = board.ends.iter().filter_map(unsaid).collect();
        for (name, running) in &board.instances {
            let ready = match self.said.get(name) {
                Some((said, _)) if said == running => continue,
                Some((_, at)) => *at + PACE,
                None => now,
            };
            if ready > now && !urgent.contains(name) {
                due.next = Some(due.next.map_or(ready, |next| next.min(ready)));
                continue;
            }
            self.said.insert(name.clone(), (running.clone(), now));
            due.push(Kind::Instance((name.clone(), running.clone()).into()));
        }
    }

    fn add_absent(&mut self, board: &Board, due: &mut Due) {
        let gone = self.said.keys().filter(|name| !board.instances.contains_key(*name));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.said.remove(&name);
            due.push(Kind::Instance((name, Running::Absent).into()));
        }
    }

    /// The ends come after what they made of their instances.
    fn add_ends(&mut self, board: &Board, due: &mut Due) {
        self.ended.retain(|id| board.ends.contains_key(id));
        for (id, (instance, outcome)) in &board.ends {
            if self.ended.insert(id.clone()) {
                due.push(Kind::Order((id.clone(), instance.clone(), outcome.clone()).into()));
            }
        }
    }

    fn add_events(&mut self, board: &Board, due: &mut Due) {
        for (number, event) in &board.events {
            if *number > self.events_so_far {
                self.events_so_far = *number;
                due.push(Kind::Event(wire_event(event)));
            }
        }
    }
}

impl Due {
    fn push(&mut self, kind: Kind) {
        self.messages.push(message(kind));
    }
}

pub fn message(kind: Kind) -> FromAgent {
    FromAgent { kind: Some(kind) }
}

fn wire_event(event: &Event) -> v1::Event {
    let instance = event.instance.as_ref().map(ToString::to_string).unwrap_or_default();
    v1::Event { at_ms: event.at.0, instance, text: event.text.clone() }
}

#[cfg(test)]
mod tests;
