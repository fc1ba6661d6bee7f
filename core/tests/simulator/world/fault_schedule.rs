//! External events of a fleet: faults and requests, and at last the calm.

use super::{Event, World};
use crate::fleet::{FaultSchedule, MINUTE};
use crate::operator;
use fleet_core::rollout::RolloutIntent;

impl World {
    /// Draws the external events of the fleet.
    pub(super) fn foresee(&mut self, faults: FaultSchedule) {
        let length = faults.calm_at.since(self.now).as_millis();
        let length = u64::try_from(length).expect("it is short");
        for host in 0..self.hosts.len() {
            let late = if self.random.percent(15) { length } else { 2_000 };
            self.within(late, Event::Connect { host });
        }
        for _ in 0..faults.faults {
            let host = self.random.index(self.hosts.len());
            let event = if self.random.percent(40) { Event::Kill { host } } else { Event::Cut { host } };
            self.within(length, event);
        }
        (0..self.random.between(0, 2)).for_each(|_| self.within(length, Event::CoordinatorStops));
        (0..faults.requests).for_each(|_| self.within(length, Event::Request));
        self.within(MINUTE, Event::FirstRollout);
        self.at(faults.calm_at, Event::Calm);
    }

    pub(super) fn request(&mut self) {
        if self.is_coordinator_up {
            operator::act(&mut self.random, &mut self.desired, &self.asked, &self.observed, self.now);
        }
    }

    /// Faults end, hosts return if they can, and most of what was paused is resumed.
    pub(super) fn calm(&mut self) {
        self.is_calm = true;
        // Without it there would be a next slot for ever.
        self.desired.policies.clear();
        for rollout in self.desired.rollouts.values_mut() {
            if rollout.intent == RolloutIntent::Pause && self.random.percent(70) {
                rollout.intent = RolloutIntent::Run;
            }
        }
        for host in 0..self.hosts.len() {
            if !self.hosts[host].is_leaving {
                self.within(MINUTE, Event::Revive { host });
                self.within(MINUTE, Event::Connect { host });
            }
        }
    }
}
