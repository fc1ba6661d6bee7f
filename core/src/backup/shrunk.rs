//! Decides whether the newest backup is so much smaller than earlier ones that nothing may be removed until a person
//! has checked.
//!
//! An emptied database makes good backups: small ones, which would push the last full one out.

use super::{BackupKey, BackupSeen};
use crate::names::BackupId;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Age up to which backups are compared.
const MEMORY: Duration = Duration::from_secs(30 * 86_400);
/// A backup is suspicious if it is smaller than this share of earlier ones.
const SHARE: u64 = 2;
/// Differences below this are nothing.
const LEAST: u64 = 1 << 20;

/// The newest backup, and a much larger one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// Newest backup.
    pub newest: BackupId,
    /// Size of the newest backup in bytes.
    pub bytes: u64,
    /// Larger backup from before.
    pub before: BackupId,
    /// Size of the larger backup in bytes.
    pub before_bytes: u64,
}

/// Looks at the backups of one instance in one repository. One that is held is safe: it has been looked at.
pub fn shrunk(backups: &BTreeMap<BackupKey, BackupSeen>, held: &BTreeSet<BackupId>, now: Time) -> Option<Shrunk> {
    let good = || backups.iter().filter(|(_, seen)| seen.is_good());
    let (newest, seen) = good().max_by_key(|(key, seen)| (seen.began, *key))?;
    let before = good().filter(|(key, _)| *key != newest && !held.contains(&key.backup));
    let recent = before.filter(|(_, seen)| now.since(seen.began) < MEMORY);
    let (largest, largest_seen) = recent.max_by_key(|(key, seen)| (seen.bytes, *key))?;
    let has_shrunk = seen.bytes.saturating_add(LEAST) < largest_seen.bytes && seen.bytes < largest_seen.bytes / SHARE;
    has_shrunk.then(|| Shrunk {
        newest: newest.backup.clone(),
        bytes: seen.bytes,
        before: largest.backup.clone(),
        before_bytes: largest_seen.bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Cause;

    const NOW: Time = Time(100 * 86_400_000);

    /// Backups by age in days and size in MiB, numbered in their order.
    fn check(backups: &[(u64, u64)], held: &[usize], expect: Option<(usize, usize)>) {
        let id = |number: usize| -> BackupId { format!("{number:024x}").parse().expect("an id") };
        let one = |(number, (days, mib)): (usize, &(u64, u64))| {
            let began = Time(NOW.0 - days * 86_400_000);
            let seen = BackupSeen {
                began,
                ended: began,
                cause: Cause::Scheduled,
                host: "a".parse().expect("a host"),
                release: crate::plan::tests::given::release("1.1"),
                bytes: mib << 20,
                added: 0,
                covered: 1,
                declared: 1,
                uncovered: Vec::new(),
                proof: None,
                damaged: None,
                snapshots: None,
                asked_by: Default::default(),
                doubles: 0,
                made_on: None,
            };
            (BackupKey { repository: "central".parse().expect("a name"), backup: id(number) }, seen)
        };
        let backups = backups.iter().enumerate().map(one).collect();
        let held = held.iter().map(|number| id(*number)).collect();
        let found = shrunk(&backups, &held, NOW).map(|found| (found.newest, found.before));
        assert_eq!(found, expect.map(|(newest, before)| (id(newest), id(before))));
    }

    #[test]
    fn a_backup_that_is_much_smaller_than_one_of_the_last_month_is_told() {
        check(&[(0, 10), (1, 100), (2, 90)], &[], Some((0, 1)));
        check(&[(0, 10), (1, 10), (2, 10), (9, 100)], &[], Some((0, 3)));
        check(&[(0, 60), (1, 100)], &[], None);
        check(&[(0, 200), (1, 100)], &[], None);
        check(&[(0, 10), (40, 100)], &[], None);
        check(&[(0, 0), (1, 1)], &[], None);
        check(&[(0, 10)], &[], None);
        check(&[], &[], None);
    }

    #[test]
    fn whoever_holds_the_large_one_has_looked() {
        check(&[(0, 10), (1, 100), (2, 90)], &[1], Some((0, 2)));
        check(&[(0, 10), (1, 100), (2, 90)], &[1, 2], None);
    }
}
