//! Restores a backup into throwaway containers on a network of their own, and finds out whether it is good.
//!
//! **Invariant:** what was made for it stands in the journal before it is made, and is removed whatever happened.
//! **Invariant:** only the backup's own fault is held against it: a full disk or a lost link is no proof of anything.

use super::fill::{self, Filling};
use super::source::{self, Opened};
use super::{Came, DataError, DataWork, undo};
use crate::clock;
use crate::perform::work::Finish;
use crate::repositories::Label;
use fleet_core::app::{Rendered, throwaway};
use fleet_core::backup::{DrillMade, Kept, Made, Part, Proof, Root, Source, is_files, root_path, works_in};
use fleet_core::host_policy::violations;
use fleet_core::order::Outcome;
use fleet_core::spec::InstanceSpec;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A drill needs so much more room than the backup says: databases have indexes and journals.
const ROOM: u64 = 2;
/// What is left free on the disk in any case.
const RESERVE: u64 = 512 << 20;

/// A drill as an order of its own.
pub async fn drill(data: &DataWork<'_>, from: &Source) -> Result<Came, DataError> {
    let began = tokio::time::Instant::now();
    let opened = match source::open(data, from).await {
        Ok(opened) => opened,
        // Nobody can note it there: the coordinator hears it.
        Err(error) if error.is_of_backup() => return Ok(judged(data, from, began, Err(error))),
        Err(error) => return Err(error),
    };
    let tried = attempt(data, &opened).await;
    let swept = undo::sweep(data).await;
    let verdict = match tried {
        Err(error) if !error.is_of_backup() => return Err(error),
        verdict => verdict.map(|checks| (opened.manifest.bytes(), checks)),
    };
    swept?;
    let came = judged(data, from, began, verdict);
    if let Some(Made::Drill(DrillMade { proof, .. })) = &came.made {
        data.work.say("noting what was found");
        let label = Label { backup: from.backup.clone(), host: data.site().host.clone(), at: proof.at };
        opened.repository.write_proof(&label, proof).await?;
    }
    Ok(came)
}

fn judged(
    data: &DataWork<'_>,
    from: &Source,
    began: tokio::time::Instant,
    verdict: Result<(u64, Vec<String>), DataError>,
) -> Came {
    let (bytes, checks, failure) = match verdict {
        Ok((bytes, checks)) => (bytes, checks, None),
        Err(error) => (0, Vec::new(), Some(crate::chain(&error))),
    };
    let outcome = match &failure {
        None => Outcome::Done,
        Some(reason) => Outcome::Failed { reason: reason.clone() },
    };
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let proof = Proof { at: clock::now(), host: data.site().host.clone(), took_ms, bytes, checks, failure };
    let made = DrillMade { repository: from.repository.clone(), backup: from.backup.clone(), proof };
    Came { outcome, made: Some(Made::Drill(made)), becomes: None }
}

/// Restores it, and says what was compared.
async fn attempt(data: &DataWork<'_>, opened: &Opened) -> Result<Vec<String>, DataError> {
    let was = opened.rendered(data).await?;
    let room = opened.manifest.bytes().saturating_mul(ROOM);
    expect_room(data, &data.site().data_dir, room).await?;
    let scene = scene(data, &was)?;
    let fillings = fillings(&scene, &opened.manifest.parts)?;
    let spec = &scene.spec;
    data.note(|journal| journal.throwaway = Some(Box::new(spec.clone())))?;
    data.work.perform(spec, |found| fill::without_starting(found, spec), Finish::AsIs).await?;
    let mut checks = files(data, opened, spec, &fillings).await?;
    checks.extend(databases(data, opened, spec, &fillings).await?);
    if checks.is_empty() {
        return Err(DataError::BadBackup("there is nothing in it that could be compared".to_owned()));
    }
    Ok(checks)
}

/// Each part with the store that takes it. A part whose store the release does not know cannot be restored.
pub fn fillings<'a>(was: &'a Rendered, parts: &'a [Part]) -> Result<Vec<Filling<'a>>, DataError> {
    let find = |part: &'a Part| {
        let known = was.stores.get_key_value(&part.store).filter(|(_, store)| store.engine.kind() == part.engine);
        let unfit = || DataError::Unfit(format!("the release has no store `{}` of that kind", part.store));
        known.map(|(name, store)| Filling { name, store, part }).ok_or_else(unfit)
    };
    parts.iter().map(find).collect()
}

/// The containers in which it is restored.
fn scene(data: &DataWork<'_>, was: &Rendered) -> Result<Rendered, DataError> {
    let scene = throwaway(was, data.order.id.as_str());
    let policy = data.site().policy.now().map_err(DataError::Unfit)?;
    let found = violations(&policy, &scene);
    if found.is_empty() {
        Ok(scene)
    } else {
        Err(DataError::Unfit(format!("the host's own policy forbids it: {}", found.join("; "))))
    }
}

/// Loads the databases with nothing but what they need running, and compares.
async fn databases(
    data: &DataWork<'_>,
    opened: &Opened,
    spec: &InstanceSpec,
    fillings: &[Filling<'_>],
) -> Result<Vec<String>, DataError> {
    let streams: Vec<&Filling<'_>> = fillings.iter().filter(|it| is_loaded(it)).collect();
    // What is loaded while its service stands still comes first.
    for filling in streams.iter().filter(|it| works_in(it.store).is_none()) {
        fill::load(data, opened, filling, spec).await.map_err(|error| blamed(filling, error))?;
    }
    let services: BTreeSet<String> = spec.containers.iter().map(|container| container.service.clone()).collect();
    data.work.perform(spec, |found| fill::starting(found, spec, &services), Finish::AsIs).await?;
    for filling in streams.iter().filter(|it| works_in(it.store).is_some()) {
        fill::load(data, opened, filling, spec).await.map_err(|error| blamed(filling, error))?;
    }
    let mut checks = Vec::new();
    for filling in fillings {
        if is_loaded(filling) {
            checks.push(format!("{}: {} bytes loaded", filling.name, filling.part.bytes));
            checks.extend(fill::recount(data, filling, spec).await?);
        }
        checks.extend(fill::question(data, filling, spec).await?);
    }
    Ok(checks)
}

/// Whether it goes into a service of the double. What is in a bucket elsewhere goes to a folder: nothing is written there.
fn is_loaded(filling: &Filling<'_>) -> bool {
    match filling.store.bucket() {
        Some(bucket) => bucket.service.is_some(),
        None => !is_files(filling.store),
    }
}

/// A dump that its own database does not take is not good, unless the Engine was away.
fn blamed(filling: &Filling<'_>, error: DataError) -> DataError {
    match error {
        DataError::Store { reason, .. } => {
            DataError::BadBackup(format!("the store `{}` could not be loaded: {reason}", filling.name))
        }
        other => other,
    }
}

/// Restores files, and compares the sample.
async fn files(
    data: &DataWork<'_>,
    opened: &Opened,
    spec: &InstanceSpec,
    fillings: &[Filling<'_>],
) -> Result<Vec<String>, DataError> {
    let mut checks = Vec::new();
    for filling in fillings.iter().filter(|it| !is_loaded(it)) {
        let Kept::Files { roots, sample, files } = &filling.part.kept else { continue };
        let store = filling.name;
        let bad = |reason: String| DataError::BadBackup(format!("the store `{store}`: {reason}"));
        let places = places(data, spec, filling, roots).await?;
        let (told, mut bytes) = (data.told(&format!("restoring {store}")), 0);
        for (path, to) in &places {
            make(to)?;
            bytes += opened.repository.restore(&opened.set, path, to, &told).await?;
        }
        let (compared, sample) = (sample.len(), sample.clone());
        let wrong = tokio::task::spawn_blocking(move || first_wrong(&sample, &places)).await;
        if let Some(reason) = wrong.map_err(|error| DataError::Failed(error.to_string()))? {
            return Err(bad(reason));
        }
        if bytes != filling.part.bytes {
            return Err(bad(format!("{bytes} bytes came back of {}", filling.part.bytes)));
        }
        let what = if filling.store.bucket().is_some() { "objects, restored to a folder" } else { "files" };
        checks.push(format!("{store}: {files} {what}, {bytes} bytes"));
        checks.push(format!("{store}: {compared} files have the hashes that were noted"));
    }
    Ok(checks)
}

/// Where each root goes: into the double's own volume, where there is one for it; else into a folder beside everything.
async fn places(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    filling: &Filling<'_>,
    roots: &[Root],
) -> Result<Vec<(String, PathBuf)>, DataError> {
    let found = data.site().hands.roots(spec, filling.store).await;
    let found = found.map_err(|error| DataError::of_store(filling.name, crate::chain(&error)))?;
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
    made.map_err(|source| DataError::Disk { doing: "make", path: path.to_owned(), source })
}

/// The first file of the sample that is not what it was.
fn first_wrong(sample: &BTreeMap<String, String>, places: &[(String, PathBuf)]) -> Option<String> {
    let on_disk = |path: &str| {
        places.iter().find_map(|(root, place)| {
            let rest = path.strip_prefix(root.as_str())?.strip_prefix('/')?;
            Some(place.join(rest))
        })
    };
    sample.iter().find_map(|(path, noted)| match on_disk(path).map(|place| hash(&place)) {
        Some(Ok(found)) if found == *noted => None,
        Some(Ok(_)) => Some(format!("`{path}` has other content than it had")),
        Some(Err(error)) => Some(format!("`{path}` cannot be read back: {error}")),
        None => Some(format!("`{path}` is below none of its folders")),
    })
}

fn hash(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Refuses what the disk has no room for, before anything is written.
pub async fn expect_room(data: &DataWork<'_>, path: &Path, bytes: u64) -> Result<(), DataError> {
    let free = data.site().hands.disk_free(path).await?;
    let wanted = bytes.saturating_add(RESERVE);
    if free >= wanted {
        return Ok(());
    }
    let (free, wanted) = (free / 1_000_000, wanted / 1_000_000);
    Err(DataError::Failed(format!(
        "there is not enough room on this host's disk: {wanted} MB are needed, {free} MB are free"
    )))
}

/// Removes what drills left that no order knows of any more.
pub fn sweep_scratch(data_dir: &Path, open: &BTreeSet<String>) {
    let Ok(found) = std::fs::read_dir(data_dir.join("drills")) else { return };
    for folder in found.flatten() {
        let is_of_open = folder.file_name().to_str().is_some_and(|name| open.contains(name));
        if !is_of_open && let Err(error) = std::fs::remove_dir_all(folder.path()) {
            tracing::warn!(%error, path = %folder.path().display(), "what a drill left could not be removed");
        }
    }
}
