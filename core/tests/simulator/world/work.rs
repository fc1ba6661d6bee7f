//! Work of agents on their orders, and faults meanwhile.

use super::{Event, World};
use crate::agent::{Check, Entry, Fate, fate};
use crate::fleet::{MINUTE, is_bad};
use crate::laws::Verdict;
use fleet_core::facts::InstanceHealth;
use fleet_core::health_problem::HealthProblem;
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::{Order, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::time::Time;
use std::time::Duration;

impl World {
    pub(super) fn begin_what_came(&mut self, host: usize) -> Verdict {
        for order in self.hosts[host].inbox.clone() {
            let agent = &self.hosts[host].agent;
            let is_known = agent.ledger.contains_key(&order.id);
            if is_known || agent.busy.contains_key(&order.instance) {
                continue;
            }
            self.begin(host, &order)?;
        }
        self.report(host);
        Ok(())
    }

    pub(super) fn begin(&mut self, host: usize, order: &Order) -> Verdict {
        let agent = &mut self.hosts[host].agent;
        let check = agent.check(order);
        let mut entry = Entry { order: order.clone(), begun: self.now, outcome: None, heard: false };
        if let Check::End(outcome) = check {
            entry.outcome = Some(outcome);
            self.laws.note_end(&entry);
            agent.ledger.insert(order.id.clone(), entry);
            return Ok(());
        }
        let times = agent.begun.entry(order.id.clone()).and_modify(|times| *times += 1).or_insert(1);
        self.laws.of_a_beginning(&self.desired, order, *times, self.now)?;
        agent.ledger.insert(order.id.clone(), entry);
        agent.busy.insert(order.instance.clone(), order.id.clone());
        self.foresee_end(host, order);
        Ok(())
    }

    pub(super) fn foresee_end(&mut self, host: usize, order: &Order) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).expect("it is short");
        let (deadline, budget) = (millis(order.deadline), millis(order.rollback_budget()));
        let takes = self.random.between(2_000, 90_000);
        let back = Outcome::RolledBack { failure: OrderFailure::other("the probe got no answer") };
        let (takes, outcome) = match fate(&mut self.random, order, is_bad, self.is_calm) {
            Fate::Hangs => (deadline + self.random.between(MINUTE, MINUTE.max(2 * budget)), back),
            _ if takes > deadline => (deadline, back),
            Fate::Well => (takes, Outcome::Done),
            // Some ways back take all their time.
            Fate::GoesBack if self.random.percent(30) => (deadline + self.random.between(0, budget), back),
            Fate::GoesBack => (takes, back),
            Fate::Stuck => (takes, Outcome::Stuck { failure: OrderFailure::other("a volume is gone"), hint: None }),
            Fate::SickLater => {
                self.sicken(host, order, takes);
                (takes, Outcome::Done)
            }
        };
        self.end_after(host, takes, order.id.clone(), outcome);
    }

    pub(super) fn sicken(&mut self, host: usize, order: &Order, takes: u64) {
        let instance = order.instance.clone();
        let later = takes + self.random.between(0, MINUTE);
        self.at(Time(self.now.0 + later), Event::Health { host, instance: instance.clone(), is_well: false });
        if self.random.percent(50) {
            let recovered = later + self.random.between(0, 10 * MINUTE);
            self.at(Time(self.now.0 + recovered), Event::Health { host, instance, is_well: true });
        }
    }

    pub(super) fn end_after(&mut self, host: usize, takes: u64, order: OrderId, outcome: Outcome) {
        self.outcomes.push(outcome);
        let (life, place) = (self.hosts[host].life, self.outcomes.len() - 1);
        self.at(Time(self.now.0 + takes), Event::Finish { host, life, order, place });
    }

    pub(super) fn finish(&mut self, host: usize, life: u64, order: &OrderId, place: usize) -> Verdict {
        if self.hosts[host].life != life || !self.hosts[host].is_up {
            return Ok(());
        }
        self.hosts[host].agent.finish(order, &self.outcomes[place]);
        self.laws.note_end(&self.hosts[host].agent.ledger[order]);
        self.begin_what_came(host)
    }

    pub(super) fn turn_health(&mut self, host: usize, instance: &InstanceName, is_well: bool) {
        let health = if is_well {
            InstanceHealth::Healthy
        } else {
            InstanceHealth::Unhealthy { problem: HealthProblem::other("no answer") }
        };
        self.hosts[host].agent.instances.entry(instance.clone()).and_modify(|real| real.health = health);
        self.report(host);
    }

    pub(super) fn kill(&mut self, host: usize) {
        if !self.hosts[host].is_up {
            return;
        }
        self.hosts[host].is_up = false;
        self.hosts[host].life += 1;
        self.cut(host);
        let length = if self.random.percent(70) { MINUTE } else { 30 * MINUTE };
        if !self.hosts[host].is_leaving {
            self.within(length, Event::Revive { host });
        }
    }

    /// A killed agent continues from its ledger: forward while there is time, else back.
    pub(super) fn revive(&mut self, host: usize) {
        if self.hosts[host].is_up {
            return;
        }
        self.hosts[host].is_up = true;
        let agent = &self.hosts[host].agent;
        let open: Vec<Entry> = agent.busy.values().map(|id| agent.ledger[id].clone()).collect();
        for entry in open {
            let takes = self.random.between(1_000, 20_000);
            let ends = Time(self.now.0 + takes);
            let is_in_time = ends <= entry.begun.after(entry.order.deadline) && self.random.percent(80);
            let back = Outcome::RolledBack { failure: OrderFailure::other("the agent was killed") };
            self.end_after(host, takes, entry.order.id, if is_in_time { Outcome::Done } else { back });
        }
        self.within(5_000, Event::Connect { host });
    }
}
