//! Looks where paths of this host lead. A dead mount below one never answers, and only who needs that path waits for it.
//!
//! **Invariant:** a lookup has a thread of its own, at most one for each path, and callers wait for it no longer than
//! the limit.

mod follow;
#[cfg(test)]
mod tests;

use fleet_core::host_policy::Leads;
use fleet_core::policy_refusal::LeadError;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// A file system that answers at all does so within this.
const LIMIT: Duration = Duration::from_secs(5);
/// Maximum number of threads, far below the system's limit for the agent; further callers wait for one, at most as long
/// as for a lookup.
const THREADS: usize = 128;
const STACK: usize = 128 << 10;

type Lead = Result<String, LeadError>;
type Follow = Arc<dyn Fn(&str) -> Lead + Send + Sync>;

/// Running lookups of paths.
pub struct PathResolver {
    follow: Follow,
    limit: Duration,
    room: Arc<Semaphore>,
    under_way: UnderWay,
}

type UnderWay = Arc<Mutex<BTreeMap<String, Other>>>;

/// A running lookup: its start, and a channel that closes at its end.
#[derive(Clone)]
struct Other {
    began: Instant,
    end: watch::Receiver<()>,
}

/// Ends a look, however its thread ends.
struct Under {
    path: String,
    under_way: UnderWay,
    _end: watch::Sender<()>,
}

impl Drop for Under {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.path);
    }
}

impl Default for PathResolver {
    fn default() -> Self {
        Self::new(Arc::new(follow::follow), LIMIT)
    }
}

impl PathResolver {
    fn new(follow: Follow, limit: Duration) -> Self {
        Self { follow, limit, room: Arc::new(Semaphore::new(THREADS)), under_way: UnderWay::default() }
    }

    /// Resolves each path as it is at this moment.
    pub async fn follow(&self, paths: BTreeSet<String>) -> Leads {
        let resolutions = paths.into_iter().map(|path| async {
            let lead = self.look(&path).await;
            (path, lead)
        });
        join_all(resolutions).await.into_iter().collect()
    }

    async fn look(&self, path: &str) -> Lead {
        let late = || Err(LeadError::Late { path: path.to_owned() });
        loop {
            match self.enter(path) {
                // The result of a running lookup may be older than the request: it is waited for, and then repeated.
                Err(Other { began, mut end }) => {
                    if timeout_at(began + self.limit, end.changed()).await.is_err() {
                        return late();
                    }
                }
                Ok(under) => return timeout(self.limit, self.look_alone(under)).await.unwrap_or_else(|_| late()),
            }
        }
    }

    /// Begins a lookup, unless one of the same path is running.
    fn enter(&self, path: &str) -> Result<Under, Other> {
        let mut under_way = lock(&self.under_way);
        if let Some(other) = under_way.get(path) {
            return Err(other.clone());
        }
        let (sender, end) = watch::channel(());
        under_way.insert(path.to_owned(), Other { began: Instant::now(), end });
        Ok(Under { path: path.to_owned(), under_way: Arc::clone(&self.under_way), _end: sender })
    }

    async fn look_alone(&self, under: Under) -> Lead {
        let could_not = |why: String| Err(LeadError::NotLooked { reason: why });
        let room = Arc::clone(&self.room).acquire_owned().await;
        let (answer, answered) = oneshot::channel();
        let follow = Arc::clone(&self.follow);
        let look = move || {
            let lead = follow(&under.path);
            drop((under, room));
            // The caller may have given up.
            let _ = answer.send(lead);
        };
        match thread::Builder::new().name("look".to_owned()).stack_size(STACK).spawn(look) {
            Ok(_) => answered.await.unwrap_or_else(|error| could_not(error.to_string())),
            Err(error) => could_not(error.to_string()),
        }
    }
}

fn lock(under_way: &UnderWay) -> MutexGuard<'_, BTreeMap<String, Other>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for PathResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathResolver").field("under_way", &lock(&self.under_way).keys()).finish_non_exhaustive()
    }
}
