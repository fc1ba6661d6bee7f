//! Changes of policies by which fewer backups are kept than before: they take history, and need more than an operator's role.

use super::{Desired, Observed};
use crate::backup::{BackupKey, BackupPolicy, BackupSeen};
use crate::names::{BackupId, InstanceName, PolicyName};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};

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
