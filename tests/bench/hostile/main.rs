//! Attacks with valid certificates and with none on a real coordinator, one after the other, while an honest operator asks
//! for `fleet status` over new connections. All on loopback, bounded in number, and over after some seconds each.
//!
//! `FLEET_BENCH_SECONDS` (8) is the duration of each attack.

#![allow(clippy::print_stderr, reason = "a bench tells its story on stderr")]

#[path = "../coordinator.rs"]
mod coordinator;
#[allow(dead_code, reason = "the bench of agents uses the rest")]
#[path = "../agents/operator.rs"]
mod operator;
#[allow(dead_code, reason = "the bench of agents uses the rest")]
#[path = "../agents/swarm.rs"]
mod swarm;

mod attack;
mod kept;

use attack::{Attack, Attackers};
use fleet_link::{Identity, dial};
use fleet_proto::v1::GetStatusRequest;
use fleet_proto::v1::operators_client::OperatorsClient;
use fleet_tests::figure;
use fleet_tests::port::Port;
use fleet_tests::process::Process;
use operator::Operator;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const NAME: &str = "hostile";
/// The honest operator asks so often.
const PAUSE: Duration = Duration::from_millis(50);
/// A question that takes longer counts as that long.
const PATIENCE: Duration = Duration::from_secs(10);
const LIMIT_MS: f64 = 250.0;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> anyhow::Result<()> {
    let stands = std::env::var("FLEET_BENCH_SECONDS").map_or(Ok(8), |text| text.parse())?;
    let stands = Duration::from_secs(stands);
    let folder = tempfile::tempdir()?;
    let port = Port::claim()?;
    let token = coordinator::init(folder.path(), &port.address().to_string())?;
    let serving = coordinator::serve(folder.path())?;
    let operator = Operator::login(&token).await?;
    let attackers = Attackers::join(&operator, port.address(), folder.path()).await?;
    for attack in Attack::ALL {
        under(attack, &attackers, &operator.identity, &serving, stands).await?;
    }
    Ok(())
}

/// Runs one attack, and measures the honest operator's waiting time meanwhile.
async fn under(
    attack: Attack,
    attackers: &Attackers,
    honest: &Identity,
    serving: &Process,
    stands: Duration,
) -> anyhow::Result<()> {
    eprintln!("{}", attack.name());
    let attacking = attackers.begin(attack, stands);
    let began = Instant::now();
    let (mut times, mut refused, mut resident) = (Vec::new(), 0_u32, 0);
    while began.elapsed() < stands {
        let asked = Instant::now();
        refused += u32::from(!matches!(timeout(PATIENCE, status(honest)).await, Ok(Ok(()))));
        times.push(asked.elapsed().as_secs_f64() * 1000.0);
        resident = resident.max(serving.resident()?);
        sleep(PAUSE).await;
    }
    let done = attacking.await?;
    let figure = |what: &str| format!("{}_{what}", attack.name());
    figure::at_most(NAME, &figure("status_p99"), figure::quantile(&mut times, 0.99), "ms", LIMIT_MS);
    figure::plain(NAME, &figure("status_median"), figure::median(&mut times), "ms");
    figure::at_most(NAME, &figure("status_refused"), f64::from(refused), "of", 0.0);
    figure::plain(NAME, &figure("status_asked"), times.len() as f64, "times");
    figure::plain(NAME, &figure("attempts"), done as f64, "times");
    figure::plain(NAME, &figure("resident"), resident as f64 / 1024.0 / 1024.0, "MiB");
    Ok(())
}

/// Does the same as `fleet status`: opens a connection and sends one request.
async fn status(identity: &Identity) -> anyhow::Result<()> {
    let client = OperatorsClient::new(dial(identity).await?).max_decoding_message_size(64 << 20);
    client.clone().get_status(GetStatusRequest {}).await?;
    Ok(())
}
