//! Connection between hosts and the coordinator: messages are delayed or lost.

use super::{Event, World};
use crate::data::keep_made;
use crate::fleet::MINUTE;
use crate::laws::Verdict;
use fleet_core::backup::DataAction;
use fleet_core::facts::*;
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::Outcome;

/// Message of an agent: all that it runs, and the unacknowledged ends.
#[derive(Debug, Clone)]
pub(super) struct Report {
    instances: Vec<(InstanceName, Running)>,
    ended: Vec<(OrderId, InstanceName, Outcome)>,
}

impl World {
    /// Sends a host the complete set of its open orders. On a line that is cut it is lost.
    pub(super) fn deliver(&mut self, host: usize) {
        if !self.hosts[host].is_connected {
            return;
        }
        let name = &self.hosts[host].name;
        let orders = self.asked.orders.values().filter(|open| open.host == *name).map(|open| open.order.clone());
        self.deliveries.push(orders.collect());
        let at = self.moment(self.delay).max(self.hosts[host].last_down);
        self.hosts[host].last_down = at;
        let (connection, place) = (self.hosts[host].connection, self.deliveries.len() - 1);
        self.at(at, Event::Deliver { host, connection, place });
    }

    pub(super) fn connect(&mut self, host: usize) {
        let is_revoked = !self.desired.hosts.contains_key(&self.hosts[host].name);
        if self.hosts[host].is_connected || !self.hosts[host].is_up || is_revoked {
            return;
        }
        if !self.is_coordinator_up {
            return self.within(30_000, Event::Connect { host });
        }
        self.hosts[host].connection += 1;
        self.hosts[host].is_connected = true;
        self.report(host);
    }

    pub(super) fn cut(&mut self, host: usize) {
        if !self.hosts[host].is_connected {
            return;
        }
        self.hosts[host].is_connected = false;
        self.hosts[host].inbox.clear();
        let connection = self.hosts[host].connection;
        self.within(15_000, Event::Notice { host, connection });
        if !self.hosts[host].is_leaving {
            let length = if self.random.percent(70) { MINUTE } else { 20 * MINUTE };
            self.within(length, Event::Connect { host });
        }
    }

    /// The coordinator notices that a connection is lost, unless there is a newer one.
    pub(super) fn notice(&mut self, host: usize, connection: u64) {
        if self.hosts[host].connection != connection || !self.is_coordinator_up {
            return;
        }
        let now = self.now;
        self.observed.hosts.entry(self.hosts[host].name.clone()).and_modify(|seen| {
            seen.link = LinkState::Offline { since: now };
        });
    }

    pub(super) fn report(&mut self, host: usize) {
        if !self.hosts[host].is_connected {
            return;
        }
        let (name, agent) = (&self.hosts[host].name, &self.hosts[host].agent);
        let names = self.desired.instances.iter().filter(|(_, instance)| instance.host == *name);
        let instances = names.map(|(name, _)| (name.clone(), agent.running(name))).collect();
        let unheard = agent.ledger.values().filter(|entry| !entry.heard);
        let ended = unheard
            .filter_map(|entry| Some((entry.order.id.clone(), entry.order.instance.clone(), entry.outcome.clone()?)));
        self.reports.push(Report { instances, ended: ended.collect() });
        let at = self.moment(self.delay).max(self.hosts[host].last_up);
        self.hosts[host].last_up = at;
        let (connection, place) = (self.hosts[host].connection, self.reports.len() - 1);
        self.at(at, Event::Report { host, connection, place });
    }

    /// A host is online once its report has arrived.
    pub(super) fn hear(&mut self, host: usize, connection: u64, place: usize) {
        let is_lost = self.hosts[host].connection != connection || !self.hosts[host].is_connected;
        if is_lost || !self.is_coordinator_up {
            return;
        }
        let Report { instances, ended } = self.reports[place].clone();
        let name = self.hosts[host].name.clone();
        for (instance, running) in instances {
            self.observed.instances.insert(instance, InstanceObserved { host: name.clone(), running, at: self.now });
        }
        for (id, instance, outcome) in ended {
            let is_thanked = self.random.percent(80);
            self.hosts[host].agent.ledger.entry(id.clone()).and_modify(|entry| entry.heard |= is_thanked);
            let entry = &self.hosts[host].agent.ledger[&id];
            if outcome.is_success() && !self.observed.ended.contains_key(&id) {
                keep_made(&mut self.observed, &entry.order, entry.begun, self.now);
            }
            let of = entry.order.action.data().map(DataAction::kind);
            self.observed.ended.entry(id).or_insert(Ended { instance, outcome, of, made: None, at: self.now });
        }
        let said = self.said[host].clone();
        self.observed.hosts.insert(name, HostObserved { link: LinkState::Online, said });
        if self.hosts[host].greeted < connection {
            self.hosts[host].greeted = connection;
            self.deliver(host);
        }
    }

    pub(super) fn receive(&mut self, host: usize, connection: u64, place: usize) -> Verdict {
        if self.hosts[host].connection != connection || !self.hosts[host].is_connected {
            return Ok(());
        }
        self.hosts[host].inbox = self.deliveries[place].clone();
        if self.hosts[host].inbox.is_empty() { Ok(()) } else { self.begin_what_came(host) }
    }
}
