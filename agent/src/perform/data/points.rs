//! Restore points of an upgrade: copies of the folders with data, beside them, which take their place again if the upgrade fails.
//!
//! **Invariant:** a copy has its final name only when it is complete, on the disk and compared.
//! **Invariant:** each function is safe to repeat after a crash anywhere in the middle of it.

use super::compare_folders::{FolderDifference, compare, size_of};
use super::error::HostFault;
use super::fault::StoreFault;
use super::set_aside::{beside, discarded, is_there, mounted_at_or_below, remove, sync_beside};
use super::targets::expect_nobody_has;
use super::{DataError, DataWork};
use crate::ledger::{Aside, DataSwap, Settled};
use crate::perform::prepare::look;
use crate::runtime::RuntimeError;
use fleet_core::activity::Activity;
use fleet_core::backup::{Store, data_mounts, is_all_mounted, is_files, is_place_of_data};
use fleet_core::failed_step::FileStep;
use fleet_core::names::{RepositoryName, StoreName};
use fleet_core::upgrade_steps::{RestorePoint, UpgradePlan};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tokio::process::Command;

/// Bytes that stay free on a disk in any case.
const RESERVE: u64 = 512 << 20;

/// Reason why a truth store cannot be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPoint {
    /// Nothing of it is in a folder of this host.
    NoFolder,
    /// Mount at its folder, which cannot be replaced.
    Mounted(PathBuf),
    /// Disk without room for a copy.
    NoRoom { needed: u64, free: u64 },
}

/// Returns the restore points of all truth stores. Changes nothing.
///
/// A store that cannot be copied needs the backup; without one, the upgrade is refused, as it is where another container has a folder:
/// that one would keep the folder of before.
pub async fn plan(
    data: &DataWork<'_>,
    settled: &Settled,
    backup: &BTreeSet<RepositoryName>,
) -> Result<UpgradePlan, DataError> {
    let mut folders: BTreeMap<PathBuf, BTreeSet<StoreName>> = BTreeMap::new();
    let mut without: BTreeMap<StoreName, NoPoint> = BTreeMap::new();
    for (name, store) in settled.rendered.stores.iter().filter(|(_, store)| store.is_truth()) {
        match folders_of(data, settled, name, store).await? {
            Ok(found) => found.into_iter().for_each(|path| {
                folders.entry(path).or_default().insert(name.clone());
            }),
            Err(reason) => drop(without.insert(name.clone(), reason)),
        }
    }
    let mut points = Vec::new();
    for path in outermost(&folders) {
        let size = path.clone();
        let bytes = in_background(FileStep::Measure, path.clone(), move || size_of(&size)).await?;
        match beside(&path, &format!(".point-{}", data.order.id)) {
            Some(copy) => points.push(RestorePoint { path, copy, bytes }),
            None => without.extend(folders[&path].iter().map(|store| (store.clone(), NoPoint::NoFolder))),
        }
    }
    for (path, reason) in crowded(data, &points).await? {
        points.retain(|point| point.path != path);
        let stores = folders.iter().filter(|(folder, _)| folder.starts_with(&path)).flat_map(|(_, stores)| stores);
        without.extend(stores.map(|store| (store.clone(), reason.clone())));
    }
    if let Some((store, reason)) = without.iter().next().filter(|_| backup.is_empty()) {
        return Err(HostFault::NoRestorePoint { store: store.clone(), reason: reason.clone() }.into());
    }
    let folders: Vec<PathBuf> = points.iter().map(|point| point.path.clone()).collect();
    expect_nobody_has(data, &settled.rendered.spec, &folders).await?;
    let by_backup: BTreeSet<StoreName> = without.into_keys().collect();
    // The backup has all stores, or none.
    let servers = if by_backup.is_empty() { BTreeSet::new() } else { servers_of(settled) };
    Ok(UpgradePlan { backup: backup.clone(), points, by_backup, servers, ..UpgradePlan::default() })
}

/// Returns the services of the servers of all truth stores.
pub fn servers_of(settled: &Settled) -> BTreeSet<String> {
    let truths = settled.rendered.stores.values().filter(|store| store.is_truth());
    truths.filter_map(|store| store.engine.service().map(str::to_owned)).collect()
}

/// Returns the folders of a store, or why it cannot be copied.
async fn folders_of(
    data: &DataWork<'_>,
    settled: &Settled,
    name: &StoreName,
    store: &Store,
) -> Result<Result<Vec<PathBuf>, NoPoint>, DataError> {
    let spec = &settled.rendered.spec;
    if store.bucket().is_some() || !is_all_mounted(store, spec) {
        return Ok(Err(NoPoint::NoFolder));
    }
    // Images declare volumes of their own, which the Engine makes without a name inside the folder of another.
    let found = look(data.context(), spec).await?;
    let of_service = found.containers.iter().filter(|it| Some(it.service.as_str()) == store.engine.service());
    let mut unnamed = of_service.flat_map(|it| &it.anonymous);
    if unnamed.any(|volume| is_place_of_data(store, &volume.target)) {
        return Ok(Err(NoPoint::NoFolder));
    }
    let files = if is_files(store) { vec![store.clone()] } else { data_mounts(store, spec) };
    let mut found = Vec::new();
    for files in &files {
        match data.roots(spec, name, files).await {
            Ok(roots) => found.extend(roots.into_iter().map(|root| root.path)),
            // Such as a volume of a driver whose folder is not on this host, or not now.
            Err(DataError::Store { fault, .. })
                if matches!(&*fault, StoreFault::Runtime(RuntimeError::NotMounted { .. })) =>
            {
                return Ok(Err(NoPoint::NoFolder));
            }
            Err(error) => return Err(error),
        }
    }
    let mut folders = Vec::new();
    for path in found {
        // The folder itself is copied and replaced, never a link to it.
        let folder = fs::canonicalize(&path).ok().filter(|path| path.is_dir());
        let Some(folder) = folder else { return Ok(Err(NoPoint::NoFolder)) };
        if mounted_at_or_below(&folder).is_some() {
            return Ok(Err(NoPoint::Mounted(folder)));
        }
        folders.push(folder);
    }
    Ok(Ok(folders))
}

/// Returns the folders that are in no other one: two stores may have one, or one may have a part of another.
fn outermost(folders: &BTreeMap<PathBuf, BTreeSet<StoreName>>) -> Vec<PathBuf> {
    let is_inside = |path: &&PathBuf| folders.keys().any(|other| *path != other && path.starts_with(other));
    folders.keys().filter(|path| !is_inside(path)).cloned().collect()
}

/// Returns the folders for whose copies their disk has not enough room.
async fn crowded(data: &DataWork<'_>, points: &[RestorePoint]) -> Result<Vec<(PathBuf, NoPoint)>, DataError> {
    let mut left: BTreeMap<u64, u64> = BTreeMap::new();
    let mut crowded = Vec::new();
    for point in points {
        let disk = data.context().runtime.disk_of(Some(&point.path)).await?;
        let free = left.entry(disk.id).or_insert(disk.free.saturating_sub(RESERVE));
        match free.checked_sub(point.bytes) {
            Some(rest) => *free = rest,
            None => crowded.push((point.path.clone(), NoPoint::NoRoom { needed: point.bytes, free: *free })),
        }
    }
    Ok(crowded)
}

/// Makes a copy of a folder whose instance stands still, replacing one that was made before.
pub async fn make(data: &DataWork<'_>, point: &RestorePoint) -> Result<(), DataError> {
    data.work.say(Activity::CopyingData(point.path.display().to_string()));
    for old in [point.copy.clone(), growing(point)] {
        in_background(FileStep::Remove, old.clone(), move || remove(&old)).await?;
    }
    // Hours may have gone by since the plan was made.
    let size = point.path.clone();
    let bytes = in_background(FileStep::Measure, point.path.clone(), move || size_of(&size)).await?;
    let now = RestorePoint { bytes, ..point.clone() };
    if let Some((_, NoPoint::NoRoom { needed, free })) = crowded(data, std::slice::from_ref(&now)).await?.pop() {
        let at = point.path.display().to_string();
        return Err(HostFault::NoRoom { at: format!("where `{at}` is"), needed, free }.into());
    }
    let made = complete(point).await;
    if made.is_err() {
        // A full disk would keep the ledger from being written.
        let growing = growing(point);
        let removed = in_background(FileStep::Remove, growing.clone(), move || remove(&growing)).await;
        removed.unwrap_or_else(|error| tracing::warn!(error = crate::chain(&error), "a part of a copy stays"));
    }
    made
}

async fn complete(point: &RestorePoint) -> Result<(), DataError> {
    let growing = growing(point);
    copied(&point.path, &growing).await?;
    let (path, compared) = (point.path.clone(), growing.clone());
    let difference = in_background(FileStep::Compare, growing.clone(), move || compare(&path, &compared)).await?;
    if let Some(FolderDifference { name, .. }) = difference {
        return Err(HostFault::RestorePointDiffers { path: point.path.clone(), name }.into());
    }
    let copy = point.copy.clone();
    in_background(FileStep::Complete, point.copy.clone(), move || {
        fs::rename(&growing, &copy)?;
        sync_beside(&copy)
    })
    .await
}

/// Copies a folder with everything that belongs to its files, and waits until it is on the disk. Blocks are shared where the file system
/// can do that.
async fn copied(from: &Path, to: &Path) -> Result<(), DataError> {
    let mut cp = Command::new("cp");
    cp.arg("--archive").arg("--reflink=auto").arg("--no-target-directory").arg("--").args([from, to]);
    let mut sync = Command::new("sync");
    sync.arg("--file-system").arg("--").arg(to);
    for command in [&mut cp, &mut sync] {
        let failed = |source| DataError::Disk { step: FileStep::Copy, path: from.to_owned(), source };
        let ended = end_of(command).await.map_err(failed)?;
        if !ended.status.success() {
            let output = words_of(&ended);
            return Err(HostFault::RestorePointNotMade { path: from.to_owned(), output }.into());
        }
    }
    Ok(())
}

/// Waits until everything that was written to the folders is on their disks. No other file system is touched: it may hang.
pub async fn flush(plan: &UpgradePlan) -> Result<(), DataError> {
    let Some(path) = plan.points.first().map(|point| point.path.clone()) else { return Ok(()) };
    let mut sync = Command::new("sync");
    sync.arg("--file-system").arg("--").args(plan.points.iter().map(|point| &point.path));
    let failed = |source| DataError::Disk { step: FileStep::Flush, path, source };
    match end_of(&mut sync).await {
        Ok(ended) if ended.status.success() => Ok(()),
        Ok(ended) => Err(failed(io::Error::other(words_of(&ended)))),
        Err(source) => Err(failed(source)),
    }
}

/// Runs a program to its end.
async fn end_of(command: &mut Command) -> io::Result<Output> {
    let command = command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.kill_on_drop(true).output().await
}

fn words_of(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stderr).trim().to_owned()
}

/// Puts the copy in the place of the folder. What was there stays beside it, until the way back is over.
pub async fn put_back(data: &DataWork<'_>, point: &RestorePoint) -> Result<(), DataError> {
    data.work.say(Activity::PuttingBack(point.path.display().to_string()));
    let point = point.clone();
    in_background(FileStep::PutBack, point.path.clone(), move || swap(&point)).await
}

fn swap(point: &RestorePoint) -> io::Result<()> {
    let failed = failed(point);
    if !is_there(&point.copy)? {
        // An attempt that was cut off has put it in its place: what was there before is beside it.
        let is_in_place = is_there(&failed)? && is_there(&point.path)?;
        let gone = || io::Error::new(io::ErrorKind::NotFound, "its copy is gone");
        return if is_in_place { Ok(()) } else { Err(gone()) };
    }
    if is_there(&point.path)? {
        remove(&failed)?;
        fs::rename(&point.path, &failed)?;
    }
    fs::rename(&point.copy, &point.path)?;
    sync_beside(&point.path)
}

/// Returns what the order leaves beside the folders, to be removed: copies after a commit or an upgrade that began to change nothing, and
/// replaced folders after the way back.
pub fn leftovers(plan: &UpgradePlan) -> Vec<Aside> {
    let aside = |point: &RestorePoint, waits: PathBuf| Aside {
        path: point.path.clone(),
        waits,
        way: DataSwap::Renamed,
        inode: None,
    };
    let of_point = |point: &RestorePoint| {
        [point.copy.clone(), growing(point), failed(point)].map(|waits| aside(point, waits)).into_iter()
    };
    plan.points.iter().flat_map(of_point).collect()
}

fn growing(point: &RestorePoint) -> PathBuf {
    let mut name = point.copy.clone().into_os_string();
    name.push(".part");
    name.into()
}

fn failed(point: &RestorePoint) -> PathBuf {
    discarded(&Aside { path: point.path.clone(), waits: point.copy.clone(), way: DataSwap::Renamed, inode: None })
}

async fn in_background<T: Send + 'static>(
    step: FileStep,
    path: PathBuf,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, DataError> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    done.map_err(|source| DataError::Disk { step, path, source })
}
