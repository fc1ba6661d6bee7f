//! Records the ends of orders as hosts report them, and limits how many are kept.

use super::asked::end_event;
use super::backups::MadeBy;
use super::{Facts, ObserveError, StateSnapshot};
use crate::keys;
use crate::store::Batch;
use fleet_core::backup::{AskedBy, DataAction};
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::facts::{Ended, Running};
use fleet_core::names::{HostName, InstanceName, OrderId};
use fleet_core::order::{End, Outcome};
use fleet_core::release::Goal;
use fleet_core::time::Time;

/// Number of ends of one instance above which ends of unknown orders are refused. Pruning keeps fewer. Ends of open
/// orders are always accepted, because their number is limited by the orders given.
const LIMIT: usize = 128;

impl Facts {
    /// Records the reported end of an order. The first end counts, unless it was stuck and a person has continued.
    pub async fn hear_outcome(
        &self,
        host: &HostName,
        id: OrderId,
        instance: InstanceName,
        end: impl Into<End>,
        now: Time,
    ) -> Result<(), ObserveError> {
        let end = end.into();
        let ((), committed) = self.change(|snapshot, batch| {
            let open = snapshot.asked.orders.get(&id).filter(|open| open.host == *host).cloned();
            let is_first = !snapshot.observed.ended.contains_key(&id);
            let outcome = end.outcome.clone();
            snapshot.end(batch, host, id.clone(), instance, end, now)?;
            if let Some(open) = open.filter(|_| is_first) {
                self.metrics().order_ended(&open.order.action, &outcome, now.since(open.asked));
            }
            snapshot.unkept.insert(id.clone());
            Ok::<_, ObserveError>(())
        })?;
        self.settled(committed).await?;
        self.change_unwritten(|snapshot| snapshot.unkept.remove(&id));
        self.wake();
        Ok(())
    }
}

impl StateSnapshot {
    /// Returns whether an end without an open order would exceed the limit.
    fn has_many_ends(&self, id: &OrderId, instance: &InstanceName) -> bool {
        !self.observed.ended.contains_key(id) && self.index.ends_of(instance) >= LIMIT
    }

    fn put_end(&mut self, id: OrderId, ended: Ended) {
        let instance = ended.instance.clone();
        let before = self.observed.ended.insert(id, ended);
        if let Some(before) = &before {
            self.index.remove_end(&before.instance);
        }
        self.index.add_end(&instance);
    }

    pub(super) fn take_end(&mut self, id: &OrderId) {
        if let Some(ended) = self.observed.ended.remove(id) {
            self.index.remove_end(&ended.instance);
        }
    }

    fn end(
        &mut self,
        batch: &mut Batch,
        host: &HostName,
        id: OrderId,
        instance: InstanceName,
        end: End,
        now: Time,
    ) -> Result<(), ObserveError> {
        let End { outcome, made } = end;
        let open = self.asked.orders.get(&id).filter(|open| open.host == *host && open.order.instance == instance);
        if open.is_none() && !self.is_wanted_at(host, &instance) {
            return Err(ObserveError::NotItsOrder(id));
        }
        if open.is_none() && self.has_many_ends(&id, &instance) {
            return Err(ObserveError::TooManyEnds(instance));
        }
        let is_heard =
            self.observed.ended.get(&id).is_some_and(|ended| !is_stuck(&ended.outcome) || ended.outcome == outcome);
        if is_heard {
            return Ok(());
        }
        let asked = open.map(|open| (open.order.action.clone(), open.asked));
        // The order was withdrawn but the backup was made anyway. It is reported late and exists.
        let late = self.was_asked(host, &id, &instance).filter(|_| open.is_none());
        let asked_by =
            late.map_or(AskedBy::Order, |late| if late.counts(now) { AskedBy::Order } else { AskedBy::Nobody });
        let late = late.map(|late| (late.action(), late.asked));
        let reached = open.and_then(|open| open.order.action.goal()).filter(|_| outcome.is_success()).cloned();
        if let Some(open) = open {
            let kind = end_event(&open.order.action, &outcome);
            let subject = EventSubject::from(&instance);
            // There are as many ends as orders, but a stuck one may be reported with a new text repeatedly.
            match self.observed.ended.contains_key(&id) {
                false => self.events.tell(batch, now, subject, kind),
                true => self.events.tell_for(batch, now, host, (subject, kind)),
            }
        }
        if let Some(seen) =
            self.observed.instances.get_mut(&instance).filter(|seen| is_at(&seen.running, reached.as_ref()))
        {
            // The host reported the present state just before the end of the order: the state is not older than that.
            seen.at = now;
        }
        // A backup without an order is in no catalog: a host could claim anything about it.
        if let (Some(made), Some((asked, asked_at))) = (&made, asked.as_ref().or(late.as_ref())) {
            let of = MadeBy { order: &id, instance: &instance, asked, asked_at: *asked_at, asked_by };
            self.keep_made(batch, &of, made, now);
            if late.is_some() && outcome.is_success() {
                let kind = EventKind::LateBackup { order: id.clone(), counts: asked_by.counts() };
                self.events.tell_for(batch, now, host, ((&instance).into(), kind));
            }
        }
        let of = match &asked {
            Some((asked, _)) => asked.data().map(DataAction::kind),
            None => made.as_ref().map(|made| made.kind()),
        };
        let made = made.map(|made| Box::new(made.in_short()));
        self.heard_of(batch, &id);
        let ended = Ended { instance, outcome, of, made, at: now };
        batch.put(keys::ended(&id), &ended);
        self.put_end(id, ended);
        Ok(())
    }
}

fn is_at(running: &Running, goal: Option<&Goal>) -> bool {
    match (running, goal) {
        (Running::Settled(said), Some(goal)) => said.release == goal.release && said.revision == goal.revision,
        (Running::Settled(_) | Running::Absent | Running::Busy { .. }, _) => false,
    }
}

fn is_stuck(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Stuck { .. } => true,
        Outcome::AlreadySo
        | Outcome::Done
        | Outcome::RolledBack { .. }
        | Outcome::Refused { .. }
        | Outcome::Failed { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{memory, read, restart};

    #[tokio::test]
    async fn ends_that_nobody_waits_for_are_remembered_up_to_a_limit() {
        let facts = memory().with("lab-1", "notes-1").await;
        for number in 0..LIMIT {
            facts.end("lab-1", "notes-1", &format!("o{number}"), Outcome::Done).await.expect("there is room");
        }
        let refused = facts.end("lab-1", "notes-1", "one more", Outcome::Done).await;
        assert!(matches!(refused, Err(ObserveError::TooManyEnds(_))), "{refused:?}");
        facts.end("lab-1", "notes-1", "o1", Outcome::Done).await.expect("what is remembered may be said again");
        facts.give("lab-1", restart("notes-1", "asked")).await;
        facts.end("lab-1", "notes-1", "asked", Outcome::Done).await.expect("it was asked");
        assert_eq!(facts.read().observed().ended.len(), LIMIT + 1);
        facts.prune(crate::facts::testing::NOW).await.expect("the store is whole");
        facts.end("lab-1", "notes-1", "one more", Outcome::Done).await.expect("there is room again");
        assert_eq!(facts.read().index.ends_of(&read("notes-1")), facts.read().observed().ended.len());
    }
}
