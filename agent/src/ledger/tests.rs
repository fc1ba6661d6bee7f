use super::file::DiskFiles;
use super::writer::ENDED_LIMIT;
use super::*;
use fleet_core::activity::Activity;
use fleet_core::app::CountRule;
use fleet_core::backup::DataAction;
use fleet_core::facts::DriftRule;
use fleet_core::order::{Action, Order, Outcome, order_id};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::{Goal, Release};
use fleet_core::time::Time;
use fleet_core::upgrade_steps::UpgradePlan;
use std::time::Duration;

fn order(name: &str) -> OrderEntry {
    let action = Action::Remove { volumes: [].into() };
    let (id, instance) = (order_id(&[name]), "oasis-1".parse().expect("a name"));
    let order = Order { id, instance, action, deadline: Duration::from_secs(60) };
    let open = OpenState {
        values: Values::default(),
        access: Vec::new(),
        limit_rate: None,
        drift: DriftRule::Heal,
        journal: None,
        from: None,
        to: None,
        through: Vec::new(),
        way: Direction::Accepted,
    };
    OrderEntry { order, begun: Time(1), state: OrderState::Open(Box::new(open)) }
}

fn instance() -> InstanceName {
    "oasis-1".parse().expect("a name")
}

fn stuck_entry() -> InstanceEntry {
    let stuck = StuckMark::new(order_id(&["x"]), OrderFailure::other("no"));
    InstanceEntry { stuck: Some(stuck), ..InstanceEntry::default() }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn open(&self) -> LedgerWriter {
        LedgerWriter::open(self.0.path()).expect("the ledger opens")
    }

    fn file(&self, path: &str) -> PathBuf {
        self.0.path().join("ledger").join(path)
    }
}

#[test]
fn what_is_written_is_there_after_a_restart() {
    let folder = Folder::new();
    let mut ledger = folder.open();
    ledger.begin(order("a")).expect("written");
    let way = Direction::Forward { step: 3, doing: Some(Activity::Create("web".to_owned())) };
    ledger.mark(&order_id(&["a"]), |open| open.way = way.clone()).expect("written");
    drop(ledger);
    let ledger = folder.open();
    match &ledger.ledger().orders()[&order_id(&["a"])].state {
        OrderState::Open(open) => assert_eq!(open.way, way),
        OrderState::Ended { .. } => panic!("the order is open"),
    }
}

#[test]
fn an_end_is_an_end_and_becomes_the_instances_entry() {
    let folder = Folder::new();
    let mut ledger = folder.open();
    ledger.begin(order("a")).expect("written");
    let becomes = Some(LedgerUpdate::Entry(Box::new(stuck_entry())));
    ledger.end(&order_id(&["a"]), Outcome::Done, becomes, Time(2)).expect("written");
    drop(ledger);
    let ledger = folder.open();
    assert_eq!(ledger.ledger().end_of(&order_id(&["a"])), Some(Outcome::Done.into()));
    assert_eq!(ledger.ledger().instances().get(&instance()), Some(&stuck_entry()));
}

#[test]
fn a_crash_right_after_the_end_is_made_good_at_the_next_start() {
    let folder = Folder::new();
    drop(folder.open());
    let becomes = Some(LedgerUpdate::Entry(Box::new(stuck_entry())));
    let state = OrderState::Ended { outcome: Outcome::Done, made: None, at: Time(2), heard: false, becomes };
    let entry = OrderEntry { state, ..order("a") };
    let path = folder.file(&format!("orders/oasis-1.{}.json", entry.order.id));
    file::write(&DiskFiles, &path, &entry).expect("written");
    let ledger = folder.open();
    assert_eq!(ledger.ledger().instances().get(&instance()), Some(&stuck_entry()));
    let still_to_do =
        OrderState::Ended { outcome: Outcome::Done, made: None, at: Time(2), heard: false, becomes: None };
    assert_eq!(ledger.ledger().orders()[&entry.order.id].state, still_to_do);
}

#[test]
fn a_torn_temporary_file_is_ignored() {
    let folder = Folder::new();
    let mut ledger = folder.open();
    ledger.begin(order("a")).expect("written");
    drop(ledger);
    let torn = folder.file(&format!("orders/oasis-1.{}.tmp", order_id(&["a"])));
    std::fs::write(&torn, "{\"format\":1,\"en").expect("written");
    let ledger = folder.open();
    let memory = ledger.ledger();
    assert_eq!((memory.orders().len(), memory.unreadable().len()), (1, 0));
    assert!(!torn.exists());
}

#[test]
fn an_unreadable_entry_is_said_with_its_instance_and_order() {
    let folder = Folder::new();
    drop(folder.open());
    let id = order_id(&["a"]);
    for (path, text) in [
        ("instances/oasis-2.json".to_owned(), "{\"format\":9,\"entry\":{}}"),
        (format!("orders/oasis-1.{id}.json"), "not json"),
    ] {
        std::fs::write(folder.file(&path), text).expect("written");
    }
    let ledger = folder.open();
    let memory = ledger.ledger();
    let said: Vec<_> = memory.unreadable().iter().map(|one| (one.instance.clone(), one.order.clone())).collect();
    assert_eq!(said, [("oasis-2".parse().ok(), None), (Some(instance()), Some(id))]);
    assert_eq!(memory.unreadable()[0].error, EntryError::OtherFormat { found: 9 });
}

#[test]
fn only_the_newest_ends_are_remembered() {
    let folder = Folder::new();
    let mut ledger = folder.open();
    for number in 0..ENDED_LIMIT + 5 {
        let entry = order(&number.to_string());
        let id = entry.order.id.clone();
        ledger.begin(entry).expect("written");
        ledger.end(&id, Outcome::Done, None, Time(number as u64)).expect("written");
    }
    assert_eq!(ledger.ledger().orders().len(), ENDED_LIMIT);
    assert!(ledger.ledger().end_of(&order_id(&["4"])).is_none());
    assert!(ledger.ledger().end_of(&order_id(&["5"])).is_some());
}

#[test]
fn two_agents_cannot_share_a_ledger() {
    let folder = Folder::new();
    let _first = folder.open();
    assert!(matches!(LedgerWriter::open(folder.0.path()), Err(LedgerError::Locked { .. })));
}

#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mut ledger = folder.open();
    ledger.begin(order("a")).expect("written");
    let mode = |path: PathBuf| std::fs::metadata(path).map(|found| found.permissions().mode() & 0o777).ok();
    assert_eq!(mode(folder.file("orders")), Some(0o700));
    assert_eq!(mode(folder.file(&format!("orders/oasis-1.{}.json", order_id(&["a"])))), Some(0o600));
}

#[test]
fn what_was_rendered_before_hosts_were_named_is_this_hosts_and_no_other_agents() {
    use fleet_core::spec::{EngineOwner, FLEET_HOST, FLEET_INSTANCE, InstanceSpec, owner_by_labels};
    let folder = Folder::new();
    let (host, volumes) = ("lab-1".parse().expect("a name"), ["oasis-1_data".to_owned()].into());
    let mut spec = InstanceSpec::unrecorded(&instance(), &host, &volumes, "/nowhere".to_owned());
    spec.volumes[0].labels.clear();
    let remains = Some(Box::new(spec));
    let entry = InstanceEntry { remains, ..InstanceEntry::default() };
    let mut ledger = folder.open();
    ledger.write_instance(&instance(), entry).expect("written");
    ledger.name_host(&host);
    let memory = ledger.ledger();
    let spec = memory.instances()[&instance()].spec().expect("it is there");
    let owner = |of: Option<&'static str>| {
        owner_by_labels(spec, |key| match key {
            FLEET_INSTANCE => Some("oasis-1"),
            FLEET_HOST => of,
            _ => None,
        })
    };
    assert_eq!((owner(None), owner(Some("lab-1"))), (EngineOwner::Instance, EngineOwner::Instance));
    assert!(matches!(owner(Some("lab-2")), EngineOwner::Other { .. }));
}

#[test]
fn a_change_waits_for_no_other_work_that_blocks() {
    let folder = Folder::new();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(1).build().expect("a runtime");
    let (go_on, blocked) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let handle = LedgerHandle::new(folder.open()).expect("a thread can be started");
        let blocking = tokio::task::spawn_blocking(move || blocked.recv());
        handle.write(|writer| writer.begin(order("a"))).await.expect("it is written");
        assert!(handle.read().orders.contains_key(&order_id(&["a"])));
        handle.close().await;
        drop(go_on);
        assert!(blocking.await.expect("nothing panics").is_err(), "it was blocked all the time");
    });
    assert!(folder.open().ledger().orders.contains_key(&order_id(&["a"])));
}

#[test]
fn what_earlier_agents_would_misread_is_of_no_format_that_they_read() {
    let folder = Folder::new();
    let mut ledger = folder.open();
    let release = |text: &str| Release {
        name: text.parse().expect("a release"),
        digest: format!("sha256:{}", "0".repeat(64)).parse().expect("a digest"),
    };
    let upgrade = |name: &str, through: Vec<Release>| {
        let (from, goal) = (release("notes@1.1"), Goal { release: release("notes@1.4"), revision: 1 });
        let entry = order(name);
        let action = Action::Upgrade { from, goal, through, data: Default::default(), backup: [].into() };
        OrderEntry { order: Order { action, ..entry.order.clone() }, ..entry }
    };
    let mut counting = upgrade("c", vec![]);
    if let OrderState::Open(open) = &mut counting.state {
        let rules = [("notes".to_owned(), CountRule::Equal)].into();
        let plan =
            UpgradePlan { compare: vec![[("rows".parse().expect("a name"), rules)].into()], ..Default::default() };
        let cursor = Box::new(UpgradeCursor { plan, ..Default::default() });
        open.journal = Some(Box::new(Journal { upgrade: Some(cursor), ..Default::default() }));
    }
    let source = r#"{ "repository": "near", "instance": "oasis-1", "backup": "0123456789abcdef01234567" }"#;
    let restore = |name: &str, replaces: Option<Release>| {
        let text = format!(r#"{{ "restore": {{ "from": {source}, "only": [], "safety": [], "goal": null }} }}"#);
        let mut action: DataAction = serde_json::from_str(&text).expect("an action");
        if let Some(release) = replaces {
            action.return_from(release.clone(), Goal { release, revision: 2 });
        }
        let entry = order(name);
        OrderEntry { order: Order { action: Action::Data(action), ..entry.order.clone() }, ..entry }
    };
    let cases = [
        ("a", upgrade("a", vec![]), 2),
        ("b", upgrade("b", vec![release("notes@1.3")]), 3),
        ("c", counting, 3),
        ("d", restore("d", None), 2),
        ("e", restore("e", Some(release("notes@1.4"))), 3),
    ];
    let count = cases.len();
    for (name, entry, format) in cases {
        ledger.begin(entry).expect("written");
        let path = folder.file("orders").join(format!("oasis-1.{}.json", order_id(&[name])));
        let text = std::fs::read_to_string(path).expect("it is there");
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["format"], format, "{name}");
    }
    drop(ledger);
    assert_eq!(folder.open().ledger().orders().len(), count);
}
