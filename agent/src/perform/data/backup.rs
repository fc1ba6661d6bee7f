//! Takes one backup: services are stopped as needed, streams are read, then files, and the manifest is written last.
//!
//! **Invariant:** whatever fails, stopped services are resumed before anything else is done.

mod manifest;

use super::asked::{Early, ask_early, settle_early};
use super::bereft::bereft;
use super::copies::{Copies, Copy, There};
use super::dumps::{self, AllDumped};
use super::error::{HostFault, UnfitError};
use super::holds;
use super::others;
use super::side_files::{self, Gathered};
use super::trees::{self, Roots};
use super::{DataError, DataWork, OrderEnd};
use crate::ledger::Settled;
use crate::perform::allow::{Forbidden, stores_refused};
use crate::perform::claims::expect_unshared;
use crate::perform::failure::of_repository;
use crate::perform::prepare::{PrepareError, refuse_without_data};
use crate::repositories;
use fleet_core::activity::Activity;
use fleet_core::app::Rendered;
use fleet_core::backup::{
    BackupPhase, BackupPlan, Cause, CopyMade, Coverage, DataResult, Hold, Store, StoreGap, UncoveredData, backup_plan,
    coverage, side_path, uncovered, uncovered_side_files,
};
use fleet_core::claims::ClaimKind;
use fleet_core::names::{RepositoryName, StoreName};
use fleet_core::order::Outcome;
use fleet_core::order_failure::OrderFailure;
use fleet_core::policy_refusal::PolicyRefusal;
use fleet_core::units::Period;
use fleet_repository::client::RepositoryError;
use fleet_repository::{ArchivedTrees, Part, SetRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A backup as an order of its own.
pub async fn back_up(data: &DataWork<'_>, to: &BTreeSet<RepositoryName>, cause: Cause) -> Result<OrderEnd, DataError> {
    let Some(settled) = &data.open.from else { return Err(UnfitError::NoInstance.into()) };
    let Taken { copies, refused } = take(data, settled, to, cause).await?;
    Ok(OrderEnd { outcome: outcome(&copies, &refused), made: Some(DataResult::Backup(copies)), becomes: None })
}

/// Result of a backup.
pub struct Taken {
    pub copies: Vec<CopyMade>,
    /// Stores that are in no repository's copy, each with the reason: the host's policy forbids reading them, or they
    /// have no data.
    pub refused: BTreeMap<StoreName, StoreGap>,
}

/// Returns the outcome. A backup that lacks a store has failed, even if its copies are good: they exist, and can be
/// restored.
fn outcome(copies: &[CopyMade], refused: &BTreeMap<StoreName, StoreGap>) -> Outcome {
    let failed = copies.iter().filter_map(|copy| Some((&copy.repository, copy.result.as_ref().err()?)));
    let failed = failed.map(|(name, failure)| OrderFailure::CopyFailed {
        repository: name.to_string(),
        failure: Box::new(failure.clone()),
    });
    let lacking = refused
        .iter()
        .map(|(name, reason)| OrderFailure::StoreNotBackedUp { store: name.to_string(), problem: reason.clone() });
    let mut failures: Vec<_> = failed.chain(lacking).collect();
    match failures.pop() {
        None => Outcome::Done,
        Some(failure) if failures.is_empty() => Outcome::Failed { failure },
        Some(last) => {
            failures.push(last);
            Outcome::Failed { failure: OrderFailure::Several { failures } }
        }
    }
}

/// Backs up the present data into each repository. Each copy has its own result. A safety backup is also taken of an
/// instance that has lost volumes, because the restore brings them back; if nothing is left, there is none.
pub async fn take(
    data: &DataWork<'_>,
    settled: &Settled,
    to: &BTreeSet<RepositoryName>,
    cause: Cause,
) -> Result<Taken, DataError> {
    let spec = &settled.rendered.spec;
    let shared = expect_unshared(&data.context().ledger(), spec, &[ClaimKind::Project]);
    shared.map_err(PrepareError::from)?;
    let mounted = data.context().runtime.mounted(spec).await?;
    let mut refused = stores_refused(data.context(), &settled.rendered, &mounted).await;
    if cause == Cause::Safety {
        refused.extend(bereft(data, settled).await?);
        let mut truths = settled.rendered.stores.iter().filter(|(_, store)| store.is_truth());
        if truths.all(|(name, _)| refused.contains_key(name)) {
            return Ok(Taken { copies: Vec::new(), refused });
        }
    }
    let backup_plan = course_of(settled, &refused)?;
    if cause != Cause::Safety {
        refuse_without_data(data.context(), settled).await?;
    }
    let mut copies = Copies::open(data, to, &data.backup_id()).await;
    if copies.open.is_empty() {
        return Ok(Taken { copies: copies.ended, refused });
    }
    let mut taking = Taking {
        data,
        settled,
        backup_plan: &backup_plan,
        refused,
        part: dumps::part(data),
        holds: Vec::new(),
        since: None,
    };
    let read = taking.read(&mut copies).await;
    // Also after a failure, and before anything else.
    taking.release(|_| true).await?;
    match read {
        Ok(mut read) => {
            let streams = taking.stores(&backup_plan.streams);
            let early = std::mem::take(&mut read.early);
            settle_early(data, spec, &streams, early, &mut read.dumped).await;
            taking.write(&mut copies, &read, cause).await;
        }
        Err(error) => copies.abandon(&(&error).into()),
    }
    Ok(Taken { copies: copies.ended, refused: taking.refused })
}

/// Returns the plan of the backup: all stores that the host's policy allows to be read. The others are not covered, and
/// are named.
fn course_of(settled: &Settled, refused: &BTreeMap<StoreName, StoreGap>) -> Result<BackupPlan, DataError> {
    let Rendered { spec, stores, .. } = &settled.rendered;
    let is_read = |(name, _): &(&StoreName, &Store)| !refused.contains_key(*name);
    let read = stores.iter().filter(is_read).map(|(name, store)| (name.clone(), store.clone())).collect();
    let backup_plan = backup_plan(&read, spec).map_err(UnfitError::from)?;
    if !backup_plan.streams.is_empty() || !backup_plan.files.is_empty() {
        return Ok(backup_plan);
    }
    if refused.is_empty() {
        return Err(UnfitError::NoStore.into());
    }
    let refusals_of = |gap: &StoreGap| match gap {
        StoreGap::Forbidden { refusals } => refusals.clone(),
        other => vec![PolicyRefusal::other(other.to_string())],
    };
    let all = Forbidden::ByPolicy(refused.values().flat_map(refusals_of).collect());
    match refused.keys().next() {
        Some(store) if refused.len() == 1 => Err(DataError::StoreForbidden { store: store.to_string(), source: all }),
        Some(_) | None => Err(all.into()),
    }
}

/// Reason why one copy of a backup could not be completed.
#[derive(Debug, thiserror::Error)]
enum CopyError {
    #[error("the repository `{repository}` does not confirm the {part}")]
    Unconfirmed { repository: RepositoryName, part: &'static str },
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl From<&CopyError> for OrderFailure {
    fn from(error: &CopyError) -> Self {
        match error {
            CopyError::Unconfirmed { repository, part } => {
                Self::CopyUnconfirmed { repository: repository.to_string(), part: (*part).to_owned() }
            }
            CopyError::Repository(error) => of_repository(error),
        }
    }
}

struct Taking<'a> {
    data: &'a DataWork<'a>,
    settled: &'a Settled,
    backup_plan: &'a BackupPlan,
    /// Stores that are not read, each with the reason.
    refused: BTreeMap<StoreName, StoreGap>,
    part: Part,
    holds: Vec<Hold>,
    /// Time since which services are stopped, or were.
    since: Option<Instant>,
}

/// Everything that was read, with its form in each copy.
struct Read {
    roots: Roots,
    dumped: AllDumped,
    /// Replies of stores before their services were stopped.
    early: Early,
    trees: BTreeMap<RepositoryName, ArchivedTrees>,
    trees_took_ms: u64,
    missing: BTreeSet<StoreName>,
    uncovered: Vec<UncoveredData>,
    beside: Vec<UncoveredData>,
    side_files: BTreeMap<StoreName, Gathered>,
}

impl Taking<'_> {
    fn stores<'b>(&'b self, names: &'b [StoreName]) -> Vec<(&'b StoreName, &'b Store)> {
        names.iter().filter_map(|name| self.settled.rendered.stores.get_key_value(name)).collect()
    }

    async fn read(&mut self, copies: &mut Copies) -> Result<Read, DataError> {
        let (data, spec) = (self.data, &self.settled.rendered.spec);
        let (roots, missing) = trees::find(data, spec, &self.stores(&self.backup_plan.files)).await?;
        let mut uncovered = uncovered(&self.coverage().await?);
        let streams = self.stores(&self.backup_plan.streams);
        let beside = others::beside_stores(data, &self.settled.rendered, &streams).await;
        // Accounts cannot be declared as stores: they are recorded as uncovered, and a restore names them.
        uncovered.extend(beside.iter().filter_map(UncoveredData::of_no_store));
        let bundle = data.context().bundles.kept(&self.settled.release.digest).map(|bundle| bundle.encode());
        let side_files = side_files::gather_all(data, spec, &streams).await;
        uncovered.extend(side_files.iter().flat_map(|(name, found)| uncovered_side_files(name, &found.kept)));
        let mut configuration = dumps::configuration(spec, bundle);
        configuration.extend(side_files.iter().filter_map(|(name, it)| Some((side_path(name), it.archive()?))));
        let early = ask_early(data, spec, &streams, &self.backup_plan.stills).await;
        self.hold(BackupPhase::Streams).await?;
        let part = self.part.clone();
        let dumping = {
            let stores = self.stores(&self.backup_plan.streams);
            let dumping = dumps::dump_all(data, copies, &part, spec, &stores, configuration, &early);
            self.in_time(dumping).await
        };
        let needed = |service: &str| {
            self.backup_plan.stills.iter().any(|it| it.service == service && it.until == BackupPhase::Files)
        };
        let keeps: Vec<String> =
            self.backup_plan.stills.iter().map(|it| it.service.clone()).filter(|it| needed(it)).collect();
        self.release(|service| !keeps.iter().any(|kept| kept == service)).await?;
        let dumped = dumping?;
        self.hold(BackupPhase::Files).await?;
        let began = tokio::time::Instant::now();
        let trees = self.in_time(async { Ok(trees::archive(data, copies, &part, &roots).await) }).await?;
        let trees_took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Read { roots, dumped, early, trees, trees_took_ms, missing, uncovered, beside, side_files })
    }

    async fn hold(&mut self, phase: BackupPhase) -> Result<(), DataError> {
        let began = Instant::now();
        holds::hold(self.data, &self.settled.rendered.spec, &self.backup_plan.stills, phase).await?;
        if !self.data.journal().held.is_empty() {
            self.since.get_or_insert(began);
        }
        Ok(())
    }

    /// Fails if services have been stopped for too long, all phases together.
    async fn in_time<T>(&self, reading: impl Future<Output = Result<T, DataError>>) -> Result<T, DataError> {
        if self.data.journal().held.is_empty() {
            return reading.await;
        }
        let longest = holds::longest(self.data.order);
        let late = || HostFault::StoodStill { limit: Period::from(longest) }.into();
        let left = longest.saturating_sub(self.since.map_or(Duration::ZERO, |since| since.elapsed()));
        timeout(left, reading).await.unwrap_or_else(|_| Err(late()))
    }

    async fn coverage(&self) -> Result<Coverage, DataError> {
        let rendered = &self.settled.rendered;
        let mounted = self.data.context().runtime.mounted(&rendered.spec).await?;
        Ok(coverage(&rendered.stores, &rendered.spec, &mounted, &self.refused))
    }

    async fn release(&mut self, is_over: impl Fn(&str) -> bool) -> Result<(), DataError> {
        let spec = &self.settled.rendered.spec;
        self.holds.extend(holds::release(self.data, spec, |held| is_over(&held.service)).await?);
        Ok(())
    }

    /// Writes the manifest of each copy, and sees that it is there.
    async fn write(&self, copies: &mut Copies, read: &Read, cause: Cause) {
        self.data.work.say(Activity::WritingManifest);
        let open: Vec<(RepositoryName, Result<There, CopyError>)> = {
            let writing = copies.open.iter().map(async |copy| {
                let written = self.write_copy(copy, read, cause).await;
                (copy.name.clone(), written)
            });
            futures_util::future::join_all(writing).await
        };
        for (name, written) in open {
            match written {
                Ok(there) => copies.done(&name, there),
                Err(error) => copies.lose(&name, (&error).into()),
            }
        }
    }

    async fn write_copy(&self, copy: &Copy, read: &Read, cause: Cause) -> Result<There, CopyError> {
        let manifest = self.manifest(&copy.name, read, cause)?;
        let bytes = serde_json::to_vec(&manifest).expect("a manifest has text keys only, so it is JSON");
        let written = copy.repository.write_set(&self.part, bytes).await?;
        let sets = repositories::sets_of(&copy.repository, &self.part.backup).await?;
        let is_it = |set: &&SetRecord| set.set == written && set.read_manifest().as_ref() == Ok(&manifest);
        match sets.iter().find(is_it) {
            Some(set) => Ok(There { snapshots: Some(set.snapshots()), manifest }),
            None => Err(CopyError::Unconfirmed { repository: copy.name.clone(), part: "manifest" }),
        }
    }
}
