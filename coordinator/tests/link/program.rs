//! The program itself: made, killed, started again, carried elsewhere.

use crate::harness::{Operators, bundle, now, operators_as, push};
use fleet_core::access::JoinToken;
use fleet_link::admit;
use fleet_proto::v1;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fleet-coordinator");

fn run(command: &str, directory: &Path, more: &[&str], input: Stdio) -> Output {
    let mut program = Command::new(PROGRAM);
    program.arg(command).arg("--data-dir").arg(directory).args(more).stdin(input);
    program.output().expect("the program can be started")
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound")
}

fn init(directory: &Path, address: SocketAddr) -> JoinToken {
    let made = run("init", directory, &["--address", &address.to_string()], Stdio::null());
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8_lossy(&made.stdout).parse().expect("stdout is the token")
}

/// A coordinator that is killed when this is dropped.
struct Served(Child);

impl Served {
    async fn start(directory: &Path, address: SocketAddr) -> Self {
        Self::start_of(Path::new(PROGRAM), directory, address).await
    }

    async fn start_of(program: &Path, directory: &Path, address: SocketAddr) -> Self {
        let mut program = Command::new(program);
        program.arg("serve").arg("--data-dir").arg(directory).stderr(Stdio::null());
        let served = Self(program.spawn().expect("the program can be started"));
        let reached = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(20), reached).await.expect("it listens in time");
        served
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it ends");
    }
}

async fn add_hosts(admin: &mut Operators, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let request = v1::AddHostRequest { name: format!("lab-{number}"), ..Default::default() };
        admin.add_host(request).await.expect("it is new");
    }
}

#[test]
fn a_place_for_its_own_backups_that_is_wrong_leaves_nothing_half_made() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let address = free_address();
    for wrong in ["backups", "/dev/null/backups"] {
        let more = ["--address", &address.to_string(), "--backup-to", wrong];
        let refused = run("init", directory.path(), &more, Stdio::null());
        assert!(!refused.status.success() && refused.stdout.is_empty());
        let left = std::fs::read_dir(directory.path()).expect("it is there").count();
        assert_eq!(left, 0, "{wrong}: {}", String::from_utf8_lossy(&refused.stderr));
    }
    init(directory.path(), address);
}

#[tokio::test]
async fn the_json_log_is_one_object_per_line() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let address = free_address();
    init(directory.path(), address);
    let mut program = Command::new(PROGRAM);
    program.args(["serve", "--log-format", "json", "--data-dir"]).arg(directory.path());
    program.env("RUST_LOG", "info,fleet_coordinator=debug");
    let mut served = Served(program.stderr(Stdio::piped()).spawn().expect("the program can be started"));
    let log = BufReader::new(served.0.stderr.take().expect("it is piped"));
    let lines = log.lines().map(|line| serde_json::from_str(&line.expect("it is text")).expect("a line is JSON"));
    let (mut serving, mut turned) = (None, None);
    for line in lines {
        let line: serde_json::Value = line;
        match line["fields"]["message"].as_str() {
            Some("serving") => serving = Some(line),
            Some("turned") => turned = Some(line),
            Some(_) | None => {}
        }
        if serving.is_some() && turned.is_some() {
            break;
        }
    }
    let turned = turned.expect("a pass is logged");
    assert_eq!(turned["spans"], serde_json::json!([{"name": "reconcile", "orders": 0, "closed": 0}]));
    let serving = serving.expect("it serves before its log ends");
    let recorded = serving["fields"]["address"].as_str().expect("an address is text");
    assert!(recorded.ends_with(&format!(":{}", address.port())), "{recorded}");
    assert_eq!(serving["level"], "INFO");
    assert_eq!(serving["target"], "fleet_coordinator::serve::running");
    assert!(serving["timestamp"].is_string());
}

#[tokio::test]
async fn what_was_acknowledged_survives_being_killed() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let address = free_address();
    let token = init(directory.path(), address);
    let mut served = Served::start(directory.path(), address).await;
    let identity = admit(&token, now()).await.expect("the token is good");
    for round in 0..3 {
        add_hosts(&mut operators_as(&identity).await, round * 20..(round + 1) * 20).await;
        drop(served);
        served = Served::start(directory.path(), address).await;
        let hosts = operators_as(&identity).await.list_hosts(v1::ListHostsRequest::default()).await;
        assert_eq!(hosts.expect("it answers").into_inner().hosts.len(), (round + 1) * 20);
    }
}

#[tokio::test]
async fn workers_are_of_the_version_that_runs_whatever_lies_at_its_path_by_now() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (data, program) = (directory.path().join("data"), directory.path().join("fleet-coordinator"));
    std::fs::copy(PROGRAM, &program).expect("it can be copied");
    let address = free_address();
    let token = init(&data, address);
    let _served = Served::start_of(&program, &data, address).await;
    let identity = admit(&token, now()).await.expect("the token is good");
    let mut admin = operators_as(&identity).await;
    std::fs::remove_file(&program).expect("it is there");
    push(&mut admin, "1.0", &bundle("1.0")).await.expect("a worker judges it");
    // A package puts another file there, and does not write into the one that runs.
    std::fs::copy("/bin/false", &program).expect("it can be copied");
    push(&mut admin, "1.1", &bundle("1.1")).await.expect("a worker judges it");
}

#[tokio::test]
async fn a_second_one_on_the_directory_ends_with_1_and_says_why() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let address = free_address();
    init(directory.path(), address);
    let _served = Served::start(directory.path(), address).await;
    let second = run("serve", directory.path(), &[], Stdio::null());
    let story = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{story}");
    assert!(story.contains("another coordinator runs on it") && story.contains("hint: "), "{story}");
}

#[test]
fn a_directory_that_is_not_empty_or_not_made_is_refused() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let absent = run("serve", directory.path(), &[], Stdio::null());
    assert_eq!(absent.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("fleet-coordinator init"));
    init(directory.path(), free_address());
    let again = run("init", directory.path(), &["--address", "fleet.example.org:7443"], Stdio::null());
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("not empty"));
    let wrong = run("init", directory.path(), &["--nonsense"], Stdio::null());
    assert_eq!(wrong.status.code(), Some(2));
}

#[tokio::test]
async fn facts_are_carried_from_one_store_to_another() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    let address = free_address();
    let token = init(&from, address);
    let served = Served::start(&from, address).await;
    let identity = admit(&token, now()).await.expect("the token is good");
    add_hosts(&mut operators_as(&identity).await, 0..5).await;
    drop(served);
    let exported = run("export", &from, &[], Stdio::null());
    assert!(exported.status.success());
    let lines = directory.path().join("facts.jsonl");
    std::fs::write(&lines, &exported.stdout).expect("it can be written");
    init(&to, address);
    for key in ["ca.key", "ca.crt", "secrets.key"] {
        std::fs::copy(from.join(key), to.join(key)).expect("it can be copied");
    }
    let input = || std::fs::File::open(&lines).expect("it can be read").into();
    assert!(run("import", &to, &[], input()).status.success());
    assert_eq!(run("import", &to, &[], input()).status.code(), Some(1), "it has facts now");
    let _served = Served::start(&to, address).await;
    let hosts = operators_as(&identity).await.list_hosts(v1::ListHostsRequest::default()).await;
    assert_eq!(hosts.expect("the same certificate counts").into_inner().hosts.len(), 5);
}

/// Returns the recovery file of `init`.
fn recovered(path: &Path) -> PathBuf {
    path.join("own-backup.recovery")
}

#[tokio::test]
async fn a_coordinator_is_backed_up_and_brought_back_by_its_commands() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (from, to, vault) =
        (directory.path().join("from"), directory.path().join("to"), directory.path().join("vault"));
    init(&from, free_address());
    std::fs::copy(recovered(&from), directory.path().join("recovery")).expect("init wrote it");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(recovered(&from)).expect("it is there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let backed_up = run("backup", &from, &[], Stdio::null());
    assert!(backed_up.status.success(), "{}", String::from_utf8_lossy(&backed_up.stderr));
    // Its disk is lost, but for where its backups went.
    std::fs::rename(from.join("own-backups"), &vault).expect("it is there");
    std::fs::remove_dir_all(&from).expect("it is there");
    let recovery = directory.path().join("recovery").display().to_string();
    let vault = vault.display().to_string();
    let back = run("restore", &to, &["--recovery", &recovery, "--from", &vault], Stdio::null());
    assert!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    assert!(String::from_utf8_lossy(&back.stderr).contains("Rollouts are paused"));
    let token = run("token", &to, &[], Stdio::null());
    assert!(token.status.success(), "{}", String::from_utf8_lossy(&token.stderr));
    let again = run("restore", &to, &["--recovery", &recovery, "--from", &vault], Stdio::null());
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");
}

/// Returns the events of the coordinator about itself.
async fn told_of_itself(identity: &fleet_link::Identity) -> Vec<v1::EventCode> {
    let request = v1::ListEventsRequest { subject: "coordinator".to_owned(), tail: 50, follow: false };
    let events = operators_as(identity).await.list_events(request).await.expect("they are seen").into_inner();
    let events: Vec<_> = tokio_stream::StreamExt::collect::<Vec<_>>(events).await;
    events.into_iter().map(|event| event.expect("it goes on").kind.expect("it has one").code()).collect()
}

#[tokio::test]
async fn a_coordinator_that_was_killed_says_so_at_the_next_start_and_one_that_was_stopped_does_not() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let address = free_address();
    let token = init(directory.path(), address);
    let mut served = Served::start(directory.path(), address).await;
    let identity = admit(&token, now()).await.expect("the token is good");
    Command::new("kill").args(["-TERM", &served.0.id().to_string()]).status().expect("it is told to stop");
    served.0.wait().expect("it ends");
    let served = Served::start(directory.path(), address).await;
    assert_eq!(told_of_itself(&identity).await, []);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", served.0.id())).expect("it runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("it is there");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    drop(served);
    let _served = Served::start(directory.path(), address).await;
    let recorded = told_of_itself(&identity).await;
    assert_eq!(recorded, [v1::EventCode::Crashed]);
}
