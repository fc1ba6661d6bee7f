//! Plan of a change of an instance: core renders and compares the old and the new state.

use crate::rpc_status::{failed, refuse};
use fleet_core::app::{AppDefinition, Bundle, CheckedValues, Given, Placement, Rendered, ValueProblem};
use fleet_core::compose::Problems;
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName, Version};
use fleet_core::planned_change::PlannedChange;
use fleet_core::refused_call::{Attempt, CallRefusal, first_of};
use fleet_core::spec::{InstanceSpec, diff};
use fleet_render::{RenderError, Session};
use std::collections::BTreeMap;
use tonic::Status;

/// Folder of instances in renderings; the difference between two renderings does not depend on it.
const INSTANCES: &str = "/var/lib/fleet-agent/instances";

pub fn placement(instance: &InstanceName, host: &HostName, version: &Version) -> Placement {
    Placement {
        instance: instance.clone(),
        host: host.clone(),
        version: version.clone(),
        working_dir: format!("{INSTANCES}/{instance}"),
    }
}

/// Checks values against the app's declarations, and returns all problems at once.
pub fn check(attempt: Attempt, definition: &AppDefinition, given: &Given) -> Result<CheckedValues, Status> {
    CheckedValues::check(&definition.values, given).map_err(|problems| refused(attempt, definition, &problems))
}

/// Checks the values of an instance for one release; values that only other releases declare are skipped.
pub fn check_for(attempt: Attempt, definition: &AppDefinition, values: &Given) -> Result<CheckedValues, Status> {
    CheckedValues::of_instance(&definition.values, values).map_err(|problems| refused(attempt, definition, &problems))
}

fn refused(attempt: Attempt, definition: &AppDefinition, problems: &[ValueProblem]) -> Status {
    let (problems, more) = first_of(texts(problems));
    let refusal = CallRefusal::ValuesInvalid { more, problems };
    refuse(attempt, refusal, Hint::SeeValues(definition.app.clone()))
}

/// Returns the problems of values as their check states them.
pub fn texts(problems: &[ValueProblem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// Returns the refusal of a release that is not valid.
pub fn invalid(problems: &Problems) -> CallRefusal {
    let (problems, more) = first_of(problems.0.iter().map(ToString::to_string));
    CallRefusal::ReleaseInvalid { more, problems }
}

/// Renders a release with values, or refuses it with all problems.
pub async fn rendered(
    session: &mut Session,
    attempt: Attempt,
    bundle: &Bundle,
    values: &CheckedValues,
    placement: &Placement,
) -> Result<Rendered, Status> {
    session.render(bundle, values, placement).await.map_err(|error| not_rendered(attempt, error))
}

/// Returns the refusal of a failed rendering.
pub fn not_rendered(attempt: Attempt, error: RenderError) -> Status {
    match error {
        RenderError::Refused(problems) => refuse(attempt, invalid(&problems), None),
        RenderError::Busy => refuse(attempt, CallRefusal::RenderersBusy, Hint::TryAgain),
        RenderError::Start(_) | RenderError::Talk(_) => failed(attempt, &error),
    }
}

/// Returns the changes from one spec to another; nothing when nothing changes.
pub fn planned(from: Option<&InstanceSpec>, to: &InstanceSpec) -> Vec<PlannedChange> {
    PlannedChange::of_diff(&diff(from, to))
}

/// Returns the values after a change: given ones are set, unset ones get their default.
pub fn merged(before: &BTreeMap<String, String>, given: &BTreeMap<String, String>, unset: &[String]) -> Given {
    let mut merged = before.clone();
    merged.extend(given.clone());
    unset.iter().for_each(|name| drop(merged.remove(name)));
    merged
}
