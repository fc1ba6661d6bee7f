//! Replaces an instance's data with a backup's.
//!
//! **Invariant:** the old data is there, untouched, until the instance has passed its gate with the new: it is renamed, and
//! renamed back.

use super::agreed::expect_kept;
use super::backup::Taken;
use super::bereft::{expect_rest, make_removed};
use super::drill::fillings;
use super::error::{HostFault, UnfitError};
use super::fault::StoreFault;
use super::fill::{Filling, Loaded, load_all};
use super::passed::{note_passed, passed};
use super::room::expect_room;
use super::side_files;
use super::side_plan;
use super::source::{self, Opened};
use super::targets::{Target, Targets, expect_alone, expect_nobody, make_missing, targets};
use super::{DataError, DataWork, OrderEnd, backup, others, set_aside, undo};
use crate::ledger::{Aside, DataSwap, RestorePhase, Settled};
use crate::perform::allow::allow_with_devices;
use crate::perform::forward::stages;
use crate::perform::standstill::stop_all;
use crate::perform::work::Finish;
use fleet_core::activity::Activity;
use fleet_core::app::Rendered;
use fleet_core::backup::{BackupSource, Cause, DataNote, Differences, Others, Part, Privileges, Root};
use fleet_core::failed_step::FileStep;
use fleet_core::host_policy::Reaches;
use fleet_core::names::{RepositoryName, StoreName};
use fleet_core::order_failure::OrderFailure;
use fleet_repository::Restored;
use std::collections::BTreeSet;
use std::path::Path;

/// Restores into an instance that is there.
pub async fn in_place(
    data: &DataWork<'_>,
    from: &BackupSource,
    only: &BTreeSet<StoreName>,
    safety: &BTreeSet<RepositoryName>,
    (others, privileges): (Others, Privileges),
) -> Result<OrderEnd, DataError> {
    let began = tokio::time::Instant::now();
    let Some(settled) = &data.open.from else { return Err(UnfitError::NoInstance.into()) };
    let opened = source::open(data, from, privileges).await?;
    expect_same(&opened, settled)?;
    expect_whole(data, only)?;
    expect_rest(data, settled, only).await?;
    let parts = chosen(&opened, only)?;
    let fillings = fillings(&settled.rendered, &parts)?;
    allow_fillings(data, &settled.rendered, &fillings).await?;
    let targets = targets(data, &opened, &settled.rendered, &fillings).await?;
    expect_alone(data, &settled.rendered, &fillings, &targets.found).await?;
    expect_nobody(data, &settled.rendered.spec, &targets.found).await?;
    planned(data, &targets.found)?;
    expect_room(data, &targets.wanted).await?;
    let databases: Vec<_> = fillings.iter().map(|it| (it.name, it.store)).collect();
    let today = side_files::gather_all(data, &settled.rendered.spec, &databases).await;
    let mut lost = others::expect_none(data, &settled.rendered, &fillings, &targets.found, others).await?;
    lost.extend(expect_kept(&today, others)?);
    let side = side_plan::plan(data, &opened, &fillings, today).await?;
    let lost = lost.into_iter().map(|what| DataNote::Replaced { what });
    let notes = lost.chain(side.notes.iter().cloned()).collect();
    data.note(|journal| journal.notes = notes).await?;
    keep_safe(data, settled, safety).await?;
    let targets = take_apart(data, settled, targets).await?;
    let spec = &settled.rendered.spec;
    restore_all(data, &opened, &targets).await?;
    make_removed(data, spec).await?;
    note_different(data, &load_all(data, &opened, &fillings, spec, &side).await?).await?;
    data.work.say(Activity::StartingRestored);
    run_again(data, settled).await?;
    note_passed(data, &opened, (&parts, &settled.rendered), began).await?;
    Ok(passed(data).await)
}

/// Refuses a restore that the host's policy forbids: starting the instance, or running the tools that fill its stores.
pub async fn allow_fillings(
    data: &DataWork<'_>,
    rendered: &Rendered,
    fillings: &[Filling<'_>],
) -> Result<(), DataError> {
    let reaches = Reaches::of_restore(rendered, fillings.iter().map(|it| (it.name, it.store)));
    Ok(allow_with_devices(data.context(), reaches, &rendered.spec).await?)
}

/// Refuses to restore some stores where a failed upgrade may have changed others: the instance would start over these.
fn expect_whole(data: &DataWork<'_>, only: &BTreeSet<StoreName>) -> Result<(), DataError> {
    let entry = data.context().ledger().instances().get(&data.order.instance).cloned();
    let stuck = entry.and_then(|entry| entry.stuck).filter(|stuck| stuck.is_data_changed && !only.is_empty());
    match stuck {
        Some(stuck) => Err(UnfitError::DataChanged { failure: Box::new(stuck.failure) }.into()),
        None => Ok(()),
    }
}

/// Data of one version is nothing for another.
fn expect_same(opened: &Opened, settled: &Settled) -> Result<(), DataError> {
    let (was, is) = (&opened.manifest.release, &settled.release);
    if was.name == is.name {
        return Ok(());
    }
    Err(UnfitError::OtherRelease { was: was.clone(), is: is.clone() }.into())
}

pub fn chosen(opened: &Opened, only: &BTreeSet<StoreName>) -> Result<Vec<Part>, DataError> {
    let parts = &opened.manifest.parts;
    if let Some(missing) = only.iter().find(|name| !parts.iter().any(|part| part.store == **name)) {
        return Err(UnfitError::StoreMissing { store: missing.clone() }.into());
    }
    let is_wanted = |part: &&Part| only.is_empty() || only.contains(&part.store);
    Ok(parts.iter().filter(is_wanted).cloned().collect())
}

/// Returns how each folder will be moved aside. Changes nothing.
pub fn planned(data: &DataWork<'_>, targets: &[Target]) -> Result<Vec<Aside>, DataError> {
    let plan = |target: &Target| {
        set_aside::plan(&target.path, &data.order.id).map_err(|error| StoreFault::Aside(error).of_store(&target.store))
    };
    targets.iter().map(plan).collect()
}

/// Takes a safety backup; if one is ordered, nothing is replaced without it.
pub async fn keep_safe(data: &DataWork<'_>, settled: &Settled, to: &BTreeSet<RepositoryName>) -> Result<(), DataError> {
    if to.is_empty() {
        return Ok(());
    }
    let Taken { copies, refused } = backup::take(data, settled, to, Cause::Safety).await?;
    let failed: Vec<OrderFailure> = copies.iter().filter_map(|copy| copy.result.as_ref().err().cloned()).collect();
    let noted = data.note(move |journal| {
        journal.safety = copies;
        let without = refused.into_iter().map(|(store, reason)| DataNote::NotBackedUpBefore { store, reason });
        journal.notes.extend(without);
    });
    noted.await?;
    if failed.is_empty() {
        return Ok(());
    }
    Err(HostFault::SafetyBackupFailed { failures: failed }.into())
}

/// Stops the instance and moves its folders aside. The way of moving is decided when nothing of the instance writes any
/// more.
async fn take_apart(data: &DataWork<'_>, settled: &Settled, targets: Targets) -> Result<Vec<Target>, DataError> {
    let spec = &settled.rendered.spec;
    data.note(|journal| journal.reach = RestorePhase::Apart).await?;
    stop_all(data, spec).await?;
    expect_nobody(data, spec, &targets.found).await?;
    move_all(data, planned(data, &targets.found)?).await?;
    let made = make_missing(data, &settled.rendered, &targets.missing).await?;
    Ok(targets.found.into_iter().chain(made).collect())
}

pub async fn move_all(data: &DataWork<'_>, asides: Vec<Aside>) -> Result<(), DataError> {
    for aside in asides {
        data.work.say(Activity::SettingAside(aside.path.display().to_string()));
        let noted = aside.clone();
        data.note(|journal| journal.aside.push(noted)).await?;
        let moved = undo::moved(&aside, FileStep::MoveAside, set_aside::move_aside).await;
        if let Err(DataError::Disk { source, .. }) = &moved
            && (aside.way, source.kind()) == (DataSwap::Absent, std::io::ErrorKind::AlreadyExists)
        {
            // It was made by others just now, so it stays when everything is undone.
            let noted = aside.clone();
            data.note(move |journal| journal.aside.retain(|other| *other != noted)).await?;
        }
        moved?;
    }
    Ok(())
}

/// Files come before databases, which may refer to them.
pub async fn restore_all(data: &DataWork<'_>, opened: &Opened, targets: &[Target]) -> Result<(), DataError> {
    for target in targets {
        let Some(root) = &target.root else { continue };
        data.work.say(Activity::Restoring(target.store.clone()));
        restore_files(data, opened, root, &target.path, &target.store).await?;
    }
    Ok(())
}

async fn restore_files(
    data: &DataWork<'_>,
    opened: &Opened,
    root: &Root,
    to: &Path,
    store: &StoreName,
) -> Result<(), DataError> {
    let sink = data.progress_sink(&Activity::Restoring(store.clone()));
    let restored = opened.repository.restore_files(&opened.set, (&root.path, to), opened.privileges, &sink).await?;
    let notes = notes_of(store, restored);
    Ok(data.note(|journal| journal.notes.extend(notes)).await?)
}

/// Returns the remarks about entries that the disk refused without affecting data, and about entries that are never made.
fn notes_of(store: &StoreName, restored: Restored) -> Vec<DataNote> {
    let more = restored.remarked.saturating_sub(restored.remarks.len() as u64);
    let refused = restored.refused.into_iter();
    let not_set = refused.map(|(property, files)| DataNote::PropertyNotSet { store: store.clone(), property, files });
    let remarks = restored.remarks.into_iter().map(|note| DataNote::Restored { store: store.clone(), note });
    let more = (more > 0).then(|| DataNote::MoreRestored { store: store.clone(), count: more });
    not_set.chain(remarks).chain(more).collect()
}

/// Fails the restore if rows differ. Other differences are only reported, because the rows may still be wanted.
pub async fn note_different(data: &DataWork<'_>, loaded: &Loaded) -> Result<(), DataError> {
    if let Some((store, rows)) = loaded.differing.iter().find(|(_, it)| !it.rows.is_empty()) {
        return Err(StoreFault::from(rows).of_backup(store));
    }
    let differing = loaded.differing.iter().filter(|(_, it)| !it.facts.is_empty());
    let different = |(store, it): &(StoreName, Differences)| DataNote::Different {
        store: store.clone(),
        more: it.more_facts,
        differences: it.facts.clone(),
    };
    let notes: Vec<DataNote> = differing.map(different).collect();
    Ok(data.note(|journal| journal.notes.extend(notes)).await?)
}

/// Starts the instance's services as before; stopped ones stay stopped.
pub async fn run_again(data: &DataWork<'_>, settled: &Settled) -> Result<(), DataError> {
    let spec = &settled.rendered.spec;
    let finish = if settled.is_stopped() { Finish::AsIs } else { Finish::Healthy(&settled.rendered.health) };
    Ok(data.work.perform(spec, |found| stages(found, settled), finish).await?)
}
