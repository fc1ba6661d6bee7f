//! Destinations of a backup's data on this host: the folders of its volumes, and those that databases fill themselves.

use super::error::UnfitError;
use super::fault::StoreFault;
use super::fill::Filling;
use super::room::Wanted;
use super::source::Opened;
use super::{DataError, DataWork};
use crate::perform::claims::{expect_unshared, others};
use crate::perform::prepare::{PrepareError, look};
use crate::runtime::{ForeignContainer, Notes, RuntimeError};
use fleet_core::app::Rendered;
use fleet_core::backup::{
    BackupDamage, DatabaseEngine, Files, Kept, Owner, Root, Store, data_mounts, is_files, is_pattern, renamed,
    takes_volume,
};
use fleet_core::claims::{ClaimKind, Claims, claims_of};
use fleet_core::names::{InstanceName, StoreName};
use fleet_core::spec::{InstanceSpec, VolumeSpec};
use fleet_core::steps::Step;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A folder on this host, and the part of the backup that goes into it.
#[derive(Debug, Clone)]
pub struct Target {
    pub store: StoreName,
    pub path: PathBuf,
    /// Destination of files; none for a database, which fills its folder by itself.
    pub root: Option<Root>,
    pub is_of_host: bool,
}

/// A volume that the backup has and this host has not any more.
#[derive(Debug, Clone)]
pub struct Missing {
    pub store: StoreName,
    pub volume: String,
    pub root: Root,
}

/// Folders of the chosen stores. Nothing was created or changed to find them.
#[derive(Debug, Default)]
pub struct Targets {
    pub found: Vec<Target>,
    pub missing: Vec<Missing>,
    /// Space that each store needs, and its folders.
    pub wanted: Vec<Wanted>,
}

/// Returns the folders of the chosen stores on this host.
pub async fn targets(
    data: &DataWork<'_>,
    opened: &Opened,
    rendered: &Rendered,
    fillings: &[Filling<'_>],
) -> Result<Targets, DataError> {
    let mut targets = Targets::default();
    // A bucket is not a folder: it is filled in place. One with a service in the instance needs the space.
    let own = fillings.iter().filter(|it| it.store.bucket().is_some_and(|bucket| bucket.service.is_some()));
    targets.wanted.extend(own.map(|it| Wanted { bytes: it.part.bytes, paths: vec![None] }));
    for filling in fillings.iter().filter(|it| it.store.bucket().is_none()) {
        let (found, missing) = match &filling.part.kept {
            Kept::Files { roots, .. } => of_files(data, opened, rendered, filling, roots).await?,
            Kept::Stream { .. } => (of_database(data, rendered, filling).await?, Vec::new()),
        };
        let paths = found.iter().map(|target| Some(target.path.clone()));
        let paths = paths.chain(missing.first().map(|_| None)).collect();
        targets.wanted.push(Wanted { bytes: filling.part.bytes, paths });
        targets.found.extend(found);
        targets.missing.extend(missing);
    }
    // Two databases of one server share its folder; if files are restored into it, they determine its content.
    targets.found.sort_by_key(|target| target.root.is_none());
    expect_apart(&targets.found)?;
    let mut seen = BTreeSet::new();
    targets.found.retain(|target| seen.insert(target.path.clone()));
    Ok(targets)
}

/// Refuses a backup of which two folders would land in one: the second would be lost.
fn expect_apart(found: &[Target]) -> Result<(), DataError> {
    let mut seen = BTreeMap::new();
    for target in found {
        let Some(root) = &target.root else { continue };
        if let Some(other) = seen.insert(&target.path, root) {
            let (one, other, path) = (other.from.clone(), root.from.clone(), target.path.clone());
            return Err(StoreFault::SameFolder { one, other, path }.of_store(&target.store));
        }
    }
    Ok(())
}

/// Returns the destination of each folder of the backup: the present location of its store, never the one in the
/// backup. A folder without destination fails the restore.
async fn of_files(
    data: &DataWork<'_>,
    opened: &Opened,
    rendered: &Rendered,
    filling: &Filling<'_>,
    roots: &[Root],
) -> Result<(Vec<Target>, Vec<Missing>), DataError> {
    let spec = &rendered.spec;
    let of = opened.manifest.instance.as_str();
    let mut found = data.roots(spec, filling.name, filling.store).await?;
    if data.open.from.is_none() {
        // Present data of no instance does not belong to a new one.
        found.retain(|root| root.mount.owner == Owner::Instance);
    }
    if roots.is_empty() {
        return Err(StoreFault::Damaged(BackupDamage::StoreEmpty).of_store(filling.name));
    }
    let (mut targets, mut missing) = (Vec::new(), Vec::new());
    for root in roots {
        let name = renamed(&root.from, of, &spec.project);
        let here = match found.iter().find(|it| it.from == name) {
            Some(here) => here.clone(),
            // With one folder before and one now, the name may differ. A folder found by a pattern may belong to
            // someone else.
            None if roots.len() == 1 && found.len() == 1 && is_one(filling.store) => found[0].clone(),
            None if name.starts_with('/') || spec.volumes.is_empty() => {
                return Err(StoreFault::NoTarget { name }.of_store(filling.name));
            }
            None if !takes(filling.store, spec, &name) => {
                return Err(StoreFault::TakesNoVolume { name }.of_store(filling.name));
            }
            None => {
                missing.push(Missing { store: filling.name.clone(), volume: name, root: root.clone() });
                continue;
            }
        };
        expect_not_others(data, spec, filling.name, &here.from)?;
        let is_of_host = here.from.starts_with('/');
        targets.push(Target { store: filling.name.clone(), path: here.path, root: Some(root.clone()), is_of_host });
    }
    Ok((targets, missing))
}

/// Refuses a volume that is another instance's, whether that one runs or not.
fn expect_not_others(data: &DataWork<'_>, spec: &InstanceSpec, store: &StoreName, from: &str) -> Result<(), DataError> {
    let shared = expect_unshared(&data.context().ledger(), spec, &[ClaimKind::Project, ClaimKind::Volume]);
    shared.map_err(PrepareError::from)?;
    match owner_of_volume(from, &claims_of(spec), &others(&data.context().ledger(), &spec.instance)) {
        Some(owner) => {
            let (volume, owner) = (from.to_owned(), owner.clone());
            Err(StoreFault::ForeignVolume { volume, owner }.of_store(store))
        }
        None => Ok(()),
    }
}

/// Returns the other instance that claims a volume, or uses one that this instance does not claim.
fn owner_of_volume<'a>(volume: &str, own: &Claims, others: &'a [(InstanceName, Claims)]) -> Option<&'a InstanceName> {
    let uses = |claims: &Claims| !own.volumes.contains(volume) && claims.used_volumes.contains(volume);
    others.iter().find(|(_, claims)| claims.volumes.contains(volume) || uses(claims)).map(|(name, _)| name)
}

/// Returns whether the store, as it is now, accepts a volume of this name.
fn takes(store: &Store, spec: &InstanceSpec, volume: &str) -> bool {
    match &store.engine {
        DatabaseEngine::Volume(files) => takes_volume(files, spec, volume),
        DatabaseEngine::Postgresql(_)
        | DatabaseEngine::Mongodb(_)
        | DatabaseEngine::Mariadb(_)
        | DatabaseEngine::Mysql(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::Neo4j(_)
        | DatabaseEngine::S3(_)
        | DatabaseEngine::Command(_) => false,
    }
}

/// Returns whether a store is exactly one folder, and not the result of a pattern.
fn is_one(store: &Store) -> bool {
    match &store.engine {
        DatabaseEngine::Volume(Files::Volume(name)) => !is_pattern(name),
        DatabaseEngine::Volume(Files::Path(_)) => true,
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
            let found = match data.context().runtime.roots(&rendered.spec, folder).await {
                Ok(found) => found,
                // A store without data cannot lose any.
                Err(RuntimeError::NotMounted { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let shares = |target: &&Target| {
                found.iter().any(|root| root.path.starts_with(&target.path) || target.path.starts_with(&root.path))
            };
            if let Some(target) = targets.iter().find(shares) {
                return Err(UnfitError::SharedFolder { store: name.clone(), path: target.path.clone() }.into());
            }
        }
    }
    Ok(())
}

/// Refuses to move folders that another instance claims or a foreign container has mounted: it would keep the old
/// folder, and its writes would be lost.
pub async fn expect_nobody(data: &DataWork<'_>, spec: &InstanceSpec, targets: &[Target]) -> Result<(), DataError> {
    let folders: Vec<PathBuf> = targets.iter().map(|target| target.path.clone()).collect();
    expect_nobody_has(data, spec, &folders).await
}

/// The same for folders of any kind.
pub async fn expect_nobody_has(data: &DataWork<'_>, spec: &InstanceSpec, folders: &[PathBuf]) -> Result<(), DataError> {
    let shared = expect_unshared(&data.context().ledger(), spec, &[ClaimKind::Project, ClaimKind::Volume]);
    shared.map_err(PrepareError::from)?;
    let foreign = data.context().runtime.foreign_containers(spec, folders).await?;
    let Some(ForeignContainer { folder, .. }) = foreign.first() else { return Ok(()) };
    let containers = foreign.iter().map(|it| it.container.clone()).collect();
    Err(UnfitError::ForeignContainer { containers, folder: folder.clone() }.into())
}

/// Makes the volumes that came later than the instance and are gone. The journal has each before it is there.
pub async fn make_missing(
    data: &DataWork<'_>,
    rendered: &Rendered,
    missing: &[Missing],
) -> Result<Vec<Target>, DataError> {
    let mut made = Vec::new();
    for Missing { store, volume, root } in missing {
        let name = || volume.clone();
        let find = async || {
            let found = data.roots(&rendered.spec, store, &rendered.stores[store]).await?;
            Ok::<_, DataError>(found.into_iter().find(|it| it.from == *volume))
        };
        let wider =
            wider(&rendered.spec, volume).ok_or_else(|| StoreFault::NoModel { volume: name() }.of_store(store))?;
        // A volume of another instance counts too: otherwise it would be taken for a new one, and removed with it.
        if look(data.context(), &wider).await?.volumes.contains(volume) {
            return Err(StoreFault::VolumeExists { volume: name() }.of_store(store));
        }
        let noted = volume.clone();
        data.note(|journal| journal.made_volumes.push(noted)).await?;
        let step = Step::CreateVolume { volume: volume.clone() };
        data.context().runtime.perform(&step, &wider, &Notes::unheard()).await?;
        let found = find().await?.ok_or_else(|| StoreFault::VolumeNotFound { volume: name() }.of_store(store))?;
        made.push(Target { store: store.clone(), path: found.path, root: Some(root.clone()), is_of_host: false });
    }
    Ok(made)
}

/// Removes them again, with the restored data.
pub async fn unmake_missing(data: &DataWork<'_>, spec: &InstanceSpec) -> Result<(), DataError> {
    for volume in data.journal().made_volumes {
        let Some(wider) = wider(spec, &volume) else { continue };
        let step = Step::RemoveVolume { volume: volume.clone() };
        data.context().runtime.perform(&step, &wider, &Notes::unheard()).await?;
        data.note(move |journal| journal.made_volumes.retain(|other| *other != volume)).await?;
    }
    Ok(())
}

/// The spec with one volume more.
fn wider(spec: &InstanceSpec, volume: &str) -> Option<InstanceSpec> {
    let model = spec.volumes.first().cloned()?;
    let mut wider = spec.clone();
    wider.volumes.push(plain_volume(model, volume));
    Some(wider)
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
        let found = data.roots(&rendered.spec, filling.name, &files).await?;
        found.iter().try_for_each(|root| expect_not_others(data, &rendered.spec, filling.name, &root.from))?;
        targets.extend(found.into_iter().map(|root| Target {
            store: filling.name.clone(),
            is_of_host: root.from.starts_with('/'),
            path: root.path,
            root: None,
        }));
    }
    if targets.is_empty() {
        return Err(StoreFault::DataWithoutName.of_store(filling.name));
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
            engine: DatabaseEngine::Volume(files),
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
    fn a_volume_that_another_instance_claims_is_its_own() {
        let claims = |own: &str, used: &str| Claims {
            volumes: [own.to_owned()].into(),
            used_volumes: [used.to_owned()].into(),
            ..Claims::default()
        };
        let others = [("oasis-2".parse().expect("a name"), claims("theirs", "mine"))];
        let owner = |volume: &str, own: &Claims| owner_of_volume(volume, own, &others).map(ToString::to_string);
        let own = claims("mine", "theirs");
        assert_eq!(owner("theirs", &own).as_deref(), Some("oasis-2"));
        assert_eq!(owner("mine", &own), None);
        assert_eq!(owner("mine", &claims("other", "mine")).as_deref(), Some("oasis-2"));
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
