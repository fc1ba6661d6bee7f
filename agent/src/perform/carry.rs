//! The life of one order on this host: accepted, forward, at its end or on the way back.

use super::back::{Attempt, back};
use super::claims::expect_unclaimed;
use super::data::{self, DataWork};
use super::end::end;
use super::expect::outcome_at_once;
use super::forward::forward;
use super::prepare_order::{PreparedOrder, bare_spec, prepare_order, spec_of_parts};
use super::stuck::{Left, left_for_operator};
use super::upgrade::{RolledBack, Upgrade, keeps_data};
use super::work::Work;
use crate::agent_context::AgentContext;
use crate::clock;
use crate::ledger::{
    Direction, InstanceEntry, Journal, LedgerUpdate, LedgerWriter, OpenState, OrderEntry, OrderState, Settled, Values,
};
use fleet_core::activity::Activity;
use fleet_core::backup::{DataAction, DataKind, DataResult};
use fleet_core::names::OrderId;
use fleet_core::order::{Action, End, Order, Outcome};
use fleet_core::order_failure::{DataNote, OrderFailure};
use fleet_core::spec::InstanceSpec;
use fleet_core::time::Time;
use fleet_proto::convert::OutgoingOrder;
use std::time::Duration;
use tokio::time::timeout;
use tracing::{Instrument, Span};

/// Accepts a new order and carries it out.
pub async fn begin(context: &AgentContext, incoming: OutgoingOrder) {
    let span = order_span(&incoming.order);
    accept(context, incoming).instrument(span).await;
}

/// Returns the span of the work on an order, there at any level of the log: a warning inside must name its order; for an order about data, with the name of its action.
fn order_span(order: &Order) -> Span {
    let (id, instance) = (&order.id, &order.instance);
    match order.action.data().map(DataAction::kind) {
        None => tracing::error_span!("order", order = %id, %instance),
        Some(DataKind::Backup) => tracing::error_span!("backup", order = %id, %instance),
        Some(DataKind::Drill) => tracing::error_span!("drill", order = %id, %instance),
        Some(DataKind::Restore) => tracing::error_span!("restore", order = %id, %instance),
        Some(DataKind::Forget) => tracing::error_span!("forget", order = %id, %instance),
    }
}

async fn accept(context: &AgentContext, incoming: OutgoingOrder) {
    let OutgoingOrder { order, values, drift, access, limit_rate } = incoming;
    let (entry, begun) = (context.ledger().instances().get(&order.instance).cloned(), clock::now());
    let from = entry.as_ref().and_then(|entry| entry.settled.clone());
    let project = from.as_ref().map(|settled| settled.rendered.spec.project.clone());
    let open = OpenState {
        values: Values(values),
        access,
        limit_rate,
        drift,
        journal: None,
        from,
        to: None,
        through: Vec::new(),
        way: Direction::Accepted,
    };
    let accepted = OrderEntry { order: order.clone(), begun, state: OrderState::Open(Box::new(open)) };
    tracing::info!("order accepted");
    context.retry_until_ok(move |ledger| ledger.begin(accepted.clone())).await;
    let policy = context.policy.now();
    if let Some(outcome) = outcome_at_once(&order.action, entry.as_ref(), &policy, begun) {
        return end(context, &order, outcome, None).await;
    }
    if let Some(project) = project
        && let Err(error) = context.runtime.remove_actions(&project).await
    {
        // One that an earlier order left would be in the way of the checks. What starts something tries until it is gone.
        tracing::warn!(error = crate::chain(&error), "containers of actions may be left");
    }
    carry_out(context, &order.id).await;
}

/// Continues an accepted order from its state in the ledger.
pub async fn go_on(context: &AgentContext, id: &OrderId) {
    let span = context.ledger().orders().get(id).map(|entry| order_span(&entry.order));
    carry_out(context, id).instrument(span.unwrap_or_else(Span::none)).await;
}

async fn carry_out(context: &AgentContext, id: &OrderId) {
    let Some(entry) = context.ledger().orders().get(id).cloned() else { return };
    if let Action::Data(_) = entry.order.action {
        return data::go_on(context, entry).await;
    }
    let OrderState::Open(open) = entry.state else { return };
    let order = entry.order;
    let last = context
        .status_writer
        .see(|status_board| status_board.instances.get(&order.instance).and_then(|it| it.last().cloned()));
    let work = Work::new(context, &order.id, &order.instance, last);
    let left = order.deadline.saturating_sub(clock::now().since(entry.begun));
    let carrying = Carrying { work: &work, order: &order, left };
    match open.way.clone() {
        Direction::Accepted => carrying.accepted(*open).await,
        Direction::Forward { .. } => carrying.forward(*open).await,
        Direction::Back { because, since } => carrying.back(*open, because, since, Attempt::Again).await,
    }
}

struct Carrying<'a> {
    work: &'a Work<'a>,
    order: &'a Order,
    /// Rest of the deadline when this work began.
    left: Duration,
}

impl Carrying<'_> {
    async fn accepted(&self, mut open: OpenState) {
        let began = tokio::time::Instant::now();
        let prepared = timeout(self.left, prepare_order(self.work, self.order, &open)).await;
        let PreparedOrder { through, to } = match prepared {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(error)) => return self.end(Outcome::Refused { failure: (&error).into() }, None).await,
            Err(_) => {
                let failure = OrderFailure::DeadlineOverBeforeStart { deadline: self.order.deadline };
                return self.end(Outcome::Refused { failure }, None).await;
            }
        };
        (open.through, open.to) = (through, to);
        open.way = Direction::Forward { step: 0, doing: None };
        let (id, begun) = (self.order.id.clone(), open.clone());
        let begin = move |ledger: &mut LedgerWriter| {
            // Another order with conflicting claims may have begun meanwhile.
            let unclaimed = |to: &Settled| expect_unclaimed(&ledger.ledger(), &to.rendered.spec, before(&begun)).err();
            let taken = begun.target_states().find_map(unclaimed);
            if taken.is_none() {
                ledger.mark(&id, |kept| *kept = begun.clone_without_values())?;
            }
            Ok(taken)
        };
        if let Some(taken) = self.work.context.retry_until_ok(begin).await {
            return self.end(Outcome::Refused { failure: (&taken).into() }, None).await;
        }
        let left = self.left.saturating_sub(began.elapsed());
        Carrying { left, ..*self }.forward(open).await;
    }

    async fn forward(&self, open: OpenState) {
        let spec = match (spec_of_parts(self.work, &open), &self.order.action) {
            (Some(spec), _) => spec,
            (None, Action::Remove { volumes }) if !volumes.is_empty() => bare_spec(self.work, volumes),
            (None, _) => return self.end(Outcome::AlreadySo, Some(LedgerUpdate::Gone)).await,
        };
        if let Direction::Forward { step: 1.., doing: Some(doing) } = &open.way {
            self.work.say(Activity::GoingOn(Box::new(doing.clone())));
        }
        let because = match self.upgrade(&open) {
            Some(upgrade) => {
                let ended = self.work.in_time(self.order.deadline, self.left, upgrade.forward()).await;
                if upgrade.is_committed() {
                    upgrade.remove_copies().await;
                    return self.end(Outcome::Done, Some(became(open.to))).await;
                }
                ended
            }
            None => {
                let forward = async {
                    // An order that got stuck may have left a command, which would write, or keep a volume.
                    self.work.end_actions(&spec.project).await?;
                    forward(self.work, &self.order.action, open.to.as_ref(), &spec).await
                };
                self.work.in_time(self.order.deadline, self.left, forward).await
            }
        };
        let because = match because {
            Ok(()) => return self.end(Outcome::Done, Some(became(open.to))).await,
            Err(failure) => failure,
        };
        if !self.is_touched() {
            return self.end(Outcome::Refused { failure: because }, None).await;
        }
        let since = clock::now();
        let way = Direction::Back { because: because.clone(), since };
        let id = self.order.id.clone();
        let turn = move |ledger: &mut LedgerWriter| ledger.mark(&id, |open| open.way = way.clone());
        self.work.context.retry_until_ok(turn).await;
        self.back(open, because, since, Attempt::First).await;
    }

    /// Returns the upgrade, if the order is one that has to keep data.
    fn upgrade<'b>(&'b self, open: &'b OpenState) -> Option<Upgrade<'b>> {
        let (from, to) = (open.from.as_ref(), open.to.as_ref());
        // An earlier agent has begun it without copies.
        let is_begun = matches!(open.way, Direction::Forward { step: 1.., .. });
        let is_without = is_begun && self.journal().is_none_or(|journal| journal.upgrade.is_none());
        let is_upgrade = matches!(self.order.action, Action::Upgrade { .. });
        let data = DataWork { work: self.work, order: self.order, open };
        let upgrade = Upgrade { data, from: from?, through: &open.through, to: to? };
        let has_steps =
            !open.through.is_empty() || keeps_data(&self.order.action, from, to) || !upgrade.actions().is_empty();
        (is_upgrade && has_steps && !is_without).then_some(upgrade)
    }

    /// Returns whether any step has begun, according to the ledger.
    fn is_touched(&self) -> bool {
        match self.work.context.ledger().orders().get(&self.order.id).map(|entry| &entry.state) {
            Some(OrderState::Open(open)) => {
                !matches!(open.way, Direction::Accepted | Direction::Forward { step: 0, .. })
            }
            Some(OrderState::Ended { .. }) | None => true,
        }
    }

    async fn back(&self, open: OpenState, because: OrderFailure, since: Time, attempt: Attempt) {
        let Some(tried) = spec_of_parts(self.work, &open) else {
            return self.end(Outcome::Refused { failure: because }, None).await;
        };
        if let Action::Remove { .. } = self.order.action {
            // A half-done removal is not undone: only a person knows the desired state by now.
            return self.stuck(open, tried, because).await;
        }
        self.work.turn_back(&because);
        let upgrade = self.upgrade(&open);
        if let Some(upgrade) = upgrade.as_ref().filter(|upgrade| upgrade.is_committed()) {
            upgrade.remove_copies().await;
            return self.end(Outcome::Done, Some(became(open.to.clone()))).await;
        }
        let whole = self.order.rollback_budget();
        // Data has to come back however long the power was away: each attempt gets the whole time.
        let limit = if upgrade.is_some() { whole } else { whole.saturating_sub(clock::now().since(since)) };
        let going = async {
            match &upgrade {
                Some(upgrade) => upgrade.roll_back(attempt).await,
                None => {
                    let back = back(self.work, &self.order.action, open.from.as_ref(), &tried, attempt);
                    Ok(back.await.map(|()| RolledBack::Whole)?)
                }
            }
        };
        let came = timeout(limit, going).await;
        if let Some(upgrade) = &upgrade {
            // Whatever has become of the rest: no command goes on when nobody waits for it.
            upgrade.end_actions().await;
        }
        // Copies whose folders are not put back are the only ones of that data.
        if let Some(upgrade) = upgrade.as_ref().filter(|upgrade| upgrade.copies_left().is_empty()) {
            upgrade.remove_copies().await;
        }
        let failure = match came {
            Ok(Ok(RolledBack::Whole)) => {
                return self.end(Outcome::RolledBack { failure: because }, Some(became(open.from.clone()))).await;
            }
            Ok(Ok(RolledBack::AwaitsRestore { plan })) => {
                return self.leave(open.clone(), Left::ToRestore { because, plan: *plan }).await;
            }
            Ok(Err(error)) => {
                tracing::warn!(error = crate::chain(&error), "the way back failed");
                OrderFailure::from(&error)
            }
            Err(_) => OrderFailure::RollbackTooLong { limit, doing: self.work.doing() },
        };
        let (because, failure) = (Box::new(because), Box::new(failure));
        let failure = OrderFailure::RollbackFailed { because, failure };
        // Texts are cut at their end on the way: first where the data is.
        let folders = upgrade.as_ref().map(Upgrade::copies_left).filter(|folders| !folders.is_empty());
        let failure = match folders {
            Some(folders) => {
                OrderFailure::SomethingLeft { left: vec![DataNote::FormerData { folders }], failure: Box::new(failure) }
            }
            None => failure,
        };
        if let Some(plan) = upgrade.as_ref().and_then(Upgrade::awaited_restore) {
            return self.leave(open.clone(), Left::ToRestore { because: failure, plan }).await;
        }
        self.stuck(open.clone(), tried, failure).await;
    }

    /// Ends the order with something left for an operator.
    async fn leave(&self, open: OpenState, left: Left) {
        let (outcome, becomes) = left_for_operator(self.order, open.from, left);
        self.end(outcome, Some(becomes)).await;
    }

    async fn stuck(&self, open: OpenState, tried: InstanceSpec, failure: OrderFailure) {
        let cursor = self.journal().and_then(|journal| journal.upgrade);
        let is_data_changed = cursor.is_some_and(|cursor| cursor.is_data_changed());
        self.leave(open, Left::ToLookAt { tried: Box::new(tried), failure, is_data_changed }).await;
    }

    async fn end(&self, outcome: Outcome, becomes: Option<LedgerUpdate>) {
        // The backup of an upgrade is there, however that ended.
        let made = self.journal().map(|journal| journal.safety).filter(|copies| !copies.is_empty());
        let made = made.map(|copies| Box::new(DataResult::Backup(copies)));
        end(self.work.context, self.order, End { outcome, made }, becomes).await;
    }

    fn journal(&self) -> Option<Journal> {
        match &self.work.context.ledger().orders().get(&self.order.id)?.state {
            OrderState::Open(open) => open.journal.as_deref().cloned(),
            OrderState::Ended { .. } => None,
        }
    }
}

fn before(open: &OpenState) -> Option<&InstanceSpec> {
    open.from.as_ref().map(|from| &from.rendered.spec)
}

fn became(settled: Option<Settled>) -> LedgerUpdate {
    settled.map_or(LedgerUpdate::Gone, |settled| LedgerUpdate::Entry(Box::new(InstanceEntry::settled(settled))))
}
