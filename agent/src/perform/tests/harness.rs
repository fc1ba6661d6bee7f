//! An agent without a link, on a world that outlives it.

use crate::agent_context::AgentContext;
use crate::bundles::Bundles;
use crate::fake::FakeRuntime;
use crate::ledger::{DiskFiles, LedgerFiles, LedgerHandle, LedgerWriter};
use crate::link::{OpenSet, Unknown};
use crate::path_resolver::PathResolver;
use crate::perform::{Drifted, run};
use crate::policy::LivePolicy;
use crate::repositories::Repositories;
use crate::status_board::StatusWriter;
use fleet_core::app::{Bundle, DataEffect};
use fleet_core::event::HostEvent;
use fleet_core::facts::{DriftRule, Running};
use fleet_core::names::{InstanceName, OrderId};
use fleet_core::order::{Action, Order, Outcome, PowerRequest, order_id};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::{Goal, Release};
use fleet_proto::convert::OutgoingOrder;
use fleet_repository::client::{RepositoryWorkers, WorkerSession};
use fleet_repository::worker::{Limits, Request, WorkerError};
use futures_util::future::BoxFuture;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

const APP: &str = "
app: notes
values:
  port: { type: port, default: 8080 }
  password: { type: string, secret: true, required: true }
  share: { type: string, default: ./share }
health: { minimum_healthy: 0s, deadline: 1s }
";

/// Version 2 changes the web service's image; version 3 brings a volume and a new configuration of the database too;
/// version 4 mounts a folder of the host; version 5 is healthy after 30 seconds only.
fn compose(version: u32) -> String {
    let share = if version == 4 { "    volumes: [\"${SHARE}:/share\"]\n" } else { "" };
    let extra = if version == 3 { ["      MODE: new", "\n  attic: {}"] } else { ["", ""] };
    let mount = if version == 3 { "[\"data:/data\", \"attic:/attic\"]" } else { "[\"data:/data\"]" };
    format!(
        "services:
  web:
    image: notes-web:{version}
    depends_on: [db]
    ports: [\"${{PORT}}:80\"]
    restart: \"no\"
{share}  db:
    image: notes-db:1
    environment:
      PASSWORD: ${{PASSWORD}}
{}
    volumes: {mount}
volumes:
  data: {{}}{}
",
        extra[0], extra[1]
    )
}

pub fn bundle(version: u32) -> Bundle {
    let app = if version == 5 { APP.replace("0s, deadline: 1s", "30s, deadline: 60s") } else { APP.to_owned() };
    let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), compose(version).into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

pub fn release(version: u32) -> Release {
    let name = format!("notes@{version}").parse().expect("a release");
    Release { name, digest: bundle(version).digest() }
}

pub fn instance() -> InstanceName {
    "oasis-1".parse().expect("a name")
}

pub struct Harness {
    pub folder: tempfile::TempDir,
    pub runtime: FakeRuntime,
    open: watch::Sender<Option<Arc<OpenSet>>>,
    pub deadline: Duration,
}

/// For tests that never work on data.
#[derive(Debug)]
struct NoWorkers;

impl RepositoryWorkers for NoWorkers {
    fn start(&self, _: Request, _: Limits) -> BoxFuture<'_, Result<Box<dyn WorkerSession>, WorkerError>> {
        panic!("nobody asks for a repository here")
    }
}

/// A running agent.
pub struct Agent {
    pub context: Arc<AgentContext>,
    pub drifted: watch::Sender<Drifted>,
    task: tokio::task::JoinSet<()>,
}

impl Harness {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bundles = folder.path().join("bundles");
        std::fs::create_dir_all(&bundles).expect("a folder");
        for version in 1..=5 {
            let bundle = bundle(version);
            let path = bundles.join(bundle.digest().as_str().replace(':', "-"));
            std::fs::write(path, bundle.encode()).expect("written");
        }
        std::fs::write(folder.path().join("policy.yaml"), "").expect("written");
        let (runtime, open) = (FakeRuntime::default(), watch::Sender::new(None));
        Self { folder, runtime, open, deadline: Duration::from_secs(60) }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn policy(&self) -> PathBuf {
        self.folder.path().join("policy.yaml")
    }

    pub fn write_policy(&self, text: &str) {
        std::fs::write(self.policy(), text).expect("written");
    }

    pub fn agent(&self) -> Agent {
        self.agent_on(Arc::new(DiskFiles))
    }

    /// An agent whose ledger is on a disk of its own kind.
    pub fn agent_on(&self, files: Arc<dyn LedgerFiles>) -> Agent {
        let ledger = LedgerWriter::open_on(&self.data_dir(), files).expect("the ledger opens");
        let (attention, _) = mpsc::unbounded_channel();
        let context = Arc::new(AgentContext {
            host: "lab-1".parse().expect("a name"),
            data_dir: self.data_dir(),
            ledger: LedgerHandle::new(ledger).expect("a thread can be started"),
            runtime: Arc::new(self.runtime.clone()),
            repositories: Repositories::new(Arc::new(NoWorkers), PathBuf::new()),
            bundles: Bundles::new(self.data_dir().join("bundles"), watch::channel(None).1),
            renderer: fleet_render::Renderer::in_this_process(),
            status_writer: StatusWriter::default(),
            metrics: Arc::default(),
            policy: LivePolicy::open(&self.policy()),
            path_resolver: PathResolver::default(),
            attention,
        });
        let drifted = watch::Sender::new(Drifted::new());
        let mut task = tokio::task::JoinSet::new();
        task.spawn(run(Arc::clone(&context), self.open.subscribe(), drifted.subscribe()));
        Agent { context, drifted, task }
    }

    pub fn order(&self, action: Action) -> OutgoingOrder {
        let id = order_id(&[&format!("{action:?}")]);
        let order = Order { id, instance: instance(), action, deadline: self.deadline };
        let values = [("password".to_owned(), "s3cret".to_owned())].into();
        OutgoingOrder { order, values, drift: DriftRule::Heal, access: Vec::new(), limit_rate: None }
    }

    pub fn ask(&self, orders: &[OutgoingOrder]) {
        let set = OpenSet { orders: orders.to_vec(), ..OpenSet::default() };
        self.open.send_replace(Some(Arc::new(set)));
    }

    /// Sends one order beside open ones that are withheld.
    pub fn ask_beside(&self, order: &OutgoingOrder, held: &[OrderId]) {
        let held = held.iter().cloned().collect();
        let set = OpenSet { orders: vec![order.clone()], held, ..OpenSet::default() };
        self.open.send_replace(Some(Arc::new(set)));
    }

    /// Says that this order is open, in a way that the agent does not understand.
    pub fn ask_unreadably(&self, order: &OutgoingOrder) {
        let (id, instance) = (order.order.id.clone(), order.order.instance.clone());
        let unknown = Unknown { id, instance, reason: "it is newer".to_owned() };
        let set = OpenSet { unknown: vec![unknown], ..OpenSet::default() };
        self.open.send_replace(Some(Arc::new(set)));
    }

    /// Sends one order and waits for its end and the acknowledgement.
    pub async fn carry_out(&self, agent: &Agent, action: Action) -> Outcome {
        let order = self.order(action);
        self.ask(std::slice::from_ref(&order));
        let outcome = agent.end_of(&order.order.id).await;
        self.ask(&[]);
        outcome
    }
}

impl Agent {
    /// Ends the agent like `kill -9`.
    pub async fn kill(mut self) {
        self.task.shutdown().await;
        // A write that has begun continues, and holds the folder's lock meanwhile.
        self.context.ledger.close().await;
    }

    /// Returns why the last healing failed, if an event says so.
    pub fn failure_of_healing(&self) -> Option<OrderFailure> {
        self.context.status_writer.see(|status_board| match &status_board.events.back()?.1.kind {
            HostEvent::HealingFailed { failure } => Some((**failure).clone()),
            _ => None,
        })
    }

    /// Waits until an order has ended.
    pub async fn end_of(&self, id: &OrderId) -> Outcome {
        let mut status_board = self.context.status_writer.reader();
        let ended = status_board.wait_for(|status_board| status_board.ends.contains_key(id));
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        let status_board = ended.expect("the order ends in time").expect("the board is there");
        status_board.ends[id].1.outcome.clone()
    }

    pub fn running(&self) -> Option<Running> {
        self.context.status_writer.see(|status_board| status_board.instances.get(&instance()).cloned())
    }
}

pub fn install(version: u32) -> Action {
    Action::Install { goal: goal(version, 1) }
}

pub fn upgrade(from: u32, to: u32) -> Action {
    Action::Upgrade {
        from: release(from),
        goal: goal(to, 1),
        through: Vec::new(),
        data: DataEffect::AtStart,
        backup: BTreeSet::new(),
    }
}

pub fn power(request: PowerRequest, serial: u64) -> Action {
    Action::Power { request, serial }
}

pub fn goal(version: u32, revision: u64) -> Goal {
    Goal { release: release(version), revision }
}

pub async fn installed(version: u32) -> (Harness, Agent) {
    let harness = Harness::new();
    let agent = harness.agent();
    assert_eq!(harness.carry_out(&agent, install(version)).await, Outcome::Done);
    (harness, agent)
}

pub fn running(harness: &Harness) -> Vec<String> {
    harness.runtime.world().running("oasis-1").into_iter().map(|(_, image)| image).collect()
}

pub fn check_refused(outcome: &Outcome, expect: impl Fn(&OrderFailure) -> bool) {
    match outcome {
        Outcome::Refused { failure } => assert!(expect(failure), "{failure:?}"),
        other => panic!("expected a refusal, found {other:?}"),
    }
}
