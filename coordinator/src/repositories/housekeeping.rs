//! Maintains the repositories that the coordinator reaches: forgets what policies release, prunes unneeded data, reads
//! all data periodically, and reports problems. Repositories are processed one after the other.
//!
//! Due work is computed from stored records, so a restart changes nothing. Work that is dropped halfway is started
//! again.

use super::inspect::{Look, ReadPurpose};
use super::repository_service::{RepositoryService, RepositoryServiceError, Which};
use super::room::Room;
use crate::clock;
use fleet_core::backup::{BackupKey, BackupSeen, Backups, RepositoryProblem};
use fleet_core::event::EventKind;
use fleet_core::facts::CopyOnWrite;
use fleet_core::names::{BackupId, InstanceName, RepositoryName};
use fleet_core::problem::Problem;
use fleet_core::time::Time;
use fleet_repository::client::RepositoryClient;
use fleet_repository::{PartRecord, ReadData};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, interval_at};

const FIRST: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(86_400);
/// Number of parts in which all data is read, one a day.
const PARTS: u32 = 30;
/// Time between marking and removal by prune, because hosts may be writing in parallel.
const SECOND_PRUNE: Duration = Duration::from_secs(24 * 3600);
/// Parts without a set that are older than this belong to a backup that will never be.
const UNFINISHED: Duration = Duration::from_secs(2 * 86_400);

/// Runs until dropped.
pub async fn keep_house(repository_service: &RepositoryService) {
    let mut ticks = interval_at(Instant::now() + FIRST, EVERY);
    let (mut rebuilt, mut room) = (BTreeMap::new(), Room::default());
    loop {
        ticks.tick().await;
        repository_service.look_at_room(&mut room, clock::now()).await;
        if let Err(error) = repository_service.round(&mut rebuilt, clock::now()).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the repositories could not be looked after");
        }
    }
}

impl RepositoryService {
    /// Looks after each repository once.
    pub async fn round(
        &self,
        rebuilt: &mut BTreeMap<RepositoryName, Time>,
        now: Time,
    ) -> Result<(), RepositoryServiceError> {
        let reached = self.reached()?;
        let places: BTreeSet<&RepositoryName> = reached.iter().map(|(repository, _)| repository).collect();
        for repository in places {
            if rebuilt.get(repository).is_none_or(|at| now.since(*at) >= DAY) {
                let catalog = self.rebuild(repository).await?;
                for (instance, error) in &catalog.unread {
                    tracing::warn!(%repository, %instance, error, "a repository could not be read; the catalog keeps what it had");
                }
                self.note_unread(repository, &catalog.unread, now).await?;
                rebuilt.insert(repository.clone(), now);
            }
        }
        for which in &reached {
            let looked = self.look_after(which, now).await;
            let trouble = looked.err().map(|error| RepositoryProblem::NotMaintained(said(&error).into()));
            self.note(which, trouble, now, |look| &mut look.trouble).await?;
        }
        Ok(())
    }

    /// Does all due work of one repository: forget, prune and check.
    async fn look_after(&self, which: &Which, now: Time) -> Result<(), RepositoryServiceError> {
        let _alone = self.one_at_a_time.lock().await;
        let (repository, instance) = which;
        let client = self.client(repository, instance)?;
        let tidied = if self.is_in_use(which) { Ok(()) } else { self.tidy(which, &client, now).await };
        let look = self.look_at(repository, instance)?;
        // A day of tomorrow was noted by a clock that was ahead.
        if look.checked.is_none_or(|at| at > now || now.since(at) >= DAY) {
            let read = ReadData::Part { part: (look.part + 1) % PARTS, of: PARTS };
            // A failure of the cleanup is often damage, and the check finds the affected backups.
            self.check(which, &client, (read, ReadPurpose::Daily), now).await?;
        }
        tidied
    }

    /// Returns whether a host may be adding to the repository, or reading backups that could be forgotten.
    fn is_in_use(&self, (repository, instance): &Which) -> bool {
        let snapshot = self.facts.read();
        snapshot.asked().orders.values().any(|open| {
            let reached = open.order.action.repositories(&open.order.instance);
            reached.iter().any(|(name, of)| *name == repository && *of == instance)
        })
    }

    async fn tidy(&self, which: &Which, client: &RepositoryClient, now: Time) -> Result<(), RepositoryServiceError> {
        let (repository, instance) = which;
        let surplus = self.surplus(which, now).await?;
        let mut has_more = !surplus.is_empty();
        if !surplus.is_empty() {
            self.prune_later(which, now).await?;
            client.forget(surplus.iter().cloned().collect()).await?;
            self.facts.forget_backups(instance, repository, &surplus, now).await?;
        }
        let never = self.never_finished(client.unfinished().await?, now);
        if !never.is_empty() {
            tracing::info!(%repository, %instance, parts = never.len(), "parts of backups that never came to be are forgotten");
            self.prune_later(which, now).await?;
            client.forget(never).await?;
            has_more = true;
        }
        let mut look = self.look_at(repository, instance)?;
        // No host is adding now: a prune marks them, and one a day later removes those that are in no index still.
        if look.unknown_packs > 0 {
            tracing::info!(%repository, %instance, packs = look.unknown_packs, "packs that are in no index are marked for removal");
            has_more = true;
        }
        let is_due = look.prune_at.is_some_and(|at| at <= now);
        if has_more || is_due {
            let bytes = client.prune().await?;
            tracing::info!(%repository, %instance, bytes, "pruned");
            look.prune_at = has_more.then(|| now.after(SECOND_PRUNE));
            look.unknown_packs = 0;
            look.bytes = client.stats().await?.bytes;
            self.keep_look(repository, instance, &look).await?;
        }
        Ok(())
    }

    /// Schedules a prune. Recorded before anything is forgotten, so that a prune that fails or never ran does not wait
    /// for the next removed backup.
    async fn prune_later(&self, (repository, instance): &Which, now: Time) -> Result<(), RepositoryServiceError> {
        let look = self.look_at(repository, instance)?;
        self.keep_look(repository, instance, &Look { prune_at: Some(now), ..look }).await
    }

    /// Returns the backups that the policy removes; none while the newest backup is much smaller than earlier ones.
    async fn surplus(&self, which: &Which, now: Time) -> Result<Vec<BackupId>, RepositoryServiceError> {
        let (repository, instance) = which;
        let evaluate = {
            let snapshot = self.facts.read();
            let backups = backups_of(snapshot.observed().backups.get(instance), repository);
            let held = snapshot.desired().held_of(instance);
            let Some((_, policy)) = snapshot.desired().policy_of(instance) else { return Ok(Vec::new()) };
            policy.judge(backups, &held, snapshot.created(instance), now)
        };
        let halted = evaluate.halted.as_ref().map(RepositoryProblem::from);
        self.note(which, halted, now, |look| &mut look.shrunk).await?;
        Ok(evaluate.forgotten().collect())
    }

    /// Parts that no set has and no open order will give one.
    fn never_finished(&self, parts: Vec<PartRecord>, now: Time) -> BTreeSet<BackupId> {
        let snapshot = self.facts.read();
        let is_open =
            |part: &PartRecord| snapshot.asked().orders.keys().any(|order| order.as_str() == part.backup.as_str());
        let never = parts.into_iter().filter(|part| now.since(part.time) > UNFINISHED && !is_open(part));
        never.map(|part| part.backup).collect()
    }

    /// Reads data of a repository, and records damage in the catalog.
    pub(super) async fn check(
        &self,
        which: &Which,
        client: &RepositoryClient,
        (read, turn): (ReadData, ReadPurpose),
        now: Time,
    ) -> Result<fleet_repository::CheckReport, RepositoryServiceError> {
        let (repository, instance) = which;
        let report = client.check(read).await?;
        let all = {
            let snapshot = self.facts.read();
            let backups = backups_of(snapshot.observed().backups.get(instance), repository);
            backups.into_iter().map(|(key, seen)| (key.backup, seen.snapshots)).collect()
        };
        let mut look = self.look_at(repository, instance)?;
        look.take_in(&report, (read, turn), &all, now);
        look.unknown_packs = report.unknown_packs;
        look.bytes = client.stats().await?.bytes;
        self.keep_look(repository, instance, &look).await?;
        self.facts.mark_damaged(instance, repository, &look.damaged(), now).await?;
        let locked = report.unreadable.first().map(|file| RepositoryProblem::KeyUnreadable(file.to_string().into()));
        self.note(which, locked, now, |look| &mut look.locked).await?;
        Ok(report)
    }

    /// Records the repositories whose catalog could not be rebuilt, with the reason; all others were.
    async fn note_unread(
        &self,
        repository: &RepositoryName,
        unread: &[(InstanceName, String)],
        now: Time,
    ) -> Result<(), RepositoryServiceError> {
        for (_, instance) in self.reached()?.into_iter().filter(|(of, _)| of == repository) {
            let why = unread
                .iter()
                .find(|(of, _)| *of == instance)
                .map(|(_, why)| RepositoryProblem::NotListed(why.as_str().into()));
            self.note(&(repository.clone(), instance), why, now, |look| &mut look.unread).await?;
        }
        Ok(())
    }

    /// Records a problem of a repository, and reports it once.
    pub(super) async fn note(
        &self,
        which: &Which,
        said: Option<RepositoryProblem>,
        now: Time,
        place: impl Fn(&mut Look) -> &mut Option<RepositoryProblem>,
    ) -> Result<(), RepositoryServiceError> {
        let (repository, instance) = which;
        let mut look = self.look_at(repository, instance)?;
        if *place(&mut look) == said {
            return Ok(());
        }
        if let Some(problem) = &said {
            self.tell_of(which, problem.clone(), now).await?;
        }
        *place(&mut look) = said;
        self.keep_look(repository, instance, &look).await
    }

    /// Records an event about a problem of a repository.
    pub(super) async fn tell_of(
        &self,
        (repository, instance): &Which,
        problem: RepositoryProblem,
        now: Time,
    ) -> Result<(), RepositoryServiceError> {
        let problem = Problem::Repository { repository: repository.clone(), problem: Box::new(problem) };
        Ok(self.facts.tell(instance, EventKind::Found(Box::new(problem)), now).await?)
    }

    /// Returns the problems of repositories: instance, repository and problem.
    pub fn troubles(&self) -> Result<Vec<(InstanceName, RepositoryName, RepositoryProblem)>, RepositoryServiceError> {
        let mut found = self.disk.quotas.over();
        for ((repository, instance), look) in self.looks()? {
            let problems = look.problems().into_iter();
            found.extend(problems.map(|problem| (instance.clone(), repository.clone(), problem)));
        }
        Ok(found)
    }
}

/// Returns the catalog entries of one instance in one repository.
pub(super) fn backups_of(
    all: Option<&CopyOnWrite<Backups>>,
    repository: &RepositoryName,
) -> BTreeMap<BackupKey, BackupSeen> {
    let of = all.into_iter().flat_map(|backups| backups.iter()).filter(|(key, _)| key.repository == *repository);
    of.map(|(key, seen)| (key.clone(), seen.clone())).collect()
}

/// Returns an error and its causes in one line.
pub fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line = format!("{line}: {inner}");
        cause = inner.source();
    }
    line
}
