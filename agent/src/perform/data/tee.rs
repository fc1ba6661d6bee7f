//! One stream into several repositories: a copy that fails does not fail the others.
//!
//! **Invariant:** if it is dropped before its end, no copy counts, and no caller waits for a hanging copy.

use super::DataError;
use super::copies::Copies;
use super::error::HostFault;
use bytes::Bytes;
use fleet_core::failed_step::FailedStep;
use fleet_core::names::RepositoryName;
use fleet_repository::client::{RepositoryError, StreamsUpload};
use fleet_repository::worker::{Progress, StreamSpec, WorkerError, while_it_moves};
use fleet_repository::{ArchivedStreams, Part};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Time without progress after which a copy fails: other copies and stopped services do not wait for its repository.
const PATIENCE: Duration = Duration::from_secs(240);

/// The uploads of all copies that are well.
pub struct Tee {
    uploads: Vec<Upload>,
    pub lost: Vec<RepositoryError>,
}

type Opened = Result<StreamsUpload, RepositoryError>;

struct Upload {
    name: RepositoryName,
    streams: StreamsUpload,
    progress: watch::Receiver<Progress>,
}

impl Tee {
    /// Begins the snapshot of streams in each copy.
    pub async fn open(copies: &mut Copies, part: &Part, streams: &[StreamSpec]) -> Result<Self, DataError> {
        let opening = copies.open.iter().map(async |copy| {
            let opening = copy.repository.archive_streams(part, streams.to_vec());
            let opened = timeout(PATIENCE, opening).await.unwrap_or_else(|_| Err(stuck(&copy.name)));
            (copy.name.clone(), opened)
        });
        let opened = join_all(opening).await;
        Self::of(opened)
    }

    fn of(opened: Vec<(RepositoryName, Opened)>) -> Result<Self, DataError> {
        let mut tee = Self { uploads: Vec::new(), lost: Vec::new() };
        for (name, opened) in opened {
            match opened {
                Ok(streams) => {
                    let progress = streams.progress();
                    tee.uploads.push(Upload { name, streams, progress });
                }
                Err(error) => tee.lost.push(error),
            }
        }
        tee.any()?;
        Ok(tee)
    }

    pub async fn bytes(&mut self, bytes: &Bytes) -> Result<(), DataError> {
        let sending = self
            .uploads
            .iter_mut()
            .map(async |Upload { name, streams, progress }| in_time(name, progress, streams.send(bytes)).await.err());
        let failed: Vec<_> = join_all(sending).await;
        self.keep(failed)
    }

    pub async fn end(&mut self) -> Result<(), DataError> {
        let ending = self
            .uploads
            .iter_mut()
            .map(async |Upload { name, streams, progress }| in_time(name, progress, streams.end_stream()).await.err());
        let failed: Vec<_> = join_all(ending).await;
        self.keep(failed)
    }

    /// Writes the snapshot of each copy.
    pub async fn finish(mut self) -> (BTreeMap<RepositoryName, ArchivedStreams>, Vec<RepositoryError>) {
        let finishing = self.uploads.drain(..).map(async |Upload { name, streams, mut progress }| {
            let archived = in_time(&name, &mut progress, streams.finish()).await;
            (name, archived)
        });
        let mut all = BTreeMap::new();
        for (name, finished) in join_all(finishing).await {
            match finished {
                Ok(archived) => drop(all.insert(name, archived)),
                Err(error) => self.lost.push(error),
            }
        }
        (all, self.lost)
    }

    /// Goes on without the copies that failed, if any is left.
    fn keep(&mut self, failed: Vec<Option<RepositoryError>>) -> Result<(), DataError> {
        let mut failed = failed.into_iter();
        self.uploads.retain(|_| match failed.next().flatten() {
            Some(error) => {
                tracing::warn!(error = crate::chain(&error), "a copy of the backup failed");
                self.lost.push(error);
                false
            }
            None => true,
        });
        self.any()
    }

    fn any(&mut self) -> Result<(), DataError> {
        if self.uploads.is_empty() {
            Err(HostFault::AllCopiesLost(std::mem::take(&mut self.lost)).into())
        } else {
            Ok(())
        }
    }
}

/// Returns all reasons in one line.
pub fn all(lost: &[RepositoryError]) -> String {
    lost.iter().map(|error| crate::chain(error)).collect::<Vec<_>>().join("; ")
}

/// Waits as long as the repository gets further, however slowly.
async fn in_time<T>(
    name: &RepositoryName,
    progress: &mut watch::Receiver<Progress>,
    asked: impl Future<Output = Result<T, RepositoryError>>,
) -> Result<T, RepositoryError> {
    while_it_moves(PATIENCE, progress, asked).await.unwrap_or_else(|| Err(stuck(name)))
}

fn stuck(name: &RepositoryName) -> RepositoryError {
    RepositoryError { repository: name.clone(), step: FailedStep::StoreDumps, source: WorkerError::Idle(PATIENCE) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_repository::client::WorkerSession;
    use fleet_repository::worker::{Answer, Next};
    use futures_util::future::{BoxFuture, FutureExt};
    use tokio::time::{Instant, sleep};

    /// A repository that takes that many seconds for each piece, with or without progress meanwhile.
    struct Slow {
        seconds: u64,
        moves: bool,
        progress: watch::Sender<Progress>,
    }

    impl Slow {
        async fn work(&self) {
            for _ in 0..self.seconds {
                sleep(Duration::from_secs(1)).await;
                if self.moves {
                    self.progress.send_modify(|progress| progress.moves += 1);
                }
            }
        }
    }

    impl WorkerSession for Slow {
        fn progress(&self) -> watch::Receiver<Progress> {
            self.progress.subscribe()
        }

        fn send<'a>(&'a mut self, _: &'a [u8]) -> BoxFuture<'a, Result<(), WorkerError>> {
            self.work().map(Ok).boxed()
        }

        fn end_stream(&mut self) -> BoxFuture<'_, Result<(), WorkerError>> {
            self.work().map(Ok).boxed()
        }

        fn next(&mut self) -> BoxFuture<'_, Result<Next, WorkerError>> {
            panic!("nothing is read")
        }

        fn answer(self: Box<Self>) -> BoxFuture<'static, Result<Answer, WorkerError>> {
            async move {
                self.work().await;
                let snapshot = "0".repeat(64).parse().expect("64 digits");
                Ok(Answer::Streams(ArchivedStreams { snapshot, streams: Vec::new(), added: 0 }))
            }
            .boxed()
        }
    }

    fn tee(copies: &[(&str, u64, bool)]) -> Tee {
        let open = |(name, seconds, moves): &(&str, u64, bool)| {
            let slow = Slow { seconds: *seconds, moves: *moves, progress: watch::Sender::new(Progress::default()) };
            let name: RepositoryName = name.parse().expect("a name");
            (name.clone(), Ok(StreamsUpload::new(name, Box::new(slow))))
        };
        Tee::of(copies.iter().map(open).collect()).expect("they are open")
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_hangs_is_given_up_and_one_that_is_slow_is_waited_for() {
        let mut tee = tee(&[("fast", 0, true), ("slow", 5000, true), ("hangs", 1_000_000, false)]);
        let began = Instant::now();
        tee.bytes(&Bytes::from_static(b"x")).await.expect("some are well");
        assert!(began.elapsed() < Duration::from_secs(5300), "{:?}", began.elapsed());
        tee.end().await.expect("some are well");
        let (kept, lost) = tee.finish().await;
        assert_eq!(kept.keys().map(ToString::to_string).collect::<Vec<_>>(), ["fast", "slow"]);
        let reasons = all(&lost);
        assert!(reasons.contains("`hangs`") && reasons.contains("nothing moved for 240 s"), "{reasons}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_for_the_last_copy() {
        let mut tee = tee(&[("hangs", 1_000_000, false)]);
        let began = Instant::now();
        tee.bytes(&Bytes::from_static(b"x")).await.expect_err("none is well");
        assert!(began.elapsed() < Duration::from_secs(500), "{:?}", began.elapsed());
    }
}
