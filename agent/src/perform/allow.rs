//! Asks the host's policy for everything by which an order reaches the host: the one gate of this agent.
//!
//! The check runs when an order is prepared, and again right before a container is created or started and before data
//! is read or filled. A running container may have replaced a folder by a link meanwhile, and people change policies
//! and volumes. The Engine resolves paths itself when it mounts them. Changes after the check, or before the Engine
//! starts a container on its own, are not detected.

use crate::agent_context::AgentContext;
use crate::ledger::Settled;
use crate::policy::PolicyError;
use crate::runtime::RuntimeError;
use fleet_core::app::{HealthRules, Probe, Rendered};
use fleet_core::backup::{Coverage, Mounted, StoreGap, coverage};
use fleet_core::health_problem::ProbeFailure;
use fleet_core::host_policy::{ExecUse, HostPolicy, HostReach, Leads, Reaches, coded, forbidden_stores, store_reaches};
use fleet_core::names::StoreName;
use fleet_core::policy_refusal::{PolicyRefusal, joined};
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::Step;
use fleet_core::steps::gate::{Observation, ProbeResult, target_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Action that the host's policy forbids.
#[derive(Debug, thiserror::Error)]
pub enum Forbidden {
    #[error("the host's own policy forbids it: {}", joined(.0))]
    ByPolicy(Vec<PolicyRefusal>),
    #[error("the host's policy cannot be read, so nothing is allowed: {0}")]
    NoPolicy(Arc<PolicyError>),
    #[error(transparent)]
    Look(#[from] RuntimeError),
}

/// Refuses reaches that the policy does not allow as of now, as they are written and where links take them.
pub async fn allow(context: &AgentContext, reaches: &Reaches) -> Result<(), Forbidden> {
    allow_where(context, reaches).await.map(drop)
}

/// The same, and where the links took the paths that it allows.
pub async fn allow_where(context: &AgentContext, reaches: &Reaches) -> Result<Leads, Forbidden> {
    let policy = context.policy.now().map_err(Forbidden::NoPolicy)?;
    let mut refusals = policy.refusals(reaches);
    let mut leads = Leads::new();
    if refusals.is_empty() {
        leads = context.path_resolver.follow(policy.paths_to_follow(reaches)).await;
        refusals = policy.refusals_of_links(reaches, &leads);
    }
    if refusals.is_empty() { Ok(leads) } else { Err(Forbidden::ByPolicy(coded(&refusals))) }
}

/// Refuses an instance with a reach that the policy forbids, including its existing volumes on this host.
pub async fn allow_instance(context: &AgentContext, rendered: &Rendered) -> Result<(), Forbidden> {
    allow_with_devices(context, Reaches::of_instance(rendered), &rendered.spec).await
}

/// The same for its containers alone.
pub async fn allow_spec(context: &AgentContext, spec: &InstanceSpec) -> Result<(), Forbidden> {
    allow_with_devices(context, Reaches::of_spec(spec), spec).await
}

/// Refuses reaches of an order that starts containers of this spec.
pub async fn allow_with_devices(
    context: &AgentContext,
    reaches: Reaches,
    spec: &InstanceSpec,
) -> Result<(), Forbidden> {
    // An action that is forbidden as written is refused without the Engine.
    allow(context, &reaches).await?;
    if spec.volumes.is_empty() {
        return Ok(());
    }
    let devices = context.runtime.volume_devices(spec).await?;
    let reaches = Reaches { all: Vec::new(), ..reaches }.with_devices(&devices);
    allow(context, &reaches).await
}

/// Refuses a change whose way back leads to a spec that the policy forbids by now, unless all of it runs: running
/// containers are started again, and nothing else.
pub async fn allow_way_back(context: &AgentContext, from: &InstanceSpec) -> Result<(), Forbidden> {
    let found = context.runtime.look(from).await?;
    let runs = |service: &str| found.containers.iter().any(|it| it.service == service && it.state.is_alive());
    let containers: Vec<_> = from.containers.iter().filter(|it| !runs(&it.service)).cloned().collect();
    if containers.is_empty() {
        return Ok(());
    }
    let policy = context.policy.now().map_err(Forbidden::NoPolicy)?;
    let refusals = policy.refusals(&Reaches::of_spec(&InstanceSpec { containers, ..from.clone() }));
    if refusals.is_empty() {
        return Ok(());
    }
    let mut refusals = coded(&refusals);
    refusals.push(PolicyRefusal::NoWayBack);
    Err(Forbidden::ByPolicy(refusals))
}

/// Checks a spec of the way back, right before a step that mounts it. [`allow_way_back`] has checked it as written when
/// the order was prepared; a later policy would leave nothing running. So only the present targets of links and volumes
/// are checked.
pub async fn allow_step_back(step: &Step, context: &AgentContext, spec: &InstanceSpec) -> Result<(), Forbidden> {
    if !mounts(step) {
        return Ok(());
    }
    let policy = context.policy.now().map_err(Forbidden::NoPolicy)?;
    let reaches = Reaches::of_spec(spec);
    let leads = context.path_resolver.follow(policy.paths_to_follow(&reaches)).await;
    let refusals = policy.refusals_of_links(&reaches, &leads);
    if !refusals.is_empty() {
        return Err(Forbidden::ByPolicy(coded(&refusals)));
    }
    allow_with_devices(context, Reaches { all: Vec::new(), ..reaches }, spec).await
}

/// Refuses them right before a step that mounts them.
pub async fn allow_step(step: &Step, context: &AgentContext, spec: &InstanceSpec) -> Result<(), Forbidden> {
    if mounts(step) { allow_spec(context, spec).await } else { Ok(()) }
}

fn mounts(step: &Step) -> bool {
    match step {
        Step::Create { .. } | Step::Start { .. } => true,
        Step::Pull { .. }
        | Step::ExpectNetwork { .. }
        | Step::ExpectVolume { .. }
        | Step::WriteFiles { .. }
        | Step::CreateNetwork { .. }
        | Step::CreateVolume { .. }
        | Step::Stop { .. }
        | Step::RemoveContainer { .. }
        | Step::Rename { .. }
        | Step::SetRestart { .. }
        | Step::AwaitHealthy { .. }
        | Step::AwaitExit { .. }
        | Step::Gate
        | Step::RemoveNetwork { .. }
        | Step::RemoveVolume { .. } => false,
    }
}

/// The stores that must not be read, each with the reason.
pub async fn stores_refused(
    context: &AgentContext,
    rendered: &Rendered,
    mounted: &Mounted,
) -> BTreeMap<StoreName, StoreGap> {
    let reaches = store_reaches(&rendered.stores, &rendered.spec, mounted);
    let policy = match context.policy.now() {
        Ok(policy) => policy,
        Err(reason) => {
            let gap = StoreGap::PolicyUnreadable { problem: reason.to_string() };
            return reaches.into_keys().map(|name| (name, gap.clone())).collect();
        }
    };
    let leads = context.path_resolver.follow(all_paths(&policy, reaches.values())).await;
    forbidden_stores(&policy, &reaches, &leads)
}

fn all_paths<'a>(policy: &HostPolicy, reaches: impl Iterator<Item = &'a Reaches>) -> BTreeSet<String> {
    reaches.flat_map(|reaches| policy.paths_to_follow(reaches)).collect()
}

/// Returns the coverage of the data on this host that the policy allows to be read; none if the host cannot be
/// inspected.
pub async fn coverage_now(context: &AgentContext, settled: &Settled) -> Option<Coverage> {
    let rendered = &settled.rendered;
    let mounted = context.runtime.mounted(&rendered.spec).await.ok()?;
    let refused = stores_refused(context, rendered, &mounted).await;
    Some(coverage(&rendered.stores, &rendered.spec, &mounted, &refused))
}

/// Looks at an instance. Exec probes that the policy does not allow are not run, and count as failed.
pub async fn observe(
    context: &AgentContext,
    spec: &InstanceSpec,
    health: &HealthRules,
) -> Result<Observation, RuntimeError> {
    let (mut run, mut failed) = (Vec::new(), Vec::new());
    for probe in &health.probes {
        match refused_probe(context, probe) {
            None => run.push(probe.clone()),
            Some(refusal) => failed.push(ProbeResult { probe: target_of(probe), failure: Some(not_run(refusal)) }),
        }
    }
    let seen = context.runtime.observe(spec, &HealthRules { probes: run, ..health.clone() }).await?;
    Ok(Observation { probes: seen.probes.into_iter().chain(failed).collect(), ..seen })
}

fn not_run(forbidden: Forbidden) -> ProbeFailure {
    match forbidden {
        Forbidden::ByPolicy(refusals) => ProbeFailure::Forbidden { refusals },
        Forbidden::NoPolicy(problem) => ProbeFailure::PolicyUnreadable { problem: problem.to_string() },
        Forbidden::Look(error) => ProbeFailure::CommandNotRun { cause: crate::chain(&error) },
    }
}

/// Refuses to wait for probes that must not be run.
pub fn allow_probes(context: &AgentContext, health: &HealthRules) -> Result<(), Forbidden> {
    health.probes.iter().find_map(|probe| refused_probe(context, probe)).map_or(Ok(()), Err)
}

fn refused_probe(context: &AgentContext, probe: &Probe) -> Option<Forbidden> {
    let reach = HostReach::Exec(ExecUse::of_probe(probe)?);
    let refusals = match context.policy.now() {
        Ok(policy) => policy.refusals(&Reaches { own: None, all: vec![reach] }),
        Err(reason) => return Some(Forbidden::NoPolicy(reason)),
    };
    (!refusals.is_empty()).then(|| Forbidden::ByPolicy(coded(&refusals)))
}
