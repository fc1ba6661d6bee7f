//! The creation of an instance from a backup.

use super::agreed::expect_side_files;
use super::drill::fillings;
use super::error::UnfitError;
use super::fill::{Filling, load_all};
use super::passed::{note_passed, passed};
use super::restore::{allow_fillings, chosen, move_all, note_different, planned, restore_all};
use super::room::expect_room;
use super::side_plan::{self, SidePlan};
use super::source::{self, Opened};
use super::stages::{volumes_alone, without_starting};
use super::targets::{Target, expect_nobody, make_missing, targets};
use super::{DataError, DataWork, OrderEnd, bucket, undo};
use crate::ledger::{LedgerWriter, RestorePhase, Settled, Values};
use crate::perform::claims::expect_unclaimed;
use crate::perform::forward::stages;
use crate::perform::prepare::prepare;
use crate::perform::work::Finish;
use fleet_core::activity::Activity;
use fleet_core::app::Rendered;
use fleet_core::backup::{BackupSource, DatabaseEngine, Files, Others, Privileges, Store};
use fleet_core::names::StoreName;
use fleet_core::release::Goal;
use std::collections::{BTreeMap, BTreeSet};

/// Makes an instance from nothing but a backup.
pub async fn restore_new(
    data: &DataWork<'_>,
    from: &BackupSource,
    only: &BTreeSet<StoreName>,
    goal: &Goal,
    (others, privileges): (Others, Privileges),
) -> Result<OrderEnd, DataError> {
    let began = tokio::time::Instant::now();
    if data.open.from.is_some() {
        return Err(UnfitError::InstanceExists.into());
    }
    let (opened, to) = opened_for(data, from, goal, privileges).await?;
    let spec = &to.rendered.spec;
    bucket::expect_unused(data, &opened, &to.rendered).await?;
    let there = undo::volumes_there(data, spec).await?;
    if !there.is_empty() {
        return Err(UnfitError::VolumesExist { volumes: there }.into());
    }
    let parts = chosen(&opened, only)?;
    let fillings = fillings(&to.rendered, &parts)?;
    allow_fillings(data, &to.rendered, &fillings).await?;
    expect_side_files(&opened, only, others)?;
    let side = side_plan::plan(data, &opened, &fillings, BTreeMap::new()).await?;
    note_begun(data, &to).await?;
    fill_new(data, &opened, &to.rendered, fillings, &side).await?;
    data.work.say(Activity::StartingRestored);
    data.work.perform(spec, |found| stages(found, &to), Finish::Healthy(&to.rendered.health)).await?;
    note_passed(data, &opened, (&parts, &to.rendered), began).await?;
    Ok(passed(data).await)
}

/// Opens a backup for the release that made it, and prepares the state of the instance with that.
pub async fn opened_for(
    data: &DataWork<'_>,
    from: &BackupSource,
    goal: &Goal,
    privileges: Privileges,
) -> Result<(Opened, Settled), DataError> {
    let opened = source::open(data, from, privileges).await?;
    if opened.manifest.release.name != goal.release.name {
        let (was, wanted) = (opened.manifest.release.clone(), goal.release.clone());
        return Err(UnfitError::OtherReleaseWanted { was, wanted }.into());
    }
    data.work.say(Activity::Preparing(goal.release.name.clone()));
    let (instance, now) = (&data.order.instance, data.open.from.as_ref());
    let to = prepare(data.context(), instance, goal, &data.open.values, data.open.drift, now).await?;
    Ok((opened, to))
}

/// Records the state that the instance will have, unless another order with conflicting claims has begun meanwhile.
pub async fn note_begun(data: &DataWork<'_>, to: &Settled) -> Result<(), DataError> {
    let before = data.open.from.as_ref().map(|from| from.rendered.spec.clone());
    let (id, to) = (data.order.id.clone(), to.clone());
    let begin = move |ledger: &mut LedgerWriter| {
        let unclaimed = expect_unclaimed(&ledger.ledger(), &to.rendered.spec, before.as_ref());
        unclaimed.map_err(UnfitError::from)?;
        ledger.mark(&id, |open| {
            open.to = Some(to);
            open.values = Values::default();
            open.journal.get_or_insert_default().reach = RestorePhase::Apart;
        })?;
        Ok(())
    };
    data.context().ledger.write(begin).await
}

/// Volumes are filled before there is a container, for the Engine puts files of an image into those that are empty.
async fn fill_new(
    data: &DataWork<'_>,
    opened: &Opened,
    rendered: &Rendered,
    fillings: Vec<Filling<'_>>,
    side: &SidePlan,
) -> Result<(), DataError> {
    let spec = &rendered.spec;
    let (early, late): (Vec<_>, Vec<_>) = fillings.into_iter().partition(|it| has_volumes(it.store));
    data.work.perform(spec, |found| volumes_alone(found, spec), Finish::AsIs).await?;
    let volumes = targets(data, opened, rendered, &early).await?;
    // A volume of another origin, or of an earlier instance, may contain data.
    expect_unused(&spec.working_dir, &volumes.found)?;
    expect_room(data, &volumes.wanted).await?;
    let made = make_missing(data, rendered, &volumes.missing).await?;
    restore_all(data, opened, &volumes.found).await?;
    restore_all(data, opened, &made).await?;
    data.work.perform(spec, |found| without_starting(found, spec), Finish::AsIs).await?;
    let rest = targets(data, opened, rendered, &late).await?;
    expect_room(data, &rest.wanted).await?;
    // Folders of the host may be there, with something in them.
    let of_host: Vec<Target> = rest.found.iter().filter(|target| target.is_of_host).cloned().collect();
    expect_unused(&spec.working_dir, &of_host)?;
    expect_nobody(data, spec, &of_host).await?;
    move_all(data, planned(data, &of_host)?).await?;
    restore_all(data, opened, &rest.found).await?;
    note_different(data, &load_all(data, opened, &late, spec, side).await?).await
}

/// Refuses folders of the host with something in them, but for the new instance's own: another instance may live there.
fn expect_unused(own: &str, of_host: &[Target]) -> Result<(), DataError> {
    let is_used = |target: &&Target| {
        let has_something = std::fs::read_dir(&target.path).is_ok_and(|mut found| found.next().is_some());
        !target.path.starts_with(own) && has_something
    };
    match of_host.iter().find(is_used) {
        Some(target) => Err(UnfitError::FolderInUse { path: target.path.clone() }.into()),
        None => Ok(()),
    }
}

/// Returns whether a store consists of volumes that can be filled before its container exists.
fn has_volumes(store: &Store) -> bool {
    matches!(&store.engine, DatabaseEngine::Volume(Files::Volume(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_restored_over_a_folder_that_somebody_uses() {
        let host = tempfile::tempdir().expect("a folder");
        let target = |name: &str| {
            let store = "files".parse().expect("a name");
            Target { store, path: host.path().join(name), root: None, is_of_host: true }
        };
        for name in ["used", "empty", "own"] {
            std::fs::create_dir(host.path().join(name)).expect("made");
        }
        for name in ["used/measured", "own/measured"] {
            std::fs::write(host.path().join(name), "years of it").expect("written");
        }
        let own = host.path().join("own").display().to_string();
        expect_unused(&own, &[target("empty"), target("own"), target("absent")]).expect("nobody has anything there");
        let refused = expect_unused(&own, &[target("empty"), target("used")]).expect_err("somebody has");
        let path = host.path().join("used");
        let DataError::Unfit(refused) = refused else { panic!("{refused}") };
        assert!(matches!(&*refused, UnfitError::FolderInUse { path: at } if *at == path), "{refused}");
    }
}
