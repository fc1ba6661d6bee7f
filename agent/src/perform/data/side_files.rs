//! Files beside a database's dump: found in its data folder for a backup, and put back there by a restore.
//!
//! **Invariant:** a restore reads and checks them before it touches anything.

use super::fill::Filling;
use super::source::Opened;
use super::{DataError, DataWork};
use crate::beneath::{Entry, Folder, Owner};
use fleet_core::backup::{
    COUNT_LIMIT_OF_FILES, EngineKind, FILE_LIMIT, PutTime, SideContent, SideFile, SideFiles, Store, TOTAL_LIMIT,
    can_descend, data_folder, data_place, has_side_files, is_fit, is_of_server, is_side_file, mentioned, pack,
    put_time, relative, said_files, short, side_files_tool, side_path, unpack,
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
    let mut said = Default::default();
    let mut unasked = None;
    if let Some(tool) = side_files_tool(store) {
        match data.site().hands.run_tool(&tool, spec).await {
            Ok(printed) => said = said_files(&printed),
            Err(error) => unasked = Some(format!("its server could not say which it uses: {}", crate::chain(&error))),
        }
    }
    let Some(folder) = data_folder(&store.engine, said.folder.as_deref()) else { return Ok(Gathered::default()) };
    let Some(root) = root_of(data, spec, store, &folder).await? else { return Ok(Gathered::default()) };
    let mut named: BTreeSet<String> = said
        .files
        .iter()
        .filter_map(
            |path| if path.starts_with('/') { relative(path, &folder) } else { relative(&format!("/{path}"), "") },
        )
        .collect();
    let container = store.engine.service().and_then(|service| spec.container(service));
    named.extend(container.into_iter().flat_map(|container| mentioned(container, &folder)));
    let looking = Looking::new(store.engine.kind(), named);
    let looked = tokio::task::spawn_blocking(move || looking.look(&root)).await;
    let (files, mut left_out) = match looked.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(found) => found,
        // Where there is no folder there are no files.
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), Vec::new()),
        Err(error) => return Err(format!("its folder could not be looked at: {error}")),
    };
    let lost = left_out.clone();
    left_out.extend(unasked);
    let sha256 = if files.is_empty() { String::new() } else { hash(&pack(&files)) };
    let kept = SideFiles { folder, files: files.iter().map(|(file, _)| file.clone()).collect(), sha256, left_out };
    Ok(Gathered { kept, files, lost })
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

/// Goes through one data folder.
struct Looking {
    engine: EngineKind,
    /// Files that the server or its service's command names.
    named: BTreeSet<String>,
    files: Contents,
    bytes: u64,
    left_out: Vec<String>,
    over: Vec<String>,
}

impl Looking {
    fn new(engine: EngineKind, named: BTreeSet<String>) -> Self {
        Self { engine, named, files: Vec::new(), bytes: 0, left_out: Vec::new(), over: Vec::new() }
    }

    fn look(mut self, root: &DataRoot) -> io::Result<(Contents, Vec<String>)> {
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
                if is_side_file(self.engine, &whole) || self.named.contains(&whole) {
                    self.take(&folder, &name, &whole);
                }
                seen.insert(whole);
            }
        }
        for path in self.named.clone().iter().filter(|path| !seen.contains(*path)) {
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
        Ok((self.files, self.left_out))
    }

    fn take(&mut self, folder: &Folder, name: &str, path: &str) {
        if is_of_server(self.engine, path) {
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
        plan.of_store.insert(name.clone(), Planned { folder, files, kept: of_backup, time });
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
            let files = planned.files.clone();
            let path = root.path.clone();
            let written = tokio::task::spawn_blocking(move || write(&root, &files)).await;
            let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
            written.map_err(|source| DataError::Disk { doing: "put files beside the data in", path, source })?;
        }
        Ok(())
    }
}

fn write(root: &DataRoot, files: &Contents) -> io::Result<()> {
    let Some((first, _)) = files.first() else { return Ok(()) };
    let owner = |file: &SideFile, mode| Owner { uid: file.uid, gid: file.gid, mode };
    let data = Folder::open(&root.path)?.make_below(&root.below, owner(first, 0o700))?;
    for (file, content) in files {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let folder = data.make_below(folder, owner(file, 0o700))?;
        match &file.content {
            SideContent::File { .. } => folder.write(name, content, owner(file, file.mode))?,
            SideContent::Link { to } => folder.link(name, to, owner(file, 0o777))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of a data folder, and what is said to be left out.
    fn looked(folder: &tempfile::TempDir, named: &[&str]) -> (Vec<String>, Vec<String>) {
        let named = named.iter().map(|name| (*name).to_owned()).collect();
        let root = DataRoot { path: folder.path().to_owned(), below: String::new() };
        let (files, left_out) = Looking::new(EngineKind::Postgresql, named).look(&root).expect("it is there");
        (files.into_iter().map(|(file, _)| file.path).collect(), left_out)
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
    fn folders_that_are_not_looked_into_are_said() {
        let folder = tempfile::tempdir().expect("a folder");
        (0..=FOLDERS_LIMIT).for_each(|number| put(&folder, &format!("a{number:03}.d/x.data")));
        let said = format!("more than {FOLDERS_LIMIT} folders are not looked into: a{FOLDERS_LIMIT}.d");
        assert_eq!(looked(&folder, &[]), (Vec::new(), vec![said]));
    }
}
