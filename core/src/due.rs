//! Due work of a backup policy: whether a backup or a drill of an instance is due, and when the next one is.
//!
//! Work that is due once gets a few attempts, each an intention of its own; then it waits for the next slot, or for
//! another backup to try. A missed backup is taken once.

use crate::backup::{
    BackupKey, BackupPolicy, BackupSeen, BackupSource, Backups, CopyMade, DataAction, DataResult, Slots,
};
use crate::facts::{Ended, InstanceDesired};
use crate::names::{BackupId, InstanceName, OrderId, RepositoryName};
use crate::order::order_id;
use crate::order_kind::OrderKind;
use crate::reason::WaitReason;
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Pauses between a failed attempt and the next.
const PAUSES: [Duration; 3] = [Duration::from_secs(15 * 60), Duration::from_secs(3600), Duration::from_secs(4 * 3600)];

const DAY_MS: u64 = 86_400_000;

/// Due work of a policy at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due<T> {
    /// Now, and since when.
    Now {
        /// Id of the order.
        id: OrderId,
        /// Action that is due.
        what: T,
        /// Time since when it is due.
        since: Time,
    },
    /// Due after a pause.
    Later {
        /// Reason.
        reason: WaitReason,
        /// Time at which the answer changes, if it is known.
        until: Option<Time>,
    },
    /// Not due before this moment; time alone changes that.
    No {
        /// Time at which the answer changes, if it is known.
        until: Option<Time>,
    },
}

/// The instance that it is about, with how its orders ended.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Name of the instance.
    pub name: &'a InstanceName,
    /// Instance as operators want it.
    pub desired: &'a InstanceDesired,
    /// Its own.
    pub backups: &'a Backups,
    /// All backups, including those of earlier instances of its name.
    pub all: &'a Backups,
    /// Ends of orders by their ids.
    pub ended: &'a BTreeMap<OrderId, Ended>,
    /// Time of the question.
    pub now: Time,
}

/// Attempts at one task: those that have ended, and the next one.
struct Attempts<'a> {
    ended: Vec<(OrderId, &'a Ended)>,
    next: Option<OrderId>,
}

impl<'a> Attempts<'a> {
    fn of(about: &About<'a>, id: impl Fn(&str) -> OrderId) -> Self {
        let mut ended = Vec::new();
        for number in 1..=PAUSES.len() + 1 {
            let id = id(&number.to_string());
            match about.ended.get(&id) {
                Some(end) => ended.push((id, end)),
                None => return Self { ended, next: Some(id) },
            }
        }
        Self { ended, next: None }
    }

    /// The id of the next, once the pause after the last one is over; `next` is when there is something else to try.
    fn due(&self, order: OrderKind, next: Option<Time>, now: Time) -> Result<OrderId, (WaitReason, Option<Time>)> {
        let last = self.ended.last().map(|(_, ended)| *ended);
        let failure = || last.and_then(|ended| ended.outcome.failure()).cloned().map(Box::new);
        let (attempts, limit) = (self.ended.len(), PAUSES.len() + 1);
        let Some(id) = &self.next else {
            return Err((WaitReason::NoMoreAttempts { order, attempts, limit, failure: failure() }, next));
        };
        let pause = attempts.checked_sub(1).and_then(|number| PAUSES.get(number));
        let (Some(pause), Some(last)) = (pause, last) else { return Ok(id.clone()) };
        let again = last.at.after(*pause);
        if again <= now {
            return Ok(id.clone());
        }
        Err((WaitReason::NextAttempt { order, attempts, limit, again, failure: failure() }, Some(again)))
    }
}

/// Returns the repositories without a good backup of the latest slot that has begun.
pub fn backup_due(about: &About, policy: &BackupPolicy, slots: &Slots) -> Due<BTreeSet<RepositoryName>> {
    let (now, shift) = (about.now, policy.shift(about.name));
    let coming = slots.coming(shift, now);
    let Some(slot) = slots.begun(shift, now) else { return Due::No { until: coming } };
    // This is nearly always the answer, without computing the ids of attempts.
    if policy.to.iter().all(|repository| has_since(about.backups, repository, slot)) {
        return Due::No { until: coming };
    }
    let attempts = Attempts::of(about, |attempt| {
        let (created, slot) = (about.desired.created.0.to_string(), slot.0.to_string());
        order_id(&["backup", about.name.as_str(), &created, &slot, attempt])
    });
    let missing: BTreeSet<RepositoryName> =
        policy.to.iter().filter(|repository| !has_slot(about.backups, repository, slot, &attempts)).cloned().collect();
    if missing.is_empty() {
        return Due::No { until: coming };
    }
    match attempts.due(OrderKind::Backup, coming, now).and_then(|id| within(policy, now).map(|()| id)) {
        Ok(id) => Due::Now { id, what: missing, since: slot.after(shift) },
        Err((reason, until)) => Due::Later { reason, until: [until, coming].into_iter().flatten().min() },
    }
}

/// A backup counts for a slot if it began since, or if an attempt at that slot made it: a host's clock may be behind.
fn has_slot(backups: &Backups, repository: &RepositoryName, slot: Time, attempts: &Attempts) -> bool {
    if has_since(backups, repository, slot) {
        return true;
    }
    attempts.ended.iter().any(|(id, ended)| {
        let key = BackupKey { repository: repository.clone(), backup: backup_of(id) };
        backups.get(&key).map_or_else(|| has_made(ended, repository), BackupSeen::is_good)
    })
}

fn has_since(backups: &Backups, repository: &RepositoryName, slot: Time) -> bool {
    let newest = backups.newest(repository).and_then(|newest| newest.good.as_ref());
    newest.is_some_and(|(began, _)| *began >= slot)
}

/// Returns whether an end reports that a copy was made. It may have been removed since.
fn has_made(ended: &Ended, repository: &RepositoryName) -> bool {
    match ended.made.as_deref() {
        Some(DataResult::Backup(copies)) => {
            copies.iter().any(|copy: &CopyMade| copy.repository == *repository && copy.result.is_ok())
        }
        Some(DataResult::Drill(_) | DataResult::Restore(_) | DataResult::Forgotten(_)) | None => false,
    }
}

/// A backup's id is that of the order that made it.
fn backup_of(order: &OrderId) -> BackupId {
    order.as_str().parse().expect("an order's id is a backup's id")
}

/// The newest good backup of the repository whose newest proof is the oldest, once that is older than the policy allows.
///
/// Decides about a drill. A backup that failed a drill is not drilled again by itself: the next backup is.
pub fn drill_due<'a>(about: &About<'a>, policy: &'a BackupPolicy) -> Due<BackupSource> {
    let never = Due::No { until: None };
    let Some(period) = policy.drill else { return never };
    let of = |repository: &'a RepositoryName| {
        let newest = about.backups.newest(repository)?;
        let (began, backup) = newest.good.as_ref()?;
        // Without a proof, the oldest backup counts: otherwise each new backup would restart the period.
        let here = about.backups.iter().filter(|(key, seen)| key.repository == *repository && seen.is_good());
        let first = here.map(|(_, seen)| seen.began).min().unwrap_or(*began);
        let due = newest.proof.map_or(first, |proof| proof.after(period.as_duration()));
        Some((due, repository, backup))
    };
    let first = policy.to.iter().filter_map(of).map(|(due, ..)| due).min();
    if first.is_none_or(|due| due > about.now) {
        return Due::No { until: first };
    }
    let mut found: Vec<(Time, &RepositoryName, &BackupId)> = policy.to.iter().filter_map(of).collect();
    found.sort();
    let mut waits = None;
    for (due, repository, backup) in found {
        if due > about.now {
            return waits.unwrap_or(Due::No { until: Some(due) });
        }
        let (repository, backup) = (repository.clone(), backup.clone());
        let from = BackupSource { repository, instance: about.name.clone(), backup, snapshots: None };
        match drill_of(about, policy, from, due) {
            now @ Due::Now { .. } => return now,
            later @ Due::Later { .. } => waits = Some(later),
            Due::No { .. } => {}
        }
    }
    waits.unwrap_or(never)
}

fn drill_of(about: &About, policy: &BackupPolicy, from: BackupSource, due: Time) -> Due<BackupSource> {
    let key = BackupKey { repository: from.repository.clone(), backup: from.backup.clone() };
    let proof = about.backups.get(&key).and_then(|seen| seen.proof.as_ref());
    if proof.is_some_and(|proof| proof.failure.is_some()) {
        return Due::No { until: None };
    }
    let before = proof.map_or(Time::ZERO, |proof| proof.at).0.to_string();
    let attempts = Attempts::of(about, |attempt| {
        let created = about.desired.created.0.to_string();
        let (repository, backup) = (from.repository.as_str(), from.backup.as_str());
        order_id(&["drill", about.name.as_str(), &created, repository, backup, &before, attempt])
    });
    match attempts.due(OrderKind::Drill, None, about.now).and_then(|id| within(policy, about.now).map(|()| id)) {
        Ok(id) => Due::Now { id, what: from, since: due },
        Err((reason, until)) => Due::Later { reason, until },
    }
}

/// Checks whether the policy's window is open.
pub fn within(policy: &BackupPolicy, now: Time) -> Result<(), (WaitReason, Option<Time>)> {
    match &policy.window {
        Some(window) if !window.is_open(now) => {
            let opens = window.opens_at(now);
            Err((WaitReason::PolicyWindow { opens }, Some(opens)))
        }
        Some(_) | None => Ok(()),
    }
}

/// Returns the backups that a folder on the host should forget: once a day, by retention.
pub fn forget_due(
    about: &About,
    policy: &BackupPolicy,
    from: &RepositoryName,
    held: impl FnOnce() -> BTreeSet<BackupId>,
) -> Option<(OrderId, DataAction)> {
    let here = about.all.iter().filter(|(key, _)| key.repository == *from);
    if here.clone().count() <= policy.keep.most() || within(policy, about.now).is_err() {
        return None;
    }
    let (created, day) = (about.desired.created.0.to_string(), (about.now.0 / DAY_MS).to_string());
    let id = order_id(&["forget", about.name.as_str(), &created, from.as_str(), &day]);
    if about.ended.contains_key(&id) {
        return None;
    }
    let copies: BTreeMap<BackupKey, BackupSeen> = here.map(|(key, seen)| (key.clone(), seen.clone())).collect();
    let evaluate = policy.judge(copies, &held(), about.desired.created, about.now);
    let backups: BTreeSet<BackupId> = evaluate.forgotten().collect();
    (!backups.is_empty()).then(|| (id, DataAction::Forget { from: from.clone(), backups }))
}
