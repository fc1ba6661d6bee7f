//! Files beside a database's dump: found in its data folder for a backup.
//!
//! **Invariant:** files that exist and are not kept are named.

use super::{DataError, DataWork};
use crate::beneath::{Entry, Folder, Owner};
use data_encoding::HEXLOWER;
use fleet_core::activity::Activity;
use fleet_core::backup::{
    COUNT_LIMIT_OF_FILES, EngineKind, FILE_LIMIT, SaidFiles, SideContent, SideFile, SideFileGap, SideFiles, SideFolder,
    Store, TOTAL_LIMIT, can_descend, data_folder, data_place, first_names, has_side_files, is_fit, is_log,
    is_named_log, is_of_server, is_side_file, mentioned, mentioned_logs, pack, relative, said_files, side_files_tool,
};
use fleet_core::names::StoreName;
use fleet_core::spec::InstanceSpec;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

/// Maximum number of folders below a data folder that are searched.
const FOLDERS_LIMIT: usize = 200;

pub type Contents = Vec<(SideFile, Vec<u8>)>;

/// Files found beside one store.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    pub kept: SideFiles,
    pub files: Contents,
    /// Existing files that are not backed up: an in-place restore would lose them.
    pub lost: Vec<SideFileGap>,
}

impl Gathered {
    /// Returns the archive for the backup; none if it is empty.
    pub fn archive(&self) -> Option<Vec<u8>> {
        (!self.files.is_empty()).then(|| pack(&self.files))
    }
}

/// The files of all databases among some stores. What cannot be had is named in it, and is no error.
pub async fn gather_all(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    stores: &[(&StoreName, &Store)],
) -> BTreeMap<StoreName, Gathered> {
    let mut all = BTreeMap::new();
    for (name, store) in stores.iter().filter(|(_, store)| has_side_files(store.engine.kind())) {
        data.work.say(Activity::LookingAtSideFiles((*name).clone()));
        let found = gather(data, spec, store).await;
        let lost = |error: GatherError| {
            let gap = SideFileGap::FolderUnreadable { cause: error.to_string() };
            Gathered {
                kept: SideFiles { left_out: vec![gap.clone()], ..SideFiles::default() },
                files: Vec::new(),
                lost: vec![gap],
            }
        };
        all.insert((*name).clone(), found.unwrap_or_else(lost));
    }
    all
}

/// Reason why the files beside a dump cannot be had.
#[derive(Debug, thiserror::Error)]
enum GatherError {
    #[error("{}", crate::chain(.0))]
    Root(#[from] DataError),
    #[error(transparent)]
    Look(io::Error),
}

async fn gather(data: &DataWork<'_>, spec: &InstanceSpec, store: &Store) -> Result<Gathered, GatherError> {
    let mut said = SaidFiles::default();
    let mut unasked = None;
    if let Some(tool) = side_files_tool(store) {
        match data.context().runtime.run_tool(&tool, spec).await {
            Ok(printed) => said = said_files(&printed),
            Err(error) => unasked = Some(SideFileGap::ServerNotAsked { failure: Box::new((&error).into()) }),
        }
    }
    let Some(folder) = data_folder(&store.engine, said.folder.as_deref()) else { return Ok(Gathered::default()) };
    let Some(root) = root_of(data, spec, store, &folder).await? else { return Ok(Gathered::default()) };
    let looking = Looking::new(store.engine.kind(), named(store, spec, &said, &folder));
    let looked = tokio::task::spawn_blocking(move || looking.look(&root)).await;
    let Looked { files, folders, mut left_out } = match looked.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(found) => found,
        // A missing folder has no files.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Looked::default(),
        Err(error) => return Err(GatherError::Look(error)),
    };
    let lost = left_out.clone();
    left_out.extend(unasked);
    let sha256 = if files.is_empty() { String::new() } else { hash(&pack(&files)) };
    let noted = files.iter().map(|(file, _)| file.clone()).collect();
    Ok(Gathered { kept: SideFiles { folder, files: noted, folders, sha256, left_out }, files, lost })
}

/// Paths below a data folder that its server or the command of its service names.
#[derive(Debug, Default)]
struct Named {
    files: BTreeSet<String>,
    logs: BTreeSet<String>,
}

fn named(store: &Store, spec: &InstanceSpec, said: &SaidFiles, folder: &str) -> Named {
    let below = |path: &String| match path.starts_with('/') {
        true => relative(path, folder),
        false => relative(&format!("/{path}"), ""),
    };
    let container = store.engine.service().and_then(|service| spec.container(service));
    let mentioned_files = container.into_iter().flat_map(|container| mentioned(container, folder));
    let logs_of_command = container.into_iter().flat_map(|container| mentioned_logs(container, folder));
    Named {
        files: said.files.iter().filter_map(below).chain(mentioned_files).collect(),
        logs: said.logs.iter().filter_map(below).chain(logs_of_command).collect(),
    }
}

/// A volume or folder of this host, and the way to the data folder in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRoot {
    pub path: PathBuf,
    pub below: String,
}

pub async fn root_of(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    store: &Store,
    folder: &str,
) -> Result<Option<DataRoot>, DataError> {
    let Some(place) = data_place(store, spec, folder) else { return Ok(None) };
    let name: StoreName = "data".parse().expect("it is a name");
    let roots = data.roots(spec, &name, &place.root).await?;
    Ok(roots.into_iter().next().map(|root| DataRoot { path: root.path, below: place.below }))
}

/// Found in one data folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Looked {
    files: Contents,
    folders: Vec<SideFolder>,
    left_out: Vec<SideFileGap>,
}

/// Goes through one data folder.
struct Looking {
    engine: EngineKind,
    named: Named,
    files: Contents,
    bytes: u64,
    left_out: Vec<SideFileGap>,
    over: Vec<String>,
}

impl Looking {
    fn new(engine: EngineKind, named: Named) -> Self {
        Self { engine, named, files: Vec::new(), bytes: 0, left_out: Vec::new(), over: Vec::new() }
    }

    fn look(mut self, root: &DataRoot) -> io::Result<Looked> {
        let data = Folder::open(&root.path)?.below(&root.below)?;
        let (mut ahead, mut seen, mut folders, mut unseen) = (vec![String::new()], BTreeSet::new(), 0, Vec::new());
        while let Some(path) = ahead.pop() {
            // A folder that vanishes meanwhile has no files.
            let Ok(folder) = data.below(&path) else { continue };
            for name in folder.names()? {
                let whole = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                if can_descend(&name) && !is_of_server(self.engine, &whole) && data.below(&whole).is_ok() {
                    folders += 1;
                    if folders <= FOLDERS_LIMIT { &mut ahead } else { &mut unseen }.push(whole.clone());
                }
                if is_side_file(self.engine, &whole) || self.named.files.contains(&whole) {
                    self.take(&folder, &name, &whole);
                }
                seen.insert(whole);
            }
        }
        for path in self.named.files.clone().iter().filter(|path| !seen.contains(*path)) {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            match data.below(folder) {
                Ok(folder) => self.take(&folder, name, path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.left_out.push(unreadable(path, &error)),
            }
        }
        if let Some((names, more)) = first_of(&unseen) {
            self.left_out.push(SideFileGap::TooManyFolders { limit: FOLDERS_LIMIT, more, names });
        }
        if let Some((names, more)) = first_of(&self.over) {
            let (limit, limit_bytes) = (COUNT_LIMIT_OF_FILES, TOTAL_LIMIT);
            self.left_out.push(SideFileGap::TooManyFiles { limit, limit_bytes, more, names });
        }
        self.files.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        Ok(Looked { folders: folders_of(&data, &self.files), files: self.files, left_out: self.left_out })
    }

    fn take(&mut self, folder: &Folder, name: &str, path: &str) {
        let is_of_logs = is_log(self.engine, path) || is_named_log(self.engine, path, &self.named.logs);
        if is_of_server(self.engine, path) || is_of_logs {
            return;
        }
        let (content, bytes, Owner { uid, gid, mode }) = match read(folder, name) {
            Ok(SideFileRead::Kept(content, bytes, owner)) => (content, bytes, owner),
            Ok(SideFileRead::TooLarge) => {
                return self.left_out.push(SideFileGap::TooLarge { path: path.to_owned(), limit: FILE_LIMIT });
            }
            Ok(SideFileRead::NoFile) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.left_out.push(unreadable(path, &error)),
        };
        let file = SideFile { path: path.to_owned(), content, mode, uid, gid };
        if !is_fit(&file) {
            return self.left_out.push(SideFileGap::NameTooLong { path: file.path });
        }
        if self.files.len() >= COUNT_LIMIT_OF_FILES || self.bytes + bytes.len() as u64 > TOTAL_LIMIT {
            return self.over.push(path.to_owned());
        }
        self.bytes += bytes.len() as u64;
        self.files.push((file, bytes));
    }
}

/// The folders that hold files, and the data folder itself. One that vanishes meanwhile is left out.
fn folders_of(data: &Folder, files: &Contents) -> Vec<SideFolder> {
    let paths: BTreeSet<&str> = files.iter().flat_map(|(file, _)| above(&file.path)).collect();
    let noted = paths.into_iter().filter_map(|path| {
        let Owner { uid, gid, mode } = data.below(path).and_then(|folder| folder.owner()).ok()?;
        Some(SideFolder { path: path.to_owned(), mode, uid, gid })
    });
    noted.collect()
}

/// The folders above a file, the outermost first.
pub fn above(path: &str) -> impl Iterator<Item = &str> {
    [""].into_iter().chain(path.match_indices('/').map(|(at, _)| &path[..at]))
}

fn unreadable(path: &str, error: &io::Error) -> SideFileGap {
    SideFileGap::Unreadable { path: path.to_owned(), cause: error.to_string() }
}

/// Returns the first names and the number of the others; none where there are no names.
fn first_of(names: &[String]) -> Option<(Vec<String>, usize)> {
    let first = first_names(names.iter().map(String::as_str));
    let more = names.len() - first.len();
    (!first.is_empty()).then_some((first, more))
}

/// Found under one name.
enum SideFileRead {
    /// A file or a link, with its bytes.
    Kept(SideContent, Vec<u8>, Owner),
    /// A file that is too large.
    TooLarge,
    /// Neither a file nor a link.
    NoFile,
}

fn read(folder: &Folder, name: &str) -> io::Result<SideFileRead> {
    Ok(match folder.entry(name)? {
        Entry::Link { to, owner } => SideFileRead::Kept(SideContent::Link { to }, Vec::new(), owner),
        Entry::File { bytes } if bytes > FILE_LIMIT => SideFileRead::TooLarge,
        Entry::File { .. } => {
            let (content, owner) = folder.read(name, FILE_LIMIT)?;
            let noted = SideContent::File { bytes: content.len() as u64, sha256: hash(&content) };
            SideFileRead::Kept(noted, content, owner)
        }
        Entry::Folder | Entry::Other => SideFileRead::NoFile,
    })
}

pub fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perform::data::side_plan::write;

    /// Returns the files of a data folder that are kept, and those reported as left out.
    fn looked(folder: &tempfile::TempDir, named: &[&str]) -> (Vec<String>, Vec<SideFileGap>) {
        let found = look(EngineKind::Postgresql, folder, named, &[]);
        (found.files.into_iter().map(|(file, _)| file.path).collect(), found.left_out)
    }

    fn look(engine: EngineKind, folder: &tempfile::TempDir, files: &[&str], logs: &[&str]) -> Looked {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let named = Named { files: owned(files), logs: owned(logs) };
        Looking::new(engine, named).look(&root(folder)).expect("it is there")
    }

    fn root(folder: &tempfile::TempDir) -> DataRoot {
        DataRoot { path: folder.path().to_owned(), below: String::new() }
    }

    fn put(folder: &tempfile::TempDir, path: &str) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        std::fs::write(path, "x").expect("written");
    }

    #[test]
    fn many_files_of_a_server_hide_no_folder_of_settings() {
        let folder = tempfile::tempdir().expect("a folder");
        (0..400).for_each(|number| put(&folder, &format!("a{number:03}.d")));
        put(&folder, "certs/server.key");
        put(&folder, "pg_wal/archive.conf");
        put(&folder, "rules/pg_hba_prod");
        let kept = ["certs/server.key", "rules/pg_hba_prod"].map(str::to_owned).to_vec();
        assert_eq!(looked(&folder, &["rules/pg_hba_prod"]), (kept, Vec::new()));
    }

    #[test]
    fn logs_are_no_files_beside_a_dump_and_large_settings_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let large = vec![b'x'; usize::try_from(FILE_LIMIT).expect("it fits") + 1];
        let names = ["mariadb.err", "diary", "general.log", "big.cnf", "init.sql"];
        names.iter().for_each(|name| std::fs::write(folder.path().join(name), &large).expect("written"));
        put(&folder, "my.cnf");
        put(&folder, "slow.log");
        let found = look(
            EngineKind::Mariadb,
            &folder,
            &["mariadb.err", "diary", "general.log", "init.sql", "slow.log"],
            &["diary"],
        );
        let kept: Vec<&str> = found.files.iter().map(|(file, _)| file.path.as_str()).collect();
        assert_eq!(kept, ["my.cnf"]);
        let too_large = |path: &str| SideFileGap::TooLarge { path: path.to_owned(), limit: FILE_LIMIT };
        assert_eq!(found.left_out, [too_large("big.cnf"), too_large("init.sql")]);
    }

    #[test]
    fn folders_come_back_with_their_owner_group_and_mode() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
        let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        put(&one, "tls/private/server.key");
        put(&one, "conf.d/a.conf");
        let is_root = std::fs::metadata("/proc/self").expect("it is there").uid() == 0;
        for (path, mode, id) in [("tls", 0o755, 7), ("tls/private", 0o710, 8), ("conf.d", 0o2_750, 9)] {
            let path = one.path().join(path);
            if is_root {
                chown(&path, Some(id), Some(id + 100)).expect("it is root's");
            }
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("it is there");
        }
        let found = look(EngineKind::Redis, &one, &[], &[]);
        // It exists already, as made by an image.
        std::fs::create_dir(other.path().join("conf.d")).expect("made");
        write(&root(&other), &found.files, &found.folders).expect("written");
        for path in ["tls", "tls/private", "conf.d"] {
            let of = |folder: &tempfile::TempDir| {
                let it = std::fs::metadata(folder.path().join(path)).expect("it is there");
                (it.uid(), it.gid(), it.mode() & 0o777)
            };
            assert_eq!(of(&other), of(&one), "{path}");
        }
        // A backup that does not know them.
        let old = tempfile::tempdir().expect("a folder");
        write(&root(&old), &found.files, &[]).expect("written");
        let it = std::fs::metadata(old.path().join("tls/private")).expect("it is there");
        assert_eq!((it.uid(), it.mode() & 0o777), (found.files[1].0.uid, 0o700));
    }

    #[test]
    fn folders_that_are_not_looked_into_are_said() {
        let folder = tempfile::tempdir().expect("a folder");
        (0..=FOLDERS_LIMIT).for_each(|number| put(&folder, &format!("a{number:03}.d/x.data")));
        let names = vec![format!("a{FOLDERS_LIMIT}.d")];
        let gap = SideFileGap::TooManyFolders { limit: FOLDERS_LIMIT, more: 0, names };
        assert_eq!(looked(&folder, &[]), (Vec::new(), vec![gap]));
    }
}
