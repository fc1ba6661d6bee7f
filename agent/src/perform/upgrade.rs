//! Carries out an upgrade that may change data: restore points first, and the data comes back with the earlier release.
//!
//! **Invariant:** each step is in the ledger before it begins, and can be repeated. The steps are decided in `core`
//! ([`upgrade_steps`] and [`rollback_steps`]).

use super::back::{Attempt, back};
use super::data::item_counts::{compare_hop, count, expect_comparable};
use super::data::{
    DataError, DataWork, UnfitError, expect_nobody_has, fetching, keep_safe, points, preparing, remove_old, starting,
    undo,
};
use super::forward::stages;
use super::standstill::{expect_quiet, quiesce, start_servers, stop_all};
use super::work::{Finish, WorkError};
use crate::ledger::{Settled, UpgradeCursor};
use fleet_core::app::{Comparison, DataEffect};
use fleet_core::backup::Store;
use fleet_core::names::{RepositoryName, StoreName, Version};
use fleet_core::order::Action;
use fleet_core::steps::FoundProject;
use fleet_core::upgrade_actions::{HopAction, actions_of_hops};
use fleet_core::upgrade_counts::{ItemCounts, comparisons};
use fleet_core::upgrade_steps::{RollbackStep, UpgradePlan, UpgradeStep, resumed_at, rollback_steps, upgrade_steps};
use std::collections::BTreeSet;
use std::time::Duration;
use tracing::Instrument;

/// Pause between two attempts to reach the Engine.
pub(super) const ENGINE_PAUSE: Duration = Duration::from_secs(3);

/// Repeats a call until the Engine answers; the caller's time limit ends it.
macro_rules! patiently {
    ($call:expr) => {
        loop {
            match $call.await {
                Err(error) if DataError::is_passing(&error) => {
                    tokio::time::sleep($crate::perform::upgrade::ENGINE_PAUSE).await
                }
                other => break other,
            }
        }
    };
}
pub(super) use patiently;

/// An upgrade from one state to another, both with running services.
pub struct Upgrade<'a> {
    pub data: DataWork<'a>,
    pub from: &'a Settled,
    /// States on the way, in their order.
    pub through: &'a [Settled],
    pub to: &'a Settled,
}

/// End of the way back.
pub enum RolledBack {
    /// The earlier release runs with its data.
    Whole,
    /// The earlier data of these stores is in the backup alone.
    AwaitsRestore { plan: Box<UpgradePlan> },
}

/// Returns whether an order has to keep the data of truth stores: one that does not start anything changes none.
pub fn keeps_data(action: &Action, from: Option<&Settled>, to: Option<&Settled>) -> bool {
    let may_change = matches!(action, Action::Upgrade { data: DataEffect::AtStart, .. });
    let has_truth = |settled: &Settled| settled.rendered.stores.values().any(Store::is_truth);
    may_change && from.is_some_and(has_truth) && to.is_some_and(|to| !to.is_stopped())
}

impl Upgrade<'_> {
    /// Goes to the new release, from wherever an earlier attempt was interrupted, and records the commit.
    pub async fn forward(&self) -> Result<(), DataError> {
        let mut cursor = match self.data.journal().upgrade {
            Some(cursor) => {
                patiently!(undo::undo(&self.data))?;
                let begun = resumed_at(&cursor.plan, cursor.begun);
                UpgradeCursor { begun, put_back: BTreeSet::new(), ..*cursor }
            }
            None => {
                // An order that got stuck may have left a command.
                patiently!(self.remove_actions())?;
                UpgradeCursor { plan: self.plan().await?, ..UpgradeCursor::default() }
            }
        };
        for step in upgrade_steps(&cursor.plan).into_iter().skip(cursor.begun) {
            let now = Box::new(cursor.clone());
            self.data.note(move |journal| journal.upgrade = Some(now)).await?;
            if cursor.action_boot.is_none() && !cursor.plan.actions.is_empty() {
                // Those of earlier steps: their ends are in the ledger.
                patiently!(self.remove_actions())?;
            }
            let span = tracing::error_span!("upgrade_step", step = %step);
            let counts = self.step(step, &cursor.plan, cursor.counts).instrument(span).await?;
            cursor = UpgradeCursor { plan: cursor.plan, begun: cursor.begun + 1, counts, ..UpgradeCursor::default() };
        }
        Ok(())
    }

    async fn plan(&self) -> Result<UpgradePlan, DataError> {
        let (data, through, actions) = (&self.data, self.through.len(), self.actions());
        if !keeps_data(&data.order.action, Some(self.from), Some(self.to)) {
            // Nothing would bring back what actions change.
            return match actions.is_empty() {
                true => Ok(UpgradePlan { through, ..UpgradePlan::default() }),
                false => Err(UnfitError::NoStore.into()),
            };
        }
        let backup = data.order.action.backup_targets().unwrap_or(&NO_REPOSITORIES);
        let mut plan = patiently!(points::plan(data, self.from, backup))?;
        (plan.through, plan.compare, plan.actions) = (through, self.comparisons(), actions);
        if !plan.items_at_first().is_empty() {
            plan.servers = points::servers_of(self.from);
        }
        patiently!(expect_comparable(data, self.from, self.ahead(), &plan))?;
        patiently!(self.expect_actions(&plan))?;
        Ok(plan)
    }

    /// The releases of the upgrade, in their order.
    fn ahead(&self) -> impl Iterator<Item = &Settled> {
        self.through.iter().chain([self.to])
    }

    fn versions(&self) -> Vec<&Version> {
        std::iter::once(self.from).chain(self.ahead()).map(|settled| &settled.release.name.version).collect()
    }

    fn comparisons(&self) -> Vec<Comparison> {
        comparisons(self.to.rendered.upgrades.as_ref(), &self.versions())
    }

    /// Returns the actions of each hop.
    pub fn actions(&self) -> Vec<Vec<HopAction>> {
        actions_of_hops(self.to.rendered.upgrades.as_ref(), &self.versions())
    }

    /// Carries out a step, and returns the numbers of items before the next hop.
    async fn step(&self, step: UpgradeStep, plan: &UpgradePlan, counts: ItemCounts) -> Result<ItemCounts, DataError> {
        match step {
            UpgradeStep::Count => self.count(plan).await,
            UpgradeStep::Act(hop, number) => self.act(plan, (hop, number)).await.map(|()| counts),
            UpgradeStep::Pass(number) => {
                self.pass(self.through.get(number).ok_or(WorkError::NoGoal)?, plan, (number, &counts)).await
            }
            UpgradeStep::Start => {
                self.start(self.to).await?;
                let counts = patiently!(compare_hop(&self.data, self.to, plan, plan.through, &counts))?;
                // The copies go when the ledger has the commit.
                points::flush(plan).await.map(|()| counts)
            }
            // The rest of it is done by `remove_copies`, without a deadline.
            UpgradeStep::Commit => Ok(counts),
            UpgradeStep::Fetch
            | UpgradeStep::Prepare
            | UpgradeStep::BackUp
            | UpgradeStep::Quiesce
            | UpgradeStep::StopServers
            | UpgradeStep::Copy(_) => self.get_ready(step, plan).await.map(|()| counts),
        }
    }

    /// Carries out a step after which the data is as it was.
    async fn get_ready(&self, step: UpgradeStep, plan: &UpgradePlan) -> Result<(), DataError> {
        let (data, before) = (&self.data, &self.from.rendered.spec);
        match step {
            UpgradeStep::Fetch => {
                for to in self.ahead() {
                    let fetch = |found: &FoundProject| fetching(stages(found, to));
                    data.work.perform(&to.rendered.spec, fetch, Finish::AsIs).await?;
                }
                Ok(())
            }
            UpgradeStep::Prepare => Ok(self.prepare(self.through.first().unwrap_or(self.to)).await?),
            UpgradeStep::BackUp => self.back_up(plan).await,
            UpgradeStep::Quiesce => {
                let folders: Vec<_> = plan.points.iter().map(|point| point.path.clone()).collect();
                quiesce(data, before, &plan.servers).await?;
                // Without copies, nothing depends on who else has the folders.
                let is_kept = !folders.is_empty() || !plan.by_backup.is_empty();
                if is_kept { patiently!(expect_nobody_has(data, before, &folders)) } else { Ok(()) }
            }
            UpgradeStep::StopServers => quiesce(data, before, &BTreeSet::new()).await,
            UpgradeStep::Copy(point) => {
                let Some(point) = plan.points.get(point) else { return Ok(()) };
                points::make(data, point).await?;
                // What ran in between may have written.
                expect_quiet(data, before, &BTreeSet::new()).await
            }
            UpgradeStep::Count
            | UpgradeStep::Act(..)
            | UpgradeStep::Pass(_)
            | UpgradeStep::Start
            | UpgradeStep::Commit => Ok(()),
        }
    }

    /// Counts what the first hop compares, with the servers alone running.
    async fn count(&self, plan: &UpgradePlan) -> Result<ItemCounts, DataError> {
        let (data, before) = (&self.data, &self.from.rendered.spec);
        self.start_servers(plan).await?;
        let counts = patiently!(count(data, self.from, &plan.items_at_first(), None))?;
        // What ran in between may have written.
        expect_quiet(data, before, &plan.servers).await?;
        Ok(counts)
    }

    /// Starts the servers, which do not run after a loss of power.
    async fn start_servers(&self, plan: &UpgradePlan) -> Result<(), WorkError> {
        let before = &self.from.rendered.spec;
        self.data.work.perform(before, |found| starting(found, before, &plan.servers), Finish::AsIs).await
    }

    /// Starts a release on the way, which may migrate data, and stops it when it is healthy and has kept the numbers of its hop.
    async fn pass(
        &self,
        release: &Settled,
        plan: &UpgradePlan,
        (hop, before): (usize, &ItemCounts),
    ) -> Result<ItemCounts, DataError> {
        self.for_hop(hop, async {
            self.start(release).await?;
            let counts = patiently!(compare_hop(&self.data, release, plan, hop, before))?;
            quiesce(&self.data, &release.rendered.spec, &BTreeSet::new()).await?;
            points::flush(plan).await.map(|()| counts)
        })
        .await
    }

    /// Works on a hop: what it says and how it fails is that of its release, if this is one on the way.
    pub(super) async fn for_hop<T>(
        &self,
        hop: usize,
        work: impl Future<Output = Result<T, DataError>>,
    ) -> Result<T, DataError> {
        let Some(release) = self.through.get(hop) else { return work.await };
        let version = release.release.name.version.clone();
        self.data.work.pass(Some(version.clone()));
        let worked = work.await.map_err(|error| DataError::OnTheWay { version, error: Box::new(error) });
        self.data.work.pass(None);
        worked
    }

    /// Writes files, and creates the containers of a release beside those that are there. Nothing stops or starts.
    async fn prepare(&self, to: &Settled) -> Result<(), WorkError> {
        // The Engine starts what was made with a restart policy, even if it never ran, when the power comes back.
        let mut to = to.clone();
        to.rendered.spec.switch_restarts_off();
        let spec = &to.rendered.spec;
        self.data.work.perform(spec, |found| preparing(stages(found, &to)), Finish::AsIs).await
    }

    async fn start(&self, to: &Settled) -> Result<(), WorkError> {
        self.prepare(to).await?;
        let finish = Finish::Healthy(&to.rendered.health);
        self.data.work.perform(&to.rendered.spec, |found| stages(found, to), finish).await
    }

    /// Backs up. Where the backup is the restore point of stores, it has to have them.
    async fn back_up(&self, plan: &UpgradePlan) -> Result<(), DataError> {
        let (data, before) = (&self.data, &self.from.rendered.spec);
        if !plan.by_backup.is_empty() && !plan.servers.is_empty() {
            self.start_servers(plan).await?;
        }
        keep_safe(data, self.from, &plan.backup).await?;
        if !plan.by_backup.is_empty() {
            // What ran in between may have written.
            expect_quiet(data, before, &plan.servers).await?;
        }
        let copies = data.journal().safety;
        let has = |store: &StoreName| {
            let manifests = copies.iter().filter_map(|copy| copy.result.as_ref().ok());
            let mut lacking = manifests.filter(|manifest| !manifest.parts.iter().any(|part| part.store == *store));
            !copies.is_empty() && lacking.next().is_none()
        };
        match plan.by_backup.iter().find(|store| !has(store)) {
            Some(store) => Err(UnfitError::StoreMissing { store: store.clone() }.into()),
            None => Ok(()),
        }
    }

    async fn note_put_back(&self, point: usize) -> Result<(), DataError> {
        let noted = self.data.note(move |journal| {
            if let Some(cursor) = &mut journal.upgrade {
                cursor.put_back.insert(point);
            }
        });
        Ok(noted.await?)
    }

    /// Returns the copies that are the only ones of the data of before, because the new release may have changed the folders.
    pub fn copies_left(&self) -> Vec<String> {
        let Some(cursor) = self.data.journal().upgrade else { return Vec::new() };
        cursor.points_left().map(|point| point.copy.display().to_string()).collect()
    }

    /// Returns the plan, if the data of before is in its backup alone and the new release may have changed it.
    pub fn awaited_restore(&self) -> Option<UpgradePlan> {
        let cursor = self.data.journal().upgrade?;
        cursor.awaits_restore().then_some(cursor.plan)
    }

    /// Returns whether the upgrade is committed: it never goes back.
    pub fn is_committed(&self) -> bool {
        let Some(cursor) = self.data.journal().upgrade else { return false };
        upgrade_steps(&cursor.plan).get(cursor.begun) == Some(&UpgradeStep::Commit)
    }

    /// Removes the copies, and the containers of actions, after the commit or the way back. Copies that stay are reported with the instance.
    pub async fn remove_copies(&self) {
        if let Some(cursor) = self.data.journal().upgrade {
            self.end_actions().await;
            remove_old(&self.data, &points::leftovers(&cursor.plan)).await;
        }
    }

    /// Goes back to the earlier release and its data.
    pub async fn roll_back(&self, attempt: Attempt) -> Result<RolledBack, DataError> {
        patiently!(undo::undo(&self.data))?;
        let cursor = self.data.journal().upgrade.map(|cursor| *cursor).unwrap_or_default();
        let (plan, steps) = (&cursor.plan, rollback_steps(&cursor.plan, cursor.begun));
        if steps.is_empty() {
            self.start_origin(attempt).await?;
        }
        for step in steps {
            match step {
                RollbackStep::Stop => patiently!(stop_all(&self.data, &self.to.rendered.spec))?,
                RollbackStep::PutBack(point) => {
                    if let Some(folder) = plan.points.get(point).filter(|_| !cursor.put_back.contains(&point)) {
                        points::put_back(&self.data, folder).await?;
                        self.note_put_back(point).await?;
                    }
                }
                RollbackStep::StartOrigin => self.start_origin(attempt).await?,
                RollbackStep::AwaitRestore => {
                    start_servers(&self.data, self.from).await;
                    return Ok(RolledBack::AwaitsRestore { plan: Box::new(cursor.plan) });
                }
            }
        }
        Ok(RolledBack::Whole)
    }

    async fn start_origin(&self, attempt: Attempt) -> Result<(), WorkError> {
        let (work, action) = (self.data.work, &self.data.order.action);
        back(work, action, Some(self.from), &self.to.rendered.spec, attempt).await
    }
}

static NO_REPOSITORIES: BTreeSet<RepositoryName> = BTreeSet::new();
