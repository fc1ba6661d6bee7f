//! Runs the actions of an upgrade: commands over the data, each in a container of its own, while nothing of the app runs.
//!
//! **Invariant:** a command begins once. Where it is not known whether it ran, it counts as failed, and the data of before comes back.

use super::allow::{allow, allow_spec};
use super::data::points::servers_of;
use super::data::{DataError, HostFault, StoreFault, points, until_ready};
use super::standstill::{change_to, expect_quiet, quiesce};
use super::upgrade::{Upgrade, patiently};
use super::work::WorkError;
use crate::ledger::{Journal, Settled};
use crate::runtime::{ActionEnd, RuntimeError};
use fleet_core::activity::Activity;
use fleet_core::app::{ActionPhase, CommandRun};
use fleet_core::host_policy::Reaches;
use fleet_core::spec::{InstanceSpec, NetworkMode, Switch};
use fleet_core::upgrade_actions::{ActionContainer, HopAction, container_of};
use fleet_core::upgrade_steps::UpgradePlan;
use std::collections::BTreeSet;

/// The most characters of a command that are reported.
const SHOWN_LIMIT: usize = 200;

impl Upgrade<'_> {
    /// Fails if an action cannot run: a service that its release does not have, or a policy that forbids it. Changes nothing.
    pub(super) async fn expect_actions(&self, plan: &UpgradePlan) -> Result<(), DataError> {
        for (hop, actions) in plan.actions.iter().enumerate() {
            for (number, action) in actions.iter().enumerate() {
                let release = self.release_of(hop, action)?;
                let container = self.container(action.run(), release, (hop, number))?;
                self.expect_allowed(action.run(), &release.rendered.spec, &container).await?;
            }
        }
        Ok(())
    }

    /// Ends and removes the containers of all actions of the instance.
    pub(super) async fn remove_actions(&self) -> Result<(), DataError> {
        Ok(self.data.context().runtime.remove_actions(&self.to.rendered.spec.project).await?)
    }

    /// Does the same where nothing depends on it: later orders try again.
    pub async fn end_actions(&self) {
        if let Err(error) = self.remove_actions().await {
            tracing::warn!(error = crate::chain(&error), "containers of actions are left");
        }
    }

    fn container(
        &self,
        run: &CommandRun,
        release: &Settled,
        at: (usize, usize),
    ) -> Result<ActionContainer, RuntimeError> {
        let (spec, servers) = (&release.rendered.spec, servers_of(release));
        let missing = || RuntimeError::NotInSpec { kind: "service", name: run.service.clone() };
        let container = container_of(run, spec, &self.data.order.id, at).ok_or_else(missing)?;
        match &container.spec.network_mode {
            // Of the services, the servers alone run.
            NetworkMode::Service(lender) if !servers.contains(lender) => {
                Err(RuntimeError::NotRunning { container: lender.clone() })
            }
            _ => Ok(container),
        }
    }

    /// Fails if the policy forbids an action, or anything that its container reaches, as links lead now.
    async fn expect_allowed(
        &self,
        run: &CommandRun,
        spec: &InstanceSpec,
        container: &ActionContainer,
    ) -> Result<(), WorkError> {
        let alone = InstanceSpec { containers: vec![container.spec.clone()], ..spec.clone() };
        allow(self.data.context(), &Reaches::of_actions([run])).await?;
        Ok(allow_spec(self.data.context(), &alone).await?)
    }

    /// Runs an action, or waits for the end of one that an earlier attempt has begun.
    pub(super) async fn act(&self, plan: &UpgradePlan, (hop, number): (usize, usize)) -> Result<(), DataError> {
        let action = plan.action(hop, number).ok_or(WorkError::NoGoal)?;
        let (release, run) = (self.release_of(hop, action)?, action.run());
        self.for_hop(hop, async { patiently!(self.run(plan, release, run, (hop, number))) }).await
    }

    /// Returns the release of an action: the one that the hop leads from, or the one that it leads to.
    fn release_of(&self, hop: usize, action: &HopAction) -> Result<&Settled, WorkError> {
        let releases: Vec<&Settled> = [self.from].into_iter().chain(self.through).chain([self.to]).collect();
        let place = match action.phase {
            ActionPhase::Before => hop,
            ActionPhase::Migrate => hop + 1,
        };
        releases.get(place).copied().ok_or(WorkError::NoGoal)
    }

    async fn run(
        &self,
        plan: &UpgradePlan,
        release: &Settled,
        run: &CommandRun,
        at: (usize, usize),
    ) -> Result<(), DataError> {
        let (data, spec) = (&self.data, &release.rendered.spec);
        let servers = if run.offline { BTreeSet::new() } else { servers_of(release) };
        change_to(data, release, &servers).await?;
        quiesce(data, spec, &servers).await?;
        if !run.offline {
            self.until_servers_answer(release).await?;
        }
        let container = self.container(run, release, at)?;
        self.expect_allowed(run, spec, &container).await?;
        let command = shown(run);
        data.work.say(Activity::RunningAction(run.service.clone(), command.clone()));
        let ended = self.run_once(release, &container).await?;
        let (service, limit) = (run.service.clone(), container.limit);
        match ended {
            ActionEnd::Exited { code: 0, .. } => {}
            ActionEnd::Exited { code, output } => {
                return Err(HostFault::ActionFailed { service, command, code, output }.into());
            }
            ActionEnd::TooSlow { output } => {
                return Err(HostFault::ActionTooSlow { service, command, limit, output }.into());
            }
            ActionEnd::Gone => return Err(HostFault::ActionGone { service, command }.into()),
        }
        // What ran beside it may have written.
        expect_quiet(data, spec, &servers).await?;
        // The ledger is about to say that it is done.
        points::flush(plan).await
    }

    async fn until_servers_answer(&self, release: &Settled) -> Result<(), DataError> {
        for (name, store) in release.rendered.stores.iter().filter(|(_, store)| store.is_truth()) {
            let ready = until_ready(&self.data, store, &release.rendered.spec).await;
            ready.map_err(|error| StoreFault::NotReady(error).of_store(name))?;
        }
        Ok(())
    }

    /// Creates the container, notes that it is started, and starts it. Only its first attempt starts it: another one cannot know whether
    /// it has run for a moment, and after a loss of power not even how it ended.
    async fn run_once(&self, release: &Settled, container: &ActionContainer) -> Result<ActionEnd, DataError> {
        let runtime = &self.data.context().runtime;
        let (boot, begun) = (runtime.boot(), self.data.journal().upgrade.and_then(|cursor| cursor.action_boot));
        match begun {
            None => {
                runtime.create_action(container, &release.rendered.spec).await?;
                let begin = move |journal: &mut Journal| {
                    if let Some(cursor) = &mut journal.upgrade {
                        cursor.action_boot = Some(boot);
                    }
                };
                self.data.note(begin).await?;
                Ok(runtime.finish_action(container, Switch::On).await?)
            }
            Some(begun) if begun == boot => Ok(runtime.finish_action(container, Switch::Off).await?),
            Some(_) => Ok(ActionEnd::Gone),
        }
    }
}

/// Returns the command as it is reported.
fn shown(run: &CommandRun) -> String {
    let whole = run.command.join(" ");
    match whole.char_indices().nth(SHOWN_LIMIT) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}
