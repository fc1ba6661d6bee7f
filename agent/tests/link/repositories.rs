//! The worker of this program, with a repository that the coordinator keeps.

use super::lab::{DAY, Lab};
use fleet_agent::identity_path;
use fleet_core::time::Time;
use fleet_repository::worker::{Answer, BackendSpec, Limits, Next, Request, StreamSpec, Work, Worker, WorkerError};
use fleet_repository::{Part, Secrets};
use std::path::Path;

struct Desk {
    lab: Lab,
    secrets: Secrets,
}

impl Desk {
    async fn new() -> Self {
        Self { lab: Lab::new(DAY).await, secrets: Secrets::generate().expect("random") }
    }

    async fn start(&self, work: Work) -> Result<Worker, WorkerError> {
        let identity = identity_path(self.lab.folder.path());
        let way = serde_json::json!({ "identity": identity, "repository": "central", "instance": "oasis-1" });
        let request = Request { place: BackendSpec::Coordinator(way), secrets: self.secrets.clone(), work, rate: None };
        let program = Path::new(env!("CARGO_BIN_EXE_fleet-agent"));
        Worker::start(program, &["repository-worker"], &Limits::default(), &request).await
    }

    async fn ask(&self, work: Work) -> Result<Answer, WorkerError> {
        self.start(work).await?.answer().await
    }

    /// Keeps one stream, and the set that makes it a backup.
    async fn keep(&self, bytes: &[u8]) -> Result<(), WorkerError> {
        let part = || Part {
            backup: "0000000000000000000000b1".parse().expect("an id"),
            host: "lab-1".parse().expect("a name"),
            time: Time(1_000),
        };
        let streams = vec![StreamSpec { name: "dumps/rows".to_owned(), expected: None }];
        let mut worker = self.start(Work::ArchiveStreams { part: part(), streams }).await?;
        worker.send(bytes).await?;
        worker.end_stream().await?;
        worker.answer().await?;
        self.ask(Work::WriteSet { part: part(), manifest: b"{}".to_vec() }).await.map(|_| ())
    }
}

fn some_bytes() -> Vec<u8> {
    (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[tokio::test]
async fn what_is_added_through_the_coordinator_comes_back() {
    let desk = Desk::new().await;
    desk.ask(Work::Create).await.expect("made");
    let bytes = some_bytes();
    desk.keep(&bytes).await.expect("kept");
    let Answer::Sets(sets) = desk.ask(Work::Sets).await.expect("read") else { panic!("expected sets") };
    let sets = sets.sets;
    assert_eq!(sets.len(), 1);
    let read = Work::ReadStream { snapshot: sets[0].parts[0].snapshot.clone(), path: b"dumps/rows".to_vec() };
    let (mut worker, mut back) = (desk.start(read).await.expect("started"), Vec::new());
    while let Next::Data(piece) = worker.next().await.expect("it comes whole") {
        back.extend(piece);
    }
    assert!(back == bytes);
}

#[tokio::test]
async fn a_line_that_breaks_is_dialed_again() {
    let desk = Desk::new().await;
    desk.ask(Work::Create).await.expect("made");
    *desk.lab.coordinator.files.breaks.lock().expect("no fault") = 2;
    desk.keep(&some_bytes()).await.expect("kept");
    assert_eq!(*desk.lab.coordinator.files.breaks.lock().expect("no fault"), 0);
}

#[tokio::test]
async fn a_refusal_of_the_coordinator_is_said_and_nothing_is_a_backup() {
    let desk = Desk::new().await;
    desk.ask(Work::Create).await.expect("made");
    let refusal = tonic::Status::resource_exhausted("its disk is full");
    *desk.lab.coordinator.files.refusal.lock().expect("no fault") = Some(refusal);
    let error = desk.keep(&some_bytes()).await.expect_err("nothing can be added");
    assert!(error.to_string().contains("its disk is full"), "{error}");
    *desk.lab.coordinator.files.refusal.lock().expect("no fault") = None;
    let Answer::Sets(sets) = desk.ask(Work::Sets).await.expect("read") else { panic!("expected sets") };
    let sets = sets.sets;
    assert_eq!(sets, []);
}

#[tokio::test]
async fn without_an_identity_nothing_is_reached_and_that_is_said() {
    let desk = Desk::new().await;
    std::fs::remove_file(identity_path(desk.lab.folder.path())).expect("removed");
    let error = desk.ask(Work::Create).await.expect_err("nobody can be asked");
    assert!(error.to_string().contains("there is no identity"), "{error}");
}
