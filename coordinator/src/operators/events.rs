//! What happened: the newest first so many, and what comes.

use super::service::OperatorsService;
use crate::facts::Event;
use crate::keys;
use crate::store::Changes;
use fleet_proto::v1;
use futures_util::stream::{Stream, StreamExt, iter, unfold};
use tonic::Status;

const DEFAULT: usize = 50;

impl OperatorsService {
    pub fn list_events_now(
        &self,
        request: v1::ListEventsRequest,
    ) -> impl Stream<Item = Result<v1::EventView, Status>> + Send + 'static {
        // Watched before it is read, so that nothing is missed; what is seen twice has the same number.
        let changes = request.follow.then(|| self.shared.facts.store().watch(keys::EVENTS));
        let tail = if request.tail == 0 { DEFAULT } else { request.tail as usize };
        let known = self.shared.facts.read();
        let of_interest = known.events().rev().filter(|event| is_about(event, &request.subject)).take(tail);
        let mut past: Vec<Event> = of_interest.cloned().collect();
        drop(known);
        past.reverse();
        let seen = past.clone();
        let coming = following(changes, request.subject).filter(move |event| {
            let is_new = !seen.contains(event);
            async move { is_new }
        });
        iter(past).chain(coming).map(|event| Ok(view(&event)))
    }
}

/// `lab-1` is the same as `host lab-1`; the empty subject is everything.
fn is_about(event: &Event, subject: &str) -> bool {
    let name = event.subject.split_once(' ').map_or("", |(_, name)| name);
    subject.is_empty() || *event.subject == *subject || name == subject
}

fn following(changes: Option<Changes>, subject: String) -> impl Stream<Item = Event> + Send + 'static {
    unfold((changes, subject), |(mut changes, subject)| async move {
        loop {
            let change = changes.as_mut()?.next().await?;
            let event = change.body.as_deref().and_then(|body| serde_json::from_str::<Event>(body).ok());
            if let Some(event) = event.filter(|event| is_about(event, &subject)) {
                return Some((event, (changes, subject)));
            }
        }
    })
}

fn view(event: &Event) -> v1::EventView {
    v1::EventView { at_ms: event.at.0, subject: event.subject.to_string(), text: event.text.to_string() }
}
