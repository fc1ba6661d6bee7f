//! Files beside a database's dump: found in its data folder for a backup, and put back there by a restore.
//!
//! **Invariant:** a restore reads and checks them before it touches anything.

use super::fill::Filling;
use super::source::Opened;
use super::{DataError, DataWork};
use crate::beneath::{Entry, Folder, Owner};
use fleet_core::backup::{
    COUNT_LIMIT_OF_FILES, EngineKind, FILE_LIMIT, PutTime, SaidFiles, SideContent, SideFile, SideFiles, SideFolder,
    Store, TOTAL_LIMIT, can_descend, data_folder, data_place, has_side_files, is_fit, is_log, is_named_log,
    is_of_server, is_side_file, mentioned, mentioned_logs, pack, put_time, relative, said_files, short,
    side_files_tool, side_path, unpack,
};
use fleet_core::names::StoreName;
use fleet_core::spec::InstanceSpec;
use fleet_core::words::count;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

/// So many folders below a data folder are looked into.
const FOLDERS_LIMIT: usize = 200;

type Contents = Vec<(SideFile, Vec<u8>)>;

/// What was found of one store.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    pub kept: SideFiles,
    files: Contents,
    /// What is known to be there and is not kept: a restore in place would lose it.
    pub lost: Vec<String>,
}

impl Gathered {
    /// The archive that goes into the backup; none where there is nothing in it.
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
        data.work.say(format!("looking at the files beside {name}"));
        let found = gather(data, spec, store).await;
        let lost = |reason: String| Gathered {
            kept: SideFiles { left_out: vec![reason.clone()], ..SideFiles::default() },
            files: Vec::new(),
            lost: vec![reason],
        };
        all.insert((*name).clone(), found.unwrap_or_else(lost));
    }
    all
}

async fn gather(data: &DataWork<'_>, spec: &InstanceSpec, store: &Store) -> Result<Gathered, String> {
    let mut said = SaidFiles::default();
    let mut unasked = None;
    if let Some(tool) = side_files_tool(store) {
        match data.site().hands.run_tool(&tool, spec).await {
            Ok(printed) => said = said_files(&printed),
            Err(error) => unasked = Some(format!("its server could not say which it uses: {}", crate::chain(&error))),
        }
    }
    let Some(folder) = data_folder(&store.engine, said.folder.as_deref()) else { return Ok(Gathered::default()) };
    let Some(root) = root_of(data, spec, store, &folder).await? else { return Ok(Gathered::default()) };
    let looking = Looking::new(store.engine.kind(), named(store, spec, &said, &folder));
    let looked = tokio::task::spawn_blocking(move || looking.look(&root)).await;
    let Looked { files, folders, mut left_out } = match looked.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(found) => found,
        // Where there is no folder there are no files.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Looked::default(),
        Err(error) => return Err(format!("its folder could not be looked at: {error}")),
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
struct DataRoot {
    path: PathBuf,
    below: String,
}

async fn root_of(
    data: &DataWork<'_>,
    spec: &InstanceSpec,
    store: &Store,
    folder: &str,
) -> Result<Option<DataRoot>, String> {
    let Some(place) = data_place(store, spec, folder) else { return Ok(None) };
    let name: StoreName = "data".parse().expect("it is a name");
    let roots = data.roots(spec, &name, &place.root).await.map_err(|error| crate::chain(&error))?;
    Ok(roots.into_iter().next().map(|root| DataRoot { path: root.path, below: place.below }))
}

/// Found in one data folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Looked {
    files: Contents,
    folders: Vec<SideFolder>,
    left_out: Vec<String>,
}

/// Goes through one data folder.
struct Looking {
    engine: EngineKind,
    named: Named,
    files: Contents,
    bytes: u64,
    left_out: Vec<String>,
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
            // What vanishes meanwhile is no file of it.
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
                Err(error) => self.left_out.push(format!("`{path}`: {error}")),
            }
        }
        let files = format!("{} and {} MiB", count(COUNT_LIMIT_OF_FILES, "file"), TOTAL_LIMIT / 1024 / 1024);
        let limits = [(unseen, "looked into", count(FOLDERS_LIMIT, "folder")), (self.over, "kept", files)];
        for (names, what, limit) in limits.iter().filter(|(names, ..)| !names.is_empty()) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.left_out.push(format!("more than {limit} are not {what}: {}", short(&names)));
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
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.left_out.push(format!("`{path}`: {error}")),
        };
        let file = SideFile { path: path.to_owned(), content, mode, uid, gid };
        if !is_fit(&file) {
            return self.left_out.push(format!("`{path}`: its name is too long"));
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
fn above(path: &str) -> impl Iterator<Item = &str> {
    [""].into_iter().chain(path.match_indices('/').map(|(at, _)| &path[..at]))
}

/// A file or a link; nothing where it is neither.
fn read(folder: &Folder, name: &str) -> io::Result<Option<(SideContent, Vec<u8>, Owner)>> {
    match folder.entry(name)? {
        Entry::Link { to, owner } => Ok(Some((SideContent::Link { to }, Vec::new(), owner))),
        Entry::File { bytes } if bytes > FILE_LIMIT => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {} MiB", FILE_LIMIT / 1024 / 1024),
        )),
        Entry::File { .. } => {
            let (content, owner) = folder.read(name, FILE_LIMIT)?;
            let noted = SideContent::File { bytes: content.len() as u64, sha256: hash(&content) };
            Ok(Some((noted, content, owner)))
        }
        Entry::Folder | Entry::Other => Ok(None),
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a restore puts beside the data of each store.
#[derive(Debug, Default)]
pub struct SidePlan {
    of_store: BTreeMap<StoreName, Planned>,
    /// What is unusual about it, for people.
    pub notes: Vec<String>,
}

#[derive(Debug)]
struct Planned {
    folder: String,
    files: Contents,
    folders: Vec<SideFolder>,
    /// How many of them the backup has.
    kept: usize,
    time: PutTime,
}

/// Reads and checks what the backup has of them. `today` is what the data folders have that will be replaced.
pub async fn plan(
    data: &DataWork<'_>,
    opened: &Opened,
    fillings: &[Filling<'_>],
    mut today: BTreeMap<StoreName, Gathered>,
) -> Result<SidePlan, DataError> {
    data.work.say("reading the files beside the dumps");
    let mut plan = SidePlan::default();
    for filling in fillings {
        let Some(time) = put_time(filling.part.engine) else { continue };
        let name = filling.name;
        let kept = opened.manifest.side_files.get(name);
        let mut files = match kept {
            Some(kept) => of_backup(opened, filling, kept).await?,
            None => Vec::new(),
        };
        let of_backup = files.len();
        let has: BTreeSet<String> = files.iter().map(|(file, _)| file.path.clone()).collect();
        let today = today.remove(name).unwrap_or_default();
        let stays: Contents = today.files.into_iter().filter(|(file, _)| !has.contains(&file.path)).collect();
        if !stays.is_empty() {
            let names: Vec<&str> = stays.iter().map(|(file, _)| file.path.as_str()).collect();
            plan.notes.push(format!("{name}: not in the backup, so those of today stay: {}", short(&names)));
        }
        let found = kept.map(|kept| kept.folder.as_str()).filter(|it| !it.is_empty()).unwrap_or(&today.kept.folder);
        let Some(folder) = data_folder(&filling.store.engine, Some(found)) else { continue };
        files.extend(stays);
        let mut folders = kept.map(|kept| kept.folders.clone()).unwrap_or_default();
        let has: BTreeSet<String> = folders.iter().map(|folder| folder.path.clone()).collect();
        folders.extend(today.kept.folders.into_iter().filter(|folder| !has.contains(&folder.path)));
        plan.of_store.insert(name.clone(), Planned { folder, files, folders, kept: of_backup, time });
    }
    Ok(plan)
}

async fn of_backup(opened: &Opened, filling: &Filling<'_>, kept: &SideFiles) -> Result<Contents, DataError> {
    let bad =
        |reason: String| DataError::BadBackup(format!("the files beside the dump of `{}`: {reason}", filling.name));
    if kept.files.is_empty() {
        return Ok(Vec::new());
    }
    let archive = opened.small(&side_path(filling.name)).await;
    let archive = archive.ok_or_else(|| bad("they cannot be read".to_owned()))?;
    if hash(&archive) != kept.sha256 {
        return Err(bad("their archive is not what was kept".to_owned()));
    }
    let mut contents = unpack(&archive).map_err(bad)?;
    let file = |file: &SideFile| {
        if let Some(fault) = file.fault(filling.part.engine) {
            return Err(bad(format!("`{}`: {fault}", file.path)));
        }
        let content = match &file.content {
            SideContent::Link { .. } => Vec::new(),
            SideContent::File { sha256, .. } => {
                let content = contents.remove(&file.path).filter(|content| hash(content) == *sha256);
                content.ok_or_else(|| bad(format!("`{}` is not what it was", file.path)))?
            }
        };
        Ok((file.clone(), content))
    };
    kept.files.iter().map(file).collect()
}

impl SidePlan {
    /// Keeps only those without which a server would not start, or would start open to everybody: a double has other addresses, and
    /// the access rules of a server name its own.
    pub fn for_double(mut self) -> (Self, Vec<String>) {
        let said = self.of_store.iter().filter(|(_, planned)| planned.kept > 0);
        let said =
            said.map(|(name, planned)| format!("{name}: {} beside the dump, whole", count(planned.kept, "file")));
        let said = said.collect();
        self.of_store.retain(|_, planned| planned.time == PutTime::BeforeStart);
        (self, said)
    }

    /// Whether anything is put after databases were loaded.
    pub fn is_late(&self, fillings: &[Filling<'_>]) -> bool {
        fillings.iter().any(|it| self.of(it.name, PutTime::AfterLoad).is_some())
    }

    fn of(&self, name: &StoreName, time: PutTime) -> Option<&Planned> {
        self.of_store.get(name).filter(|planned| planned.time == time && !planned.files.is_empty())
    }

    /// Puts those in place whose time has come. Their servers stand still.
    pub async fn put(
        &self,
        data: &DataWork<'_>,
        fillings: &[Filling<'_>],
        spec: &InstanceSpec,
        time: PutTime,
    ) -> Result<(), DataError> {
        for filling in fillings {
            let Some(planned) = self.of(filling.name, time) else { continue };
            data.work.say(format!("putting {} beside {}", count(planned.files.len(), "file"), filling.name));
            let failed = |reason: String| DataError::of_store(filling.name, reason);
            let root = root_of(data, spec, filling.store, &planned.folder).await.map_err(failed)?;
            let root = root.ok_or_else(|| failed("its folder is in no volume or folder with a name".to_owned()))?;
            let (files, folders) = (planned.files.clone(), planned.folders.clone());
            let path = root.path.clone();
            let written = tokio::task::spawn_blocking(move || write(&root, &files, &folders)).await;
            let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
            written.map_err(|source| DataError::Disk { doing: "put files beside the data in", path, source })?;
        }
        Ok(())
    }
}

fn write(root: &DataRoot, files: &Contents, folders: &[SideFolder]) -> io::Result<()> {
    let Some((first, _)) = files.first() else { return Ok(()) };
    let owner = |file: &SideFile, mode| Owner { uid: file.uid, gid: file.gid, mode };
    let known = |path: &str| {
        let found = folders.iter().find(|folder| folder.path == path)?;
        Some(Owner { uid: found.uid, gid: found.gid, mode: found.mode })
    };
    // Folders of a backup that does not know them are for the owner of the first file in them.
    let made = |file: &SideFile, path: &str| known(path).unwrap_or_else(|| owner(file, 0o700));
    let data = Folder::open(&root.path)?.make_below(&root.below, |_| made(first, ""))?;
    for (file, content) in files {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let folder = data.make_below(folder, |path| made(file, path))?;
        match &file.content {
            SideContent::File { .. } => folder.write(name, content, owner(file, file.mode))?,
            SideContent::Link { to } => folder.link(name, to, owner(file, 0o777))?,
        }
    }
    // An image may have made them, too. The data folder itself is its server's own.
    let paths: BTreeSet<&str> =
        files.iter().flat_map(|(file, _)| above(&file.path)).filter(|path| !path.is_empty()).collect();
    for (path, owner) in paths.into_iter().filter_map(|path| Some((path, known(path)?))) {
        data.below(path)?.give(owner)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of a data folder, and what is said to be left out.
    fn looked(folder: &tempfile::TempDir, named: &[&str]) -> (Vec<String>, Vec<String>) {
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
        assert_eq!(found.left_out, ["`big.cnf`: it is larger than 1 MiB", "`init.sql`: it is larger than 1 MiB"]);
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
        // One is there, as an image makes it.
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
        let said = format!("more than {FOLDERS_LIMIT} folders are not looked into: a{FOLDERS_LIMIT}.d");
        assert_eq!(looked(&folder, &[]), (Vec::new(), vec![said]));
    }
}
