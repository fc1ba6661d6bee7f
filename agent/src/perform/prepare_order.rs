//! From an order to the states that it brings, or to this host's refusal. Changes nothing.

use super::allow::allow_instance;
use super::claims::expect_deletable;
use super::prepare::{PrepareError, prepare, refuse_to_start};
use super::work::Work;
use crate::ledger::{OpenState, Settled};
use fleet_core::activity::Activity;
use fleet_core::facts::PowerDesired;
use fleet_core::order::{Action, Order};
use fleet_core::release::{Goal, Release};
use fleet_core::spec::InstanceSpec;
use fleet_core::upgrade_actions::actions_of_hops;
use std::collections::BTreeSet;

/// States that an order brings.
pub struct PreparedOrder {
    /// States on the way to the target, in their order.
    pub through: Vec<Settled>,
    /// Target; none if nothing of the instance will be left.
    pub to: Option<Settled>,
}

impl PreparedOrder {
    /// Refuses the actions of an upgrade over a stopped instance: its release may not have run over its data.
    fn expect_actions_can_run(&self, from: Option<&Settled>) -> Result<(), PrepareError> {
        let (Some(from), Some(to)) = (from.filter(|from| from.is_stopped()), &self.to) else { return Ok(()) };
        let versions = [&from.release.name.version, &to.release.name.version];
        match actions_of_hops(to.rendered.upgrades.as_ref(), &versions).is_empty() {
            true => Ok(()),
            false => Err(PrepareError::Stopped { through: versions[1].clone() }),
        }
    }
}

/// Prepares the states that an order brings.
pub async fn prepare_order(work: &Work<'_>, order: &Order, open: &OpenState) -> Result<PreparedOrder, PrepareError> {
    let preparing = Preparing { work, open };
    let through = match &order.action {
        Action::Upgrade { through, goal, .. } => preparing.through(through, goal).await?,
        Action::Install { .. } | Action::Configure { .. } | Action::Power { .. } | Action::Remove { .. } => Vec::new(),
        Action::Data(_) => Vec::new(),
    };
    let prepared = PreparedOrder { through, to: preparing.target(&order.action).await? };
    prepared.expect_actions_can_run(open.from.as_ref())?;
    Ok(prepared)
}

/// Returns the spec of the parts that an order changes, if one is recorded.
pub fn spec_of_parts(work: &Work<'_>, open: &OpenState) -> Option<InstanceSpec> {
    let settled = open.to.as_ref().or(open.from.as_ref()).map(|settled| settled.rendered.spec.clone());
    settled.or_else(|| work.context.ledger().instances().get(work.instance)?.spec().cloned())
}

/// Returns the spec of an instance of which nothing is recorded.
pub fn bare_spec(work: &Work<'_>, volumes: &BTreeSet<String>) -> InstanceSpec {
    let (context, instance) = (work.context, work.instance);
    InstanceSpec::unrecorded(instance, &context.host, volumes, context.working_dir(instance).display().to_string())
}

struct Preparing<'a> {
    work: &'a Work<'a>,
    open: &'a OpenState,
}

impl Preparing<'_> {
    /// Returns the states on the way of an upgrade.
    async fn through(&self, through: &[Release], goal: &Goal) -> Result<Vec<Settled>, PrepareError> {
        let is_stopped = self.open.from.as_ref().is_some_and(Settled::is_stopped);
        if let Some(first) = through.first().filter(|_| is_stopped) {
            return Err(PrepareError::Stopped { through: first.name.version.clone() });
        }
        let mut prepared = Vec::new();
        for release in through {
            let goal = Goal { release: release.clone(), revision: goal.revision };
            let on_the_way = |error| PrepareError::OnTheWay(release.name.version.clone(), Box::new(error));
            prepared.push(self.goal(&goal).await.map_err(on_the_way)?);
        }
        Ok(prepared)
    }

    async fn goal(&self, goal: &Goal) -> Result<Settled, PrepareError> {
        let Self { work, open } = self;
        work.say(Activity::Preparing(goal.release.name.clone()));
        prepare(work.context, work.instance, goal, &open.values, open.drift, open.from.as_ref()).await
    }

    /// Returns the target state of the instance; none if nothing of it will be left.
    async fn target(&self, action: &Action) -> Result<Option<Settled>, PrepareError> {
        let (context, from) = (self.work.context, self.open.from.as_ref());
        if let Some(from) = from.filter(|_| action.starts_containers()) {
            refuse_to_start(context, from).await?;
        }
        match action {
            Action::Install { goal } | Action::Upgrade { goal, .. } | Action::Configure { goal, .. } => {
                self.goal(goal).await.map(Some)
            }
            Action::Power { request, serial } => {
                if let Some(from) = from.filter(|_| action.starts_containers()) {
                    allow_instance(context, &from.rendered).await?;
                }
                let power = PowerDesired { request: *request, serial: *serial };
                Ok(from.map(|from| Settled { power, ..from.clone() }))
            }
            Action::Remove { volumes } => {
                let spec = spec_of_parts(self.work, self.open).unwrap_or_else(|| bare_spec(self.work, volumes));
                expect_deletable(context, &spec, volumes).await?;
                Ok(None)
            }
            // Work on data is prepared separately.
            Action::Data(_) => Ok(None),
        }
    }
}
