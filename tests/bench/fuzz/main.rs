//! Calls all methods of the port as everybody who can: without a certificate, as a host, a viewer, an operator and an
//! administrator, with valid and mutated messages, while an honest operator asks for `fleet status`.
//!
//! The coordinator runs in this process, so that a panic anywhere in it is counted. Prints the seed; the exit status is 1
//! after a panic, or where memory grew beyond its bound.

#![allow(clippy::print_stderr, reason = "a bench tells its story on stderr")]

#[allow(dead_code, reason = "the bench of agents uses the rest")]
#[path = "../agents/operator.rs"]
mod operator;

mod caller;
mod generate;

use anyhow::ensure;
use caller::{Callers, Counts};
use clap::Parser;
use fleet_coordinator::home::{Home, Settings};
use fleet_coordinator::serve::{Config, Options, serve};
use fleet_tests::figure;
use fleet_tests::port::Port;
use fleet_tests::process::program;
use operator::Operator;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const NAME: &str = "fuzz";
/// The whole process, with its callers.
const MEMORY_MIB: f64 = 512.0;

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Calls every method of the coordinator's port with valid and mutated messages
#[derive(Debug, Parser)]
struct Arguments {
    /// Duration in minutes
    #[arg(long, default_value_t = 10, conflicts_with = "seconds")]
    minutes: u64,
    /// Duration in seconds
    #[arg(long)]
    seconds: Option<u64>,
    /// Seed of the generated messages
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Relaxed);
        before(panic);
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(fuzz(&arguments))
}

async fn fuzz(arguments: &Arguments) -> anyhow::Result<()> {
    let duration = Duration::from_secs(arguments.seconds.unwrap_or(arguments.minutes * 60));
    eprintln!("seed {}, {} s", arguments.seed, duration.as_secs());
    let folder = tempfile::tempdir()?;
    let port = Port::claim()?;
    let address = port.address();
    let day = Duration::from_secs(86_400);
    let settings = Settings {
        addresses: vec![address.to_string()],
        listen: address,
        certificate_seconds: day.as_secs(),
        created: operator::now(),
    };
    let (home, token) = Home::init(folder.path(), settings).await?;
    let options = Options { worker: program("fleet-coordinator").ok(), ..Options::default() };
    let running = serve(Config { home, listen: address, options }).await?;
    let operator = Operator::login(&token.to_string()).await?;
    let callers = Callers::join(&operator).await?;
    let began = resident()?;
    let fuzzing = callers.begin(arguments.seed, Instant::now() + duration)?;
    let (mut times, mut most) = (Vec::new(), began);
    while !fuzzing.is_finished() {
        let asked = Instant::now();
        timeout(Duration::from_secs(20), operator.status()).await??;
        times.push(asked.elapsed().as_secs_f64() * 1000.0);
        most = most.max(resident()?);
        sleep(Duration::from_millis(200)).await;
    }
    let Counts { calls, messages, methods, by_role } = fuzzing.await?;
    figure::plain(NAME, "methods", methods as f64, "methods");
    figure::plain(NAME, "calls", calls as f64, "calls");
    figure::plain(NAME, "messages", messages as f64, "messages");
    for (role, calls) in by_role {
        figure::plain(NAME, &format!("calls_{role}"), calls as f64, "calls");
    }
    figure::plain(NAME, "status_median", figure::median(&mut times), "ms");
    figure::plain(NAME, "status_p99", figure::quantile(&mut times, 0.99), "ms");
    figure::plain(NAME, "resident_before", began, "MiB");
    figure::at_most(NAME, "resident_most", most, "MiB", MEMORY_MIB);
    let panics = PANICS.load(Relaxed);
    figure::at_most(NAME, "panics", panics as f64, "panics", 0.0);
    drop(running);
    ensure!(panics == 0, "{panics} panics with seed {}", arguments.seed);
    ensure!(most <= MEMORY_MIB, "{most} MiB resident with seed {}", arguments.seed);
    Ok(())
}

/// In MiB.
fn resident() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = text.split(' ').nth(1).unwrap_or_default().parse()?;
    Ok(pages as f64 / 256.0)
}
