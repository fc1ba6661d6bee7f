//! A whole agent: opens its data, then runs its tasks side by side until it is stopped.

use crate::bundles::Bundles;
use crate::host_info_task::HostInfoTask;
use crate::ledger::{LedgerError, LedgerHandle, LedgerWriter, OrderState};
use crate::runtime::ContainerRuntime;
use crate::status_board::{StatusBoard, StatusWriter};

use crate::agent_context::AgentContext;
use crate::link::{self, Greeting, OpenSet, QueryChange, Who, Wires};
use crate::metrics::AgentMetrics;
use crate::metrics_server::{AgentFigures, LoopbackAddress, serve_metrics};
use crate::path_resolver::PathResolver;
use crate::perform::Drifted;
use crate::policy::LivePolicy;
use crate::repositories::Repositories;
use crate::watch::Watcher;
use crate::{clock, mask, perform, query};
use fleet_core::access::Subject;
use fleet_core::activity::Activity;
use fleet_core::event::HostEvent;
use fleet_core::facts::{Doing, Running};
use fleet_core::names::{HostName, InstanceName};
use fleet_core::order::{End, order_id};
use fleet_link::{Identity, IdentityError};
use fleet_render::Renderer;
use fleet_repository::client::{ObservedWorkers, WorkerObserver, WorkerProcesses};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// Time to resume services when the agent stops.
const LETTING_GO: Duration = Duration::from_secs(20);

/// Time for the ledger's last write when the agent stops.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Pause between attempts to lock the ledger of an agent that is just ending.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The questions that wait for an answerer.
const QUERIES: usize = 32;

/// Paths and options of an agent.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of its data.
    pub data_dir: PathBuf,
    /// File of the host's policy.
    pub policy: PathBuf,
    /// The program that is started to render and for work on a repository: this very one, but in tests.
    pub worker: Option<PathBuf>,
    /// Address at which metrics are served; nowhere by default.
    pub metrics: Option<LoopbackAddress>,
}

/// Failure that ends an agent.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data directory cannot be used.
    #[error("could not open `{path}`")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// The path of the agent's own program cannot be found.
    #[error("could not find out which program this is")]
    Program {
        /// Cause of the failure.
        source: io::Error,
    },
    /// The identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The identity belongs to an operator.
    #[error("the identity at `{path}` is not a host's: it is {subject}")]
    NotAHost {
        /// File of the identity.
        path: PathBuf,
        /// Subject of the identity.
        subject: Subject,
    },
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The thread of the ledger cannot be started.
    #[error("could not start the ledger's thread")]
    LedgerThread {
        /// Cause of the failure.
        source: io::Error,
    },
    /// The metrics cannot be served.
    #[error("could not serve metrics on {address}")]
    Metrics {
        /// Address that was given.
        address: LoopbackAddress,
        /// Cause of the failure.
        source: io::Error,
    },
}

/// Returns the file of an agent's identity in its data directory.
pub fn identity_path(data_dir: &Path) -> PathBuf {
    data_dir.join("identity.json")
}

/// Opens the ledger. An agent that has just ended may hold it for as long as its last write takes.
async fn open_ledger(data_dir: &Path) -> Result<LedgerWriter, LedgerError> {
    let until = Instant::now() + LAST_WRITES;
    loop {
        match LedgerWriter::open(data_dir) {
            Err(LedgerError::Locked { .. }) if Instant::now() < until => sleep(LOCK_PAUSE).await,
            opened => return opened,
        }
    }
}

/// Runs an agent until stopped. Killing it is safe too.
pub async fn run(config: Config, runtime: impl ContainerRuntime, stop: CancellationToken) -> Result<(), RunError> {
    let opening = |source| RunError::DataDir { path: config.data_dir.clone(), source };
    let data_dir = config.data_dir.canonicalize().map_err(opening)?;
    let path = identity_path(&data_dir);
    let identity = Identity::load(&path)?;
    let host = match &identity.subject {
        Subject::Host(host) => host.clone(),
        Subject::Operator(_) => return Err(RunError::NotAHost { path, subject: identity.subject }),
    };
    let mut ledger = open_ledger(&data_dir).await?;
    ledger.name_host(&host);
    let ledger = LedgerHandle::new(ledger).map_err(|source| RunError::LedgerThread { source })?;
    let program = config.worker.map_or_else(fleet_render::own_program, Ok);
    let program = program.map_err(|source| RunError::Program { source })?;
    let listener = match config.metrics {
        Some(address) => Some(address.listen().await.map_err(|source| RunError::Metrics { address, source })?),
        None => None,
    };
    let metrics = Arc::new(AgentMetrics::default());
    let processes = Arc::new(WorkerProcesses::of(program.clone()));
    let observed = ObservedWorkers::new(processes, Arc::clone(&metrics) as Arc<dyn WorkerObserver>);
    let workers = Workers {
        renderer: Renderer::new(Some(program)),
        repositories: Repositories::new(Arc::new(observed), path.clone()),
        metrics,
    };
    let who = Who { identity, path: Some(path) };
    let rooms = AgentTasks::new(host, data_dir, ledger, Arc::new(runtime), workers, LivePolicy::open(&config.policy));
    rooms.work(who, listener, stop).await;
    Ok(())
}

/// Starts repository workers as processes.
struct Workers {
    renderer: Renderer,
    repositories: Repositories,
    metrics: Arc<AgentMetrics>,
}

/// Tasks of an agent.
struct AgentTasks {
    context: Arc<AgentContext>,
    host_info: HostInfoTask,
    attention: mpsc::UnboundedReceiver<InstanceName>,
    channel: watch::Sender<Option<Channel>>,
}

impl AgentTasks {
    fn new(
        host: HostName,
        data_dir: PathBuf,
        ledger: LedgerHandle,
        runtime: Arc<dyn ContainerRuntime>,
        Workers { renderer, repositories, metrics }: Workers,
        policy: LivePolicy,
    ) -> Self {
        let channel = watch::Sender::new(None);
        let (attend, attention) = mpsc::unbounded_channel();
        let context = Arc::new(AgentContext {
            host,
            bundles: Bundles::new(data_dir.join("bundles"), channel.subscribe()).counted(Arc::clone(&metrics)),
            data_dir,
            ledger,
            runtime,
            repositories,
            renderer,
            status_writer: StatusWriter::default(),
            metrics,
            policy,
            path_resolver: PathResolver::default(),
            attention: attend,
        });
        tell_what_is_left(&context);
        perform::sweep_drills(&context);
        let greeting = Greeting { start: link::start_id(), ..Greeting::default() };
        let host_info = HostInfoTask { context: Arc::clone(&context), greeting: watch::Sender::new(greeting) };
        Self { context, host_info, attention, channel }
    }

    async fn work(self, who: Who, listener: Option<TcpListener>, stop: CancellationToken) {
        let open: watch::Sender<Option<Arc<OpenSet>>> = watch::Sender::new(None);
        let (ask, queries) = mpsc::channel::<QueryChange>(QUERIES);
        let drifted = watch::Sender::new(Drifted::new());
        let performing = perform::run(Arc::clone(&self.context), open.subscribe(), drifted.subscribe());
        let perform = async {
            end_left_tools(&self.context).await;
            performing.await;
        };
        let reply = query::run(Arc::clone(&self.context), queries);
        let mut watcher = Watcher::new(Arc::clone(&self.context), drifted);
        let serving = serve_metrics(AgentFigures::new(&self.context, self.channel.subscribe()), listener);
        let is_stopped = stop.clone();
        let reporting = async {
            tokio::join!(self.host_info.begin(), watcher.look_first());
            // Everything that leaves the host is read from here, without secrets.
            let said = watch::Sender::new(mask::MaskedBoard::of(
                &self.context,
                self.context.status_writer.see(StatusBoard::clone),
            ));
            let (status_board, greeting) = (said.subscribe(), self.host_info.greeting.subscribe());
            let heard = open.subscribe();
            let metrics = Arc::clone(&self.context.metrics);
            let wires = Wires { status_board, greeting, open, queries: ask, channel: self.channel, metrics };
            tokio::join!(
                link::run(who, wires, stop),
                watcher.run(self.attention),
                self.host_info.run(heard),
                mask::relay(&self.context, said)
            );
        };
        tokio::select! {
            () = is_stopped.cancelled() => tracing::info!("stopping; what runs keeps running"),
            () = perform => {}
            () = reply => {}
            () = reporting => {}
            () = serving => {}
        }
        if timeout(LETTING_GO, perform::let_all_go_on(&self.context)).await.is_err() {
            tracing::error!(
                "services that stand still for a backup could not all be let go on; the next start does it"
            );
        }
        if timeout(LAST_WRITES, self.context.ledger.close()).await.is_err() {
            tracing::error!("the disk of the ledger does not answer; its last write may not be there");
        }
    }
}

/// Ends the tools that an agent which was killed has left. Nothing is performed before: else its tools would be taken for these.
async fn end_left_tools(context: &AgentContext) {
    let entries: Vec<_> = context.ledger().instances().values().cloned().collect();
    for settled in entries.iter().filter_map(|entry| entry.settled.as_ref()) {
        let rendered = &settled.rendered;
        if rendered.stores.is_empty() {
            continue;
        }
        if let Err(error) = context.runtime.sweep_tools(&rendered.spec).await {
            tracing::warn!(instance = %rendered.spec.instance, error = crate::chain(&error), "tools may have been left");
        }
    }
}

/// Puts remains of earlier orders on the board, which a restarted agent reports at once.
fn tell_what_is_left(context: &AgentContext) {
    let ledger = context.ledger();
    for unreadable in ledger.unreadable() {
        tracing::error!(reason = %unreadable, "a part of the ledger cannot be read");
        if let Some(instance) = &unreadable.instance {
            // The state is unknown, so it is reported as busy with an order that does not end by itself.
            let order = unreadable.order.clone().unwrap_or_else(|| order_id(&["unreadable", instance.as_str()]));
            context.status_writer.set_instance(
                instance,
                Running::Busy { order, doing: Doing::step(Activity::LedgerUnreadable(unreadable.into())), last: None },
            );
        }
        let (path, problem) = (unreadable.path.display().to_string(), unreadable.into());
        let event = HostEvent::LedgerUnreadable { path, problem };
        context.status_writer.tell(clock::now(), unreadable.instance.as_ref(), event);
    }
    for entry in ledger.orders().values() {
        if let OrderState::Ended { outcome, made, heard: false, .. } = &entry.state {
            let end = End { outcome: outcome.clone(), made: made.clone() };
            let end = (entry.order.instance.clone(), end);
            context.status_writer.write(|status_board| drop(status_board.ends.insert(entry.order.id.clone(), end)));
        }
    }
}
