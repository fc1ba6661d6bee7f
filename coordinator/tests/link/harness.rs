//! A real coordinator on loopback, with real TLS and a real store, and hosts and operators that dial it.

use fleet_coordinator::home::{Home, Settings};
use fleet_coordinator::serve::{Config, Options, Running, serve};
use fleet_coordinator::store::{Batch, Store};
use fleet_core::access::JoinToken;
use fleet_core::app::Bundle;
use fleet_core::planned_change::PlannedChange;
use fleet_core::refused_call::{AdmissionRefusal, Attempt, CallRefusal};
use fleet_core::time::Time;
use fleet_link::{Identity, LinkError, admit, dial};
use fleet_proto::convert::incoming_planned_change;
use fleet_proto::refusal::{RefusalReason, refuse, refused_call_of, word_of};
use fleet_proto::v1::backups_client::BackupsClient;
use fleet_proto::v1::{self, agents_client::AgentsClient, from_agent, operators_client::OperatorsClient, to_agent};
use fleet_proto::{MESSAGE_LIMIT, PROTOCOL, PROTOCOL_MIN};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

pub type Operators = OperatorsClient<Channel>;

/// Nothing in these tests takes longer, even on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    Time(u64::try_from(since.as_millis()).expect("it is before the year 500 million"))
}

fn config(home: Home, listen: SocketAddr) -> Config {
    let worker = Some(env!("CARGO_BIN_EXE_fleet-coordinator").into());
    Config { home, listen, options: Options { worker, ..Options::default() } }
}

pub struct Harness {
    pub directory: TempDir,
    pub address: SocketAddr,
    pub running: Option<Running>,
    pub admin_token: JoinToken,
}

impl Harness {
    pub async fn new() -> Self {
        Self::with_life(Duration::from_secs(3600)).await
    }

    pub async fn with_life(life: Duration) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let settings = Settings {
            addresses: vec![address.to_string()],
            listen: address,
            certificate_seconds: life.as_secs(),
            created: now(),
        };
        let (home, admin_token) = Home::init(directory.path(), settings).await.expect("the directory is empty");
        let running = serve(config(home, address)).await.expect("the port is free");
        Self { directory, address, running: Some(running), admin_token }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub async fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        running.shutdown().await.expect("it stops in order");
    }

    pub async fn start(&mut self) {
        let home = Home::open(self.path()).expect("the directory is free again");
        self.running = Some(serve(config(home, self.address)).await.expect("the port is free again"));
    }

    pub async fn start_with_metrics(&mut self) {
        let home = Home::open(self.path()).expect("the directory is free again");
        let mut config = config(home, self.address);
        config.options.metrics = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        self.running = Some(serve(config).await.expect("the port is free again"));
    }

    /// Stops, changes the stored records, and starts again.
    pub async fn meddle(&mut self, change: impl FnOnce(&dyn Store, &mut Batch)) {
        self.stop().await;
        let home = Home::open(self.path()).expect("the directory is free again");
        let mut batch = Batch::new();
        change(home.store.as_ref(), &mut batch);
        home.store.commit(batch).await.expect("the store is whole");
        drop(home);
        self.start().await;
    }

    pub async fn admin(&self) -> Operators {
        operators(&self.admin_token).await
    }

    /// Adds a host and joins as it.
    pub async fn host(&self, admin: &mut Operators, name: &str) -> Identity {
        let request = v1::AddHostRequest { name: name.to_owned(), ..v1::AddHostRequest::default() };
        let invitation = admin.add_host(request).await.expect("the host is new").into_inner();
        admit(&token(&invitation), now()).await.expect("the token is good")
    }
}

pub fn token(invitation: &v1::JoinInvitation) -> JoinToken {
    invitation.token.parse().expect("a new token is whole")
}

pub async fn operators(token: &JoinToken) -> Operators {
    let identity = admit(token, now()).await.expect("the token is good");
    operators_as(&identity).await
}

pub async fn operators_as(identity: &Identity) -> Operators {
    OperatorsClient::new(dial(identity).await.expect("it is reached")).max_decoding_message_size(8 << 20)
}

/// Returns the reason of a refused call.
#[track_caller]
pub fn refusal(status: &Status) -> CallRefusal {
    refused_call_of(status).unwrap_or_else(|| panic!("it has no refusal: {status:?}")).refusal
}

/// Returns whether a call ended because its certificate is revoked: by the handshake's alert, or by the call's own
/// status.
pub fn is_revoked(status: &Status) -> bool {
    word_of(status) == Some(RefusalReason::Revoked)
        || matches!(LinkError::from_status("", status.clone()), LinkError::Revoked)
}

/// The simplest possible agent.
pub struct FakeAgent {
    pub client: AgentsClient<Channel>,
    pub watch: Streaming<v1::ToAgent>,
    pub report: mpsc::Sender<v1::FromAgent>,
}

impl FakeAgent {
    /// Connects, sends `Hello`, and reports that it has no instance.
    pub async fn connect(identity: &Identity) -> Result<Self, Status> {
        Self::connect_as("", identity).await
    }

    /// The same as one start of an agent.
    pub async fn connect_as(start: &str, identity: &Identity) -> Result<Self, Status> {
        let agent = Self::connect_quietly(identity, PROTOCOL).await?;
        agent.say(hello_of(start, now())).await;
        agent.say(from_agent::Kind::Complete(v1::Complete {})).await;
        Ok(agent)
    }

    pub async fn connect_quietly(identity: &Identity, protocol: u32) -> Result<Self, Status> {
        let channel = dial(identity).await.map_err(|error| match error {
            LinkError::Revoked => refuse(Attempt::Call, AdmissionRefusal::CertificateRevoked, None),
            other => Status::unavailable(format!("{other:?}")),
        })?;
        let mut client = AgentsClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT);
        let request = v1::WatchRequest { protocol, agent_version: "test".to_owned(), protocol_min: 0 };
        let watch = client.watch(request).await?.into_inner();
        let (report, messages) = mpsc::channel(16);
        let mut reporting = client.clone();
        tokio::spawn(async move { reporting.report(ReceiverStream::new(messages)).await });
        Ok(Self { client, watch, report })
    }

    pub async fn say(&self, kind: from_agent::Kind) {
        let _ = self.report.send(v1::FromAgent { kind: Some(kind) }).await;
    }

    /// The next set of open orders; an error when the stream ended.
    pub async fn open_set(&mut self) -> Result<v1::OpenOrders, Status> {
        loop {
            let message = timeout(LIMIT, self.watch.message()).await.expect("something comes in time")?;
            match message.ok_or_else(|| Status::cancelled("the stream ended"))?.kind {
                Some(to_agent::Kind::Orders(orders)) => return Ok(orders),
                Some(to_agent::Kind::Query(_) | to_agent::Kind::ForgetQuery(_) | to_agent::Kind::Hello(_)) | None => {}
            }
        }
    }

    /// Waits for a set with this many orders.
    pub async fn orders(&mut self, count: usize) -> Vec<v1::Order> {
        loop {
            let orders = self.open_set().await.expect("the stream goes on").orders;
            if orders.len() == count {
                return orders;
            }
        }
    }

    pub async fn query(&mut self) -> v1::HostQuery {
        loop {
            let message = timeout(LIMIT, self.watch.message()).await.expect("something comes in time");
            let message = message.expect("the stream goes on").expect("the stream goes on");
            if let Some(to_agent::Kind::Query(query)) = message.kind {
                return query;
            }
        }
    }

    /// Carries an order out, as far as the coordinator can see.
    pub async fn obey(&self, order: &v1::Order, outcome: v1::order_report::Outcome, goal: Option<&v1::Goal>) {
        let (id, instance) = (order.id.clone(), order.instance.clone());
        self.say(from_agent::Kind::Order(v1::OrderReport { id, instance, outcome: Some(outcome), result: None })).await;
        if let Some(goal) = goal {
            self.say(settled(&order.instance, goal, 0)).await;
        }
    }
}

/// Makes the `Hello` of a host with the policy's newer keys, all of them empty.
pub fn strict(now: Time) -> from_agent::Kind {
    let from_agent::Kind::Hello(hello) = hello(now) else { unreachable!("it is a hello") };
    let policy = Some(v1::HostPolicy { gates_reaches: true, ..v1::HostPolicy::default() });
    from_agent::Kind::Hello(v1::Hello { policy, ..hello })
}

pub fn hello(now: Time) -> from_agent::Kind {
    hello_of("", now)
}

/// The same from a start of an agent that has an id.
pub fn hello_of(start: &str, now: Time) -> from_agent::Kind {
    from_agent::Kind::Hello(v1::Hello {
        protocol: PROTOCOL,
        agent_version: "0.1.0".to_owned(),
        engine_version: "20.10.24".to_owned(),
        policy: Some(v1::HostPolicy::default()),
        now_ms: now.0,
        disk_free: 100 << 30,
        start: start.to_owned(),
        engine_id: "ABCD:EFGH".to_owned(),
        replies_to_claims: false,
        protocol_min: PROTOCOL_MIN,
        capabilities: Vec::new(),
    })
}

pub fn settled(instance: &str, goal: &v1::Goal, power_serial: u64) -> from_agent::Kind {
    let said = v1::InstanceSaid {
        release: goal.release.clone(),
        revision: goal.revision,
        power_serial,
        health: v1::Health::Healthy.into(),
        ..v1::InstanceSaid::default()
    };
    let running = Some(v1::instance_report::Running::Settled(said));
    from_agent::Kind::Instance(v1::InstanceReport { instance: instance.to_owned(), running })
}

pub fn goal(order: &v1::Order) -> Option<&v1::Goal> {
    match order.action.as_ref()? {
        v1::order::Action::Install(install) => install.goal.as_ref(),
        v1::order::Action::Upgrade(upgrade) => upgrade.goal.as_ref(),
        v1::order::Action::Configure(configure) => configure.goal.as_ref(),
        v1::order::Action::Data(v1::Data { action: Some(v1::data::Action::Restore(restore)), .. }) => {
            restore.goal.as_ref()
        }
        v1::order::Action::Data(_) | v1::order::Action::Power(_) | v1::order::Action::Remove(_) => None,
    }
}

pub fn done() -> v1::order_report::Outcome {
    v1::order_report::Outcome::Done(v1::Empty {})
}

/// Returns a small app with a secret; `image` distinguishes its versions. It publishes no port, because a host has
/// several instances of it.
pub fn bundle(image: &str) -> Bundle {
    let app = "app: notes\ntitle: Notes\nvalues:\n  password: {type: string, required: true, secret: true}\n  \
               port: {type: port, default: 8080}\n";
    let compose = format!(
        "services:\n  web:\n    image: {image}\n    environment:\n      PASSWORD: ${{PASSWORD}}\n      \
         PORT: ${{PORT}}\n    volumes:\n      - data:/data\nvolumes:\n  data: {{}}\n"
    );
    let files = [("app.yaml", app.to_owned()), ("compose.yaml", compose)];
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect();
    Bundle::new(files).expect("it is within its bounds")
}

pub async fn push(operators: &mut Operators, version: &str, bundle: &Bundle) -> Result<v1::ReleaseView, Status> {
    use v1::push_release_piece::Kind;
    let head = v1::PushReleaseHead { version: version.to_owned(), digest: bundle.digest().to_string() };
    let mut pieces = vec![v1::PushReleasePiece { kind: Some(Kind::Head(head)) }];
    for part in bundle.encode().chunks(1000) {
        pieces.push(v1::PushReleasePiece { kind: Some(Kind::Bundle(part.to_vec())) });
    }
    operators.push_release(tokio_stream::iter(pieces)).await.map(tonic::Response::into_inner)
}

pub async fn install(
    operators: &mut Operators,
    version: &str,
    host: &str,
    name: &str,
) -> Result<v1::InstanceChange, Status> {
    let request = v1::InstallInstanceRequest {
        app: "notes".to_owned(),
        version: version.to_owned(),
        host: host.to_owned(),
        name: name.to_owned(),
        values: [("password".to_owned(), "hunter2".to_owned())].into(),
        ..v1::InstallInstanceRequest::default()
    };
    operators.install_instance(request).await.map(tonic::Response::into_inner)
}

/// The value map of an order's goal.
pub fn values(order: &v1::Order) -> BTreeMap<String, String> {
    goal(order).map(|goal| goal.values.clone().into_iter().collect()).unwrap_or_default()
}

/// Agrees to a plan, in a request of its own.
pub fn agreed(plan_digest: &str) -> Option<v1::AgreedPlan> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let request_id = format!("{:016}", NEXT.fetch_add(1, Ordering::Relaxed));
    Some(v1::AgreedPlan { plan_digest: plan_digest.to_owned(), request_id })
}

type Reply<T> = Result<tonic::Response<T>, Status>;

/// Asks for a plan and starts it.
pub async fn start_rollout(admin: &mut Operators, request: v1::ProposeRolloutRequest) -> Reply<v1::RolloutView> {
    let shown = admin.propose_rollout(request.clone()).await?.into_inner();
    admin.start_rollout(v1::ProposeRolloutRequest { agreed: agreed(&shown.plan_digest), ..request }).await
}

/// Requests the plan of other values, and sets them.
/// The changes of a plan, all of which this version can read.
pub fn planned(plan: &[v1::PlannedChange]) -> Vec<PlannedChange> {
    let read = |change: &v1::PlannedChange| incoming_planned_change(change.clone()).expect("it is a known change");
    plan.iter().map(read).collect()
}

pub async fn configure(admin: &mut Operators, request: v1::ConfigureInstanceRequest) -> Reply<v1::InstanceChange> {
    let asked = v1::ConfigureInstanceRequest { dry_run: true, ..request.clone() };
    let shown = admin.configure_instance(asked).await?.into_inner();
    admin.configure_instance(v1::ConfigureInstanceRequest { agreed: agreed(&shown.plan_digest), ..request }).await
}

/// Requests the plan of a removal, and removes the instance.
pub async fn remove(admin: &mut Operators, request: v1::RemoveInstanceRequest) -> Reply<v1::InstanceChange> {
    let asked = v1::RemoveInstanceRequest { dry_run: true, ..request.clone() };
    let shown = admin.remove_instance(asked).await?.into_inner();
    admin.remove_instance(v1::RemoveInstanceRequest { agreed: agreed(&shown.plan_digest), ..request }).await
}

/// Requests the plan of a restore, and starts it.
pub async fn restore(backups: &mut BackupsClient<Channel>, request: v1::RestoreRequest) -> Reply<v1::InstanceChange> {
    let asked = v1::RestoreRequest { dry_run: true, ..request.clone() };
    let shown = backups.restore(asked).await?.into_inner();
    backups.restore(v1::RestoreRequest { agreed: agreed(&shown.plan_digest), ..request }).await
}
