//! A repository in a bucket, over lines good and bad.

mod common;
#[path = "common/s3.rs"]
mod s3;

use common::{gate, id, noise, part, read_all, restic, stream};
use fleet_repository::backend::S3Backend;
use fleet_repository::{Backend, BackendError, Error, FileKind, Prune, ReadData, Repository, Secrets};
use s3::{ACCESS, Line, S3, SECRET, address, proxy};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

fn place(port: u16) -> Arc<dyn Backend> {
    Arc::new(S3Backend::with_deadline(&address(port), Duration::from_secs(20)).expect("a place"))
}

#[test]
fn a_bucket_holds_a_repository_that_stock_restic_reads() {
    let server = S3::start();
    let secrets = Secrets::generate().expect("secrets");
    let repository = Repository::create(&place(server.port), &secrets).expect("created");
    let content = noise(1, 40_000_000);
    let archived = repository.archive_streams(&part("b1"), vec![stream("db/a.sql", content.clone())], &gate());
    let archived = archived.expect("archived");
    repository.write_set(&part("b1"), b"a manifest".to_vec()).expect("a set");
    assert!(read_all(&repository, &archived.snapshot, "db/a.sql") == content);
    assert_eq!(repository.sets().expect("sets").sets[0].manifest, b"a manifest");
    assert!(repository.check(ReadData::All).expect("checked").is_fine());

    let stock = |args: &[&str]| {
        let mut command = Command::new("restic");
        command.args(["--no-cache", "--repo", &format!("s3:http://127.0.0.1:{}/backups/fleet/lab-1", server.port)]);
        command.args(args).env("RESTIC_PASSWORD", &secrets.password);
        command.env("AWS_ACCESS_KEY_ID", ACCESS).env("AWS_SECRET_ACCESS_KEY", SECRET).output().expect("restic runs")
    };
    let checked = stock(&["check", "--read-data"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(stock(&["dump", &archived.snapshot.to_string(), "/db/a.sql"]).stdout == content);
    // The bucket's files are a repository of their own, too.
    let folder = server.bucket().join("fleet/lab-1").display().to_string();
    assert!(restic(&folder, &secrets, &["snapshots"]).status.success());

    repository.forget(&BTreeSet::from([id("b1")])).expect("forgotten");
    repository.prune(Prune::Exclusive).expect("pruned");
    assert_eq!(place(server.port).list(FileKind::Pack).expect("listed"), []);
}

#[test]
fn a_line_that_breaks_is_tried_again() {
    let server = S3::start();
    // Every second connection breaks, one of them in the middle of a pack.
    let (port, count) = proxy(server.port, |number| match number % 4 {
        1 => Line::Refuses,
        3 => Line::BreaksAfter(3_000_000),
        _ => Line::Whole,
    });
    let secrets = Secrets::generate().expect("secrets");
    let repository = Repository::create(&place(port), &secrets).expect("created");
    let content = noise(2, 40_000_000);
    let archived = repository.archive_streams(&part("b1"), vec![stream("a", content.clone())], &gate());
    let archived = archived.expect("archived");
    assert!(read_all(&repository, &archived.snapshot, "a") == content);
    assert!(repository.check(ReadData::All).expect("checked").is_fine());
    assert!(count.load(SeqCst) >= 2);
}

#[test]
fn what_broke_before_an_answer_came_is_asked_again_as_often_as_is_allowed() {
    let server = S3::start();
    let secrets = Secrets::generate().expect("secrets");
    Repository::create(&place(server.port), &secrets).expect("created");
    for line in [Line::Babbles, Line::ClosesAtTheSecond, Line::Refuses] {
        let (port, count) = proxy(server.port, move |number| if number % 2 == 0 { line } else { Line::Whole });
        let place = place(port);
        for _ in 0..3 {
            let listed = place.list(FileKind::Config);
            assert_eq!(listed.expect("it is asked again").len(), 1, "{line:?}");
        }
        assert!(count.load(SeqCst) >= 2, "{line:?}");
    }
    let (port, count) = proxy(server.port, |_| Line::Babbles);
    let never = place(port).list(FileKind::Config);
    assert!(matches!(never, Err(BackendError::Late(_) | BackendError::Unreachable(_))), "{never:?}");
    assert!((2..=6).contains(&count.load(SeqCst)), "the first time, and five more at most");
}

#[test]
fn a_store_that_refuses_or_says_nothing_is_an_error_in_time() {
    let server = S3::start();
    let secrets = Secrets::generate().expect("secrets");
    Repository::create(&place(server.port), &secrets).expect("created");
    for line in [Line::Refuses, Line::Fails, Line::Silent] {
        let (port, _) = proxy(server.port, move |_| line);
        let bad = S3Backend::with_deadline(&address(port), Duration::from_secs(3)).expect("a place");
        // With its own limit it would take three minutes.
        let failed = Repository::open(Arc::new(bad), &secrets).expect_err("it failed");
        let is_named =
            matches!(&failed, Error::Backend { source: BackendError::Late(_) | BackendError::Unreachable(_), .. });
        assert!(is_named, "{line:?}: {failed:?}");
    }
}

#[test]
fn a_store_that_goes_away_under_way_leaves_no_snapshot() {
    let server = S3::start();
    let secrets = Secrets::generate().expect("secrets");
    let dead = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_dead = dead.clone();
    let (port, _) = proxy(server.port, move |_| match is_dead.load(SeqCst) {
        true => Line::Refuses,
        false => Line::BreaksAfter(20_000_000),
    });
    let bad = Arc::new(S3Backend::with_deadline(&address(port), Duration::from_secs(3)).expect("a place"));
    let repository = Repository::create(&(bad as Arc<dyn Backend>), &secrets).expect("created");
    dead.store(true, SeqCst);
    let failed = repository.archive_streams(&part("b1"), vec![stream("a", noise(3, 60_000_000))], &gate());
    assert!(matches!(failed, Err(Error::Backend { .. })), "{failed:?}");
    assert_eq!(place(server.port).list(FileKind::Snapshot).expect("listed"), []);
}

#[test]
fn a_key_that_the_store_does_not_know_is_refused_at_once() {
    let server = S3::start();
    let mut wrong = address(server.port);
    wrong.secret_key = "another-secret".to_owned();
    let failed = S3Backend::new(&wrong).expect("a place").list(FileKind::Snapshot).expect_err("refused");
    assert!(matches!(failed, BackendError::Refused(_)), "{failed:?}");
    assert!(!format!("{wrong:?}").contains("another-secret"));
}
