//! Events of the fleet, as values. `fleet` turns them into words.

mod event_kind;
mod event_subject;

pub use event_kind::EventKind;
pub use event_subject::EventSubject;
