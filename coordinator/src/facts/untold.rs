//! Open orders that their hosts are not told, for the values that go with them cannot be had.

use super::Facts;
use fleet_core::names::{HostName, OrderId};
use std::collections::BTreeMap;

impl Facts {
    /// Notes which of a host's open orders were left out when it was last told of them, and why. Gives back those of which
    /// that is news.
    pub fn note_untold(&self, host: &HostName, untold: &BTreeMap<OrderId, String>) -> Vec<OrderId> {
        let is_as_before = {
            let known = self.read();
            known.orders_of(host).all(|id| known.untold(id) == untold.get(id).map(String::as_str))
        };
        if is_as_before {
            return Vec::new();
        }
        self.change_unwritten(|known| {
            let open: Vec<OrderId> = known.orders_of(host).cloned().collect();
            let mut news = Vec::new();
            for id in open {
                match untold.get(&id) {
                    None => drop(known.untold.remove(&id)),
                    Some(why) if known.untold.insert(id.clone(), why.as_str().into()).is_none() => news.push(id),
                    Some(_) => {}
                }
            }
            news
        })
    }
}
