//! Ten thousand simulated agents on one coordinator over mTLS: memory, idle processor time, return after a restart,
//! an order to each, and `fleet status`. `FLEET_BENCH_AGENTS` changes their number.

#![allow(clippy::print_stderr, reason = "a bench tells its story on stderr")]

#[path = "../coordinator.rs"]
mod coordinator;
#[allow(dead_code, reason = "the bench of the way through a coordinator uses the rest")]
mod operator;
#[allow(dead_code, reason = "the bench of the way through a coordinator uses the rest")]
mod swarm;

use coordinator::{init, serve};
use fleet_link::Identity;
use fleet_tests::figure;
use fleet_tests::port::Port;
use fleet_tests::process::Process;
use operator::Operator;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use swarm::Swarm;

const NAME: &str = "agents";
const WARM_UP: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(30);

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> anyhow::Result<()> {
    let count: usize = std::env::var("FLEET_BENCH_AGENTS").map_or(Ok(10_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let port = Port::claim()?;
    let token = init(folder.path(), &port.address().to_string())?;
    let mut coordinator = serve(folder.path())?;
    let operator = Operator::login(&token).await?;

    eprintln!("admitting {count} hosts");
    let identities = operator.admit_hosts(count).await?;
    operator.push_release("1.1").await?;
    operator.push_release("1.2").await?;
    operator.install_everywhere(count).await?;
    let empty = coordinator.resident()?;

    eprintln!("connecting");
    let identities = at_addresses_of_their_own(identities, port.number())?;
    let begin = Instant::now();
    let swarm = Swarm::start(identities);
    operator.until_online(count, Duration::from_secs(120)).await?;
    figure::plain(NAME, "connecting", begin.elapsed().as_secs_f64(), "s");
    operator.until_settled(count, Duration::from_secs(120)).await?;

    idle(&coordinator, empty, count).await?;
    status(&operator).await?;
    orders(&operator, &swarm, count).await?;

    coordinator.kill()?;
    drop(coordinator);
    let coordinator = serve(folder.path())?;
    let begin = Instant::now();
    let operator = operator.again().await?;
    operator.until_online(count, Duration::from_secs(60)).await?;
    figure::at_most(NAME, "all_back_after_restart", begin.elapsed().as_secs_f64(), "s", 10.0);
    drop(coordinator);
    Ok(())
}

/// Lets each agent reach the coordinator over a loopback address of its own, which is then its source address too:
/// agents are on as many machines, and the coordinator limits what one address may take. `tests/bench/run.sh` gives the
/// network with these addresses.
fn at_addresses_of_their_own(identities: Vec<Identity>, port: u16) -> anyhow::Result<Vec<Identity>> {
    let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
    let own = |(number, mut identity): (usize, Identity)| {
        identity.address = SocketAddr::from((Ipv4Addr::from(first + u32::try_from(number)?), port)).to_string();
        Ok(identity)
    };
    identities.into_iter().enumerate().map(own).collect()
}

/// Memory per agent, and processor time while nothing happens but heartbeats.
async fn idle(coordinator: &Process, empty: u64, count: usize) -> anyhow::Result<()> {
    tokio::time::sleep(WARM_UP).await;
    let before = coordinator.cpu()?;
    let begin = Instant::now();
    tokio::time::sleep(IDLE).await;
    let busy = (coordinator.cpu()? - before).as_secs_f64() / begin.elapsed().as_secs_f64();
    let resident = coordinator.resident()?;
    figure::plain(NAME, "resident", resident as f64 / 1024.0 / 1024.0, "MiB");
    figure::at_most(NAME, "memory_per_agent", resident as f64 / 1024.0 / count as f64, "KiB", 64.0);
    figure::plain(
        NAME,
        "memory_per_agent_beyond_empty",
        (resident - empty.min(resident)) as f64 / 1024.0 / count as f64,
        "KiB",
    );
    figure::at_most(NAME, "idle_cpu", busy * 100.0, "%", 5.0);
    Ok(())
}

/// Returns once the coordinator has answered as it does for `fleet status`.
async fn status(operator: &Operator) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..11 {
        let begin = Instant::now();
        operator.status().await?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    figure::at_most(NAME, "status", figure::median(&mut times), "ms", 200.0);
    Ok(())
}

/// Starts a rollout of all at once, and waits until each host's answer is acknowledged.
async fn orders(operator: &Operator, swarm: &Swarm, count: usize) -> anyhow::Result<()> {
    let begin = swarm.mark();
    operator.roll_out("1.2").await?;
    let accepted = begin.elapsed();
    operator.until_rolled_out(Duration::from_secs(120)).await?;
    figure::plain(NAME, "orders_rollout_done", begin.elapsed().as_secs_f64(), "s");
    figure::plain(NAME, "orders_accepted", accepted.as_secs_f64(), "s");
    let mut heard = swarm.heard();
    let mut acknowledged = swarm.acknowledged();
    anyhow::ensure!(heard.len() == count, "{} of {count} hosts heard the order", heard.len());
    figure::plain(NAME, "order_heard_p99", figure::quantile(&mut heard, 0.99), "s");
    figure::at_most(NAME, "order_answered_p99", figure::quantile(&mut acknowledged, 0.99), "s", 1.0);
    Ok(())
}
