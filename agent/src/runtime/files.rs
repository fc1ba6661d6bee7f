//! The files of an instance, in its own directory.
//!
//! **Invariant:** nothing outside the directory is written or removed, whatever links a container may have put there;
//! and only files in our own list are ever removed.

use super::{Disk, RuntimeError};
use fleet_core::failed_step::{FailedStep, FileStep};
use fleet_core::names::Digest;
use fleet_core::spec::{Content, FileSpec, InstanceSpec};
use fleet_core::steps::{FileOrigin, FoundFile};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

/// The list of the files that we wrote.
const LIST: &str = ".fleet-files.json";
const TEMPORARY: &str = ".fleet-new";

/// Returns the existing files of the spec, and those that an earlier spec wrote.
pub async fn look(spec: &InstanceSpec) -> Result<BTreeMap<String, FoundFile>, RuntimeError> {
    let root = PathBuf::from(&spec.working_dir);
    let wanted: BTreeSet<String> = spec.files.iter().map(|file| file.path.clone()).collect();
    in_background(move || {
        let ours = read_list(&root)?;
        let all = wanted.iter().chain(&ours).collect::<BTreeSet<_>>();
        let origin = |path: &String| if ours.contains(path) { FileOrigin::Ours } else { FileOrigin::Theirs };
        let found = all.into_iter().map(|path| Ok((path.clone(), found_file(&root, path, origin(path))?)));
        let found: Result<BTreeMap<_, _>, RuntimeError> = found.collect();
        let is_known = |file: &FoundFile| file.digest.is_some() || file.origin == FileOrigin::Ours;
        Ok(found?.into_iter().filter(|(_, file)| is_known(file)).collect())
    })
    .await
}

/// Writes some files of the spec, and removes some that we once wrote.
pub async fn write_files(spec: &InstanceSpec, write: &[String], remove: &[String]) -> Result<(), RuntimeError> {
    let root = PathBuf::from(&spec.working_dir);
    let not_there = |path: &String| RuntimeError::NotInSpec { kind: "file", name: path.clone() };
    let wanted = write.iter().map(|path| spec.file(path).cloned().ok_or_else(|| not_there(path)));
    let wanted: Vec<FileSpec> = wanted.collect::<Result<_, _>>()?;
    let remove = remove.to_vec();
    in_background(move || {
        make_directories(&root, &root)?;
        let mut ours = read_list(&root)?;
        // Listed first: a file that a crash leaves behind is still known as ours.
        ours.extend(wanted.iter().map(|file| file.path.clone()));
        write_list(&root, &ours)?;
        for file in &wanted {
            let path = inside(&root, &file.path)?;
            make_directories(&root, parent(&path))?;
            write_atomically(&path, file.content.bytes(), file.mode)?;
        }
        for path in remove.iter().filter(|path| ours.contains(*path)) {
            remove_file(&inside(&root, path)?)?;
        }
        ours.retain(|path| !remove.contains(path));
        write_list(&root, &ours)
    })
    .await
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RuntimeError> + Send + 'static,
) -> Result<T, RuntimeError> {
    let broken = |error| RuntimeError::Write { path: PathBuf::from(LIST), source: io::Error::other(error) };
    tokio::task::spawn_blocking(work).await.map_err(broken)?
}

fn read_list(root: &Path) -> Result<BTreeSet<String>, RuntimeError> {
    let path = root.join(LIST);
    match fs::read(&path) {
        // A list that cannot be read is one of no files: then none is removed.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(source) => Err(RuntimeError::Read { path, source }),
    }
}

fn write_list(root: &Path, ours: &BTreeSet<String>) -> Result<(), RuntimeError> {
    let path = root.join(LIST);
    if ours.is_empty() {
        return remove_file(&path);
    }
    let text = serde_json::to_vec(ours).expect("a list of texts is JSON");
    write_atomically(&path, &text, 0o600)
}

/// Returns the file's path on disk, if it is below the root and no link leads out of it.
fn inside(root: &Path, path: &str) -> Result<PathBuf, RuntimeError> {
    let outside = || RuntimeError::OutsideOfDirectory { path: path.to_owned() };
    let mut place = root.to_owned();
    let parts: Vec<_> = Path::new(path).components().collect();
    let is_plain = !parts.is_empty() && parts.iter().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain {
        return Err(outside());
    }
    let last = parts.len() - 1;
    for (index, part) in parts.into_iter().enumerate() {
        place.push(part);
        let is_link = fs::symlink_metadata(&place).is_ok_and(|found| found.file_type().is_symlink());
        // The file itself may be a link: it is replaced, not followed.
        if is_link && index != last {
            return Err(outside());
        }
    }
    Ok(place)
}

fn found_file(root: &Path, path: &str, origin: FileOrigin) -> Result<FoundFile, RuntimeError> {
    let absent = FoundFile { digest: None, mode: 0, origin };
    let Ok(place) = inside(root, path) else { return Ok(absent) };
    let Ok(metadata) = fs::symlink_metadata(&place) else { return Ok(absent) };
    if !metadata.is_file() {
        return Ok(absent);
    }
    let digest = digest(&place).map_err(|source| RuntimeError::Read { path: place, source })?;
    Ok(FoundFile { digest: Some(digest), mode: metadata.permissions().mode() & 0o7777, origin })
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(Content::new(bytes).digest())
}

fn make_directories(root: &Path, path: &Path) -> Result<(), RuntimeError> {
    // The instance's own directory may hold secrets; its content must be readable for the containers.
    let mode = if path == root { 0o711 } else { 0o755 };
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|source| write_error(path, source))
}

/// Writes a file atomically, so that it is complete or absent even after a loss of power.
fn write_atomically(path: &Path, bytes: &[u8], mode: u32) -> Result<(), RuntimeError> {
    let written = || {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(TEMPORARY);
        let temporary = path.with_file_name(name);
        // Left by a crash; opening it again would keep its old permissions.
        ignore_missing(fs::remove_file(&temporary))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()?;
        // The Engine makes a folder where a file was to be mounted and was not there yet.
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
            fs::remove_dir(path)?;
        }
        fs::rename(&temporary, path)?;
        File::open(parent(path))?.sync_all()
    };
    written().map_err(|source| write_error(path, source))
}

fn remove_file(path: &Path) -> Result<(), RuntimeError> {
    ignore_missing(fs::remove_file(path)).map_err(|source| write_error(path, source))
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        result => result,
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn write_error(path: &Path, source: io::Error) -> RuntimeError {
    if source.kind() == io::ErrorKind::StorageFull {
        return RuntimeError::DiskFull { step: FailedStep::File(FileStep::Write, path.display().to_string()) };
    }
    RuntimeError::Write { path: path.to_owned(), source }
}

/// The bytes that are free where a path is, or where its nearest parent that exists is.
pub fn disk_free(path: &Path) -> Result<u64, RuntimeError> {
    disk_of(path).map(|disk| disk.free)
}

/// The disk on which a path is, or on which its nearest parent that exists is.
pub fn disk_of(path: &Path) -> Result<Disk, RuntimeError> {
    let existing = path.ancestors().find(|it| it.exists()).unwrap_or(Path::new("/"));
    let failed = |source| RuntimeError::Read { path: existing.to_owned(), source };
    let space = rustix::fs::statvfs(existing).map_err(|error| failed(error.into()))?;
    let id = existing.metadata().map_err(failed)?.dev();
    Ok(Disk { id, free: space.f_bavail.saturating_mul(space.f_frsize) })
}
