//! Requests of operators, at random moments.

use crate::fleet::{read, release};
use crate::random::Random;
use fleet_core::facts::{Asked, Desired, Observed, Removal};
use fleet_core::names::{InstanceName, RolloutId};
use fleet_core::order::PowerRequest;
use fleet_core::plan::{PlanContext, RolloutPhase, phase};
use fleet_core::proposal::{Proposal, RolloutRequest, propose, propose_undo};
use fleet_core::rollout::{RolloutIntent, Skip, StrategyRequest};
use fleet_core::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

pub fn act(random: &mut Random, desired: &mut Desired, asked: &Asked, observed: &Observed, now: Time) {
    match random.between(0, 99) {
        0..=34 => begin_rollout(random, desired, asked, observed, now),
        35..=44 => set_intent(random, desired, RolloutIntent::Pause),
        45..=60 => resume(random, desired, asked, observed, now),
        61..=69 => steer_member(random, desired, asked, observed, now),
        70..=76 => set_intent(random, desired, RolloutIntent::Abort),
        77..=82 => undo(random, desired, asked, observed, now),
        83..=88 => change(random, desired, |instance, _| instance.revision += 1),
        89..=93 => change(random, desired, |instance, random| {
            instance.power.serial += 1;
            instance.power.request = [PowerRequest::Start, PowerRequest::Stop, PowerRequest::Restart][random.index(3)];
        }),
        94..=96 => change(random, desired, |instance, _| {
            instance.removal = Some(Removal { volumes: Default::default(), attempt: 0 });
        }),
        _ => {
            let name = desired.hosts.keys().nth(random.index(desired.hosts.len().max(1))).cloned();
            name.map(|name| desired.hosts.remove(&name));
        }
    }
}

pub fn begin_rollout(random: &mut Random, desired: &mut Desired, asked: &Asked, observed: &Observed, now: Time) {
    let newest = 2 + desired.rollouts.len() as u64;
    let selector = read(["", "", "", "site=fr", "tier!=live"][random.index(5)]);
    let request = RolloutRequest {
        to: release(newest),
        upgrades: None,
        pushed: Vec::new(),
        selector,
        strategy: strategy(random),
    };
    if let Ok(proposal) = propose(desired, asked, observed, &request, now) {
        accept(desired, proposal, now);
    }
}

fn accept(desired: &mut Desired, proposal: Proposal, now: Time) {
    let id: RolloutId = read(&format!("app-{:02}", desired.rollouts.len() + 1));
    let rollout = proposal.into_rollout(id.clone(), read("ada"), now);
    desired.rollouts.insert(id, rollout);
}

fn strategy(random: &mut Random) -> StrategyRequest {
    let at_once = ["1", "2", "3", "25%", "50%", "100%"][random.index(6)];
    let window = ["22:00-04:00", "Sat,Sun 00:00-24:00", "00:00-24:00", "12:00-13:00+02:00"][random.index(4)];
    let mut per = BTreeMap::new();
    if random.percent(30) {
        per.insert("site".to_owned(), u32::try_from(random.between(1, 2)).expect("it fits"));
    }
    StrategyRequest {
        canary: random.percent(40).then(|| u32::try_from(random.between(0, 3)).expect("it fits")),
        at_once: random.percent(80).then(|| read(at_once)),
        soak: Some(Duration::from_secs(random.between(0, 120))),
        max_failures: random.percent(60).then(|| u32::try_from(random.between(1, 4)).expect("it fits")),
        per,
        window: random.percent(15).then(|| read(window)),
        deadline: Some(Duration::from_secs(random.between(30, 400))),
    }
}

fn any(random: &mut Random, desired: &Desired) -> Option<RolloutId> {
    let newest = desired.rollouts.keys().last().filter(|_| random.percent(75));
    newest.or_else(|| desired.rollouts.keys().next()).cloned()
}

fn set_intent(random: &mut Random, desired: &mut Desired, intent: RolloutIntent) {
    let Some(rollout) = any(random, desired).and_then(|id| desired.rollouts.get_mut(&id)) else { return };
    if rollout.intent != RolloutIntent::Abort {
        rollout.intent = intent;
    }
}

fn resume(random: &mut Random, desired: &mut Desired, asked: &Asked, observed: &Observed, now: Time) {
    let Some(id) = any(random, desired) else { return };
    let is_halted = matches!(phase(&desired.rollouts[&id], desired, asked, observed, now), RolloutPhase::Halted { .. });
    let Some(rollout) = desired.rollouts.get_mut(&id).filter(|rollout| rollout.intent != RolloutIntent::Abort) else {
        return;
    };
    rollout.intent = RolloutIntent::Run;
    if is_halted {
        *rollout = rollout.clone().with_next_attempt();
    }
}

/// Tries a member again, or leaves it out, as the coordinator would allow it.
fn steer_member(random: &mut Random, desired: &mut Desired, asked: &Asked, observed: &Observed, now: Time) {
    let Some(id) = any(random, desired) else { return };
    let rollout = &desired.rollouts[&id];
    let instance = rollout.members[random.index(rollout.members.len())].instance.clone();
    let plan_context = PlanContext::new(desired, asked, observed, now);
    let steered = match random.percent(60) {
        true => plan_context.retry(rollout, &instance),
        false => {
            let skip = Skip { by: read("ada"), at: now, reason: read("its disk is being replaced") };
            plan_context.skip(rollout, &instance, skip)
        }
    };
    if let Ok(steered) = steered {
        desired.rollouts.insert(id, steered);
    }
}

fn undo(random: &mut Random, desired: &mut Desired, asked: &Asked, observed: &Observed, now: Time) {
    let Some(id) = any(random, desired) else { return };
    let Ok(proposal) = propose_undo(&desired.rollouts[&id], desired, asked, observed, now) else { return };
    desired.rollouts.entry(id).and_modify(|rollout| rollout.intent = RolloutIntent::Abort);
    accept(desired, proposal, now);
}

fn change(
    random: &mut Random,
    desired: &mut Desired,
    how: impl FnOnce(&mut fleet_core::facts::InstanceDesired, &mut Random),
) {
    let names: Vec<&InstanceName> = desired.instances.keys().collect();
    if names.is_empty() {
        return;
    }
    let name = names[random.index(names.len())].clone();
    desired.instances.entry(name).and_modify(|instance| how(instance, random));
}
