//! The background loops: each is a task of its own, until the coordinator stops.
//!
//! **Invariant:** a loop that panics is counted, logged and started again after a pause; no other loop and no call
//! waits for it.

use crate::panics::Panics;
use futures_util::FutureExt;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Pause after a first panic; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause. A loop that ran for longer than this has recovered, and begins with the first pause again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The loops that run.
#[derive(Debug)]
pub struct Loops {
    tasks: JoinSet<()>,
    stop: CancellationToken,
    panics: Arc<Panics>,
}

impl Loops {
    /// Loops that end when `stop` is cancelled.
    pub fn new(stop: CancellationToken, panics: Arc<Panics>) -> Self {
        Self { tasks: JoinSet::new(), stop, panics }
    }

    /// Begins a loop. `run` is called again after a panic.
    pub fn spawn<F>(&mut self, name: &'static str, run: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let (stop, panics) = (self.stop.clone(), Arc::clone(&self.panics));
        self.tasks.spawn(async move {
            stop.run_until_cancelled(keep_running(name, run, &panics)).await;
        });
    }

    /// Starts a loop that reads the store or files: it has its own thread and runtime, separate from those that serve
    /// calls.
    ///
    /// # Errors
    /// When no thread or runtime can be made.
    pub fn spawn_on_own_thread<F>(&mut self, name: &'static str, run: impl Fn() -> F + Send + 'static) -> io::Result<()>
    where
        F: Future<Output = ()>,
    {
        let (stop, panics) = (self.stop.clone(), Arc::clone(&self.panics));
        let runtime = OwnRuntime(Some(Builder::new_current_thread().enable_all().build()?));
        let (end, ended) = oneshot::channel::<()>();
        // Neither the clock nor a blocking thread of the runtime that serves: that one may be dropped at any time, and would
        // let a clock panic and wait for a blocking thread without a limit.
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if let Some(runtime) = &runtime.0 {
                runtime.block_on(stop.run_until_cancelled(keep_running(name, run, &panics)));
            }
            drop((runtime, end));
        })?;
        self.tasks.spawn(async { drop(ended.await) });
        Ok(())
    }

    /// Waits until all have ended, and cuts off those that have not in time.
    pub async fn drain(mut self, limit: Duration) {
        self.stop.cancel();
        let ended = timeout(limit, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!(left = self.tasks.len(), "background loops did not end in time");
            self.tasks.abort_all();
        }
    }
}

/// A runtime that is dropped drops the task that holds the loops: those with threads of their own end, too.
impl Drop for Loops {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A runtime of a loop, which waits for nobody when it is dropped, be it in a task of another runtime.
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

async fn keep_running<F: Future<Output = ()>>(name: &'static str, run: impl Fn() -> F, panics: &Panics) {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let ended = AssertUnwindSafe(run()).catch_unwind().await;
        let Err(panic) = ended else { return };
        panics.note(name, panic.as_ref());
        if begun.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tracing::warn!(name, ?pause, "the loop is begun again after a pause");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Mutex;
    use tokio::sync::mpsc;

    struct Harness {
        loops: Loops,
        panics: Arc<Panics>,
    }

    impl Harness {
        fn new() -> Self {
            let panics = Arc::new(Panics::default());
            Self { loops: Loops::new(CancellationToken::new(), Arc::clone(&panics)), panics }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_panics_is_begun_again_later_and_later_and_the_others_go_on() {
        let Harness { mut loops, panics } = Harness::new();
        let (panicked, mut begun) = mpsc::unbounded_channel();
        loops.spawn("bad", move || {
            let _ = panicked.send(Instant::now());
            async { panic!("a bug") }
        });
        let (steps, mut stepped) = mpsc::channel(1);
        loops.spawn("good", move || {
            let steps = steps.clone();
            async move { while steps.send(()).await.is_ok() {} }
        });
        let mut times = Vec::new();
        while times.len() < 10 {
            times.push(begun.recv().await.expect("it is begun again"));
            stepped.recv().await.expect("the other goes on");
        }
        let pauses: Vec<u64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let caught = panics.all();
        assert_eq!(caught.keys().collect::<Vec<_>>(), [&"bad"]);
        assert!(caught["bad"].count >= 9, "{caught:?}");
        assert_eq!(caught["bad"].message, "a bug");
    }

    #[tokio::test]
    async fn a_loop_that_blocks_its_own_thread_keeps_nobody_waiting() {
        let Harness { mut loops, .. } = Harness::new();
        let (go_on, blocked) = std::sync::mpsc::channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        let (begun, mut began) = mpsc::unbounded_channel();
        let started = loops.spawn_on_own_thread("blocks", move || {
            let (begun, blocked) = (begun.clone(), Arc::clone(&blocked));
            async move {
                let _ = begun.send(());
                let _ = blocked.lock().map(|blocked| blocked.recv());
            }
        });
        started.expect("a thread can be started");
        // This runtime has one thread, and it is here.
        began.recv().await.expect("it is begun");
        drop(go_on);
        loops.drain(Duration::from_secs(3)).await;
    }

    #[test]
    fn a_loop_on_its_own_thread_ends_with_the_runtime_without_a_panic() {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("threads can be made");
        let Harness { mut loops, panics } = Harness::new();
        let (begun, mut began) = mpsc::unbounded_channel();
        runtime.block_on(async {
            let started = loops.spawn_on_own_thread("waits", move || {
                let begun = begun.clone();
                async move {
                    let _ = begun.send(());
                    sleep(LONGEST_PAUSE).await;
                }
            });
            started.expect("a thread can be started");
            began.recv().await.expect("it is begun");
            tokio::spawn(async move {
                let _loops = loops;
                pending::<()>().await;
            });
        });
        drop(runtime);
        // The thread's end of the channel is dropped with the thread.
        while began.blocking_recv().is_some() {}
        assert_eq!(panics.all().len(), 0, "{panics:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_all_loops_and_waits_for_none_that_hangs() {
        struct Dropped(mpsc::UnboundedSender<()>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let Harness { mut loops, .. } = Harness::new();
        let (held, mut dropped) = mpsc::unbounded_channel();
        loops.spawn("waits", move || {
            let dropped = Dropped(held.clone());
            async move {
                let _dropped = dropped;
                pending::<()>().await;
            }
        });
        loops.drain(Duration::from_secs(3)).await;
        while dropped.recv().await.is_some() {}
    }
}
