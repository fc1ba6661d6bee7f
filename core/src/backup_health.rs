//! Health of an instance's backups, as one level.
//!
//! **Invariant:** a backup that is damaged counts for nothing, and nothing here asks a host: it holds for those that are off.

mod backup_problem;
mod health_level;

pub use backup_problem::BackupProblem;
pub use health_level::HealthLevel;

use crate::backup::{
    self, BackupKey, BackupPolicy, BackupSeen, Backups, CopyMade, Coverage, DataResult, Newest, StoreState,
    UncoveredData,
};
use crate::facts::Ended;
use crate::names::{BackupId, PolicyName, RepositoryName};
use crate::time::Time;
use crate::units::Period;
use std::collections::BTreeSet;
use std::time::Duration;

/// Facts from which the health is derived.
#[derive(Debug, Clone)]
pub struct HealthInput<'a> {
    /// Policy that applies, with its name.
    pub policy: Option<(&'a PolicyName, &'a BackupPolicy)>,
    /// Backups of the instance.
    pub backups: &'a Backups,
    /// Coverage that the host reported.
    pub coverage: Option<&'a Coverage>,
    /// Ends of backups of which something failed.
    pub failed_backups: &'a [&'a Ended],
    /// End of the last drill.
    pub last_drill: Option<&'a Ended>,
    /// Next backup, if a policy asks for one.
    pub next: Option<Next>,
    /// Time of the question.
    pub now: Time,
}

/// Beginning of the next scheduled backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Is being made.
    Running {
        /// Time since when this is so.
        since: Time,
    },
    /// Should begin, and waits.
    Due {
        /// Time since when this is so.
        since: Time,
    },
    /// Waits for its time.
    At {
        /// Time of the next slot, if it is known.
        at: Option<Time>,
    },
}

/// State of an instance's backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupHealth {
    /// State in one word.
    pub word: HealthLevel,
    /// Problems, the worst first; empty if there are none.
    pub reasons: Vec<BackupProblem>,
    /// Policy that applies.
    pub policy: Option<PolicyName>,
    /// Newest good backup of any repository.
    pub newest: Option<(BackupKey, BackupSeen)>,
    /// The newest backup that was restored and checked: which it is, and when it began.
    pub proven: Option<(Time, BackupId)>,
    /// Time of the last successful drill.
    pub proof: Option<Time>,
    /// State of the copy in each repository that the policy asks for.
    pub copies: Vec<CopyHealth>,
    /// Next backup, if a policy asks for one.
    pub next: Option<Next>,
    /// Stores that are backed up, of those that should be.
    pub covered: u32,
    /// Number of stores and folders that should be covered.
    pub declared: u32,
}

/// Health of the copies in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyHealth {
    /// Repository of the copy.
    pub repository: RepositoryName,
    /// Time of the newest backup that counts.
    pub newest: Option<Time>,
    /// Time of the last drill that restored one of them.
    pub proven: Option<Time>,
    /// True if the policy asks for copies there.
    pub is_asked: bool,
    /// True where the newest backup is older than the policy allows.
    pub is_late: bool,
    /// Problems of the copies, the worst first; empty if they are as the policy wants them.
    pub problems: Vec<BackupProblem>,
}

impl BackupHealth {
    /// Works out the state of an instance's backups.
    pub fn of(input: &HealthInput) -> Self {
        let copies = copies(input);
        let best = |pick: fn(&Newest) -> Option<&(Time, BackupId)>| {
            let all = repositories(input).filter_map(|name| Some((name, pick(input.backups.newest(name)?)?)));
            all.max_by_key(|(_, (began, _))| *began)
        };
        let newest = best(|newest| newest.good.as_ref()).and_then(|(repository, (_, id))| {
            let key = BackupKey { repository: repository.clone(), backup: id.clone() };
            let seen = input.backups.get(&key)?.clone();
            Some((key, seen))
        });
        let proven = best(|newest| newest.proven.as_ref()).map(|(_, proven)| proven.clone());
        let proof = repositories(input).filter_map(|name| input.backups.newest(name)?.proof).max();
        let seen = newest.as_ref().map(|(_, seen)| seen);
        let mut problems = Vec::new();
        problems.extend(newest.is_none().then_some(BackupProblem::NoBackup));
        problems.extend(failing(input, seen, proof));
        // If there is no backup at all, single copies do not repeat it.
        let of_copies = copies.iter().flat_map(|copy| copy.problems.iter().cloned());
        problems.extend(of_copies.filter(|it| newest.is_some() || it.level() == HealthLevel::Failing));
        problems.sort_by_key(BackupProblem::level);
        problems.extend(uncovered(input, seen));
        let (covered, declared) = coverage(input, newest.as_ref().map(|(_, seen)| seen));
        Self {
            word: problems.iter().map(BackupProblem::level).min().unwrap_or(HealthLevel::Ok),
            reasons: problems,
            policy: input.policy.map(|(name, _)| name.clone()),
            newest,
            proven,
            proof,
            copies,
            next: input.next,
            covered,
            declared,
        }
    }
}

/// Returns the repositories of the policy; without one, those with backups.
fn repositories<'a>(input: &HealthInput<'a>) -> impl Iterator<Item = &'a RepositoryName> + use<'a> {
    let of_policy = input.policy.map(|(_, policy)| &policy.to);
    let others = input.backups.repositories().filter(move |name| of_policy.is_none_or(|to| !to.contains(*name)));
    of_policy.into_iter().flatten().chain(others)
}

fn copies(input: &HealthInput) -> Vec<CopyHealth> {
    repositories(input).map(|name| copy(input, name)).collect()
}

fn copy(input: &HealthInput, name: &RepositoryName) -> CopyHealth {
    let newest = input.backups.newest(name);
    let began = newest.and_then(|newest| newest.good.as_ref()).map(|(began, _)| *began);
    let policy = input.policy.map(|(_, policy)| policy).filter(|policy| policy.to.contains(name));
    let late = policy.and_then(|policy| late(input, policy, name, began));
    let mut problems = Vec::new();
    if policy.is_some() || input.policy.is_none() {
        problems.extend(failed_copy(input, name));
    }
    problems.extend(failed_drill(input, name));
    problems.extend(late.clone());
    problems.extend(policy.and_then(|policy| unproven(input, policy, name)));
    CopyHealth {
        repository: name.clone(),
        newest: began,
        proven: newest.and_then(|it| it.proof),
        is_asked: policy.is_some(),
        is_late: late.is_some(),
        problems,
    }
}

fn is_older(than: Time, limit: Period, now: Time) -> bool {
    now.since(than) > limit.as_duration()
}

/// Reason why the last attempt counts as failed as a whole, if nothing has succeeded since.
fn failing(input: &HealthInput, newest: Option<&BackupSeen>, proof: Option<Time>) -> Option<BackupProblem> {
    let since = newest.map_or(Time::ZERO, |seen| seen.ended);
    let wholly = input.failed_backups.iter().filter(|ended| ended.at > since && copies_made(ended).is_none());
    let backup = wholly.max_by_key(|ended| ended.at).and_then(|ended| {
        Some(BackupProblem::BackupFailed { at: ended.at, failure: ended.outcome.failure()?.shortened() })
    });
    backup.or_else(|| {
        let ended = input.last_drill.filter(|ended| ended.at > proof.unwrap_or(Time::ZERO) && !has_proven(ended))?;
        Some(BackupProblem::DrillFailed { at: ended.at, failure: ended.outcome.failure()?.shortened() })
    })
}

/// Returns whether a drill found its backup to be good. A failed cleanup afterwards says nothing about the data.
fn has_proven(ended: &Ended) -> bool {
    matches!(ended.made.as_deref(), Some(DataResult::Drill(drill)) if drill.proof.failure.is_none())
}

/// The newest good backup in one repository.
fn newest_in<'a>(input: &HealthInput<'a>, name: &RepositoryName) -> Option<&'a BackupSeen> {
    let (_, id) = input.backups.newest(name)?.good.as_ref()?;
    input.backups.get(&BackupKey { repository: name.clone(), backup: id.clone() })
}

/// Reason why the newest copy in one repository could not be restored, whatever a drill of another found since.
fn failed_drill(input: &HealthInput, name: &RepositoryName) -> Option<BackupProblem> {
    let failure = Box::new(newest_in(input, name)?.failed_drill()?.shortened());
    Some(BackupProblem::NotRestorable { repository: name.clone(), failure })
}

/// Reason why the last attempt at a copy in one repository failed, if none has succeeded there since, whatever the others did.
fn failed_copy(input: &HealthInput, name: &RepositoryName) -> Option<BackupProblem> {
    let since = newest_in(input, name).map_or(Time::ZERO, |seen| seen.ended);
    let late_enough = input.failed_backups.iter().filter(|ended| ended.at > since);
    let of_copy = late_enough.filter_map(|ended| {
        let copy = copies_made(ended)?.iter().find(|copy| copy.repository == *name)?;
        Some((ended.at, copy.result.as_ref().err()?))
    });
    let (at, failure) = of_copy.max_by_key(|(at, _)| *at)?;
    Some(BackupProblem::CopyFailed { repository: name.clone(), at, failure: Box::new(failure.shortened()) })
}

/// Tells whether a backup was not made, or not in each repository.
pub fn has_failed(ended: &Ended) -> bool {
    let is_partial = || copies_made(ended).is_some_and(|copies| copies.iter().any(|copy| copy.result.is_err()));
    ended.outcome.failure().is_some() || is_partial()
}

fn copies_made(ended: &Ended) -> Option<&[CopyMade]> {
    match ended.made.as_deref()? {
        DataResult::Backup(copies) => Some(copies),
        DataResult::Drill(_) | DataResult::Restore(_) | DataResult::Forgotten(_) => None,
    }
}

fn late(
    input: &HealthInput,
    policy: &BackupPolicy,
    name: &RepositoryName,
    began: Option<Time>,
) -> Option<BackupProblem> {
    let limit = policy.max_age;
    match began {
        None => Some(BackupProblem::NoCopy(name.clone())),
        Some(began) if is_older(began, limit, input.now) => {
            let (age, limit) = (input.now.since(began), limit.as_duration());
            Some(BackupProblem::Old { repository: name.clone(), age, limit })
        }
        Some(_) => None,
    }
}

/// A drill has as long as a backup may be old, besides the time between two.
fn unproven(input: &HealthInput, policy: &BackupPolicy, name: &RepositoryName) -> Option<BackupProblem> {
    let (drill, newest) = (policy.drill?, input.backups.newest(name)?);
    let allowed = drill.as_duration() + policy.max_age.as_duration();
    let first = || {
        let here = input.backups.iter().filter(|(key, seen)| key.repository == *name && seen.is_good());
        here.map(|(_, seen)| seen.began).min()
    };
    let since = newest.proof.or_else(first).filter(|since| input.now.since(*since) > allowed)?;
    let age = input.now.since(since);
    let repository = (policy.to.len() > 1).then(|| name.clone());
    Some(match newest.proof {
        Some(_) => BackupProblem::ProofOld { age, interval: drill.as_duration(), repository },
        None => BackupProblem::NeverProven { age, repository },
    })
}

fn uncovered(input: &HealthInput, newest: Option<&BackupSeen>) -> Vec<BackupProblem> {
    let mut reasons = Vec::new();
    if input.policy.is_none() {
        reasons.push(BackupProblem::NoPolicy);
    }
    if let Some(coverage) = input.coverage {
        reasons.extend(coverage.undeclared.iter().map(|what| BackupProblem::Undeclared(what.shortened())));
        reasons.extend(coverage.stores.iter().filter_map(|store| match &store.state {
            StoreState::Missing { reason } => {
                Some(BackupProblem::StoreMissing { store: store.name.clone(), reason: reason.shortened() })
            }
            StoreState::Covered | StoreState::Derivable => None,
        }));
    }
    if let Some(seen) = newest.filter(|seen| seen.covered < seen.declared) {
        reasons.extend(lacking(input, seen, reasons.is_empty()));
    }
    reasons
}

/// Returns the stores that the newest backup lacks, by name, without those that the host's present report lacks too.
fn lacking(input: &HealthInput, seen: &BackupSeen, is_only: bool) -> Option<BackupProblem> {
    // As texts: backups that an earlier version recorded have nothing else.
    let said = input.coverage.map(backup::uncovered).unwrap_or_default();
    let said: BTreeSet<String> = said.iter().map(|what| what.shortened().to_string()).collect();
    let named: Vec<UncoveredData> =
        seen.uncovered.iter().filter(|what| !said.contains(&what.to_string())).map(UncoveredData::shortened).collect();
    let more = ((seen.declared - seen.covered) as usize).saturating_sub(seen.uncovered.len());
    let (covered, declared) = (seen.covered, seen.declared);
    match named.is_empty() {
        true => is_only.then_some(BackupProblem::Incomplete { covered, declared, more: 0, named }),
        false => Some(BackupProblem::Incomplete { covered, declared, more, named }),
    }
}

/// Returns the coverage of its host's last report; without one, that of its newest backup.
fn coverage(input: &HealthInput, newest: Option<&BackupSeen>) -> (u32, u32) {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let Some(coverage) = input.coverage else { return newest.map_or((0, 0), |seen| (seen.covered, seen.declared)) };
    let covered = coverage.stores.iter().filter(|store| store.state == StoreState::Covered).count();
    let truth = coverage.stores.iter().filter(|store| store.state != StoreState::Derivable).count();
    (count(covered), count(truth + coverage.undeclared.len()))
}

/// Returns a duration as people write it: its two largest units.
pub fn rough(length: Duration) -> String {
    let seconds = length.as_secs();
    let smallest = match seconds {
        0..60 => 1,
        60..86_400 => 60,
        86_400.. => 3600,
    };
    Period::from_secs(seconds / smallest * smallest).to_string()
}

#[cfg(test)]
mod tests;
