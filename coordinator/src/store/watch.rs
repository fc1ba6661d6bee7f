//! Watchers of changes.

use super::batch::Write;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;

/// One change that has been flushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Key that changed.
    pub key: String,
    /// JSON; none for a deletion.
    pub body: Option<String>,
}

/// Changes below a prefix. A watcher that does not read them in time loses the watch; the store does not wait.
#[derive(Debug)]
pub struct Changes(mpsc::Receiver<Change>);

impl Changes {
    /// The next change; none when this watch was too slow and has been ended.
    pub async fn next(&mut self) -> Option<Change> {
        self.0.recv().await
    }
}

/// Maximum number of changes that may wait for one watcher.
const ROOM: usize = 4096;

#[derive(Debug, Default)]
pub struct Watchers(Mutex<Vec<(String, mpsc::Sender<Change>)>>);

impl Watchers {
    pub fn add(&self, prefix: &str) -> Changes {
        let (sender, receiver) = mpsc::channel(ROOM);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((prefix.to_owned(), sender));
        Changes(receiver)
    }

    pub fn tell(&self, writes: &[Write]) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|(prefix, sender)| !sender.is_closed() && tell_one(prefix, sender, writes));
    }
}

/// Returns whether the watcher has kept up.
fn tell_one(prefix: &str, sender: &mpsc::Sender<Change>, writes: &[Write]) -> bool {
    let mut below = writes.iter().filter(|write| write.key.starts_with(prefix));
    below.all(|write| sender.try_send(Change { key: write.key.clone(), body: write.body.clone() }).is_ok())
}
