//! Looks at a host on which one mount is dead.

use super::*;
use std::sync::Condvar;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Long enough for a busy machine to look up a working path.
const SHORT: Duration = Duration::from_secs(1);

/// A file system whose `/dead` answers only on request.
#[derive(Default)]
struct Mounts {
    is_back: Mutex<bool>,
    changed: Condvar,
    looks_at_dead: AtomicUsize,
}

impl Mounts {
    fn resolver(self: &Arc<Self>, limit: Duration) -> PathResolver {
        let mounts = Arc::clone(self);
        let follow = move |path: &str| {
            if path.starts_with("/dead") {
                mounts.looks_at_dead.fetch_add(1, Ordering::SeqCst);
                let is_back = mounts.is_back.lock().expect("no fault");
                drop(mounts.changed.wait_while(is_back, |is_back| !*is_back).expect("no fault"));
            }
            Ok(path.to_owned())
        };
        PathResolver::new(Arc::new(follow), limit)
    }

    fn come_back(&self) {
        *self.is_back.lock().expect("no fault") = true;
        self.changed.notify_all();
    }
}

async fn look(resolver: &PathResolver, paths: &str) -> String {
    let leads = resolver.follow(paths.split(' ').map(str::to_owned).collect()).await;
    leads.into_values().map(|lead| lead.unwrap_or_else(|error| error.to_string())).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_dead_mount_concerns_only_who_needs_it() {
    let mounts = Arc::new(Mounts::default());
    let resolver = mounts.resolver(SHORT);
    let late = "could not look at /dead/a in time";
    assert_eq!(look(&resolver, "/dead/a /srv").await, format!("{late}, /srv"));
    let began = Instant::now();
    for _ in 0..10 {
        assert_eq!(look(&resolver, "/dead/a").await, late);
        assert_eq!(look(&resolver, "/srv /srv/b").await, "/srv, /srv/b");
    }
    // Each look that waited for it would take that long: ten of them, ten times.
    assert!(began.elapsed() < 10 * SHORT, "it was known to be dead, and took {:?}", began.elapsed());
    assert_eq!(mounts.looks_at_dead.load(Ordering::SeqCst), 1, "one thread waits for it");
    mounts.come_back();
    while look(&resolver, "/dead/a").await != "/dead/a" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_comes_to_a_path_together_gets_an_answer_each() {
    let mounts = Arc::new(Mounts::default());
    let resolver = mounts.resolver(LIMIT);
    let both = async { tokio::join!(look(&resolver, "/dead/a"), look(&resolver, "/dead/a")) };
    let back = async {
        while mounts.looks_at_dead.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        mounts.come_back();
    };
    let (both, ()) = tokio::join!(both, back);
    assert_eq!(both, ("/dead/a".to_owned(), "/dead/a".to_owned()));
    assert_eq!(mounts.looks_at_dead.load(Ordering::SeqCst), 2, "each saw for itself");
}

#[test]
fn an_agent_stops_while_a_mount_is_dead() {
    let mounts = Arc::new(Mounts::default());
    let resolver = mounts.resolver(SHORT);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(look(&resolver, "/dead/a"));
    let (ended, is_ended) = std::sync::mpsc::channel();
    let ending = thread::spawn(move || {
        drop(runtime);
        ended.send(()).expect("the test waits");
    });
    let waited = is_ended.recv_timeout(LIMIT);
    mounts.come_back();
    ending.join().expect("no fault");
    assert_eq!(waited, Ok(()));
}
