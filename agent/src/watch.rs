//! Watches settled instances: their health, and changes by hand.
//!
//! **Invariant:** it changes nothing. Findings go to the board; drift to be healed goes to the task that performs
//! orders.

mod inspect;

use crate::agent_context::AgentContext;
use crate::clock;
use crate::ledger::InstanceEntry;
use crate::perform::{Drifted, unlooked, with_leftovers};
use crate::runtime::{Changed, RuntimeError};
use crate::status_board::StatusBoard;
use fleet_core::drift::Drift;
use fleet_core::event::HostEvent;
use fleet_core::facts::{InstanceSaid, Running};
use fleet_core::names::InstanceName;
use futures_util::StreamExt;
use inspect::{Cure, look_at};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// Interval at which settled instances are inspected even without events: probes find problems that the Engine does
/// not.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);
/// Events come in bursts; one look answers them all.
const BURST: Duration = Duration::from_millis(400);
/// Maximum delay of the first report, for one inspection of everything.
const FIRST_LOOK_LIMIT: Duration = Duration::from_secs(10);
/// Number of times that an instance is healed within [`HEALED_WITHIN`]. Above that, the repeated healing itself is reported.
const HEALS: usize = 3;
const HEALED_WITHIN: Duration = Duration::from_secs(600);

pub struct Watcher {
    context: Arc<AgentContext>,
    drifted: watch::Sender<Drifted>,
    attempts: u64,
    patients: BTreeMap<InstanceName, Patient>,
    /// Last reported problem of the Engine itself.
    trouble: Option<String>,
}

/// State of one instance between inspections.
#[derive(Debug, Default)]
struct Patient {
    budget: HealBudget,
    /// True while it is being healed: observations do not count meanwhile.
    is_healing: bool,
    is_flapping: bool,
}

impl Watcher {
    pub fn new(context: Arc<AgentContext>, drifted: watch::Sender<Drifted>) -> Self {
        Self { context, drifted, attempts: 0, patients: BTreeMap::new(), trouble: None }
    }

    /// Inspects everything once for the first report; without an answer, the state is unknown.
    pub async fn look_first(&mut self) {
        let entries = self.context.ledger().instances().clone();
        for (name, entry) in &entries {
            if let Some(said) = unlooked(entry) {
                self.context
                    .status_writer
                    .set_instance(name, Running::Settled(with_leftovers(&self.context, name, said)));
            }
        }
        let all = self.all();
        if timeout(FIRST_LOOK_LIMIT, self.look(all)).await.is_err() {
            tracing::warn!("the first look takes long; reporting without it");
        }
    }

    /// Looks whenever there is a reason to, until it is dropped.
    pub async fn run(mut self, mut attention: mpsc::UnboundedReceiver<InstanceName>) {
        let mut changes = self.context.runtime.changes();
        let (mut due, mut look_at) = (BTreeSet::new(), None);
        let mut next_round = Instant::now() + BETWEEN_LOOKS;
        loop {
            tokio::select! {
                Some(changed) = changes.next() => {
                    due.extend(self.concerned(&changed));
                    look_at.get_or_insert(Instant::now() + BURST);
                }
                Some(name) = attention.recv() => {
                    self.patients.entry(name.clone()).or_default().is_healing = false;
                    due.insert(name);
                    look_at.get_or_insert(Instant::now() + BURST);
                }
                () = sleep_until(look_at.unwrap_or(next_round).min(next_round)) => {
                    if Instant::now() >= next_round {
                        due.extend(self.all());
                        next_round = Instant::now() + BETWEEN_LOOKS;
                    }
                    look_at = None;
                    self.look(std::mem::take(&mut due)).await;
                }
            }
        }
    }

    fn all(&self) -> BTreeSet<InstanceName> {
        self.context.ledger().instances().keys().cloned().collect()
    }

    fn concerned(&self, changed: &Changed) -> BTreeSet<InstanceName> {
        let ledger = self.context.ledger();
        let is_meant = |entry: &InstanceEntry| match changed {
            Changed::Anything => true,
            Changed::Project(project) => entry.spec().is_some_and(|spec| spec.project == *project),
        };
        let meant = ledger.instances().iter().filter(|(_, entry)| is_meant(entry));
        meant.map(|(name, _)| name.clone()).collect()
    }

    async fn look(&mut self, due: BTreeSet<InstanceName>) {
        self.patients.retain(|name, _| self.context.ledger().instances().contains_key(name));
        for name in due {
            let Some(entry) = self.context.ledger().instances().get(&name).cloned() else { continue };
            let is_healing = self.patients.get(&name).is_some_and(|patient| patient.is_healing);
            if is_healing || self.is_busy(&name) {
                continue;
            }
            let seen = match look_at(&self.context, &entry).await {
                Ok(seen) => {
                    self.trouble = None;
                    seen
                }
                Err(error) => {
                    self.say_trouble(&error);
                    unlooked(&entry).map(|said| (said, Cure::None))
                }
            };
            if let Some((said, cure)) = seen {
                self.take_in(&name, with_leftovers(&self.context, &name, said), cure);
            }
        }
    }

    fn is_busy(&self, name: &InstanceName) -> bool {
        let is_busy =
            |status_board: &StatusBoard| matches!(status_board.instances.get(name), Some(Running::Busy { .. }));
        self.context.status_writer.see(is_busy)
    }

    fn say_trouble(&mut self, error: &RuntimeError) {
        let text = crate::chain(error);
        if self.trouble.as_ref() != Some(&text) {
            tracing::warn!(error = text, "could not look at the instances; they keep running as they are");
            let event = HostEvent::HealthUnknown { failure: Box::new(error.into()) };
            self.context.status_writer.tell(clock::now(), None, event);
            self.trouble = Some(text);
        }
    }

    fn take_in(&mut self, name: &InstanceName, mut said: InstanceSaid, cure: Cure) {
        let is_to_heal = cure == Cure::Heal;
        let patient = self.patients.entry(name.clone()).or_default();
        if said.drift.is_empty() {
            patient.is_flapping = false;
        } else if is_to_heal && patient.budget.spend(Instant::now()) {
            patient.is_healing = true;
            self.attempts += 1;
            let attempt = self.attempts;
            self.drifted.send_modify(|drifted| {
                drifted.insert(name.clone(), attempt);
            });
        } else if is_to_heal {
            if !patient.is_flapping {
                patient.is_flapping = true;
                let changes = said.drift.clone();
                let event = HostEvent::Flapping { times: HEALS, within: HEALED_WITHIN.into(), changes };
                self.context.status_writer.tell(clock::now(), Some(name), event);
            }
            said.drift.insert(0, Drift::Flapping(HEALS, HEALED_WITHIN.into()));
        }
        if !self.is_busy(name) {
            self.context.status_writer.set_instance(name, Running::Settled(said));
        }
    }
}

/// Times of an instance's recent healing.
#[derive(Debug, Default)]
struct HealBudget(VecDeque<Instant>);

impl HealBudget {
    /// Spends one heal, if there is one left.
    fn spend(&mut self, now: Instant) -> bool {
        self.0.retain(|at| now.duration_since(*at) < HEALED_WITHIN);
        let is_left = self.0.len() < HEALS;
        if is_left {
            self.0.push_back(now);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_healing_again_and_again_is_left_as_it_is_for_a_while() {
        let (mut budget, now) = (HealBudget::default(), Instant::now());
        let spent: Vec<bool> = (0..4).map(|second| budget.spend(now + Duration::from_secs(second))).collect();
        assert_eq!(spent, [true, true, true, false]);
        assert!(budget.spend(now + HEALED_WITHIN));
    }
}
