//! Returns an instance to the release of a backup, and replaces its data with that backup's.
//!
//! **Invariant:** until the instance has passed its gate with the earlier release and its data, the data of now is there,
//! untouched, and so is everything that the release of now is made from.

use super::agreed::{expect_kept, expect_side_files};
use super::drill::fillings;
use super::error::UnfitError;
use super::fill::load_all;
use super::passed::{note_passed, passed};
use super::restore::{allow_fillings, keep_safe, move_all, note_different, planned, restore_all, run_again};
use super::restore_new::{note_begun, opened_for};
use super::room::expect_room;
use super::source::Opened;
use super::stages::{fetching, without_starting};
use super::targets::{Targets, expect_alone, expect_nobody, make_missing, targets};
use super::{DataError, DataWork, OrderEnd, others, side_files, side_plan};
use crate::ledger::Settled;
use crate::perform::forward::stages;
use crate::perform::standstill::stop_all;
use crate::perform::work::Finish;
use fleet_core::activity::Activity;
use fleet_core::backup::{BackupSource, DataNote, Others, Part, Privileges, Store, UncoveredData};
use fleet_core::names::{RepositoryName, StoreName};
use fleet_core::release::Goal;
use fleet_core::steps::FoundProject;
use std::collections::BTreeSet;

/// Returns to the release of the backup, with its data and the values of the goal.
pub async fn return_to_release(
    data: &DataWork<'_>,
    from: &BackupSource,
    safety: &BTreeSet<RepositoryName>,
    goal: &Goal,
    (others, privileges): (Others, Privileges),
) -> Result<OrderEnd, DataError> {
    let began = tokio::time::Instant::now();
    let Some(now) = &data.open.from else { return Err(UnfitError::NoInstance.into()) };
    let (opened, to) = opened_for(data, from, goal, privileges).await?;
    let (spec, parts) = (&to.rendered.spec, &opened.manifest.parts);
    expect_every_store(&to, parts)?;
    let fillings = fillings(&to.rendered, parts)?;
    allow_fillings(data, &to.rendered, &fillings).await?;
    expect_side_files(&opened, &BTreeSet::new(), others)?;
    let lost = expect_replaceable(data, &opened, now, others).await?;
    let side = side_plan::plan(data, &opened, &fillings, Default::default()).await?;
    data.work.perform(spec, |found| fetching(stages(found, &to)), Finish::AsIs).await?;
    let lost = lost.into_iter().map(|what| DataNote::Replaced { what });
    let notes = lost.chain(side.notes.iter().cloned()).collect();
    data.note(|journal| journal.notes = notes).await?;
    keep_safe(data, now, safety).await?;
    note_begun(data, &to).await?;
    stop_all(data, &now.rendered.spec).await?;
    make_containers(data, &to).await?;
    let Targets { found, missing, wanted } = targets(data, &opened, &to.rendered, &fillings).await?;
    expect_alone(data, &to.rendered, &fillings, &found).await?;
    expect_nobody(data, spec, &found).await?;
    expect_room(data, &wanted).await?;
    move_all(data, planned(data, &found)?).await?;
    let made = make_missing(data, &to.rendered, &missing).await?;
    restore_all(data, &opened, &found.into_iter().chain(made).collect::<Vec<_>>()).await?;
    note_different(data, &load_all(data, &opened, &fillings, spec, &side).await?).await?;
    data.work.say(Activity::StartingRestored);
    run_again(data, &to).await?;
    note_passed(data, &opened, (parts, &to.rendered), began).await?;
    Ok(passed(data).await)
}

/// Refuses a backup without one of the release's truth stores: the release would start over what a newer one has left there.
fn expect_every_store(to: &Settled, parts: &[Part]) -> Result<(), DataError> {
    let truths = to.rendered.stores.iter().filter(|(_, store)| store.is_truth());
    match truths.map(|(name, _)| name).find(|name| parts.iter().all(|part| part.store != **name)) {
        Some(store) => Err(UnfitError::StoreMissing { store: store.clone() }.into()),
        None => Ok(()),
    }
}

/// Checks what can be checked while the instance runs: the folders of those stores that both releases have. Returns what would be lost.
async fn expect_replaceable(
    data: &DataWork<'_>,
    opened: &Opened,
    now: &Settled,
    may: Others,
) -> Result<Vec<UncoveredData>, DataError> {
    let is_in_both =
        |part: &&Part| now.rendered.stores.get(&part.store).is_some_and(|store| store.engine.kind() == part.engine);
    let parts: Vec<Part> = opened.manifest.parts.iter().filter(is_in_both).cloned().collect();
    let fillings = fillings(&now.rendered, &parts)?;
    let targets = targets(data, opened, &now.rendered, &fillings).await?;
    expect_nobody(data, &now.rendered.spec, &targets.found).await?;
    planned(data, &targets.found)?;
    expect_room(data, &targets.wanted).await?;
    let databases: Vec<(&StoreName, &Store)> = fillings.iter().map(|it| (it.name, it.store)).collect();
    let today = side_files::gather_all(data, &now.rendered.spec, &databases).await;
    let mut lost = others::expect_none(data, &now.rendered, &fillings, &targets.found, may).await?;
    lost.extend(expect_kept(&today, may)?);
    Ok(lost)
}

/// Makes the containers of a state in place of those that are there. Nothing starts, and nothing would by itself.
pub async fn make_containers(data: &DataWork<'_>, state: &Settled) -> Result<(), DataError> {
    let mut spec = state.rendered.spec.clone();
    spec.switch_restarts_off();
    let stages = |found: &FoundProject| without_starting(found, &spec);
    Ok(data.work.perform(&spec, stages, Finish::AsIs).await?)
}
