//! Open orders that are withheld from their hosts because something that must accompany them is missing.

use super::Facts;
use fleet_core::names::{HostName, OrderId};
use std::collections::BTreeMap;

/// An order that is withheld from its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeliverable {
    /// Reason, as text for people.
    pub why: Box<str>,
    /// True if it resolves itself soon: the missing part is being made.
    pub is_passing: bool,
}

impl Facts {
    /// Records which of a host's open orders were left out of the last message, with the reason. Returns those for
    /// which this is new.
    pub fn note_undeliverable(
        &self,
        host: &HostName,
        undeliverable: &BTreeMap<OrderId, Undeliverable>,
    ) -> Vec<OrderId> {
        let is_as_before = {
            let snapshot = self.read();
            snapshot.orders_of(host).all(|id| snapshot.undeliverable(id) == undeliverable.get(id))
        };
        if is_as_before {
            return Vec::new();
        }
        self.change_unwritten(|snapshot| {
            let open: Vec<OrderId> = snapshot.orders_of(host).cloned().collect();
            let mut news = Vec::new();
            for id in open {
                match undeliverable.get(&id) {
                    None => drop(snapshot.undeliverable.remove(&id)),
                    Some(why) => {
                        let before = snapshot.undeliverable.insert(id.clone(), why.clone());
                        if before.is_none_or(|before| before.is_passing) && !why.is_passing {
                            news.push(id);
                        }
                    }
                }
            }
            news
        })
    }
}
