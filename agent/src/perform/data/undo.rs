//! Puts back whatever the journal of an order has: the way back of all work on data.
//!
//! **Invariant:** a change that cannot be undone stays in the journal and is reported.

use super::restore_release::make_containers;
use super::targets::unmake_missing;
use super::{DataError, DataWork, bucket, holds, set_aside};
use crate::agent_context::AgentContext;
use crate::ledger::{Aside, RestorePhase, Settled};
use crate::perform::forward::{self, stages};
use crate::perform::prepare::look;
use crate::perform::standstill::{start_servers, stop_all};
use crate::perform::work::Finish;
use fleet_core::activity::Activity;
use fleet_core::backup::Store;
use fleet_core::failed_step::FileStep;
use fleet_core::names::{OrderId, StoreName};
use fleet_core::spec::InstanceSpec;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Restores the state of the host before the order.
pub async fn undo(data: &DataWork<'_>) -> Result<(), DataError> {
    if let Some(settled) = &data.open.from {
        // Stopped services are resumed first: a tool that does not end must not delay them.
        let spec = &settled.rendered.spec;
        let released = holds::release(data, spec, |_| true).await;
        data.context().runtime.sweep_tools(spec).await?;
        match released {
            Ok(_) => {}
            // A tool of its own on the same data keeps a service from starting.
            Err(_) => drop(holds::release(data, spec, |_| true).await?),
        }
    }
    sweep(data).await?;
    if data.journal().reach == RestorePhase::Apart {
        match &data.open.from {
            Some(settled) => put_together(data, settled).await?,
            None => unmake(data).await?,
        }
    }
    Ok(())
}

/// Removes the parts of a drill: containers, networks, volumes, files.
pub async fn sweep(data: &DataWork<'_>) -> Result<(), DataError> {
    if let Some(spec) = data.journal().sandbox {
        data.work.say(Activity::RemovingSandbox);
        data.context().runtime.sweep_tools(&spec).await?;
        remove(data, &spec).await?;
        remove_folder(&spec.working_dir).await?;
    }
    remove_folder(scratch(data)).await?;
    Ok(data.note(|journal| journal.sandbox = None).await?)
}

/// Returns the folder for files of a drill.
pub fn scratch(data: &DataWork<'_>) -> PathBuf {
    scratch_of(data.context(), &data.order.id)
}

pub fn scratch_of(context: &AgentContext, order: &OrderId) -> PathBuf {
    context.data_dir.join("drills").join(order.as_str())
}

/// Puts the old data back, and starts the instance's services as before.
async fn put_together(data: &DataWork<'_>, settled: &Settled) -> Result<(), DataError> {
    let spec = &settled.rendered.spec;
    stop_all(data, spec).await?;
    let asides = data.journal().aside;
    for aside in asides.iter().rev() {
        data.work.say(Activity::PuttingBack(aside.path.display().to_string()));
        moved(aside, FileStep::PutBack, set_aside::put_back).await?;
    }
    // Whatever else fails, the data is that of before.
    data.note(|journal| journal.aside.clear()).await?;
    let other = data.open_now().and_then(|open| open.to);
    unmake_missing(data, other.as_ref().map_or(spec, |to| &to.rendered.spec)).await?;
    if other.is_some() {
        // The containers are those of another release.
        data.work.allow_back();
        make_containers(data, settled).await?;
    }
    bucket::put_back(data, settled).await?;
    let entry = data.context().ledger().instances().get(&data.order.instance).cloned();
    if entry.and_then(|entry| entry.stuck).is_some_and(|stuck| stuck.is_data_changed) {
        // The data is again what a failed upgrade has left: the app must not start over it.
        start_servers(data, settled).await;
    } else {
        let finish = if settled.is_stopped() { Finish::AsIs } else { Finish::Healthy(&settled.rendered.health) };
        data.work.perform(spec, |found| stages(found, settled), finish).await?;
    }
    Ok(())
}

/// Removes everything that was created for a new instance.
async fn unmake(data: &DataWork<'_>) -> Result<(), DataError> {
    let Some(to) = data.open_now().and_then(|open| open.to) else { return Ok(()) };
    remove(data, &to.rendered.spec).await?;
    unmake_missing(data, &to.rendered.spec).await?;
    for aside in data.journal().aside.iter().rev() {
        moved(aside, FileStep::PutBack, set_aside::put_back).await?;
    }
    let is_outside = |name: &StoreName| {
        to.rendered.stores.get(name).and_then(Store::bucket).is_some_and(|bucket| bucket.service.is_none())
    };
    let outside: BTreeSet<StoreName> = to.rendered.stores.keys().filter(|name| is_outside(name)).cloned().collect();
    let noted = data.note(move |journal| {
        journal.aside.clear();
        // Data inside the instance was removed with its volumes.
        journal.filled.retain(|name| outside.contains(name));
    });
    Ok(noted.await?)
}

/// Removes an instance with its own volumes, which only this order created.
async fn remove(data: &DataWork<'_>, spec: &InstanceSpec) -> Result<(), DataError> {
    let own = own_volumes(spec);
    Ok(forward::remove(data.work, spec, &own).await?)
}

/// The volumes that are not of others.
pub fn own_volumes(spec: &InstanceSpec) -> BTreeSet<String> {
    spec.volumes.iter().filter(|volume| !volume.external).map(|volume| volume.name.clone()).collect()
}

pub async fn remove_folder(path: impl Into<PathBuf>) -> Result<(), DataError> {
    let path = path.into();
    let removed = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        })
        .await
    };
    let removed = removed.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    removed.map_err(|source| DataError::Disk { step: FileStep::Remove, path, source })
}

/// Does something to a folder off the threads that must not wait.
pub async fn moved(aside: &Aside, step: FileStep, how: fn(&Aside) -> std::io::Result<()>) -> Result<(), DataError> {
    let (path, aside) = (aside.path.clone(), aside.clone());
    let done = tokio::task::spawn_blocking(move || how(&aside)).await;
    let done = done.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    done.map_err(|source| DataError::Disk { step, path, source })
}

/// Returns the spec's own volumes that exist already.
pub async fn volumes_there(data: &DataWork<'_>, spec: &InstanceSpec) -> Result<Vec<String>, DataError> {
    let found = look(data.context(), spec).await?;
    let own = spec.volumes.iter().filter(|volume| !volume.external);
    Ok(own.filter(|volume| found.volumes.contains(&volume.name)).map(|volume| volume.name.clone()).collect())
}
