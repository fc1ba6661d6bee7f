//! A running coordinator: every task is born here and awaited here.

use super::background::{begin, begin_loops, begin_store_loops};
use super::calls::Calls;
use super::exporter::{CoordinatorFigures, serve_metrics};
use super::loops::Loops;
use super::mark::RunMark;
use super::port::Port;
use super::router::Router;
use super::serve_error::ServeError;
use super::{IdentityService, JoinService};
use crate::admission::Admissions;
use crate::agents::AgentsService;
use crate::clock;
use crate::facts::Facts;
use crate::home::Home;
use crate::identity::{Believes, ServerCertificate, server_config};
use crate::operators::{BackupsService, OperatorsService};
use crate::permits::{Bounds, Places};
use crate::repositories::{Disk, RepositoriesService, RepositoryService};
use crate::shared::Shared;
use crate::values::Values;
use fleet_proto::MESSAGE_LIMIT;
use fleet_proto::v1::agents_server::AgentsServer;
use fleet_proto::v1::backups_server::BackupsServer;
use fleet_proto::v1::identity_server::IdentityServer;
use fleet_proto::v1::join_server::JoinServer;
use fleet_proto::v1::operators_server::OperatorsServer;
use fleet_proto::v1::repositories_server::RepositoriesServer;
use fleet_render::Renderer;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

/// Time for running calls to finish after a stop.
const DRAIN: Duration = Duration::from_secs(3);
/// HTTP/2 window of a stream. Control messages are small, but a backup's packs fill more: with a smaller window, a
/// transfer to a distant coordinator is limited to one window for each round trip.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
const FRAME: u32 = 64 * 1024;
const STREAMS: u32 = 64;
const HEADERS: u32 = 16 * 1024;
/// Time without a message after which a peer is pinged; agents send something every 7 s.
const PING_AFTER: Duration = Duration::from_secs(30);
/// A connection whose peer does not answer that in time is over.
const PING_LIMIT: Duration = Duration::from_secs(30);

/// Configuration of a coordinator.
#[derive(Debug)]
pub struct Config {
    /// Opened directory of the coordinator.
    pub home: Home,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Further options.
    pub options: Options,
}

/// Optional settings of a coordinator.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The program that renders and works on repositories, in processes of its own; without, this very program.
    pub worker: Option<PathBuf>,
    /// Address at which metrics are served; nowhere by default.
    pub metrics: Option<SocketAddr>,
}

/// A coordinator that serves, until it is shut down or its store fails.
#[derive(Debug)]
pub struct Running {
    /// Address it listens on.
    pub address: SocketAddr,
    /// Address of the metrics, if they are served.
    pub metrics: Option<SocketAddr>,
    stop: CancellationToken,
    main: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    /// Stops within a few seconds: calls under way may end, streams are cut.
    pub async fn shutdown(self) -> Result<(), ServeError> {
        self.stop.cancel();
        self.main.await?
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> Result<(), ServeError> {
        (&mut self.main).await?
    }
}

/// Length of the queue. A whole fleet that reconnects at once waits in it: a peer that finds it full tries again only
/// seconds later.
const LINE: u32 = 4096;

fn open_port(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Leftover connections of a coordinator that just ended must not block its successor.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LINE)
}

/// Opens the port and begins to serve.
pub async fn serve(config: Config) -> Result<Running, ServeError> {
    let Config { home, listen, options } = config;
    let failed_to_listen = |source| ServeError::Listen { address: listen, source };
    let listener = open_port(listen).map_err(failed_to_listen)?;
    let address = listener.local_addr().map_err(failed_to_listen)?;
    let life = home.settings.certificate_life();
    let authority = Arc::new(home.authority);
    let disk = Disk::below(&home.path);
    let swept = disk.sweep()?;
    if swept > 0 {
        tracing::info!(swept, "uploads that were cut off were removed");
    }
    let facts = Arc::new(Facts::load(home.store).map_err(ServeError::Load)?);
    facts.begin_epoch(clock::now()).map_err(ServeError::Load)?;
    let metrics = options.metrics.map(listen_for_metrics).transpose()?;
    let metrics_address = metrics.as_ref().and_then(|listener| listener.local_addr().ok());
    let repository_service =
        RepositoryService::new(Arc::clone(&facts), Arc::new(disk), home.seal.clone(), options.worker.clone());
    for (repository, instance) in repository_service.miss_lost(clock::now()).await? {
        tracing::error!(%repository, %instance, "a repository was lost with the former disk; it is made anew");
    }
    let mark = RunMark::begin(&home.path, &facts, clock::now()).await.map_err(ServeError::Mark)?;
    let shared = Shared {
        facts,
        sessions: Arc::default(),
        queries: Arc::default(),
        budgets: Arc::default(),
        values: Arc::new(Values::new(home.seal)),
        connections: Arc::default(),
        authority: Arc::clone(&authority),
        addresses: home.settings.addresses.into(),
        repository_service: Arc::new(repository_service),
        renderer: Renderer::new(options.worker),
        readers: Arc::new(Places::new(Bounds::READING)),
        renderings: Arc::new(Places::new(Bounds::RENDERING)),
        home: home.path.into(),
        panics: Arc::default(),
    };
    let certificate = ServerCertificate::new(&authority, &shared.addresses, clock::now())?;
    let certificate = Arc::new(certificate);
    let tls = server_config(&authority, Arc::clone(&certificate), Arc::clone(&shared.facts) as Arc<dyn Believes>)?;
    let stop = CancellationToken::new();
    let port = Port { listener, tls, connections: Arc::clone(&shared.connections), stop: stop.clone() };
    let admissions = Admissions::new(authority, Arc::clone(&shared.facts), life);
    let router = services(&shared, Arc::new(admissions));
    let (running, stopping) = (run(shared, certificate, port, router, metrics, stop.clone()), mark);
    let main = tokio::spawn(async move {
        let ended = running.await;
        if ended.is_ok() {
            stopping.end();
        }
        ended
    });
    tracing::info!(%address, "serving");
    Ok(Running { address, metrics: metrics_address, stop, main })
}

fn listen_for_metrics(address: SocketAddr) -> Result<TcpListener, ServeError> {
    open_port(address).map_err(|source| ServeError::Listen { address, source })
}

fn services(shared: &Shared, admissions: Arc<Admissions>) -> Router {
    let facts = || Arc::clone(&shared.facts);
    let agents = AgentsService {
        facts: facts(),
        sessions: Arc::clone(&shared.sessions),
        queries: Arc::clone(&shared.queries),
        values: Arc::clone(&shared.values),
        repository_service: Arc::clone(&shared.repository_service),
        budgets: Arc::clone(&shared.budgets),
    };
    let connections = Arc::clone(&shared.connections);
    let join = JoinService { admissions: Arc::clone(&admissions), facts: facts(), connections };
    let identity = IdentityService { admissions, facts: facts() };
    let operators = OperatorsService::new(shared.clone());
    let backups = BackupsService(operators.clone());
    let repositories = RepositoriesService::new(facts(), Arc::clone(&shared.repository_service.disk));
    Router {
        agents: AgentsServer::new(agents).max_decoding_message_size(MESSAGE_LIMIT),
        join: JoinServer::new(join).max_decoding_message_size(MESSAGE_LIMIT),
        operators: OperatorsServer::new(operators).max_decoding_message_size(MESSAGE_LIMIT),
        backups: BackupsServer::new(backups).max_decoding_message_size(MESSAGE_LIMIT),
        identity: IdentityServer::new(identity).max_decoding_message_size(MESSAGE_LIMIT),
        repositories: RepositoriesServer::new(repositories).max_decoding_message_size(MESSAGE_LIMIT),
        calls: Arc::<Calls>::default(),
        failed: shared.facts.failed().clone(),
        panics: Arc::clone(&shared.panics),
    }
}

/// HTTP/2 tuned for many quiet connections.
fn server() -> Server {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_concurrent_streams(STREAMS)
        .http2_max_header_list_size(HEADERS)
        .http2_keepalive_interval(Some(PING_AFTER))
        .http2_keepalive_timeout(Some(PING_LIMIT))
}

async fn run(
    shared: Shared,
    certificate: Arc<ServerCertificate>,
    port: Port,
    router: Router,
    metrics: Option<TcpListener>,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let calls = Arc::clone(&router.calls);
    let (ready, connections) = mpsc::channel(64);
    let (incoming, stopped) = (ReceiverStream::new(connections), stop.clone().cancelled_owned());
    let mut server = tokio::spawn(async { server().serve_with_incoming_shutdown(router, incoming, stopped).await });
    let mut accepting = tokio::spawn(port.accept(ready));
    let mut loops = Loops::new(stop.clone(), Arc::clone(&shared.panics));
    begin_loops(&mut loops, &shared, &certificate, &calls);
    if let Some(listener) = metrics.map(Arc::new) {
        let rpc = Arc::clone(&calls.metrics);
        begin(&mut loops, "metrics", &shared, move |shared| {
            let (figures, listener) = (CoordinatorFigures { shared, rpc: Arc::clone(&rpc) }, Arc::clone(&listener));
            async move { serve_metrics(&figures, &listener).await }
        });
    }
    let begun = begin_store_loops(&mut loops, &shared).map_err(ServeError::Thread);
    if begun.is_err() {
        stop.cancel();
    }
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        () = shared.facts.failed().cancelled() => Err(ServeError::StoreFailed),
        // A coordinator without its port is useless.
        ended = &mut server => ended.map_err(ServeError::Task).and_then(|served| served.map_err(ServeError::Transport)),
        ended = &mut accepting => ended.map_err(ServeError::Task),
    };
    stop.cancel();
    loops.drain(DRAIN).await;
    let drained = drain(&shared, server, accepting).await;
    if timeout(DRAIN, shared.facts.idle()).await.is_err() {
        tracing::warn!("what was begun off the runtime has not ended in time");
    }
    begun.and(ended).and(drained)
}

/// Lets calls end, then cuts every connection, so that the store is free when this returns.
async fn drain(
    shared: &Shared,
    mut server: JoinHandle<Result<(), tonic::transport::Error>>,
    accepting: JoinHandle<()>,
) -> Result<(), ServeError> {
    // A task that has ended was awaited already.
    if !accepting.is_finished() {
        accepting.await?;
    }
    for session in shared.sessions.all() {
        session.caller.cut.cancel();
    }
    if server.is_finished() {
        return Ok(());
    }
    if let Ok(served) = timeout(DRAIN, &mut server).await {
        return Ok(served??);
    }
    shared.connections.cut_all();
    match timeout(DRAIN, &mut server).await {
        Ok(served) => Ok(served??),
        Err(_) => {
            server.abort();
            Ok(())
        }
    }
}
