//! One stream into several repositories: a copy that fails does not fail the others.
//!
//! **Invariant:** dropped before its end, nothing of it counts in any of them, and nobody waits for one that hangs.

use super::DataError;
use super::copies::Copies;
use crate::repositories::{ActivityCounter, Ahead, Label, RepositoryError, StreamsKept, StreamsWriter, Trouble};
use bytes::Bytes;
use fleet_core::names::RepositoryName;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// A copy whose repository has not moved for so long has failed: the others, and what stands still, do not wait for it.
const PATIENCE: Duration = Duration::from_secs(240);

/// The writers of all copies that are well.
pub struct Tee {
    writers: Vec<Writing>,
    pub lost: Vec<RepositoryError>,
}

type Opened = Result<Box<dyn StreamsWriter>, RepositoryError>;

struct Writing {
    name: RepositoryName,
    writer: Box<dyn StreamsWriter>,
    activity: ActivityCounter,
}

impl Tee {
    /// Begins the snapshot of streams in each copy.
    pub async fn open(copies: &mut Copies, label: &Label, ahead: &[Ahead]) -> Result<Self, DataError> {
        let opening = copies.open.iter().map(async |copy| {
            let still = ActivityCounter::of(|| 0);
            let opened = while_it_moves(&copy.name, &still, copy.repository.streams(label, ahead)).await;
            (copy.name.clone(), opened)
        });
        let opened = join_all(opening).await;
        Self::of(opened)
    }

    fn of(opened: Vec<(RepositoryName, Opened)>) -> Result<Self, DataError> {
        let mut tee = Self { writers: Vec::new(), lost: Vec::new() };
        for (name, opened) in opened {
            match opened {
                Ok(writer) => {
                    let activity = writer.activity();
                    tee.writers.push(Writing { name, writer, activity });
                }
                Err(error) => tee.lost.push(error),
            }
        }
        tee.any()?;
        Ok(tee)
    }

    pub async fn bytes(&mut self, bytes: &Bytes) -> Result<(), DataError> {
        let writing = self.writers.iter_mut().map(async |Writing { name, writer, activity }| {
            while_it_moves(name, activity, writer.bytes(bytes.clone())).await.err()
        });
        let failed: Vec<_> = join_all(writing).await;
        self.keep(failed)
    }

    pub async fn end(&mut self) -> Result<(), DataError> {
        let ending = self
            .writers
            .iter_mut()
            .map(async |Writing { name, writer, activity }| while_it_moves(name, activity, writer.end()).await.err());
        let failed: Vec<_> = join_all(ending).await;
        self.keep(failed)
    }

    /// Writes the snapshot of each copy.
    pub async fn finish(mut self) -> (BTreeMap<RepositoryName, StreamsKept>, Vec<RepositoryError>) {
        let finishing = self.writers.drain(..).map(async |Writing { name, writer, activity }| {
            let kept = while_it_moves(&name, &activity, writer.finish()).await;
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

/// Waits as long as the repository gets further, however slowly.
async fn while_it_moves<T>(
    name: &RepositoryName,
    activity: &ActivityCounter,
    asked: impl Future<Output = Result<T, RepositoryError>>,
) -> Result<T, RepositoryError> {
    let mut asked = pin!(asked);
    loop {
        let last = activity.beat();
        if let Ok(answered) = timeout(PATIENCE, &mut asked).await {
            return answered;
        }
        if activity.beat() == last {
            return Err(RepositoryError {
                repository: name.clone(),
                doing: "keep a stream".to_owned(),
                reason: format!("it has not moved for {} s", PATIENCE.as_secs()),
                trouble: Trouble::Other,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::time::{Instant, sleep};

    /// A repository that takes so many seconds for each piece, and moves meanwhile, or does not.
    struct Slow {
        seconds: u64,
        moves: bool,
        beats: Arc<AtomicU64>,
    }

    impl Slow {
        async fn work(&self) {
            for _ in 0..self.seconds {
                sleep(Duration::from_secs(1)).await;
                self.beats.fetch_add(u64::from(self.moves), Ordering::Relaxed);
            }
        }
    }

    #[tonic::async_trait]
    impl StreamsWriter for Slow {
        fn activity(&self) -> ActivityCounter {
            let beats = Arc::clone(&self.beats);
            ActivityCounter::of(move || beats.load(Ordering::Relaxed))
        }
        async fn bytes(&mut self, _: Bytes) -> Result<(), RepositoryError> {
            self.work().await;
            Ok(())
        }
        async fn end(&mut self) -> Result<(), RepositoryError> {
            self.work().await;
            Ok(())
        }
        async fn finish(self: Box<Self>) -> Result<StreamsKept, RepositoryError> {
            self.work().await;
            Ok(StreamsKept::default())
        }
    }

    fn tee(copies: &[(&str, u64, bool)]) -> Tee {
        let open = |(name, seconds, moves): &(&str, u64, bool)| {
            let slow = Slow { seconds: *seconds, moves: *moves, beats: Arc::default() };
            (name.parse().expect("a name"), Ok(Box::new(slow) as Box<dyn StreamsWriter>))
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
        assert!(reasons.contains("`hangs`") && reasons.contains("has not moved for 240 s"), "{reasons}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_for_the_last_copy() {
        let mut tee = tee(&[("hangs", 1_000_000, false)]);
        let began = Instant::now();
        tee.bytes(&Bytes::from_static(b"x")).await.expect_err("none is well");
        assert!(began.elapsed() < Duration::from_secs(500), "{:?}", began.elapsed());
    }
}
