//! A host that has joined, with an agent and a minimal coordinator.

use super::coordinator::{Coordinator, Heard};
use fleet_agent::LoopbackAddress;
use fleet_agent::fake::FakeRuntime;
use fleet_agent::ledger::{Ledger, OrderState};
use fleet_agent::{Config, identity_path};
use fleet_core::app::Bundle;
use fleet_core::facts::DriftRule;
use fleet_core::order::{Action, Order, order_id};
use fleet_core::release::{Goal, Release};
use fleet_core::time::Time;
use fleet_link::admit;
use fleet_proto::convert::OutgoingOrder;
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::{self, to_agent};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub const DAY: Duration = Duration::from_secs(86_400);

pub struct Lab {
    pub folder: TempDir,
    pub runtime: FakeRuntime,
    pub coordinator: Arc<Coordinator>,
    _serving: JoinSet<()>,
}

impl Lab {
    /// A host that has joined.
    pub async fn new(life: Duration) -> Self {
        let coordinator = Coordinator::new(life).await;
        let serving = coordinator.serve().await;
        let folder = tempfile::tempdir().expect("a folder");
        let identity = admit(&coordinator.token(), now()).await.expect("the host is admitted");
        identity.save(&identity_path(folder.path())).expect("the identity is kept");
        std::fs::write(folder.path().join("policy.yaml"), "").expect("written");
        Self { folder, runtime: FakeRuntime::default(), coordinator, _serving: serving }
    }

    pub fn run(&self) -> JoinSet<()> {
        self.run_with(None)
    }

    /// Runs an agent that serves metrics at an address, where one is given.
    pub fn run_with(&self, metrics: Option<LoopbackAddress>) -> JoinSet<()> {
        let data_dir = self.folder.path().to_owned();
        let worker = Some(env!("CARGO_BIN_EXE_fleet-agent").into());
        let config = Config { policy: data_dir.join("policy.yaml"), data_dir, worker, metrics };
        let runtime = self.runtime.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            fleet_agent::run(config, runtime, CancellationToken::new()).await.expect("the agent runs");
        });
        tasks
    }

    /// Waits until the agent has looked at its instances twice more, each time because something changed on the host.
    pub async fn is_looked_at_again(&self) {
        for _ in 0..2 {
            let before = self.runtime.world().inspections;
            self.runtime.meddle(|_| ());
            let looked = async {
                while self.runtime.world().inspections == before {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), looked).await.expect("the agent looks at what has changed");
        }
    }

    /// Asks for the installation of a small app.
    pub fn ask(&self) {
        self.say(vec![self.installation()]);
    }

    pub fn installation(&self) -> v1::Order {
        let bundle = bundle();
        let release = Release { name: "notes@1".parse().expect("a release"), digest: bundle.digest() };
        self.coordinator.bundles.lock().expect("no fault").insert(bundle.digest().to_string(), bundle);
        let action = Action::Install { goal: Goal { release, revision: 1 } };
        let (id, instance) = (order_id(&["a"]), "oasis-1".parse().expect("a name"));
        let order = Order { id, instance, action, deadline: Duration::from_secs(60) };
        let order =
            OutgoingOrder { order, values: [].into(), drift: DriftRule::Heal, access: Vec::new(), limit_rate: None };
        order.into()
    }

    pub fn has_noted_that_it_was_heard(&self) -> bool {
        let ledger = Ledger::look(self.folder.path()).expect("the ledger is there");
        ledger.orders().values().all(|entry| matches!(entry.state, OrderState::Ended { heard: true, .. }))
    }

    pub fn say(&self, orders: Vec<v1::Order>) {
        let set = v1::OpenOrders { orders, ..Default::default() };
        self.coordinator.says.send_replace(Some(to_agent::Kind::Orders(set)));
    }
}

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

pub fn bundle() -> Bundle {
    let app = "app: notes\nhealth: { minimum_healthy: 0s, deadline: 1s }\n";
    let compose = "services:\n  web:\n    image: notes:1\n    volumes: [\"data:/data\"]\nvolumes:\n  data: {}\n";
    let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

pub fn count(heard: &Heard, is_it: impl Fn(&Kind) -> bool) -> usize {
    heard.reports.iter().filter(|kind| is_it(kind)).count()
}

pub fn ends(heard: &Heard) -> usize {
    count(heard, |kind| matches!(kind, Kind::Order(_)))
}

pub fn completes(heard: &Heard) -> usize {
    count(heard, |kind| matches!(kind, Kind::Complete(_)))
}
