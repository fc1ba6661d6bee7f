//! Streams into a repository in this process: a thread reads what tasks send.

use super::keeping::InProcess;
use crate::repositories::{ActivityCounter, RepositoryError, StreamKept, StreamsKept, StreamsWriter};
use bytes::Bytes;
use std::io::Read;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// One stream, from whoever sends to the thread that reads.
pub struct Piped {
    pub receiver: mpsc::Receiver<Option<Bytes>>,
    pub rest: Bytes,
    pub has_ended: bool,
}

impl Read for Piped {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() && !self.has_ended {
            match self.receiver.blocking_recv() {
                Some(Some(bytes)) => self.rest = bytes,
                Some(None) => self.has_ended = true,
                None => return Err(std::io::Error::other("it was cut off")),
            }
        }
        let count = out.len().min(self.rest.len());
        out[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

pub struct Writing {
    pub repository: InProcess,
    /// The current stream is the last.
    pub senders: Vec<mpsc::Sender<Option<Bytes>>>,
    pub work: JoinHandle<fleet_repository::Result<fleet_repository::ArchivedStreams>>,
}

impl Writing {
    async fn send(&mut self, piece: Option<Bytes>) -> Result<(), RepositoryError> {
        self.repository.lab.call().await;
        let sent = match self.senders.last() {
            Some(sender) => sender.send(piece).await.is_ok(),
            None => false,
        };
        if sent { Ok(()) } else { Err(self.repository.error("keep the dumps", "the worker ended")) }
    }
}

#[tonic::async_trait]
impl StreamsWriter for Writing {
    fn activity(&self) -> ActivityCounter {
        ActivityCounter::of(|| 0)
    }

    async fn bytes(&mut self, bytes: Bytes) -> Result<(), RepositoryError> {
        self.send(Some(bytes)).await
    }

    async fn end(&mut self) -> Result<(), RepositoryError> {
        self.send(None).await?;
        self.senders.pop();
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<StreamsKept, RepositoryError> {
        self.senders.clear();
        let done =
            (&mut self.work).await.map_err(|error| self.repository.error("keep the dumps", &error.to_string()))?;
        let kept = done.map_err(|error| self.repository.error_of("keep the dumps", error))?;
        self.repository.lab.call().await;
        let streams = kept.streams.into_iter();
        let streams = streams.map(|it| (it.name, StreamKept { bytes: it.bytes, sha256: it.sha256 })).collect();
        Ok(StreamsKept { streams, added: kept.added })
    }
}
