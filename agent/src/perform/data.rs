//! Carries out orders about an instance's data: backups, drills, restores, and forgetting.
//!
//! **Invariant:** before anything is stopped, moved aside or created temporarily, it is written to the ledger's
//! journal. Whatever ends the work, the journal is undone first.

mod again;
mod agreed;
mod asked;
mod backup;
mod bereft;
mod bucket;
mod compare;
mod compare_folders;
mod copies;
mod drill;
mod dumps;
mod error;
mod fault;
mod fill;
mod forget;
mod holds;
pub mod item_counts;
pub mod left;
mod leftovers;
mod others;
mod passed;
pub mod points;
mod reached;
mod ready;
mod rebuild;
mod restore;
mod restore_new;
mod restore_release;
mod room;
mod sandboxes;
mod set_aside;
mod side_files;
mod side_plan;
mod source;
mod stages;
mod targets;
mod tee;
#[cfg(test)]
mod tests;
mod trees;
pub mod undo;

pub use again::{BETWEEN_TRIES, tell_all, try_again, unfinished};
pub use error::{BackupFault, DataError, HostFault, UnfitError};
pub use fault::{AsideError, AskError, NoReply, NotReady, StoreFault};
pub use leftovers::{left_of, remove_old};
pub use ready::until_ready;
pub use restore::keep_safe;
pub use sandboxes::keep_of_fault;
pub use stages::{fetching, preparing, starting, without_starting};
pub use targets::expect_nobody_has;

use super::end::end;
use super::work::Work;
use crate::agent_context::AgentContext;
use crate::clock;
use crate::ledger::{
    Direction, InstanceEntry, Journal, LedgerError, LedgerUpdate, LedgerWriter, OpenState, OrderEntry, OrderState,
    RestorePhase, StuckMark,
};
use fleet_core::activity::Activity;
use fleet_core::backup::{DataAction, DataNote, DataResult};
use fleet_core::facts::StepProgress;
use fleet_core::hint::Hint;
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End, Order, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_repository::client::ProgressSink;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::timeout;

/// Work that is interrupted again and again is given up.
const ATTEMPTS: u32 = 3;

/// The work on one order about data.
pub struct DataWork<'a> {
    pub work: &'a Work<'a>,
    pub order: &'a Order,
    pub open: &'a OpenState,
}

/// Result of an order, before it ends.
pub struct OrderEnd {
    pub outcome: Outcome,
    pub made: Option<DataResult>,
    pub becomes: Option<LedgerUpdate>,
}

impl OrderEnd {
    fn done(made: DataResult) -> Self {
        Self { outcome: Outcome::Done, made: Some(made), becomes: None }
    }
}

/// Continues an accepted order from its state in the ledger.
pub async fn go_on(context: &AgentContext, entry: OrderEntry) {
    let OrderState::Open(open) = entry.state else { return };
    let (order, begun) = (entry.order, entry.begun);
    let Action::Data(action) = &order.action else { return };
    let last = context
        .status_writer
        .see(|status_board| status_board.instances.get(&order.instance).and_then(|it| it.last().cloned()));
    let work = Work::new(context, &order.id, &order.instance, last);
    let data = DataWork { work: &work, order: &order, open: &open };
    let left = order.deadline.saturating_sub(clock::now().since(begun));
    match &open.way {
        Direction::Back { because, .. } => data.back(because).await,
        Direction::Accepted | Direction::Forward { .. } => data.forward(action, left).await,
    }
}

impl DataWork<'_> {
    async fn forward(&self, action: &DataAction, left: Duration) {
        let journal = self.journal();
        match journal.reach {
            RestorePhase::Passed => return self.end(passed::passed(self).await).await,
            RestorePhase::Apart => {
                return self.turn_back(OrderFailure::AgentRestarted).await;
            }
            RestorePhase::Untouched => {}
        }
        if journal.attempts > 0 {
            self.work.say(Activity::PuttingRight);
            if let Err(error) = undo::undo(self).await {
                return self.turn_back(OrderFailure::from(&error)).await;
            }
        }
        if journal.attempts >= ATTEMPTS {
            return self.turn_back(OrderFailure::InterruptedTooOften { attempts: ATTEMPTS }).await;
        }
        if let Err(error) = self.begin_attempt().await {
            return self.turn_back(OrderFailure::from(&error)).await;
        }
        self.finish(action, left).await;
    }

    /// Does the work, or the rest of it, and ends the order.
    async fn finish(&self, action: &DataAction, left: Duration) {
        let because = match self.work.in_time(self.order.deadline, left, self.perform(action)).await {
            Ok(came) => return self.end(came).await,
            Err(failure) => failure,
        };
        self.turn_back(because).await;
    }

    async fn perform(&self, action: &DataAction) -> Result<OrderEnd, DataError> {
        match action {
            DataAction::Backup { to, cause } => backup::back_up(self, to, *cause).await,
            DataAction::Drill { from, privileges } => drill::drill(self, from, *privileges).await,
            DataAction::Restore { from, safety, goal: Some(goal), replaces: Some(_), others, privileges, .. } => {
                restore_release::return_to_release(self, from, safety, goal, (*others, *privileges)).await
            }
            DataAction::Restore { from, only, safety, goal: None, others, privileges, .. } => {
                restore::in_place(self, from, only, safety, (*others, *privileges)).await
            }
            DataAction::Restore { from, only, goal: Some(goal), others, privileges, .. } => {
                restore_new::restore_new(self, from, only, goal, (*others, *privileges)).await
            }
            DataAction::Forget { from, backups } => forget::forget(self, from, backups).await,
        }
    }

    async fn turn_back(&self, because: OrderFailure) {
        if self.journal().reach == RestorePhase::Passed {
            return self.end(passed::passed(self).await).await;
        }
        let way = Direction::Back { because: because.clone(), since: clock::now() };
        let id = self.order.id.clone();
        let turn = move |ledger: &mut LedgerWriter| ledger.mark(&id, |open| open.way = way.clone());
        self.context().retry_until_ok(turn).await;
        self.back(&because).await;
    }

    /// Undoes all entries of the journal, then ends the order with the reason.
    async fn back(&self, because: &OrderFailure) {
        let journal = self.journal();
        if !journal.held.is_empty() || !journal.aside.is_empty() || journal.reach == RestorePhase::Apart {
            self.work.turn_back(because);
        }
        let limit = self.order.rollback_budget();
        let failure = match timeout(limit, undo::undo(self)).await {
            Ok(Ok(())) => {
                let failure = match self.journal().filled.is_empty() {
                    true => because.clone(),
                    false => OrderFailure::SomethingLeft {
                        left: vec![left_in_buckets(&self.journal())],
                        failure: Box::new(because.clone()),
                    },
                };
                let outcome = match journal.reach {
                    RestorePhase::Apart => Outcome::RolledBack { failure },
                    RestorePhase::Untouched | RestorePhase::Passed => Outcome::Failed { failure },
                };
                return self.end(OrderEnd { outcome, made: self.made_before(&journal), becomes: None }).await;
            }
            Ok(Err(error)) => {
                tracing::warn!(error = crate::chain(&error), "the way back failed");
                OrderFailure::from(&error)
            }
            Err(_) => OrderFailure::RollbackTooLong { limit, doing: self.work.doing() },
        };
        let (because, failure) = (Box::new(because.clone()), Box::new(failure));
        self.stuck(OrderFailure::RollbackFailed { because, failure }, &journal).await;
    }

    /// The safety backups of a restore are there, even if the restore is not.
    fn made_before(&self, journal: &Journal) -> Option<DataResult> {
        (!journal.safety.is_empty()).then(|| DataResult::Backup(journal.safety.clone()))
    }

    async fn stuck(&self, failure: OrderFailure, journal: &Journal) {
        let (instance, left) = (&self.order.instance, self.journal());
        let waits: Vec<_> = journal.aside.iter().map(|aside| aside.waits.display().to_string()).collect();
        let waits = (!waits.is_empty()).then_some(DataNote::FormerData { folders: waits });
        let buckets = (!left.filled.is_empty()).then(|| left_in_buckets(&left));
        let held = (!left.held.is_empty()).then(|| left::still(&left.held));
        // Texts are cut at their end on the way: first where the data is.
        let notes: Vec<DataNote> = [waits, buckets, held].into_iter().flatten().collect();
        let failure = match notes.is_empty() {
            true => failure,
            false => OrderFailure::SomethingLeft { left: notes, failure: Box::new(failure) },
        };
        let hint = Some(Hint::LookOnHost(instance.clone()));
        // If only these are left, the instance is unchanged once they run again, and a drill's sandbox was never a part
        // of it.
        let is_tried_again = left.reach == RestorePhase::Untouched && (left.sandbox.is_some() || !left.held.is_empty());
        let before = self.context().ledger().instances().get(instance).cloned().unwrap_or_default();
        // A restore that was undone leaves the data as an upgrade before it has left it; one that was not leaves a part of the backup's.
        let is_half_restored = !left.aside.is_empty() || !left.filled.is_empty();
        let is_data_changed = is_half_restored || before.stuck.as_ref().is_some_and(|stuck| stuck.is_data_changed);
        let mark = StuckMark { is_data_changed, ..StuckMark::new(self.order.id.clone(), failure.clone()) };
        let stuck = if is_tried_again { before.stuck } else { Some(mark) };
        let remains = self.open_now().and_then(|open| open.to).map(|to| Box::new(to.rendered.spec));
        let remains = remains.filter(|_| before.settled.is_none());
        let held = left::both(before.held, &left.held);
        let becomes =
            Some(LedgerUpdate::Entry(Box::new(InstanceEntry { settled: before.settled, stuck, remains, held })));
        self.end(OrderEnd { outcome: Outcome::Stuck { failure, hint }, made: self.made_before(journal), becomes })
            .await;
    }

    async fn end(&self, came: OrderEnd) {
        let OrderEnd { outcome, made, becomes } = came;
        let outcome = sandboxes::keep_left(self, outcome).await;
        end(self.context(), self.order, End { outcome, made: made.map(Box::new) }, becomes).await;
    }

    async fn begin_attempt(&self) -> Result<(), LedgerError> {
        let id = self.order.id.clone();
        let change = |open: &mut OpenState| {
            open.way = Direction::Forward { step: 1, doing: None };
            open.journal.get_or_insert_default().attempts += 1;
        };
        self.context().ledger.write(move |ledger| ledger.mark(&id, change)).await
    }

    /// Writes the journal before the recorded action is done.
    pub async fn note(&self, change: impl FnOnce(&mut Journal) + Send + 'static) -> Result<(), LedgerError> {
        let (id, doing) = (self.order.id.clone(), self.work.doing());
        let change = move |open: &mut OpenState| {
            change(open.journal.get_or_insert_default());
            if let Direction::Forward { step, doing: noted } = &mut open.way {
                (*step, *noted) = (*step + 1, doing);
            }
        };
        self.context().ledger.write(move |ledger| ledger.mark(&id, change)).await
    }

    /// Returns the present state of this order in the ledger.
    pub fn open_now(&self) -> Option<OpenState> {
        match &self.context().ledger().orders().get(&self.order.id)?.state {
            OrderState::Open(open) => Some(OpenState::clone(open)),
            OrderState::Ended { .. } => None,
        }
    }

    pub fn journal(&self) -> Journal {
        self.open_now().and_then(|open| open.journal).map(|journal| *journal).unwrap_or_default()
    }

    pub fn context(&self) -> &AgentContext {
        self.work.context
    }

    /// The id of the backup that this order makes.
    pub fn backup_id(&self) -> BackupId {
        self.order.id.as_str().parse().expect("an order's id is a backup's, too")
    }

    /// Reports the number of transferred bytes.
    pub fn progress_sink(&self, doing: &Activity) -> ProgressSink {
        let tell = self.work.progress_of(doing);
        ProgressSink::to(move |bytes| tell(Some(StepProgress::of_bytes(bytes, None))))
    }
}

/// Returns the buckets that are not in their earlier state.
fn left_in_buckets(journal: &Journal) -> DataNote {
    let stores = journal.filled.iter().cloned().collect();
    match journal.safety.is_empty() {
        true => DataNote::BucketFilled { stores },
        false => DataNote::BucketReplaced { stores },
    }
}

/// Removes the sandboxes of orders that are no longer open, when the agent starts.
pub fn sweep_drills(context: &AgentContext) {
    let open: BTreeSet<String> = context
        .ledger()
        .orders()
        .values()
        .filter(|entry| entry.is_open())
        .map(|entry| entry.order.id.to_string())
        .collect();
    drill::sweep_scratch(&context.data_dir, &open);
}

/// Resumes all services stopped for a backup before the agent exits, because the time of its next start is unknown.
pub async fn let_all_go_on(context: &AgentContext) {
    let open: Vec<OrderEntry> = context.ledger().orders().values().filter(|entry| entry.is_open()).cloned().collect();
    for entry in open {
        let OrderState::Open(open) = &entry.state else { continue };
        let Some(settled) = open.from.as_ref().filter(|_| open.journal.as_ref().is_some_and(|it| !it.held.is_empty()))
        else {
            continue;
        };
        let work = Work::new(context, &entry.order.id, &entry.order.instance, None);
        let data = DataWork { work: &work, order: &entry.order, open };
        if let Err(error) = holds::release(&data, &settled.rendered.spec, |_| true).await {
            tracing::error!(error = crate::chain(&error), instance = %entry.order.instance, "a service still stands still");
        }
    }
}
