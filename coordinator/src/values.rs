//! An instance's values by revision, kept beside the facts: plain ones as they are, secret ones sealed.
//!
//! **Invariant:** a secret value is in the clear only on its way in, while it is checked or compared, and on its way to
//! its host.

use crate::identity::{IdentityError, Seal};
use crate::keys;
use crate::store::{Batch, Store, StoreError};
use fleet_core::facts::DriftRule;
use fleet_core::names::InstanceName;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Text that is shown in place of secret values.
pub const HIDDEN: &str = "***";

/// Seals and opens values.
#[derive(Debug)]
pub struct Values(Seal);

#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    #[error("there are no values of revision {revision} of `{instance}`")]
    Absent { instance: InstanceName, revision: u64 },
    #[error("could not open the value `{name}` of `{instance}`")]
    Seal { instance: InstanceName, name: String, source: IdentityError },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A changed value, as people may see it before and after; none means its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueDifference {
    pub name: String,
    pub previous: Option<String>,
    pub present: Option<String>,
}

/// Two revisions of the values of an instance.
#[derive(Debug, Clone, Copy)]
pub struct Revisions {
    pub previous: u64,
    pub present: u64,
}

/// An old revision, and the new one under which its values are stored again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    pub previous: u64,
    pub revision: u64,
}

/// The values of one revision, as kept.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ValuesKept {
    plain: BTreeMap<String, String>,
    sealed: BTreeMap<String, String>,
    drift: DriftRule,
}

impl Values {
    pub fn new(seal: Seal) -> Self {
        Self(seal)
    }

    /// Returns a digest over parts that may hold secrets; it reveals nothing about them.
    pub fn digest(&self, parts: &[&[u8]]) -> String {
        self.0.digest(parts)
    }

    /// Adds the values of a revision to a batch.
    pub fn put(
        &self,
        batch: &mut Batch,
        instance: &InstanceName,
        revision: u64,
        given: &BTreeMap<String, String>,
        secret: &BTreeSet<String>,
        drift: DriftRule,
    ) -> Result<(), ValuesError> {
        let mut kept = ValuesKept { drift, ..ValuesKept::default() };
        for (name, text) in given {
            if secret.contains(name) {
                let sealed = self.0.seal(&place(instance, revision, name), text);
                let unsealed = |source| ValuesError::Seal { instance: instance.clone(), name: name.clone(), source };
                kept.sealed.insert(name.clone(), sealed.map_err(unsealed)?);
            } else {
                kept.plain.insert(name.clone(), text.clone());
            }
        }
        batch.put(keys::values(instance, revision), &kept);
        Ok(())
    }

    /// Returns all values of a revision in the clear, for its host and for checks.
    pub fn open(
        &self,
        store: &dyn Store,
        instance: &InstanceName,
        revision: u64,
    ) -> Result<(BTreeMap<String, String>, DriftRule), ValuesError> {
        let kept = read(store, instance, revision)?;
        let mut values = kept.plain;
        for (name, sealed) in kept.sealed {
            let text = self.0.open(&place(instance, revision, &name), &sealed);
            let unsealed = |source| ValuesError::Seal { instance: instance.clone(), name: name.clone(), source };
            values.insert(name.clone(), text.map_err(unsealed)?);
        }
        Ok((values, kept.drift))
    }

    /// Adds the values of an old revision to a batch as those of a new one; secret values are sealed again for it.
    pub fn put_again(
        &self,
        store: &dyn Store,
        batch: &mut Batch,
        instance: &InstanceName,
        again: Again,
        drift: DriftRule,
    ) -> Result<(), ValuesError> {
        let secret = read(store, instance, again.previous)?.sealed.into_keys().collect();
        let (values, _) = self.open(store, instance, again.previous)?;
        self.put(batch, instance, again.revision, &values, &secret, drift)
    }

    /// Returns the differences between the values of two revisions.
    pub fn differences(
        &self,
        store: &dyn Store,
        instance: &InstanceName,
        Revisions { previous, present }: Revisions,
    ) -> Result<Vec<ValueDifference>, ValuesError> {
        if previous == present {
            return Ok(Vec::new());
        }
        let ((then, _), (now, _)) = (self.open(store, instance, previous)?, self.open(store, instance, present)?);
        let shown = [Self::shown(store, instance, previous)?, Self::shown(store, instance, present)?];
        let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let other = names.into_iter().filter(|name| then.get(*name) != now.get(*name));
        let text = |name: &String, which: usize| shown[which].get(name).cloned();
        Ok(other
            .map(|name| ValueDifference { name: name.clone(), previous: text(name, 0), present: text(name, 1) })
            .collect())
    }

    /// Returns whether the values of a revision are stored.
    pub fn are_kept(store: &dyn Store, instance: &InstanceName, revision: u64) -> Result<bool, ValuesError> {
        Ok(store.get(&keys::values(instance, revision))?.is_some())
    }

    /// Returns all values of a revision as people may see them.
    pub fn shown(
        store: &dyn Store,
        instance: &InstanceName,
        revision: u64,
    ) -> Result<BTreeMap<String, String>, ValuesError> {
        let kept = read(store, instance, revision)?;
        let hidden = kept.sealed.into_keys().map(|name| (name, HIDDEN.to_owned()));
        Ok(kept.plain.into_iter().chain(hidden).collect())
    }
}

fn read(store: &dyn Store, instance: &InstanceName, revision: u64) -> Result<ValuesKept, ValuesError> {
    let entry = store.get(&keys::values(instance, revision))?;
    let absent = || ValuesError::Absent { instance: instance.clone(), revision };
    Ok(entry.ok_or_else(absent)?.read()?)
}

/// A sealed value opens for its own instance, revision and name only.
fn place(instance: &InstanceName, revision: u64, name: &str) -> String {
    format!("{instance}/{revision}/{name}")
}
