//! Stores that have lost their volumes: a safety backup takes the existing data and names the missing stores, and
//! restored volumes belong to the instance again.

use super::stages::without_starting;
use super::{DataError, DataWork};
use crate::ledger::Settled;
use crate::perform::heal::{lost_names, lost_volumes};
use crate::perform::prepare::{PrepareError, look};
use crate::perform::work::Finish;
use crate::runtime::RuntimeError;
use fleet_core::backup::{DataAction, DatabaseEngine, Files, Store, StoreGap, data_mounts, is_files, takes_volume};
use fleet_core::health_problem::LostVolume;
use fleet_core::names::StoreName;
use fleet_core::order::Action;
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::FoundProject;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::timeout;

/// Time that a good restore waits for an Engine that does not answer, to find the owners of its volumes.
const LOOK_LIMIT: Duration = Duration::from_secs(600);

/// Returns the stores whose servers cannot be read, with the reason: a volume of theirs was removed, and the present
/// one of that name is empty. A volume with content is read in any case.
pub async fn bereft(data: &DataWork<'_>, settled: &Settled) -> Result<BTreeMap<StoreName, StoreGap>, DataError> {
    let spec = &settled.rendered.spec;
    let found = look(data.context(), spec).await?;
    let lost = lost_names(&found, settled);
    let mut bereft = BTreeMap::new();
    for (name, store) in settled.rendered.stores.iter().filter(|(_, store)| !is_files(store)) {
        for mount in data_mounts(store, spec) {
            let Some(volume) = lost.iter().find(|volume| takes(&mount, spec, volume)) else { continue };
            if is_empty(data, spec, &mount).await? {
                bereft.insert(name.clone(), StoreGap::VolumeRemoved((*volume).to_owned()));
            }
        }
    }
    Ok(bereft)
}

/// Refuses a restore of some stores while volumes of others are lost: the instance would be started with new volumes
/// under their names.
pub async fn expect_rest(data: &DataWork<'_>, settled: &Settled, only: &BTreeSet<StoreName>) -> Result<(), DataError> {
    if only.is_empty() {
        return Ok(());
    }
    let found = look(data.context(), &settled.rendered.spec).await?;
    let restored = volumes_of(settled, only);
    let lost = lost_volumes(&found, settled).into_iter();
    let rest: Vec<LostVolume> = lost.filter(|volume| !restored.contains(volume.name.as_str())).collect();
    if rest.is_empty() {
        return Ok(());
    }
    Err(PrepareError::DataGone(rest, settled.rendered.spec.instance.clone()).into())
}

/// Creates containers that are missing, because databases are loaded in them. Nothing is started yet.
pub async fn make_removed(data: &DataWork<'_>, spec: &InstanceSpec) -> Result<(), DataError> {
    let is_removed =
        |found: &FoundProject| spec.containers.iter().any(|it| found.of_service(&it.service).next().is_none());
    let stages = |found: &FoundProject| if is_removed(found) { without_starting(found, spec) } else { Vec::new() };
    Ok(data.work.perform(spec, stages, Finish::AsIs).await?)
}

/// Records the present volumes of the restored stores as the ones that hold their data.
pub async fn signed_again(data: &DataWork<'_>, settled: Settled) -> Settled {
    let Action::Data(DataAction::Restore { only, .. }) = &data.order.action else { return settled };
    let found = match timeout(LOOK_LIMIT, look(data.context(), &settled.rendered.spec)).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) | Err(_) => return settled,
    };
    let restored = volumes_of(&settled, only);
    let stays = |name: &&String| {
        let is_restored = only.is_empty() || restored.contains(name.as_str());
        !is_restored || found.signed.contains(*name)
    };
    let signed = settled.signed.iter().filter(stays).cloned().collect();
    Settled { signed, ..settled }
}

/// The own volumes of an instance in which these stores keep their data.
fn volumes_of<'a>(settled: &'a Settled, stores: &BTreeSet<StoreName>) -> BTreeSet<&'a str> {
    let spec = &settled.rendered.spec;
    let of_store = |store: &Store| if is_files(store) { vec![store.clone()] } else { data_mounts(store, spec) };
    let mounts: Vec<Store> =
        stores.iter().filter_map(|name| settled.rendered.stores.get(name)).flat_map(of_store).collect();
    let own = spec.volumes.iter().filter(|volume| !volume.external).map(|volume| volume.name.as_str());
    own.filter(|volume| mounts.iter().any(|mount| takes(mount, spec, volume))).collect()
}

fn takes(mount: &Store, spec: &InstanceSpec, volume: &str) -> bool {
    match &mount.engine {
        DatabaseEngine::Volume(files @ Files::Volume(_)) => takes_volume(files, spec, volume),
        _ => false,
    }
}

async fn is_empty(data: &DataWork<'_>, spec: &InstanceSpec, mount: &Store) -> Result<bool, DataError> {
    let found = match data.context().runtime.roots(spec, mount).await {
        Ok(found) => found,
        Err(RuntimeError::NotMounted { .. }) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let is_empty = |path| match std::fs::read_dir(path) {
        Ok(mut found) => found.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    Ok(found.iter().all(|root| is_empty(&root.path)))
}
