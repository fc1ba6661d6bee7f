//! Files beside a database's dump in a restore: those of the backup, and present ones that stay.
//!
//! **Invariant:** a restore reads and checks them before it touches anything.

use super::fault::StoreFault;
use super::fill::Filling;
use super::side_files::{Contents, DataRoot, Gathered, above, hash, root_of};
use super::source::Opened;
use super::{DataError, DataWork};
use crate::beneath::{Folder, Owner};
use fleet_core::activity::Activity;
use fleet_core::backup::{
    BackupDamage, DataNote, DrillCheck, PutTime, SideContent, SideFile, SideFiles, SideFolder, data_folder,
    first_names, put_time, side_path, unpack,
};
use fleet_core::failed_step::FileStep;
use fleet_core::names::StoreName;
use fleet_core::spec::InstanceSpec;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Files that a restore puts beside the data of each store.
#[derive(Debug, Default)]
pub struct SidePlan {
    of_store: BTreeMap<StoreName, Planned>,
    /// Remarks about them.
    pub notes: Vec<DataNote>,
}

#[derive(Debug)]
struct Planned {
    folder: String,
    files: Contents,
    folders: Vec<SideFolder>,
    /// Number of those that the backup has.
    kept: usize,
    time: PutTime,
}

/// Reads and checks the files of the backup. `today` are the files of the data folders that will be replaced.
pub async fn plan(
    data: &DataWork<'_>,
    opened: &Opened,
    fillings: &[Filling<'_>],
    mut today: BTreeMap<StoreName, Gathered>,
) -> Result<SidePlan, DataError> {
    data.work.say(Activity::ReadingSideFiles);
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
            let names = first_names(stays.iter().map(|(file, _)| file.path.as_str()));
            plan.notes.push(DataNote::SideFilesStay { store: name.clone(), count: stays.len(), names });
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
    let bad = |damage| StoreFault::Damaged(damage).of_backup(filling.name);
    if kept.files.is_empty() {
        return Ok(Vec::new());
    }
    let archive = opened.small(&side_path(filling.name)).await;
    let archive = archive.ok_or_else(|| bad(BackupDamage::SideFilesUnreadable))?;
    if hash(&archive) != kept.sha256 {
        return Err(bad(BackupDamage::SideFilesDiffer));
    }
    let mut contents = unpack(&archive).map_err(|error| bad(error.into()))?;
    let file = |file: &SideFile| {
        if let Some(damage) = file.fault(filling.part.engine) {
            return Err(bad(damage));
        }
        let content = match &file.content {
            SideContent::Link { .. } => Vec::new(),
            SideContent::File { sha256, .. } => {
                let content = contents.remove(&file.path).filter(|content| hash(content) == *sha256);
                content.ok_or_else(|| bad(BackupDamage::SideFileDiffers { path: file.path.clone() }))?
            }
        };
        Ok((file.clone(), content))
    };
    kept.files.iter().map(file).collect()
}

impl SidePlan {
    /// Keeps only files without which a server would not start, or would start without access control: a sandbox has
    /// other addresses, and a server's access rules name its own.
    pub fn for_double(mut self) -> (Self, Vec<DrillCheck>) {
        let whole = self.of_store.iter().filter(|(_, planned)| planned.kept > 0);
        let whole = whole.map(|(name, planned)| DrillCheck::SideFiles { store: name.clone(), files: planned.kept });
        let said = whole.collect();
        self.of_store.retain(|_, planned| planned.time == PutTime::BeforeStart);
        (self, said)
    }

    /// Returns whether any file is put in place after databases were loaded.
    pub fn is_late(&self, fillings: &[Filling<'_>]) -> bool {
        fillings.iter().any(|it| self.of(it.name, PutTime::AfterLoad).is_some())
    }

    fn of(&self, name: &StoreName, time: PutTime) -> Option<&Planned> {
        self.of_store.get(name).filter(|planned| planned.time == time && !planned.files.is_empty())
    }

    /// Puts the files of this stage in place. Their servers are stopped.
    pub async fn put(
        &self,
        data: &DataWork<'_>,
        fillings: &[Filling<'_>],
        spec: &InstanceSpec,
        time: PutTime,
    ) -> Result<(), DataError> {
        for filling in fillings {
            let Some(planned) = self.of(filling.name, time) else { continue };
            data.work.say(Activity::PlacingSideFiles(planned.files.len(), filling.name.clone()));
            let failed = |fault: StoreFault| fault.of_store(filling.name);
            let root = root_of(data, spec, filling.store, &planned.folder).await;
            let root = root.map_err(|error| failed(StoreFault::Folder(Box::new(error))))?;
            let root = root.ok_or_else(|| failed(StoreFault::FolderWithoutName))?;
            let (files, folders) = (planned.files.clone(), planned.folders.clone());
            let path = root.path.clone();
            let written = tokio::task::spawn_blocking(move || write(&root, &files, &folders)).await;
            let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
            written.map_err(|source| DataError::Disk { step: FileStep::Fill, path, source })?;
        }
        Ok(())
    }
}

/// Writes files and links below a data folder, with the folders that hold them.
pub fn write(root: &DataRoot, files: &Contents, folders: &[SideFolder]) -> io::Result<()> {
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
