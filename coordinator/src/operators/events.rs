//! Events: a number of the newest first, then new ones as they come.
//!
//! A reader holds a page of events that all readers share, and the number of the next one. Events are thus in memory
//! once, however many readers there are and however slow they are.

use super::service::OperatorsService;
use crate::facts::{Event, Facts};
use fleet_proto::v1;
use futures_util::stream::{Stream, unfold};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::Status;

const DEFAULT: usize = 50;
/// The most events that one reader holds.
const PAGE: usize = 32;
/// Minimum interval between two reads for a caller who follows.
const PACE: Duration = Duration::from_millis(100);

impl OperatorsService {
    pub fn list_events_now(
        &self,
        request: v1::ListEventsRequest,
    ) -> impl Stream<Item = Result<v1::EventView, Status>> + Send + 'static {
        unfold(EventReader::new(Arc::clone(&self.shared.facts), request), |mut reading| async move {
            let event = reading.next().await?;
            Some((Ok(view(&event)), reading))
        })
    }
}

/// Reader of events.
struct EventReader {
    facts: Arc<Facts>,
    subject: String,
    /// The number from which on events have not been read.
    next: u64,
    /// Number at which it ends; none for a caller who follows.
    end: Option<u64>,
    page: VecDeque<Arc<Event>>,
    generation: watch::Receiver<u64>,
}

impl EventReader {
    fn new(facts: Arc<Facts>, request: v1::ListEventsRequest) -> Self {
        let v1::ListEventsRequest { subject, tail, follow } = request;
        let tail = if tail == 0 { DEFAULT } else { tail as usize };
        // Watched before it is read, so that nothing is missed.
        let generation = facts.generation();
        let snapshot = facts.read();
        let of_interest = snapshot.events_from(0).rev().filter(|(_, event)| is_about(event, &subject));
        let now = snapshot.next_event();
        let next = of_interest.take(tail).last().map_or(now, |(number, _)| number);
        drop(snapshot);
        let end = (!follow).then_some(now);
        Self { facts, subject, next, end, page: VecDeque::new(), generation }
    }

    async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Some(event);
            }
            self.turn_page();
            if !self.page.is_empty() {
                continue;
            }
            if self.end.is_some() || self.generation.changed().await.is_err() {
                return None;
            }
            sleep(PACE).await;
            self.generation.mark_unchanged();
        }
    }

    /// Takes the next page; an empty one where nothing is left.
    fn turn_page(&mut self) {
        let snapshot = self.facts.read();
        let end = self.end.unwrap_or_else(|| snapshot.next_event());
        for (number, event) in snapshot.events_from(self.next).take_while(|(number, _)| *number < end) {
            self.next = number + 1;
            if is_about(event, &self.subject) {
                self.page.push_back(Arc::clone(event));
            }
            if self.page.len() == PAGE {
                return;
            }
        }
        self.next = self.next.max(end);
    }
}

/// `lab-1` is the same as `host lab-1`; the empty subject is everything.
fn is_about(event: &Event, subject: &str) -> bool {
    subject.is_empty() || event.subject.name() == subject || event.subject.to_string() == subject
}

fn view(event: &Event) -> v1::EventView {
    let kind = Some(event.kind.clone().into());
    v1::EventView { at_ms: event.at.0, subject: Some((&event.subject).into()), kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, memory, read};
    use fleet_core::event::EventKind;
    use fleet_core::names::HostName;
    use futures_util::FutureExt;

    async fn facts(events: u64) -> Arc<Facts> {
        let facts = Arc::new(memory().with("lab-1", "notes-1").await);
        tell(&facts, 0..events).await;
        facts
    }

    fn event(number: u64) -> EventKind {
        EventKind::Text(format!("event {number}").into())
    }

    async fn tell(facts: &Facts, numbers: std::ops::Range<u64>) {
        for number in numbers {
            // A minute between each two, so that the budget of the host keeps them all.
            let at = fleet_core::time::Time(NOW.0 + number * 60_000);
            let host: HostName = read("lab-1");
            let heard = facts.hear_event(&host, (&host).into(), event(number), at).await;
            heard.expect("the store is whole");
        }
    }

    fn reading(facts: &Arc<Facts>, tail: u32, follow: bool) -> EventReader {
        EventReader::new(Arc::clone(facts), v1::ListEventsRequest { subject: "lab-1".to_owned(), tail, follow })
    }

    #[tokio::test]
    async fn readers_share_the_events_and_each_holds_one_page() {
        let facts = facts(400).await;
        let mut readers: Vec<_> = (0..500).map(|_| reading(&facts, 10_000, true)).collect();
        for reader in &mut readers {
            reader.next().await.expect("there are events");
        }
        assert!(readers.iter().all(|reader| reader.page.len() < PAGE));
        let snapshot = facts.read();
        let shared: usize = snapshot.events_from(0).map(|(_, event)| Arc::strong_count(event) - 1).sum();
        assert_eq!(shared, 500 * (PAGE - 1), "they are held, and not copied");
    }

    #[tokio::test]
    async fn the_newest_come_in_their_order_and_then_what_comes() {
        let facts = facts(100).await;
        let mut reader = reading(&facts, 70, true);
        for number in 30..100 {
            assert_eq!(reader.next().await.expect("it is there").kind, event(number));
        }
        assert!(reader.next().now_or_never().is_none(), "it waits");
        tell(&facts, 100..103).await;
        for number in 100..103 {
            assert_eq!(reader.next().await.expect("it has come").kind, event(number));
        }
        let mut once = reading(&facts, 2, false);
        tell(&facts, 103..104).await;
        let kinds = [once.next().await, once.next().await].map(|event| event.expect("it is there").kind.clone());
        assert_eq!(kinds, [event(101), event(102)]);
        assert!(once.next().await.is_none(), "it ends where it began to read");
    }
}
