//! Backups of one instance, with the facts that are needed often: the newest and the newest proven of each repository.
//!
//! **Invariant:** the summary of a repository is computed from its backups at each change.

use super::{BackupKey, BackupSeen};
use crate::names::{BackupId, RepositoryName};
use crate::time::Time;
use std::collections::BTreeMap;
use std::ops::Deref;

/// All copies of all backups of an instance. It dereferences to the map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backups {
    copies: BTreeMap<BackupKey, BackupSeen>,
    newest: BTreeMap<RepositoryName, Newest>,
    /// Time of the first of them.
    oldest: Option<Time>,
}

/// Newest good backup of one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newest {
    /// The newest that is good: when it began, and which it is.
    pub good: Option<(Time, BackupId)>,
    /// The newest of which a drill found that it can be restored: when it began, and which it is.
    pub proven: Option<(Time, BackupId)>,
    /// Time of the last drill that restored any of them.
    pub proof: Option<Time>,
}

impl Newest {
    fn note(&mut self, key: &BackupKey, seen: &BackupSeen) {
        let newer = |at: Time, than: &Option<(Time, BackupId)>| than.as_ref().is_none_or(|(other, _)| at >= *other);
        if seen.is_good() && newer(seen.began, &self.good) {
            self.good = Some((seen.began, key.backup.clone()));
        }
        let Some(proof) = seen.proven() else { return };
        self.proof = self.proof.max(Some(proof));
        if newer(seen.began, &self.proven) {
            self.proven = Some((seen.began, key.backup.clone()));
        }
    }
}

impl Deref for Backups {
    type Target = BTreeMap<BackupKey, BackupSeen>;
    fn deref(&self) -> &Self::Target {
        &self.copies
    }
}

impl Backups {
    /// Returns an empty catalog.
    pub const fn none() -> Self {
        Self { copies: BTreeMap::new(), newest: BTreeMap::new(), oldest: None }
    }

    /// Returns the repositories with backups.
    pub fn repositories(&self) -> impl Iterator<Item = &RepositoryName> {
        self.newest.keys()
    }

    /// Returns the newest good backup of a repository.
    pub fn newest(&self, repository: &RepositoryName) -> Option<&Newest> {
        self.newest.get(repository)
    }

    /// Returns the backups of the instance that was created at this moment, if others belong to an earlier one of its
    /// name.
    pub fn since(&self, created: Time) -> Option<Self> {
        let has_earlier = self.oldest.is_some_and(|oldest| oldest < created);
        let own = || self.copies.iter().filter(|(_, seen)| seen.began >= created);
        has_earlier.then(|| own().map(|(key, seen)| (key.clone(), seen.clone())).collect())
    }

    /// Adds a backup; returns the one that had its key.
    pub fn insert(&mut self, key: BackupKey, seen: BackupSeen) -> Option<BackupSeen> {
        let repository = key.repository.clone();
        let is_new = !self.copies.contains_key(&key);
        if is_new {
            self.newest.entry(repository.clone()).or_default().note(&key, &seen);
            self.oldest = Some(self.oldest.map_or(seen.began, |oldest| oldest.min(seen.began)));
        }
        let before = self.copies.insert(key, seen);
        if !is_new {
            self.look(&repository);
        }
        before
    }

    /// Removes a backup and returns it.
    pub fn remove(&mut self, key: &BackupKey) -> Option<BackupSeen> {
        let before = self.copies.remove(key)?;
        self.look(&key.repository);
        Some(before)
    }

    /// Keeps the backups for which the test is true.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&BackupKey, &BackupSeen) -> bool) {
        self.copies.retain(|key, seen| is_kept(key, seen));
        *self = std::mem::take(&mut self.copies).into_iter().collect();
    }

    /// Computes the summary of a repository again.
    fn look(&mut self, repository: &RepositoryName) {
        let mut newest = Newest::default();
        let own = self.copies.iter().filter(|(key, _)| key.repository == *repository);
        let count = own.map(|(key, seen)| newest.note(key, seen)).count();
        match count {
            0 => drop(self.newest.remove(repository)),
            _ => drop(self.newest.insert(repository.clone(), newest)),
        }
        self.oldest = self.copies.values().map(|seen| seen.began).min();
    }
}

impl FromIterator<(BackupKey, BackupSeen)> for Backups {
    fn from_iter<T: IntoIterator<Item = (BackupKey, BackupSeen)>>(copies: T) -> Self {
        let mut backups = Self::default();
        copies.into_iter().for_each(|(key, seen)| drop(backups.insert(key, seen)));
        backups
    }
}

impl IntoIterator for Backups {
    type Item = (BackupKey, BackupSeen);
    type IntoIter = std::collections::btree_map::IntoIter<BackupKey, BackupSeen>;
    fn into_iter(self) -> Self::IntoIter {
        self.copies.into_iter()
    }
}

impl<'a> IntoIterator for &'a Backups {
    type Item = (&'a BackupKey, &'a BackupSeen);
    type IntoIter = std::collections::btree_map::Iter<'a, BackupKey, BackupSeen>;
    fn into_iter(self) -> Self::IntoIter {
        self.copies.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::testing::{key, seen};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_noted_is_what_is_there(
            changes in prop::collection::vec((0_usize..12, prop::option::of((0_u64..9, 0_usize..4))), 0..40)
        ) {
            let flags = ["", " proven", " failed", " damaged"];
            let mut backups = Backups::default();
            for (number, change) in changes {
                match change {
                    Some((hours, flag)) => drop(backups.insert(key(number), seen(&format!("{hours}{}", flags[flag])))),
                    None => drop(backups.remove(&key(number))),
                }
                let anew: Backups = backups.clone().into_iter().collect();
                let moments = |backups: &Backups| {
                    let newest = backups.newest(&key(0).repository).cloned().unwrap_or_default();
                    (newest.good.map(|it| it.0), newest.proven.map(|it| it.0), newest.proof)
                };
                prop_assert_eq!(moments(&backups), moments(&anew));
                let best = backups.values().filter(|seen| seen.is_good()).map(|seen| seen.began).max();
                prop_assert_eq!(moments(&backups).0, best);
                let middle = Time(crate::backup::testing::NOW.0 - 4 * 3_600_000);
                let own = backups.since(middle).unwrap_or_else(|| backups.clone());
                let expect = backups.iter().filter(|(_, seen)| seen.began >= middle);
                prop_assert!(own.iter().eq(expect));
            }
        }
    }
}
