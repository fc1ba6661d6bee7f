//! An instance as operators see it.

use crate::facts::StateSnapshot;
use fleet_core::activity::Activity;
use fleet_core::backup::DataAction;
use fleet_core::facts::{Doing, Ended, InstanceDesired, InstanceHealth, InstanceSaid, LinkState, OpenOrder, Running};
use fleet_core::health_problem::HealthProblem;
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, RolloutId, Version};
use fleet_core::order::{Action, PowerRequest};
use fleet_core::order_failure::OrderFailure;
use fleet_core::plan::{PlanContext, RolloutPhase};
use fleet_core::reason::WaitReason;
use fleet_core::time::Time;
use fleet_proto::v1;
use std::collections::{BTreeMap, HashMap};

/// Data shared by all views of instances at one moment, looked up once.
#[derive(Debug)]
pub struct InstanceViews<'a> {
    snapshot: &'a StateSnapshot,
    orders: HashMap<&'a InstanceName, &'a OpenOrder>,
    ends: HashMap<&'a InstanceName, &'a Ended>,
    bound_for: HashMap<&'a InstanceName, Bound<'a>>,
}

/// Effect of a rollout on an instance.
#[derive(Debug)]
enum Bound<'a> {
    /// Rollout that will change the instance to this version.
    For(&'a Version),
    /// Halted rollout that would change the instance to this version.
    Halted { rollout: &'a RolloutId, short_of: &'a Version },
}

impl<'a> InstanceViews<'a> {
    pub fn new(snapshot: &'a StateSnapshot, plan_context: &PlanContext<'_>) -> Self {
        let orders = snapshot.asked().orders.values().map(|open| (&open.order.instance, open)).collect();
        let mut ends: HashMap<&InstanceName, &Ended> = HashMap::new();
        for ended in snapshot.observed().ended.values() {
            let latest = ends.entry(&ended.instance).or_insert(ended);
            if ended.at > latest.at {
                *latest = ended;
            }
        }
        Self { snapshot, orders, ends, bound_for: bound_for(snapshot, plan_context) }
    }

    /// For a single view: without a pass over everything, and without the intentions of rollouts.
    pub fn of_one(snapshot: &'a StateSnapshot, name: &InstanceName) -> Self {
        let host = snapshot.instance(name).map(|instance| &instance.host);
        let ids = host.into_iter().flat_map(|host| snapshot.orders_of(host));
        let open = ids.filter_map(|id| snapshot.asked().orders.get(id)).filter(|open| open.order.instance == *name);
        let orders = open.map(|open| (&open.order.instance, open)).collect();
        Self { snapshot, orders, ends: HashMap::new(), bound_for: HashMap::new() }
    }

    pub fn order(&self, name: &InstanceName) -> Option<&'a OpenOrder> {
        self.orders.get(name).copied()
    }

    pub fn end(&self, name: &InstanceName) -> Option<&'a Ended> {
        self.ends.get(name).copied()
    }

    pub fn view(&self, name: &InstanceName, instance: &InstanceDesired) -> v1::InstanceView {
        let seen = self.snapshot.observed().instances.get(name).filter(|seen| seen.host == instance.host);
        let running = seen.map(|seen| &seen.running);
        let said = running.and_then(Running::last);
        let health = health_of(self.snapshot, name, instance);
        let version = said.map(|said| said.release.name.version.clone());
        let wanted = self.wanted(name, instance);
        let end = self.end(name);
        let doing = self.doing(name, running);
        v1::InstanceView {
            name: name.to_string(),
            host: instance.host.to_string(),
            app: instance.release.name.app.to_string(),
            wanted_version: wanted
                .filter(|wanted| version.as_ref() != Some(*wanted))
                .map_or_else(String::new, ToString::to_string),
            version: version.map(Into::into).unwrap_or_default(),
            digest: said.map(|said| said.release.digest.to_string()).unwrap_or_default(),
            health: health.health.into(),
            hint: hint(name, end, health.problem.as_ref()).map(Into::into),
            health_problem: health.problem.map(Into::into),
            stuck: health.stuck.map(Into::into),
            last_health: health.last.into(),
            doing: doing.step.map(Into::into),
            waiting: self.waiting(name, said).map(Into::into),
            drift: said.map(|said| said.drift.iter().cloned().map(Into::into).collect()).unwrap_or_default(),
            drift_rule: v1::DriftRule::from(instance.drift).into(),
            containers: said.map(containers).unwrap_or_default(),
            values: Default::default(),
            reported_ms: seen.map_or(0, |seen| seen.at.0),
            host_online: self.is_online(instance),
            volumes: Vec::new(),
            last_outcome: end.map_or(0, |end| v1::OrderOutcome::from(&end.outcome).into()),
            last_failure: end.and_then(|end| end.outcome.failure()).cloned().map(Into::into),
            created_ms: instance.created.0,
            backup: None,
            progress: doing.progress.map(Into::into),
            leftovers: said.map(|said| said.leftovers.iter().cloned().map(Into::into).collect()).unwrap_or_default(),
            not_known: Vec::new(),
        }
    }

    /// Returns the planned version: of its open order, else of its rollout, else of its installation if nothing is
    /// there yet.
    fn wanted(&self, name: &InstanceName, instance: &'a InstanceDesired) -> Option<&'a Version> {
        let goal = self.order(name).and_then(|open| open.order.action.goal()).map(|goal| &goal.release.name.version);
        let bound_for = || match self.bound_for.get(name)? {
            Bound::For(version) => Some(*version),
            Bound::Halted { .. } => None,
        };
        let seen = self.snapshot.observed().instances.get(name).and_then(|seen| seen.running.last());
        let installed = || seen.is_none().then_some(&instance.release.name.version);
        goal.or_else(bound_for).or_else(installed)
    }

    /// Returns the reason why it waits. A failed member waits for nothing, and is not in its rollout's planned state.
    fn waiting(&self, name: &InstanceName, said: Option<&InstanceSaid>) -> Option<WaitReason> {
        let by_plan = self.snapshot.wait_reason(name).cloned();
        let short = || match self.bound_for.get(name)? {
            Bound::Halted { rollout, short_of } if said.is_some_and(|said| said.release.name.version != **short_of) => {
                Some(WaitReason::RolloutHalted { rollout: (*rollout).clone() })
            }
            Bound::Halted { .. } | Bound::For(_) => None,
        };
        by_plan.or_else(short)
    }

    fn doing(&self, name: &InstanceName, running: Option<&Running>) -> Doing {
        match (running, self.order(name)) {
            (Some(Running::Busy { doing, .. }), _) => doing.clone(),
            (Some(Running::Absent | Running::Settled(_)) | None, Some(open)) => {
                Doing::step(asked_to(&open.order.action))
            }
            (Some(Running::Absent | Running::Settled(_)) | None, None) => Doing::default(),
        }
    }

    pub fn is_online(&self, instance: &InstanceDesired) -> bool {
        is_online(self.snapshot, instance)
    }
}

/// Returns the versions to which unfinished rollouts change their instances.
fn bound_for<'a>(snapshot: &'a StateSnapshot, plan_context: &PlanContext<'_>) -> HashMap<&'a InstanceName, Bound<'a>> {
    let mut bound_for = HashMap::new();
    for rollout in snapshot.desired().rollouts.values() {
        let is_halted = match plan_context.phase(rollout) {
            RolloutPhase::Done | RolloutPhase::Aborted => continue,
            RolloutPhase::Halted { .. } => true,
            RolloutPhase::Running
            | RolloutPhase::Soaking { .. }
            | RolloutPhase::OutsideWindow { .. }
            | RolloutPhase::Paused
            | RolloutPhase::DoneButOffline { .. } => false,
        };
        let members = rollout.members.iter().filter(|member| {
            plan_context.has(rollout, &member.instance) && !rollout.skips.contains_key(&member.instance)
        });
        bound_for.extend(members.map(|member| {
            let version = &member.to.name.version;
            let halted = Bound::Halted { rollout: &rollout.id, short_of: version };
            (&member.instance, if is_halted { halted } else { Bound::For(version) })
        }));
    }
    bound_for
}

/// Returns the activity of an order whose host has not reported it yet.
pub fn asked_to(action: &Action) -> Activity {
    match action {
        Action::Install { goal } => Activity::AskedToInstall(goal.release.name.clone()),
        Action::Upgrade { from, goal, .. } => {
            Activity::AskedToUpgrade(from.name.version.clone(), goal.release.name.version.clone())
        }
        Action::Configure { .. } => Activity::AskedToConfigure,
        Action::Power { request: PowerRequest::Start, .. } => Activity::AskedToStart,
        Action::Power { request: PowerRequest::Stop, .. } => Activity::AskedToStop,
        Action::Power { request: PowerRequest::Restart, .. } => Activity::AskedToRestart,
        Action::Remove { .. } => Activity::AskedToRemove,
        Action::Data(DataAction::Backup { .. }) => Activity::AskedToBackUp,
        Action::Data(DataAction::Drill { .. }) => Activity::AskedToDrill,
        Action::Data(DataAction::Restore { from, .. }) => Activity::AskedToRestore(from.backup.clone()),
        Action::Data(DataAction::Forget { .. }) => Activity::AskedToForget,
    }
}

fn is_online(snapshot: &StateSnapshot, instance: &InstanceDesired) -> bool {
    snapshot.observed().hosts.get(&instance.host).is_some_and(|host| host.link == LinkState::Online)
}

/// Health of an instance as operators see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthShown {
    pub health: v1::InstanceHealth,
    /// Reason, where there is one.
    pub problem: Option<HealthProblem>,
    /// Failure of the order in which it is stuck.
    pub stuck: Option<OrderFailure>,
    /// While its host is away: the health of its last report.
    pub last: v1::InstanceHealth,
}

/// Returns the health of an instance. While its host is offline, the health is unknown, and the last report is only told with it.
pub fn health_of(snapshot: &StateSnapshot, name: &InstanceName, instance: &InstanceDesired) -> HealthShown {
    let seen = snapshot.observed().instances.get(name).filter(|seen| seen.host == instance.host);
    let said = health_said(seen.map(|seen| &seen.running));
    let unknown = HealthShown { health: v1::InstanceHealth::Unknown, ..HealthShown::default() };
    if snapshot.observed().duplicate(&instance.host).is_some() {
        return HealthShown { problem: Some(HealthProblem::HostDuplicate), ..unknown };
    }
    if said.health == v1::InstanceHealth::Unknown || is_online(snapshot, instance) {
        return said;
    }
    HealthShown { last: said.health, ..unknown }
}

fn health_said(running: Option<&Running>) -> HealthShown {
    let of = |health| HealthShown { health, ..HealthShown::default() };
    let Some(running) = running else { return of(v1::InstanceHealth::Unknown) };
    let Some(said) = running.last() else { return of(v1::InstanceHealth::Absent) };
    let shown = of(v1::InstanceHealth::from(&said.health));
    match &said.health {
        InstanceHealth::Unhealthy { problem } => HealthShown { problem: Some(problem.clone()), ..shown },
        InstanceHealth::Stuck { failure, .. } => HealthShown { stuck: Some(failure.clone()), ..shown },
        InstanceHealth::Healthy | InstanceHealth::Starting | InstanceHealth::Stopped | InstanceHealth::Unknown => shown,
    }
}

/// Returns the next action for an instance: where its data is gone, a restore.
fn hint(name: &InstanceName, end: Option<&Ended>, problem: Option<&HealthProblem>) -> Option<Hint> {
    if let Some(HealthProblem::VolumesGone(_)) = problem {
        return Some(Hint::RestoreInstance(name.clone()));
    }
    end.and_then(|end| end.outcome.hint()).cloned()
}

fn containers(said: &InstanceSaid) -> Vec<v1::ContainerView> {
    let view = |container: &fleet_core::facts::ContainerSaid| v1::ContainerView {
        service: container.service.clone(),
        name: container.name.clone(),
        image: container.image.clone(),
        state: v1::ContainerState::from(container.state).into(),
        health: v1::ContainerHealth::from(container.health).into(),
    };
    said.containers.iter().map(view).collect()
}

/// Returns the number of instances for each version of each app.
pub fn versions(snapshot: &StateSnapshot) -> Vec<v1::VersionCount> {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for (name, instance) in &snapshot.desired().instances {
        let seen = snapshot.observed().instances.get(name).and_then(|seen| seen.running.last());
        let version = seen.map_or("", |said| said.release.name.version.as_str());
        *counts.entry((instance.release.name.app.as_str(), version)).or_default() += 1;
    }
    let count = |((app, version), instances): ((&str, &str), u32)| v1::VersionCount {
        app: app.to_owned(),
        version: version.to_owned(),
        instances,
    };
    counts.into_iter().map(count).collect()
}

/// The facts at a moment, indexed.
pub fn plan_context(snapshot: &StateSnapshot, now: Time) -> PlanContext<'_> {
    PlanContext::new(snapshot.desired(), snapshot.asked(), snapshot.observed(), now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use crate::facts::testing::{NOW, memory, read, release, undo};
    use fleet_core::app::DataEffect;
    use fleet_core::facts::StepProgress;
    use fleet_core::health_problem::LostVolume;
    use fleet_core::order::Outcome;
    use fleet_core::plan::upgrade_ids;
    use fleet_core::rollout::{Member, Rollout};

    fn rollout(id: &str, to: &str, instances: &[&str]) -> Rollout {
        let bare = undo(id, "notes-1", 2);
        let member = |name: &&str| Member {
            instance: read(name),
            to: release(to),
            from: release("1.1"),
            through: Vec::new(),
            data: DataEffect::default(),
            from_revision: None,
            to_revision: None,
        };
        let created = Time(NOW.0 + u64::from(id == "newer"));
        Rollout { members: instances.iter().map(member).collect(), version: read(to), created, ..bare }
    }

    #[tokio::test]
    async fn nobody_knows_how_an_instance_is_while_its_host_is_away() {
        let facts = memory().with("lab-1", "notes-1").await;
        facts.say("lab-1", "notes-1", "1.1", 1).await;
        let health = || {
            let snapshot = facts.read();
            let name = read("notes-1");
            health_of(&snapshot, &name, &snapshot.desired().instances[&name])
        };
        let healthy = HealthShown { health: v1::InstanceHealth::Healthy, ..HealthShown::default() };
        assert_eq!(health(), healthy);
        facts.mark_offline(&read("lab-1"), Time(2));
        let last = v1::InstanceHealth::Healthy;
        assert_eq!(health(), HealthShown { health: v1::InstanceHealth::Unknown, last, ..HealthShown::default() });
    }

    #[tokio::test]
    async fn the_hint_for_data_that_is_gone_is_a_restore() {
        let facts = memory().with("lab-1", "notes-1").await;
        let view = |facts: &Facts| {
            let (snapshot, name) = (facts.read(), read("notes-1"));
            InstanceViews::of_one(&snapshot, &name).view(&name, &snapshot.desired().instances[&name])
        };
        let lost = LostVolume { name: "notes-1_data".to_owned(), is_replaced: false };
        let problem = HealthProblem::VolumesGone(vec![lost]);
        let health = InstanceHealth::Unhealthy { problem: problem.clone() };
        facts.say_health("lab-1", "notes-1", "1.1", 1, health).await;
        let shown = view(&facts);
        assert_eq!((shown.health(), shown.health_problem), (v1::InstanceHealth::Unhealthy, Some(problem.into())));
        assert_eq!(shown.hint, Some(Hint::RestoreInstance(read("notes-1")).into()));
        let failure = OrderFailure::NoStores;
        facts
            .say_health(
                "lab-1",
                "notes-1",
                "1.1",
                1,
                InstanceHealth::Stuck { failure: failure.clone(), is_data_changed: false },
            )
            .await;
        let shown = view(&facts);
        assert_eq!((shown.health(), shown.stuck), (v1::InstanceHealth::Unhealthy, Some(failure.into())));
    }

    #[tokio::test]
    async fn what_an_instance_does_is_shown_with_how_far_it_is() {
        let facts = memory().with("lab-1", "notes-1").await;
        let far = StepProgress::of_bytes(3_000_000, Some(12_000_000));
        let pull = Activity::Pull("web".to_owned());
        let doing = Doing { step: Some(pull.clone()), progress: Some(far) };
        facts.say_busy("lab-1", "notes-1", "o1", doing).await;
        let (snapshot, name) = (facts.read(), read("notes-1"));
        let view = InstanceViews::of_one(&snapshot, &name).view(&name, &snapshot.desired().instances[&name]);
        assert_eq!((view.doing, view.progress), (Some(pull.into()), Some(far.into())));
    }

    #[tokio::test]
    async fn what_a_newer_rollout_has_moved_on_is_bound_for_nowhere() {
        let facts = memory().with("lab-1", "notes-1").await.with("lab-2", "notes-2").await;
        let (older, newer) = (rollout("older", "1.2", &["notes-1", "notes-2"]), rollout("newer", "1.3", &["notes-1"]));
        for rollout in [&older, &newer] {
            facts.desire(|desired| desired.put_rollout(rollout.clone())).await;
            for id in upgrade_ids(rollout, &rollout.members[0]) {
                let heard = facts.hear_outcome(&read("lab-1"), id, read("notes-1"), Outcome::Done, NOW).await;
                heard.expect("it is its own");
            }
        }
        facts.say("lab-1", "notes-1", "1.3", 1).await;
        facts.say("lab-2", "notes-2", "1.1", 1).await;
        facts.mark_offline(&read("lab-2"), Time(1));
        let snapshot = facts.read();
        let plan_context = plan_context(&snapshot, Time(NOW.0 + 60_000));
        let phases = [&older, &newer].map(|rollout| plan_context.phase(rollout));
        assert_eq!(phases, [RolloutPhase::DoneButOffline { missing: 1 }, RolloutPhase::Done]);
        let views = InstanceViews::new(&snapshot, &plan_context);
        let wanted = snapshot.desired().instances.iter().map(|(name, wanted)| views.view(name, wanted).wanted_version);
        assert_eq!(wanted.collect::<Vec<_>>(), ["", "1.2"]);
    }
}
