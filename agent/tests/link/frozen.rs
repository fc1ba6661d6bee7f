//! Files of fleet 0.1's agents: this version opens them, continues their work, and opens them again.

use super::lab::{DAY, Lab, now};
use fleet_agent::ledger::{Direction, EntryError, Ledger, LedgerWriter, OpenState, OrderState, Settled};
use fleet_core::access::Subject;
use fleet_core::activity::Activity;
use fleet_core::backup::{DataAction, DataResult};
use fleet_core::facts::DriftRule;
use fleet_core::names::OrderId;
use fleet_core::order::{Action, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_link::{Identity, IdentityError};
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::order_report;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The upgrade of `notes-1` that was under way, and the drill of `notes-2`.
const UPGRADE: &str = "06e52f484542926cf3e504a5";
const DRILL: &str = "2bf2bfccae510d86c2b75997";
const ROLLED_BACK: &str = "58e065827e84fb24be04570e";
const FAILED_BACKUP: &str = "f8011139684fcf4a26e9d819";
const BACKUP: &str = "eb9b98bafc7e5fbe41991a26";

fn fixture(host: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1").join(host)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("it can be read")) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to) } else { std::fs::copy(&from, &to).map(|_| ()).expect("copied") }
    }
}

fn folder_of(host: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&fixture(host), folder.path());
    folder
}

fn settled<'a>(ledger: &'a Ledger, instance: &str) -> &'a Settled {
    ledger.settled(&instance.parse().expect("a name")).expect("it is there")
}

fn id(text: &str) -> OrderId {
    text.parse().expect("an id")
}

fn open<'a>(ledger: &'a Ledger, order: &str) -> &'a OpenState {
    match &ledger.orders()[&id(order)].state {
        OrderState::Open(state) => state,
        OrderState::Ended { .. } => panic!("{order} is open"),
    }
}

fn check_lab_1(ledger: &Ledger) {
    assert!(ledger.unreadable().is_empty(), "{:?}", ledger.unreadable());
    let now = settled(ledger, "notes-1");
    assert_eq!((now.release.name.to_string().as_str(), now.revision, now.drift), ("notes@1.2", 1, DriftRule::Heal));
    assert_eq!(now.values.0.get("password").map(String::as_str), Some("p"));
    let web = now.rendered.spec.container("web").expect("it is there");
    assert_eq!((web.image.as_str(), web.ports.len(), web.mounts.len()), ("notes-web:1.2", 1, 2));
    assert!(web.labels.contains_key("fleet.instance") && web.labels.contains_key("com.docker.compose.config-hash"));
    let upgrade = open(ledger, UPGRADE);
    assert!(
        matches!(&ledger.orders()[&id(UPGRADE)].order.action, Action::Upgrade { from, .. } if *from == now.release)
    );
    assert_eq!(
        upgrade.way,
        Direction::Forward { step: 1, doing: Some(Activity::Text("pull notes-web:1.4".to_owned())) }
    );
    assert_eq!(upgrade.from.as_ref(), Some(now));
    let to = upgrade.to.as_ref().expect("it was rendered");
    assert_eq!(to.rendered.spec.container("web").map(|web| web.image.as_str()), Some("notes-web:1.4"));
    let end = ledger.end_of(&id(ROLLED_BACK)).expect("it has ended");
    let reason = "not healthy within 1s: probe of web: no answer".to_owned();
    assert_eq!(end.outcome, Outcome::RolledBack { failure: OrderFailure::other(reason) });
    let end = ledger.end_of(&id(BACKUP)).expect("it has ended");
    let Some(DataResult::Backup(copies)) = end.made.as_deref() else { panic!("it was a backup: {end:?}") };
    let manifest = copies[0].result.as_ref().expect("it was taken");
    assert_eq!((copies[0].repository.to_string().as_str(), manifest.host.as_str()), ("central", "lab-1"));
}

fn check_lab_2(ledger: &Ledger) {
    assert!(ledger.unreadable().is_empty(), "{:?}", ledger.unreadable());
    let (second, third) = (settled(ledger, "notes-2"), settled(ledger, "notes-3"));
    assert!(second.is_stopped() && !third.is_stopped());
    assert_eq!((third.release.name.to_string().as_str(), third.drift), ("notes@1.1", DriftRule::Report));
    assert_eq!(third.values.0.get("port").map(String::as_str), Some("9090"));
    let drill = open(ledger, DRILL);
    let Action::Data(DataAction::Drill { from, .. }) = &ledger.orders()[&id(DRILL)].order.action else {
        panic!("it is a drill")
    };
    assert_eq!((from.repository.as_str(), from.instance.as_str()), ("central", "notes-2"));
    assert_eq!(drill.access.len(), 1);
    let sandbox = drill.journal.as_ref().and_then(|journal| journal.sandbox.as_ref()).expect("it has made a sandbox");
    assert_eq!(sandbox.containers.len(), 1, "{sandbox:?}");
    let end = ledger.end_of(&id(FAILED_BACKUP)).expect("it has ended");
    assert!(matches!(end.outcome, Outcome::Failed { .. }));
}

#[test]
fn ledgers_of_0_1_open_with_all_that_was_in_them_and_again_once_they_were_written() {
    for (host, check, ended) in
        [("lab-1", check_lab_1 as fn(&Ledger), ROLLED_BACK), ("lab-2", check_lab_2 as fn(&Ledger), FAILED_BACKUP)]
    {
        let folder = folder_of(host);
        check(&Ledger::look(folder.path()).expect("it can be looked at"));
        let mut writer = LedgerWriter::open(folder.path()).expect("it opens");
        check(&writer.ledger());
        // Each file that can be written again is, in the format of today.
        let orders: Vec<_> = writer.ledger().orders().values().cloned().collect();
        let before = orders.len();
        for entry in orders {
            match entry.state {
                OrderState::Open(_) => writer.begin(entry).expect("written"),
                OrderState::Ended { .. } => writer.heard(&entry.order.id).expect("written"),
            }
        }
        let names: Vec<_> = writer.ledger().instances().keys().cloned().collect();
        for name in names {
            writer.note_signed(&name, &["a_volume".to_owned()].into()).expect("written");
        }
        drop(writer);
        let writer = LedgerWriter::open(folder.path()).expect("what this version wrote opens");
        check(&writer.ledger());
        let ledger = writer.ledger();
        assert_eq!(ledger.orders().len(), before);
        assert!(matches!(ledger.orders()[&id(ended)].state, OrderState::Ended { heard: true, .. }));
        assert!(
            ledger.instances().values().all(|entry| entry.settled.as_ref().is_some_and(|it| !it.signed.is_empty()))
        );
    }
}

#[test]
fn each_file_of_a_ledger_that_is_newer_is_refused_by_its_name_and_the_others_go_on() {
    let folder = folder_of("lab-2");
    let writer = LedgerWriter::open(folder.path()).expect("it opens");
    drop(writer);
    let newer = r#"{"format":5,"entry":{}}"#;
    let names = [
        "instances/notes-3.json",
        "orders/notes-3.f8011139684fcf4a26e9d819.json",
        "doubles/0123456789abcdef01234567.json",
        "leftovers/0123456789abcdef01234567.json",
    ];
    for name in names {
        std::fs::write(folder.path().join("ledger").join(name), newer).expect("written");
    }
    let writer = LedgerWriter::open(folder.path()).expect("the rest of it opens");
    let ledger = writer.ledger();
    assert_eq!(ledger.unreadable().len(), names.len(), "{:?}", ledger.unreadable());
    for name in names {
        let refused = ledger.unreadable().iter().find(|it| it.path.ends_with(name)).expect("it is named");
        assert_eq!(refused.error, EntryError::OtherFormat { found: 5 }, "{refused}");
        assert_eq!(std::fs::read_to_string(folder.path().join("ledger").join(name)).expect("it is there"), newer);
    }
    assert!(settled(&ledger, "notes-2").is_stopped(), "another instance is not touched");
}

#[test]
fn an_agents_identity_of_0_1_is_kept_as_it_was_and_a_newer_one_is_refused() {
    for host in ["lab-1", "lab-2"] {
        let folder = folder_of(host);
        let path = folder.path().join("identity.json");
        let read = || serde_json::from_slice::<Value>(&std::fs::read(&path).expect("it is there")).expect("it is JSON");
        let (identity, before) = (Identity::load(&path).expect("it opens"), read());
        assert_eq!(identity.subject, Subject::Host(host.parse().expect("a name")));
        assert_eq!(identity.address, before["address"].as_str().unwrap_or_default());
        identity.save(&path).expect("written");
        assert_eq!(read(), before);
        let newer = before.to_string().replacen(r#""format":1"#, r#""format":2"#, 1);
        std::fs::write(&path, newer).expect("written");
        let refused = Identity::load(&path).map(|_| ());
        assert!(matches!(&refused, Err(IdentityError::Newer { path: at, found: 2 }) if *at == path), "{refused:?}");
    }
}

#[tokio::test]
async fn an_upgrade_that_0_1_began_is_finished_by_this_agent() {
    let lab = Lab::new(DAY).await;
    copy(&fixture("lab-1/ledger"), &lab.folder.path().join("ledger"));
    let order = lab.folder.path().join("ledger/orders").join(format!("notes-1.{UPGRADE}.json"));
    // Its ten minutes begin now.
    let mut entry: Value = serde_json::from_slice(&std::fs::read(&order).expect("it is there")).expect("it is JSON");
    entry["entry"]["begun"] = now().0.into();
    std::fs::write(&order, entry.to_string()).expect("written");
    let volumes = lab.folder.path().join("volumes");
    lab.runtime.meddle(|world| {
        world.volumes_at.clone_from(&volumes);
        for volume in ["notes-1_data", "notes-1_uploads"] {
            std::fs::create_dir_all(volumes.join(volume)).expect("made");
            world.volumes.insert(volume.to_owned(), vec!["notes-web:1.2".to_owned()]);
        }
    });
    let held = fleet_proto::v1::OpenOrders { held: vec![UPGRADE.to_owned()], ..Default::default() };
    lab.coordinator.says.send_replace(Some(fleet_proto::v1::to_agent::Kind::Orders(held)));
    let _agent = lab.run();
    let is_end = |kind: &&Kind| matches!(kind, Kind::Order(report) if report.id == UPGRADE);
    let heard = lab.coordinator.wait_for(|heard| heard.reports.iter().any(|kind| is_end(&kind))).await;
    let Some(Kind::Order(report)) = heard.reports.iter().find(is_end) else { unreachable!("it was just there") };
    assert!(matches!(report.outcome, Some(order_report::Outcome::Done(_))), "{report:?}");
    let ledger = Ledger::look(lab.folder.path()).expect("the ledger is there");
    assert_eq!(settled(&ledger, "notes-1").release.name.to_string(), "notes@1.4");
    let images: Vec<_> = lab.runtime.world().running("notes-1").into_iter().map(|(_, image)| image).collect();
    assert_eq!(images, ["notes-db:1", "notes-web:1.4"]);
}
