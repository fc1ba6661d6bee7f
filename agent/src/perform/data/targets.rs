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
    // A bucket is no folder: it is filled where it is.
    for filling in fillings.iter().filter(|it| it.store.bucket().is_none()) {
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
    wider.volumes.push(plain_volume(model, name));
    let step = Step::CreateVolume { volume: name.to_owned() };
    data.site().hands.perform(&step, &wider, &Notes::unheard()).await?;
    let found = roots_of(data, spec, filling.name, filling.store).await?;
    let missing = || DataError::of_store(filling.name, format!("there is no volume `{name}` to restore into"));
    found.into_iter().find(|it| it.from == name).ok_or_else(missing)
}

/// A volume of the Engine's own with the labels of another, never its options: they may lead to the very folder that it has.
fn plain_volume(model: VolumeSpec, name: &str) -> VolumeSpec {
    let (driver, options) = (None, BTreeMap::new());
    VolumeSpec { name: name.to_owned(), key: name.to_owned(), external: false, driver, options, ..model }
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

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::backup::StoreKind;

    #[test]
    fn what_a_pattern_finds_takes_the_place_of_nothing() {
        let store = |files| Store {
            engine: Engine::Volume(files),
            kind: StoreKind::Truth,
            stop: Vec::new(),
            pause: Vec::new(),
            checks: Vec::new(),
        };
        let text = str::to_owned;
        assert!(is_one(&store(Files::Volume(text("uploads")))) && is_one(&store(Files::Path(text("/srv/data")))));
        for pattern in [Files::Volume(text("data_*")), Files::Containers(text("data_*")), Files::Image(text("data"))] {
            assert!(!is_one(&store(pattern.clone())), "{pattern:?}");
        }
    }

    #[test]
    fn a_volume_that_is_made_again_leads_to_nobodys_folder() {
        let options = [("o".to_owned(), "bind".to_owned()), ("device".to_owned(), "/srv/x".to_owned())].into();
        let (name, key, driver) = ("a_x".to_owned(), "x".to_owned(), Some("local".to_owned()));
        let model = VolumeSpec { name, key, external: true, driver, options, labels: BTreeMap::new() };
        let made = plain_volume(model, "a_data");
        assert_eq!((made.name.as_str(), made.external, made.driver), ("a_data", false, None));
        assert!(made.options.is_empty());
    }
}
