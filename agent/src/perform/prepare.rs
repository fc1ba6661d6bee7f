//! From an order's goal to the instance's target state, or to this host's refusal. Changes nothing.

use super::allow::{Forbidden, allow_instance, allow_way_back, allow_with_devices};
use super::claims::{ClaimError, expect_no_foreign_container, expect_own};
use super::heal::{listed, lost_volumes};
use crate::agent_context::AgentContext;
use crate::bundles::FetchError;
use crate::ledger::{Settled, Values};
use crate::runtime::RuntimeError;
use fleet_core::app::{AppDefinition, CheckedValues, Placement};
use fleet_core::claims::{BareInstance, Claims};
use fleet_core::compose::Problems;
use fleet_core::facts::{DriftRule, PowerDesired};
use fleet_core::health_problem::LostVolume;
use fleet_core::host_policy::Reaches;
use fleet_core::names::{InstanceName, Version};
use fleet_core::order::PowerRequest;
use fleet_core::release::Goal;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::FoundProject;
use fleet_render::RenderError;
use std::time::Duration;
use tokio::time::sleep;

/// Pause between two attempts to reach the Engine.
const ENGINE_PAUSE: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the release is not for this app: it is {0}")]
    OtherApp(String),
    #[error("{0}")]
    Values(String),
    #[error("{0}")]
    Render(String),
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error(transparent)]
    Claim(#[from] ClaimError),
    #[error(
        "its data is gone: somebody removed {lost}. Starting it now would begin with nothing, and look fine; put the data back \
         from a backup (volumes that are not there: first `docker volume create`), or remove the instance and install it \
         anew; a volume that is made by hand counts with the label `fleet.instance={1}`",
        lost = listed(.0)
    )]
    DataGone(Vec<LostVolume>, InstanceName),
    #[error("it is stopped, and has to run as {through} on its way")]
    Stopped { through: Version },
    #[error("{0}, on its way: {1}")]
    OnTheWay(Version, Box<PrepareError>),
    #[error(transparent)]
    Look(#[from] RuntimeError),
}

impl PrepareError {
    /// Returns whether it is temporary: the Engine does not answer.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Look(error) | Self::Claim(ClaimError::Look(error)) | Self::Forbidden(Forbidden::Look(error)) => {
                error.is_passing()
            }
            Self::OnTheWay(_, error) => error.is_passing(),
            Self::Fetch(_)
            | Self::Stopped { .. }
            | Self::OtherApp(_)
            | Self::Values(_)
            | Self::Render(_)
            | Self::Forbidden(_)
            | Self::Claim(_)
            | Self::DataGone(..) => false,
        }
    }
}

/// Prepares the target state of the instance.
pub async fn prepare(
    context: &AgentContext,
    instance: &InstanceName,
    goal: &Goal,
    values: &Values,
    drift: DriftRule,
    from: Option<&Settled>,
) -> Result<Settled, PrepareError> {
    let bundle = context.bundles.get(&goal.release.digest).await?;
    let definition = AppDefinition::of(&bundle).map_err(|problems| PrepareError::Render(all(&problems)))?;
    if definition.app != goal.release.name.app {
        return Err(PrepareError::OtherApp(definition.app.to_string()));
    }
    let checked = CheckedValues::of_instance(&definition.values, &values.0).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        PrepareError::Values(texts.join("; "))
    })?;
    let placement = Placement {
        instance: instance.clone(),
        host: context.host.clone(),
        version: goal.release.name.version.clone(),
        working_dir: context.working_dir(instance).display().to_string(),
    };
    let mut rendered = context.renderer.render(&bundle, &checked, &placement).await.map_err(not_rendered)?;
    allow_instance(context, &rendered).await?;
    if let Some(from) = from.filter(|from| !from.is_stopped()) {
        allow_way_back(context, &from.rendered.spec).await?;
    }
    let before = from.map(|from| &from.rendered.spec);
    if let Some(before) = before {
        rendered.spec.keep_host_label(before);
    }
    expect_own(context, &rendered.spec, before).await?;
    let (release, revision, since) = (goal.release.clone(), goal.revision, crate::clock::now());
    let power = from.map_or(PowerDesired { request: PowerRequest::Start, serial: 0 }, |from| from.power);
    let signed = from.map(|from| from.signed.clone()).unwrap_or_default();
    Ok(Settled { release, revision, power, drift, rendered, values: values.clone(), since, signed })
}

/// Checks whether an order with these claims would be refused. Parts of others that it uses must exist.
pub async fn expect_claimable(
    context: &AgentContext,
    instance: &InstanceName,
    claims: &Claims,
) -> Result<(), PrepareError> {
    let from = context.ledger().settled(instance).cloned();
    let from = from.as_ref().map(|settled| &settled.rendered.spec);
    let working_dir = context.working_dir(instance).display().to_string();
    let mut to = claims.bare_spec(&BareInstance { instance, host: &context.host, working_dir: &working_dir });
    if let Some(from) = from {
        to.keep_host_label(from);
    }
    expect_own(context, &to, from).await?;
    let found = look(context, &to).await?;
    let networks = claims.used_networks.iter().filter(|name| !found.has_network(name));
    let volumes = claims.used_volumes.iter().filter(|name| !found.volumes.contains(*name));
    let mut not_there = networks.map(|name| ("network", name)).chain(volumes.map(|name| ("volume", name)));
    if let Some((kind, name)) = not_there.next() {
        return Err(RuntimeError::NotThere { kind, name: name.clone() }.into());
    }
    allow_with_devices(context, Reaches { own: Some(working_dir), all: Vec::new() }, &to).await?;
    Ok(())
}

/// Refuses to start an instance that has lost its data, or beside foreign containers in its place.
pub async fn refuse_to_start(context: &AgentContext, from: &Settled) -> Result<(), PrepareError> {
    let found = look(context, &from.rendered.spec).await?;
    expect_no_foreign_container(&found)?;
    expect_data(&found, from)
}

/// Refuses to work on an instance that has lost its data: the Engine would create an empty volume of that name.
pub async fn refuse_without_data(context: &AgentContext, from: &Settled) -> Result<(), PrepareError> {
    expect_data(&look(context, &from.rendered.spec).await?, from)
}

fn expect_data(found: &FoundProject, from: &Settled) -> Result<(), PrepareError> {
    let lost = lost_volumes(found, from);
    if lost.is_empty() {
        return Ok(());
    }
    Err(PrepareError::DataGone(lost, from.rendered.spec.instance.clone()))
}

/// Looks as soon as the Engine answers; the order's deadline ends the waiting.
pub async fn look(context: &AgentContext, spec: &InstanceSpec) -> Result<FoundProject, RuntimeError> {
    loop {
        match context.runtime.look(spec).await {
            Err(error) if error.is_passing() => sleep(ENGINE_PAUSE).await,
            answer => return answer,
        }
    }
}

fn not_rendered(error: RenderError) -> PrepareError {
    PrepareError::Render(match error {
        RenderError::Refused(problems) => all(&problems),
        RenderError::Busy | RenderError::Start(_) | RenderError::Talk(_) => crate::chain(&error),
    })
}

fn all(problems: &Problems) -> String {
    let texts: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
