//! One thread writes: it takes all waiting commits, applies them together, flushes once, and answers all.
//!
//! **Invariant:** after a failed write, every later commit fails too. Memory and disk may differ from then on, and a
//! restart loads the stored facts.

use super::batch::{Batch, Expect, Write};
use super::watch::Watchers;
use super::{Committed, StoreError};
use crate::metrics::StoreMetrics;
use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::Instant;
use tokio::sync::oneshot;

/// Storage as the writer needs it.
pub trait QueueBackend: Send + 'static {
    /// The revision at which a key was last written; none if it is not there.
    fn revision_of(&self, key: &str) -> Result<Option<u64>, StoreError>;

    /// Writes everything atomically, with a revision for each write, and flushes.
    fn write(&mut self, writes: &[(u64, Write)], last_revision: u64) -> Result<(), StoreError>;
}

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Result<u64, StoreError>>,
}

/// The way to the writing thread, which ends when this is dropped.
#[derive(Debug)]
pub struct Queue {
    jobs: mpsc::Sender<Job>,
    watchers: Arc<Watchers>,
    metrics: Arc<StoreMetrics>,
}

impl Queue {
    pub fn new(place: impl QueueBackend, revision: u64) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (sender, jobs) = mpsc::channel();
        let watchers = Arc::new(Watchers::default());
        let metrics = Arc::new(StoreMetrics::default());
        let writer =
            Writer { place, revision, watchers: Arc::clone(&watchers), metrics: Arc::clone(&metrics), broken: None };
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || writer.run(&jobs))?;
        Ok((Self { jobs: sender, watchers, metrics }, thread))
    }

    pub fn commit(&self, batch: Batch) -> Committed {
        let (answer, committed) = Committed::new();
        // If the writer has ended, the answer is dropped, and the waiting side returns the error.
        self.metrics.enqueue();
        let _ = self.jobs.send(Job { batch, answer });
        committed
    }

    pub fn watchers(&self) -> &Watchers {
        &self.watchers
    }

    pub fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }
}

struct Writer<P> {
    place: P,
    revision: u64,
    watchers: Arc<Watchers>,
    metrics: Arc<StoreMetrics>,
    broken: Option<WriteError>,
}

/// Maximum number of commits that share one flush.
const GROUP: usize = 4096;

/// Error after which nothing more is written, with the text of the database.
#[derive(Debug, Clone)]
struct WriteError(String);

impl<P: QueueBackend> Writer<P> {
    fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let group: Vec<Job> = std::iter::once(first).chain(jobs.try_iter().take(GROUP)).collect();
            self.metrics.dequeue(group.len());
            self.commit_group(group);
        }
    }

    fn commit_group(&mut self, group: Vec<Job>) {
        let mut writes = Vec::new();
        let mut pending = HashMap::new();
        let mut answers = Vec::new();
        for Job { batch, answer } in group {
            match self.check(&batch, &pending) {
                Ok(()) => answers.push((answer, self.take_in(batch, &mut writes, &mut pending))),
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        let began = Instant::now();
        let result = self.write(&writes);
        self.metrics.written(answers.len(), &result, began.elapsed());
        if result.is_ok() {
            let taken: Vec<Write> = writes.into_iter().map(|(_, write)| write).collect();
            self.watchers.tell(&taken);
        }
        for (answer, revision) in answers {
            let broken = |error: &WriteError| StoreError::Broken(error.0.clone());
            let _ = answer.send(result.as_ref().map(|()| revision).map_err(broken));
        }
    }

    fn check(&self, batch: &Batch, pending: &HashMap<String, Option<u64>>) -> Result<(), StoreError> {
        for (key, expect) in &batch.expected {
            let found = match pending.get(key) {
                Some(revision) => *revision,
                None => self.place.revision_of(key)?,
            };
            let is_as_expected = match expect {
                Expect::Absent => found.is_none(),
                Expect::Revision(revision) => found == Some(*revision),
            };
            if !is_as_expected {
                return Err(StoreError::Conflict { key: key.clone() });
            }
        }
        Ok(())
    }

    fn take_in(
        &mut self,
        batch: Batch,
        writes: &mut Vec<(u64, Write)>,
        pending: &mut HashMap<String, Option<u64>>,
    ) -> u64 {
        self.revision += 1;
        for write in batch.writes {
            pending.insert(write.key.clone(), write.body.as_ref().map(|_| self.revision));
            writes.push((self.revision, write));
        }
        self.revision
    }

    fn write(&mut self, writes: &[(u64, Write)]) -> Result<(), WriteError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if writes.is_empty() {
            return Ok(());
        }
        self.place.write(writes, self.revision).map_err(|error| {
            let broken = WriteError(error.to_string());
            tracing::error!(%error, "the store could not be written");
            self.broken.insert(broken).clone()
        })
    }
}
