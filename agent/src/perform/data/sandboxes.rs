//! Sandboxes that drills could not remove: they are reported by name, and the agent retries the removal until they are
//! gone.
//!
//! **Invariant:** only parts made by a drill are removed here: those of its own project, and its own folders.

use super::error::HostFault;
use super::undo::{own_volumes, remove_folder, scratch_of};
use super::{DataError, DataWork};
use crate::agent_context::AgentContext;
use crate::clock;
use crate::ledger::{LedgerError, LedgerWriter, LeftoverSandbox};
use crate::runtime::{Notes, RuntimeError};
use fleet_core::activity::Activity;
use fleet_core::backup::DataNote;
use fleet_core::event::HostEvent;
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::{Order, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::sandbox_part::SandboxPart;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::{FoundProject, Ownership, steps_to_remove};
use fleet_core::time::Time;
use futures_util::future::join_all;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// Large volumes take their time; then it is tried later. A later try gives way to orders.
pub const LIMIT: Duration = Duration::from_secs(600);
/// Time limit for describing the remains at the end of an order.
const LOOK: Duration = Duration::from_secs(10);
/// Interval between events about remains; the agent's start also causes one.
const BETWEEN_WORDS: Duration = Duration::from_secs(24 * 3600);

/// Returns the sandboxes of which something remains.
fn left_of(context: &AgentContext, instance: &InstanceName) -> Vec<LeftoverSandbox> {
    context.ledger().sandboxes().values().filter(|sandbox| sandbox.instance == *instance).cloned().collect()
}

/// Records the parts that an ending order could not remove, and adds them to its outcome.
pub async fn keep_left(data: &DataWork<'_>, outcome: Outcome) -> Outcome {
    let Some(spec) = data.journal().sandbox else { return outcome };
    let context = data.context();
    let looked = timeout(LOOK, parts(context, &data.order.id, &spec)).await;
    let parts = looked.ok().and_then(Result::ok).unwrap_or_else(|| all_parts(&spec));
    let now = clock::now();
    let (order, instance) = (data.order.id.clone(), data.order.instance.clone());
    let sandbox = LeftoverSandbox { order, instance, spec, parts, since: now, said: now };
    let kept = sandbox.clone();
    context.retry_until_ok(move |ledger| ledger.keep_double(kept.clone())).await;
    tell(context, &sandbox);
    let failure = match outcome.failure().cloned() {
        Some(failure) => OrderFailure::SomethingLeft { left: vec![note(&sandbox)], failure: Box::new(failure) },
        None => OrderFailure::SandboxNotRemoved { project: sandbox.spec.project.clone(), parts: sandbox.parts.clone() },
    };
    Outcome::Stuck { failure, hint: Some(Hint::LookAtSandbox(sandbox.spec.project.clone())) }
}

/// Records the remains after a fault of this agent, without inspecting them.
pub fn keep_of_fault(
    ledger: &mut LedgerWriter,
    order: &Order,
    spec: Box<InstanceSpec>,
    now: Time,
) -> Result<(), LedgerError> {
    let parts = all_parts(&spec);
    let (order, instance) = (order.id.clone(), order.instance.clone());
    ledger.keep_double(LeftoverSandbox { order, instance, spec, parts, since: now, said: now })
}

/// Returns the remark about the remains for an outcome.
fn note(sandbox: &LeftoverSandbox) -> DataNote {
    DataNote::SandboxLeft { project: sandbox.spec.project.clone(), parts: sandbox.parts.clone() }
}

fn tell(context: &AgentContext, sandbox: &LeftoverSandbox) {
    let event = HostEvent::SandboxLeft { project: sandbox.spec.project.clone(), parts: sandbox.parts.clone() };
    tracing::warn!(instance = %sandbox.instance, %event, "parts of a sandbox could not be removed");
    context.status_writer.tell(clock::now(), Some(&sandbox.instance), event);
}

/// Tells people of all that is left, when the agent starts.
pub fn tell_all(context: &AgentContext) {
    let sandboxes: Vec<LeftoverSandbox> = context.ledger().sandboxes().values().cloned().collect();
    sandboxes.iter().for_each(|sandbox| tell(context, sandbox));
}

/// Tries once to remove the remains of an instance's drills.
pub async fn try_again(context: &AgentContext, instance: &InstanceName) {
    for sandbox in left_of(context, instance) {
        let failure = match timeout(LIMIT, remove(context, &sandbox)).await {
            Ok(Ok(())) => continue,
            Ok(Err(failures)) => failures.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        tracing::warn!(%instance, project = sandbox.spec.project, failure, "what a drill made could not be removed yet");
        say_again(context, sandbox).await;
    }
}

/// Removes the remains of an instance's earlier drills before another begins.
pub async fn clear(data: &DataWork<'_>) -> Result<(), DataError> {
    for sandbox in left_of(data.context(), &data.order.instance) {
        data.work.say(Activity::RemovingEarlierSandbox);
        if let Err(NotRemoved { failures }) = remove(data.context(), &sandbox).await {
            let (project, parts) = (sandbox.spec.project.clone(), sandbox.parts.clone());
            return Err(HostFault::SandboxLeft { project, parts, failures }.into());
        }
    }
    Ok(())
}

/// Reports it again after a long time, and records the present remains.
async fn say_again(context: &AgentContext, before: LeftoverSandbox) {
    let now = clock::now();
    let looked = timeout(LOOK, parts(context, &before.order, &before.spec)).await;
    let parts = looked.ok().and_then(Result::ok).unwrap_or_else(|| before.parts.clone());
    let is_due = now.since(before.said) >= BETWEEN_WORDS;
    let sandbox = LeftoverSandbox { parts, said: if is_due { now } else { before.said }, ..before.clone() };
    if is_due {
        tell(context, &sandbox);
    }
    if sandbox != before {
        context.retry_until_ok(move |ledger| ledger.keep_double(sandbox.clone())).await;
    }
}

/// Failures that leave something of a sandbox, and the parts that are left.
#[derive(Debug, thiserror::Error)]
#[error("{}", OrderFailure::Several { failures: failures.clone() })]
struct NotRemoved {
    failures: Vec<OrderFailure>,
}

impl From<RuntimeError> for NotRemoved {
    fn from(error: RuntimeError) -> Self {
        Self { failures: vec![(&error).into()] }
    }
}

/// Removes all removable parts of a sandbox.
async fn remove(context: &AgentContext, sandbox: &LeftoverSandbox) -> Result<(), NotRemoved> {
    let spec = &sandbox.spec;
    let mut failures = Vec::new();
    failures.extend(context.runtime.sweep_tools(spec).await.err().as_ref().map(OrderFailure::from));
    let found = context.runtime.look(spec).await?;
    // A part that cannot be removed does not block the others.
    for stage in steps_to_remove(&found, spec, &own_volumes(spec)) {
        let notes = Notes::unheard();
        let done = join_all(stage.steps.iter().map(|step| context.runtime.perform(step, spec, &notes))).await;
        failures.extend(done.into_iter().filter_map(Result::err).map(|error| OrderFailure::from(&error)));
    }
    for folder in folders(context, &sandbox.order, spec) {
        failures.extend(remove_folder(folder).await.err().as_ref().map(OrderFailure::from));
    }
    let parts = parts(context, &sandbox.order, spec).await?;
    if !parts.is_empty() || !failures.is_empty() {
        return Err(NotRemoved { failures });
    }
    let order = sandbox.order.clone();
    context.retry_until_ok(move |ledger| ledger.double_is_gone(&order)).await;
    let project = spec.project.clone();
    tracing::warn!(instance = %sandbox.instance, project, "all parts of a sandbox are removed now");
    context.status_writer.tell(clock::now(), Some(&sandbox.instance), HostEvent::SandboxRemoved { project });
    Ok(())
}

fn folders(context: &AgentContext, order: &OrderId, spec: &InstanceSpec) -> [PathBuf; 2] {
    [PathBuf::from(&spec.working_dir), scratch_of(context, order)]
}

/// Returns the existing parts of a sandbox by name.
async fn parts(context: &AgentContext, order: &OrderId, spec: &InstanceSpec) -> Result<Vec<SandboxPart>, RuntimeError> {
    let found = context.runtime.look(spec).await?;
    let folders = folders(context, order, spec).into_iter().filter(|folder| folder.exists());
    let folders = folders.map(|folder| SandboxPart::Folder(folder.display().to_string()));
    Ok(named(&found).into_iter().chain(folders).collect())
}

/// Returns all parts that it may have, if they cannot be inspected.
fn all_parts(spec: &InstanceSpec) -> Vec<SandboxPart> {
    named(&FoundProject::of_spec(spec))
}

fn named(found: &FoundProject) -> Vec<SandboxPart> {
    let containers = found.containers.iter().map(|it| SandboxPart::Container(it.name.clone()));
    let own = found.networks.iter().filter(|network| network.ownership == Ownership::OfProject);
    let networks = own.map(|it| SandboxPart::Network(it.name.clone()));
    containers.chain(networks).chain(found.volumes.iter().cloned().map(SandboxPart::Volume)).collect()
}
