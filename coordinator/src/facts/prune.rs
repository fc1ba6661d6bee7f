//! Forgetting what nobody needs any more, so that the store does not grow for ever.
//!
//! The bounds: per instance the newest 64 ends of orders, besides those of rollouts that are not over; per app the
//! newest 20 rollouts, besides those that are not over and those that last moved an instance; the values of the
//! revisions that an instance has or that an order, a host or a rollout may still ask for.

use super::{DesiredChange, Facts, Known};
use crate::keys;
use crate::store::StoreError;
use fleet_core::names::{AppName, InstanceName, OrderId, RolloutId};
use fleet_core::plan::{MemberState, Outlook, Phase};
use fleet_core::time::Time;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

const ENDS: usize = 64;
const ROLLOUTS: usize = 20;

impl Facts {
    /// Forgets what nobody needs any more.
    pub async fn prune(&self, now: Time) -> Result<(), StoreError> {
        let values = self.old_values()?;
        let prune = |change: &mut DesiredChange<'_>| {
            let ends = old_ends(change.known(), now);
            let rollouts = old_rollouts(change.known(), now);
            ends.iter().for_each(|id| change.forget_end(id));
            rollouts.iter().for_each(|id| change.remove_rollout(id));
            values.into_iter().for_each(|key| change.batch().delete(key));
            change.forget_old_tokens();
            Ok::<_, StoreError>(())
        };
        self.change_desired(now, prune).await.map(|_| ())
    }

    /// Values of revisions that nobody can ask for: older than what the instance has been seen with, less one.
    fn old_values(&self) -> Result<Vec<String>, StoreError> {
        let kept_for_undo = keys_in_rollouts(&self.read());
        let needed: Vec<(InstanceName, u64)> = {
            let known = self.read();
            let oldest = |name: &InstanceName| {
                let seen = known.observed().instances.get(name).and_then(|seen| seen.running.last());
                seen.map_or(0, |said| said.revision.saturating_sub(1))
            };
            let changed = known.desired().instances.iter().filter(|(_, instance)| instance.revision > 2);
            changed.map(|(name, _)| (name.clone(), oldest(name))).collect()
        };
        let mut old = Vec::new();
        for (name, oldest) in needed {
            let first_needed = keys::values(&name, oldest);
            let entries = self.store().scan(&keys::values_of(&name))?;
            let is_old = |key: &String| *key < first_needed && !kept_for_undo.contains(key);
            old.extend(entries.into_iter().map(|entry| entry.key).filter(is_old));
        }
        Ok(old)
    }
}

/// The values that instances had before the rollouts that are kept, and that undos put back.
fn keys_in_rollouts(known: &Known) -> HashSet<String> {
    let members = known.desired().rollouts.values().flat_map(|rollout| &rollout.members);
    let revisions = members.flat_map(|member| {
        let both = member.from_revision.into_iter().chain(member.to_revision);
        both.map(|revision| keys::values(&member.instance, revision))
    });
    revisions.collect()
}

fn old_ends(known: &Known, now: Time) -> Vec<OrderId> {
    let outlook = Outlook::new(known.desired(), known.asked(), known.observed(), now);
    let rollouts = known.desired().rollouts.values();
    let busy = rollouts.filter(|rollout| !matches!(outlook.phase(rollout), Phase::Done | Phase::Aborted));
    let in_rollout: HashSet<&InstanceName> =
        busy.flat_map(|rollout| rollout.members.iter().map(|member| &member.instance)).collect();
    let mut by_instance: HashMap<&InstanceName, Vec<(Time, &OrderId)>> = HashMap::new();
    for (id, ended) in &known.observed().ended {
        by_instance.entry(&ended.instance).or_default().push((ended.at, id));
    }
    let mut old = Vec::new();
    for (instance, mut ends) in by_instance {
        if ends.len() > ENDS && !in_rollout.contains(instance) {
            ends.sort();
            let surplus = ends.len() - ENDS;
            old.extend(ends.into_iter().take(surplus).map(|(_, id)| id.clone()));
        }
    }
    old
}

fn old_rollouts(known: &Known, now: Time) -> Vec<RolloutId> {
    let outlook = Outlook::new(known.desired(), known.asked(), known.observed(), now);
    let mut by_app: BTreeMap<&AppName, Vec<_>> = BTreeMap::new();
    for rollout in known.desired().rollouts.values() {
        by_app.entry(&rollout.app).or_default().push(rollout);
    }
    let mut old = Vec::new();
    for rollouts in by_app.values_mut() {
        rollouts.sort_by_key(|rollout| Reverse(rollout.created));
        for rollout in rollouts.iter().skip(ROLLOUTS) {
            let is_over = matches!(outlook.phase(rollout), Phase::Done | Phase::Aborted);
            let has_let_go =
                |state: &MemberState| matches!(state, MemberState::Superseded { .. } | MemberState::Removed);
            if is_over && outlook.members(rollout).iter().all(|(_, state)| has_let_go(state)) {
                old.push(rollout.id.clone());
            }
        }
    }
    old
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::{NOW, memory, order, read, undo, wanted};
    use fleet_core::facts::{InstanceDesired, Running};
    use fleet_core::order::Outcome;
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
    async fn values_stay_while_an_undo_may_put_them_back() {
        let facts = memory().with("lab-1", "notes-1").await;
        facts
            .desire(|desired| {
                desired.put_instance(&read("notes-1"), InstanceDesired { revision: 9, ..wanted("lab-1") });
                (1..=9).for_each(|revision| desired.batch().put(keys::values(&read("notes-1"), revision), "values"));
                // It had the values of revision 3 before, and brings those of revision 4.
                desired.put_rollout(undo("notes-1", "notes-1", 4));
            })
            .await;
        facts.say("lab-1", "notes-1", "1.1", 9).await;
        prune(&facts).await;
        let entries = facts.store().scan(&keys::values_of(&read("notes-1"))).expect("the store can be read");
        let left: Vec<String> = entries.into_iter().map(|entry| entry.key).collect();
        assert_eq!(left, [3, 4, 8, 9].map(|revision| keys::values(&read("notes-1"), revision)));
        facts.desire(|desired| desired.remove_rollout(&read("notes-1"))).await;
        prune(&facts).await;
        assert_eq!(facts.store().scan(&keys::values_of(&read("notes-1"))).expect("it can be read").len(), 2);
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
        facts.hear_other_protocol(&read("lab-1"), 99, NOW).await.expect("the store is whole");
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
