//! Time limits between caller, worker and storage: a slow party is waited for, a hanging one is not.

mod common;

use common::{Home, noise, part};
use fleet_repository::FileKind;
use fleet_repository::worker::{Answer, BackendSpec, Limits, Request, StreamSpec, Work, Worker, WorkerError};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fleet-repository-worker");
const IDLE: Duration = Duration::from_secs(5);

fn request(home: &Home, work: Work, rate: Option<u64>) -> Request {
    Request { place: BackendSpec::Folder { path: home.path() }, secrets: home.secrets.clone(), work, rate }
}

fn streams() -> Work {
    Work::ArchiveStreams { part: part("b1"), streams: vec![StreamSpec { name: "a".to_owned(), expected: None }] }
}

async fn start(request: &Request) -> Worker {
    let limits = Limits { idle: IDLE, ..Limits::default() };
    Worker::start(Path::new(PROGRAM), &[], &limits, request).await.expect("started")
}

#[tokio::test]
async fn a_place_that_is_slow_is_waited_for_as_long_as_it_moves() {
    let home = Home::new();
    let began = Instant::now();
    let mut worker = start(&request(&home, streams(), Some(400_000))).await;
    worker.send(&noise(1, 6_000_000)).await.expect("sent");
    worker.end_stream().await.expect("ended");
    let answer = worker.answer().await.expect("an answer");
    assert!(matches!(answer, Answer::Streams(_)), "{answer:?}");
    assert!(began.elapsed() > 2 * IDLE, "it was not slow enough to show anything: {:?}", began.elapsed());
}

#[tokio::test]
async fn a_place_that_hangs_ends_the_wait_with_the_reason() {
    let home = Home::new();
    let config = home.path().join("config");
    std::fs::remove_file(&config).expect("removed");
    // Opening a named pipe blocks until a writer opens it too.
    assert!(Command::new("mkfifo").arg(&config).status().expect("mkfifo runs").success());
    let failed = start(&request(&home, Work::Stats, None)).await.answer().await.expect_err("nobody writes");
    assert!(matches!(failed, WorkerError::Idle(IDLE)), "{failed:?}");
    assert_eq!(failed.to_string(), "nothing moved for 5 s");
}

#[tokio::test]
async fn a_caller_whose_dump_takes_its_time_is_waited_for() {
    let home = Home::new();
    let mut worker = start(&request(&home, streams(), None)).await;
    worker.send(b"a beginning").await.expect("sent");
    tokio::time::sleep(3 * IDLE).await;
    worker.send(b" and an end").await.expect("sent");
    worker.end_stream().await.expect("ended");
    let answer = worker.answer().await.expect("an answer");
    assert!(matches!(&answer, Answer::Streams(kept) if kept.streams[0].bytes == 22), "{answer:?}");
}

#[tokio::test]
async fn a_caller_who_takes_its_time_with_a_stream_is_waited_for() {
    let home = Home::new();
    let content = noise(5, 30_000_000);
    let dump = common::stream("a", content.clone());
    let kept = home.open().archive_streams(&part("b1"), vec![dump], &common::gate()).expect("archived");
    let read = Work::ReadStream { snapshot: kept.snapshot, path: b"a".to_vec() };
    let worker = start(&request(&home, read, None)).await;
    // More is on its way than fits between us.
    tokio::time::sleep(3 * IDLE).await;
    let answer = worker.answer().await.expect("an answer");
    assert!(matches!(answer, Answer::Sent { bytes: 30_000_000, .. }), "{answer:?}");
}

/// Returns a message to a worker as it is sent on the wire.
fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("it is short");
    [&[1][..], &length.to_le_bytes(), payload].concat()
}

#[test]
fn a_caller_that_stopped_is_not_waited_for() {
    let home = Home::new();
    let mut worker = Command::new(PROGRAM).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    let mut stdin = worker.stdin.take().expect("a pipe");
    let bounds = serde_json::json!({ "memory": 1_u64 << 30, "idle_seconds": 1 });
    stdin.write_all(&frame(bounds.to_string().as_bytes())).expect("said");
    let request = serde_json::to_vec(&request(&home, streams(), None)).expect("JSON");
    stdin.write_all(&frame(&request)).expect("said");
    let mut said = Vec::new();
    worker.stdout.take().expect("a pipe").read_to_end(&mut said).expect("it ends by itself");
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains("its caller was not heard of for 1 s"), "{said}");
    assert!(!worker.wait().expect("it ended").success());
    assert!(home.files(FileKind::Snapshot).is_empty());
    drop(stdin);
}
