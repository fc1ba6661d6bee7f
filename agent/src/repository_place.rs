//! The repository that the coordinator keeps for an instance, as the worker process sees it: files of restic's format that are
//! listed, read and added over a connection of the worker's own.
//!
//! **Invariant:** nothing is removed or overwritten through here: the coordinator would refuse it anyway.

mod ask;
mod status;

use ask::Line;
use bytes::Bytes;
use fleet_repository::worker::Places;
use fleet_repository::{ActivityCounter, Backend, BackendError, FileId, FileKind};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Data with which a worker reaches a repository at the coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryRoute {
    /// File of this host's identity.
    pub identity: PathBuf,
    pub repository: String,
    pub instance: String,
}

impl From<RepositoryRoute> for serde_json::Value {
    fn from(way: RepositoryRoute) -> Self {
        serde_json::to_value(way).expect("texts are JSON")
    }
}

/// Opens the coordinator's repositories in a worker of this program.
#[derive(Debug, Clone, Copy)]
pub struct AtCoordinator;

impl Places for AtCoordinator {
    fn coordinator(
        &self,
        spec: &serde_json::Value,
        activity: &ActivityCounter,
    ) -> Result<Arc<dyn Backend>, BackendError> {
        let way = serde_json::from_value(spec.clone());
        let way =
            way.map_err(|error| BackendError::Refused(format!("the way to the coordinator is not one: {error}")))?;
        Ok(Arc::new(CoordinatorBackend::new(way, activity.clone())?))
    }
}

/// Backend of one instance's repository at the coordinator.
#[derive(Debug)]
pub struct CoordinatorBackend {
    way: RepositoryRoute,
    line: Line,
}

impl CoordinatorBackend {
    /// Makes the backend. It connects at the first request.
    pub fn new(way: RepositoryRoute, activity: ActivityCounter) -> Result<Self, BackendError> {
        let line = Line::new(way.identity.clone(), activity)?;
        Ok(Self { way, line })
    }

    fn name_of(&self, kind: FileKind, id: Option<&FileId>) -> fleet_proto::v1::FileName {
        let id = id.filter(|_| kind != FileKind::Config).map(ToString::to_string).unwrap_or_default();
        let wire = fleet_proto::v1::FileKind::from(kind);
        let (repository, instance) = (self.way.repository.clone(), self.way.instance.clone());
        fleet_proto::v1::FileName { repository, instance, kind: wire.into(), id }
    }
}

impl Backend for CoordinatorBackend {
    fn name(&self) -> String {
        format!("the coordinator's repository {} of {}", self.way.repository, self.way.instance)
    }

    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, BackendError> {
        let found = self.line.list(&self.name_of(kind, None))?;
        let read = |(id, bytes): (String, u64)| match kind {
            FileKind::Config => Ok((FileId::default(), bytes)),
            FileKind::Key | FileKind::Snapshot | FileKind::Index | FileKind::Pack => match id.parse() {
                Ok(id) => Ok((id, bytes)),
                Err(_) => Err(BackendError::Refused(format!("`{id}` is not the name of a file"))),
            },
        };
        found.into_iter().map(read).collect()
    }

    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, BackendError> {
        self.line.read(&self.name_of(kind, Some(id)), 0, 0)
    }

    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, BackendError> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let bytes = self.line.read(&self.name_of(kind, Some(id)), offset, length)?;
        if bytes.len() as u64 == length {
            return Ok(bytes);
        }
        Err(BackendError::Refused(format!("{} of {length} bytes came of {kind} {id}", bytes.len())))
    }

    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), BackendError> {
        self.line.add(&self.name_of(kind, Some(id)), content)
    }

    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), BackendError> {
        Err(BackendError::Refused(format!(
            "nothing is removed from here ({kind} {id}): the coordinator forgets and prunes"
        )))
    }

    fn read_ahead(&self) -> u64 {
        4 << 20
    }
}
