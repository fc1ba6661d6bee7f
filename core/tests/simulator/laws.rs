//! Laws that must always hold, computed independently of the code under test.

use crate::agent::Entry;
use crate::data::DataLaws;
use fleet_core::facts::*;
use fleet_core::names::{HostName, InstanceName, OrderId, RolloutId};
use fleet_core::order::{Order, Outcome};
use fleet_core::plan::{NewOrder, Plan, RolloutPhase, phase};
use fleet_core::reason::WaitReason;
use fleet_core::rollout::{Member, Rollout, RolloutIntent};
use fleet_core::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const GRACE: Duration = Duration::from_secs(60);
const LEAST_WAY_BACK: Duration = Duration::from_secs(600);

/// Returns the longest time that a change may take with its way back.
fn longest(deadline: Duration) -> Duration {
    deadline + deadline.max(LEAST_WAY_BACK)
}

/// Law that was broken.
pub type Verdict = Result<(), String>;

/// Reason for which an order was given.
struct Given {
    rollout: Option<RolloutId>,
    attempt: u32,
    instance: InstanceName,
}

/// An order that an agent is really carrying out.
struct AtWork {
    id: OrderId,
    instance: InstanceName,
    until: Time,
}

#[derive(Default)]
pub struct Laws {
    given: BTreeMap<OrderId, Given>,
    at_work: Vec<AtWork>,
    /// Orders that really ended well.
    well: BTreeSet<OrderId>,
    pub data: DataLaws,
}

/// State of a rollout's members as far as reported.
#[derive(Default)]
struct Heard {
    successes: usize,
    failures: usize,
    ended: usize,
    last_end: Time,
}

macro_rules! hold {
    ($condition:expr, $($text:tt)*) => {
        if !$condition {
            return Err(format!($($text)*));
        }
    };
}

impl Laws {
    /// Checks the orders of a plan before they are given.
    pub fn of_a_plan(
        &mut self,
        desired: &Desired,
        asked: &Asked,
        observed: &Observed,
        plan: &Plan,
        now: Time,
    ) -> Verdict {
        let gone: BTreeSet<&OrderId> = plan.closed.iter().chain(&plan.withdrawn).collect();
        let kept = || asked.orders.iter().filter(|(id, _)| !gone.contains(id)).map(|(_, open)| open);
        let mut busy: BTreeSet<&InstanceName> = kept().map(|open| &open.order.instance).collect();
        for new in &plan.orders {
            let (order, id) = (&new.order, &new.order.id);
            hold!(busy.insert(&order.instance), "{} has two orders at a time", order.instance);
            hold!(!observed.ended.contains_key(id), "{} is asked again for an order that ended", order.instance);
            host_may_be_asked(desired, observed, &new.host, now)?;
        }
        for rollout in desired.rollouts.values() {
            let new: Vec<&NewOrder> =
                plan.orders.iter().filter(|new| new.rollout.as_ref() == Some(&rollout.id)).collect();
            if new.is_empty() {
                continue;
            }
            let skipped = new.iter().find(|new| rollout.skips.contains_key(&new.order.instance));
            hold!(skipped.is_none(), "{} asks for a skipped member: {skipped:?}", rollout.id);
            let is_given_up = |open: &&OpenOrder| {
                let until = open.asked.after(longest(open.order.deadline)).after(GRACE);
                rollout.skips.contains_key(&open.order.instance) && until <= now
            };
            let open = kept().filter(|open| open.rollout.as_ref() == Some(&rollout.id) && !is_given_up(open));
            let open: Vec<&HostName> = open.map(|open| &open.host).chain(new.iter().map(|new| &new.host)).collect();
            let is_retry = new.iter().all(|new| rollout.retries.contains_key(&new.order.instance));
            self.of_a_rollout(desired, observed, (rollout, is_retry), &open, now)?;
        }
        self.data.of_a_plan(desired, asked, observed, plan, now)?;
        for new in &plan.orders {
            let attempt = new.rollout.as_ref().map_or(0, |id| desired.rollouts[id].attempt_of(&new.order.instance));
            let given = Given { rollout: new.rollout.clone(), attempt, instance: new.order.instance.clone() };
            self.given.insert(new.order.id.clone(), given);
        }
        Ok(())
    }

    fn of_a_rollout(
        &self,
        desired: &Desired,
        observed: &Observed,
        (rollout, is_retry): (&Rollout, bool),
        open: &[&HostName],
        now: Time,
    ) -> Verdict {
        let (id, strategy) = (&rollout.id, &rollout.strategy);
        let heard = self.heard(observed, rollout);
        hold!(rollout.intent == RolloutIntent::Run, "{id} asks although it is paused or aborted");
        let is_below = heard.failures < strategy.max_failures as usize;
        hold!(is_below || is_retry, "{id} asks after {} failures", heard.failures);
        let canary = strategy.canary as usize;
        hold!(heard.successes >= canary || heard.failures == 0 || is_retry, "{id} asks after its canary failed");
        let at_once = strategy.at_once.of(rollout.members.len());
        let mut boundaries = (0..).map(|wave| canary + wave * at_once).filter(|end| *end > 0);
        let end = boundaries.find(|end| *end > heard.ended).expect("they never end");
        let reach = heard.ended + open.len();
        hold!(reach <= end, "{id}: {} ended and {} open go past the wave's end at {end}", heard.ended, open.len());
        hold!(open.len() <= at_once, "{id}: {} open, {at_once} allowed", open.len());
        let before = (0..).map(|wave| canary + wave * at_once).take_while(|end| *end <= heard.ended).last();
        let is_at_boundary = heard.ended > 0 && before == Some(heard.ended);
        let watched = now >= heard.last_end.after(strategy.soak);
        hold!(!is_at_boundary || watched, "{id} does not watch the wave that ended at {}", heard.last_end);
        if let Some(window) = &strategy.window {
            let closes = window.closes_at(now);
            hold!(closes.is_some(), "{id} asks outside its window");
            let reaches = |moment| window.is_open(moment) || closes == Some(moment);
            hold!(reaches(now.after(longest(strategy.deadline))), "{id} asks for what might not end in its window");
        }
        per_label(desired, rollout, open)
    }

    fn heard(&self, observed: &Observed, rollout: &Rollout) -> Heard {
        let mut heard = Heard::default();
        for (id, ended) in &observed.ended {
            let Some(given) = self.given.get(id).filter(|given| given.rollout.as_ref() == Some(&rollout.id)) else {
                continue;
            };
            let is_well = ended.outcome.is_success();
            if !is_well && given.attempt != rollout.attempt_of(&given.instance) {
                continue;
            }
            let is_sick = is_well && is_sick(observed, rollout, &given.instance, ended.at);
            if (!is_well || is_sick) && rollout.skips.contains_key(&given.instance) {
                continue;
            }
            heard.ended += 1;
            heard.last_end = heard.last_end.max(ended.at);
            heard.successes += usize::from(is_well && !is_sick);
            heard.failures += usize::from(!is_well || is_sick);
        }
        heard
    }

    /// Checks an order that an agent begins against the work of other agents at this moment.
    ///
    /// One whose deadline, rollback budget and grace are over is not counted: its agent was killed, and the coordinator could not know.
    /// Nor is one on a host that operators have removed from the fleet in the meantime.
    pub fn of_a_beginning(&mut self, desired: &Desired, order: &Order, times: u32, now: Time) -> Verdict {
        let name = &order.instance;
        hold!(times == 1, "{name} carries out one order {times} times");
        hold!(!self.at_work.iter().any(|other| other.instance == *name), "{name} is in two orders at once");
        let until = now.after(longest(order.deadline)).after(GRACE);
        self.at_work.push(AtWork { id: order.id.clone(), instance: name.clone(), until });
        let Some(id) = self.given.get(&order.id).and_then(|given| given.rollout.as_ref()) else { return Ok(()) };
        let rollout = &desired.rollouts[id];
        let of_rollout = |order: &OrderId| self.given.get(order).is_some_and(|g| g.rollout.as_ref() == Some(id));
        let is_in_fleet = |work: &AtWork| {
            desired.instances.get(&work.instance).is_some_and(|instance| desired.hosts.contains_key(&instance.host))
        };
        let counts = |work: &&AtWork| now < work.until && of_rollout(&work.id) && is_in_fleet(work);
        let really: Vec<&AtWork> = self.at_work.iter().filter(counts).collect();
        let at_once = rollout.strategy.at_once.of(rollout.members.len());
        hold!(really.len() <= at_once, "{id}: {} really under way, {at_once} allowed", really.len());
        let well = self.well.iter().filter(|order| of_rollout(order)).count();
        let canary = rollout.strategy.canary as usize;
        hold!(well >= canary || really.len() <= canary, "{id}: {} under way before its canary is well", really.len());
        let hosts = really.iter().filter_map(|work| Some(&desired.instances.get(&work.instance)?.host));
        per_label(desired, rollout, &hosts.collect::<Vec<_>>())
    }

    pub fn note_end(&mut self, entry: &Entry) {
        self.at_work.retain(|work| work.id != entry.order.id);
        if entry.outcome.as_ref().is_some_and(Outcome::is_success) {
            self.well.insert(entry.order.id.clone());
        }
    }

    /// Checks that whatever is wanted and not under way has a reason.
    pub fn of_reasons(&self, desired: &Desired, asked: &Asked, observed: &Observed, plan: &Plan) -> Verdict {
        let busy: BTreeSet<&InstanceName> = asked.orders.values().map(|open| &open.order.instance).collect();
        let waits: BTreeSet<(&InstanceName, Option<&RolloutId>)> =
            plan.waiting.iter().map(|waiting| (&waiting.instance, waiting.rollout.as_ref())).collect();
        for (name, instance) in desired.instances.iter().filter(|(name, _)| !busy.contains(name)) {
            let is_asked_for = is_something_wanted(instance, observed.instances.get(name));
            hold!(!is_asked_for || waits.contains(&(name, None)), "{name} waits without a reason");
        }
        for rollout in desired.rollouts.values().filter(|rollout| rollout.intent != RolloutIntent::Abort) {
            for member in rollout.members.iter().filter(|member| !busy.contains(&member.instance)) {
                let is_wanted = self.is_wanted(desired, observed, rollout, member);
                let is_said = waits.contains(&(&member.instance, Some(&rollout.id)));
                hold!(!is_wanted || is_said, "{} waits in {} without a reason", member.instance, rollout.id);
            }
        }
        Ok(())
    }

    fn is_wanted(&self, desired: &Desired, observed: &Observed, rollout: &Rollout, member: &Member) -> bool {
        let Some(instance) = desired.instances.get(&member.instance) else { return false };
        let Some(seen) = observed.instances.get(&member.instance) else { return false };
        let has_ended = observed.ended.iter().any(|(id, ended)| {
            let given = self.given.get(id).filter(|given| given.rollout.as_ref() == Some(&rollout.id));
            given.is_some_and(|g| {
                g.instance == member.instance
                    && (ended.outcome.is_success() || g.attempt == rollout.attempt_of(&g.instance))
            })
        });
        let is_newer = |other: &Rollout| (other.created, &other.id) > (rollout.created, &rollout.id);
        let is_named = |other: &Rollout| other.members.iter().any(|m| m.instance == member.instance);
        let is_superseded = desired.rollouts.values().any(|other| is_newer(other) && is_named(other));
        let is_there = desired.hosts.contains_key(&instance.host) && instance.removal.is_none();
        let is_at_from = matches!(&seen.running, Running::Settled(said) if said.release == member.from);
        let is_skipped = rollout.skips.contains_key(&member.instance);
        is_there && is_at_from && !has_ended && !is_superseded && !is_skipped
    }

    /// Checks the end: every rollout is over, or names the hosts that it waits for.
    pub fn of_the_end(&self, desired: &Desired, asked: &Asked, observed: &Observed, plan: &Plan, now: Time) -> Verdict {
        self.of_reasons(desired, asked, observed, plan)?;
        let is_online =
            |host| observed.hosts.get(host).is_some_and(|host: &HostObserved| host.link == LinkState::Online);
        let open = asked.orders.values().find(|open| is_online(&open.host));
        hold!(open.is_none(), "an order is open for ever: {open:?}");
        for rollout in desired.rollouts.values() {
            let id = &rollout.id;
            match phase(rollout, desired, asked, observed, now) {
                RolloutPhase::Done
                | RolloutPhase::DoneButOffline { .. }
                | RolloutPhase::Aborted
                | RolloutPhase::Paused
                | RolloutPhase::Halted { .. } => {}
                RolloutPhase::OutsideWindow { .. } if has_hours(observed) => {}
                // Whoever is left is held back by something of its own.
                RolloutPhase::Running | RolloutPhase::Soaking { .. } | RolloutPhase::OutsideWindow { .. } => {
                    let mut waiting = plan.waiting.iter().filter(|waiting| waiting.rollout.as_ref() == Some(id));
                    let idle = waiting.find(|waiting| !is_held(&waiting.reason));
                    hold!(idle.is_none(), "{id} never settles: {idle:?}");
                }
            }
        }
        Ok(())
    }
}

/// Returns whether something outside the fleet must happen first.
fn is_held(reason: &WaitReason) -> bool {
    matches!(
        reason,
        WaitReason::HostRemoved
            | WaitReason::HostNeverSeen
            | WaitReason::HostOffline { .. }
            | WaitReason::HostReturning { .. }
            | WaitReason::HostHours { .. }
            | WaitReason::AppForbidden { .. }
            | WaitReason::AgentTooOld { .. }
            | WaitReason::OrderOverdue { .. }
            | WaitReason::CatchesUp
            | WaitReason::NewerValues { .. }
            | WaitReason::NotInstalled
    )
}

fn has_hours(observed: &Observed) -> bool {
    observed.hosts.values().any(|host| host.said.policy.hours.is_some())
}

fn host_may_be_asked(desired: &Desired, observed: &Observed, host: &HostName, now: Time) -> Verdict {
    hold!(desired.hosts.contains_key(host), "{host} was removed, and is asked");
    let seen = observed.hosts.get(host).filter(|seen| seen.link == LinkState::Online);
    let Some(seen) = seen else { return Err(format!("{host} is offline, and is asked")) };
    let is_open = seen.said.policy.hours.as_ref().is_none_or(|hours| hours.is_open(now));
    hold!(is_open, "{host} is asked outside its hours");
    Ok(())
}

fn is_something_wanted(instance: &InstanceDesired, seen: Option<&InstanceObserved>) -> bool {
    let Some(seen) = seen else { return true };
    let is_present = matches!(seen.running, Running::Settled(_));
    match &seen.running {
        _ if instance.removal.is_some() => is_present,
        Running::Absent => true,
        Running::Settled(said) => said.revision < instance.revision || said.power_serial < instance.power.serial,
        Running::Busy { .. } => false,
    }
}

fn is_sick(observed: &Observed, rollout: &Rollout, instance: &InstanceName, ended: Time) -> bool {
    let Some(seen) = observed.instances.get(instance).filter(|seen| seen.at >= ended) else { return false };
    let to = rollout.members.iter().find(|member| member.instance == *instance).map(|member| &member.to);
    match &seen.running {
        Running::Settled(said) => matches!(said.health, InstanceHealth::Unhealthy { .. }) && Some(&said.release) == to,
        Running::Absent | Running::Busy { .. } => false,
    }
}

fn per_label(desired: &Desired, rollout: &Rollout, hosts: &[&HostName]) -> Verdict {
    for (label, limit) in &rollout.strategy.per {
        let mut values: BTreeMap<&str, u32> = BTreeMap::new();
        for host in hosts {
            if let Some(value) = desired.hosts.get(*host).and_then(|host| host.labels.get(label)) {
                *values.entry(value).or_default() += 1;
            }
        }
        let worst = values.iter().find(|(_, count)| *count > limit);
        hold!(worst.is_none(), "{}: {worst:?} under way of {label}, {limit} allowed", rollout.id);
    }
    Ok(())
}
