//! Open orders that their hosts are not told, for what goes with them cannot be had.

use super::Facts;
use fleet_core::names::{HostName, OrderId};
use std::collections::BTreeMap;

/// Why an order is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    pub why: Box<str>,
    /// It ends by itself, and soon: what goes with the order is being made.
    pub is_passing: bool,
}

impl Facts {
    /// Notes which of a host's open orders were left out when it was last told of them, and why. Gives back those of which
    /// that is news.
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
