//! Events of the fleet, as values. `fleet` turns them into words.

mod event_kind;
mod event_subject;
mod host_event;

pub use event_kind::EventKind;
pub use event_subject::EventSubject;
pub use host_event::HostEvent;
