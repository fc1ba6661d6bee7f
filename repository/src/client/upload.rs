//! Streams on their way into one snapshot.

use super::{RepositoryError, WorkerSession};
use crate::archive::ArchivedStreams;
use crate::worker::{Answer, Progress, WorkerError};
use fleet_core::failed_step::FailedStep;
use fleet_core::names::RepositoryName;
use std::fmt;
use tokio::sync::watch;

pub(super) const STEP: FailedStep = FailedStep::StoreDumps;

/// Takes the streams of one snapshot, one after the other. Dropped before its end, the worker ends, and nothing of it counts.
pub struct StreamsUpload {
    repository: RepositoryName,
    session: Box<dyn WorkerSession>,
}

impl fmt::Debug for StreamsUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamsUpload").field("repository", &self.repository).finish_non_exhaustive()
    }
}

impl StreamsUpload {
    /// Makes an upload over an open session.
    pub fn new(repository: RepositoryName, session: Box<dyn WorkerSession>) -> Self {
        Self { repository, session }
    }

    /// Returns the progress of the repository, also while data is sent.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.session.progress()
    }

    /// Sends more of the current stream.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), RepositoryError> {
        let sent = self.session.send(bytes).await;
        sent.map_err(|source| error(&self.repository, source))
    }

    /// Ends the current stream, which is whole; the next begins.
    pub async fn end_stream(&mut self) -> Result<(), RepositoryError> {
        let ended = self.session.end_stream().await;
        ended.map_err(|source| error(&self.repository, source))
    }

    /// Writes the snapshot, when all streams have ended.
    pub async fn finish(self) -> Result<ArchivedStreams, RepositoryError> {
        let Self { repository, session } = self;
        match session.answer().await {
            Ok(Answer::Streams(archived)) => Ok(archived),
            Ok(_) => Err(error(&repository, WorkerError::Answer)),
            Err(source) => Err(error(&repository, source)),
        }
    }
}

fn error(repository: &RepositoryName, source: WorkerError) -> RepositoryError {
    RepositoryError { repository: repository.clone(), step: STEP, source }
}
