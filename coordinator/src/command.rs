//! The commands of `fleet-coordinator`.

use crate::carry::{self, CarryError};
use crate::clock;
use crate::home::{Home, HomeError, Settings};
use crate::serve::{Config, ServeError, serve};
use clap::{Args, Subcommand};
use fleet_core::access::Role;
use fleet_core::units::Period;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// The port where none is given.
const PORT: u16 = 7443;
const DAY: &str = "24h";

/// Keeps the facts of a fleet, decides what each host does next, and answers operators.
#[derive(Debug, clap::Parser)]
#[command(
    name = "fleet-coordinator",
    version,
    after_help = "Examples:
  fleet-coordinator init --data-dir /var/lib/fleet --address fleet.example.org:7443
  fleet-coordinator serve --data-dir /var/lib/fleet
  fleet-coordinator export --data-dir /var/lib/fleet > facts.jsonl

Every connected agent takes one file descriptor: raise the limit of open files above the number of hosts.
RUST_LOG chooses what is logged, such as RUST_LOG=debug."
)]
pub struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a new coordinator and prints the join token of its first administrator.
    Init(Init),
    /// Serves until it is told to stop.
    Serve(Serve),
    /// Prints a new join token for an operator; the coordinator must be stopped.
    Token(Token),
    /// Writes all facts to stdout, one JSON line each; secrets stay sealed.
    Export(Directory),
    /// Reads facts from stdin into a coordinator that has none yet.
    Import(Directory),
}

#[derive(Debug, Args)]
struct Directory {
    /// Where the coordinator keeps its keys and its store.
    #[arg(long, value_name = "DIR", env = "FLEET_DATA_DIR")]
    data_dir: PathBuf,
}

#[derive(Debug, Args)]
struct Init {
    #[command(flatten)]
    directory: Directory,
    /// How agents and operators reach the port; may be given several times, the first is in join tokens.
    #[arg(long, value_name = "HOST:PORT", required = true)]
    address: Vec<String>,
    /// Where to listen, if not on the address's port of all interfaces.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// How long certificates of hosts and operators live; they are renewed at about two thirds of it.
    #[arg(long, value_name = "PERIOD", default_value = DAY)]
    certificate_life: Period,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    directory: Directory,
    /// Where to listen, if not where `init` said.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// How long new certificates live, if not as long as `init` said.
    #[arg(long, value_name = "PERIOD")]
    certificate_life: Option<Period>,
}

#[derive(Debug, Args)]
struct Token {
    #[command(flatten)]
    directory: Directory,
    /// Who it is for.
    #[arg(long, default_value = "admin")]
    name: String,
    /// viewer, operator or administrator.
    #[arg(long, default_value = "administrator")]
    role: Role,
}

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Carry(#[from] CarryError),
    #[error("could not start")]
    Start(#[source] io::Error),
    #[error("could not write the answer")]
    Answer(#[source] io::Error),
}

impl CommandError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Home(error) => error.hint(),
            Self::Serve(_) | Self::Carry(_) | Self::Start(_) | Self::Answer(_) => None,
        }
    }
}

/// Carries a command out.
pub fn run(command: Command) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CommandError::Start)?;
    runtime.block_on(async {
        match command.action {
            Action::Init(init) => run_init(init).await,
            Action::Serve(serve) => run_serve(serve).await,
            Action::Token(token) => run_token(token).await,
            Action::Export(directory) => Ok(carry::export(&Home::open(&directory.data_dir)?, io::stdout().lock())?),
            Action::Import(directory) => {
                Ok(carry::import(&Home::open(&directory.data_dir)?, io::stdin().lock()).await?)
            }
        }
    })
}

async fn run_init(init: Init) -> Result<(), CommandError> {
    let port =
        init.address.first().and_then(|address| address.rsplit_once(':')).and_then(|(_, port)| port.parse().ok());
    let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port.unwrap_or(PORT)));
    let settings = Settings {
        addresses: init.address,
        listen: init.listen.unwrap_or(anywhere),
        certificate_seconds: init.certificate_life.as_duration().as_secs(),
        created: clock::now(),
    };
    let folder = &init.directory.data_dir;
    let (_, token) = Home::init(folder, settings).await?;
    tell(&format!(
        "The fleet is made. Serve it:\n  fleet-coordinator serve --data-dir {}\nthen log in as its administrator, within \
         24 hours:\n  fleet login TOKEN\nThis is the TOKEN; it works once:\n",
        folder.display()
    ))?;
    answer(&format!("{token}\n"))
}

/// The story goes to stderr: stdout has the answer alone.
fn tell(text: &str) -> Result<(), CommandError> {
    io::stderr().write_all(text.as_bytes()).map_err(CommandError::Answer)
}

async fn run_token(token: Token) -> Result<(), CommandError> {
    let home = Home::open(&token.directory.data_dir)?;
    let token = home.admit_operator(&token.name, token.role, clock::now()).await?;
    answer(&format!("{token}\n"))
}

async fn run_serve(arguments: Serve) -> Result<(), CommandError> {
    let mut home = Home::open(&arguments.directory.data_dir)?;
    if let Some(life) = arguments.certificate_life {
        home.settings.certificate_seconds = life.as_duration().as_secs();
    }
    let listen = arguments.listen.unwrap_or(home.settings.listen);
    let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CommandError::Start)?;
    let mut running = serve(Config { home, listen }).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = running.ended() => return Ok(ended?),
    }
    tracing::info!("stopping");
    Ok(running.shutdown().await?)
}

/// stdout is the answer.
fn answer(text: &str) -> Result<(), CommandError> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(CommandError::Answer)
}
