//! Servers that are loaded, counted or queried are waited for until they answer.

use super::actions::backup;
use super::harness::{Agent, Harness, instance};
use super::lab::{Fault, rows_store};
use crate::fake::Behaviour;
use crate::ledger::{Direction, OpenState};
use crate::perform::data::compare::recount;
use crate::perform::data::fill::Filling;
use crate::perform::data::ready::until_ready;
use crate::perform::data::{DataError, DataWork};
use crate::perform::work::Work;
use fleet_core::backup::{Commands, DatabaseEngine, Kept, Part, Server, Store};
use fleet_core::spec::InstanceSpec;
use fleet_core::steps::ContainerState;
use std::time::Duration;
use tokio::time::timeout;

const AT_ONCE: Duration = Duration::from_secs(5);

fn command_store() -> Store {
    let words = |text: &str| vec![text.to_owned()];
    let commands = Commands {
        service: "db".to_owned(),
        dump: words("dump"),
        load: words("load"),
        count: Vec::new(),
        environment: Default::default(),
        magic: None,
        trailer: None,
    };
    Store { engine: DatabaseEngine::Command(commands), ..rows_store() }
}

/// Does a part of the work of an order on its own.
async fn working<T>(harness: &Harness, agent: &Agent, work: impl AsyncFnOnce(&DataWork<'_>, &InstanceSpec) -> T) -> T {
    let order = harness.order(backup(&["near"]), "").order;
    let settled = agent.context.ledger().settled(&instance()).cloned().expect("it is installed");
    let spec = settled.rendered.spec.clone();
    let open = OpenState {
        values: Default::default(),
        access: Vec::new(),
        limit_rate: None,
        drift: settled.drift,
        journal: None,
        from: Some(settled),
        to: None,
        through: Vec::new(),
        way: Direction::Accepted,
    };
    let at_work = Work::new(&agent.context, &order.id, &order.instance, None);
    work(&DataWork { work: &at_work, order: &order, open: &open }, &spec).await
}

/// The database's container as it is from now on.
fn set_database(harness: &Harness, has_healthcheck: bool, state: ContainerState, behaviour: Option<Behaviour>) {
    harness.lab.fake.meddle(|world| {
        let database = world.containers.iter_mut().find(|it| it.service == "db").expect("it is there");
        (database.has_healthcheck, database.state) = (has_healthcheck, state);
        let image = database.image.clone();
        match behaviour {
            Some(behaviour) => drop(world.behaviours.insert(image, behaviour)),
            None => drop(world.behaviours.remove(&image)),
        }
    });
}

#[tokio::test]
async fn a_store_with_commands_of_its_own_waits_for_its_services_health_check() {
    let (harness, agent) = Harness::new("").await;
    set_database(&harness, true, ContainerState::Running, Some(Behaviour::Sick));
    working(&harness, &agent, async |data, spec| {
        let store = command_store();
        let mut waiting = std::pin::pin!(until_ready(data, &store, spec));
        timeout(Duration::from_secs(1), &mut waiting).await.expect_err("it is not healthy");
        set_database(&harness, true, ContainerState::Running, None);
        timeout(AT_ONCE, waiting).await.expect("in time").expect("it is ready");
    })
    .await;
}

#[tokio::test]
async fn where_there_is_no_health_check_its_container_has_to_run() {
    let (harness, agent) = Harness::new("").await;
    set_database(&harness, false, ContainerState::Created, None);
    working(&harness, &agent, async |data, spec| {
        let store = command_store();
        let mut waiting = std::pin::pin!(until_ready(data, &store, spec));
        timeout(Duration::from_secs(1), &mut waiting).await.expect_err("it does not run");
        set_database(&harness, false, ContainerState::Running, None);
        timeout(AT_ONCE, waiting).await.expect("in time").expect("it is ready");
    })
    .await;
}

#[tokio::test]
async fn a_service_that_never_becomes_healthy_is_given_up_with_the_reason() {
    let (mut harness, agent) = Harness::new("").await;
    harness.deadline = Duration::from_secs(2);
    set_database(&harness, true, ContainerState::Running, Some(Behaviour::Sick));
    let ready = working(&harness, &agent, async |data, spec| until_ready(data, &command_store(), spec).await).await;
    let reason = "`db` does not answer: its container is running, and by its health check unhealthy";
    assert_eq!(ready.expect_err("it does not answer").to_string(), reason);
}

fn part_without_counts() -> Part {
    Part {
        store: "rows".parse().expect("a name"),
        engine: fleet_core::backup::EngineKind::Postgresql,
        kept: Kept::Stream { path: "rows".to_owned(), sha256: String::new() },
        bytes: 1,
        added: 1,
        took_ms: 1,
        counts: Default::default(),
        source: None,
        notes: Vec::new(),
    }
}

#[tokio::test]
async fn a_store_without_counts_is_waited_for_all_the_same() {
    let (harness, agent) = Harness::new("").await;
    let (store, part) = (rows_store(), part_without_counts());
    let filling = Filling { name: &part.store, store: &store, part: &part };
    harness.lab.plan().beginning = 2;
    let said = working(&harness, &agent, async |data, spec| recount(data, &filling, spec).await).await;
    assert_eq!(said.expect("it answers"), Vec::<fleet_core::backup::DrillCheck>::new());
    assert_eq!(harness.lab.plan().beginning, 0, "it was asked until the server that stays answered");
}

#[tokio::test]
async fn a_store_without_counts_that_does_not_start_with_what_was_loaded_is_held_against_the_backup() {
    let (mut harness, agent) = Harness::new("").await;
    harness.deadline = Duration::from_secs(2);
    harness.lab.plan().fault = Some(Fault::DatabaseDown);
    let server =
        || Server { service: "db".to_owned(), database: None, user: None, password: None, data: "/data".to_owned() };
    let part = part_without_counts();
    for (engine, is_of_store) in
        [(DatabaseEngine::Redis(server()), true), (DatabaseEngine::Postgresql(server()), false)]
    {
        let store = Store { engine, ..rows_store() };
        let filling = Filling { name: &part.store, store: &store, part: &part };
        let failed = working(&harness, &agent, async |data, spec| recount(data, &filling, spec).await).await;
        let failed = failed.expect_err("it does not answer");
        assert!(failed.to_string().contains("`db` does not answer"), "{failed}");
        assert_eq!(matches!(failed, DataError::Store { .. }), is_of_store, "{failed:?}");
    }
}
