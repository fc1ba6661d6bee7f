//! From an order's goal to what the instance shall be, or why this host will not have it. Touches nothing.

use crate::bundles::FetchError;
use crate::ledger::{Settled, Values};
use crate::site::Site;
use fleet_core::app::{AppDefinition, CheckedValues, Placement, Probe, Rendered, render};
use fleet_core::compose::Problems;
use fleet_core::facts::{DriftRule, PowerDesired};
use fleet_core::host_policy::{HostPolicy, violations};
use fleet_core::names::InstanceName;
use fleet_core::order::{Goal, PowerWish};
use fleet_core::spec::MountSource;

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
    #[error("the host's own policy forbids it: {0}")]
    Forbidden(String),
    #[error("the host's policy cannot be read, so nothing is allowed: {0}")]
    NoPolicy(String),
}

/// What the instance becomes when the goal is reached.
pub async fn prepare(
    site: &Site,
    instance: &InstanceName,
    goal: &Goal,
    values: &Values,
    drift: DriftRule,
    from: Option<&Settled>,
) -> Result<Settled, PrepareError> {
    let bundle = site.bundles.get(&goal.release.digest).await?;
    let definition = AppDefinition::of(&bundle).map_err(|problems| PrepareError::Render(all(&problems)))?;
    if definition.app != goal.release.name.app {
        return Err(PrepareError::OtherApp(definition.app.to_string()));
    }
    let values = CheckedValues::check(&definition.values, &values.0).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        PrepareError::Values(texts.join("; "))
    })?;
    let placement = Placement {
        instance: instance.clone(),
        host: site.host.clone(),
        version: goal.release.name.version.clone(),
        working_dir: site.working_dir(instance).display().to_string(),
    };
    let rendered = render(&bundle, &values, &placement).map_err(|problems| PrepareError::Render(all(&problems)))?;
    allow(&site.policy.now(), &rendered)?;
    let (release, revision, since) = (goal.release.clone(), goal.revision, crate::clock::now());
    let power = from.map_or(PowerDesired { wish: PowerWish::Start, serial: 0 }, |from| from.power);
    Ok(Settled { release, revision, power, drift, rendered, since })
}

fn all(problems: &Problems) -> String {
    let texts: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

fn allow(policy: &Result<HostPolicy, String>, rendered: &Rendered) -> Result<(), PrepareError> {
    let policy = policy.as_ref().map_err(|reason| PrepareError::NoPolicy(reason.clone()))?;
    let spec = &rendered.spec;
    let images = spec.containers.iter().map(|container| container.image.as_str());
    let mounts = spec.containers.iter().flat_map(|container| &container.mounts);
    let own = |path: &str| path == spec.working_dir || path.starts_with(&format!("{}/", spec.working_dir));
    let host_paths = mounts.filter_map(|mount| match &mount.source {
        MountSource::Bind { path, .. } if !own(path) || path.contains("/../") => Some(path.as_str()),
        MountSource::Bind { .. } | MountSource::Volume(_) | MountSource::Anonymous | MountSource::Tmpfs { .. } => None,
    });
    let exec = rendered.health.probes.iter().filter(|probe| matches!(probe, Probe::Exec(_)));
    let found = violations(policy, &spec.app, images, host_paths, exec.map(Probe::service));
    if found.is_empty() { Ok(()) } else { Err(PrepareError::Forbidden(found.join("; "))) }
}
