//! Keys that are no valid paths, and lines without content.

use super::*;
use crate::backend::Transport;

fn found(path: &str, size: u64) -> ListedObject {
    ListedObject { path: path.into(), stamp: Stamp { size, etag: None, modified: (0, 0) } }
}

#[track_caller]
fn check(given: &[(&str, u64)], expect: Result<&[&str], (&str, &str)>) {
    let listed = in_order(given.iter().map(|(path, size)| found(path, *size)).collect());
    let listed = listed.map(|found| found.iter().map(|it| it.path.display().to_string()).collect::<Vec<_>>());
    match (listed, expect) {
        (Ok(listed), Ok(expect)) => assert_eq!(listed, expect),
        (Err(clash), Err(keys)) => assert_eq!((clash.one.as_str(), clash.other.as_str()), keys),
        (listed, expect) => panic!("{listed:?} instead of {expect:?}"),
    }
}

#[test]
fn objects_come_in_the_order_of_paths_and_none_is_anothers_folder() {
    check(&[("b", 1), ("a/b", 1), ("a-b", 1), ("a.b", 1)], Ok(&["a/b", "a-b", "a.b", "b"]));
    check(&[("a", 3), ("a/b", 1)], Err(("a", "a/b")));
    check(&[("a", 3), ("a", 4)], Err(("a", "a")));
}

#[test]
fn the_mark_of_a_folder_is_no_object_of_its_own() {
    check(&[("a", 0), ("a/b", 1), ("a/c", 1)], Ok(&["a/b", "a/c"]));
    check(&[("a", 0), ("a", 3)], Ok(&["a"]));
}

fn bucket(port: u16, prefix: &str) -> Bucket {
    let address = S3Address {
        endpoint: format!("http://127.0.0.1:{port}"),
        region: "us-east-1".to_owned(),
        bucket: "data".to_owned(),
        prefix: prefix.to_owned(),
        access_key: "a".to_owned(),
        secret_key: "b".to_owned(),
        transport: Transport::PlainHttp,
    };
    Bucket::with_deadline(&address, Duration::from_secs(2)).expect("a bucket")
}

#[test]
fn a_key_that_makes_no_path_is_named() {
    let bucket = bucket(1, "files");
    for (key, good) in [("files/a/b c+ä%20", true), ("files/..", false), ("elsewhere/a", false), ("files", false)] {
        let read = Key::parse(key).ok().and_then(|key| bucket.below(&key).ok());
        assert_eq!(read.is_some(), good, "{key}: {read:?}");
    }
    let long = Key::parse(format!("files/{}", "x".repeat(256))).expect("a key");
    assert!(matches!(bucket.below(&long), Err(ListError::Key(reason)) if reason.contains("255 bytes")));
}

#[test]
fn a_service_that_says_nothing_is_given_up_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let failed = bucket(silent.local_addr().expect("an address").port(), "").list().expect_err("nothing came");
    assert!(
        matches!(&failed, Error::Bucket { source: BackendError::Late(_) | BackendError::Unreachable(_), .. }),
        "{failed:?}"
    );
    // Its own limit is 2 s; without one it would wait for ever.
}
