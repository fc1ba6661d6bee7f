//! Restores a backup into a sandbox of containers on their own network, and checks whether it is good.
//!
//! **Invariant:** each part of the sandbox is in the journal before it is created, and is removed in any case; parts
//! that cannot be removed stay in the ledger and are removed later. **Invariant:** only a fault of the backup counts
//! against it: a full disk or a lost link proves nothing.

use super::compare::question;
use super::error::{BackupFault, HostFault, UnfitError};
use super::fault::StoreFault;
use super::fill::{Filling, Loaded, load_all};
use super::room::{Wanted, expect_room};
use super::source::{self, Opened};
use super::stages::{starting, volumes_alone, without_starting};
use super::{DataError, DataWork, OrderEnd, sandboxes, side_plan, undo};
use crate::clock;
use crate::perform::allow::allow;
use crate::perform::work::Finish;
use data_encoding::HEXLOWER;
use fleet_core::activity::Activity;
use fleet_core::app::{Rendered, sandbox};
use fleet_core::backup::{
    BackupDamage, BackupSource, DataResult, DatabaseEngine, DrillCheck, DrillMade, Files, Kept, Part, Privileges,
    Proof, Root, StoreDifference, is_files, root_path,
};
use fleet_core::failed_step::FileStep;
use fleet_core::host_policy::Reaches;
use fleet_core::order::Outcome;
use fleet_core::order_failure::OrderFailure;
use fleet_core::spec::InstanceSpec;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tokio::time::timeout;

/// A drill as an order of its own.
pub async fn drill(data: &DataWork<'_>, from: &BackupSource, privileges: Privileges) -> Result<OrderEnd, DataError> {
    let began = tokio::time::Instant::now();
    let opened = match source::open(data, from, privileges).await {
        Ok(opened) => opened,
        // The result cannot be recorded in the repository, but the coordinator receives it.
        Err(error) if error.is_of_backup() => return Ok(evaluate(data, from, began, Err(error))),
        Err(error) => return Err(error),
    };
    sandboxes::clear(data).await?;
    let tried = attempt(data, &opened).await;
    let swept = timeout(sandboxes::LIMIT, undo::sweep(data)).await;
    let verdict = match tried {
        Err(error) if !error.is_of_backup() => return Err(error),
        verdict => verdict.map(|checks| (opened.manifest.bytes(), checks)),
    };
    // The result counts in any case. Remains are in the journal, and the order's end names them.
    match swept {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = crate::chain(&error), "what a drill made could not be removed"),
        Err(_) => tracing::warn!(order = %data.order.id, "removing what a drill made took too long"),
    }
    let came = evaluate(data, from, began, verdict);
    if let Some(DataResult::Drill(DrillMade { proof, .. })) = &came.made {
        data.work.say(Activity::NotingFindings);
        let part =
            fleet_repository::Part { backup: from.backup.clone(), host: data.context().host.clone(), time: proof.at };
        let proof = serde_json::to_vec(proof).expect("a proof has text keys only, so it is JSON");
        opened.repository.write_proof(&part, proof).await?;
    }
    Ok(came)
}

fn evaluate(
    data: &DataWork<'_>,
    from: &BackupSource,
    began: tokio::time::Instant,
    verdict: Result<(u64, Vec<DrillCheck>), DataError>,
) -> OrderEnd {
    let (bytes, checks, failure, outcome) = match verdict {
        Ok((bytes, checks)) => (bytes, checks, None, Outcome::Done),
        Err(error) => {
            let failure = OrderFailure::from(&error);
            (0, Vec::new(), Some(Box::new(failure.clone())), Outcome::Failed { failure })
        }
    };
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let proof = Proof { at: clock::now(), host: data.context().host.clone(), took_ms, bytes, checks, failure };
    let made = DrillMade { repository: from.repository.clone(), backup: from.backup.clone(), proof };
    OrderEnd { outcome, made: Some(DataResult::Drill(made)), becomes: None }
}

/// Restores the backup into the sandbox, and returns the compared items.
async fn attempt(data: &DataWork<'_>, opened: &Opened) -> Result<Vec<DrillCheck>, DataError> {
    let was = opened.rendered(data).await?;
    let scratch = Some(data.context().data_dir.clone());
    expect_room(data, &[Wanted { bytes: opened.manifest.bytes(), paths: vec![None, scratch] }]).await?;
    let scene = sandbox(&was, data.order.id.as_str());
    let fillings = fillings(&scene, &opened.manifest.parts)?;
    let spec = &scene.spec;
    allow(data.context(), &Reaches::of_drill(&scene, fillings.iter().map(|it| (it.name, it.store)))).await?;
    let (side, said) = side_plan::plan(data, opened, &fillings, BTreeMap::new()).await?.for_double();
    let noted = Box::new(spec.clone());
    data.note(|journal| journal.sandbox = Some(noted)).await?;
    data.work.perform(spec, |found| volumes_alone(found, spec), Finish::AsIs).await?;
    let mut checks = files(data, opened, spec, &fillings).await?;
    data.work.perform(spec, |found| without_starting(found, spec), Finish::AsIs).await?;
    let loaded: Vec<_> = fillings.iter().copied().filter(is_loaded).collect();
    checks.extend(as_it_was(load_all(data, opened, &loaded, spec, &side).await.map_err(blamed)?)?);
    checks.extend(queries(data, spec, &fillings).await?);
    checks.extend(said);
    if checks.is_empty() {
        return Err(BackupFault::Damaged(BackupDamage::NothingToCompare).into());
    }
    Ok(checks)
}

/// Each part with the store that takes it. A part whose store the release does not know cannot be restored.
pub fn fillings<'a>(was: &'a Rendered, parts: &'a [Part]) -> Result<Vec<Filling<'a>>, DataError> {
    let find = |part: &'a Part| {
        let known = was.stores.get_key_value(&part.store).filter(|(_, store)| store.engine.kind() == part.engine);
        let unfit = || UnfitError::OtherKindOfStore { store: part.store.clone() }.into();
        known.map(|(name, store)| Filling { name, store, part }).ok_or_else(unfit)
    };
    parts.iter().map(find).collect()
}

/// Starts the other services that the app's own queries need, and runs the queries.
async fn queries(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    fillings: &[Filling<'_>],
) -> Result<Vec<DrillCheck>, DataError> {
    let services: BTreeSet<String> = spec.containers.iter().map(|container| container.service.clone()).collect();
    data.work.perform(spec, |found| starting(found, spec, &services), Finish::AsIs).await?;
    let mut checks = Vec::new();
    for filling in fillings {
        checks.extend(question(data, filling, spec).await?);
    }
    Ok(checks)
}

/// Returns whether the data goes into a service of the sandbox. Data of an external bucket goes to a folder: the bucket
/// is not written.
fn is_loaded(filling: &Filling<'_>) -> bool {
    match filling.store.bucket() {
        Some(bucket) => bucket.service.is_some(),
        None => !is_files(filling.store),
    }
}

/// A dump of which something else comes back than its server had is not good.
fn as_it_was(loaded: Loaded) -> Result<Vec<DrillCheck>, DataError> {
    if loaded.differing.is_empty() { Ok(loaded.said) } else { Err(BackupFault::Differ(loaded.differing).into()) }
}

/// A dump that its own database does not take is not good.
fn blamed(error: DataError) -> DataError {
    match error {
        DataError::Store { store, fault } => BackupFault::NotLoaded { store, fault: *fault }.into(),
        other => other,
    }
}

/// Restores files, and compares the sample.
async fn files(
    data: &DataWork<'_>,
    opened: &Opened,
    spec: &InstanceSpec,
    fillings: &[Filling<'_>],
) -> Result<Vec<DrillCheck>, DataError> {
    let mut checks = Vec::new();
    for filling in fillings.iter().filter(|it| !is_loaded(it)) {
        let Kept::Files { roots, sample, files } = &filling.part.kept else { continue };
        let store = filling.name;
        let bad = |fault: StoreFault| fault.of_backup(store);
        let places = places(data, spec, filling, roots).await?;
        let sink = data.progress_sink(&Activity::Restoring(store.clone()));
        let mut left_out = 0;
        for (path, to) in &places {
            make(to)?;
            let restored = opened.repository.restore_files(&opened.set, (path, to), opened.privileges, &sink).await?;
            left_out += restored.left_out;
        }
        let (compared, sample) = (sample.len(), sample.clone());
        let looked = tokio::task::spawn_blocking(move || (first_wrong(&sample, &places), found_in(&places))).await;
        let (wrong, found) = looked.map_err(HostFault::Panicked)?;
        if let Some(wrong) = wrong {
            return Err(bad(wrong.into()));
        }
        let found =
            found.map_err(|source| DataError::Disk { step: FileStep::Read, path: undo::scratch(data), source })?;
        // Older backups have devices, which are never made.
        if (found.0 + left_out, found.1) != (*files, filling.part.bytes) {
            let (files, bytes, (found, found_bytes)) = (*files, filling.part.bytes, found);
            return Err(bad(StoreDifference::Files { files, bytes, found, found_bytes }.into()));
        }
        let (store, bytes) = (store.clone(), filling.part.bytes);
        checks.push(match filling.store.bucket() {
            Some(_) => DrillCheck::ObjectsInFolder { store: store.clone(), objects: *files, bytes },
            None => DrillCheck::Files { store: store.clone(), files: *files, bytes },
        });
        checks.push(DrillCheck::SameFiles { store, files: compared });
    }
    Ok(checks)
}

/// Returns the destination of each root: the sandbox's own volume if it has one for it, else a separate folder.
async fn places(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    filling: &Filling<'_>,
    roots: &[Root],
) -> Result<Vec<(String, PathBuf)>, DataError> {
    // A folder of the sandbox itself cannot be found before a container has mounted it.
    if let DatabaseEngine::Volume(Files::Path(path)) = &filling.store.engine
        && let [root] = roots
    {
        return Ok(vec![(root.path.clone(), PathBuf::from(path))]);
    }
    let found = data.roots(spec, filling.name, filling.store).await?;
    let numbered = roots.iter().enumerate();
    let places = numbered.map(|(number, root)| match (found.as_slice(), roots.len()) {
        ([one], 1) => (root.path.clone(), one.path.clone()),
        ([one], _) => (root.path.clone(), one.path.join(number.to_string())),
        _ => (root.path.clone(), undo::scratch(data).join(root_path(filling.name, number))),
    });
    Ok(places.collect())
}

fn make(path: &Path) -> Result<(), DataError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| DataError::Disk { step: FileStep::Make, path: path.to_owned(), source })
}

/// Returns the number of entries that are not folders, and the bytes of their files: each name of a file counts.
fn found_in(places: &[(String, PathBuf)]) -> io::Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    let mut ahead: Vec<PathBuf> = places.iter().map(|(_, place)| place.clone()).collect();
    while let Some(folder) = ahead.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                ahead.push(entry.path());
                continue;
            }
            files += 1;
            bytes += if metadata.is_file() { metadata.len() } else { 0 };
        }
    }
    Ok((files, bytes))
}

/// Returns the first file of the sample that differs.
fn first_wrong(sample: &BTreeMap<String, String>, places: &[(String, PathBuf)]) -> Option<StoreDifference> {
    let on_disk = |path: &str| {
        places.iter().find_map(|(root, place)| {
            let rest = path.strip_prefix(root.as_str())?.strip_prefix('/')?;
            Some(place.join(rest))
        })
    };
    sample.iter().find_map(|(path, noted)| match on_disk(path).map(|place| hash(&place)) {
        Some(Ok(found)) if found == *noted => None,
        Some(Ok(_)) => Some(StoreDifference::Content { path: path.clone() }),
        Some(Err(error)) => Some(StoreDifference::PathUnreadable { path: path.clone(), cause: error.to_string() }),
        None => Some(StoreDifference::PathOutside { path: path.clone() }),
    })
}

fn hash(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(HEXLOWER.encode(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Removes remains of drills without an order.
pub fn sweep_scratch(data_dir: &Path, open: &BTreeSet<String>) {
    let Ok(found) = std::fs::read_dir(data_dir.join("drills")) else { return };
    for folder in found.flatten() {
        let is_of_open = folder.file_name().to_str().is_some_and(|name| open.contains(name));
        if !is_of_open && let Err(error) = std::fs::remove_dir_all(folder.path()) {
            tracing::warn!(%error, path = %folder.path().display(), "what a drill left could not be removed");
        }
    }
}
