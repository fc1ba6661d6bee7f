//! Model of a correct agent: it begins an order only while connected, writes its ledger first, finishes or goes back by
//! itself, and reports the end until it is acknowledged.

use crate::random::Random;
use fleet_core::activity::Activity;
use fleet_core::facts::{Doing, InstanceHealth, InstanceSaid, Running};
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::{Action, Order, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::{Goal, Release};
use fleet_core::time::Time;
use std::collections::BTreeMap;

/// Actual state of the host.
#[derive(Debug, Clone)]
pub struct Real {
    pub release: Release,
    pub revision: u64,
    pub power_serial: u64,
    pub health: InstanceHealth,
}

impl Real {
    pub fn said(&self) -> InstanceSaid {
        InstanceSaid {
            release: self.release.clone(),
            revision: self.revision,
            power_serial: self.power_serial,
            health: self.health.clone(),
            drift: Vec::new(),
            containers: Vec::new(),
            coverage: None,
            claims: None,
            leftovers: Vec::new(),
        }
    }
}

/// One line of the ledger.
#[derive(Debug, Clone)]
pub struct Entry {
    pub order: Order,
    pub begun: Time,
    pub outcome: Option<Outcome>,
    pub heard: bool,
}

/// Fate of an order, drawn when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Well,
    /// Works, and becomes unhealthy some time later.
    SickLater,
    GoesBack,
    Stuck,
    /// Nothing is reported until long after the deadline, though the agent is connected.
    Hangs,
}

#[derive(Debug, Default)]
pub struct Agent {
    pub instances: BTreeMap<InstanceName, Real>,
    pub ledger: BTreeMap<OrderId, Entry>,
    /// The order in the middle of which an instance is.
    pub busy: BTreeMap<InstanceName, OrderId>,
    /// Number of times each order was begun: more than once is an error.
    pub begun: BTreeMap<OrderId, u32>,
}

/// Result of an order's precheck.
pub enum Check {
    Begin,
    End(Outcome),
}

impl Agent {
    pub fn running(&self, name: &InstanceName) -> Running {
        let last = self.instances.get(name).map(Real::said);
        match (self.busy.get(name), last) {
            (Some(order), last) => {
                Running::Busy { order: order.clone(), doing: Doing::step(Activity::PuttingRight), last }
            }
            (None, Some(said)) => Running::Settled(said),
            (None, None) => Running::Absent,
        }
    }

    /// Compares the state that an order expects with the actual one.
    pub fn check(&self, order: &Order) -> Check {
        let real = self.instances.get(&order.instance);
        let found = || Check::End(Outcome::Refused { failure: OrderFailure::other("it is something else") });
        let is = |goal: &Goal| real.is_some_and(|r| r.release == goal.release && r.revision == goal.revision);
        match (&order.action, real) {
            (Action::Install { goal } | Action::Upgrade { goal, .. } | Action::Configure { goal, .. }, _)
                if is(goal) =>
            {
                Check::End(Outcome::AlreadySo)
            }
            (Action::Install { .. }, None) => Check::Begin,
            (Action::Upgrade { from, .. }, Some(real)) if real.release == *from => Check::Begin,
            (Action::Configure { from, goal }, Some(real))
                if real.revision == *from && real.release == goal.release =>
            {
                Check::Begin
            }
            (Action::Power { serial, .. }, Some(real)) if real.power_serial < *serial => Check::Begin,
            (Action::Remove { .. }, Some(_)) => Check::Begin,
            (Action::Remove { .. }, None) => Check::End(Outcome::AlreadySo),
            (Action::Data(_), Some(_)) => Check::Begin,
            (Action::Power { .. }, Some(_)) => Check::End(Outcome::AlreadySo),
            (_, _) => found(),
        }
    }

    /// Makes an order's end real.
    pub fn finish(&mut self, id: &OrderId, outcome: &Outcome) {
        let Some(entry) = self.ledger.get_mut(id) else { return };
        let order = entry.order.clone();
        entry.outcome = Some(outcome.clone());
        self.busy.retain(|_, busy| busy != id);
        if *outcome == Outcome::Done {
            self.become_what(&order);
        }
    }

    fn become_what(&mut self, order: &Order) {
        let name = &order.instance;
        match &order.action {
            Action::Install { goal } => {
                let (release, revision) = (goal.release.clone(), goal.revision);
                let real = Real { release, revision, power_serial: 0, health: InstanceHealth::Healthy };
                self.instances.insert(name.clone(), real);
            }
            Action::Upgrade { goal, .. } | Action::Configure { goal, .. } => {
                if let Some(real) = self.instances.get_mut(name) {
                    (real.release, real.revision) = (goal.release.clone(), goal.revision);
                    real.health = InstanceHealth::Healthy;
                }
            }
            Action::Power { serial, .. } => {
                if let Some(real) = self.instances.get_mut(name) {
                    real.power_serial = *serial;
                }
            }
            Action::Remove { .. } => {
                self.instances.remove(name);
            }
            Action::Data(_) => {}
        }
    }
}

/// Draws how an order will go; a bad release goes back nearly always.
pub fn fate(random: &mut Random, order: &Order, is_bad: impl Fn(&Release) -> bool, calm: bool) -> Fate {
    let is_bad =
        order.action.goal().is_some_and(|goal| is_bad(&goal.release)) && matches!(order.action, Action::Upgrade { .. });
    match random.between(0, 99) {
        0..=89 if is_bad => Fate::GoesBack,
        0..=1 if !calm => Fate::GoesBack,
        2 if !calm => Fate::Stuck,
        3..=4 if !calm => Fate::SickLater,
        5 if !calm => Fate::Hangs,
        _ => Fate::Well,
    }
}
