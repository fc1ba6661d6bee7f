//! What is to be done with an instance's data: what operators wish, then what its policy asks for.

use super::blocker;
use super::index::InstanceContext;
use super::instance_action::{InstanceAction, hindrance_to};
use super::intention::Intention;
use super::share::{Offer, Rank};
use super::{DataRequestEnd, PlanContext};
use crate::backup::{
    About, BackupHealth, BackupPolicy, Backups, Cause, DataAction, DataKind, DataRequest, Due, HealthInput, Next,
    Privileges, RepositoryLocation, Slots, backup_due, drill_due, forget_due,
};
use crate::facts::{InstanceDesired, InstanceHealth, InstanceSaid, Running};
use crate::names::{InstanceName, OrderId, PolicyName};
use crate::order::{Action, order_id};
use crate::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// A wish that nobody could begin with for so long may not be meant any more: above all no restore may come as a surprise.
const LAPSE: Duration = Duration::from_secs(86_400);

/// The id of the order that fulfils a wish.
pub fn wish_id(name: &InstanceName, instance: &InstanceDesired, wish: &DataRequest) -> OrderId {
    order_id(&["data", name.as_str(), &instance.created.0.to_string(), &wish.serial.to_string()])
}

impl<'a> PlanContext<'a> {
    /// How an instance's backups stand, be its host on or off.
    pub fn standing(&self, name: &InstanceName) -> Option<BackupHealth> {
        let seat = self.index.instance(name)?;
        let policy = self.desired.policy_of(name);
        let said = seat.seen.filter(|seen| seen.host == seat.desired.host).and_then(|seen| seen.running.last());
        let next = policy.map(|(name, policy)| self.next(seat, name, policy));
        Some(BackupHealth::of(&HealthInput {
            policy,
            backups: self.backups(seat),
            coverage: said.and_then(|said| said.coverage.as_ref()),
            failed_backups: &seat.failed_backups,
            last_drill: seat.last_drill,
            next,
            now: self.now,
        }))
    }

    fn next(&self, seat: &InstanceContext, name: &PolicyName, policy: &BackupPolicy) -> Next {
        if let Some(open) = self.open(seat.name)
            && open.order.order.action.data().is_some_and(|data| data.kind() == DataKind::Backup)
        {
            return Next::Running { since: open.order.asked };
        }
        match backup_due(&self.about(seat), policy, &self.slots_of(name)) {
            Due::Now { since, .. } => Next::Due { since },
            Due::Later { until, .. } | Due::No { until } => Next::At { at: until },
        }
    }

    fn about<'s>(&'s self, seat: &'s InstanceContext) -> About<'s> {
        About {
            name: seat.name,
            desired: seat.desired,
            backups: self.backups(seat),
            all: self.all_backups(seat),
            ended: &self.observed.ended,
            now: self.now,
        }
    }

    /// Its own; not those of an earlier instance of its name.
    fn backups<'s>(&'s self, seat: &'s InstanceContext) -> &'s Backups {
        seat.own_backups.as_ref().unwrap_or_else(|| self.all_backups(seat))
    }

    fn all_backups(&self, seat: &InstanceContext) -> &'a Backups {
        static NONE: Backups = Backups::none();
        self.observed.backups.get(seat.name).unwrap_or(&NONE)
    }

    /// What a policy's schedule says of this moment: the same for all of its instances.
    fn slots_of(&self, name: &PolicyName) -> Slots {
        let all = self.slots.get_or_init(|| {
            let policies = self.desired.policies.iter();
            policies.map(|(name, policy)| (name.clone(), policy.schedule.slots(self.now))).collect::<BTreeMap<_, _>>()
        });
        all.get(name).copied().unwrap_or_default()
    }

    /// The id of what an instance wants first, besides rollouts and its data: whether that has failed must not be forgotten.
    pub fn wanted_id(&self, name: &InstanceName) -> Option<OrderId> {
        let seat = self.index.instance(name)?;
        super::intention::wanted(self, seat).ok().flatten().map(|intention| intention.id)
    }
}

/// A new instance that is to be made from a backup, and not installed with nothing in it.
pub(super) fn restored_anew(seat: &InstanceContext) -> Option<Intention> {
    let wish = seat.desired.data.as_ref().filter(|wish| wish.action.goal().is_some())?;
    Some(of_wish(seat, wish))
}

fn of_wish(seat: &InstanceContext, wish: &DataRequest) -> Intention {
    let id = wish_id(seat.name, seat.desired, wish);
    Intention { id, action: Action::Data(wish.action.clone()), deadline: crate::backup::DEADLINE }
}

/// The wish about an instance's data that is still to be fulfilled.
pub(super) fn wished(outlook: &PlanContext, seat: &InstanceContext) -> Option<Intention> {
    let wish = seat.desired.data.as_ref().filter(|wish| wish.action.goal().is_none())?;
    let intention = of_wish(seat, wish);
    let is_past = outlook.observed.ended.contains_key(&intention.id) || wish.at.after(LAPSE) <= outlook.now;
    (!is_past).then_some(intention)
}

/// A wish that has ended, or that came to nothing for too long. One that failed to make a new instance stays: without it
/// the instance would be installed with nothing in it.
pub(super) fn over(outlook: &PlanContext, seat: &InstanceContext) -> Option<DataRequestEnd> {
    let wish = seat.desired.data.as_ref()?;
    let id = wish_id(seat.name, seat.desired, wish);
    let is_anew = wish.action.goal().is_some();
    let over = |lapsed| Some(DataRequestEnd { instance: seat.name.clone(), serial: wish.serial, lapsed });
    match outlook.observed.ended.get(&id) {
        Some(ended) if ended.outcome.is_success() || !is_anew => over(false),
        Some(_) => None,
        None if outlook.open(seat.name).is_some_and(|open| *open.id == id) => None,
        None if !is_anew && wish.at.after(LAPSE) <= outlook.now => over(true),
        None => None,
    }
}

/// What is done next with the data of an instance that is there.
pub(super) fn turn(outlook: &PlanContext, seat: &InstanceContext) -> InstanceAction {
    let nothing = InstanceAction::Nothing { until: None };
    let Ok(seen) = blocker::reported(seat) else { return nothing };
    let Running::Settled(said) = &seen.running else { return nothing };
    if seat.desired.removal.is_some() {
        return nothing;
    }
    if let Some(intention) = wished(outlook, seat) {
        let since = seat.desired.data.as_ref().map_or(Time::ZERO, |wish| wish.at);
        return offered(outlook, seat, intention, Rank::Wished, since);
    }
    match outlook.desired.policy_of(seat.name) {
        Some((name, policy)) => by_policy(outlook, seat, said, (name, policy)),
        None => nothing,
    }
}

fn by_policy(
    outlook: &PlanContext,
    seat: &InstanceContext,
    said: &InstanceSaid,
    (name, policy): (&PolicyName, &BackupPolicy),
) -> InstanceAction {
    let about = outlook.about(seat);
    let intend = |id, data| Intention { id, action: Action::Data(data), deadline: policy.deadline() };
    let until = match backup_due(&about, policy, &outlook.slots_of(name)) {
        Due::Now { .. } if said.health == InstanceHealth::Stopped => {
            return InstanceAction::Wait { because: "its backup: it is stopped".to_owned(), until: None };
        }
        Due::Now { id, what: to, since } => {
            let backup = intend(id, DataAction::Backup { to, cause: Cause::Scheduled });
            return offered(outlook, seat, backup, Rank::Backup, since);
        }
        Due::Later { because, until } => return InstanceAction::Wait { because, until },
        Due::No { until } => until,
    };
    let earlier = |other: Option<Time>| [until, other].into_iter().flatten().min();
    match drill_due(&about, policy) {
        Due::Now { id, what: from, since } => {
            // Whoever asks for it knows whose backup it is.
            let drill = DataAction::Drill { from, privileges: Privileges::default() };
            offered(outlook, seat, intend(id, drill), Rank::Drill, since)
        }
        Due::Later { because, until } => InstanceAction::Wait { because, until: earlier(until) },
        Due::No { until: drill } => match forgotten(outlook, seat, policy) {
            Some((id, data)) => offered(outlook, seat, intend(id, data), Rank::Forget, outlook.now),
            None => InstanceAction::Nothing { until: earlier(drill) },
        },
    }
}

/// Backups in folders of the host that its agent is to forget. In all other places the coordinator does it.
fn forgotten(outlook: &PlanContext, seat: &InstanceContext, policy: &BackupPolicy) -> Option<(OrderId, DataAction)> {
    let is_folder = |name: &&crate::names::RepositoryName| {
        let repository = outlook.desired.repositories.get(*name);
        repository.is_some_and(|repository| matches!(repository.place, RepositoryLocation::Folder { .. }))
    };
    let held = || outlook.desired.held_of(seat.name);
    policy.to.iter().filter(is_folder).find_map(|from| forget_due(&outlook.about(seat), policy, from, held))
}

/// Backups, drills and what is forgotten share a few places; what replaces data does not wait for those.
fn offered(
    outlook: &PlanContext,
    seat: &InstanceContext,
    intention: Intention,
    rank: Rank,
    since: Time,
) -> InstanceAction {
    if let Err(hindrance) = hindrance_to(outlook, seat, &intention) {
        return InstanceAction::Wait { because: format!("{}: {hindrance}", intention.noun()), until: hindrance.ends() };
    }
    let is_restore = intention.action.data().is_some_and(|data| data.kind() == DataKind::Restore);
    match is_restore {
        true => InstanceAction::Ask(intention.order(seat.name, seat.desired)),
        false => InstanceAction::Offer(Offer { instance: seat.name.clone(), intention, rank, since }),
    }
}
