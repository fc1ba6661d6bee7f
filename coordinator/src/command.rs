//! The commands of `fleet-coordinator`.

mod error;

use crate::carry;
use crate::clock;
use crate::home::{Home, HomeError, OWN_BACKUPS, REPOSITORIES, Settings};
use crate::own::{OwnBackup, read_place, restore, take_own_backup};
use crate::repositories::WorkerLauncher;
use crate::serve::{Config, Options, serve};
use clap::{Args, Subcommand};
use error::ActionError;
use fleet_core::access::Role;
use fleet_core::command_error::CommandError;
use fleet_core::units::Period;
use fleet_repository::worker::{self, BackendSpec};
use fleet_telemetry::LogFormat;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// The port where none is given.
const PORT: u16 = 7443;
const DAY: &str = "24h";

/// Keeps the facts of a fleet, decides the next actions of each host, and serves operators.
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
    /// Format of the log on stderr.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a new coordinator and prints the join token of its first administrator.
    Init(Init),
    /// Serves until it is stopped.
    Serve(Serve),
    /// Prints a new join token for an operator; the coordinator must be stopped.
    Token(Token),
    /// Writes all facts to stdout, one JSON line each; secrets stay sealed.
    Export(Directory),
    /// Reads facts from stdin into a coordinator that has none yet.
    Import(Directory),
    /// Backs the coordinator up now; it must be stopped. While it serves, it does so every day.
    Backup(Backup),
    /// Brings a coordinator back from its newest backup, into a new directory.
    Restore(Restore),
    /// Works on one repository, for the coordinator itself.
    #[command(hide = true)]
    RepositoryWorker,
    /// Renders releases, for the coordinator itself.
    #[command(hide = true)]
    RenderWorker,
}

#[derive(Debug, Args)]
struct Directory {
    /// Directory of the coordinator's keys and store.
    #[arg(long, value_name = "DIR", env = "FLEET_DATA_DIR")]
    data_dir: PathBuf,
}

#[derive(Debug, Args)]
struct Init {
    #[command(flatten)]
    directory: Directory,
    /// Address at which agents and operators reach the port. Can be given several times; join tokens carry the first.
    #[arg(long, value_name = "HOST:PORT", required = true)]
    address: Vec<String>,
    /// Address to listen on; by default, the port of the address on all interfaces.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Lifetime of the certificates of hosts and operators; they are renewed after about two thirds of it.
    #[arg(long, value_name = "PERIOD", default_value = DAY)]
    certificate_life: Period,
    #[command(flatten)]
    own: Own,
}

/// Settings of the coordinator's own backups.
#[derive(Debug, Args)]
struct Own {
    /// Repository of the coordinator's own daily backups: a folder, preferably on another disk, or
    /// s3:https://HOST/BUCKET/PREFIX with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; by default, a folder in its
    /// directory.
    #[arg(long, value_name = "PLACE")]
    backup_to: Option<String>,
    /// Recipient key of age that seals the recovery file of those backups; without it, the file is readable by its
    /// owner only.
    #[arg(long, value_name = "AGE1...")]
    backup_recipient: Option<String>,
}

#[derive(Debug, Args)]
struct Backup {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    own: Own,
}

#[derive(Debug, Args)]
struct Restore {
    /// New directory of the coordinator: empty, or not existing yet.
    #[arg(long, value_name = "DIR", env = "FLEET_DATA_DIR")]
    data_dir: PathBuf,
    /// Recovery file that `init` wrote, from where you keep it.
    #[arg(long, value_name = "FILE")]
    recovery: PathBuf,
    /// Present location of the backups, if not the one in the file; same format as --backup-to.
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    directory: Directory,
    /// Address to listen on; by default, the one given to `init`.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Address at which Prometheus can read /metrics without authentication; not served by default.
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<SocketAddr>,
    /// Lifetime of new certificates; by default, the one given to `init`.
    #[arg(long, value_name = "PERIOD")]
    certificate_life: Option<Period>,
}

#[derive(Debug, Args)]
struct Token {
    #[command(flatten)]
    directory: Directory,
    /// Name of the operator.
    #[arg(long, default_value = "admin")]
    name: String,
    /// viewer, operator or administrator.
    #[arg(long, default_value = "administrator")]
    role: Role,
}

/// Carries a command out.
pub fn run(command: Command) -> Result<ExitCode, CommandError> {
    match command.action {
        // It runs in its own process, with resource limits set by its caller for one request.
        Action::RepositoryWorker => Ok(worker::main(worker::NoCoordinator)),
        Action::RenderWorker => Ok(fleet_render::main()),
        Action::Init(_)
        | Action::Serve(_)
        | Action::Token(_)
        | Action::Export(_)
        | Action::Import(_)
        | Action::Backup(_)
        | Action::Restore(_) => Ok(carry_out(command.action).map(|()| ExitCode::SUCCESS)?),
    }
}

fn carry_out(action: Action) -> Result<(), ActionError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ActionError::Start)?;
    runtime.block_on(async {
        match action {
            Action::RepositoryWorker | Action::RenderWorker => Ok(()),
            Action::Backup(backup) => run_backup(backup).await,
            Action::Restore(restore) => run_restore(&restore).await,
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

async fn run_init(init: Init) -> Result<(), ActionError> {
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
    // Errors in the settings are reported before anything is created.
    let place = own_place(folder, &init.own)?;
    let (home, token) = Home::init(folder, settings).await?;
    let message = match set_up_own(folder, place, &init.own).await {
        Ok(message) => message,
        Err(error) => {
            drop(home);
            Home::undo_init(folder)?;
            return Err(error);
        }
    };
    tell(&format!(
        "The fleet is made. Serve it:\n  fleet-coordinator serve --data-dir {}\nthen log in as its administrator, within \
         24 hours:\n  fleet login -\n{message}This is the TOKEN; it works once:\n",
        folder.display()
    ))?;
    answer(&format!("{token}\n"))
}

/// Returns the repository of the coordinator's own backups.
fn own_place(folder: &Path, own: &Own) -> Result<BackendSpec, ActionError> {
    let folder = std::path::absolute(folder).map_err(ActionError::Start)?;
    Ok(match &own.backup_to {
        Some(place) => read_place(place, |name| std::env::var(name).ok())?,
        None => BackendSpec::Folder { path: folder.join(OWN_BACKUPS) },
    })
}

/// Prepares the coordinator's own backups, and returns instructions for the file that restores them.
async fn set_up_own(folder: &Path, place: BackendSpec, own: &Own) -> Result<String, ActionError> {
    let folder = std::path::absolute(folder).map_err(ActionError::Start)?;
    let recipient = own.backup_recipient.as_deref();
    let name = OwnBackup::set_up(&folder, place, recipient, &WorkerLauncher::new(None)).await?;
    let file = folder.join(name);
    Ok(format!(
        "Copy this file to where the coordinator is not: with it a lost coordinator comes back.\n  {}\n",
        file.display()
    ))
}

/// Takes a backup of a stopped coordinator. A coordinator that has no backup settings yet is given them first.
async fn run_backup(backup: Backup) -> Result<(), ActionError> {
    let folder = &backup.directory.data_dir;
    let home = Home::open(folder)?;
    if OwnBackup::load(folder)?.is_none() {
        tell(&set_up_own(folder, own_place(folder, &backup.own)?, &backup.own).await?)?;
    }
    let entries = home.store.scan("").map_err(HomeError::Store)?;
    match take_own_backup(folder, entries, &WorkerLauncher::new(None), clock::now()).await? {
        None => Ok(()),
        // The backup is there.
        Some(surplus) => Err(surplus.into()),
    }
}

async fn run_restore(arguments: &Restore) -> Result<(), ActionError> {
    let folder = &arguments.data_dir;
    let from = arguments.from.as_deref().map(|place| read_place(place, |name| std::env::var(name).ok())).transpose()?;
    let of = restore(&arguments.recovery, from, folder, &WorkerLauncher::new(None)).await?;
    tell(&format!(
        "The coordinator is back as it was at {of}. Make sure that the former one is gone, then serve it:\n  fleet-coordinator serve \
         --data-dir {}\nIf its disk of repositories is still there, put them below {}/{} before that: those that are missing then are said to be \
         lost, and made anew. Rollouts are paused, and removals are to be said again. What hosts have become since is in `fleet status`.\n",
        folder.display(),
        folder.display(),
        REPOSITORIES
    ))
}

/// Progress goes to stderr: stdout has the answer alone.
fn tell(text: &str) -> Result<(), ActionError> {
    io::stderr().write_all(text.as_bytes()).map_err(ActionError::Answer)
}

async fn run_token(token: Token) -> Result<(), ActionError> {
    let home = Home::open(&token.directory.data_dir)?;
    let token = home.admit_operator(&token.name, token.role, clock::now()).await?;
    answer(&format!("{token}\n"))
}

/// Leaves nothing of its memory on a disk when it is ended: keys are in it. Where the system does not let us, the unit does so.
fn leave_no_core() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

async fn run_serve(arguments: Serve) -> Result<(), ActionError> {
    leave_no_core();
    let mut home = Home::open(&arguments.directory.data_dir)?;
    if let Some(life) = arguments.certificate_life {
        home.settings.certificate_seconds = life.as_duration().as_secs();
    }
    let listen = arguments.listen.unwrap_or(home.settings.listen);
    let mut terminate = signal(SignalKind::terminate()).map_err(ActionError::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ActionError::Start)?;
    let mut running =
        serve(Config { home, listen, options: Options { metrics: arguments.metrics, worker: None } }).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = running.ended() => return Ok(ended?),
    }
    tracing::info!("stopping");
    Ok(running.shutdown().await?)
}

/// stdout is the answer.
fn answer(text: &str) -> Result<(), ActionError> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(ActionError::Answer)
}
