//! Requirements of every store; each implementation runs the same tests.

use super::*;
use std::sync::Arc;

/// Makes a store, and opens the same one again after it was closed (where it can be).
trait Bench {
    fn open(&self) -> Arc<dyn Store>;
}

struct OnDisk(tempfile::TempDir);

impl Bench for OnDisk {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(SledStore::open(self.0.path()).expect("the directory is free"))
    }
}

struct InMemory(MemoryStore);

impl Bench for InMemory {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

fn benches() -> Vec<Box<dyn Bench>> {
    let disk = OnDisk(tempfile::tempdir().expect("a directory can be made"));
    vec![Box::new(disk), Box::new(InMemory(MemoryStore::new().expect("a thread can be started")))]
}

fn put(key: &str, value: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

fn expecting(mut batch: Batch, key: &str, expect: Expect) -> Batch {
    batch.expect(key, expect);
    batch
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_opening_again() {
    for bench in benches() {
        let store = bench.open();
        let revision = store.commit(put("a/1", "one")).await.expect("nothing is in the way");
        drop(store);
        let store = bench.open();
        let entry = store.get("a/1").expect("the store can be read").expect("it was kept");
        assert_eq!((entry.revision, entry.read::<String>().ok()), (revision, Some("one".to_owned())));
        assert!(store.commit(put("a/2", "two")).await.expect("nothing is in the way") > revision);
    }
}

#[tokio::test]
async fn a_scan_shows_what_lies_below_a_prefix_in_order() {
    for bench in benches() {
        let store = bench.open();
        for key in ["b/2", "a/2", "a/1", "ab"] {
            store.commit(put(key, key)).await.expect("nothing is in the way");
        }
        let keys = |prefix| -> Vec<String> {
            store.scan(prefix).expect("the store can be read").into_iter().map(|entry| entry.key).collect()
        };
        assert_eq!(keys("a/"), ["a/1", "a/2"]);
        assert_eq!(keys(""), ["a/1", "a/2", "ab", "b/2"]);
    }
}

#[tokio::test]
async fn a_batch_that_finds_something_else_changes_nothing() {
    for bench in benches() {
        let store = bench.open();
        let first = store.commit(expecting(put("a", "1"), "a", Expect::Absent)).await.expect("it is absent");
        let mut wrong = expecting(put("b", "2"), "a", Expect::Absent);
        wrong.delete("a");
        assert!(matches!(store.commit(wrong).await, Err(StoreError::Conflict { key }) if key == "a"));
        assert_eq!(store.get("b").expect("the store can be read"), None);
        let second =
            store.commit(expecting(put("a", "2"), "a", Expect::Revision(first))).await.expect("it is as expected");
        assert!(store.commit(expecting(put("a", "3"), "a", Expect::Revision(first))).await.is_err());
        assert_eq!(store.get("a").expect("the store can be read").map(|entry| entry.revision), Some(second));
    }
}

#[tokio::test]
async fn of_many_who_expect_the_same_one_wins() {
    for bench in benches() {
        let store = bench.open();
        let commits: Vec<_> =
            (0..100).map(|n| store.commit(expecting(put("a", &n.to_string()), "a", Expect::Absent))).collect();
        let mut winners = 0;
        for commit in commits {
            winners += usize::from(commit.await.is_ok());
        }
        assert_eq!(winners, 1);
    }
}

#[tokio::test]
async fn a_watcher_hears_changes_below_its_prefix_only() {
    for bench in benches() {
        let store = bench.open();
        let mut changes = store.watch("a/");
        let mut batch = put("b/1", "x");
        batch.append(put("a/1", "y"));
        batch.delete("a/2");
        store.commit(batch).await.expect("nothing is in the way");
        let heard = changes.next().await.expect("the watch goes on");
        assert_eq!(heard, Change { key: "a/1".to_owned(), body: Some("\"y\"".to_owned()) });
        assert_eq!(changes.next().await.expect("the watch goes on").body, None);
    }
}

#[tokio::test]
async fn ten_thousand_commits_at_once_share_their_flushes() {
    for bench in benches() {
        let store = bench.open();
        let started = std::time::Instant::now();
        let commits: Vec<_> = (0..10_000).map(|n| store.commit(put(&format!("a/{n}"), "x"))).collect();
        for commit in commits {
            commit.await.expect("nothing is in the way");
        }
        assert_eq!(store.scan("a/").expect("the store can be read").len(), 10_000);
        assert!(started.elapsed().as_secs() < 20, "it took {:?}", started.elapsed());
    }
}

#[test]
fn a_second_coordinator_on_the_directory_is_refused() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let _first = SledStore::open(directory.path()).expect("the directory is free");
    let second = SledStore::open(directory.path()).expect_err("the directory is in use");
    assert!(matches!(&second, StoreError::InUse { path } if path == directory.path()), "{second}");
}
