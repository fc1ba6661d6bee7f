//! Changes of policies by which fewer backups are kept than before: they take history, and need more than an operator's role.

use super::{BackupKey, BackupPolicy, BackupSeen, Keep};
use crate::facts::{Desired, Observed};
use crate::names::{BackupId, InstanceName, PolicyName};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

impl Keep {
    /// Returns whether any of its numbers is smaller than the other's. Without numbers, everything is kept.
    fn is_less_than(&self, other: &Self) -> bool {
        let numbers = |keep: &Self| [keep.last, keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly];
        let forgets_nothing = |keep: &Self| *keep == Self::default();
        if forgets_nothing(self) || forgets_nothing(other) {
            return forgets_nothing(other) && !forgets_nothing(self);
        }
        numbers(self).iter().zip(numbers(other)).any(|(own, other)| *own < other)
    }
}

impl Desired {
    /// Returns the instances of which fewer backups are kept under a policy's new content: because its numbers are
    /// smaller than those of their present policy, or because it would remove backups that stay now.
    pub fn shortened_by(
        &self,
        name: &PolicyName,
        policy: &BackupPolicy,
        observed: &Observed,
        now: Time,
    ) -> Vec<InstanceName> {
        let after = self.with_policy(name, policy);
        let is_shortened = |instance: &&InstanceName| {
            let after = after.policy_of(instance).map(|(_, policy)| policy);
            match (self.policy_of(instance).map(|(_, policy)| policy), after) {
                (Some(before), Some(after)) => after.keep.is_less_than(&before.keep),
                (None, Some(after)) => self.lets_go(instance, after, observed, now),
                (_, None) => false,
            }
        };
        let named = self.instances.keys().chain(policy.instances.iter()).chain(observed.backups.keys());
        let named: BTreeSet<&InstanceName> = named.collect();
        named.into_iter().filter(is_shortened).cloned().collect()
    }

    /// The hosts and instances, and the policies as they are once one has another content.
    pub fn with_policy(&self, name: &PolicyName, policy: &BackupPolicy) -> Self {
        let policies = self.policies.iter().filter(|(other, _)| *other != name);
        let mut policies: BTreeMap<PolicyName, BackupPolicy> =
            policies.map(|(name, policy)| (name.clone(), policy.clone())).collect();
        policies.insert(name.clone(), policy.clone());
        Self {
            policies: policies.into(),
            hosts: self.hosts.clone(),
            instances: self.instances.clone(),
            ..Self::default()
        }
    }

    /// Returns whether a policy would remove any present backup.
    fn lets_go(&self, instance: &InstanceName, policy: &BackupPolicy, observed: &Observed, now: Time) -> bool {
        let Some(backups) = observed.backups.get(instance) else { return false };
        let held: BTreeSet<BackupId> = self.held_of(instance);
        let created = self.instances.get(instance).map_or(Time::ZERO, |instance| instance.created);
        backups.repositories().any(|repository| {
            let of = backups.iter().filter(|(key, _)| key.repository == *repository);
            let of: BTreeMap<BackupKey, BackupSeen> = of.map(|(key, seen)| (key.clone(), seen.clone())).collect();
            policy.judge(of, &held, created, now).forgotten().next().is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(numbers: [u32; 6]) -> Keep {
        let [last, hourly, daily, weekly, monthly, yearly] = numbers;
        Keep { last, hourly, daily, weekly, monthly, yearly }
    }

    #[test]
    fn fewer_of_any_kind_is_less_and_nothing_said_keeps_all() {
        let before = keep([3, 0, 7, 5, 12, 0]);
        for (after, is_less) in [
            (before, false),
            (keep([4, 1, 8, 6, 13, 1]), false),
            (keep([2, 0, 7, 5, 12, 0]), true),
            (keep([30, 24, 365, 52, 11, 9]), true),
            (keep([0; 6]), false),
        ] {
            assert_eq!(after.is_less_than(&before), is_less, "{after:?}");
        }
        assert!(before.is_less_than(&keep([0; 6])), "all were kept");
    }
}
