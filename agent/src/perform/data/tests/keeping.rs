//! Repositories without processes of their own: the real code, on folders with faults on request.

use super::in_process::InProcess;
use super::lab::LabRuntime;
pub use super::place_faults::BackendFault;
use super::place_faults::{PlacePlan, Shared};
use crate::repositories::Repositories;
use fleet_core::backup::{FilesParent, LocationAccess, Manifest, Proof, RepositoryAccess, Secret};
use fleet_core::names::{BackupId, InstanceName};
use fleet_repository::backend::FolderBackend;
use fleet_repository::client::{RepositoryClient, RepositoryWorkers, WorkerSession};
use fleet_repository::worker::{Limits, Request, WorkerError};
use fleet_repository::{Backend, Part, Secrets};
use futures_util::future::{BoxFuture, FutureExt};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError};

/// An empty repository to begin with: deriving its password's key takes a third of a second, so that is done once.
struct Template {
    secrets: Secrets,
    files: BTreeMap<String, Vec<u8>>,
}

impl Template {
    fn get() -> &'static Self {
        static TEMPLATE: OnceLock<Template> = OnceLock::new();
        TEMPLATE.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let secrets = Secrets::generate().expect("random");
            let place: Arc<dyn Backend> = Arc::new(FolderBackend::new(folder.path()));
            fleet_repository::Repository::create(&place, &secrets).expect("made");
            Self { secrets, files: super::harness::files(folder.path()) }
        })
    }
}

fn write_all(files: &BTreeMap<String, Vec<u8>>, to: &Path) {
    for (name, bytes) in files {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
}

/// Repositories in folders, opened in this process.
#[derive(Debug, Clone)]
pub struct Keeping {
    pub folder: PathBuf,
    pub lab: LabRuntime,
    pub plans: Shared,
    secrets: Secrets,
}

impl Keeping {
    pub fn new(folder: &Path, lab: &LabRuntime) -> Self {
        let secrets = Template::get().secrets.clone();
        Self { folder: folder.join("repositories"), lab: lab.clone(), plans: Arc::default(), secrets }
    }

    /// Makes the repository, and the way into it.
    pub fn access(&self, name: &str, instance: &InstanceName) -> RepositoryAccess {
        let path = self.folder.join(name).join(instance.as_str());
        if !path.join("config").exists() {
            write_all(&Template::get().files, &path);
        }
        RepositoryAccess {
            repository: name.parse().expect("a name"),
            instance: instance.clone(),
            place: LocationAccess::Folder { path: path.display().to_string() },
            master_key: Secret(self.secrets.master_key.clone()),
            password: None,
            parent: FilesParent::Newest,
        }
    }

    pub fn plan(&self, name: &str, fault: Option<(BackendFault, u64)>) {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.insert(name.parse().expect("a name"), PlacePlan { fault, calls: 0 });
    }

    /// Returns the number of calls of the backend since then.
    pub fn calls(&self, name: &str) -> u64 {
        let plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(&name.parse().expect("a name")).map_or(0, |plan| plan.calls)
    }

    /// Resets all repositories.
    pub fn put_back(&self, files: &BTreeMap<String, Vec<u8>>) {
        std::fs::remove_dir_all(&self.folder).expect("removed");
        write_all(files, &self.folder);
    }

    /// Returns a client without faults.
    pub fn plainly(&self, name: &str, instance: &InstanceName) -> RepositoryClient {
        let (lab, plans) = (LabRuntime::new(&self.folder), Shared::default());
        let quiet = Self { lab, plans, ..self.clone() };
        Repositories::new(Arc::new(quiet), PathBuf::new()).open(&self.access(name, instance), None)
    }
}

impl RepositoryWorkers for Keeping {
    fn start(&self, request: Request, _: Limits) -> BoxFuture<'_, Result<Box<dyn WorkerSession>, WorkerError>> {
        async move {
            let session: Box<dyn WorkerSession> = Box::new(InProcess::begin(self, request).await);
            Ok(session)
        }
        .boxed()
    }
}

impl Keeping {
    fn opened(&self, name: &str) -> fleet_repository::Repository {
        let LocationAccess::Folder { path } = self.access(name, &super::harness::instance()).place else {
            panic!("a folder")
        };
        fleet_repository::Repository::open(Arc::new(FolderBackend::new(path)), &self.secrets).expect("opened")
    }

    /// Adds sets that are newer than all others, and whose manifests use up the read limit.
    pub fn crowd(&self, name: &str) {
        let at = fleet_core::time::Time(crate::clock::now().0 + 3_600_000);
        for number in 0..3_u8 {
            let backup = format!("c{number:023}").parse().expect("an id");
            let part = Part { backup, host: "lab-2".parse().expect("a name"), time: at };
            self.opened(name).write_set(&part, vec![number; 15 << 20]).expect("written");
        }
    }

    /// Returns the results of drills.
    pub fn proofs(&self, name: &str) -> Vec<(String, Proof)> {
        let proofs = self.opened(name).proofs().expect("read").proofs;
        let read = |it: fleet_repository::ProofRecord| {
            (it.backup.to_string(), serde_json::from_slice(&it.proof).expect("a proof"))
        };
        proofs.into_iter().map(read).collect()
    }

    /// Writes a forged manifest.
    pub async fn write_set(&self, name: &str, backup: &BackupId, manifest: &Manifest) {
        let host = "lab-9".parse().expect("a name");
        let part = Part { backup: backup.clone(), host, time: crate::clock::now() };
        let manifest = serde_json::to_vec(manifest).expect("JSON");
        self.plainly(name, &super::harness::instance()).write_set(&part, manifest).await.expect("written");
    }

    /// Flips a byte in the middle of each data pack that is not a manifest's.
    pub fn damage_packs(&self, name: &str) {
        let folder = self.folder.join(name).join("oasis-1/data");
        let mut packs: Vec<_> = super::harness::files(&folder).into_iter().collect();
        packs.sort_by_key(|(_, bytes)| std::cmp::Reverse(bytes.len()));
        let (path, mut bytes) = packs.remove(0);
        let middle = bytes.len() / 4;
        bytes[middle] ^= 1;
        let path = folder.join(path);
        drop(std::fs::remove_file(&path));
        std::fs::write(path, bytes).expect("written");
    }
}
