//! Events for people: at most the newest ten thousand. Events reported by hosts have a share for each host, so a host
//! that reports too much displaces only its own events.

mod budget;

use crate::keys;
use crate::store::{Batch, Store, StoreError};
use budget::{AT_A_TIME, Budget, EventVerdict};
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::names::HostName;
use fleet_core::plain_text::ShortText;
use fleet_core::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// The most events that are kept.
const LIMIT: usize = 10_000;
/// The most of them that one host has said.
const SHARE: usize = 500;
/// One event, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "KeptEvent", into = "KeptEvent")]
pub struct Event {
    /// Time of the event.
    pub at: Time,
    /// Subject of the event.
    pub subject: EventSubject,
    /// Kind of the event, with its arguments.
    pub kind: EventKind,
    /// The host that said it; none where the coordinator did.
    pub said_by: Option<HostName>,
}

/// An event as it is kept. Earlier versions kept a text, and a newer version may know more kinds.
#[derive(Serialize, Deserialize)]
struct KeptEvent {
    at: Time,
    subject: EventSubject,
    #[serde(flatten)]
    kind: KeptKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    said_by: Option<HostName>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum KeptKind {
    Known { kind: EventKind },
    Text { text: ShortText },
    Unknown { kind: UnknownKind },
}

#[derive(Serialize, Deserialize)]
struct UnknownKind {
    code: ShortText,
}

impl From<KeptEvent> for Event {
    fn from(KeptEvent { at, subject, kind, said_by }: KeptEvent) -> Self {
        let kind = match kind {
            KeptKind::Known { kind } => kind,
            KeptKind::Text { text } | KeptKind::Unknown { kind: UnknownKind { code: text } } => EventKind::Text(text),
        };
        Self { at, subject, kind, said_by }
    }
}

impl From<Event> for KeptEvent {
    fn from(Event { at, subject, kind, said_by }: Event) -> Self {
        let kind = match kind {
            EventKind::Text(text) => KeptKind::Text { text },
            kind => KeptKind::Known { kind },
        };
        Self { at, subject, kind, said_by }
    }
}

#[derive(Debug, Default)]
pub struct Events {
    /// The number of the next one.
    next: u64,
    kept: BTreeMap<u64, Arc<Event>>,
    /// Events that each host has reported, oldest first.
    said: HashMap<HostName, VecDeque<u64>>,
    budgets: HashMap<HostName, Budget>,
}

impl Events {
    pub fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let mut events = Self::default();
        for entry in store.scan(keys::EVENTS)? {
            let number = entry.key.strip_prefix(keys::EVENTS).and_then(|number| number.parse().ok());
            let number: u64 = number.ok_or_else(|| StoreError::Name { key: entry.key.clone() })?;
            events.insert(number, entry.read()?);
            events.next = number + 1;
        }
        Ok(events)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.kept.values().map(Arc::as_ref)
    }

    /// The events from a number on, with their numbers, to be shared and not copied.
    pub fn from(&self, number: u64) -> impl DoubleEndedIterator<Item = (u64, &Arc<Event>)> {
        self.kept.range(number..).map(|(number, event)| (*number, event))
    }

    /// The number of the next one.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Adds an event to memory and to the batch; the oldest gives way.
    pub fn tell(&mut self, batch: &mut Batch, at: Time, subject: impl Into<EventSubject>, kind: EventKind) {
        self.add(batch, Event { at, subject: subject.into(), kind, said_by: None });
    }

    /// Records an event that a host reported, within its budget; its own oldest event is displaced.
    pub fn tell_for(
        &mut self,
        batch: &mut Batch,
        at: Time,
        host: &HostName,
        (subject, kind): (EventSubject, EventKind),
    ) {
        let said_by = Some(host.clone());
        let of_host = |kind| Event { at, subject: host.into(), kind, said_by: said_by.clone() };
        match self.budgets.entry(host.clone()).or_default().spend(at) {
            EventVerdict::Dropped => return,
            EventVerdict::Full => {
                return self.add(batch, of_host(EventKind::TooManyEvents { limit: AT_A_TIME }));
            }
            EventVerdict::Kept { dropped: 0 } => {}
            EventVerdict::Kept { dropped } => {
                self.add(batch, of_host(EventKind::EventsDropped { count: dropped }));
            }
        }
        self.add(batch, Event { at, subject, kind, said_by });
    }

    pub fn forget_budget(&mut self, host: &HostName) {
        self.budgets.remove(host);
    }

    fn add(&mut self, batch: &mut Batch, event: Event) {
        let number = self.next;
        batch.put(keys::event(number), &event);
        let own = event.said_by.clone();
        self.insert(number, event);
        self.next += 1;
        let said = own.and_then(|host| self.said.get(&host));
        let oldest_said = said.filter(|said| said.len() > SHARE).and_then(|said| said.front().copied());
        let oldest = || self.kept.keys().next().copied().filter(|_| self.kept.len() > LIMIT);
        if let Some(surplus) = oldest_said.or_else(oldest) {
            batch.delete(keys::event(surplus));
            self.remove(surplus);
        }
    }

    fn insert(&mut self, number: u64, event: Event) {
        if let Some(host) = &event.said_by {
            self.said.entry(host.clone()).or_default().push_back(number);
        }
        self.kept.insert(number, Arc::new(event));
    }

    /// The removed event is always the oldest of its source.
    fn remove(&mut self, number: u64) {
        let Some(event) = self.kept.remove(&number) else { return };
        let Some(host) = &event.said_by else { return };
        if let Some(said) = self.said.get_mut(host) {
            said.pop_front();
            if said.is_empty() {
                self.said.remove(host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{memory, on, read};
    use fleet_core::names::{InstanceName, OperatorName};
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);

    fn text(text: impl Into<ShortText>) -> EventKind {
        EventKind::Text(text.into())
    }

    fn ada() -> OperatorName {
        read("ada")
    }

    #[test]
    fn an_event_of_another_version_is_read_as_text() {
        let kept = |text: &str| serde_json::from_str::<Event>(text).expect("it can be read");
        let told = kept(r#"{"at":1,"subject":"instance notes-1","text":"removed","said_by":"lab-1"}"#);
        let instance: InstanceName = read("notes-1");
        assert_eq!((told.subject, told.kind), (EventSubject::from(&instance), text("removed")));
        assert_eq!(told.said_by, Some(read("lab-1")));
        let newer = kept(r#"{"at":1,"subject":"moon base","kind":{"code":"landed","with":{"by":"ada"}}}"#);
        assert_eq!((newer.subject.to_string(), newer.kind), ("moon base".to_owned(), text("landed")));
        let event = Event { at: Time(1), subject: (&ada()).into(), kind: EventKind::Joined, said_by: None };
        assert_eq!(kept(&serde_json::to_string(&event).expect("it can be written")), event);
    }

    /// Adds events of one host, one a minute.
    fn flood(events: &mut Events, batch: &mut Batch, host: &str, times: usize) {
        let host: HostName = read(host);
        let mut now = Time(1);
        for number in 0..times {
            now = now.after(MINUTE);
            events.tell_for(batch, now, &host, ((&host).into(), text(format!("{host} {number}"))));
        }
    }

    #[test]
    fn whoever_talks_without_end_pushes_out_only_what_it_said_itself() {
        let (mut events, mut batch) = (Events::default(), Batch::new());
        events.tell(&mut batch, Time(1), &ada(), EventKind::Joined);
        flood(&mut events, &mut batch, "lab-2", 3);
        flood(&mut events, &mut batch, "lab-1", 2 * LIMIT);
        let kinds: Vec<EventKind> = events.iter().map(|event| event.kind.clone()).collect();
        assert_eq!(kinds[..4], [EventKind::Joined, text("lab-2 0"), text("lab-2 1"), text("lab-2 2")]);
        assert_eq!(kinds.len(), 4 + SHARE);
        assert_eq!(kinds.last(), Some(&text(format!("lab-1 {}", 2 * LIMIT - 1))));
    }

    #[test]
    fn all_events_together_are_bounded() {
        let (mut events, mut batch) = (Events::default(), Batch::new());
        flood(&mut events, &mut batch, "lab-1", SHARE);
        for number in 0..LIMIT {
            events.tell(&mut batch, Time(1), &ada(), text(format!("{number}")));
        }
        assert_eq!(events.iter().count(), LIMIT);
        assert!(events.said.is_empty(), "its share is free again");
    }

    #[tokio::test]
    async fn a_restart_goes_on_with_the_same_shares() {
        let store: Arc<dyn Store> = Arc::new(crate::store::MemoryStore::new().expect("a thread can be started"));
        let (mut events, mut batch) = (Events::default(), Batch::new());
        events.tell(&mut batch, Time(1), &ada(), EventKind::Joined);
        flood(&mut events, &mut batch, "lab-1", SHARE + 7);
        store.commit(batch).await.expect("the store is whole");
        let facts = on(store);
        let snapshot = facts.read();
        let again: Vec<&Event> = snapshot.events().collect();
        assert_eq!(again, events.iter().collect::<Vec<_>>());
        assert_eq!(snapshot.events.next, events.next);
    }

    #[tokio::test]
    async fn what_a_host_says_too_often_is_counted_and_not_kept() {
        let facts = memory().with("lab-1", "notes-1").await;
        let host: HostName = read("lab-1");
        for number in 0..300 {
            let said = text(format!("the disk is full, {number}"));
            facts.hear_event(&host, (&host).into(), said, Time(1000)).await.expect("the store is whole");
        }
        let recorded = facts.recorded_events();
        let of_host = |kind| ("host lab-1".to_owned(), kind);
        let full = of_host(EventKind::TooManyEvents { limit: AT_A_TIME });
        assert_eq!(recorded.len(), AT_A_TIME as usize + 1);
        assert_eq!(recorded.last(), Some(&full), "it is told at once, and once");
        let heard = facts.hear_event(&host, (&host).into(), text("quiet again"), Time(200_000)).await;
        heard.expect("the store is whole");
        let recorded = facts.recorded_events();
        let counted = of_host(EventKind::EventsDropped { count: 300 - AT_A_TIME });
        assert_eq!(recorded[recorded.len() - 2..], [counted, of_host(text("quiet again"))]);
    }
}
