//! One stream into several repositories: a copy that fails does not fail the others.

use super::DataError;
use super::copies::Copies;
use crate::repositories::{Ahead, Label, RepositoryError, StreamsKept, StreamsWriter, Trouble};
use bytes::Bytes;
use fleet_core::names::RepositoryName;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// A copy that takes nothing for so long has failed: the others, and what stands still, do not wait for it.
const PATIENCE: Duration = Duration::from_secs(900);

/// The writers of all copies that are well.
pub struct Tee {
    writers: Vec<(RepositoryName, Box<dyn StreamsWriter>)>,
    pub lost: Vec<RepositoryError>,
}

impl Tee {
    /// Begins the snapshot of streams in each copy.
    pub async fn open(copies: &mut Copies, label: &Label, ahead: &[Ahead]) -> Result<Self, DataError> {
        let opening = copies.open.iter().map(async |copy| {
            let opened = in_time(&copy.name, copy.repository.streams(label, ahead)).await;
            (copy.name.clone(), opened)
        });
        let mut tee = Self { writers: Vec::new(), lost: Vec::new() };
        for (name, opened) in join_all(opening).await {
            match opened {
                Ok(writer) => tee.writers.push((name, writer)),
                Err(error) => tee.lost.push(error),
            }
        }
        tee.any()?;
        Ok(tee)
    }

    pub async fn bytes(&mut self, bytes: &Bytes) -> Result<(), DataError> {
        let writing =
            self.writers.iter_mut().map(async |(name, writer)| in_time(name, writer.bytes(bytes.clone())).await.err());
        let failed: Vec<_> = join_all(writing).await;
        self.keep(failed)
    }

    pub async fn end(&mut self) -> Result<(), DataError> {
        let ending = self.writers.iter_mut().map(async |(name, writer)| in_time(name, writer.end()).await.err());
        let failed: Vec<_> = join_all(ending).await;
        self.keep(failed)
    }

    /// The source failed: nothing of it shall count anywhere.
    pub async fn fail(mut self, reason: &str) {
        let failing = self.writers.iter_mut().map(|(_, writer)| timeout(PATIENCE, writer.fail(reason)));
        drop(join_all(failing).await);
    }

    /// Writes the snapshot of each copy.
    pub async fn finish(mut self) -> (BTreeMap<RepositoryName, StreamsKept>, Vec<RepositoryError>) {
        let finishing = self.writers.drain(..).map(async |(name, writer)| {
            let kept = in_time(&name, writer.finish()).await;
            (name, kept)
        });
        let mut kept = BTreeMap::new();
        for (name, finished) in join_all(finishing).await {
            match finished {
                Ok(streams) => drop(kept.insert(name, streams)),
                Err(error) => self.lost.push(error),
            }
        }
        (kept, self.lost)
    }

    /// Goes on without the copies that failed, if any is left.
    fn keep(&mut self, failed: Vec<Option<RepositoryError>>) -> Result<(), DataError> {
        let mut failed = failed.into_iter();
        self.writers.retain(|_| match failed.next().flatten() {
            Some(error) => {
                tracing::warn!(%error, "a copy of the backup failed");
                self.lost.push(error);
                false
            }
            None => true,
        });
        self.any()
    }

    fn any(&self) -> Result<(), DataError> {
        match self.writers.is_empty() {
            true => Err(DataError::Failed(all(&self.lost))),
            false => Ok(()),
        }
    }
}

/// All reasons, in one line.
pub fn all(lost: &[RepositoryError]) -> String {
    lost.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

async fn in_time<T>(
    name: &RepositoryName,
    asked: impl Future<Output = Result<T, RepositoryError>>,
) -> Result<T, RepositoryError> {
    let late = || RepositoryError {
        repository: name.clone(),
        doing: "keep a stream".to_owned(),
        reason: format!("it took nothing for {} s", PATIENCE.as_secs()),
        trouble: Trouble::Other,
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
}
