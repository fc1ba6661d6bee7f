//! The worker: asked, streamed to, killed, left alone.

mod common;

use common::{Home, id, noise, part, part_at, short};
use fleet_repository::worker::{
    Answer, BackendSpec, FailureKind, Limits, Next, Request, StreamSpec, Work, Worker, WorkerError,
};
use fleet_repository::{FileKind, MAX_MANIFEST, ReadData, Repository, Tree, Trees};
use std::path::Path;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fleet-repository-worker");

fn request(home: &Home, work: Work) -> Request {
    Request { place: BackendSpec::Folder { path: home.path() }, secrets: home.secrets.clone(), work, rate: None }
}

fn streams(names: &[&str]) -> Work {
    let streams = names.iter().map(|name| StreamSpec { name: (*name).to_owned(), expected: None }).collect();
    Work::ArchiveStreams { part: part("b1"), streams }
}

async fn start(request: &Request, limits: Limits) -> Worker {
    Worker::start(Path::new(PROGRAM), &[], &limits, request).await.expect("started")
}

async fn ask(home: &Home, work: Work) -> Result<Answer, WorkerError> {
    Worker::ask(Path::new(PROGRAM), &[], &Limits::default(), &request(home, work)).await
}

async fn send_in_pieces(worker: &mut Worker, content: &[u8]) -> Result<(), WorkerError> {
    for piece in content.chunks(3000) {
        worker.send(piece).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_does_all_that_it_is_asked() {
    let home = Home::new();
    let content = noise(1, 5_000_000);
    assert_eq!(ask(&home, Work::Create).await.expect("an answer"), Answer::Created);
    let mut worker = start(&request(&home, streams(&["db/a.sql", "db/b.sql"])), Limits::default()).await;
    send_in_pieces(&mut worker, &content).await.expect("sent");
    worker.end_stream().await.expect("ended");
    worker.send(b"CREATE ROLE x;").await.expect("sent");
    worker.end_stream().await.expect("ended");
    let Answer::Streams(archived) = worker.answer().await.expect("an answer") else { panic!("another answer") };
    assert_eq!(archived.streams.iter().map(|stream| stream.bytes).collect::<Vec<_>>(), [5_000_000, 14]);

    let folder = home.folder.path().join("files");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("one"), noise(2, 100_000)).expect("written");
    let trees = Trees { trees: vec![Tree { disk: folder, path: "files".to_owned() }], sample: 5, ..Trees::default() };
    let answer = ask(&home, Work::ArchiveTrees { part: part("b1"), trees }).await.expect("an answer");
    let Answer::Trees(files) = answer else { panic!("another answer") };
    assert_eq!((files.files, files.sample.len()), (1, 1));
    // Longer than one frame.
    let manifest = noise(3, 3 << 20);
    ask(&home, Work::WriteSet { part: part("b1"), manifest: manifest.clone() }).await.expect("an answer");
    let Answer::Sets(sets) = ask(&home, Work::Sets).await.expect("an answer") else { panic!("another answer") };
    let sets = sets.sets;
    assert!(sets.len() == 1 && sets[0].manifest == manifest && sets[0].parts.len() == 2);
    let set = |backup: &str, most| Work::Set { backup: id(backup), most };
    let Answer::Sets(one) = ask(&home, set("b1", 4 << 20)).await.expect("an answer") else { panic!("another answer") };
    assert_eq!(one.sets, sets);
    let Answer::Sets(none) = ask(&home, set("b2", 4 << 20)).await.expect("an answer") else { panic!("another answer") };
    assert!(none.sets.is_empty() && none.unreadable.is_empty());
    let Answer::Sets(large) = ask(&home, set("b1", 1 << 20)).await.expect("an answer") else {
        panic!("another answer")
    };
    assert!(large.sets.is_empty() && large.unreadable[0].to_string().contains("larger than 1 MiB"), "{large:?}");

    let read = Work::ReadStream { snapshot: archived.snapshot, path: b"db/a.sql".to_vec() };
    let mut worker = start(&request(&home, read), Limits::default()).await;
    let mut back = Vec::new();
    let sent = loop {
        match worker.next().await.expect("more") {
            Next::Data(data) => back.extend(data),
            Next::Answer(answer) => break *answer,
        }
    };
    assert!(back == content);
    assert_eq!(sent, Answer::Sent { bytes: 5_000_000, sha256: archived.streams[0].sha256.clone() });
    let checked = ask(&home, Work::Check { read: ReadData::All }).await.expect("an answer");
    assert!(matches!(checked, Answer::Checked(report) if report.is_fine()));
}

#[tokio::test]
async fn manifests_that_are_too_much_together_hide_no_new_backup_and_are_no_damage() {
    let home = Home::new();
    let manifest = |number: u8| vec![number; 11 << 20];
    for (number, backup) in (1..).zip(["b1", "b2", "b3"]) {
        let part = part_at(backup, 1000 * u64::from(number));
        ask(&home, Work::WriteSet { part, manifest: manifest(number) }).await.expect("an answer");
    }
    let Answer::Sets(found) = ask(&home, Work::Sets).await.expect("an answer") else { panic!("another answer") };
    assert_eq!(found.sets.iter().map(|set| short(&set.backup)).collect::<Vec<_>>(), ["b2", "b3"]);
    assert_eq!(found.unread.iter().map(|part| short(&part.backup)).collect::<Vec<_>>(), ["b1"]);
    assert_eq!(found.unreadable, []);
    let one = Work::Set { backup: id("b1"), most: MAX_MANIFEST };
    let Answer::Sets(one) = ask(&home, one).await.expect("an answer") else { panic!("another answer") };
    assert!(one.sets.len() == 1 && one.sets[0].manifest == manifest(1));
    assert!(one.unread.is_empty() && one.unreadable.is_empty());
}

#[tokio::test]
async fn a_stream_that_fails_or_is_cut_off_leaves_no_snapshot() {
    let home = Home::new();
    // The second would never come.
    let mut worker = start(&request(&home, streams(&["a", "b"])), Limits::default()).await;
    send_in_pieces(&mut worker, &noise(1, 2_000_000)).await.expect("sent");
    worker.fail_stream("pg_dump exited 1").await.expect("said");
    let failed = worker.answer().await.expect_err("it failed");
    assert!(failed.kind() == Some(FailureKind::Source) && failed.to_string().contains("pg_dump exited 1"), "{failed}");

    let mut worker = start(&request(&home, streams(&["a"])), Limits::default()).await;
    send_in_pieces(&mut worker, &noise(2, 2_000_000)).await.expect("sent");
    drop(worker);
    assert!(home.files(FileKind::Snapshot).is_empty());
    home.restic_is_content(&["check"]);
}

#[tokio::test]
async fn streams_out_of_order_and_wrong_keys_are_refused() {
    let home = Home::new();
    let failed = ask(&home, streams(&["b", "a"])).await.expect_err("refused");
    assert_eq!(failed.kind(), Some(FailureKind::Refused));
    let other = Home::new();
    let request = Request { secrets: other.secrets.clone(), ..request(&home, Work::Stats) };
    let failed = Worker::ask(Path::new(PROGRAM), &[], &Limits::default(), &request).await.expect_err("refused");
    assert_eq!(failed.kind(), Some(FailureKind::WrongKey));
    assert!(!format!("{request:?}").contains(&other.secrets.password));
}

#[tokio::test]
async fn a_worker_that_takes_too_much_memory_ends_and_is_told_of() {
    let home = Home::new();
    let limits = Limits { memory: 12 << 20, ..Limits::default() };
    let mut worker = start(&request(&home, streams(&["a"])), limits).await;
    let failed = match send_in_pieces(&mut worker, &noise(1, 60_000_000)).await {
        Ok(()) => worker.answer().await.expect_err("it failed"),
        Err(failed) => failed,
    };
    // Whoever needs more first decides how it ends: this program, a thread that cannot be started, or a library.
    let is_told = match &failed {
        WorkerError::Died { how } => how.contains("memory allocation"),
        other => matches!(other.kind(), Some(FailureKind::Panic | FailureKind::Rustic)),
    };
    assert!(is_told, "{failed:?}");
    assert!(home.files(FileKind::Snapshot).is_empty());
}

#[tokio::test]
async fn after_a_kill_in_the_middle_what_arrived_is_not_sent_again() {
    let home = Home::new();
    let content = noise(1, 120_000_000);
    let mut worker = start(&request(&home, streams(&["a"])), Limits::default()).await;
    let mut progress = worker.progress();
    send_in_pieces(&mut worker, &content[..100_000_000]).await.expect("sent");
    let has_arrived = progress.wait_for(|so_far| so_far.place_written > 30_000_000);
    has_arrived.await.map(drop).expect("some of it arrives sooner or later");
    worker.kill().await.expect("killed");
    assert!(home.files(FileKind::Snapshot).is_empty());

    let Answer::Resumed(resumed) = ask(&home, Work::Resume).await.expect("an answer") else { panic!("another answer") };
    assert!(resumed.packs > 1, "{resumed:?}");
    let mut worker = start(&request(&home, streams(&["a"])), Limits::default()).await;
    send_in_pieces(&mut worker, &content).await.expect("sent");
    worker.end_stream().await.expect("ended");
    let Answer::Streams(archived) = worker.answer().await.expect("an answer") else { panic!("another answer") };
    let stored = Repository::open(home.place(), &home.secrets).expect("opened").stats().expect("stats").bytes;
    let again = stored.saturating_sub(content.len() as u64);
    assert!(again < 2 * (16 << 20), "{again} bytes were sent twice, {} now", archived.added);
    home.restic_is_content(&["check", "--read-data"]);
}

#[tokio::test]
async fn secrets_are_neither_in_the_arguments_nor_in_the_environment() {
    let home = Home::new();
    let mut worker = start(&request(&home, streams(&["a"])), Limits::default()).await;
    worker.send(b"some").await.expect("sent");
    let children =
        std::process::Command::new("pgrep").args(["-P", &std::process::id().to_string(), "-f", PROGRAM]).output();
    let pids = String::from_utf8(children.expect("pgrep runs").stdout).expect("numbers");
    assert!(!pids.trim().is_empty());
    for pid in pids.split_whitespace() {
        for file in ["cmdline", "environ"] {
            let Ok(text) = std::fs::read(format!("/proc/{pid}/{file}")) else { continue };
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(!text.contains(&home.secrets.password) && !text.contains("encrypt"), "{file}: {text}");
        }
    }
}
