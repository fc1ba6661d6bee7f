//! `Hello` messages of agents. They distinguish two machines with one identity from a restart, and record an event
//! about it.
//!
//! Greetings stay in memory; only the finding of two machines, and its end, are written.

use super::{DesiredChange, Facts, StateSnapshot};
use crate::keys;
use crate::store::{Batch, StoreError};
use fleet_core::duplicate::{Duplicate, DuplicateChange, Greeting, Machine};
use fleet_core::event::EventKind;
use fleet_core::facts::LinkState;
use fleet_core::names::HostName;
use fleet_core::problem::Problem;
use fleet_core::time::Time;

impl Facts {
    /// An agent greets as a host.
    pub async fn hear_greeting(&self, host: &HostName, greeting: Greeting) -> Result<(), StoreError> {
        let now = greeting.at;
        let change = self.change_unwritten(|snapshot| {
            let greetings = snapshot.observed.greetings.entry(host.clone()).or_default();
            greetings.hear(greeting)
        });
        match change {
            Some(change) => self.keep_duplicate(host, &change, now).await,
            None => Ok(()),
        }
    }

    /// Hosts that are one machine again after two machines connected as them for some time. `connected_since` is since when a
    /// host's connection is there, if it has one.
    pub async fn end_duplicates(
        &self,
        connected_since: impl Fn(&HostName) -> Option<Time>,
        now: Time,
    ) -> Result<Vec<HostName>, StoreError> {
        let may_end: Vec<HostName> = {
            let snapshot = self.read();
            let duplicates =
                snapshot.observed.greetings.iter().filter(|(_, greetings)| greetings.duplicate().is_some());
            duplicates.map(|(host, _)| host.clone()).collect()
        };
        let mut ended = Vec::new();
        for host in may_end {
            let since = connected_since(&host);
            let change = self.change_unwritten(|snapshot| {
                let is_online = snapshot.observed.hosts.get(&host).is_some_and(|seen| seen.link == LinkState::Online);
                snapshot.observed.greetings.get_mut(&host)?.pass(since.filter(|_| is_online), now)
            });
            if let Some(change) = change {
                self.keep_duplicate(&host, &change, now).await?;
                ended.push(host);
            }
        }
        Ok(ended)
    }

    async fn keep_duplicate(&self, host: &HostName, change: &DuplicateChange, now: Time) -> Result<(), StoreError> {
        let ((), committed) = self.change(|snapshot, batch| {
            snapshot.put_greetings(batch, host);
            let kind = match change {
                DuplicateChange::Began(duplicate) => EventKind::Found(Box::new(duplicate_problem(duplicate))),
                DuplicateChange::Ended(duplicate) => EventKind::OneMachineLeft(machines(duplicate)),
            };
            tracing::warn!(%host, ?kind, "the machines that connect as a host have changed");
            snapshot.events.tell(batch, now, host, kind);
            Ok::<_, StoreError>(())
        })?;
        self.wake();
        self.settled(committed).await.map(|_| ())
    }
}

impl StateSnapshot {
    fn put_greetings(&self, batch: &mut Batch, host: &HostName) {
        match self.observed.greetings.get(host).filter(|greetings| greetings.duplicate().is_some()) {
            Some(greetings) => batch.put(keys::greetings(host), greetings),
            None => batch.delete(keys::greetings(host)),
        }
    }
}

impl DesiredChange<'_> {
    /// A host has joined: earlier certificates do not count any more, so there is one machine.
    pub fn forget_greetings(&mut self, host: &HostName) {
        let Some(greetings) = self.snapshot.observed.greetings.remove(host) else { return };
        if let Some(duplicate) = greetings.duplicate() {
            self.batch.delete(keys::greetings(host));
            let since = duplicate.since;
            self.tell(host, EventKind::JoinedAgain { since });
        }
    }
}

/// Returns the problem of two machines that connect as one host.
pub fn duplicate_problem(duplicate: &Duplicate) -> Problem {
    Problem::TwoMachines { since: duplicate.since, machines: machines(duplicate) }
}

fn machines(duplicate: &Duplicate) -> Vec<Machine> {
    duplicate.machines.iter().map(Machine::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, memory, on, read};
    use crate::store::{MemoryStore, Store};
    use std::sync::Arc;
    use std::time::Duration;

    fn after(seconds: u64) -> Time {
        NOW.after(Duration::from_secs(seconds))
    }

    async fn greet(facts: &Facts, seconds: u64, start: &str) {
        let (engine, address) = ("ABCD:EFGH:IJKL:MNOP".to_owned(), "10.0.0.7".to_owned());
        let greeting =
            Greeting { at: after(seconds), start: start.to_owned(), engine, address, is_takeover: seconds > 0 };
        facts.hear_greeting(&read("lab-1"), greeting).await.expect("the store is whole");
    }

    fn machine(start: &str) -> Machine {
        Machine { start: start.to_owned(), engine: "ABCD:EFGH:IJ".to_owned(), address: "10.0.0.7".to_owned() }
    }

    #[tokio::test]
    async fn two_machines_are_told_once_kept_over_a_restart_and_told_when_it_ends() {
        let store = Arc::new(MemoryStore::new().expect("a thread can be started"));
        let facts = on(Arc::clone(&store) as Arc<dyn Store>).with("lab-1", "notes-1").await;
        let before = facts.recorded_events().len();
        for (seconds, start) in [(0, "aaaa"), (2, "bbbb"), (4, "aaaa"), (6, "bbbb"), (8, "aaaa"), (10, "bbbb")] {
            greet(&facts, seconds, start).await;
        }
        let of_host = |kind| ("host lab-1".to_owned(), kind);
        let machines = vec![machine("bbbb"), machine("aaaa")];
        let found = Problem::TwoMachines { since: after(6), machines: machines.clone() };
        let recorded = facts.recorded_events().split_off(before);
        assert_eq!(recorded, [of_host(EventKind::Found(Box::new(found)))], "it is told once");
        let again = on(Arc::clone(&store) as Arc<dyn Store>);
        assert!(again.read().observed().duplicate(&read("lab-1")).is_some(), "it is kept");
        let nobody = |_: &HostName| None;
        let ends = again.end_duplicates(nobody, after(10_000)).await.expect("the store is whole");
        assert!(ends.is_empty(), "nobody is connected");
        facts.mark_online(&read("lab-1"));
        // The link to the site was down for long, and the one that greeted last is back first.
        greet(&facts, 1000, "bbbb").await;
        for (second, ends) in [(1001, false), (1299, false), (1300, true)] {
            let ended = facts.end_duplicates(|_| Some(after(1000)), after(second)).await.expect("the store is whole");
            assert_eq!(!ended.is_empty(), ends, "after {second} s");
        }
        assert_eq!(facts.recorded_events().pop(), Some(of_host(EventKind::OneMachineLeft(machines))));
        assert!(on(store).read().observed().duplicate(&read("lab-1")).is_none());
    }

    #[tokio::test]
    async fn what_a_clone_does_not_have_is_not_taken_for_gone() {
        let facts = memory().with("lab-1", "notes-1").await;
        let version = || facts.read().said(&read("notes-1")).map(|said| said.release.name.version.to_string());
        for (seconds, start) in [(0, "aaaa"), (2, "bbbb"), (4, "aaaa"), (6, "bbbb"), (8, "aaaa")] {
            greet(&facts, seconds, start).await;
        }
        facts.say("lab-1", "notes-1", "1.1", 1).await;
        greet(&facts, 10, "bbbb").await;
        facts.hear_complete(&read("lab-1"), &[].into(), after(10)).await.expect("the store is whole");
        assert_eq!(version().as_deref(), Some("1.1"));
    }

    #[tokio::test]
    async fn joining_again_ends_it() {
        let facts = memory().with("lab-1", "notes-1").await;
        for (seconds, start) in [(0, "aaaa"), (2, "bbbb"), (4, "aaaa"), (6, "bbbb")] {
            greet(&facts, seconds, start).await;
        }
        let change = |change: &mut DesiredChange<'_>| {
            change.forget_greetings(&read("lab-1"));
            Ok::<_, StoreError>(())
        };
        facts.change_desired(after(7), change).await.expect("the store is whole");
        assert!(facts.read().observed().duplicate(&read("lab-1")).is_none());
        let again = EventKind::JoinedAgain { since: after(6) };
        assert_eq!(facts.recorded_events().pop(), Some(("host lab-1".to_owned(), again)));
    }
}
