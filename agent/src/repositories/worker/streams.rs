//! Streams on their way into one snapshot, through one worker.

use super::WorkerRepository;
use crate::repositories::{ActivityCounter, RepositoryError, StreamKept, StreamsKept, StreamsWriter};
use bytes::Bytes;
use fleet_repository::worker::{Answer, Worker};

/// Dropped, the worker is killed, and nothing of it counts.
pub struct WorkerStreams {
    pub repository: WorkerRepository,
    pub worker: Worker,
}

const DOING: &str = "keep the dumps";

#[tonic::async_trait]
impl StreamsWriter for WorkerStreams {
    fn activity(&self) -> ActivityCounter {
        let progress = self.worker.progress();
        ActivityCounter::of(move || {
            let told = progress.borrow();
            told.source_bytes.wrapping_add(told.place_written).wrapping_add(told.place_read).wrapping_add(told.moves)
        })
    }

    async fn bytes(&mut self, bytes: Bytes) -> Result<(), RepositoryError> {
        self.worker.send(&bytes).await.map_err(|error| self.repository.error(DOING, &error))
    }

    async fn end(&mut self) -> Result<(), RepositoryError> {
        self.worker.end_stream().await.map_err(|error| self.repository.error(DOING, &error))
    }

    async fn finish(self: Box<Self>) -> Result<StreamsKept, RepositoryError> {
        let Self { repository, worker } = *self;
        let answer = worker.answer().await.map_err(|error| repository.error(DOING, &error))?;
        let Answer::Streams(kept) = answer else { return Err(repository.strange(DOING)) };
        let streams = kept.streams.into_iter();
        let streams = streams.map(|it| (it.name, StreamKept { bytes: it.bytes, sha256: it.sha256 })).collect();
        Ok(StreamsKept { streams, added: kept.added })
    }
}
