//! Receiver for the progress of a request.

use crate::worker::Progress;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// Callback with the number of transferred bytes so far; it must not block.
#[derive(Clone)]
pub struct ProgressSink(Arc<dyn Fn(u64) + Send + Sync>);

impl ProgressSink {
    /// Makes a sink that calls `listener` with the number of bytes done.
    pub fn to(listener: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Reports the number of bytes done so far.
    pub fn say(&self, bytes: u64) {
        (self.0)(bytes);
    }

    /// Tells how far a worker is; never ends.
    pub(super) async fn follow(
        &self,
        mut progress: watch::Receiver<Progress>,
        bytes: fn(&Progress) -> u64,
    ) -> Infallible {
        while progress.changed().await.is_ok() {
            let so_far = bytes(&progress.borrow_and_update());
            self.say(so_far);
        }
        std::future::pending().await
    }
}

impl fmt::Debug for ProgressSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressSink")
    }
}
