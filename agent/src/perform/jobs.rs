//! Tasks that work on instances.

use super::{Drifted, carry, data, end, heal};
use crate::agent_context::AgentContext;
use crate::ledger::OrderEntry;
use crate::link::OpenSet;
use fleet_core::names::{InstanceName, OrderId};
use fleet_proto::convert::OutgoingOrder;
use futures_util::future::{AbortHandle, BoxFuture, Either, FutureExt, abortable};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::time::Instant;

/// The most instances that are changed at the same time.
const AT_ONCE: usize = 4;

/// Running work. Dropping it cancels all of it at once.
pub struct Jobs {
    context: Arc<AgentContext>,
    work: FuturesUnordered<BoxFuture<'static, InstanceName>>,
    busy: BTreeMap<InstanceName, Job>,
    /// The last attempt at healing each instance.
    healed: Drifted,
    /// Time of the next attempt at unfinished cleanup.
    next_try: Instant,
}

struct Job {
    handle: AbortHandle,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Order,
    Heal,
}

/// An order to begin or to continue.
enum Next<'a> {
    Resume(OrderId),
    New(&'a OutgoingOrder),
}

impl Jobs {
    pub fn new(context: Arc<AgentContext>) -> Self {
        Self {
            context,
            work: FuturesUnordered::new(),
            busy: BTreeMap::new(),
            healed: Drifted::new(),
            next_try: Instant::now(),
        }
    }

    /// Begins all work that can begin.
    pub fn begin(&mut self, set: Option<&OpenSet>, drifted: &Drifted) {
        let next = next_orders(&self.context, set);
        for (name, next) in &next {
            self.begin_order(name, next);
        }
        for (name, attempt) in drifted {
            let is_free = !next.contains_key(name) && !self.busy.contains_key(name);
            let is_new = self.healed.get(name).is_none_or(|healed| healed < attempt);
            if is_free && is_new && self.busy.len() < AT_ONCE {
                let (context, instance) = (Arc::clone(&self.context), name.clone());
                self.start(name, Kind::Heal, async move { heal::heal(&context, &instance).await });
                self.healed.insert(name.clone(), *attempt);
            }
        }
        self.try_again(&next);
    }

    /// Returns the time of the next try, if anything is left.
    pub fn next_try(&self) -> Option<Instant> {
        (!data::unfinished(&self.context).is_empty()).then_some(self.next_try)
    }

    /// Tries again, unless an order or healing needs the instance.
    fn try_again(&mut self, next: &BTreeMap<InstanceName, Next<'_>>) {
        let left = data::unfinished(&self.context);
        if left.is_empty() || self.next_try > Instant::now() {
            return;
        }
        self.next_try = Instant::now() + data::BETWEEN_TRIES;
        for name in left.into_iter().filter(|name| !next.contains_key(name)) {
            if !self.busy.contains_key(&name) && self.busy.len() < AT_ONCE {
                let (context, instance) = (Arc::clone(&self.context), name.clone());
                self.start(&name, Kind::Heal, async move { data::try_again(&context, &instance).await });
            }
        }
    }

    fn begin_order(&mut self, name: &InstanceName, next: &Next<'_>) {
        match self.busy.get(name) {
            // The order begins once healing has ended.
            Some(Job { handle, kind: Kind::Heal }) => return handle.abort(),
            Some(Job { kind: Kind::Order, .. }) => return,
            None if self.busy.len() >= AT_ONCE => return,
            None => {}
        }
        let context = Arc::clone(&self.context);
        let work = match next {
            Next::Resume(id) => {
                let id = id.clone();
                Either::Left(async move { carry::go_on(&context, &id).await })
            }
            Next::New(order) => {
                let order = (*order).clone();
                Either::Right(async move { carry::begin(&context, order).await })
            }
        };
        self.start(name, Kind::Order, work);
    }

    fn start(&mut self, name: &InstanceName, kind: Kind, work: impl Future<Output = ()> + Send + 'static) {
        let (work, handle) = abortable(AssertUnwindSafe(work).catch_unwind());
        let (instance, context) = (name.clone(), Arc::clone(&self.context));
        self.work.push(Box::pin(async move {
            // A bug of ours must not repeat for ever: it causes the way back, and then the end of the order.
            if let (Ok(Err(_)), Kind::Order) = (work.await, kind) {
                tracing::error!(%instance, "a fault of this agent ended its work on an order");
                end::note_fault(&context, &instance).await;
            }
            instance
        }));
        self.busy.insert(name.clone(), Job { handle, kind });
    }

    /// Waits until a piece of work has ended; for ever, where there is none.
    pub async fn ended(&mut self) {
        let Some(name) = self.work.next().await else { return std::future::pending().await };
        self.busy.remove(&name);
    }
}

/// The next order of each instance: those already accepted first.
fn next_orders<'a>(context: &AgentContext, set: Option<&'a OpenSet>) -> BTreeMap<InstanceName, Next<'a>> {
    let mut next = BTreeMap::new();
    let ledger = context.ledger();
    let mut accepted: Vec<&OrderEntry> = ledger.orders().values().filter(|entry| entry.is_open()).collect();
    accepted.sort_by_key(|entry| entry.begun);
    for entry in accepted {
        next.entry(entry.order.instance.clone()).or_insert_with(|| Next::Resume(entry.order.id.clone()));
    }
    let has_ended = |id: &OrderId| context.status_writer.see(|status_board| status_board.ends.contains_key(id));
    for open in set.into_iter().flat_map(|set| &set.orders) {
        let is_known = ledger.orders().contains_key(&open.order.id) || has_ended(&open.order.id);
        if !is_known {
            next.entry(open.order.instance.clone()).or_insert(Next::New(open));
        }
    }
    next
}
