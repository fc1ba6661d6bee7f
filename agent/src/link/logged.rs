//! Log of the link: one line for each change, not for each attempt.

use crate::link_hints::link_hint;
use fleet_link::{Identity, LinkError};

/// State of the link at the last log line.
#[derive(Debug, Default)]
pub struct LoggedLink(Last);

#[derive(Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Nothing,
    Connected,
    Lost(String),
}

impl LoggedLink {
    pub fn connected(&mut self, identity: &Identity) {
        if self.0 != Last::Connected {
            self.0 = Last::Connected;
            tracing::info!(coordinator = identity.address, subject = %identity.subject, "connected");
        }
    }

    pub fn lost(&mut self, identity: &Identity, error: &LinkError) {
        let (text, hint) = (crate::chain(error), link_hint(error));
        let news = Last::Lost(error.to_string());
        let coordinator = &identity.address;
        if self.0 == news {
            tracing::debug!(coordinator, error = text, "still not connected");
        } else if error.is_passing() {
            tracing::warn!(coordinator, error = text, hint, "not connected; what runs keeps running");
        } else {
            tracing::error!(coordinator, error = text, hint, "sent away; what runs keeps running");
        }
        self.0 = news;
    }
}
