//! Removes unneeded records, so that the store does not grow without limit.
//!
//! The bounds: per instance the newest 64 ends of orders, besides those that the rollouts that are kept have given; per app the
//! newest 20 rollouts, besides those that are not over and those that last moved an instance; the values of the
//! revisions that are wanted or that an order, a host or a rollout may still ask for.

use super::{DesiredChange, Facts, StateSnapshot};
use crate::keys;
use crate::store::StoreError;
use fleet_core::names::{AppName, InstanceName, OrderId, RolloutId};
use fleet_core::plan::{MemberState, PlanContext, RolloutPhase, upgrade_ids};
use fleet_core::time::Time;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

const ENDS: usize = 64;
const ROLLOUTS: usize = 20;

impl Facts {
    /// Removes unneeded records.
    pub async fn prune(&self, now: Time) -> Result<(), StoreError> {
        let values = self.values_that_may_be_old()?;
        let prune = |change: &mut DesiredChange<'_>| {
            let values = old_values(change.snapshot(), values);
            let ends = old_ends(change.snapshot(), now);
            let rollouts = old_rollouts(change.snapshot(), now);
            ends.iter().for_each(|id| change.forget_end(id));
            rollouts.iter().for_each(|id| change.remove_rollout(id));
            values.into_iter().for_each(|key| change.batch().delete(key));
            change.forget_old_tokens();
            change.forget_old_requests();
            change.forget_expected(now);
            Ok::<_, StoreError>(())
        };
        self.change_desired(now, prune).await.map(|_| ())
    }

    /// The keys of the values of all instances that have had several revisions.
    fn values_that_may_be_old(&self) -> Result<Vec<(InstanceName, Vec<String>)>, StoreError> {
        let changed: Vec<InstanceName> = {
            let snapshot = self.read();
            let changed = snapshot.desired().instances.iter().filter(|(_, instance)| instance.revision > 2);
            changed.map(|(name, _)| name.clone()).collect()
        };
        let keys = |name: InstanceName| {
            let entries = self.store().scan(&keys::values_of(&name))?;
            Ok((name, entries.into_iter().map(|entry| entry.key).collect()))
        };
        changed.into_iter().map(keys).collect()
    }
}

/// Returns values of revisions that can no longer be requested.
fn old_values(snapshot: &StateSnapshot, values: Vec<(InstanceName, Vec<String>)>) -> Vec<String> {
    let kept_for_undo = keys_in_rollouts(snapshot);
    let mut old = Vec::new();
    for (name, keys) in values {
        let first_needed = keys::values(&name, first_needed(snapshot, &name));
        let is_old = |key: &String| *key < first_needed && !kept_for_undo.contains(key);
        old.extend(keys.into_iter().filter(is_old));
    }
    old
}

/// Returns the oldest revision that is desired, brought by an open order, or reported by the host, less one. A host may
/// report a newer one than the desired one after the import of an older export.
fn first_needed(snapshot: &StateSnapshot, name: &InstanceName) -> u64 {
    let Some(instance) = snapshot.instance(name) else { return 0 };
    let seen = snapshot.observed().instances.get(name).and_then(|seen| seen.running.last());
    let before_seen = seen.map_or(0, |said| said.revision.saturating_sub(1));
    let orders = snapshot.orders_of(&instance.host).filter_map(|id| snapshot.asked().orders.get(id));
    let of_instance = orders.filter(|open| open.order.instance == *name);
    let brought = of_instance.filter_map(|open| open.order.action.goal()).map(|goal| goal.revision);
    brought.fold(before_seen.min(instance.revision), u64::min)
}

/// The values that instances had before the rollouts that are kept, and that undos put back.
fn keys_in_rollouts(snapshot: &StateSnapshot) -> HashSet<String> {
    let members = snapshot.desired().rollouts.values().flat_map(|rollout| &rollout.members);
    let revisions = members.flat_map(|member| {
        let both = member.from_revision.into_iter().chain(member.to_revision);
        both.map(|revision| keys::values(&member.instance, revision))
    });
    revisions.collect()
}

/// Besides ends of rollouts, the failure of an instance's present intention must be kept, however many of its backups
/// end.
fn old_ends(snapshot: &StateSnapshot, now: Time) -> Vec<OrderId> {
    let mut by_instance: HashMap<&InstanceName, Vec<(Time, &OrderId)>> = HashMap::new();
    for (id, ended) in &snapshot.observed().ended {
        by_instance.entry(&ended.instance).or_default().push((ended.at, id));
    }
    by_instance.retain(|_, ends| ends.len() > ENDS);
    let members = snapshot.desired().rollouts.values().flat_map(|it| it.members.iter().map(move |member| (it, member)));
    let crowded = members.filter(|(_, member)| by_instance.contains_key(&member.instance));
    let mut needed: HashSet<OrderId> = crowded.flat_map(|(rollout, member)| upgrade_ids(rollout, member)).collect();
    if !by_instance.is_empty() {
        let plan_context = PlanContext::new(snapshot.desired(), snapshot.asked(), snapshot.observed(), now);
        needed.extend(by_instance.keys().filter_map(|name| plan_context.wanted_id(name)));
    }
    let mut old = Vec::new();
    for mut ends in by_instance.into_values() {
        ends.retain(|(_, id)| !needed.contains(*id));
        ends.sort();
        let surplus = ends.len().saturating_sub(ENDS);
        old.extend(ends.into_iter().take(surplus).map(|(_, id)| id.clone()));
    }
    old
}

fn old_rollouts(snapshot: &StateSnapshot, now: Time) -> Vec<RolloutId> {
    let plan_context = PlanContext::new(snapshot.desired(), snapshot.asked(), snapshot.observed(), now);
    let mut by_app: BTreeMap<&AppName, Vec<_>> = BTreeMap::new();
    for rollout in snapshot.desired().rollouts.values() {
        by_app.entry(&rollout.app).or_default().push(rollout);
    }
    let mut old = Vec::new();
    for rollouts in by_app.values_mut() {
        rollouts.sort_by_key(|rollout| Reverse(rollout.created));
        for rollout in rollouts.iter().skip(ROLLOUTS) {
            let is_over = matches!(plan_context.phase(rollout), RolloutPhase::Done | RolloutPhase::Aborted);
            let has_let_go =
                |state: &MemberState| matches!(state, MemberState::Superseded { .. } | MemberState::Removed);
            if is_over && plan_context.members(rollout).iter().all(|(_, state)| has_let_go(state)) {
                old.push(rollout.id.clone());
            }
        }
    }
    old
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, configure, memory, order, read, undo, wanted};
    use fleet_core::facts::{InstanceDesired, Running};
    use fleet_core::order::Outcome;
    use fleet_core::order_failure::OrderFailure;
    use fleet_core::plan::Plan;
    use fleet_core::rollout::Rollout;
    use fleet_proto::protocol::ProtocolRange;
    use std::collections::BTreeSet;

    async fn prune(facts: &Facts) {
        facts.prune(NOW).await.expect("the store is whole");
    }

    #[tokio::test]
    async fn the_newest_ends_stay() {
        let facts = memory().with("lab-1", "notes-1").await;
        for number in 0..ENDS + 9 {
            let (id, at) = (order(&number.to_string()), Time(NOW.0 + number as u64));
            let heard = facts.hear_outcome(&read("lab-1"), id, read("notes-1"), Outcome::Done, at).await;
            heard.expect("it is its own");
        }
        prune(&facts).await;
        let left: BTreeSet<_> = facts.read().observed().ended.keys().cloned().collect();
        assert_eq!(left, (9..ENDS + 9).map(|number| order(&number.to_string())).collect());
        let kept = facts.store().scan(keys::ENDED).expect("the store can be read");
        assert_eq!(kept.len(), ENDS, "the disk, too, forgets");
    }

    #[tokio::test]
    async fn a_rollout_that_is_kept_knows_for_ever_how_it_ended() {
        let facts = memory().with("lab-1", "notes-1").await;
        let rollout = Rollout { attempt: 2, ..undo("notes-1", "notes-1", 4) };
        facts.desire(|desired| desired.put_rollout(rollout.clone())).await;
        let own: Vec<OrderId> = upgrade_ids(&rollout, &rollout.members[0]).collect();
        let others = (0..ENDS + 9).map(|number| order(&number.to_string()));
        for (number, id) in own.clone().into_iter().chain(others).enumerate() {
            let how = if number == 0 {
                Outcome::RolledBack { failure: OrderFailure::other("no answer") }
            } else {
                Outcome::Done
            };
            let at = Time(NOW.0 + number as u64);
            facts.hear_outcome(&read("lab-1"), id, read("notes-1"), how, at).await.expect("it is its own");
        }
        let phase = |facts: &Facts| {
            let snapshot = facts.read();
            PlanContext::new(snapshot.desired(), snapshot.asked(), snapshot.observed(), NOW).phase(&rollout)
        };
        assert_eq!(phase(&facts), RolloutPhase::Done);
        prune(&facts).await;
        let left = facts.read().observed().ended.keys().filter(|id| own.contains(id)).count();
        assert_eq!((left, phase(&facts)), (2, RolloutPhase::Done), "in each of its attempts");
        assert_eq!(facts.read().observed().ended.len(), ENDS + 2);
    }

    #[tokio::test]
    async fn values_stay_while_an_undo_may_put_them_back() {
        let facts = memory().with("lab-1", "notes-1").await;
        facts
            .desire(|desired| {
                desired.put_instance(&read("notes-1"), InstanceDesired { revision: 9, ..wanted("lab-1") });
                (1..=9).for_each(|revision| desired.batch().put(keys::values(&read("notes-1"), revision), "values"));
                // It had the values of revision 3 before, and the undo brings those of revision 4.
                desired.put_rollout(undo("notes-1", "notes-1", 4));
            })
            .await;
        facts.say("lab-1", "notes-1", "1.1", 9).await;
        prune(&facts).await;
        assert_eq!(kept_values(&facts), [3, 4, 8, 9].map(|revision| keys::values(&read("notes-1"), revision)));
        facts.desire(|desired| desired.remove_rollout(&read("notes-1"))).await;
        prune(&facts).await;
        assert_eq!(kept_values(&facts).len(), 2);
    }

    #[tokio::test]
    async fn values_that_are_wanted_stay_whatever_a_newer_revision_its_host_says() {
        let facts = memory().with("lab-1", "notes-1").await;
        facts
            .desire(|desired| {
                desired.put_instance(&read("notes-1"), InstanceDesired { revision: 4, ..wanted("lab-1") });
                (1..=4).for_each(|revision| desired.batch().put(keys::values(&read("notes-1"), revision), "values"));
            })
            .await;
        facts.say("lab-1", "notes-1", "1.1", 7).await;
        facts.give("lab-1", configure("notes-1", "o1", 3)).await;
        prune(&facts).await;
        let revisions = |of: &[u64]| of.iter().map(|of| keys::values(&read("notes-1"), *of)).collect::<Vec<_>>();
        assert_eq!(kept_values(&facts), revisions(&[3, 4]), "one is wanted, and one is brought by an order");
        facts.end("lab-1", "notes-1", "o1", Outcome::Done).await.expect("it was asked");
        facts.obey(Plan { closed: vec![order("o1")], ..Plan::default() }).await;
        prune(&facts).await;
        assert_eq!(kept_values(&facts), revisions(&[4]));
    }

    fn kept_values(facts: &Facts) -> Vec<String> {
        let entries = facts.store().scan(&keys::values_of(&read("notes-1"))).expect("the store can be read");
        entries.into_iter().map(|entry| entry.key).collect()
    }

    #[tokio::test]
    async fn what_nobody_wants_and_its_host_no_longer_has_is_forgotten() {
        let facts = memory().with("lab-1", "notes-1").await;
        let lab = read("lab-1");
        facts.hear_instance(&lab, read("stray"), Running::Absent, NOW).await.expect("there is room");
        assert!(facts.read().observed().instances.contains_key(&read::<InstanceName>("stray")));
        facts.hear_complete(&lab, &[read("notes-1")].into(), NOW).await.expect("the store is whole");
        assert!(!facts.read().observed().instances.contains_key(&read::<InstanceName>("stray")));
        let kept = facts.store().scan(keys::OBSERVED_INSTANCES).expect("the store can be read");
        assert_eq!(kept.len(), 1);
    }

    #[tokio::test]
    async fn a_host_that_was_removed_leaves_nothing_behind() {
        let facts = memory().with("lab-1", "notes-1").await;
        facts.hear_other_protocol(&read("lab-1"), ProtocolRange::said(99, 98), NOW).await.expect("the store is whole");
        facts
            .desire(|desired| {
                desired.forget_instance(&read("notes-1"));
                desired.remove_host(&read("lab-1"));
            })
            .await;
        for prefix in ["desired/", "observed/"] {
            assert_eq!(facts.store().scan(prefix).expect("the store can be read"), [], "below {prefix}");
        }
    }
}
