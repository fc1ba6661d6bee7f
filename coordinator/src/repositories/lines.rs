//! Limits the number of open files of one host, so that a slow host does not slow down others.
//!
//! Reads wait for a slot. Writes do not: queued data would fill the HTTP/2 window of the connection, and running
//! uploads on the same connection would stall.

use crate::rpc_status::refuse;
use fleet_core::hint::Hint;
use fleet_core::names::HostName;
use fleet_core::refused_call::{Attempt, FileRefusal};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tonic::Status;

/// Number of files of one host that are written at once.
const ADDS: usize = 16;
/// Number of files of one host that are read at once.
const READS: usize = 8;
/// Number of running and waiting reads of one host.
const LINE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(120);

/// The lines of one host.
#[derive(Debug, Clone)]
struct Line {
    adds: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Line {
    fn default() -> Self {
        let room = |places| Arc::new(Semaphore::new(places));
        Self { adds: room(ADDS), reads: room(READS), waiting: room(LINE) }
    }
}

impl Line {
    fn is_empty(&self) -> bool {
        self.adds.available_permits() == ADDS && self.waiting.available_permits() == LINE
    }
}

/// Slots of all hosts. Each host has its own queue, so that others never wait in it.
#[derive(Debug, Default)]
pub struct Lines(Mutex<HashMap<HostName, Line>>);

/// Slot of a host while one of its files is transferred.
#[derive(Debug)]
pub struct LinePermit {
    _places: Vec<OwnedSemaphorePermit>,
}

impl Lines {
    fn of(&self, host: &HostName) -> Line {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|of, line| of == host || !line.is_empty());
        lines.entry(host.clone()).or_default().clone()
    }

    /// Returns a slot to write a file; fails if none is free.
    pub fn add(&self, host: &HostName) -> Result<LinePermit, Status> {
        let place = self.of(host).adds.try_acquire_owned().map_err(|_| crowded(host))?;
        Ok(LinePermit { _places: vec![place] })
    }

    /// Waits for a slot to read a file.
    pub async fn read(&self, host: &HostName) -> Result<LinePermit, Status> {
        let Line { reads, waiting, .. } = self.of(host);
        let waiting = waiting.try_acquire_owned().map_err(|_| crowded(host))?;
        match timeout(PATIENCE, reads.acquire_owned()).await {
            Ok(Ok(place)) => Ok(LinePermit { _places: vec![place, waiting] }),
            Ok(Err(_)) | Err(_) => Err(crowded(host)),
        }
    }
}

fn crowded(host: &HostName) -> Status {
    refuse(Attempt::Call, FileRefusal::TooManyOpen { host: host.clone() }, Hint::TryWhenEnded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::read;
    use futures_util::FutureExt;
    use tonic::Code;

    #[tokio::test]
    async fn whoever_reads_many_files_waits_and_nobody_else_does() {
        let lines = Lines::default();
        let (one, other) = (read("lab-1"), read("lab-2"));
        let mut turns = Vec::new();
        for _ in 0..READS {
            turns.push(lines.read(&one).await.expect("there is room"));
        }
        let mut waiting: Vec<_> = (READS..LINE).map(|_| Box::pin(lines.read(&one))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.as_mut().now_or_never().is_none()));
        assert_eq!(lines.read(&one).await.map(|_| ()).expect_err("the line is full").code(), Code::ResourceExhausted);
        lines.read(&other).await.expect("it has a line of its own");
        lines.add(&one).expect("what it brings is another line");
        turns.pop();
        assert!(waiting[0].as_mut().now_or_never().is_some_and(|turn| turn.is_ok()));
    }

    #[tokio::test]
    async fn whoever_brings_too_many_files_is_told_so_at_once() {
        let lines = Lines::default();
        let (one, other) = (read("lab-1"), read("lab-2"));
        let turns: Vec<LinePermit> = (0..ADDS).map(|_| lines.add(&one).expect("there is room")).collect();
        assert_eq!(lines.add(&one).map(|_| ()).expect_err("there is none").code(), Code::ResourceExhausted);
        lines.add(&other).expect("it has a line of its own");
        drop(turns);
        lines.add(&one).expect("there is room again");
    }
}
