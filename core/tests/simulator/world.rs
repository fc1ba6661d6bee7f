//! The world in which a fleet lives: a queue of events in time, and who is concerned by each.

mod coordinator;
mod event;
mod fault_schedule;
mod line;
mod work;

use crate::fleet::{Fleet, Host, draw, said};
use crate::laws::{Laws, Verdict};
use crate::operator;
use crate::random::Random;
use event::Event;
use fleet_core::facts::*;
use fleet_core::names::HostName;
use fleet_core::order::{Order, Outcome};
use fleet_core::plan::Plan;
use fleet_core::time::Time;
use line::Report;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

/// Number of passes above which a fleet counts as never settling.
const TURN_LIMIT: u32 = 20_000;

/// Time after the calm, after which work that still waits for a time counts as waiting for ever.
///
/// A host's own hours and a rollout's window may never meet; the reason is reported, and a person must choose.
const PATIENCE: Duration = Duration::from_secs(15 * 24 * 3600);

pub struct World {
    random: Random,
    desired: Desired,
    asked: Asked,
    observed: Observed,
    hosts: Vec<Host>,
    places: BTreeMap<HostName, usize>,
    queue: BinaryHeap<Reverse<(Time, u64, Event)>>,
    reports: Vec<Report>,
    deliveries: Vec<Vec<Order>>,
    outcomes: Vec<Outcome>,
    said: Vec<HostSaid>,
    now: Time,
    sequence: u64,
    delay: u64,
    is_calm: bool,
    calm_at: Time,
    is_coordinator_up: bool,
    /// True if a fact has changed since the last pass.
    is_woken: bool,
    laws: Laws,
    pub turns: u32,
    pub orders: u32,
    pub story: Trace,
}

/// Printing of a simulation's trace while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    Printed,
    Untold,
}

impl World {
    pub fn of(seed: u64) -> Self {
        let mut random = Random::of(seed);
        let Fleet { desired, hosts, faults, start } = draw(&mut random);
        let places = hosts.iter().enumerate().map(|(place, host)| (host.name.clone(), place)).collect();
        let said = hosts.iter().map(|_| said(&mut random)).collect();
        let mut world = Self {
            random,
            desired,
            asked: Asked::default(),
            observed: Observed::default(),
            hosts,
            places,
            queue: BinaryHeap::new(),
            reports: Vec::new(),
            deliveries: Vec::new(),
            outcomes: Vec::new(),
            said,
            now: start,
            sequence: 0,
            delay: faults.delay,
            is_calm: false,
            calm_at: faults.calm_at,
            is_coordinator_up: true,
            is_woken: true,
            laws: Laws::default(),
            turns: 0,
            orders: 0,
            story: Trace::Untold,
        };
        world.foresee(faults);
        world
    }

    /// Lives until nothing happens any more.
    pub fn live(&mut self) -> Verdict {
        let mut last = Plan::default();
        loop {
            let next = self.queue.peek().map(|Reverse((at, _, _))| *at);
            let wake = last.wake_at.filter(|_| self.is_coordinator_up);
            let Some(moment) = [next, wake].into_iter().flatten().min() else { break };
            if next.is_none() && moment.since(self.calm_at) > PATIENCE {
                break;
            }
            self.now = moment.max(self.now);
            while self.queue.peek().is_some_and(|Reverse((at, _, _))| *at <= self.now) {
                let Some(Reverse((_, _, event))) = self.queue.pop() else { break };
                self.tell_story(|| format!("{event:?}"));
                self.happen(event)?;
            }
            let is_time = wake.is_some_and(|wake| wake <= self.now);
            if self.is_coordinator_up && (self.is_woken || is_time) {
                self.is_woken = false;
                last = self.turn()?;
            }
            if self.turns > TURN_LIMIT {
                return Err(format!("it has not settled after {TURN_LIMIT} turns: {:?}", last.waiting));
            }
        }
        self.laws.of_the_end(&self.desired, &self.asked, &self.observed, &last, self.now)
    }

    fn tell_story(&self, line: impl FnOnce() -> String) {
        if self.story == Trace::Printed {
            eprintln!("{} {}", self.now, line());
        }
    }

    fn happen(&mut self, event: Event) -> Verdict {
        self.is_woken |= event.is_a_fact();
        match event {
            Event::Connect { host } => self.connect(host),
            Event::Cut { host } => self.cut(host),
            Event::Notice { host, connection } => self.notice(host, connection),
            Event::Report { host, connection, place } => self.hear(host, connection, place),
            Event::Deliver { host, connection, place } => return self.receive(host, connection, place),
            Event::Finish { host, life, order, place } => return self.finish(host, life, &order, place),
            Event::Health { host, instance, is_well } => self.turn_health(host, &instance, is_well),
            Event::Kill { host } => self.kill(host),
            Event::Revive { host } => self.revive(host),
            Event::CoordinatorStops => self.stop_coordinator(),
            Event::CoordinatorStarts => self.start_coordinator(),
            Event::Request => self.request(),
            Event::FirstRollout => {
                let (random, desired) = (&mut self.random, &mut self.desired);
                operator::begin_rollout(random, desired, &self.asked, &self.observed, self.now);
            }
            Event::Calm => self.calm(),
        }
        Ok(())
    }

    fn moment(&mut self, within: u64) -> Time {
        Time(self.now.0 + self.random.between(1, within))
    }

    fn within(&mut self, length: u64, event: Event) {
        let at = self.moment(length);
        self.at(at, event);
    }

    fn at(&mut self, at: Time, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((at, self.sequence, event)));
    }
}
