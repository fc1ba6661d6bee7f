//! Follows a change or a rollout: the state at once and after each change, at most five times a second.

mod kept;
#[cfg(test)]
mod tests;

use super::request::read;
use super::service::OperatorsService;
use super::views::instance::asked_to;
use crate::clock;
use crate::facts::StateSnapshot;
use fleet_core::activity::Activity;
use fleet_core::change_result::ChangeResult;
use fleet_core::facts::{Doing, InstanceDesired, LinkState, Running};
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName, OrderId, RolloutId};
use fleet_core::order::Action;
use fleet_core::plan::data_order_id;
use fleet_core::reason::WaitReason;
use fleet_core::refused_call::Attempt;
use fleet_core::undeliverable_reason::UndeliverableReason;
use fleet_proto::v1::{self, ChangeState};
use futures_util::stream::{Stream, unfold};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tonic::Status;

const PACE: Duration = Duration::from_millis(200);
/// Pause after a read, as a multiple of the time that the read took.
const REST: u32 = 16;
/// Some states change with time alone.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Time limit for the reconcile loop to give an order.
const TURN: Duration = Duration::from_millis(1500);

/// Someone who follows something.
struct Follower<T> {
    service: OperatorsService,
    generation: watch::Receiver<u64>,
    what: T,
    last: Option<LastSent>,
    /// Duration of the last read.
    looking: Duration,
}

/// Last message that was sent.
#[derive(PartialEq)]
enum LastSent {
    Change(Box<v1::ChangeProgress>),
    Rollout(Box<v1::RolloutView>),
}

struct Followed {
    instance: InstanceName,
    order: Option<OrderId>,
}

impl<T> Follower<T> {
    fn new(service: &OperatorsService, what: T) -> Self {
        let generation = service.shared.facts.generation();
        Self { generation, service: service.clone(), what, last: None, looking: Duration::ZERO }
    }

    /// Waits for news before each look but the first, and never longer than a while. What takes long to look at is looked at less often.
    async fn pause(&mut self) {
        if self.last.is_none() {
            return;
        }
        sleep(PACE.max(self.looking * REST)).await;
        let _ = timeout(LOOK_AGAIN, self.generation.changed()).await;
        self.generation.mark_unchanged();
    }
}

impl OperatorsService {
    pub fn follow_change_now(
        &self,
        request: &v1::FollowChangeRequest,
    ) -> Result<impl Stream<Item = Result<v1::ChangeProgress, Status>> + Send + 'static, Status> {
        const ATTEMPT: Attempt = Attempt::FollowChange;
        let instance: InstanceName = read(ATTEMPT, &request.instance)?;
        let order = Some(&request.order).filter(|order| !order.is_empty());
        let order = order.map(|order| read::<OrderId>(ATTEMPT, order)).transpose()?;
        let follower = Follower::new(self, Followed { instance, order });
        Ok(unfold(Some(follower), |follower| async move {
            let mut follower = follower?;
            let progress = follower.next_change().await;
            let rest = if progress.over { None } else { Some(follower) };
            Some((Ok(progress), rest))
        }))
    }

    pub fn follow_rollout_now(
        &self,
        request: &v1::ShowRolloutRequest,
    ) -> Result<impl Stream<Item = Result<v1::RolloutView, Status>> + Send + 'static, Status> {
        let first = self.show_rollout_now(request, clock::now())?;
        let id: RolloutId = read(Attempt::FollowRollout, &first.id)?;
        Ok(unfold(Some(Follower::new(self, id)), |follower| async move {
            let mut follower = follower?;
            let view = follower.next_rollout().await;
            let goes_on = view.as_ref().is_ok_and(|view| !view.at_rest);
            Some((view, if goes_on { Some(follower) } else { None }))
        }))
    }

    /// Returns the order for the last request about an instance, once the reconcile loop has given it; empty if it
    /// waits.
    pub async fn order_for(&self, name: &InstanceName, requested: RequestedAction) -> String {
        let began = Instant::now();
        let mut generation = self.shared.facts.generation();
        while began.elapsed() < TURN {
            match order_of(&self.shared.facts.read(), name, requested) {
                Asked::Order(id) => return id.to_string(),
                Asked::Never => return String::new(),
                Asked::NotYet => {}
            }
            let _ = timeout(PACE, generation.changed()).await;
        }
        String::new()
    }
}

enum Asked {
    Order(OrderId),
    NotYet,
    Never,
}

/// Latest request about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestedAction {
    Goal,
    Power,
    Removal,
}

impl RequestedAction {
    /// Returns whether an order carries out this request, and not an earlier one.
    fn is_done_by(self, action: &Action, instance: &InstanceDesired) -> bool {
        match action {
            Action::Install { goal } | Action::Upgrade { goal, .. } | Action::Configure { goal, .. } => {
                self == Self::Goal && goal.revision >= instance.revision
            }
            Action::Power { serial, .. } => self == Self::Power && *serial >= instance.power.serial,
            Action::Remove { .. } => self == Self::Removal,
            Action::Data(_) => false,
        }
    }
}

/// Returns the request that is carried out last: a caller who waits for an earlier one would see "done" too early.
fn pending(snapshot: &StateSnapshot, name: &InstanceName) -> RequestedAction {
    let Some(instance) = snapshot.instance(name) else { return RequestedAction::Removal };
    let seen = snapshot.observed().instances.get(name).and_then(|seen| seen.running.last());
    match instance {
        _ if instance.removal.is_some() => RequestedAction::Removal,
        _ if seen.is_some_and(|seen| instance.power.serial > seen.power_serial) => RequestedAction::Power,
        _ => RequestedAction::Goal,
    }
}

fn order_of(snapshot: &StateSnapshot, name: &InstanceName, requested: RequestedAction) -> Asked {
    let Some(instance) = snapshot.instance(name) else { return Asked::Never };
    let open = snapshot.orders_of(&instance.host).filter_map(|id| snapshot.asked().orders.get(id));
    let mut of_instance = open.filter(|open| open.order.instance == *name);
    match of_instance.find(|open| requested.is_done_by(&open.order.action, instance)) {
        Some(open) => Asked::Order(open.order.id.clone()),
        None if kept::is_closed(snapshot, instance, clock::now()) => Asked::Never,
        None if is_there(snapshot, &instance.host) => Asked::NotYet,
        None => Asked::Never,
    }
}

/// Returns whether a host is online or was until a moment ago: it may be reconnecting.
fn is_there(snapshot: &StateSnapshot, host: &HostName) -> bool {
    snapshot.observed().hosts.get(host).is_some_and(|seen| match seen.link {
        LinkState::Online => true,
        LinkState::Offline { since } => clock::now().since(since) < TURN,
    })
}

impl Follower<Followed> {
    async fn next_change(&mut self) -> v1::ChangeProgress {
        loop {
            self.pause().await;
            let progress = self.look();
            let last_sent = LastSent::Change(Box::new(progress.clone()));
            if self.last.as_ref() != Some(&last_sent) {
                self.last = Some(last_sent);
                return progress;
            }
        }
    }

    fn look(&mut self) -> v1::ChangeProgress {
        let snapshot = self.service.shared.facts.read();
        if self.what.order.is_none()
            && let Asked::Order(id) = order_of(&snapshot, &self.what.instance, pending(&snapshot, &self.what.instance))
        {
            self.what.order = Some(id);
        }
        progress(&snapshot, &self.what)
    }
}

fn progress(snapshot: &StateSnapshot, followed: &Followed) -> v1::ChangeProgress {
    let Followed { instance, order } = followed;
    let over = |state: ChangeState| v1::ChangeProgress { state: state.into(), over: true, ..Default::default() };
    let waits = |reason: Option<&WaitReason>| v1::ChangeProgress {
        state: ChangeState::Waiting.into(),
        waiting: reason.cloned().map(Into::into),
        ..Default::default()
    };
    if let Some(ended) = order.as_ref().and_then(|id| snapshot.observed().ended.get(id)) {
        if ended.outcome.is_success() && is_being_removed(snapshot, instance) {
            // Once a caller is told that it is done, it may use the name again.
            return under_way(Doing::step(Activity::ForgettingInstance));
        }
        let made = ended.made.as_ref().filter(|_| ended.outcome.is_success());
        let result = made.and_then(|made| ChangeResult::of(made)).map(Into::into);
        let failure = ended.outcome.failure().cloned().map(Into::into);
        let hint = ended.outcome.hint().cloned().map(Into::into);
        return v1::ChangeProgress { result, failure, hint, ..over(ChangeState::from(&ended.outcome)) };
    }
    if snapshot.instance(instance).is_none() {
        return v1::ChangeProgress { result: Some(ChangeResult::Gone.into()), ..over(ChangeState::Done) };
    }
    if let Some(open) = order.as_ref().and_then(|id| snapshot.asked().orders.get(id)) {
        if let Some(reason) = snapshot.undeliverable(&open.order.id) {
            return withheld(instance, reason);
        }
        let seen = snapshot.observed().instances.get(instance).map(|seen| &seen.running);
        let doing = match seen {
            Some(Running::Busy { doing, .. }) => doing.clone(),
            Some(Running::Absent | Running::Settled(_)) | None => Doing::step(asked_to(&open.order.action)),
        };
        return under_way(doing);
    }
    if let Some(kept) = kept::kept(snapshot, instance, clock::now()) {
        return kept;
    }
    if order.as_ref().is_some_and(|id| is_requested(snapshot, instance, id)) {
        return waits(snapshot.wait_reason(instance));
    }
    match snapshot.wait_reason(instance) {
        Some(reason) => waits(Some(reason)),
        None if is_reached(snapshot, instance) => over(ChangeState::AlreadySo),
        None => waits(None),
    }
}

/// Returns the progress of an order that its host cannot be given. What passes by itself is waited for.
fn withheld(instance: &InstanceName, reason: &UndeliverableReason) -> v1::ChangeProgress {
    let (state, hint) = match reason.is_passing() {
        true => (ChangeState::UnderWay, None),
        false => (ChangeState::Waiting, Some(Hint::RequestKept(instance.clone()).into())),
    };
    let undeliverable = Some(reason.clone().into());
    v1::ChangeProgress { state: state.into(), undeliverable, hint, over: !reason.is_passing(), ..Default::default() }
}

fn under_way(doing: Doing) -> v1::ChangeProgress {
    let Doing { step, progress } = doing;
    let (doing, progress) = (step.map(Into::into), progress.map(Into::into));
    v1::ChangeProgress { state: ChangeState::UnderWay.into(), doing, progress, ..Default::default() }
}

/// Returns whether an instance is in the desired state by its host's last report.
fn is_reached(snapshot: &StateSnapshot, name: &InstanceName) -> bool {
    let (Some(wanted), Some(said)) = (snapshot.instance(name), snapshot.said(name)) else { return false };
    wanted.removal.is_none() && said.revision >= wanted.revision && said.power_serial >= wanted.power.serial
}

/// Returns whether an order that is not given yet carries out the pending request about the instance's data.
fn is_requested(snapshot: &StateSnapshot, name: &InstanceName, order: &OrderId) -> bool {
    let Some(instance) = snapshot.instance(name) else { return false };
    instance.data.as_ref().is_some_and(|requested| data_order_id(name, instance, requested) == *order)
}

fn is_being_removed(snapshot: &StateSnapshot, instance: &InstanceName) -> bool {
    snapshot.instance(instance).is_some_and(|wanted| wanted.removal.is_some())
}

impl Follower<RolloutId> {
    async fn next_rollout(&mut self) -> Result<v1::RolloutView, Status> {
        loop {
            self.pause().await;
            let began = Instant::now();
            let view = self.service.rollout_view(&self.what, clock::now())?;
            self.looking = began.elapsed();
            let last_sent = LastSent::Rollout(Box::new(view.clone()));
            if self.last.as_ref() != Some(&last_sent) {
                self.last = Some(last_sent);
                return Ok(view);
            }
        }
    }
}
