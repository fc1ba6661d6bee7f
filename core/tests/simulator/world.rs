//! The world in which a fleet lives: a queue of events in time, messages that are late or lost, and the coordinator's
//! loop, which is *wake, read facts, decide, write, tell*.

use crate::agent::{Check, Entry, Fate, fate};
use crate::fleet::{Fleet, Host, MINUTE, draw, is_bad, said};
use crate::laws::{Laws, Verdict};
use crate::operator;
use crate::random::Random;
use fleet_core::facts::*;
use fleet_core::names::{HostName, InstanceName, OrderId};
use fleet_core::order::{Action, Order, Outcome};
use fleet_core::plan::{Plan, plan};
use fleet_core::rollout::RolloutWish;
use fleet_core::time::Time;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BinaryHeap;
use std::time::Duration;

/// More turns than this, and a fleet is said never to settle.
const TURN_LIMIT: u32 = 20_000;

/// So long after all has become calm, what still waits for an hour to come waits for ever.
///
/// A host's own hours and a rollout's window may never meet; the reason is said, and a person must choose.
const PATIENCE: Duration = Duration::from_secs(15 * 24 * 3600);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Connect { host: usize },
    Cut { host: usize },
    Notice { host: usize, connection: u64 },
    Report { host: usize, connection: u64, place: usize },
    Deliver { host: usize, connection: u64, place: usize },
    Finish { host: usize, life: u64, order: OrderId, place: usize },
    Health { host: usize, instance: InstanceName, is_well: bool },
    Kill { host: usize },
    Revive { host: usize },
    CoordinatorStops,
    CoordinatorStarts,
    Wish,
    FirstRollout,
    Calm,
}

impl Event {
    /// Tells whether the coordinator comes to know something by it.
    fn is_a_fact(&self) -> bool {
        match self {
            Self::Notice { .. } | Self::Report { .. } | Self::CoordinatorStarts => true,
            Self::Wish | Self::FirstRollout | Self::Calm => true,
            Self::Connect { .. } | Self::Cut { .. } | Self::Deliver { .. } | Self::Finish { .. } => false,
            Self::Health { .. } | Self::Kill { .. } | Self::Revive { .. } | Self::CoordinatorStops => false,
        }
    }
}

/// What an agent says: all that it runs, and the ends that it has not been thanked for.
#[derive(Debug, Clone)]
struct Report {
    instances: Vec<(InstanceName, Running)>,
    ended: Vec<(OrderId, InstanceName, Outcome)>,
}

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
    /// A fact has changed since the last turn.
    is_woken: bool,
    laws: Laws,
    pub turns: u32,
    pub orders: u32,
    pub story: Story,
}

/// Whether a fleet's life is told while it is lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    Told,
    Untold,
}

impl World {
    pub fn of(seed: u64) -> Self {
        let mut random = Random::of(seed);
        let Fleet { desired, hosts, weather, start } = draw(&mut random);
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
            delay: weather.delay,
            is_calm: false,
            calm_at: weather.calm_at,
            is_coordinator_up: true,
            is_woken: true,
            laws: Laws::default(),
            turns: 0,
            orders: 0,
            story: Story::Untold,
        };
        world.foresee(weather);
        world
    }

    /// Draws what will happen to the fleet from outside.
    fn foresee(&mut self, weather: crate::fleet::Weather) {
        let length = weather.calm_at.since(self.now).as_millis();
        let length = u64::try_from(length).expect("it is short");
        for host in 0..self.hosts.len() {
            let late = if self.random.percent(15) { length } else { 2_000 };
            self.within(late, Event::Connect { host });
        }
        for _ in 0..weather.faults {
            let host = self.random.index(self.hosts.len());
            let event = if self.random.percent(40) { Event::Kill { host } } else { Event::Cut { host } };
            self.within(length, event);
        }
        (0..self.random.between(0, 2)).for_each(|_| self.within(length, Event::CoordinatorStops));
        (0..weather.wishes).for_each(|_| self.within(length, Event::Wish));
        self.within(MINUTE, Event::FirstRollout);
        self.at(weather.calm_at, Event::Calm);
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

    /// The coordinator's loop, once.
    fn turn(&mut self) -> Result<Plan, String> {
        self.turns += 1;
        let plan = plan(&self.desired, &self.asked, &self.observed, self.now);
        let is_change = !(plan.orders.is_empty() && plan.closed.is_empty() && plan.withdrawn.is_empty());
        if !is_change {
            return Ok(plan);
        }
        self.tell_story(|| told(&plan));
        self.laws.of_a_plan(&self.desired, &self.asked, &self.observed, &plan, self.now)?;
        self.write(&plan);
        self.laws.of_reasons(&self.desired, &self.asked, &self.observed, &plan)?;
        let again = self::plan(&self.desired, &self.asked, &self.observed, self.now);
        let is_new = !(again.orders.is_empty() && again.closed.is_empty() && again.withdrawn.is_empty());
        if is_new {
            return Err(format!("the same facts give something new: {:?}", again.orders));
        }
        self.tell(&plan);
        Ok(again)
    }

    fn tell_story(&self, line: impl FnOnce() -> String) {
        if self.story == Story::Told {
            eprintln!("{} {}", self.now, line());
        }
    }

    fn write(&mut self, plan: &Plan) {
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

    fn tell(&mut self, plan: &Plan) {
        let mut hosts: Vec<usize> = plan.orders.iter().map(|new| self.places[&new.host]).collect();
        hosts.dedup();
        hosts.into_iter().for_each(|host| self.deliver(host));
    }

    /// Sends a host the complete set of its open orders. On a line that is cut it is lost.
    fn deliver(&mut self, host: usize) {
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
            Event::Wish => self.wish(),
            Event::FirstRollout => {
                let (random, desired) = (&mut self.random, &mut self.desired);
                operator::begin_rollout(random, desired, &self.asked, &self.observed, self.now);
            }
            Event::Calm => self.calm(),
        }
        Ok(())
    }

    fn connect(&mut self, host: usize) {
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

    fn cut(&mut self, host: usize) {
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
    fn notice(&mut self, host: usize, connection: u64) {
        if self.hosts[host].connection != connection || !self.is_coordinator_up {
            return;
        }
        let now = self.now;
        self.observed.hosts.entry(self.hosts[host].name.clone()).and_modify(|seen| {
            seen.link = Link::Offline { since: now };
        });
    }

    fn report(&mut self, host: usize) {
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

    /// A host is online once it has said what it runs.
    fn hear(&mut self, host: usize, connection: u64, place: usize) {
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
            self.observed.ended.entry(id).or_insert(Ended { instance, outcome, at: self.now });
        }
        let said = self.said[host].clone();
        self.observed.hosts.insert(name, HostObserved { link: Link::Online, said });
        if self.hosts[host].greeted < connection {
            self.hosts[host].greeted = connection;
            self.deliver(host);
        }
    }

    fn receive(&mut self, host: usize, connection: u64, place: usize) -> Verdict {
        if self.hosts[host].connection != connection || !self.hosts[host].is_connected {
            return Ok(());
        }
        self.hosts[host].inbox = self.deliveries[place].clone();
        if self.hosts[host].inbox.is_empty() { Ok(()) } else { self.begin_what_came(host) }
    }

    fn begin_what_came(&mut self, host: usize) -> Verdict {
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

    fn begin(&mut self, host: usize, order: &Order) -> Verdict {
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

    fn foresee_end(&mut self, host: usize, order: &Order) {
        let deadline = u64::try_from(order.deadline.as_millis()).expect("it is short");
        let takes = self.random.between(2_000, 90_000);
        let back = Outcome::RolledBack { reason: "the probe got no answer".to_owned() };
        let (takes, outcome) = match fate(&mut self.random, order, is_bad, self.is_calm) {
            Fate::Hangs => (deadline + self.random.between(MINUTE, 10 * MINUTE), back),
            _ if takes > deadline => (deadline, back),
            Fate::Well => (takes, Outcome::Done),
            Fate::GoesBack => (takes, back),
            Fate::Stuck => (takes, Outcome::Stuck { reason: "a volume is gone".to_owned(), hint: "look".to_owned() }),
            Fate::SickLater => {
                self.sicken(host, order, takes);
                (takes, Outcome::Done)
            }
        };
        self.end_after(host, takes, order.id.clone(), outcome);
    }

    fn sicken(&mut self, host: usize, order: &Order, takes: u64) {
        let instance = order.instance.clone();
        let later = takes + self.random.between(0, MINUTE);
        self.at(Time(self.now.0 + later), Event::Health { host, instance: instance.clone(), is_well: false });
        if self.random.percent(50) {
            let recovered = later + self.random.between(0, 10 * MINUTE);
            self.at(Time(self.now.0 + recovered), Event::Health { host, instance, is_well: true });
        }
    }

    fn end_after(&mut self, host: usize, takes: u64, order: OrderId, outcome: Outcome) {
        self.outcomes.push(outcome);
        let (life, place) = (self.hosts[host].life, self.outcomes.len() - 1);
        self.at(Time(self.now.0 + takes), Event::Finish { host, life, order, place });
    }

    fn finish(&mut self, host: usize, life: u64, order: &OrderId, place: usize) -> Verdict {
        if self.hosts[host].life != life || !self.hosts[host].is_up {
            return Ok(());
        }
        self.hosts[host].agent.finish(order, &self.outcomes[place]);
        self.laws.note_end(&self.hosts[host].agent.ledger[order]);
        self.begin_what_came(host)
    }

    fn turn_health(&mut self, host: usize, instance: &InstanceName, is_well: bool) {
        let health = if is_well { Health::Healthy } else { Health::Unhealthy { reason: "no answer".to_owned() } };
        self.hosts[host].agent.instances.entry(instance.clone()).and_modify(|real| real.health = health);
        self.report(host);
    }

    fn kill(&mut self, host: usize) {
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

    /// A killed agent goes on from its ledger: forward while there is time, else back.
    fn revive(&mut self, host: usize) {
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
            let back = Outcome::RolledBack { reason: "the agent was killed".to_owned() };
            self.end_after(host, takes, entry.order.id, if is_in_time { Outcome::Done } else { back });
        }
        self.within(5_000, Event::Connect { host });
    }

    /// Facts survive; links, and what is on its way, do not.
    fn stop_coordinator(&mut self) {
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

    fn start_coordinator(&mut self) {
        self.is_coordinator_up = true;
        self.observed.since = self.now;
        let link = Link::Offline { since: self.now };
        self.observed.hosts.values_mut().for_each(|seen| seen.link = link);
    }

    fn wish(&mut self) {
        if self.is_coordinator_up {
            operator::wish(&mut self.random, &mut self.desired, &self.asked, &self.observed, self.now);
        }
    }

    /// Faults end, who can come back does, and most of what was paused goes on.
    fn calm(&mut self) {
        self.is_calm = true;
        for rollout in self.desired.rollouts.values_mut() {
            if rollout.wish == RolloutWish::Pause && self.random.percent(70) {
                rollout.wish = RolloutWish::Run;
            }
        }
        for host in 0..self.hosts.len() {
            if !self.hosts[host].is_leaving {
                self.within(MINUTE, Event::Revive { host });
                self.within(MINUTE, Event::Connect { host });
            }
        }
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

fn told(plan: &Plan) -> String {
    let order = |new: &fleet_core::plan::NewOrder| format!("{} {} {:?}", new.order.id, new.order.instance, new.rollout);
    let orders: Vec<String> = plan.orders.iter().map(order).collect();
    format!("  plan {orders:?} closed {:?} withdrawn {:?}", plan.closed, plan.withdrawn)
}
