//! Results of backups and drills by policy, and their laws.

use crate::fleet::{read, release};
use crate::laws::Verdict;
use crate::random::Random;
use fleet_core::backup::{
    AskedBy, BackupKey, BackupPolicy, BackupSeen, Cause, DataAction, DataKind, Keep, Proof, Slots,
};
use fleet_core::facts::*;
use fleet_core::names::{InstanceName, OrderId, RepositoryName};
use fleet_core::order::{Action, Order};
use fleet_core::plan::{NewOrder, Plan};
use fleet_core::time::Time;
use fleet_core::units::Period;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const GRACE: Duration = Duration::from_secs(60);
const WAY_BACK: Duration = Duration::from_secs(900);
const ATTEMPTS: usize = 4;

/// Some fleets have a policy.
pub fn draw(random: &mut Random, desired: &mut Desired) {
    desired.at_once = DataConcurrency(u32::try_from(random.between(1, 4)).expect("it fits"));
    if !random.percent(25) {
        return;
    }
    let to: &[&str] = if random.percent(70) { &["central"] } else { &["central", "offsite"] };
    let policy = BackupPolicy {
        schedule: read(["*/10 * * * *", "*/20 * * * *", "@hourly"][random.index(3)]),
        keep: Keep { last: 3, ..Keep::default() },
        max_age: read("2h"),
        drill: random.percent(60).then(|| read("1h")),
        window: random.percent(20).then(|| read("00:00-12:00")),
        limit_rate: None,
        deadline: Some(Period::from_secs(300)),
        spread: None,
        to: to.iter().map(|name| read(name)).collect(),
        selector: Some(read(["", "site=fr"][random.index(2)])),
        instances: BTreeSet::new(),
    };
    desired.policies.insert(read("p"), policy);
}

/// Records the result of an order about data, once its end is received.
pub fn keep_made(observed: &mut Observed, order: &Order, begun: Time, now: Time) {
    let Action::Data(data) = &order.action else { return };
    let backups = observed.backups.entry(order.instance.clone()).or_default();
    match data {
        DataAction::Backup { to, .. } => {
            for repository in to {
                let key = BackupKey { repository: repository.clone(), backup: read(order.id.as_str()) };
                backups.insert(key, seen(begun, now));
                if let Some((key, forged)) = forged(order, repository, now) {
                    backups.insert(key, forged);
                }
            }
        }
        DataAction::Drill { from, .. } => {
            let key = BackupKey { repository: from.repository.clone(), backup: from.backup.clone() };
            let Some(seen) = backups.get(&key).cloned() else { return };
            let proof = Proof { at: now, host: read("h"), took_ms: 1, bytes: 1, checks: Vec::new(), failure: None };
            backups.insert(key, BackupSeen { proof: Some(proof), ..seen });
        }
        DataAction::Restore { .. } | DataAction::Forget { .. } => {}
    }
}

/// Returns a backup that no order asked for, as some hosts add: proven, and newer than all later ones.
fn forged(order: &Order, repository: &RepositoryName, now: Time) -> Option<(BackupKey, BackupSeen)> {
    if order.id.as_str().as_bytes()[0] > b'7' {
        return None;
    }
    let id: String = order.id.as_str().chars().rev().collect();
    let key = BackupKey { repository: repository.clone(), backup: read(&id) };
    let at = now.after(Duration::from_secs(30 * 86_400));
    let proof = Proof { at, host: read("h"), took_ms: 1, bytes: 1, checks: Vec::new(), failure: None };
    Some((key, BackupSeen { proof: Some(proof), asked_by: AskedBy::Nobody, ..seen(at, at) }))
}

fn seen(began: Time, ended: Time) -> BackupSeen {
    BackupSeen {
        began,
        ended,
        cause: Cause::Scheduled,
        host: read("h"),
        release: release(1),
        bytes: 1,
        added: 1,
        covered: 1,
        declared: 1,
        uncovered: Vec::new(),
        proof: None,
        damaged: None,
        snapshots: None,
        asked_by: Default::default(),
        doubles: 0,
        made_on: None,
    }
}

/// The backups that were asked for, by slot.
#[derive(Default)]
pub struct DataLaws {
    asked: BTreeMap<(InstanceName, Time), BTreeSet<OrderId>>,
    /// Worked out once for each moment.
    slots: Option<(Time, Slots)>,
}

fn kind(order: &Order) -> Option<DataKind> {
    order.action.data().map(DataAction::kind)
}

fn takes_a_place(order: &Order) -> bool {
    matches!(kind(order), Some(DataKind::Backup | DataKind::Drill))
}

impl DataLaws {
    pub fn of_a_plan(
        &mut self,
        desired: &Desired,
        asked: &Asked,
        observed: &Observed,
        plan: &Plan,
        now: Time,
    ) -> Verdict {
        let new: Vec<&NewOrder> = plan.orders.iter().filter(|new| takes_a_place(&new.order)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let gone: BTreeSet<&OrderId> = plan.closed.iter().chain(&plan.withdrawn).collect();
        let counts = |(id, open): &(&OrderId, &OpenOrder)| {
            let is_online = observed.hosts.get(&open.host).is_some_and(|host| host.link == LinkState::Online);
            let longest = open.order.deadline + WAY_BACK;
            let is_late = open.asked.after(longest).after(GRACE) <= now;
            takes_a_place(&open.order) && is_online && !is_late && !gone.contains(id)
        };
        let at_work: Vec<&OpenOrder> = asked.orders.iter().filter(counts).map(|(_, open)| open).collect();
        let most = desired.at_once.0 as usize;
        if at_work.len() + new.len() > most {
            return Err(format!("{} run and {} begin, {most} allowed", at_work.len(), new.len()));
        }
        for drill in new.iter().filter(|new| kind(&new.order) == Some(DataKind::Drill)) {
            let there =
                at_work.iter().filter(|open| open.host == drill.host && kind(&open.order) == Some(DataKind::Drill));
            let beside =
                new.iter().filter(|other| other.host == drill.host && kind(&other.order) == Some(DataKind::Drill));
            if there.count() + beside.count() > 1 {
                return Err(format!("{} has two drills", drill.host));
            }
            let source = drill.order.action.data().and_then(DataAction::source);
            let seen = source.and_then(|from| {
                let key = BackupKey { repository: from.repository.clone(), backup: from.backup.clone() };
                observed.backups.get(&from.instance)?.get(&key)
            });
            if seen.is_some_and(|seen| !seen.asked_by.counts()) {
                return Err(format!("{} proves what no order asked for", drill.host));
            }
        }
        new.iter()
            .filter(|new| kind(&new.order) == Some(DataKind::Backup))
            .try_for_each(|new| self.of_a_backup(desired, &new.order, now))
    }

    fn of_a_backup(&mut self, desired: &Desired, order: &Order, now: Time) -> Verdict {
        let name = &order.instance;
        let Some((_, policy)) = desired.policy_of(name) else { return Err(format!("{name} has no policy")) };
        if policy.window.as_ref().is_some_and(|window| !window.is_open(now)) {
            return Err(format!("{name} is backed up outside the window"));
        }
        let Some(slot) = self.slots(policy, now).begun(policy.shift(name), now) else {
            return Err(format!("{name} is backed up before its first slot"));
        };
        let of_slot = self.asked.entry((name.clone(), slot)).or_default();
        of_slot.insert(order.id.clone());
        match of_slot.len() > ATTEMPTS {
            true => Err(format!("{name} is backed up more than {ATTEMPTS} times for {slot}")),
            false => Ok(()),
        }
    }

    fn slots(&mut self, policy: &BackupPolicy, now: Time) -> Slots {
        let kept = self.slots.filter(|(at, _)| *at == now).map(|(_, slots)| slots);
        let slots = kept.unwrap_or_else(|| policy.schedule.slots(now));
        self.slots = Some((now, slots));
        slots
    }

    /// Checks that due work that is not running has a reason.
    pub fn of_reasons(
        &mut self,
        desired: &Desired,
        asked: &Asked,
        observed: &Observed,
        plan: &Plan,
        now: Time,
    ) -> Verdict {
        let busy: BTreeSet<&InstanceName> = asked.orders.values().map(|open| &open.order.instance).collect();
        let waits: BTreeSet<&InstanceName> = plan.waiting.iter().map(|waiting| &waiting.instance).collect();
        for name in desired.instances.keys().filter(|name| !busy.contains(name) && !waits.contains(name)) {
            let Some((_, policy)) = desired.policy_of(name) else { continue };
            let is_there = observed.instances.get(name).is_some_and(|seen| matches!(seen.running, Running::Settled(_)));
            let Some(slot) = self.slots(policy, now).begun(policy.shift(name), now).filter(|_| is_there) else {
                continue;
            };
            let of_slot = self.asked.get(&(name.clone(), slot));
            let has = |repository: &fleet_core::names::RepositoryName| {
                observed.backups.get(name).is_some_and(|backups| {
                    backups.iter().any(|(key, seen)| {
                        let is_attempt =
                            of_slot.is_some_and(|of| of.iter().any(|id| id.as_str() == key.backup.as_str()));
                        key.repository == *repository && seen.asked_by.counts() && (seen.began >= slot || is_attempt)
                    })
                })
            };
            if !policy.to.iter().all(has) {
                return Err(format!("the backup of {name} for {slot} is due, and it has no reason to wait"));
            }
        }
        Ok(())
    }
}
