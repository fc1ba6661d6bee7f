//! Open orders that are withheld from their hosts because something that must accompany them is missing.

use super::Facts;
use fleet_core::names::{HostName, OrderId};
use fleet_core::undeliverable_reason::UndeliverableReason;
use std::collections::BTreeMap;

impl Facts {
    /// Records which of a host's open orders were left out of the last message, with the reason. Returns those for
    /// which this is new.
    pub fn note_undeliverable(
        &self,
        host: &HostName,
        undeliverable: &BTreeMap<OrderId, UndeliverableReason>,
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
                    Some(reason) => {
                        let before = snapshot.undeliverable.insert(id.clone(), reason.clone());
                        if before.is_none_or(|before| before.is_passing()) && !reason.is_passing() {
                            news.push(id);
                        }
                    }
                }
            }
            news
        })
    }
}
