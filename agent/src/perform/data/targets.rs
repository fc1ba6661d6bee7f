//! Where on this host the data of a backup goes: the folders of its volumes, and those that databases fill by themselves.

use super::fill::Filling;
use super::source::Opened;
use super::{DataError, DataWork};
use crate::hands::{Notes, RootFound};
use fleet_core::app::Rendered;
use fleet_core::backup::{Engine, Files, Kept, Root, Store, data_mounts, is_files, is_pattern, renamed};
use fleet_core::names::StoreName;
use fleet_core::spec::{InstanceSpec, VolumeSpec};
use fleet_core::steps::Step;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A folder on this host, and what of the backup goes into it.
#[derive(Debug, Clone)]
pub struct Target {
    pub store: StoreName,
    pub path: PathBuf,
    /// None for a database, which fills its folder by itself.
    pub root: Option<Root>,
    pub is_of_host: bool,
}

/// Where on this host the chosen stores live.
pub async fn targets(
    data: &DataWork<'_>,
    opened: &Opened,
    rendered: &Rendered,
    fillings: &[Filling<'_>],
) -> Result<Vec<Target>, DataError> {
    let mut targets: Vec<Target> = Vec::new();
    for filling in fillings {
        let of_store = match &filling.part.kept {
            Kept::Files { roots, .. } => of_files(data, opened, rendered, filling, roots).await?,
            Kept::Stream { .. } => of_database(data, rendered, filling).await?,
        };
        targets.extend(of_store);
    }
    // Two databases of one server share its folder; where files are restored into it, they are what it gets.
    targets.sort_by_key(|target| target.root.is_none());
    let mut seen = BTreeSet::new();
    targets.retain(|target| seen.insert(target.path.clone()));
    Ok(targets)
}

async fn of_files(
    data: &DataWork<'_>,
    opened: &Opened,
    rendered: &Rendered,
    filling: &Filling<'_>,
    roots: &[Root],
) -> Result<Vec<Target>, DataError> {
    let spec = &rendered.spec;
    let of = opened.manifest.instance.as_str();
    let found = roots_of(data, spec, filling.name, filling.store).await?;
    let mut targets = Vec::new();
    for root in roots {
        let name = renamed(&root.from, of, &spec.project);
        let here = match found.iter().find(|it| it.from == name) {
            Some(here) => here.clone(),
            // One folder before, one folder now: it may have another name. What a pattern finds may be somebody else's.
            None if roots.len() == 1 && found.len() == 1 && is_one(filling.store) => found[0].clone(),
            None => made_volume(data, spec, filling, &name).await?,
        };
        let is_of_host = here.from.starts_with('/');
        targets.push(Target { store: filling.name.clone(), path: here.path, root: Some(root.clone()), is_of_host });
    }
    Ok(targets)
}

/// Whether a store is one folder, and not whatever a pattern finds.
fn is_one(store: &Store) -> bool {
    match &store.engine {
        Engine::Volume(Files::Volume(name)) => !is_pattern(name),
        Engine::Volume(Files::Path(_)) => true,
        _ => false,
    }
}

/// Refuses to move a folder aside in which a store keeps its data that is not restored with it: it would be gone.
pub async fn expect_alone(
    data: &DataWork<'_>,
    rendered: &Rendered,
    fillings: &[Filling<'_>],
    targets: &[Target],
) -> Result<(), DataError> {
    let others = rendered.stores.iter().filter(|(name, _)| fillings.iter().all(|filling| filling.name != *name));
    for (name, store) in others {
        let folders = if is_files(store) { vec![store.clone()] } else { data_mounts(store, &rendered.spec) };
        for folder in &folders {
            // Where there is nothing, nothing can be lost.
            let Ok(found) = data.site().hands.roots(&rendered.spec, folder).await else { continue };
            let shares = |target: &&Target| {
                found.iter().any(|root| root.path.starts_with(&target.path) || target.path.starts_with(&root.path))
            };
            if let Some(target) = targets.iter().find(shares) {
                return Err(DataError::Unfit(format!(
                    "the store `{name}` keeps its data in `{}`, too, and would be lost: restore both, or into another instance",
                    target.path.display()
                )));
            }
        }
    }
    Ok(())
}

async fn roots_of(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    name: &StoreName,
    store: &Store,
) -> Result<Vec<RootFound>, DataError> {
    let found = data.site().hands.roots(spec, store).await;
    found.map_err(|error| DataError::of_store(name, crate::chain(&error)))
}

/// A volume that came later than the instance and is gone: it is made again.
async fn made_volume(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    filling: &Filling<'_>,
    name: &str,
) -> Result<RootFound, DataError> {
    if name.starts_with('/') {
        return Err(DataError::of_store(filling.name, format!("there is no folder `{name}` to restore into")));
    }
    let mut wider = spec.clone();
    let model = spec.volumes.first().cloned();
    let Some(model) = model else {
        return Err(DataError::of_store(filling.name, format!("there is no volume `{name}` to restore into")));
    };
    let key = name.to_owned();
    // Never the options of another: they may lead to the very folder that it has.
    let (driver, options) = (None, BTreeMap::new());
    let volume = VolumeSpec { name: key.clone(), key: key.clone(), external: false, driver, options, ..model };
    wider.volumes.push(volume);
    let step = Step::CreateVolume { volume: key };
    data.site().hands.perform(&step, &wider, &Notes::unheard()).await?;
    let found = roots_of(data, spec, filling.name, filling.store).await?;
    let missing = || DataError::of_store(filling.name, format!("there is no volume `{name}` to restore into"));
    found.into_iter().find(|it| it.from == name).ok_or_else(missing)
}

async fn of_database(
    data: &DataWork<'_>,
    rendered: &Rendered,
    filling: &Filling<'_>,
) -> Result<Vec<Target>, DataError> {
    let mut targets = Vec::new();
    for files in data_mounts(filling.store, &rendered.spec) {
        let found = data.site().hands.roots(&rendered.spec, &files).await;
        let found = found.map_err(|error| DataError::of_store(filling.name, crate::chain(&error)))?;
        targets.extend(found.into_iter().map(|root| Target {
            store: filling.name.clone(),
            is_of_host: root.from.starts_with('/'),
            path: root.path,
            root: None,
        }));
    }
    if targets.is_empty() {
        let reason = "its data is in no volume or folder with a name, so that it could not be put back";
        return Err(DataError::of_store(filling.name, reason));
    }
    Ok(targets)
}
