//! The same backups into a folder of this machine, and through a coordinator on it, over mTLS: the cost of the
//! connection.
//!
//! `FLEET_BENCH_ROUNDS` (5) and `FLEET_BENCH_SCALE` (1.0, of 1.5 GB of files and a dump of 690 MB) make it shorter.

#![allow(clippy::print_stderr, reason = "a bench tells its story on stderr")]

#[path = "../coordinator.rs"]
mod coordinator;
#[allow(dead_code, reason = "the bench of backups uses the rest")]
#[path = "../backup/data.rs"]
mod data;
#[allow(dead_code, reason = "the bench of agents uses the rest")]
#[path = "../agents/operator.rs"]
mod operator;

#[allow(dead_code, reason = "the bench of agents uses the rest")]
#[path = "../agents/swarm.rs"]
mod swarm;

use anyhow::Context;
use data::{Data, PIECE};
use fleet_core::time::Time;
use fleet_link::{Identity, dial};
use fleet_proto::v1::BackUpRequest;
use fleet_proto::v1::backups_client::BackupsClient;
use fleet_repository::worker::{Answer, BackendSpec, Limits, Request, StreamSpec, Work, Worker};
use fleet_repository::{Part, Secrets, Tree, Trees};
use fleet_tests::figure;
use fleet_tests::port::Port;
use fleet_tests::process::program;
use operator::{Operator, instance_name};
use std::path::Path;
use std::time::{Duration, Instant};
use swarm::Swarm;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

const NAME: &str = "through";
const LIMIT: f64 = 1.2;
/// An order comes within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Durations of one side's backups, one for each round.
#[derive(Default)]
struct Took {
    files: Vec<f64>,
    dump: Vec<f64>,
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> anyhow::Result<()> {
    let rounds = setting("FLEET_BENCH_ROUNDS", 5.0) as usize;
    let folder = tempfile::Builder::new().prefix("fleet-bench-through.").tempdir()?;
    let data = Data::make(&folder.path().join("data"), setting("FLEET_BENCH_SCALE", 1.0))?;
    let port = Port::claim()?;
    let home = folder.path().join("coordinator");
    std::fs::create_dir(&home)?;
    let token = coordinator::init(&home, &port.address().to_string())?;
    let serving = coordinator::serve(&home)?;
    let operator = Operator::login(&token).await?;
    let hosts = operator.admit_hosts(rounds).await?;
    operator.push_release("1.1").await?;
    operator.install_everywhere(rounds).await?;

    let (mut direct, mut through) = (Took::default(), Took::default());
    for (round, host) in hosts.into_iter().enumerate() {
        // Each round begins with nothing, on both sides: another host and its instance.
        let identity = folder.path().join(format!("identity-{round}"));
        host.save(&identity)?;
        let secrets = ordered(&operator, round, host).await?;
        let way =
            serde_json::json!({ "identity": identity, "repository": "central", "instance": instance_name(round) });
        let path = folder.path().join("direct");
        let own = Secrets::generate()?;
        ask(&BackendSpec::Folder { path: path.clone() }, &own, Work::Create, None).await?;
        // The second one finds a warmer machine, so they alternate.
        let mut sides = [
            (BackendSpec::Folder { path: path.clone() }, &own, &mut direct),
            (BackendSpec::Coordinator(way), &secrets, &mut through),
        ];
        sides.rotate_left(round % 2);
        for (place, secrets, took) in sides {
            go_through(&place, secrets, &data, took).await?;
        }
        std::fs::remove_dir_all(path)?;
        std::fs::remove_dir_all(home.join("data/repositories/central").join(instance_name(round)))?;
    }
    drop(serving);
    for (word, direct, through) in
        [("files", &mut direct.files, &mut through.files), ("dump", &mut direct.dump, &mut through.dump)]
    {
        let (direct, through) = (figure::median(direct), figure::median(through));
        figure::plain(NAME, &format!("{word}_into_a_folder"), direct, "s");
        figure::plain(NAME, &format!("{word}_through_the_coordinator"), through, "s");
        figure::at_most(NAME, &format!("{word}_ratio"), through / direct, "x", LIMIT);
    }
    Ok(())
}

fn setting(name: &str, otherwise: f64) -> f64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Lets a host be asked for a backup, and gives the keys of the repository to which it may add while the order is open.
async fn ordered(operator: &Operator, number: usize, host: Identity) -> anyhow::Result<Secrets> {
    let mut data = Swarm::with_open_data(number, host);
    operator.until_settled(number + 1, PATIENCE).await?;
    let request = BackUpRequest { instances: vec![instance_name(number)], ..BackUpRequest::default() };
    BackupsClient::new(dial(&operator.identity).await?).back_up(request).await?;
    let order = timeout(PATIENCE, data.orders.recv()).await.context("no order to back up came")?;
    let access =
        order.and_then(|(order, _)| order.access.into_iter().next()).context("the order names no repository")?;
    Ok(Secrets { password: access.password.unwrap_or_default().0, master_key: access.master_key.0 })
}

/// Takes a backup of the files, and one of the dump, into a repository that is new.
async fn go_through(place: &BackendSpec, secrets: &Secrets, data: &Data, took: &mut Took) -> anyhow::Result<()> {
    let part = |backup: &str| -> anyhow::Result<Part> {
        Ok(Part { backup: backup.parse()?, host: "lab-0".parse()?, time: Time(1_790_000_000_000) })
    };
    let trees = vec![Tree { disk: data.tree.clone(), path: "files".to_owned() }];
    let begin = Instant::now();
    let trees =
        Work::ArchiveTrees { part: part("0000000000000000000000b1")?, trees: Trees { trees, ..Trees::default() } };
    ask(place, secrets, trees, None).await?;
    took.files.push(begin.elapsed().as_secs_f64());

    let streams = vec![StreamSpec { name: "dump.sql".to_owned(), expected: Some(data.dump.metadata()?.len()) }];
    let begin = Instant::now();
    ask(place, secrets, Work::ArchiveStreams { part: part("0000000000000000000000b2")?, streams }, Some(&data.dump))
        .await?;
    took.dump.push(begin.elapsed().as_secs_f64());
    eprintln!("{place:?}: files {:.1?} s, dump {:.1?} s", took.files.last(), took.dump.last());
    Ok(())
}

/// Asks a worker of the agent's own program, and sends it a stream, if it is to have one.
async fn ask(place: &BackendSpec, secrets: &Secrets, work: Work, stream: Option<&Path>) -> anyhow::Result<Answer> {
    let request = Request { place: place.clone(), secrets: secrets.clone(), work, rate: None };
    let program = program("fleet-agent")?;
    let mut worker = Worker::start(&program, &["repository-worker"], &Limits::default(), &request).await?;
    if let Some(stream) = stream {
        let (mut file, mut piece) = (tokio::fs::File::open(stream).await?, vec![0; PIECE]);
        loop {
            match file.read(&mut piece).await? {
                0 => break,
                count => worker.send(&piece[..count]).await?,
            }
        }
        worker.end_stream().await?;
    }
    Ok(worker.answer().await?)
}
