//! Decides about an instance's data: operators' requests first, then due work of its policy.

use super::blocker;
use super::index::InstanceContext;
use super::instance_action::{InstanceAction, blocker_of};
use super::intention::Intention;
use super::share::{Offer, Rank};
use super::{DataRequestEnd, PlanContext, RequestEnd};
use crate::backup::{
    BackupPolicy, Backups, Cause, DataAction, DataKind, DataRequest, DataResult, Privileges, RepositoryLocation, Slots,
};
use crate::backup_health::{BackupHealth, HealthInput, Next};
use crate::due::{About, Due, backup_due, drill_due, forget_due};
use crate::facts::{Ended, InstanceDesired, InstanceHealth, InstanceSaid, Running};
use crate::names::{InstanceName, OrderId, PolicyName};
use crate::order::{Action, order_id};
use crate::order_kind::OrderKind;
use crate::reason::WaitReason;
use crate::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Age at which a request that could not begin expires: a restore in particular must not come as a surprise.
const LAPSE: Duration = Duration::from_secs(86_400);

/// Returns the id of the order that carries out a request.
pub fn data_order_id(name: &InstanceName, instance: &InstanceDesired, request: &DataRequest) -> OrderId {
    order_id(&["data", name.as_str(), &instance.created.0.to_string(), &request.serial.to_string()])
}

impl<'a> PlanContext<'a> {
    /// Returns the health of an instance's backups, whether its host is online or not.
    pub fn health(&self, name: &InstanceName) -> Option<BackupHealth> {
        let instance_context = self.index.instance(name)?;
        let policy = self.desired.policy_of(name);
        let said = instance_context
            .seen
            .filter(|seen| seen.host == instance_context.desired.host)
            .and_then(|seen| seen.running.last());
        let next = policy.map(|(name, policy)| self.next(instance_context, name, policy));
        Some(BackupHealth::of(&HealthInput {
            policy,
            backups: self.backups(instance_context),
            coverage: said.and_then(|said| said.coverage.as_ref()),
            failed_backups: &instance_context.failed_backups,
            last_drill: instance_context.last_drill,
            next,
            now: self.now,
        }))
    }

    fn next(&self, instance_context: &InstanceContext, name: &PolicyName, policy: &BackupPolicy) -> Next {
        if let Some(open) = self.open(instance_context.name)
            && open.order.order.action.data().is_some_and(|data| data.kind() == DataKind::Backup)
        {
            return Next::Running { since: open.order.asked };
        }
        match backup_due(&self.about(instance_context), policy, &self.slots_of(name)) {
            Due::Now { since, .. } => Next::Due { since },
            Due::Later { until, .. } | Due::No { until } => Next::At { at: until },
        }
    }

    fn about<'s>(&'s self, instance_context: &'s InstanceContext) -> About<'s> {
        About {
            name: instance_context.name,
            desired: instance_context.desired,
            backups: self.backups(instance_context),
            all: self.all_backups(instance_context),
            ended: &self.observed.ended,
            now: self.now,
        }
    }

    /// Its own; not those of an earlier instance of its name.
    fn backups<'s>(&'s self, instance_context: &'s InstanceContext) -> &'s Backups {
        instance_context.own_backups.as_ref().unwrap_or_else(|| self.all_backups(instance_context))
    }

    fn all_backups(&self, instance_context: &InstanceContext) -> &'a Backups {
        static NONE: Backups = Backups::none();
        self.observed.backups.get(instance_context.name).map_or(&NONE, |backups| backups)
    }

    /// Returns the slots of a policy's schedule around this moment, which are the same for all its instances.
    fn slots_of(&self, name: &PolicyName) -> Slots {
        let all = self.slots.get_or_init(|| {
            let policies = self.desired.policies.iter();
            policies.map(|(name, policy)| (name.clone(), policy.schedule.slots(self.now))).collect::<BTreeMap<_, _>>()
        });
        all.get(name).copied().unwrap_or_default()
    }

    /// Returns the id of the first order that an instance needs, apart from rollouts and data: its failure must not be
    /// pruned.
    pub fn wanted_id(&self, name: &InstanceName) -> Option<OrderId> {
        let instance_context = self.index.instance(name)?;
        super::intention::wanted(self, instance_context).ok().flatten().map(|intention| intention.id)
    }
}

/// A new instance that is to be made from a backup, and not installed with nothing in it.
pub(super) fn restored_anew(instance_context: &InstanceContext) -> Option<Intention> {
    let request = instance_context.desired.data.as_ref().filter(|request| request.action.is_anew())?;
    Some(of_request(instance_context, request))
}

fn of_request(instance_context: &InstanceContext, request: &DataRequest) -> Intention {
    let id = data_order_id(instance_context.name, instance_context.desired, request);
    Intention { id, action: Action::Data(request.action.clone()), deadline: crate::backup::DEADLINE }
}

/// Returns the pending request about an instance's data.
pub(super) fn requested(plan_context: &PlanContext, instance_context: &InstanceContext) -> Option<Intention> {
    let request = instance_context.desired.data.as_ref().filter(|request| !request.action.is_anew())?;
    let intention = of_request(instance_context, request);
    let is_past =
        plan_context.observed.ended.contains_key(&intention.id) || request.at.after(LAPSE) <= plan_context.now;
    (!is_past).then_some(intention)
}

/// Returns a request that has ended or expired. A failed request to create a new instance stays: without it the
/// instance would be installed empty.
pub(super) fn over(plan_context: &PlanContext, instance_context: &InstanceContext) -> Option<DataRequestEnd> {
    let request = instance_context.desired.data.as_ref()?;
    let id = data_order_id(instance_context.name, instance_context.desired, request);
    let is_anew = request.action.is_anew();
    let over = |how| Some(DataRequestEnd { instance: instance_context.name.clone(), serial: request.serial, how });
    // Without a store that could not be rebuilt, it is at the release of the backup all the same.
    let has_returned = |ended: &Ended| {
        let is_made = matches!(ended.made.as_deref(), Some(DataResult::Restore(_)));
        is_made && request.action.return_to().is_some()
    };
    match plan_context.observed.ended.get(&id) {
        Some(ended) if ended.outcome.is_success() || has_returned(ended) => over(RequestEnd::Done),
        Some(_) if !is_anew => over(RequestEnd::Failed),
        Some(_) => None,
        None if plan_context.open(instance_context.name).is_some_and(|open| *open.id == id) => None,
        None if !is_anew && request.at.after(LAPSE) <= plan_context.now => {
            lapsed(plan_context, instance_context, request).and_then(over)
        }
        None => None,
    }
}

/// Returns the end of a request that is older than a day. The order of a return may have been withdrawn from a host that was lost in the
/// middle of it: only the host's report says what has become of it.
fn lapsed(plan_context: &PlanContext, instance_context: &InstanceContext, request: &DataRequest) -> Option<RequestEnd> {
    let Some((_, goal)) = request.action.return_to() else { return Some(RequestEnd::Lapsed) };
    blocker::reachable(plan_context, instance_context).ok()?;
    match &blocker::reported(instance_context).ok()?.running {
        Running::Settled(said) if said.release == goal.release && said.revision == goal.revision => {
            Some(RequestEnd::Done)
        }
        Running::Settled(_) | Running::Absent => Some(RequestEnd::Lapsed),
        Running::Busy { .. } => None,
    }
}

/// Returns the next action on the data of an existing instance.
pub(super) fn turn(plan_context: &PlanContext, instance_context: &InstanceContext) -> InstanceAction {
    let nothing = InstanceAction::Nothing { until: None };
    let Ok(seen) = blocker::reported(instance_context) else { return nothing };
    let Running::Settled(said) = &seen.running else { return nothing };
    if instance_context.desired.removal.is_some() {
        return nothing;
    }
    if let Some(intention) = requested(plan_context, instance_context) {
        let since = instance_context.desired.data.as_ref().map_or(Time::ZERO, |request| request.at);
        return offered(plan_context, instance_context, intention, Rank::Requested, since);
    }
    match plan_context.desired.policy_of(instance_context.name) {
        Some((name, policy)) => by_policy(plan_context, instance_context, said, (name, policy)),
        None => nothing,
    }
}

fn by_policy(
    plan_context: &PlanContext,
    instance_context: &InstanceContext,
    said: &InstanceSaid,
    (name, policy): (&PolicyName, &BackupPolicy),
) -> InstanceAction {
    let about = plan_context.about(instance_context);
    let intend = |id, data| Intention { id, action: Action::Data(data), deadline: policy.deadline() };
    let until = match backup_due(&about, policy, &plan_context.slots_of(name)) {
        Due::Now { .. } if said.health == InstanceHealth::Stopped => {
            return InstanceAction::Wait { reason: WaitReason::Stopped.of(OrderKind::Backup), until: None };
        }
        Due::Now { id, what: to, since } => {
            let backup = intend(id, DataAction::Backup { to, cause: Cause::Scheduled });
            return offered(plan_context, instance_context, backup, Rank::Backup, since);
        }
        Due::Later { reason, until } => return InstanceAction::Wait { reason, until },
        Due::No { until } => until,
    };
    let earlier = |other: Option<Time>| [until, other].into_iter().flatten().min();
    match drill_due(&about, policy) {
        Due::Now { id, what: from, since } => {
            // The caller knows the host of the backup.
            let drill = DataAction::Drill { from, privileges: Privileges::default() };
            offered(plan_context, instance_context, intend(id, drill), Rank::Drill, since)
        }
        Due::Later { reason, until } => InstanceAction::Wait { reason, until: earlier(until) },
        Due::No { until: drill } => match forgotten(plan_context, instance_context, policy) {
            Some((id, data)) => {
                offered(plan_context, instance_context, intend(id, data), Rank::Forget, plan_context.now)
            }
            None => InstanceAction::Nothing { until: earlier(drill) },
        },
    }
}

/// Returns backups in folders of the host that its agent should remove. In all other locations the coordinator removes
/// them.
fn forgotten(
    plan_context: &PlanContext,
    instance_context: &InstanceContext,
    policy: &BackupPolicy,
) -> Option<(OrderId, DataAction)> {
    let is_folder = |name: &&crate::names::RepositoryName| {
        let repository = plan_context.desired.repositories.get(*name);
        repository.is_some_and(|repository| matches!(repository.place, RepositoryLocation::Folder { .. }))
    };
    let held = || plan_context.desired.held_of(instance_context.name);
    policy
        .to
        .iter()
        .filter(is_folder)
        .find_map(|from| forget_due(&plan_context.about(instance_context), policy, from, held))
}

/// Backups, drills and removals share a limited number of slots; replacing data does not wait for those.
fn offered(
    plan_context: &PlanContext,
    instance_context: &InstanceContext,
    intention: Intention,
    rank: Rank,
    since: Time,
) -> InstanceAction {
    if let Err(blocker) = blocker_of(plan_context, instance_context, &intention) {
        let until = blocker.ends();
        return InstanceAction::Wait { reason: blocker.of(intention.action.kind()), until };
    }
    let is_restore = intention.action.data().is_some_and(|data| data.kind() == DataKind::Restore);
    match is_restore {
        true => InstanceAction::Ask(intention.order(instance_context.name, instance_context.desired)),
        false => InstanceAction::Offer(Offer { instance: instance_context.name.clone(), intention, rank, since }),
    }
}
