//! Seeded faults in backups through worker processes, as on a host: every backup that is listed is whole, whatever
//! happened before.

#[path = "faults/bench.rs"]
mod bench;
mod common;
#[path = "faults/disk.rs"]
mod disk;
#[path = "common/s3.rs"]
mod s3;

use bench::{Bench, Fault};
use disk::Disk;
use fleet_repository::worker::BackendSpec;
use s3::{Line, S3, address, proxy};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of runs; this many take seconds. A seed always causes the same faults.
const RUNS: u64 = 60;

#[tokio::test]
async fn no_fault_makes_a_backup_that_cannot_be_restored() {
    let disk = Disk::new();
    let path = disk.path().join("repository");
    let mut bench = Bench::new(BackendSpec::Folder { path: path.clone() }, path);
    let mut came = BTreeMap::<Fault, [u32; 2]>::new();
    for run in 0..RUNS {
        let fault = Fault::of(run);
        let is_whole = bench.run(run, fault, Some(&disk)).await;
        came.entry(fault).or_default()[usize::from(is_whole)] += 1;
        bench.check(run);
    }
    assert_eq!(came.keys().copied().collect::<Vec<_>>(), Fault::ALL);
    assert_eq!(came[&Fault::None][0], 0, "{came:?}");
    for fault in [Fault::Killed, Fault::Truncated, Fault::ToldAsFailed, Fault::NoMemory, Fault::Full, Fault::Broken] {
        assert!(came[&fault][0] > 0, "{fault:?} did no harm at all: {came:?}");
    }
    bench.check_all();
}

#[tokio::test]
async fn a_store_that_answers_with_errors_makes_no_backup_that_cannot_be_restored() {
    let server = S3::start();
    let fails_from = Arc::new(AtomicU64::new(u64::MAX));
    let limit = fails_from.clone();
    let (port, asked) = proxy(server.port, move |number| match number >= limit.load(Ordering::SeqCst) {
        true => Line::Fails,
        false => Line::BreaksAfter(2_000_000),
    });
    let mut bench = Bench::new(BackendSpec::S3(address(port)), server.bucket().join("fleet/lab-1"));
    for (run, connections) in [u64::MAX, 2, 4, u64::MAX].into_iter().enumerate() {
        let now = asked.load(Ordering::SeqCst);
        fails_from.store(now.saturating_add(connections), Ordering::SeqCst);
        let is_whole = bench.run(run as u64, Fault::None, None).await;
        assert_eq!(is_whole, connections == u64::MAX, "run {run}");
        bench.check(run as u64);
    }
    bench.check_all();
}
