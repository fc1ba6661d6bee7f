//! Converts an operator's request to a rollout that can work, or to the reason why it cannot.

mod checks;
mod refusal;
#[cfg(test)]
mod tests;
mod undo;
mod upgrade_check;

pub use refusal::RolloutRefusal;
pub use undo::propose_undo;

use self::upgrade_check::{UpgradeCheck, UpgradeRoute};
use crate::app::Upgrades;
use crate::facts::{Asked, Desired, InstanceDesired, LinkState, Observed};
use crate::labels::Selector;
use crate::names::{HostName, InstanceName, OperatorName, RolloutId, Version};
use crate::plan::PlanContext;
use crate::release::Release;
use crate::rollout::{LeftOut, Member, Rollout, RolloutIntent, Strategy, StrategyRequest};
use crate::time::Time;
use std::time::Duration;

/// Request of an operator: a release, its targets, and the pace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRequest {
    /// Release to move to.
    pub to: Release,
    /// Its upgrade graph, if its app has one.
    pub upgrades: Option<Upgrades>,
    /// Releases of the app that were pushed.
    pub pushed: Vec<Release>,
    /// Hosts whose instances move.
    pub selector: Selector,
    /// Pace and limits, as far as they are given.
    pub strategy: StrategyRequest,
}

/// A rollout that could begin now. It is shown before it is obeyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Release to move to.
    pub to: Release,
    /// Pace and limits.
    pub strategy: Strategy,
    /// Members in the order in which they are taken.
    pub members: Vec<Member>,
    /// Instances that are left out.
    pub left_out: Vec<LeftOut>,
    /// Planned waves without regard to offline members: at every step, the online hosts decide again.
    pub waves: Vec<Vec<InstanceName>>,
    /// Members whose hosts are offline now; they catch up.
    pub offline: Vec<InstanceName>,
}

impl Proposal {
    /// The rollout as it is kept.
    pub fn into_rollout(self, id: RolloutId, by: OperatorName, now: Time) -> Rollout {
        Rollout {
            id,
            app: self.to.name.app,
            version: self.to.name.version,
            strategy: self.strategy,
            members: self.members,
            left_out: self.left_out,
            intent: RolloutIntent::Run,
            attempt: 1,
            retries: Default::default(),
            skips: Default::default(),
            created: now,
            by,
        }
    }
}

/// Checks a request against the facts. Members are taken in the order of their names.
pub fn propose(
    desired: &Desired,
    asked: &Asked,
    observed: &Observed,
    request: &RolloutRequest,
    now: Time,
) -> Result<Proposal, RolloutRefusal> {
    let app = &request.to.name.app;
    let of_app = desired.instances.iter().filter(|(_, instance)| instance.release.name.app == *app);
    let of_app: Vec<_> = of_app.collect();
    if of_app.is_empty() {
        return Err(RolloutRefusal::NoInstances { app: app.clone() });
    }
    let is_selected =
        |host: &HostName| desired.hosts.get(host).is_some_and(|host| request.selector.matches(&host.labels));
    let selected: Vec<_> = of_app.into_iter().filter(|(_, instance)| is_selected(&instance.host)).collect();
    if selected.is_empty() {
        let selector = request.selector.to_string();
        return Err(RolloutRefusal::NoneSelected { app: app.clone(), selector });
    }
    checks::limits_can_work(desired, &request.strategy)?;
    checks::no_other_is_active(&PlanContext::new(desired, asked, observed, now), app)?;
    let Sorted { members, left_out, action_time } = sort(observed, request, &selected);
    if members.is_empty() {
        return Err(checks::nothing_to_move(desired, request, left_out));
    }
    let mut strategy = request.strategy.settle(members.len());
    if request.strategy.deadline.is_none() {
        strategy.deadline += action_time;
    }
    checks::window_is_long_enough(strategy.window.as_ref(), strategy.deadline)?;
    checks::canary_is_smaller(&strategy, members.len())?;
    Ok(proposal(desired, observed, request.to.clone(), strategy, members, left_out))
}

type Named<'a> = (&'a InstanceName, &'a InstanceDesired);

/// Instances of a request.
struct Sorted {
    members: Vec<Member>,
    left_out: Vec<LeftOut>,
    /// Longest time of the actions of one member.
    action_time: Duration,
}

fn sort(observed: &Observed, request: &RolloutRequest, selected: &[Named]) -> Sorted {
    let mut sorted = Sorted { members: Vec::new(), left_out: Vec::new(), action_time: Duration::ZERO };
    let versions: Vec<Version> = request.pushed.iter().map(|release| release.name.version.clone()).collect();
    let (to, mut upgrades) = (&request.to, UpgradeCheck::new(request, &versions));
    for (name, instance) in selected {
        let present = checks::present(observed, to, name, instance);
        let way = present.and_then(|said| {
            let way = upgrades.of(said, instance)?;
            checks::actions_are_allowed(observed, instance, &way).map(|()| (said, way))
        });
        match way {
            Ok((said, UpgradeRoute { through, data, action_time })) => {
                sorted.action_time = sorted.action_time.max(action_time);
                sorted.members.push(Member {
                    instance: (*name).clone(),
                    from: said.release.clone(),
                    to: to.clone(),
                    through,
                    data,
                    from_revision: Some(said.revision),
                    to_revision: None,
                });
            }
            Err(reason) => sorted.left_out.push(LeftOut { instance: (*name).clone(), reason }),
        }
    }
    sorted
}

fn proposal(
    desired: &Desired,
    observed: &Observed,
    to: Release,
    strategy: Strategy,
    members: Vec<Member>,
    left_out: Vec<LeftOut>,
) -> Proposal {
    let names = members.iter().map(|member| member.instance.clone());
    let (online, offline): (Vec<_>, Vec<_>) = names.partition(|name| is_online(desired, observed, name));
    let waves = waves(&strategy, members.len(), &online);
    Proposal { to, strategy, members, left_out, waves, offline }
}

fn is_online(desired: &Desired, observed: &Observed, name: &InstanceName) -> bool {
    let host = desired.instances.get(name).and_then(|instance| observed.hosts.get(&instance.host));
    host.is_some_and(|host| host.link == LinkState::Online)
}

/// The canary, then as many at a time as the strategy allows of the whole group.
fn waves(strategy: &Strategy, group: usize, online: &[InstanceName]) -> Vec<Vec<InstanceName>> {
    let canary = (strategy.canary as usize).min(online.len());
    let (first, rest) = online.split_at(canary);
    let rest = rest.chunks(strategy.at_once.of(group));
    [first].into_iter().chain(rest).filter(|wave| !wave.is_empty()).map(<[InstanceName]>::to_vec).collect()
}
