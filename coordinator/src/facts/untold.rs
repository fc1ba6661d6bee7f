//! Open orders that are withheld from their hosts because something that must accompany them is missing.

use super::Facts;
use fleet_core::names::{HostName, OrderId};
use std::collections::BTreeMap;

/// An order that is withheld from its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// Reason, as text for people.
    pub why: Box<str>,
    /// True if it resolves itself soon: the missing part is being made.
    pub is_passing: bool,
}

impl Facts {
    /// Records which of a host's open orders were left out of the last message, with the reason. Returns those for
    /// which this is new.
    pub fn note_untold(&self, host: &HostName, untold: &BTreeMap<OrderId, Untold>) -> Vec<OrderId> {
        let is_as_before = {
            let snapshot = self.read();
            snapshot.orders_of(host).all(|id| snapshot.untold(id) == untold.get(id))
        };
        if is_as_before {
            return Vec::new();
        }
        self.change_unwritten(|snapshot| {
            let open: Vec<OrderId> = snapshot.orders_of(host).cloned().collect();
            let mut news = Vec::new();
            for id in open {
                match untold.get(&id) {
                    None => drop(snapshot.untold.remove(&id)),
                    Some(why) => {
                        let before = snapshot.untold.insert(id.clone(), why.clone());
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
