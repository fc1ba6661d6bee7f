//! Facts in memory, for tests of the modules that change them.

use super::{DesiredChange, Facts, ObserveError};
use crate::store::{MemoryStore, Store, StoreError};
use fleet_core::app::DataEffect;
use fleet_core::event::EventKind;
use fleet_core::facts::{
    Doing, DriftRule, HostDesired, HostSaid, InstanceDesired, InstanceHealth, InstanceSaid, OpenOrder, PowerDesired,
    Removal, Running,
};
use fleet_core::names::{HostName, InstanceName, OrderId};
use fleet_core::order::{Action, Order, Outcome, PowerRequest, order_id};
use fleet_core::plan::{NewOrder, Plan};
use fleet_core::release::{Goal, Release};
use fleet_core::rollout::{Member, Rollout, RolloutIntent, StrategyRequest};
use fleet_core::time::Time;
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Time at which all test changes happen.
pub const NOW: Time = Time(1_000_000);

/// Parses a text. Panics if it is not valid.
pub fn read<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error:?}"))
}

/// Loads empty facts in memory.
pub fn memory() -> Facts {
    on(Arc::new(MemoryStore::new().expect("a thread can be started")))
}

/// Loads facts from a store. Panics if the store cannot be read.
pub fn on(store: Arc<dyn Store>) -> Facts {
    Facts::load(store).expect("the store can be read")
}

/// Returns the release of `notes` with this version.
pub fn release(version: &str) -> Release {
    let digest = read(&format!("sha256:{:0>64}", version.replace('.', "")));
    Release { name: read(&format!("notes@{version}")), digest }
}

/// Returns the desired state of an instance with version 1.1 on a host.
pub fn wanted(host: &str) -> InstanceDesired {
    InstanceDesired {
        host: read(host),
        release: release("1.1"),
        revision: 1,
        drift: DriftRule::Heal,
        power: PowerDesired { request: PowerRequest::Start, serial: 0 },
        removal: None,
        data: None,
        origin: None,
        created: Time(1000),
    }
}

/// Returns the content of a host's `Hello`.
pub fn said() -> HostSaid {
    HostSaid {
        agent_version: "1".to_owned(),
        engine_version: "1".to_owned(),
        policy: Default::default(),
        clock_skew_ms: 0,
        enrolment: "e1".to_owned(),
        disk_free: None,
        capabilities: Default::default(),
    }
}

/// An undo of a rollout to 1.2, of one instance, which brings a revision of its own.
pub fn undo(id: &str, instance: &str, revision: u64) -> Rollout {
    let member = Member {
        instance: read(instance),
        from: release("1.2"),
        to: release("1.1"),
        through: Vec::new(),
        data: DataEffect::default(),
        from_revision: Some(revision - 1),
        to_revision: Some(revision),
    };
    Rollout {
        id: read(id),
        app: read("notes"),
        version: read("1.1"),
        strategy: StrategyRequest { soak: Some(Duration::ZERO), ..StrategyRequest::default() }.settle(1),
        members: vec![member],
        left_out: Vec::new(),
        intent: RolloutIntent::Run,
        attempt: 1,
        retries: Default::default(),
        skips: Default::default(),
        created: NOW,
        by: read("ada"),
    }
}

/// Returns the id of the order with this name.
pub fn order(name: &str) -> OrderId {
    order_id(&[name])
}

/// Returns an order that restarts an instance.
pub fn restart(instance: &str, name: &str) -> Order {
    let action = Action::Power { request: PowerRequest::Restart, serial: 1 };
    Order { id: order(name), instance: read(instance), action, deadline: Duration::from_secs(60) }
}

/// An order that brings the values of a revision.
pub fn configure(instance: &str, name: &str, revision: u64) -> Order {
    let goal = Goal { release: release("1.1"), revision };
    let action = Action::Configure { from: 1, goal };
    Order { id: order(name), instance: read(instance), action, deadline: Duration::from_secs(60) }
}

impl Facts {
    /// Applies a change of the desired state.
    pub async fn desire(&self, change: impl FnOnce(&mut DesiredChange<'_>)) {
        let changed = self.change_desired(NOW, |desired| {
            change(desired);
            Ok::<_, StoreError>(())
        });
        changed.await.expect("the store is whole");
    }

    /// Adds a host with a desired instance, and reports that the host does not have it.
    pub async fn with(self, host: &str, instance: &str) -> Self {
        let (host, instance): (HostName, InstanceName) = (read(host), read(instance));
        self.desire(|desired| {
            desired.put_host(&host, HostDesired { labels: Default::default(), added: Time(1000) });
            desired.put_instance(&instance, wanted(host.as_str()));
        })
        .await;
        self.hear_hello(&host, said(), NOW).await.expect("the store is whole");
        self.hear_instance(&host, instance, Running::Absent, NOW).await.expect("it is its own");
        let mentioned = self.read().instances_of(&host).cloned().collect();
        self.hear_complete(&host, &mentioned, NOW).await.expect("the store is whole");
        self
    }

    /// Requests the removal of an instance.
    pub async fn remove(&self, instance: &str) {
        let name: InstanceName = read(instance);
        self.desire(|desired| {
            let snapshot = desired.snapshot().instance(&name).cloned().expect("it is wanted");
            desired.put_instance(
                &name,
                InstanceDesired { removal: Some(Removal { volumes: [].into(), attempt: 0 }), ..snapshot },
            );
        })
        .await;
    }

    /// Gives an order as the reconcile loop does.
    pub async fn give(&self, host: &str, order: Order) {
        let orders = vec![NewOrder { host: read(host), order, rollout: None }];
        self.obey(Plan { orders, ..Plan::default() }).await;
    }

    /// Gives the orders of a plan, as the reconcile loop does.
    pub async fn obey(&self, plan: Plan) {
        let desired_revision = self.read().desired_revision();
        self.ask(plan, desired_revision, NOW, |_| {}).await.expect("the store is whole");
    }

    /// Reports, as a host, an instance at rest with this version and revision.
    pub async fn say(&self, host: &str, instance: &str, version: &str, revision: u64) {
        self.say_health(host, instance, version, revision, InstanceHealth::Healthy).await;
    }

    /// The same, with a health.
    pub async fn say_health(&self, host: &str, instance: &str, version: &str, revision: u64, health: InstanceHealth) {
        let said = InstanceSaid {
            release: release(version),
            revision,
            power_serial: 0,
            health,
            drift: Vec::new(),
            containers: Vec::new(),
            coverage: None,
            claims: None,
            leftovers: Vec::new(),
        };
        let heard = self.hear_instance(&read(host), read(instance), Running::Settled(said), NOW).await;
        heard.expect("it is its own");
    }

    /// A host is in the middle of an order.
    pub async fn say_busy(&self, host: &str, instance: &str, name: &str, doing: Doing) {
        let running = Running::Busy { order: order(name), doing, last: None };
        let heard = self.hear_instance(&read(host), read(instance), running, NOW).await;
        heard.expect("it is its own");
    }

    /// Reports, as a host, the end of an order.
    pub async fn end(&self, host: &str, instance: &str, name: &str, how: Outcome) -> Result<(), ObserveError> {
        self.hear_outcome(&read(host), order(name), read(instance), how, NOW).await
    }

    /// Returns all open orders.
    pub fn open(&self) -> Vec<OpenOrder> {
        self.read().asked().orders.values().cloned().collect()
    }

    /// Returns all events with their subjects, such as `host lab-1`.
    pub fn recorded_events(&self) -> Vec<(String, EventKind)> {
        self.read().events().map(|event| (event.subject.to_string(), event.kind.clone())).collect()
    }
}
