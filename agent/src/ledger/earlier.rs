//! Ledgers in the shape in which fleet 0.1 wrote them, and one of a version that is still to come.

use super::{EntryError, Ledger, LedgerWriter, OrderState};
use fleet_core::order::{Action, Outcome};
use fleet_core::order_failure::OrderFailure;
use std::path::PathBuf;

/// An instance, as the first version of the ledger kept it: without the values that it was rendered with.
const INSTANCE: &str = r#"{"entry":{"settled":{"drift":"heal","power":{"serial":2,"wish":"stop"},"release":{"digest":"sha256:abababababababababababababababababababababababababababababababab","name":{"app":"notes","version":"1.1"}},"rendered":{"health":{"deadline":"2m","minimum_healthy":"30s","probes":[]},"spec":{"app":"notes","containers":[{"config_hash":"","environment":{"MODE":"lab"},"image":"notes:1.1","labels":{"fleet.instance":"oasis-1"},"mounts":[{"access":"read_write","source":{"volume":"oasis-1_data"},"target":"/data"}],"name":"oasis-1-web-1","network_mode":"attached","restart":{"on_failure":{"attempts":3}},"service":"web"}],"digest":"sha256:abababababababababababababababababababababababababababababababab","files":[],"instance":"oasis-1","networks":[],"project":"oasis-1","version":"1.1","volumes":[{"external":false,"key":"data","name":"oasis-1_data"}],"working_dir":"/var/lib/fleet-agent/projects/oasis-1"}},"revision":3,"since":1700000000000,"values_hash":"0011"},"stuck":null},"format":1}"#;

/// An accepted order that has not begun.
const OPEN: &str = r#"{"entry":{"begun":1700000001000,"order":{"action":{"remove":{"volumes":["oasis-1_data"]}},"deadline":60000,"id":"0123456789abcdef01234567","instance":"oasis-1"},"state":{"open":{"drift":"report","from":null,"to":null,"values":{"password":"s3cret"},"way":"accepted"}}},"format":1}"#;

/// An order that has ended, without an acknowledgement.
const ENDED: &str = r#"{"entry":{"begun":1700000002000,"order":{"action":{"power":{"serial":2,"wish":"stop"}},"deadline":60000,"id":"89abcdef0123456789abcdef","instance":"oasis-1"},"state":{"ended":{"at":1700000003000,"becomes":null,"heard":false,"outcome":{"rolled_back":{"reason":"no answer"}}}}},"format":1}"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for (path, text) in files {
            let path = folder.path(path);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        folder
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join("ledger").join(path)
    }
}

fn of_the_first_format() -> Folder {
    Folder::with(&[
        ("instances/oasis-1.json", INSTANCE),
        ("orders/oasis-1.0123456789abcdef01234567.json", OPEN),
        ("orders/oasis-1.89abcdef0123456789abcdef.json", ENDED),
    ])
}

fn check(ledger: &Ledger) {
    assert!(ledger.unreadable().is_empty(), "{:?}", ledger.unreadable());
    let settled = ledger.settled(&"oasis-1".parse().expect("a name")).expect("it is there");
    assert!(settled.is_stopped() && settled.revision == 3 && settled.values.0.is_empty(), "{settled:?}");
    let web = settled.rendered.spec.container("web").expect("it is there");
    assert_eq!((web.image.as_str(), web.mounts.len()), ("notes:1.1", 1));
    let order = |id: &str| &ledger.orders()[&id.parse().expect("an id")];
    let open = order("0123456789abcdef01234567");
    assert!(open.is_open() && matches!(&open.order.action, Action::Remove { volumes } if volumes.len() == 1));
    let OrderState::Open(state) = &open.state else { panic!("it is open") };
    assert_eq!(state.values.0.get("password").map(String::as_str), Some("s3cret"));
    let end = ledger.end_of(&"89abcdef0123456789abcdef".parse().expect("an id")).expect("it has ended");
    assert_eq!(end.outcome, Outcome::RolledBack { failure: OrderFailure::other("no answer") });
    assert!(end.made.is_none());
}

#[test]
fn a_ledger_of_the_first_format_is_read_and_goes_on() {
    let folder = of_the_first_format();
    std::fs::create_dir_all(folder.path("sandboxes")).expect("a folder");
    let mut writer = LedgerWriter::open(folder.0.path()).expect("the ledger opens");
    check(&writer.ledger());
    let heard = "89abcdef0123456789abcdef".parse().expect("an id");
    writer.heard(&heard).expect("written");
    drop(writer);
    let writer = LedgerWriter::open(folder.0.path()).expect("what was upgraded opens");
    check(&writer.ledger());
    assert!(matches!(writer.ledger().orders()[&heard].state, OrderState::Ended { heard: true, .. }));
}

#[test]
fn a_file_of_a_newer_format_is_refused_by_its_name_and_says_what_to_upgrade() {
    let folder = of_the_first_format();
    std::fs::write(folder.path("instances/oasis-2.json"), r#"{"format":5,"entry":{}}"#).expect("written");
    let writer = LedgerWriter::open(folder.0.path()).expect("the ledger opens");
    let ledger = writer.ledger();
    let [newer] = ledger.unreadable() else { panic!("one is newer: {:?}", ledger.unreadable()) };
    assert_eq!(
        (&newer.path, &newer.error),
        (&folder.path("instances/oasis-2.json"), &EntryError::OtherFormat { found: 5 })
    );
    assert!(newer.to_string().ends_with("it has format 5; this fleet-agent knows 4: upgrade fleet-agent"), "{newer}");
    assert!(ledger.settled(&"oasis-1".parse().expect("a name")).is_some(), "the others go on");
}
