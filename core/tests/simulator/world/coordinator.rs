//! Coordinator's loop: *wake, read facts, decide, write, send*; its end and its restart.

use super::{Event, World};
use crate::fleet::MINUTE;
use fleet_core::facts::{LinkState, OpenOrder};
use fleet_core::order::Action;
use fleet_core::plan::{Plan, plan};

impl World {
    /// The coordinator's loop, once.
    pub(super) fn turn(&mut self) -> Result<Plan, String> {
        self.turns += 1;
        let plan = plan(&self.desired, &self.asked, &self.observed, self.now);
        let is_change = !(plan.orders.is_empty() && plan.closed.is_empty() && plan.withdrawn.is_empty());
        if !is_change {
            return Ok(plan);
        }
        self.tell_story(|| recorded(&plan));
        self.laws.of_a_plan(&self.desired, &self.asked, &self.observed, &plan, self.now)?;
        self.write(&plan);
        self.laws.of_reasons(&self.desired, &self.asked, &self.observed, &plan)?;
        self.laws.data.of_reasons(&self.desired, &self.asked, &self.observed, &plan, self.now)?;
        let again = self::plan(&self.desired, &self.asked, &self.observed, self.now);
        let is_new = !(again.orders.is_empty() && again.closed.is_empty() && again.withdrawn.is_empty());
        if is_new {
            return Err(format!("the same facts give something new: {:?}", again.orders));
        }
        self.tell(&plan);
        Ok(again)
    }

    pub(super) fn write(&mut self, plan: &Plan) {
        for id in plan.closed.iter().chain(&plan.withdrawn) {
            let Some(open) = self.asked.orders.remove(id) else { continue };
            let is_removed = matches!(open.order.action, Action::Remove { .. });
            if is_removed && self.observed.ended.get(id).is_some_and(|ended| ended.outcome.is_success()) {
                self.desired.instances.remove(&open.order.instance);
            }
        }
        for new in &plan.orders {
            self.orders += 1;
            let (host, order, rollout) = (new.host.clone(), new.order.clone(), new.rollout.clone());
            let open = OpenOrder { host, order, rollout, asked: self.now };
            self.asked.orders.insert(new.order.id.clone(), open);
        }
    }

    pub(super) fn tell(&mut self, plan: &Plan) {
        let mut hosts: Vec<usize> = plan.orders.iter().map(|new| self.places[&new.host]).collect();
        hosts.dedup();
        hosts.into_iter().for_each(|host| self.deliver(host));
    }

    /// Facts survive; connections and messages on the way do not.
    pub(super) fn stop_coordinator(&mut self) {
        self.is_coordinator_up = false;
        self.within(MINUTE, Event::CoordinatorStarts);
        for host in 0..self.hosts.len() {
            if self.hosts[host].is_connected {
                self.hosts[host].is_connected = false;
                self.hosts[host].inbox.clear();
                self.within(30_000, Event::Connect { host });
            }
        }
    }

    pub(super) fn start_coordinator(&mut self) {
        self.is_coordinator_up = true;
        self.observed.since = self.now;
        let link = LinkState::Offline { since: self.now };
        self.observed.hosts.values_mut().for_each(|seen| seen.link = link);
    }
}

fn recorded(plan: &Plan) -> String {
    let order = |new: &fleet_core::plan::NewOrder| format!("{} {} {:?}", new.order.id, new.order.instance, new.rollout);
    let orders: Vec<String> = plan.orders.iter().map(order).collect();
    format!("  plan {orders:?} closed {:?} withdrawn {:?}", plan.closed, plan.withdrawn)
}
