//! Coverage of an instance's data by its stores, and the match of a host's volumes and folders with a store.

use super::{
    Coverage, DatabaseEngine, Files, MountPlace, Store, StoreGap, StoreKind, StoreSeen, StoreState, UncoveredData,
    UndeclaredData,
};
use super::{is_pattern, matches_pattern};
use crate::names::StoreName;
use crate::spec::{InstanceSpec, MountAccess, MountSource, MountSpec, VolumeTarget};
use std::collections::{BTreeMap, BTreeSet};

/// Mounts found on the host, of the instance or of nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounted {
    /// The services that have a container, running or not.
    pub services: BTreeSet<String>,
    /// Mounts that were found.
    pub mounts: Vec<MountFound>,
}

/// One volume or folder, mounted by a container or unused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountFound {
    /// Source of the mount.
    pub source: MountedFrom,
    /// Container that has the mount, if there is one.
    pub at: Option<MountedAt>,
    /// Owner of the mount: the instance or nobody. Mounts of no project are listed for stores that match them by a pattern.
    pub owner: Owner,
    /// Targets of a volume, from its driver and options.
    pub devices: Vec<VolumeTarget>,
}

/// Source of a mount that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MountedFrom {
    /// By its name at the Engine.
    Volume(String),
    /// By its path on the host.
    Folder(String),
}

/// Container that has a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountedAt {
    /// Name of the container.
    pub container: String,
    /// Image of the container.
    pub image: String,
    /// Service of the instance, if a container has it.
    pub service: Option<String>,
    /// Absolute path inside the container.
    pub target: String,
    /// Reading only, or writing too.
    pub access: MountAccess,
}

/// Owner of a container that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The instance itself.
    Instance,
    /// No instance.
    Nobody,
}

/// Returns which of the found mounts the stores cover. Stores that the host's policy forbids are not covered, each with
/// the reason.
pub fn coverage(
    stores: &BTreeMap<StoreName, Store>,
    spec: &InstanceSpec,
    mounted: &Mounted,
    forbidden: &BTreeMap<StoreName, StoreGap>,
) -> Coverage {
    let seen = stores.iter().map(|(name, store)| StoreSeen {
        name: name.clone(),
        engine: store.engine.kind(),
        state: match forbidden.get(name).filter(|_| store.is_truth()) {
            Some(reason) => StoreState::Missing { reason: reason.clone() },
            None => state(store, spec, mounted),
        },
    });
    let covered: BTreeSet<&MountedFrom> = stores.values().flat_map(|store| covered(store, spec, mounted)).collect();
    let is_open = |mount: &&MountFound| {
        mount.owner == Owner::Instance && is_data(mount, spec) && !covered.contains(&mount.source)
    };
    let undeclared: BTreeSet<UndeclaredData> = mounted.mounts.iter().filter(is_open).map(describe).collect();
    Coverage { stores: seen.collect(), undeclared: undeclared.into_iter().collect() }
}

/// The volumes and folders that a store of files takes, each once.
pub fn chosen<'a>(files: &Files, spec: &InstanceSpec, mounted: &'a Mounted) -> Vec<&'a MountFound> {
    let mut taken = BTreeSet::new();
    let mut of_store: Vec<_> = mounted.mounts.iter().filter(|mount| takes(files, spec, mount)).collect();
    // Mounts of the instance count as its own, even if others share them.
    of_store.sort_by(|a, b| (&a.source, a.owner).cmp(&(&b.source, b.owner)));
    of_store.into_iter().filter(|mount| taken.insert(&mount.source)).collect()
}

/// Returns whether a store of files would match a volume of this name, if the instance had it.
pub fn takes_volume(files: &Files, spec: &InstanceSpec, volume: &str) -> bool {
    let source = MountedFrom::Volume(volume.to_owned());
    takes(files, spec, &MountFound { source, at: None, owner: Owner::Instance, devices: Vec::new() })
}

fn takes(files: &Files, spec: &InstanceSpec, mount: &MountFound) -> bool {
    match (files, &mount.source, &mount.at) {
        (Files::Volume(pattern), MountedFrom::Volume(name), _) => {
            let key = key_of(spec, name);
            let is_meant = |name: &str| matches_pattern(pattern, name);
            // A plain name means the Compose file's volume alone.
            let may_be = mount.owner == Owner::Instance || is_pattern(pattern);
            may_be && (is_meant(&key) || is_meant(name))
        }
        (Files::Path(path), MountedFrom::Folder(found), _) => found == path,
        (Files::Containers(pattern), _, Some(at)) => is_writable(at) && matches_pattern(pattern, &at.container),
        (Files::Image(pattern), _, Some(at)) => is_writable(at) && matches_pattern(pattern, &at.image),
        (Files::Volume(_) | Files::Path(_) | Files::Containers(_) | Files::Image(_), _, _) => false,
    }
}

fn is_writable(at: &MountedAt) -> bool {
    at.access == MountAccess::ReadWrite
}

/// A volume's name as the Compose file has it, so that it is the same in an instance of another name.
pub fn key_of(spec: &InstanceSpec, volume: &str) -> String {
    let declared = spec.volumes.iter().find(|it| it.name == volume).map(|it| it.key.as_str());
    let prefix = format!("{}_", spec.project);
    declared.or_else(|| volume.strip_prefix(&prefix)).unwrap_or(volume).to_owned()
}

fn state(store: &Store, spec: &InstanceSpec, mounted: &Mounted) -> StoreState {
    if store.kind == StoreKind::Derivable {
        return StoreState::Derivable;
    }
    let missing = |reason| StoreState::Missing { reason };
    match &store.engine {
        DatabaseEngine::Volume(files) if chosen(files, spec, mounted).is_empty() => match files {
            Files::Volume(name) if !is_pattern(name) => missing(StoreGap::VolumeMissing(name.clone())),
            Files::Path(path) => missing(StoreGap::FolderMissing(path.clone())),
            // They change at run time.
            Files::Volume(_) | Files::Containers(_) | Files::Image(_) => StoreState::Covered,
        },
        DatabaseEngine::Volume(_) => StoreState::Covered,
        DatabaseEngine::Postgresql(_)
        | DatabaseEngine::Mongodb(_)
        | DatabaseEngine::Mariadb(_)
        | DatabaseEngine::Mysql(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::Neo4j(_)
        | DatabaseEngine::S3(_)
        | DatabaseEngine::Command(_) => match store.engine.service() {
            Some(service) if !mounted.services.contains(service) => {
                missing(StoreGap::ContainerMissing(service.to_owned()))
            }
            Some(_) | None => StoreState::Covered,
        },
    }
}

/// Returns the mounts that are fully covered by this store.
fn covered<'a>(store: &Store, spec: &InstanceSpec, mounted: &'a Mounted) -> Vec<&'a MountedFrom> {
    if let DatabaseEngine::Volume(files) = &store.engine {
        return chosen(files, spec, mounted).into_iter().map(|mount| &mount.source).collect();
    }
    let data = match store.bucket() {
        Some(bucket) => bucket.data.as_deref(),
        None => store.engine.server().map(|server| server.data.as_str()),
    };
    let (Some(data), Some(service)) = (data, store.engine.service()) else { return Vec::new() };
    let places = [data].into_iter().chain(beside_data(&store.engine).iter().copied()).collect::<Vec<_>>();
    let is_its = |mount: &&MountFound| {
        mount.at.as_ref().is_some_and(|at| {
            at.service.as_deref() == Some(service) && places.iter().any(|place| is_within(&at.target, place))
        })
    };
    mounted.mounts.iter().filter(is_its).map(|mount| &mount.source).collect()
}

/// Returns further folders in which a server's image keeps files that are not data.
fn beside_data(engine: &DatabaseEngine) -> &'static [&'static str] {
    match engine {
        DatabaseEngine::Mongodb(_) => &["/data/configdb"],
        DatabaseEngine::Neo4j(_) => &["/logs", "/var/lib/neo4j/data", "/var/lib/neo4j/logs"],
        DatabaseEngine::Postgresql(_)
        | DatabaseEngine::Mariadb(_)
        | DatabaseEngine::Mysql(_)
        | DatabaseEngine::Redis(_)
        | DatabaseEngine::Volume(_)
        | DatabaseEngine::S3(_)
        | DatabaseEngine::Command(_) => &[],
    }
}

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns whether a mount holds data. Configuration written by fleet, read-only mounts, and sockets do not.
fn is_data(mount: &MountFound, spec: &InstanceSpec) -> bool {
    let MountedFrom::Folder(path) = &mount.source else { return true };
    let inside = path.strip_prefix(&spec.working_dir).map(|rest| rest.trim_start_matches('/'));
    let is_ours = inside.is_some_and(|inside| spec.file(inside).is_some());
    let is_device = path.ends_with(".sock") || ["/dev", "/proc", "/sys"].iter().any(|root| is_within(path, root));
    mount.at.as_ref().is_none_or(is_writable) && !is_ours && !is_device
}

fn describe(mount: &MountFound) -> UndeclaredData {
    let at = mount.at.as_ref().map(|at| {
        let service = at.service.as_ref().unwrap_or(&at.container).clone();
        MountPlace { service, target: at.target.clone() }
    });
    match &mount.source {
        MountedFrom::Volume(name) if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            UndeclaredData::UnnamedVolume { at }
        }
        MountedFrom::Volume(name) => UndeclaredData::Volume { name: name.clone(), at },
        MountedFrom::Folder(path) => UndeclaredData::Folder { path: path.clone(), at },
    }
}

/// Returns the data that a backup does not cover, for its manifest.
pub fn uncovered(coverage: &Coverage) -> Vec<UncoveredData> {
    let missing = coverage.stores.iter().filter_map(|store| match &store.state {
        StoreState::Missing { reason } => {
            Some(UncoveredData::Store { store: store.name.clone(), reason: reason.clone() })
        }
        StoreState::Covered | StoreState::Derivable => None,
    });
    let undeclared = coverage.undeclared.iter().map(|data| UncoveredData::Undeclared { data: data.clone() });
    missing.chain(undeclared).collect()
}

/// Returns whether the data of a store is in volumes and folders for certain: files are, and databases whose data folder is in a mount.
pub fn is_all_mounted(store: &Store, spec: &InstanceSpec) -> bool {
    if super::is_files(store) {
        return true;
    }
    let Some(container) = store.engine.service().and_then(|service| spec.container(service)) else { return false };
    let Some(server) = store.engine.server() else { return false };
    // PostgreSQL's images keep their data in a folder of this name below the declared one.
    let below = matches!(store.engine, DatabaseEngine::Postgresql(_))
        .then(|| format!("{}/data", server.data.trim_end_matches('/')));
    let is_named = |mount: &MountSpec| match mount.source {
        MountSource::Volume(_) | MountSource::Bind { .. } => true,
        MountSource::Anonymous | MountSource::Tmpfs { .. } => false,
    };
    let covers = |mount: &MountSpec| {
        is_within(&server.data, &mount.target) || Some(mount.target.trim_end_matches('/')) == below.as_deref()
    };
    let hides = |mount: &MountSpec| !is_named(mount) && is_place_of_data(store, &mount.target);
    container.mounts.iter().any(|mount| is_named(mount) && covers(mount)) && !container.mounts.iter().any(hides)
}

/// Returns whether a path in the container of a database is its data folder or inside it.
pub fn is_place_of_data(store: &Store, path: &str) -> bool {
    store.engine.server().is_some_and(|server| is_within(path, &server.data))
}

/// The volumes and folders in which a database keeps its data, as stores of files.
pub fn data_mounts(store: &Store, spec: &InstanceSpec) -> Vec<Store> {
    let Some(container) = store.engine.service().and_then(|service| spec.container(service)) else { return Vec::new() };
    let data = store.engine.server().map(|server| server.data.as_str());
    let is_data = |mount: &&MountSpec| match data {
        Some(data) => is_within(&mount.target, data) || is_within(data, &mount.target),
        // Its data folders are unknown, so every writable mount counts.
        None => true,
    };
    let writable = container.mounts.iter().filter(|mount| mount.access == MountAccess::ReadWrite).filter(is_data);
    let files = writable.filter_map(|mount| match &mount.source {
        MountSource::Volume(name) => Some(Files::Volume(name.clone())),
        MountSource::Bind { path, .. } => Some(Files::Path(path.clone())),
        MountSource::Anonymous | MountSource::Tmpfs { .. } => None,
    });
    files.map(|files| Store { engine: DatabaseEngine::Volume(files), checks: Vec::new(), ..store.clone() }).collect()
}

#[cfg(test)]
mod tests;
